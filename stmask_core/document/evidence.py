"""What the model runs of a document knew: of a track in a frame, and of what became no mask there.

Evidence lies in the project file and is checked before it is believed: FormatError when it is damaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from stmask_core.document.document import Document
from stmask_core.document.queries import tracks_at
from stmask_core.document.records import MaskAnnotation, ModelRun, RunId, TrackId, VideoId
from stmask_core.errors import FormatError
from stmask_core.structures.evidence import FrameEvidence, evidence_from_bytes
from stmask_core.structures.masks import Mask, iou

LOST = 2  # outcome of a detection whose track went to a better one
SAME_OBJECT_IOU = 0.5
CHOSEN = "chosen"  # our name in ``extra`` of a mask that a person chose from the evidence


@dataclass(frozen=True)
class KeptMasks:
    """The masks that a run kept of a track in a frame. number: the run's own name of the track.

    age: frames since a detection confirmed the track, 0 when one did here. hidden: the run did not show it.
    """

    run: RunId
    number: int
    detected: Mask | None
    carried: Mask | None
    age: int
    hidden: bool


@dataclass(frozen=True)
class Leftover:
    """Something a run knew in a frame that became no mask there.

    lost: a detection whose track went to a better one. unused: a detection whose track has no mask here
    (too low a score, or kept out by a person). suppressed: a detection dropped because a better one overlaps
    it. hidden: a carried track that was not shown. row: among its like in the evidence. category: as the run
    numbers it. track: the project's, None for none.
    """

    kind: Literal["lost", "unused", "suppressed", "hidden"]
    run: RunId
    frame: int
    row: int
    mask: Mask
    score: float
    category: int
    track: TrackId | None


def run_at(document: Document, track: TrackId, frame: int) -> ModelRun | None:
    """The run that made a track's mask in a frame, else the newest that went over the frame."""
    row = document.annotations.row(track, frame)
    if row is not None and row.run in document.runs:
        return document.runs[row.run]  # type: ignore[index]
    return newest_run_over(document, document.tracks[track].video, frame)


def newest_run_over(document: Document, video: VideoId, frame: int) -> ModelRun | None:
    """The newest run that went over a frame."""
    runs = document.runs.of_video(video).values()
    over = [run for run in runs if any(first <= frame <= last for first, last in run.done)]
    return max(over, key=lambda run: run.id, default=None)


def evidence_of(document: Document, run: ModelRun, frame: int) -> FrameEvidence | None:
    """What a run kept in a frame; None when it kept nothing. Every mask is of the video's size."""
    data = document.evidence(run.id, frame)
    if data is None:
        return None
    evidence = _read(data)
    video = document.videos[run.video]
    masks = (*evidence.masks, *evidence.track_masks, *(one.mask for one in evidence.suppressed))
    for mask in masks:
        if (mask.height, mask.width) != (video.height, video.width):
            raise FormatError(
                f"The evidence of frame {frame} is not of the video's size.", "Run the model again."
            )
    return evidence


def number_of(
    document: Document, evidence: FrameEvidence, run: ModelRun, track: TrackId, frame: int
) -> int | None:
    """What the run called the track here: by its mask, because people swap identities, else by track.

    A mask chosen from the evidence says it; the run's own mask is found as it is; a person's by overlap.
    """
    seen = {*evidence.wanted.tolist(), *evidence.track_ids.tolist()}
    named = [number for number, known in run.tracks if known == track]
    own = next((number for number in named if number in seen), named[0] if named else None)
    annotation = document.annotation(track, frame)
    if annotation is None or annotation.mask.is_empty:
        return own
    noted = chosen_note(annotation).get("number") if annotation.run == run.id else None
    if isinstance(noted, int) and noted in seen:
        return noted
    detected = [(int(n), evidence.masks[row]) for row, n in enumerate(evidence.wanted) if _won(evidence, row)]
    carried = [(int(n), mask) for n, mask in zip(evidence.track_ids, evidence.track_masks, strict=True)]
    both = carried + detected if annotation.source == "propagated" else detected + carried
    if annotation.run == run.id and not annotation.is_human:
        return next((number for number, mask in both if mask == annotation.mask), own)
    overlaps = [(iou(mask, annotation.mask), number == own, number) for number, mask in both]
    best = max(overlaps, default=(0.0, False, -1))
    return best[2] if best[0] >= SAME_OBJECT_IOU else own


def chosen_note(annotation: MaskAnnotation) -> Mapping[str, Any]:
    """What ``choose_evidence`` noted beside a mask; empty for any other mask."""
    note = annotation.extra.get(CHOSEN)
    return note if isinstance(note, Mapping) else {}


def kept_masks(document: Document, track: TrackId, frame: int) -> KeptMasks | None:
    """The detected and the carried mask of a track in a frame; None when no run kept either."""
    run = run_at(document, track, frame)
    evidence = None if run is None else evidence_of(document, run, frame)
    if run is None or evidence is None:
        return None
    number = number_of(document, evidence, run, track, frame)
    if number is None:
        return None
    won = [row for row in np.flatnonzero(evidence.wanted == number).tolist() if _won(evidence, row)]
    before = np.flatnonzero(evidence.track_ids == number).tolist()
    if not won and not before:
        return None
    return KeptMasks(
        run=run.id,
        number=number,
        detected=evidence.masks[won[0]] if won else None,
        carried=evidence.track_masks[before[0]] if before else None,
        age=0 if won else int(evidence.track_ages[before[0]]),
        hidden=number not in evidence.shown,
    )


def leftovers_at(document: Document, run: ModelRun, frame: int) -> tuple[Leftover, ...]:
    """What a run knew in a frame that became no mask there; empty masks are left out, and those restored."""
    evidence = evidence_of(document, run, frame)
    if evidence is None:
        return ()
    track_of = {number: track for number, track in run.tracks if track in document.tracks}

    def is_absent(number: int) -> bool:
        """True when the object of this number has no mask in the frame."""
        track = track_of.get(number)
        return track is None or not document.annotations.has(track, frame)

    found: list[Leftover] = []
    for row, number in enumerate(evidence.wanted.tolist()):
        lost = not _won(evidence, row)
        if not lost and not is_absent(number):
            continue
        score, category = float(evidence.scores[row]), int(evidence.categories[row])
        kind: Literal["lost", "unused"] = "lost" if lost else "unused"
        found.append(
            Leftover(kind, run.id, frame, row, evidence.masks[row], score, category, track_of.get(number))
        )
    for row, one in enumerate(evidence.suppressed):
        found.append(
            Leftover("suppressed", run.id, frame, row, one.mask, one.score, one.category, track=None)
        )
    renewed = evidence.wanted[evidence.outcomes != LOST].tolist()
    unseen = set(evidence.hidden.tolist()) - set(renewed)
    for row, number in enumerate(evidence.track_ids.tolist()):
        if number in unseen and is_absent(number):
            score, category = float(evidence.track_scores[row]), int(evidence.track_categories[row])
            mask = evidence.track_masks[row]
            found.append(Leftover("hidden", run.id, frame, row, mask, score, category, track_of.get(number)))
    there = [document.annotation(track, frame) for track in tracks_at(document, run.video, frame)]
    shown = [annotation.mask for annotation in there if annotation is not None]
    return tuple(entry for entry in found if not entry.mask.is_empty and entry.mask not in shown)


@lru_cache(maxsize=4)  # a frame's evidence is asked for once per track
def _read(data: bytes) -> FrameEvidence:
    return evidence_from_bytes(data)


def _won(evidence: FrameEvidence, row: int) -> bool:
    return bool(evidence.outcomes[row] != LOST)
