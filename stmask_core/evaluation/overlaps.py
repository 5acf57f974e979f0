"""Pixels that true and predicted masks have in common, counted once and used by every metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stmask_core.evaluation.clips import Clip, ScoredTrack
from stmask_core.structures.masks import Mask

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FrameOverlap:
    """One frame. truth, predicted: (n,), (m,) rows of the clip's tracks that are there; areas in pixels.

    common: (n, m) pixels in both masks. same_size: (n, m) False where two masks are of different images.
    """

    frame: int
    truth: Ints
    predicted: Ints
    truth_areas: Ints
    predicted_areas: Ints
    common: Ints
    same_size: NDArray[np.bool_]

    @property
    def iou(self) -> Floats:
        """(n, m) intersection over union."""
        either = self.truth_areas[:, None] + self.predicted_areas[None] - self.common
        return self.common / np.maximum(either, 1)


def frame_overlaps(clip: Clip, *, across_categories: bool = False) -> list[FrameOverlap]:
    """Every frame of a clip, also those without a mask.

    across_categories: count pairs of different categories too; otherwise they have nothing in common.
    """
    truth, predicted = _by_frame(clip.truth, clip.length), _by_frame(clip.predicted, clip.length)
    kinds = [np.array([t.category_id for t in side], np.int64) for side in (clip.truth, clip.predicted)]
    found = []
    for frame in range(clip.length):
        rows = [np.array(side[frame], np.int64) for side in (truth, predicted)]
        sides = ((clip.truth, rows[0]), (clip.predicted, rows[1]))
        masks = [[tracks[row].masks[frame] for row in chosen] for tracks, chosen in sides]
        areas = [np.array([tracks[row].areas[frame] for row in chosen], np.int64) for tracks, chosen in sides]
        sizes = [np.array([(m.height, m.width) for m in side], np.int64).reshape(-1, 2) for side in masks]
        same_size = (sizes[0][:, None] == sizes[1][None]).all(2)
        wanted = same_size
        if not across_categories:
            wanted = wanted & (kinds[0][rows[0]][:, None] == kinds[1][rows[1]][None])
        common = common_pixels(masks[0], masks[1], wanted)
        found.append(FrameOverlap(frame, rows[0], rows[1], areas[0], areas[1], common, same_size))
    return found


def common_pixels(a: Sequence[Mask], b: Sequence[Mask], wanted: NDArray[np.bool_]) -> Ints:
    """(n, m) pixels in both masks of each wanted pair, 0 elsewhere; crops are unpacked once."""
    common = np.zeros((len(a), len(b)), np.int64)
    if not common.size:
        return common
    boxes_a, boxes_b = (np.array([m.box or (0, 0, 0, 0) for m in side], np.int64) for side in (a, b))
    low = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    high = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    crops_a: dict[int, NDArray[np.bool_]] = {}
    crops_b: dict[int, NDArray[np.bool_]] = {}
    for i, j in np.argwhere((low < high).all(2) & wanted).tolist():
        if i not in crops_a:
            crops_a[i] = a[i].crop_bits()
        if j not in crops_b:
            crops_b[j] = b[j].crop_bits()
        (x1, y1), (x2, y2) = low[i, j].tolist(), high[i, j].tolist()
        in_a = crops_a[i][y1 - a[i].y0 : y2 - a[i].y0, x1 - a[i].x0 : x2 - a[i].x0]
        in_b = crops_b[j][y1 - b[j].y0 : y2 - b[j].y0, x1 - b[j].x0 : x2 - b[j].x0]
        common[i, j] = np.count_nonzero(in_a & in_b)
    return common


def track_ious(clip: Clip, frames: Sequence[FrameOverlap]) -> Floats:
    """(true, predicted) IoU of tracks: sum of intersections over sum of unions (paper of YouTube-VIS, Eq. 1).

    As in the official scorer, frames behind the end of a result that is too short are left out, and so are
    frames in which two masks have different sizes.
    """
    common = np.zeros((len(clip.truth), len(clip.predicted)), np.int64)
    left_out = np.zeros_like(common)
    for overlap in frames:
        pairs = np.ix_(overlap.truth, overlap.predicted)
        common[pairs] += overlap.common
        if not overlap.same_size.all():
            both = overlap.truth_areas[:, None] + overlap.predicted_areas[None]
            left_out[pairs] += np.where(overlap.same_size, 0, both)
    true_sums = np.cumsum(_areas(clip.truth, clip.length), axis=1)
    ends = [clip.length if t.length is None else min(t.length, clip.length) for t in clip.predicted]
    in_truth = np.zeros_like(common)
    for column, end in enumerate(ends):
        in_truth[:, column] = true_sums[:, end - 1] if end else 0
    either = in_truth + _areas(clip.predicted, clip.length).sum(1)[None] - common - left_out
    return common / np.maximum(either, 1)


def _by_frame(tracks: Sequence[ScoredTrack], length: int) -> list[list[int]]:
    """For each frame the rows of the tracks that are there."""
    rows: list[list[int]] = [[] for _ in range(length)]
    for row, track in enumerate(tracks):
        for frame in track.masks:
            if frame < length:
                rows[frame].append(row)
    return rows


def _areas(tracks: Sequence[ScoredTrack], length: int) -> Ints:
    areas = np.zeros((len(tracks), length), np.int64)
    for row, track in enumerate(tracks):
        for frame, area in track.areas.items():
            if frame < length:
                areas[row, frame] = area
    return areas
