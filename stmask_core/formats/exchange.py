"""The neutral shape between our document and every other tool's files.

Each format reads into an ``Exchange`` and writes from one; only ``document_exchange`` knows the document.
Everything is frozen. Masks stay run lengths, so a video's annotations cost a few hundred bytes per mask;
``Exchange.videos`` may be a generator, so that a whole data set never has to be in memory at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stmask_core.errors import FormatError
from stmask_core.structures.masks import Mask

SOURCES = ("detected", "propagated", "manual", "interpolated", "imported")
Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in image pixels, half open


@dataclass(frozen=True, slots=True)
class ExchangeCategory:
    """A class of objects as a file names it; ids count from 1."""

    id: int
    name: str
    supercategory: str = "object"
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Observation:
    """One track in one frame.

    frame: index from 0. mask: its size is the video's. box: the format's own box where it is not simply the
    mask's; None otherwise. score: 0..1 or None. source: one of ``SOURCES``. occlusion: 0 none, 1 partly,
    2 mostly. extra: unknown fields.
    """

    frame: int
    mask: Mask
    score: float | None = None
    source: str = "imported"
    box: Box | None = None
    locked: bool = False
    occlusion: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ExchangeTrack:
    """One identity over one video; observations in order of their frames, one per frame at most."""

    id: int
    category_id: int
    observations: tuple[Observation, ...]
    score: float | None = None
    name: str = ""
    is_crowd: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ExchangeVideo:
    """One video and its tracks.

    length: frames. frame_names: relative paths with forward slashes, one per frame, or empty when the format
    names none. reviewed: frames a person has confirmed. fps: None when the format does not say.
    """

    id: int
    name: str
    width: int
    height: int
    length: int
    tracks: tuple[ExchangeTrack, ...]
    frame_names: tuple[str, ...] = ()
    fps: float | None = None
    reviewed: tuple[int, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Everything an annotation file says.

    videos: read once, in order (a tuple when it came from a file). warnings: what was read differently from
    how it was written (an id 0, a stale box), each naming its place.
    """

    categories: tuple[ExchangeCategory, ...]
    videos: Iterable[ExchangeVideo]
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    warnings: tuple[str, ...] = ()


def observations_by_frame(
    video: ExchangeVideo,
) -> dict[int, list[tuple[ExchangeTrack, Observation]]]:
    """frame -> its observations in the order of the tracks; frames without any are absent."""
    frames: dict[int, list[tuple[ExchangeTrack, Observation]]] = {}
    for track in video.tracks:
        for observation in track.observations:
            frames.setdefault(observation.frame, []).append((track, observation))
    return frames


def mean_score(track: ExchangeTrack) -> float:
    """A track's one score for result files: its own, else the mean over its scored frames, else 1."""
    if track.score is not None:
        return track.score
    scores = [o.score for o in track.observations if o.score is not None]
    return sum(scores) / len(scores) if scores else 1.0


def check_video(video: ExchangeVideo, place: str) -> None:
    """FormatError when ids repeat, frames lie outside the video or come twice, or a mask has another size."""
    seen: set[int] = set()
    for track in video.tracks:
        where = f"{place}, track {track.id}"
        if track.id in seen:
            raise FormatError(f"{where}: the id is used twice in this video.")
        seen.add(track.id)
        last = -1
        for observation in track.observations:
            if not 0 <= observation.frame < video.length:
                raise FormatError(
                    f"{where}: frame {observation.frame} is outside the video of {video.length} frames."
                )
            if observation.frame <= last:
                raise FormatError(f"{where}: two masks in frame {observation.frame}.")
            last = observation.frame
            mask = observation.mask
            if (mask.height, mask.width) != (video.height, video.width):
                raise FormatError(
                    f"{where}, frame {observation.frame}: the mask is {mask.width} x {mask.height},"
                    f" the video {video.width} x {video.height}."
                )


def plain_name(name: str) -> str:
    """A category's name without case, blanks, underscores and hyphens: what is compared."""
    return "".join(c for c in name.casefold() if c not in " _-")


def map_categories(
    wanted: Sequence[ExchangeCategory],
    targets: Sequence[ExchangeCategory],
    given: Mapping[str, str],
    *,
    where: str,
) -> dict[int, ExchangeCategory]:
    """Which target each wanted category becomes: by the mapping given, else by equal plain name.

    given: name -> target's name or id, from the user. Raises FormatError that lists every name without a
    partner and says how to give one: a mapping is never guessed.
    """
    by_name = {plain_name(t.name): t for t in targets}
    by_id = {str(t.id): t for t in targets}
    asked = {plain_name(name): target for name, target in given.items()}
    found: dict[int, ExchangeCategory] = {}
    missing: list[str] = []
    for category in wanted:
        target_name = asked.get(plain_name(category.name), asked.get(str(category.id), category.name))
        target = by_name.get(plain_name(target_name)) or by_id.get(target_name)
        if target is None:
            missing.append(
                category.name if target_name == category.name else f"{category.name}={target_name}"
            )
        else:
            found[category.id] = target
    if missing:
        names = ", ".join(repr(name) for name in missing)
        raise FormatError(
            f"No category of {where} is named {names}.",
            f"Say which one is meant, for example --map {missing[0].split('=')[0]!r}={targets[0].name!r}."
            if targets
            else "The list of categories is empty.",
        )
    return found
