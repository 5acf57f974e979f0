"""What the inspector says about the selection in one frame, read from a document. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from stmask_core.document.annotation_table import Row
from stmask_core.document.document import Document
from stmask_core.document.queries import (
    category_of,
    gaps_of_track,
    human_frames,
    inferred_spans,
    is_reviewed,
    rows_at,
    spans_of_track,
    the_video,
)
from stmask_core.document.records import (
    Box,
    Colour,
    MaskAnnotation,
    Occlusion,
    Source,
    Track,
    TrackId,
    VideoId,
)

NextStep = Literal["run", "run_from_here", "draw", "check", "go_on"]


@dataclass(frozen=True)
class FrameFacts:
    """One frame. masks: tracks present in it, human: those a person made, confirmed or locked.

    cached: its picture is decoded already. inferred: a model went over it. untouched: the video has neither
    masks nor model runs.
    """

    frame: int
    frame_count: int
    masks: int
    human: int
    cached: bool
    inferred: bool
    reviewed: bool
    untouched: bool

    @property
    def next_step(self) -> NextStep:
        """What to do here: run the model, draw what it missed, check its masks, or go on."""
        if self.reviewed:
            return "go_on"
        if self.untouched:
            return "run"
        if self.masks:
            return "check"
        return "draw" if self.inferred else "run_from_here"


@dataclass(frozen=True)
class MaskFacts:
    """The track's annotation in this frame. area: pixels. box: xyxy in image pixels, None without pixels."""

    source: Source
    human: bool
    accepted: bool
    score: float | None
    area: int
    box: Box | None
    occlusion: Occlusion
    outside: bool
    locked: bool


@dataclass(frozen=True)
class TrackFacts:
    """One track over its video. frames: where it is present; first, last: None when nowhere.

    gaps: runs of frames between the first and the last annotation of which nobody said anything. mask: its
    annotation in the frame looked at.
    """

    track: int
    name: str
    category: str
    colour: Colour
    locked: bool
    hidden: bool
    reviewed: bool
    frames: int
    human: int
    gaps: int
    first: int | None
    last: int | None
    mask: MaskFacts | None


@dataclass(frozen=True)
class GroupFacts:
    """Several tracks. here: those with an annotation in the frame. masks: annotations of all of them.

    first, last: from the earliest to the latest frame of any; None when they have no masks.
    """

    tracks: tuple[int, ...]
    colours: tuple[Colour, ...]
    categories: tuple[str, ...]
    here: int
    masks: int
    first: int | None
    last: int | None
    locked: int
    hidden: int
    reviewed: int


@dataclass(frozen=True)
class InspectorFacts:
    """The frame, and what is selected: one track, several (``group``), or nothing."""

    frame: FrameFacts
    track: TrackFacts | None = None
    group: GroupFacts | None = None


def facts_of(
    document: Document,
    video: VideoId,
    frame: int,
    tracks: Sequence[int],
    *,
    colour_of: Callable[[Track], Colour],
    cached: bool,
) -> InspectorFacts:
    """What there is to say about ``tracks`` (those that exist) in a frame of a video.

    DocumentError when there is no such video; ProjectFileError when the selected mask cannot be read.
    """
    of_frame = _frame_facts(document, video, frame, cached)
    chosen = [document.tracks[TrackId(track)] for track in tracks if track in document.tracks]
    if not chosen:
        return InspectorFacts(of_frame)
    if len(chosen) == 1:
        return InspectorFacts(of_frame, track=_track_facts(document, chosen[0], frame, colour_of))
    return InspectorFacts(of_frame, group=_group_facts(document, chosen, frame, colour_of))


def _frame_facts(document: Document, video: VideoId, frame: int, cached: bool) -> FrameFacts:
    present = [row for _, row in rows_at(document, video, frame) if not row.is_outside]
    runs = inferred_spans(document, video)
    annotated = any(document.annotations.count(track) for track in document.tracks.of_video(video))
    return FrameFacts(
        frame=frame,
        frame_count=the_video(document, video).frame_count,
        masks=len(present),
        human=sum(row.is_human for row in present),
        cached=cached,
        inferred=any(start <= frame < stop for start, stop in runs),
        reviewed=is_reviewed(document, video, frame),
        untouched=not annotated and not runs,
    )


def _track_facts(
    document: Document, track: Track, frame: int, colour_of: Callable[[Track], Colour]
) -> TrackFacts:
    spans = spans_of_track(document, track.id)
    row = document.annotations.row(track.id, frame)
    return TrackFacts(
        track=track.id,
        name=track.name,
        category=category_of(document, track.id).name,
        colour=colour_of(track),
        locked=track.locked,
        hidden=track.hidden,
        reviewed=track.reviewed,
        frames=sum(stop - start for start, stop in spans),
        human=len(human_frames(document, track.id)),
        gaps=len(gaps_of_track(document, track.id)),
        first=spans[0][0] if spans else None,
        last=spans[-1][1] - 1 if spans else None,
        mask=None if row is None else _mask_facts(document.materialise(track.id, frame, row), row),
    )


def _mask_facts(annotation: MaskAnnotation, row: Row) -> MaskFacts:
    return MaskFacts(
        source=annotation.source,
        human=annotation.is_human,
        accepted=annotation.accepted,
        score=annotation.score,
        area=row.area,
        box=annotation.mask.box,
        occlusion=annotation.occlusion,
        outside=annotation.outside,
        locked=annotation.locked,
    )


def _group_facts(
    document: Document, tracks: Sequence[Track], frame: int, colour_of: Callable[[Track], Colour]
) -> GroupFacts:
    annotations = document.annotations
    extents = [extent for track in tracks if (extent := annotations.extent(track.id)) is not None]
    names = {category_of(document, track.id).name for track in tracks}
    return GroupFacts(
        tracks=tuple(track.id for track in tracks),
        colours=tuple(colour_of(track) for track in tracks),
        categories=tuple(sorted(names, key=str.casefold)),
        here=sum(annotations.has(track.id, frame) for track in tracks),
        masks=sum(annotations.count(track.id) for track in tracks),
        first=min((first for first, _ in extents), default=None),
        last=max((last for _, last in extents), default=None),
        locked=sum(track.locked for track in tracks),
        hidden=sum(track.hidden for track in tracks),
        reviewed=sum(track.reviewed for track in tracks),
    )
