"""Plots over the frames of a video as small SVG drawings; texts are escaped, numbers are our own."""

from __future__ import annotations

from html import escape

import numpy as np

from stmask_core.review.observations import Floats

WIDTH, HEIGHT = 900, 60  # of one strip, in its own units
MOST_COLUMNS = 900


def strip(title: str, values: Floats, *, low: float | None = None, high: float | None = None) -> str:
    """A line over the frames; a gap where a value is NaN. values: (frames,).

    low, high: ends of the scale; those of the values where not given. Frames that fall into one column show
    their highest value, which is the one to look at.
    """
    columns = _columns(values)
    known = columns[np.isfinite(columns)]
    if not len(known):
        return _drawing(title, "never defined", "")
    bottom = float(known.min()) if low is None else low
    top = float(known.max()) if high is None else high
    height = (columns - bottom) / (top - bottom) if top > bottom else np.zeros(len(columns))
    x = (np.arange(len(columns)) + 0.5) * WIDTH / len(columns)
    y = HEIGHT - 2 - np.clip(height, 0, 1) * (HEIGHT - 4)
    lines = []
    for run in np.split(np.arange(len(columns)), np.flatnonzero(np.diff(np.isfinite(columns))) + 1):
        if len(run) and np.isfinite(columns[run[0]]):
            points = " ".join(f"{x[i]:.1f},{y[i]:.1f}" for i in run)
            lines.append(f'<polyline points="{points}"/>' if len(run) > 1 else _dot(x[run[0]], y[run[0]]))
    return _drawing(title, f"{bottom:.3g} to {top:.3g}", "".join(lines))


def bars(title: str, values: Floats) -> str:
    """Counts per frame as bars. values: (frames,) not negative."""
    columns = _columns(values)
    top = float(columns.max(initial=0))
    wide = WIDTH / max(1, len(columns))
    drawn = "".join(
        f'<rect x="{i * wide:.1f}" y="{HEIGHT - h:.1f}" width="{max(wide, 1):.1f}" height="{h:.1f}"/>'
        for i, h in enumerate(columns / max(top, 1) * (HEIGHT - 4))
        if h > 0
    )
    return _drawing(title, f"0 to {top:.3g}", drawn)


def _columns(values: Floats) -> Floats:
    """At most ``MOST_COLUMNS`` values, each the highest of the frames it stands for."""
    if len(values) <= MOST_COLUMNS:
        return values
    parts = np.array_split(values, MOST_COLUMNS)
    return np.array([np.fmax.reduce(part) for part in parts])


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.5"/>'


def _drawing(title: str, scale: str, inside: str) -> str:
    name = escape(title, quote=True)
    return (
        f"<figure><figcaption>{name} <small>{escape(scale)}</small></figcaption>"
        f'<svg role="img" aria-label="{name}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f"{inside}</svg></figure>"
    )
