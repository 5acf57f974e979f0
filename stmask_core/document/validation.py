"""What an exporter or a reviewer should know about a video's annotations, one finding per track or pair.

Two masks of one identity in one frame cannot exist in a document; the same mistake shows as two tracks on one
object (``same_object``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from stmask_core.document.document import Document
from stmask_core.document.queries import (
    gaps_of_track,
    reviewed_frames,
    rows_at,
    spans_of_track,
    the_video,
    tracks_of_video,
)
from stmask_core.document.records import MaskAnnotation, Track, TrackId, Video, VideoId
from stmask_core.errors import ProjectFileError
from stmask_core.structures.masks import Mask, intersection_area

Severity = Literal["error", "warning", "note"]
Kind = Literal[
    "empty_mask",
    "tiny_mask",
    "same_object",
    "overlap",
    "gap",
    "category_flip",
    "out_of_image",
    "unreadable_mask",
    "no_masks",
    "unreviewed",
    "open_note",
]
SEVERITIES: dict[Kind, Severity] = {
    "empty_mask": "error",
    "out_of_image": "error",
    "unreadable_mask": "error",
    "same_object": "warning",
    "tiny_mask": "warning",
    "category_flip": "warning",
    "no_masks": "warning",
    "gap": "note",
    "overlap": "note",
    "unreviewed": "note",
    "open_note": "note",
}
ORDER: tuple[Severity, ...] = ("error", "warning", "note")
TINY_PIXELS = 16
SAME_OBJECT_IOU = 0.8


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. frame: the first it concerns. frames: how many. other: a pair's second track."""

    kind: Kind
    severity: Severity
    message: str
    video: VideoId
    frame: int | None = None
    frames: int = 0
    track: TrackId | None = None
    other: TrackId | None = None


def validate(document: Document, video: VideoId, *, tiny_pixels: int = TINY_PIXELS) -> list[Finding]:
    """Every finding of a video, errors first, then by frame. Reads every mask once."""
    record = the_video(document, video)
    findings = [*_about_tracks(document, record), *_about_review(document, record)]
    findings += _about_masks(document, record, tiny_pixels)
    return sorted(findings, key=lambda f: (ORDER.index(f.severity), f.frame or 0, f.kind, f.track or 0))


def _finding(
    kind: Kind,
    message: str,
    video: Video,
    *,
    frame: int | None = None,
    frames: int = 0,
    track: TrackId | None = None,
    other: TrackId | None = None,
) -> Finding:
    return Finding(kind, SEVERITIES[kind], message, video.id, frame, frames, track, other)


def _about_tracks(document: Document, video: Video) -> Iterator[Finding]:
    """Tracks without masks, and gaps in tracks."""
    for track in tracks_of_video(document, video.id):
        if not spans_of_track(document, track.id):
            yield _finding("no_masks", f"{_name(track)} has no mask.", video, track=track.id)
        gaps = gaps_of_track(document, track.id)
        if gaps:
            missing = sum(stop - start for start, stop in gaps)
            many = "gap" if len(gaps) == 1 else "gaps"
            message = f"{_name(track)} has {len(gaps)} {many}, {missing} frames in all."
            yield _finding("gap", message, video, frame=gaps[0][0], frames=missing, track=track.id)


def _about_review(document: Document, video: Video) -> Iterator[Finding]:
    """Frames nobody confirmed, notes nobody resolved."""
    reviewed = set(reviewed_frames(document, video.id).tolist())
    missing = video.frame_count - len(reviewed)
    if missing:
        first = next(frame for frame in range(video.frame_count) if frame not in reviewed)
        message = f"{missing} of {video.frame_count} frames are not reviewed."
        yield _finding("unreviewed", message, video, frame=first, frames=missing)
    for note in document.notes.of_video(video.id).values():
        if note.state == "open":
            text = note.comments[0].text if note.comments else ""
            yield _finding(
                "open_note", f"Open note: {text}", video, frame=note.frame, frames=1, track=note.track
            )


@dataclass
class _Tally:
    """Frames in which something was seen, and its worst value."""

    first: int
    frames: int = 0
    worst: float = 0.0


@dataclass
class _Tallies:
    """kind, track, other -> where it was seen."""

    seen: dict[tuple[Kind, TrackId, TrackId | None], _Tally] = field(default_factory=dict)

    def add(
        self, kind: Kind, frame: int, track: TrackId, other: TrackId | None = None, worst: float = 0.0
    ) -> None:
        """Count one frame."""
        tally = self.seen.setdefault((kind, track, other), _Tally(frame))
        tally.frames += 1
        tally.worst = max(tally.worst, worst)


def _about_masks(document: Document, video: Video, tiny_pixels: int) -> Iterator[Finding]:
    """Everything that needs the masks themselves, frame by frame."""
    tallies = _Tallies()
    for frame in range(video.frame_count):
        masks: dict[TrackId, Mask] = {}
        for track, row in rows_at(document, video.id, frame):
            try:
                annotation = document.materialise(track, frame, row)
            except ProjectFileError:
                tallies.add("unreadable_mask", frame, track)
                continue
            _look_at_one(tallies, annotation, video, document.tracks[track], tiny_pixels)
            masks[track] = annotation.mask
        _look_at_pairs(tallies, frame, masks)
    for (kind, track, other), tally in tallies.seen.items():
        message = _message(document, kind, track, other, tally)
        yield _finding(kind, message, video, frame=tally.first, frames=tally.frames, track=track, other=other)


def _look_at_one(
    tallies: _Tallies, annotation: MaskAnnotation, video: Video, track: Track, tiny_pixels: int
) -> None:
    frame, mask = annotation.frame, annotation.mask
    if annotation.outside:
        return
    if mask.is_empty:
        tallies.add("empty_mask", frame, track.id)
    elif mask.area < tiny_pixels:
        tallies.add("tiny_mask", frame, track.id)
    if annotation.box is not None:
        x1, y1, x2, y2 = annotation.box
        if not (0 <= x1 <= x2 <= video.width and 0 <= y1 <= y2 <= video.height):
            tallies.add("out_of_image", frame, track.id)
    predicted = annotation.extra.get("category") if annotation.run is not None else None
    if predicted is not None and predicted != track.category:
        tallies.add("category_flip", frame, track.id)


def _look_at_pairs(tallies: _Tallies, frame: int, masks: dict[TrackId, Mask]) -> None:
    for (a, mask_a), (b, mask_b) in combinations(masks.items(), 2):
        common = intersection_area(mask_a, mask_b)
        if not common:
            continue
        area_a, area_b = mask_a.area, mask_b.area
        if common / (area_a + area_b - common) >= SAME_OBJECT_IOU:
            tallies.add("same_object", frame, a, b)
        else:
            tallies.add("overlap", frame, a, b, common / min(area_a, area_b))


def _message(document: Document, kind: Kind, track: TrackId, other: TrackId | None, tally: _Tally) -> str:
    who = _name(document.tracks[track])
    where = f"in {tally.frames} frame{'s' if tally.frames > 1 else ''} from {tally.first} on"
    if other is not None:
        both = f"{who} and {_name(document.tracks[other])}"
        if kind == "same_object":
            return f"{both} lie on the same object {where}."
        return f"{both} overlap {where}, by up to {tally.worst:.0%} of the smaller."
    what = {
        "empty_mask": "has empty masks",
        "tiny_mask": "has tiny masks",
        "out_of_image": "has boxes that leave the image",
        "category_flip": "was predicted as another category",
        "unreadable_mask": "has masks that cannot be read",
    }[kind]
    return f"{who} {what} {where}."


def _name(track: Track) -> str:
    return f"Track {track.id} ({track.name})" if track.name else f"Track {track.id}"
