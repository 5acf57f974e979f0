"""One video through the network: batches of frames, then frame by frame fusion and association.

for result in track_clip(model, frames): ...

The generator knows no document, no window and no callback; closing it cancels the work.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from stmask_core.engine.recording import Features, FrameRecord, Keep, Objects
from stmask_core.engine.session import Model
from stmask_core.errors import InferenceError
from stmask_core.model.mask_assembly import assemble_masks
from stmask_core.model.postprocess import (
    DetectionSettings,
    detect,
    detect_and_suppress,
    image_mask,
    in_picture,
)
from stmask_core.model.preprocess import network_input
from stmask_core.model.stmask import FrameFeatures, RawOutput
from stmask_core.structures.detections import Detections, Floats, Instances, instances
from stmask_core.structures.evidence import FrameEvidence, Suppressed
from stmask_core.structures.letterbox import FrameLayout, letterboxed, squashed
from stmask_core.structures.masks import Mask
from stmask_core.tracking.association import NEW, AssociationSettings
from stmask_core.tracking.tracker import Step, Tracker, Tracks

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class RunSettings:
    """How a clip is run; the defaults are the released code's.

    resize: "squash" to the network's input size, or "letterbox" keeping the aspect ratio. batch: frames at
    once, None for what suits the device; it never changes results beyond rounding. temporal_fusion: off
    runs the authors' plain frame-by-frame tracker. evidence: keep what was known, with masks. record: give
    what a replay needs; with "features" also the maps, a few megabytes a frame.
    """

    detection: DetectionSettings = field(default_factory=DetectionSettings)
    association: AssociationSettings = field(default_factory=AssociationSettings)
    resize: Literal["squash", "letterbox"] = "squash"
    batch: int | None = None
    temporal_fusion: bool = True
    evidence: bool = True
    record: Keep = "nothing"


@dataclass(frozen=True, eq=False)
class FrameResult:
    """One frame's answer. evidence, record: None when not asked for."""

    frame: int
    instances: Instances
    evidence: FrameEvidence | None
    record: FrameRecord | None = None


@dataclass(frozen=True, eq=False)
class ClipState:
    """All that the next frame depends on; enough to go on later, or elsewhere."""

    tracks: Tracks | None
    next_id: int
    pyramid_map: torch.Tensor | None
    tower: torch.Tensor | None


class ClipTracker:
    """The frame-by-frame part: temporal fusion, detection, association, and masks of the image."""

    def __init__(self, model: Model, layout: FrameLayout, settings: RunSettings) -> None:
        self._model, self._layout, self._settings = model, layout, settings
        fuses = settings.temporal_fusion and model.config.temporal_fusion
        self._tracker = Tracker(settings.association, propagates=fuses)
        self._features: FrameFeatures | None = None

    def snapshot(self) -> ClipState:
        """The state behind the last frame."""
        features = self._features
        return ClipState(
            self._tracker.tracks,
            self._tracker.next_id,
            None if features is None else features.pyramid_map,
            None if features is None else features.tower,
        )

    def restore(self, state: ClipState) -> None:
        """Go on from a snapshot."""
        self._tracker.tracks, self._tracker.next_id = state.tracks, state.next_id
        if state.pyramid_map is not None and state.tower is not None:
            place = self._model.device
            self._features = FrameFeatures(state.pyramid_map.to(place), state.tower.to(place))

    @torch.inference_mode()
    def step(self, frame: int, raw: RawOutput, row: int) -> FrameResult:
        """The answer for frame ``row`` of a batch's raw outputs; frames must come in order."""
        features = raw.frame_features(row)
        self._carry(features, raw.prototypes[row])
        settings = self._settings
        keeps = settings.evidence or settings.record != "nothing"
        suppressed: tuple[Suppressed, ...] = ()
        if keeps:
            found, suppressed = detect_and_suppress(raw, row, settings.detection, self._layout)
        else:
            found = detect(raw, row, settings.detection)
        self._features = FrameFeatures(features.pyramid_map.clone(), features.tower.clone())
        step = self._tracker.step(found)
        shown = shown_instances(step, self._layout, lambda tracks: self._masks(tracks.objects))
        evidence = record = None
        if keeps:
            masks = self._masks(found)
            track_masks = () if step.before is None else self._masks(step.before.objects)
            if settings.evidence:
                threshold = settings.association.new_score
                evidence = frame_evidence(
                    found, step, shown, self._layout, threshold, masks, track_masks, suppressed
                )
            if settings.record != "nothing":
                record = self._record(found, step, masks, track_masks, suppressed, raw.prototypes[row])
        return FrameResult(frame, shown, evidence, record)

    def _carry(self, current: FrameFeatures, prototypes: torch.Tensor) -> None:
        """Temporal fusion: tell the tracker where its tracks are now."""
        tracks = self._tracker.tracks
        if tracks is None or not self._tracker.propagates:
            self._tracker.wait()
            return
        assert self._features is not None, "tracks come from an earlier frame"
        place = self._model.device
        boxes, coefficients = self._model.ready.carry(
            self._features,
            current,
            torch.from_numpy(tracks.objects.boxes).to(place),
            torch.from_numpy(tracks.objects.coefficients).to(place),
        )
        masks = assemble_masks(prototypes, coefficients, boxes, self._model.config.mask_windows)
        self._tracker.carry(boxes.cpu().numpy(), coefficients.cpu().numpy(), masks.cpu().numpy())

    def _record(
        self,
        found: Detections,
        step: Step,
        masks: tuple[Mask, ...],
        track_masks: tuple[Mask, ...],
        suppressed: tuple[Suppressed, ...],
        prototypes: torch.Tensor,
    ) -> FrameRecord:
        carries = self._tracker.propagates and step.before is not None
        before = step.before.objects if carries and step.before is not None else found.take(np.arange(0))
        maps = None
        if self._settings.record == "features" and self._features is not None:
            stored = prototypes.to(self._features.tower.dtype)  # the type they were computed in
            maps = Features(self._features, stored)
        outcomes = _outcomes(found, step)
        return FrameRecord(
            layout=self._layout,
            propagates=self._tracker.propagates,
            found=replace(found, masks=_cells(found)),
            found_masks=masks,
            carried=Objects(
                before.boxes, before.coefficients, _cells(before), track_masks if carries else ()
            ),
            track_ids=_of(step.before if carries else None, "ids"),
            outcomes=outcomes,
            wanted=_ids_wanted(step, outcomes),
            suppressed=suppressed,
            features=maps,
        )

    def _masks(self, objects: Detections) -> tuple[Mask, ...]:
        return tuple(image_mask(soft, self._layout) for soft in objects.masks)


class ClipRun:
    """One pass over a clip that can be stopped behind any frame and gone on from there.

    first: number of the first frame, for ranges. state: a snapshot to go on from.
    """

    def __init__(
        self,
        model: Model,
        settings: RunSettings | None = None,
        *,
        first: int = 0,
        state: ClipState | None = None,
    ) -> None:
        self._model, self._settings = model, settings or RunSettings()
        self._first, self._state = first, state
        self._tracker: ClipTracker | None = None

    @property
    def state(self) -> ClipState | None:
        """The state behind the last frame that was answered; None before the first."""
        return self._state if self._tracker is None else self._tracker.snapshot()

    def results(self, frames: Iterable[Picture]) -> Iterator[FrameResult]:
        """Results in order; see ``track_clip``."""
        layout: FrameLayout | None = None
        number = self._first
        for pictures in _batches(frames, self._settings.batch or self._model.best_batch):
            if layout is None or self._tracker is None:
                layout = layout_of(self._model, pictures[0].shape[:2], self._settings)
                self._tracker = ClipTracker(self._model, layout, self._settings)
                if self._state is not None:
                    self._tracker.restore(self._state)
            raw = raw_outputs(self._model, pictures, layout)
            for row in range(len(pictures)):
                yield self._tracker.step(number, raw, row)
                number += 1


def track_clip(
    model: Model, frames: Iterable[Picture], settings: RunSettings | None = None, *, first: int = 0
) -> Iterator[FrameResult]:
    """Results of a clip's frames in order. frames: (H, W, 3) uint8 RGB of one size, or an open video.

    first: number of the first frame, for ranges. Raises InferenceError when the sizes change or the device
    runs out of memory.
    """
    return ClipRun(model, settings, first=first).results(frames)


def layout_of(model: Model, size: tuple[int, ...], settings: RunSettings) -> FrameLayout:
    """How frames of (height, width) go into the network."""
    fit = squashed if settings.resize == "squash" else letterboxed
    return fit((int(size[0]), int(size[1])), model.config.input_size)


@torch.inference_mode()
def raw_outputs(model: Model, pictures: list[Picture], layout: FrameLayout) -> RawOutput:
    """The network on a batch of frames."""
    if any(picture.shape[:2] != layout.source for picture in pictures):
        raise InferenceError("The frames of the clip differ in size.", "Run clips of one size.")
    try:
        images = network_input(pictures, layout).to(model.device)
        # looking anchors up saves multiply-adds, but a graphics card would wait for many small questions
        return model.ready(images, dense=model.device.type != "cpu")
    except torch.cuda.OutOfMemoryError as error:
        raise InferenceError("The device ran out of memory.", "Use a smaller --batch.") from error
    except RuntimeError as error:
        if "not enough memory" in str(error):
            raise InferenceError("The machine ran out of memory.", "Use a smaller --batch.") from error
        raise


def _batches(frames: Iterable[Picture], size: int) -> Iterator[list[Picture]]:
    source = iter(frames)
    while batch := list(itertools.islice(source, size)):
        yield batch


def shown_instances(
    step: Step, layout: FrameLayout, masks_of: Callable[[Tracks], Sequence[Mask]]
) -> Instances:
    """What a step shows of a frame. masks_of: the tracks' masks of the image."""
    if step.after is None:
        return instances((), (), (), np.zeros((0, 4)), (), (), layout.source)
    inside = in_picture(step.after.objects.boxes[step.shown], layout)
    tracks = step.after.take(step.shown[inside])
    return instances(
        tracks.ids,
        tracks.objects.classes,
        step.shown_scores[inside],
        layout.boxes_to_image(tracks.objects.boxes),
        tracks.ages,
        masks_of(tracks),
        layout.source,
    )


def frame_evidence(
    found: Detections,
    step: Step,
    shown: Instances,
    layout: FrameLayout,
    new_score: float,
    masks: tuple[Mask, ...],
    track_masks: tuple[Mask, ...],
    suppressed: tuple[Suppressed, ...],
) -> FrameEvidence:
    """What was known when a step decided. masks, track_masks: of the image, of ``found`` and the tracks."""
    before, terms = step.before, step.terms
    count, known = len(found), 0 if before is None else len(before)
    empty = np.zeros((count, known), np.float32)
    outcomes = _outcomes(found, step)
    return FrameEvidence(
        boxes=layout.boxes_to_image(found.boxes) if count else np.zeros((0, 4), np.float32),
        categories=found.classes,
        scores=found.scores,
        centerness=found.centerness,
        outcomes=outcomes,
        wanted=_ids_wanted(step, outcomes),
        track_ids=_of(before, "ids"),
        track_ages=_of(before, "ages"),
        track_scores=np.zeros(0, np.float32) if before is None else before.objects.scores,
        track_categories=np.zeros(0, np.int64) if before is None else before.objects.classes,
        track_boxes=np.zeros((0, 4), np.float32)
        if before is None
        else layout.boxes_to_image(before.objects.boxes),
        cosine=empty if terms is None else terms.cosine,
        mask_iou=empty if terms is None else terms.mask_iou,
        box_iou=empty if terms is None else terms.box_iou,
        shown=shown.track_ids,
        new_score=new_score,
        masks=masks,
        track_masks=track_masks,
        suppressed=suppressed,
    )


def _cells(objects: Detections) -> Floats:
    """Soft masks as the tracker looks at them: 1 above 0.5, else 0."""
    return (objects.masks > 0.5).astype(np.float32)


def _outcomes(found: Detections, step: Step) -> NDArray[np.uint8]:
    return np.full(len(found), NEW, np.uint8) if step.decision is None else step.decision.outcomes


def _of(tracks: Tracks | None, name: str) -> NDArray[np.int64]:
    return np.zeros(0, np.int64) if tracks is None else getattr(tracks, name)


def _ids_wanted(step: Step, outcomes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Track id each detection went for; the newly given one for those that began a track."""
    wanted = np.full(len(outcomes), -1, np.int64)
    if step.before is not None and step.decision is not None:
        old = step.decision.tracks >= 0
        wanted[old] = step.before.ids[step.decision.tracks[old]]
    born = np.flatnonzero(outcomes == NEW)
    if len(born) and step.after is not None:
        wanted[born] = step.born
    return wanted
