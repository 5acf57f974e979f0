"""Model runs enter the document here, chunk by chunk, and never change what a person made.

Conflict policy, per frame:

* A mask that a person made, confirmed, locked or imported, and every mask of a locked track, stays as it is.
  A prediction for that track, or one that covers such a mask (IoU of at least 0.5), is *withheld*: kept as
  evidence beside the run, see ``withheld_at``.
* Predictions of earlier runs in the frames gone over are replaced, unless the run is ``beside`` them.
* Track ids are the project's. An object that covers an existing mask continues that mask's track, so ids
  survive a re-run; any other object gets a new track. Where a track that only this run made meets a person's
  mask of a track that the run has not met, the person's identity takes over: the run's masks move there.
  Tracks a person deleted during the run stay deleted.

A whole run is one undo step; an edit by the user in between divides it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from stmask_core.document.annotation_table import Row
from stmask_core.document.changes import Focus
from stmask_core.document.document import Document
from stmask_core.document.queries import rows_at, the_run, the_video
from stmask_core.document.records import (
    Box,
    CategoryId,
    MaskAnnotation,
    ModelRun,
    RunId,
    Track,
    TrackId,
    VideoId,
)
from stmask_core.errors import DocumentError, ProjectFileError
from stmask_core.structures.masks import Mask, iou
from stmask_core.structures.spans import union_of_spans

SAME_OBJECT_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """One object in one frame as the model sees it. number: the run's own name for it."""

    number: int
    category: CategoryId
    mask: Mask
    score: float
    source: Literal["detected", "propagated"] = "detected"
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class PredictedFrame:
    """Everything a run says about a frame. evidence: opaque bytes kept beside it."""

    frame: int
    predictions: tuple[Prediction, ...]
    evidence: bytes | None = None


@dataclass(frozen=True, slots=True)
class PredictionCounts:
    """What a chunk did: masks added, earlier predictions replaced, predictions withheld, tracks created."""

    added: int = 0
    replaced: int = 0
    withheld: int = 0
    new_tracks: int = 0


def start_run(
    document: Document,
    video: VideoId,
    *,
    first: int,
    last: int,
    weights: str = "",
    checksum: str = "",
    started: str = "",
    beside: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> ModelRun:
    """Note that a model is going over frames first..last (inclusive)."""
    the_video(document, video)
    run_id = RunId(document.reserve_id("runs"))
    run = ModelRun(
        run_id, video, first, last, weights, checksum, started, beside, settings=dict(settings or {})
    )
    with document.edit("Run model", focus=Focus(video, first), group=group_of(run_id)):
        document.put(run)
    return run


def add_predictions(document: Document, run: RunId, frames: Sequence[PredictedFrame]) -> PredictionCounts:
    """Add a chunk of a run. Frames may come again after a restart: they replace what the run said before."""
    if not frames:
        return PredictionCounts()
    record = the_run(document, run)
    with document.edit("Run model", focus=Focus(record.video, frames[0].frame), group=group_of(run)):
        writer = _ChunkWriter(document, record)
        for frame in frames:
            writer.add(frame)
        document.put(writer.finished_record(frames))
    return writer.counts


def finish_run(document: Document, run: RunId, *, categories: Mapping[int, CategoryId] | None = None) -> int:
    """Tidy up after a run: set the tracks' final categories, remove tracks that the run emptied.

    categories: run's number -> category, for example the one predicted most often. Tracks that a person
    named, coloured, locked or reviewed stay. Returns how many tracks were removed.
    """
    record = the_run(document, run)
    removed = 0
    with document.edit("Run model", focus=Focus(record.video, record.first), group=group_of(run)):
        for number, track in record.tracks:
            category = (categories or {}).get(number)
            if category is not None and track in document.tracks and not document.tracks[track].locked:
                document.put(replace(document.tracks[track], category=category))
        if not record.beside:
            for empty in _left_empty(document, record):
                document.remove(empty)
                removed += 1
    return removed


def withheld_at(document: Document, run: RunId, frame: int) -> list[tuple[TrackId | None, Prediction]]:
    """What a run would have said in a frame where a person's masks were kept: (its track, prediction)."""
    data = document.evidence(run, frame, "withheld")
    if data is None:
        return []
    try:
        return [_withheld_from(item) for item in json.loads(data)]
    except (ValueError, KeyError, TypeError) as error:
        raise ProjectFileError(
            f"The predictions withheld in frame {frame} cannot be read.", "Run the model again."
        ) from error


def group_of(run: RunId) -> str:
    """The undo group of a run's edits."""
    return f"run {run}"


class _ChunkWriter:
    """Writes the frames of one chunk inside one edit."""

    def __init__(self, document: Document, run: ModelRun) -> None:
        self._document = document
        self._run = run
        self._track_of = dict(run.tracks)
        self._claimed = set(self._track_of.values())
        self.counts = PredictionCounts()

    def add(self, predicted: PredictedFrame) -> None:
        """Write one frame by the policy above."""
        if not self._run.first <= predicted.frame <= self._run.last:
            raise DocumentError(f"Frame {predicted.frame} is not in the range of the model run.")
        frame = predicted.frame
        protected, replaceable = self._existing(frame)
        wanted = [p for p in predicted.predictions if not p.mask.is_empty]
        if len({p.number for p in wanted}) != len(wanted):
            raise DocumentError(f"The model run names two objects of frame {frame} alike.")
        if not self._run.beside:
            self._recognise(wanted, frame, [*protected.items(), *replaceable.items()])
            self._follow_people(wanted, frame, protected)
        human_masks = {} if self._run.beside else self._masks(frame, protected)
        withheld: list[Prediction] = []
        written: set[TrackId] = set()
        for prediction in wanted:
            if self._is_withheld(prediction, protected, human_masks, written):
                withheld.append(prediction)
            else:
                written.add(self._write(prediction, frame))
        for track in replaceable:
            if track not in written:
                self._document.remove_row(track, frame)
        self._keep_evidence(predicted, withheld)
        self.counts = replace(
            self.counts,
            added=self.counts.added + len(written),
            replaced=self.counts.replaced + len(replaceable),
            withheld=self.counts.withheld + len(withheld),
        )

    def finished_record(self, frames: Iterable[PredictedFrame]) -> ModelRun:
        """The run's record after this chunk."""
        spans = [(first, last + 1) for first, last in self._run.done]
        spans += [(frame.frame, frame.frame + 1) for frame in frames]
        done = tuple((start, stop - 1) for start, stop in union_of_spans(spans))
        return replace(self._run, done=done, tracks=tuple(self._track_of.items()))

    def _existing(self, frame: int) -> tuple[dict[TrackId, Row], dict[TrackId, Row]]:
        """What is in a frame: (what stays, what this run may replace)."""
        protected: dict[TrackId, Row] = {}
        replaceable: dict[TrackId, Row] = {}
        for track, row in rows_at(self._document, self._run.video, frame):
            locked = self._document.tracks[track].locked
            if not locked and row.is_prediction and (row.run == self._run.id or not self._run.beside):
                replaceable[track] = row
            elif not self._run.beside or not row.is_prediction or row.run == self._run.id:
                protected[track] = row
        return protected, replaceable

    def _recognise(self, wanted: list[Prediction], frame: int, existing: list[tuple[TrackId, Row]]) -> None:
        """Let objects seen for the first time continue the track they cover, best overlap first."""
        unknown = [p for p in wanted if p.number not in self._track_of]
        free = self._masks(frame, {track: row for track, row in existing if track not in self._claimed})
        if not unknown or not free:
            return
        pairs = [(iou(p.mask, mask), p.number, track) for p in unknown for track, mask in free.items()]
        for overlap, number, track in sorted(pairs, reverse=True):
            if overlap < SAME_OBJECT_IOU:
                break
            if number not in self._track_of and track not in self._claimed:
                self._track_of[number] = track
                self._claimed.add(track)

    def _follow_people(self, wanted: list[Prediction], frame: int, protected: Mapping[TrackId, Row]) -> None:
        """Where a track that only this run made meets a person's track, its masks move there."""
        free = self._masks(
            frame, {track: row for track, row in protected.items() if track not in self._claimed}
        )
        for prediction in wanted if free else ():
            mine = self._track_of.get(prediction.number)
            theirs, overlap = max(
                ((track, iou(prediction.mask, mask)) for track, mask in free.items()),
                key=lambda pair: pair[1],
            )
            locked = self._document.tracks[theirs].locked
            if mine is None or overlap < SAME_OBJECT_IOU or theirs in self._claimed or locked:
                continue
            if self._is_my_own(mine):
                self._hand_over(prediction.number, mine, theirs)

    def _is_my_own(self, track: TrackId) -> bool:
        """True when nobody but this run had anything to do with a track."""
        document = self._document
        if track not in document.tracks or _is_marked_by_hand(document.tracks[track]):
            return False
        rows = document.annotations.rows(track)
        return all(row.run == self._run.id and row.is_prediction for _, row in rows)

    def _hand_over(self, number: int, mine: TrackId, theirs: TrackId) -> None:
        for frame, row in self._document.annotations.rows(mine):
            self._document.remove_row(mine, frame)
            if not self._document.annotations.has(theirs, frame):
                self._document.put_row(theirs, frame, row)
        self._document.remove(self._document.tracks[mine])
        self._track_of[number] = theirs
        self._claimed.discard(mine)
        self._claimed.add(theirs)

    def _masks(self, frame: int, rows: Mapping[TrackId, Row]) -> dict[TrackId, Mask]:
        document = self._document
        return {track: document.materialise(track, frame, row).mask for track, row in rows.items()}

    def _is_withheld(
        self,
        prediction: Prediction,
        protected: Mapping[TrackId, Row],
        human: Mapping[TrackId, Mask],
        written: set[TrackId],
    ) -> bool:
        track = self._track_of.get(prediction.number)
        if track is not None:
            record = self._document.tracks.get(track)
            if record is None or record.locked or track in protected or track in written:
                return True
        return any(iou(prediction.mask, mask) >= SAME_OBJECT_IOU for mask in human.values())

    def _write(self, prediction: Prediction, frame: int) -> TrackId:
        track = self._track_of.get(prediction.number)
        if track is None:
            track = TrackId(self._document.new_id("tracks"))
            self._document.put(Track(track, self._run.video, prediction.category))
            self._track_of[prediction.number] = track
            self._claimed.add(track)
            self.counts = replace(self.counts, new_tracks=self.counts.new_tracks + 1)
        other = prediction.category != self._document.tracks[track].category
        self._document.put(
            MaskAnnotation(
                track=track,
                frame=frame,
                mask=prediction.mask,
                source=prediction.source,
                score=prediction.score,
                box=prediction.box,
                run=self._run.id,
                extra={"category": prediction.category} if other else {},
            )
        )
        return track

    def _keep_evidence(self, predicted: PredictedFrame, withheld: list[Prediction]) -> None:
        if predicted.evidence is not None:
            self._document.put_evidence(self._run.id, predicted.frame, predicted.evidence)
        if withheld:
            items = [_withheld_values(self._track_of.get(p.number), p) for p in withheld]
            data = json.dumps(items).encode()
            self._document.put_evidence(self._run.id, predicted.frame, data, "withheld")


def _left_empty(document: Document, run: ModelRun) -> list[Track]:
    """Tracks without a mask that only earlier runs had made."""
    mine = {track for _, track in run.tracks}
    others = [r for r in document.runs.of_video(run.video).values() if r.id != run.id]
    made_by_runs = {track for other in others for _, track in other.tracks} | mine
    found = []
    for track in document.tracks.of_video(run.video).values():
        by_hand = _is_marked_by_hand(track)
        if track.id in made_by_runs and not by_hand and not document.annotations.count(track.id):
            found.append(track)
    return found


def _is_marked_by_hand(track: Track) -> bool:
    """True when a person named, coloured, locked or confirmed the track, or imported it with fields."""
    return bool(track.name or track.colour or track.locked or track.reviewed or track.extra)


def _withheld_values(track: TrackId | None, prediction: Prediction) -> dict[str, Any]:
    return {
        "track": track,
        "number": prediction.number,
        "category": prediction.category,
        "score": prediction.score,
        "source": prediction.source,
        "box": prediction.box,
        "mask": prediction.mask.to_coco(),
    }


def _withheld_from(item: Mapping[str, Any]) -> tuple[TrackId | None, Prediction]:
    box = item["box"]
    prediction = Prediction(
        number=int(item["number"]),
        category=CategoryId(int(item["category"])),
        mask=Mask.from_coco(item["mask"]),
        score=float(item["score"]),
        source="propagated" if item["source"] == "propagated" else "detected",
        box=None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
    )
    return (None if item["track"] is None else TrackId(int(item["track"]))), prediction
