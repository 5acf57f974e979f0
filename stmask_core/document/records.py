"""The records a document is made of: frozen, with ids; a change of one field is a new record.

Ids are numbers given out by the document and never reused in a project. Fields named ``extra`` keep what an
imported file said beyond our fields, as plain JSON values. Frames count from 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, NewType, get_args

from stmask_core.errors import DocumentError
from stmask_core.structures.masks import Mask, check_image_size

VideoId = NewType("VideoId", int)
CategoryId = NewType("CategoryId", int)
TrackId = NewType("TrackId", int)
NoteId = NewType("NoteId", int)
RunId = NewType("RunId", int)

Source = Literal["detected", "propagated", "manual", "interpolated", "imported"]
Occlusion = Literal["none", "slight", "severe"]
NoteState = Literal["open", "resolved"]
Colour = tuple[int, int, int]  # red, green, blue, 0..255
Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in image pixels, half open

SOURCES: tuple[Source, ...] = get_args(Source)
OCCLUSIONS: tuple[Occlusion, ...] = get_args(Occlusion)
NOTE_STATES: tuple[NoteState, ...] = get_args(NoteState)
HUMAN_SOURCES: tuple[Source, ...] = ("manual", "interpolated")  # made by a person's command
MAX_FRAMES = 1 << 31
NO_EXTRA: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Video:
    """A video of the project. path: relative to the project file where possible, with forward slashes.

    width, height: pixels. frame_rate: frames per second, 0 when unknown. fingerprint: of the content, to find
    a moved file again; empty when unknown.
    """

    id: VideoId
    path: str
    width: int
    height: int
    frame_count: int
    name: str = ""
    frame_rate: float = 0.0
    fingerprint: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check(isinstance(self.path, str) and isinstance(self.name, str), "a video's path is not text")
        _check(_is_int(self.width) and _is_int(self.height), "a video's size is not in whole pixels")
        try:
            check_image_size(self.height, self.width)
        except ValueError as error:
            raise DocumentError(f"{error}.") from error
        _check(_is_int(self.frame_count), "a video's number of frames is not a number")
        _check(0 <= self.frame_count <= MAX_FRAMES, "a video's number of frames is impossible")
        _check(_is_number(self.frame_rate) and self.frame_rate >= 0, "a video's frame rate is impossible")
        _check(isinstance(self.fingerprint, str), "a video's fingerprint is not text")
        _check_extra(self.extra)


@dataclass(frozen=True, slots=True)
class Category:
    """The class of an object. colour: None leaves the choice to the window."""

    id: CategoryId
    name: str
    supercategory: str = "object"
    colour: Colour | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check(isinstance(self.name, str) and self.name.strip() != "", "a category has no name")
        _check(isinstance(self.supercategory, str), "a category's supercategory is not text")
        _check_colour(self.colour)
        _check_extra(self.extra)


@dataclass(frozen=True, slots=True)
class Track:
    """One object's identity over one video.

    locked: neither commands nor models change it. score: an imported score of the whole track.
    """

    id: TrackId
    video: VideoId
    category: CategoryId
    name: str = ""
    colour: Colour | None = None
    locked: bool = False
    hidden: bool = False
    reviewed: bool = False
    score: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check(isinstance(self.name, str), "a track's name is not text")
        _check_bools(self.locked, self.hidden, self.reviewed)
        _check(self.score is None or _is_number(self.score), "a track's score is not a number")
        _check_colour(self.colour)
        _check_extra(self.extra)


@dataclass(frozen=True, slots=True)
class MaskAnnotation:
    """One track's mask in one frame.

    score: None when nobody gave one. box: the model's or the file's own where it is not simply the mask's.
    accepted: a person confirmed a prediction. outside: a person says the object is not in this frame (the
    mask is empty). run: the model run that made it.
    """

    track: TrackId
    frame: int
    mask: Mask
    source: Source = "manual"
    score: float | None = None
    box: Box | None = None
    locked: bool = False
    accepted: bool = False
    outside: bool = False
    occlusion: Occlusion = "none"
    run: RunId | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check(_is_int(self.frame) and 0 <= self.frame < MAX_FRAMES, "a frame index is impossible")
        if self.source not in SOURCES:
            raise DocumentError(f"{self.source!r} is not a source of masks.")
        if self.occlusion not in OCCLUSIONS:
            raise DocumentError(f"{self.occlusion!r} is not a level of occlusion.")
        _check(self.score is None or _is_number(self.score), "a score is not a number")
        _check_bools(self.locked, self.accepted, self.outside)
        _check(self.run is None or _is_int(self.run), "a mask's model run is not a number")
        _check(not self.outside or self.mask.is_empty, "an object outside the frame has no pixels there")
        if self.box is not None:
            _check(len(self.box) == 4 and all(map(_is_number, self.box)), "a box is not four numbers")
        _check_extra(self.extra)

    @property
    def is_human(self) -> bool:
        """True when a person made, confirmed or locked it: no model run changes it."""
        return self.source in HUMAN_SOURCES or self.locked or self.accepted


class Comment(NamedTuple):
    """One remark in a review note. time: ISO 8601 in UTC, empty when unknown."""

    author: str
    text: str
    time: str = ""


@dataclass(frozen=True, slots=True)
class ReviewNote:
    """A remark about a frame, maybe a track and a point in it. x, y: image pixels."""

    id: NoteId
    video: VideoId
    frame: int
    track: TrackId | None = None
    x: float | None = None
    y: float | None = None
    state: NoteState = "open"
    comments: tuple[Comment, ...] = ()

    def __post_init__(self) -> None:
        _check(_is_int(self.frame) and 0 <= self.frame < MAX_FRAMES, "a note's frame is impossible")
        _check(self.track is None or _is_int(self.track), "a note's track is not a number")
        _check(all(v is None or _is_number(v) for v in (self.x, self.y)), "a note's point is not two numbers")
        _check(self.state in NOTE_STATES, f"{self.state!r} is not a state of a note")
        comments = tuple(Comment(*comment) for comment in self.comments)
        _check(all(isinstance(t, str) for c in comments for t in c), "a note's comment is not text")
        object.__setattr__(self, "comments", comments)


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One pass of a model over frames first..last (inclusive) of a video.

    done: ascending disjoint (first, last) ranges already finished. tracks: (number in the run, track) pairs,
    so that a run can go on after a restart. beside: its tracks were added next to what
    was there (to compare runs) instead of replacing earlier predictions. started: ISO 8601 in UTC.
    """

    id: RunId
    video: VideoId
    first: int
    last: int
    weights: str = ""
    checksum: str = ""
    started: str = ""
    beside: bool = False
    done: tuple[tuple[int, int], ...] = ()
    tracks: tuple[tuple[int, TrackId], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check(_is_int(self.first) and _is_int(self.last), "a model run's range is not two numbers")
        _check(0 <= self.first <= self.last < MAX_FRAMES, "a model run's range is impossible")
        _check(all(isinstance(t, str) for t in (self.weights, self.checksum, self.started)), "not text")
        _check_bools(self.beside)
        done = tuple((int(first), int(last)) for first, last in self.done)
        _check(all(first <= last for first, last in done), "a model run's finished range is impossible")
        object.__setattr__(self, "done", done)
        tracks = tuple((int(number), TrackId(int(track))) for number, track in self.tracks)
        object.__setattr__(self, "tracks", tracks)
        _check_extra(self.settings)


@dataclass(frozen=True, slots=True)
class FrameState:
    """What a person said about a whole frame; absent means nothing was said."""

    video: VideoId
    frame: int
    reviewed: bool = False

    def __post_init__(self) -> None:
        _check(_is_int(self.frame) and 0 <= self.frame < MAX_FRAMES, "a frame index is impossible")
        _check_bools(self.reviewed)


class MaskBody(NamedTuple):
    """The heavy part of an annotation: stored once, never changed, referred to by its number."""

    mask: Mask
    box: Box | None = None
    extra: Mapping[str, Any] = NO_EXTRA


Record = Video | Category | Track | ReviewNote | ModelRun | FrameState


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise DocumentError(f"{what[0].upper()}{what[1:]}.")


def _check_bools(*values: object) -> None:
    _check(all(isinstance(value, bool) for value in values), "a flag is neither true nor false")


def _check_colour(colour: Colour | None) -> None:
    if colour is not None:
        _check(len(colour) == 3 and all(_is_int(c) and 0 <= c <= 255 for c in colour), "a colour is not one")


def _check_extra(extra: Mapping[str, Any]) -> None:
    _check(isinstance(extra, Mapping), "extra fields are not named")
