"""Colours of tracks: 24 that stay apart from each other and from most footage."""

from __future__ import annotations

Colour = tuple[int, int, int]  # red, green, blue, 0..255

# Chosen greedily in CIE L*a*b* (each new colour as far as possible from those before it, lightness 45 to 90,
# chroma above 38), then ordered so that neighbours in the list differ most. No two are closer than 32.
TRACK_COLOURS: tuple[Colour, ...] = (
    (255, 75, 60),
    (15, 90, 255),
    (255, 225, 0),
    (0, 255, 0),
    (255, 0, 225),
    (45, 240, 255),
    (255, 150, 0),
    (165, 0, 255),
    (60, 225, 135),
    (255, 180, 240),
    (0, 120, 195),
    (105, 120, 0),
    (210, 30, 120),
    (255, 180, 135),
    (15, 135, 105),
    (150, 75, 180),
    (120, 195, 0),
    (180, 75, 75),
    (120, 135, 255),
    (210, 225, 135),
    (165, 105, 15),
    (150, 240, 195),
    (165, 90, 135),
    (0, 135, 30),
)


def track_colour(track_id: int) -> Colour:
    """The colour of a track (ids count from 1); the palette repeats after 24."""
    return TRACK_COLOURS[(track_id - 1) % len(TRACK_COLOURS)]


def colour_text(colour: Colour) -> str:
    """``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def readable_on(colour: Colour) -> Colour:
    """Black or white, whichever reads better on ``colour`` (relative luminance of ITU-R BT.709)."""
    red, green, blue = colour
    return (0, 0, 0) if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 120 else (255, 255, 255)
