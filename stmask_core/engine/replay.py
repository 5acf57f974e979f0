"""Identities decided again from a recording, with other constants and without the backbone.

Detections do not depend on identities, so they are as recorded. Where a track has moved is looked up by its
origin (see ``recording``); where the run had no such track, temporal fusion computes it from the recorded
maps, or, without maps, the track is left where it was and counted as *estimated*. With the run's own
constants every track is looked up, and the replay is the run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from stmask_core.engine.clip import FrameResult, frame_evidence, shown_instances
from stmask_core.engine.recording import AGAIN, Features, FrameRecord, Objects, Recording
from stmask_core.engine.session import Model
from stmask_core.errors import FormatError, InferenceError
from stmask_core.model.mask_assembly import assemble_masks
from stmask_core.model.postprocess import image_mask
from stmask_core.structures.detections import Floats, Instances
from stmask_core.structures.masks import Mask
from stmask_core.structures.spans import Span, spans_of_frames
from stmask_core.tracking.association import LOST, NEW, TAKEN, AssociationSettings, pairwise_mask_iou
from stmask_core.tracking.tracker import CROWDED_IOU, Step, Tracker, Tracks

SAME_PLACE_IOU = 0.5
MOST_TRACKS = 2000  # alive at once; each costs the pixels of a prototype in every frame
Origin = tuple[int, int]
"""(frame, row) of the detection that a track last took over."""
_Seen = tuple[int, int, bool, Origin]  # a shown mask: frame, category, detected, origin


@dataclass(frozen=True, eq=False)
class ReplayedFrame:
    """One frame of a replay.

    born: tracks that began. lost: detections that lost their track to a better one. switched: ids of shown
    objects whose place another identity held in the frame before, and not they themselves (mask IoU of at
    least 0.5; there is no truth in this). computed: tracks carried by temporal fusion just now. estimated:
    tracks that were left where they were. origins: of each shown object.
    """

    result: FrameResult
    origins: tuple[Origin, ...]
    born: int
    lost: int
    switched: tuple[int, ...]
    computed: int
    estimated: int


def replay(
    recording: Recording,
    settings: AssociationSettings,
    *,
    model: Callable[[], Model] | None = None,
    evidence: bool = True,
) -> Iterator[ReplayedFrame]:
    """The recorded frames with their identities decided by ``settings``.

    model: gives the network of the run; called once, and only when temporal fusion has to be computed and the
    recording keeps features. Raises FormatError for a damaged recording, InferenceError when the constants
    keep too many tracks alive.
    """
    fuse = _Fusion(recording, model) if model is not None and recording.has_features else None
    state: _Replay | None = None
    for frame, record in recording.records():
        if state is None:
            state = _Replay(settings, record.propagates, fuse)
        yield state.step(frame, record, evidence=evidence)


class _Replay:
    """The tracker, and of each track its origin and its mask of the image."""

    def __init__(self, settings: AssociationSettings, propagates: bool, fusion: _Fusion | None) -> None:
        self._settings, self._fusion = settings, fusion
        self._tracker = Tracker(settings, propagates)
        self._origins: dict[int, Origin] = {}
        self._masks: dict[int, Mask] = {}
        self._of_run: dict[int, Origin] = {}  # the run's own tracks
        self._shown_before: tuple[NDArray[np.int64], Floats] | None = None

    def step(self, frame: int, record: FrameRecord, *, evidence: bool) -> ReplayedFrame:
        computed, estimated = self._carry(frame, record)
        before = self._tracker.tracks
        track_masks = () if before is None else self._masks_of(before)
        step = self._tracker.step(record.found)
        self._follow(frame, record, step)
        shown = shown_instances(step, record.layout, self._masks_of)
        known = None
        if evidence:
            new_score, masks = self._settings.new_score, record.found_masks
            known = frame_evidence(
                record.found, step, shown, record.layout, new_score, masks, track_masks, record.suppressed
            )
        return ReplayedFrame(
            result=FrameResult(frame, shown, known),
            origins=tuple(self._origins[number] for number in shown.track_ids.tolist()),
            born=len(step.born),
            lost=0 if step.decision is None else int((step.decision.outcomes == LOST).sum()),
            switched=self._switched(step, shown),
            computed=computed,
            estimated=estimated,
        )

    def _carry(self, frame: int, record: FrameRecord) -> tuple[int, int]:
        """Tell the tracker where its tracks are now; (how many were computed, how many estimated)."""
        tracks = self._tracker.tracks
        if tracks is None or not self._tracker.propagates:
            self._tracker.wait()
            return 0, 0
        if len(tracks) > MOST_TRACKS:
            raise InferenceError(
                f"These constants keep {len(tracks)} tracks alive at frame {frame}, too many to go on.",
                "Forget tracks sooner, for example with retire_after=10.",
            )
        at = {self._origin_in_run(int(number)): row for row, number in enumerate(record.track_ids)}
        rows = np.array([at.get(self._origins[int(number)], -1) for number in tracks.ids], np.int64)
        known, unknown = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
        objects = tracks.objects
        moved = Objects(objects.boxes, objects.coefficients, objects.masks, self._masks_of(tracks))
        moved = _with_rows(moved, known, _rows_of(record.carried, rows[known]))
        if len(unknown) and self._fusion is not None:
            moved = _with_rows(moved, unknown, self._fusion(frame, _rows_of(moved, unknown), record))
        self._tracker.carry(moved.boxes, moved.coefficients, moved.cells)
        self._masks.update(zip(tracks.ids.tolist(), moved.masks, strict=True))
        return (0, len(unknown)) if self._fusion is None else (len(unknown), 0)

    def _origin_in_run(self, number: int) -> Origin:
        if number not in self._of_run:
            raise FormatError("The recording does not begin where its tracks begin.", AGAIN)
        return self._of_run[number]

    def _follow(self, frame: int, record: FrameRecord, step: Step) -> None:
        """Note the new origins, here and in the run."""
        for row, number in self._renewed(step):
            self._origins[number] = (frame, row)
            self._masks[number] = record.found_masks[row]
        for row, number in enumerate(record.wanted.tolist()):
            if record.outcomes[row] in (NEW, TAKEN):
                self._of_run[number] = (frame, row)
        if self._settings.retire_after is not None:
            alive = set() if step.after is None else set(step.after.ids.tolist())
            self._origins = {number: self._origins[number] for number in alive}
            self._masks = {number: self._masks[number] for number in alive}

    def _renewed(self, step: Step) -> Iterator[tuple[int, int]]:
        """(row of a detection, id of the track that is now as detected)."""
        fresh = range(len(step.born)) if step.decision is None else _rows(step.decision.outcomes == NEW)
        yield from zip(fresh, step.born.tolist(), strict=True)
        if step.before is None or step.decision is None or step.terms is None:
            return
        for row in _rows(step.decision.outcomes == TAKEN):
            crowded = int((step.terms.mask_iou[row] > CROWDED_IOU).sum()) >= 2
            if self._tracker.propagates or not crowded:  # as the tracker does
                yield row, int(step.before.ids[step.decision.tracks[row]])

    def _masks_of(self, tracks: Tracks) -> tuple[Mask, ...]:
        return tuple(self._masks[number] for number in tracks.ids.tolist())

    def _switched(self, step: Step, shown: Instances) -> tuple[int, ...]:
        ids, before = shown.track_ids, self._shown_before
        if step.after is None or not len(ids):
            self._shown_before = None
            return ()
        cells = step.after.objects.masks[np.searchsorted(step.after.ids, ids)]
        self._shown_before = ids, cells
        if before is None:
            return ()
        same_place = pairwise_mask_iou(cells, before[1]) >= SAME_PLACE_IOU
        its_own = (same_place & (ids[:, None] == before[0])).any(1)
        return tuple(ids[same_place.any(1) & ~its_own].tolist())


class _Fusion:
    """Temporal fusion from recorded maps."""

    def __init__(self, recording: Recording, model: Callable[[], Model]) -> None:
        self._recording, self._load = recording, model
        self._model: Model | None = None
        self._maps: dict[int, Features] = {}

    @torch.inference_mode()
    def __call__(self, frame: int, objects: Objects, record: FrameRecord) -> Objects:
        """Objects of the frame before as they are in ``frame``."""
        if self._model is None:
            self._model = self._load()
        place = self._model.device
        self._maps = {number: self._features(number) for number in (frame - 1, frame)}
        try:
            boxes, coefficients = self._model.ready.carry(
                self._maps[frame - 1].maps,
                self._maps[frame].maps,
                torch.from_numpy(objects.boxes).to(place),
                torch.from_numpy(objects.coefficients).to(place),
            )
            windows, prototypes = self._model.config.mask_windows, self._maps[frame].prototypes
            soft = assemble_masks(prototypes, coefficients, boxes, windows).cpu().numpy()
        except RuntimeError as error:
            raise FormatError(f"The maps of frame {frame} do not fit the network.", AGAIN) from error
        return Objects(
            boxes.cpu().numpy(),
            coefficients.cpu().numpy(),
            (soft > 0.5).astype(np.float32),
            tuple(image_mask(one, record.layout) for one in soft),
        )

    def _features(self, frame: int) -> Features:
        if frame in self._maps:
            return self._maps[frame]
        assert self._model is not None
        return self._recording.features(frame).to(self._model.device)


@dataclass(frozen=True)
class Lane:
    """One track on the timeline. shown, detected: (start, stop) frames, half open."""

    track: int
    category: int
    shown: tuple[Span, ...]
    detected: tuple[Span, ...]


@dataclass
class ReplayTally:
    """What a replay comes to, counted frame by frame. first: the first frame's number."""

    first: int = 0
    frames: int = 0
    masks: int = 0
    births: int = 0
    lost: int = 0
    switches: int = 0
    computed: int = 0
    estimated: int = 0
    _lanes: dict[int, list[_Seen]] = field(default_factory=lambda: defaultdict(list))

    def add(self, frame: ReplayedFrame) -> None:
        """Count a frame."""
        shown = frame.result.instances
        if not self.frames:
            self.first = frame.result.frame
        self.frames += 1
        self.masks += len(shown)
        self.births += frame.born
        self.lost += frame.lost
        self.switches += len(frame.switched)
        self.computed += frame.computed
        self.estimated += frame.estimated
        columns = (shown.track_ids, shown.category_ids, shown.ages, frame.origins)
        for number, category, age, origin in zip(*columns, strict=True):
            self._lanes[int(number)].append((frame.result.frame, int(category), bool(age == 0), origin))

    @property
    def is_exact(self) -> bool:
        """True when no track was left where it was for want of features."""
        return self.estimated == 0

    @property
    def tracks(self) -> int:
        """Tracks that were ever shown."""
        return len(self._lanes)

    def lanes(self) -> list[Lane]:
        """Every track that was shown, oldest first; its category is the most frequent one."""
        return [_lane(number, self._lanes[number]) for number in sorted(self._lanes)]

    def continued(self, before: ReplayTally) -> dict[int, int]:
        """Track -> the track of ``before`` it shares the most masks with, the older of equals.

        Tracks that share no mask with any are left out.
        """
        owner = {(at, origin): n for n, seen in before._lanes.items() for at, _, _, origin in seen}
        found = {}
        for number, seen in self._lanes.items():
            votes = Counter(owner[at, origin] for at, _, _, origin in seen if (at, origin) in owner)
            if votes:
                found[number] = min(votes, key=lambda n: (-votes[n], n))
        return found

    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        names = ("frames", "masks", "births", "switches", "lost", "computed", "estimated")
        return {"tracks": self.tracks, **{name: int(getattr(self, name)) for name in names}}


def _lane(number: int, seen: list[_Seen]) -> Lane:
    categories = [category for _, category, _, _ in seen]
    best = min(set(categories), key=lambda category: (-categories.count(category), category))
    shown = spans_of_frames([frame for frame, _, _, _ in seen])
    detected = spans_of_frames([frame for frame, _, is_detected, _ in seen if is_detected])
    return Lane(number, best, tuple(shown), tuple(detected))


def _rows(chosen: NDArray[np.bool_]) -> list[int]:
    return np.flatnonzero(chosen).tolist()


def _rows_of(objects: Objects, rows: NDArray[np.int64]) -> Objects:
    masks = tuple(objects.masks[row] for row in rows.tolist())
    return Objects(objects.boxes[rows], objects.coefficients[rows], objects.cells[rows], masks)


def _with_rows(objects: Objects, rows: NDArray[np.int64], other: Objects) -> Objects:
    """A copy in which ``rows`` hold the other's entries."""
    boxes, coefficients, cells = (a.copy() for a in (objects.boxes, objects.coefficients, objects.cells))
    boxes[rows], coefficients[rows], cells[rows] = other.boxes, other.coefficients, other.cells
    masks = list(objects.masks)
    for row, mask in zip(rows.tolist(), other.masks, strict=True):
        masks[row] = mask
    return Objects(boxes, coefficients, cells, tuple(masks))
