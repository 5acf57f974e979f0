"""Door 2: dense outputs become detections, and soft masks masks of the image (spec sections 8, 9, 12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stmask_core.model.box_coding import decode_boxes, pairwise_iou
from stmask_core.model.mask_assembly import assemble_masks
from stmask_core.model.stmask import RawOutput
from stmask_core.structures.detections import Detections, Floats
from stmask_core.structures.evidence import Suppressed
from stmask_core.structures.letterbox import FrameLayout
from stmask_core.structures.masks import Mask

Suppression = Literal["cross_class", "per_class", "greedy"]
SUPPRESSIONS: tuple[Suppression, ...] = get_args(Suppression)

MASK_THRESHOLD = 0.5
MOST_SUPPRESSED = 8  # kept of a frame
CONSIDERED = 24  # best suppressed candidates that are looked at for these
SAME_BOX_IOU = 0.8  # not looked at: a box that is as like a kept one
SAME_MASK_IOU = 0.7  # a suppressed mask that is as like a kept one is the same object found twice


@dataclass(frozen=True)
class DetectionSettings:
    """How detections are chosen; defaults are the released code's.

    suppression: fast NMS over all classes at once, or per class (README's "mAP*"); in both a dropped box
    still drops others. "greedy" is the ordinary one over all classes, the paper's. min_class_score: on the
    class probability alone, before centerness. candidates: best so many enter fast NMS. most: kept at the end
    by the per-class and the greedy one. require_score: per-class only, on the score with centerness.
    """

    suppression: Suppression = "cross_class"
    min_class_score: float = 0.05
    max_iou: float = 0.5
    candidates: int = 200
    most: int = 100
    require_score: float = 0.05


def detect(raw: RawOutput, row: int, settings: DetectionSettings) -> Detections:
    """Detections of frame ``row`` of a batch, best first."""
    return _Candidates(raw, row, settings).detections()


def detect_and_suppress(
    raw: RawOutput, row: int, settings: DetectionSettings, layout: FrameLayout
) -> tuple[Detections, tuple[Suppressed, ...]]:
    """What ``detect`` gives, and what suppression dropped that is no second mask of the same object.

    Of the dropped: at most ``MOST_SUPPRESSED``, best first, whose masks have an IoU under ``SAME_MASK_IOU``
    with every detection and with each other, and whose score could be shown.
    """
    candidates = _Candidates(raw, row, settings)
    found = candidates.detections()
    return found, candidates.suppressed(found, layout)


class _Candidates:
    """Anchors of one frame that hold something: boxes, probabilities, and what suppression keeps of them."""

    def __init__(self, raw: RawOutput, row: int, settings: DetectionSettings) -> None:
        self._raw, self._row, self._settings = raw, row, settings
        probabilities = raw.class_logits[row].softmax(-1)[:, 1:]  # (A, K)
        best, _ = probabilities.max(1)
        self._anchors = (best > settings.min_class_score).nonzero()[:, 0]
        self._probabilities = probabilities[self._anchors]
        self._centerness = raw.centerness[row][self._anchors][:, 0]
        self._boxes = decode_boxes(raw.box_deltas[row][self._anchors], raw.anchors[self._anchors])
        choose = {"cross_class": _cross_class, "per_class": _per_class, "greedy": _greedy}[
            settings.suppression
        ]
        self._kept, self._classes, self._scores = choose(
            self._boxes, self._probabilities, self._centerness, settings
        )

    def detections(self) -> Detections:
        """What suppression keeps, best first."""
        raw, row, kept = self._raw, self._row, self._kept
        boxes, (coefficients, embeddings) = self._boxes[kept], raw.described(row, self._anchors[kept])
        masks = assemble_masks(raw.prototypes[row], coefficients, boxes, raw.mask_windows)
        return Detections(
            boxes=_array(boxes),
            classes=self._classes.cpu().numpy() + 1,
            scores=_array(self._scores),
            centerness=_array(self._centerness[kept]),
            coefficients=_array(coefficients),
            embeddings=_array(embeddings),
            masks=_array(masks),
        )

    def suppressed(self, found: Detections, layout: FrameLayout) -> tuple[Suppressed, ...]:
        """See ``detect_and_suppress``. found: what ``detections`` gave."""
        if not len(self._boxes):
            return ()
        best, classes = self._probabilities.max(1)
        scores = best * self._centerness
        scores[self._kept] = -1.0
        order = scores.argsort(descending=True, stable=True)[: self._settings.candidates]
        order = order[scores[order] > self._settings.require_score]
        alike = pairwise_iou(self._boxes[order], self._boxes[self._kept])
        order = order[(alike <= SAME_BOX_IOU).all(1)][:CONSIDERED]
        coefficients, _ = self._raw.described(self._row, self._anchors[order])
        raw, boxes = self._raw, self._boxes[order]
        soft = _array(assemble_masks(raw.prototypes[self._row], coefficients, boxes, raw.mask_windows))
        bits = np.concatenate([found.masks, soft]).reshape(len(found) + len(soft), -1) > MASK_THRESHOLD
        cells = bits.astype(np.float32)
        common, areas = cells @ cells[len(found) :].T, cells.sum(1)  # exact: counts below 2**24
        ious = common / np.maximum(areas[:, None] + areas[None, len(found) :] - common, 1)
        told = list(range(len(found)))
        kept: list[int] = []
        for place in range(len(soft)):
            if len(kept) == MOST_SUPPRESSED:
                break
            if areas[len(found) + place] and ious[told, place].max(initial=0) < SAME_MASK_IOU:
                told.append(len(found) + place)
                kept.append(place)
        numbers, worth = classes[order].cpu().numpy() + 1, _array(scores[order])
        return tuple(
            Suppressed(image_mask(soft[place], layout), int(numbers[place]), float(worth[place]))
            for place in kept
        )


def _cross_class(
    boxes: Tensor, probabilities: Tensor, centerness: Tensor, settings: DetectionSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """(rows kept, class of each from 0, score of each), best first, whatever the class."""
    scores, classes = _best_class(probabilities, centerness)
    order = scores.argsort(descending=True, stable=True)[: settings.candidates]
    kept = order[_not_covered(boxes[order], settings.max_iou)]
    return kept, classes[kept], scores[kept]


def _greedy(
    boxes: Tensor, probabilities: Tensor, centerness: Tensor, settings: DetectionSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """The same, but only a box that is kept drops others, and the best ``most`` are kept."""
    scores, classes = _best_class(probabilities, centerness)
    left = scores.argsort(descending=True, stable=True)
    kept: list[Tensor] = []
    while len(left) and len(kept) < settings.most:
        kept.append(left[0])
        overlap = pairwise_iou(boxes[left[:1]], boxes[left[1:]])[0]
        left = left[1:][overlap <= settings.max_iou]
    rows = torch.stack(kept) if kept else left
    return rows, classes[rows], scores[rows]


def _best_class(probabilities: Tensor, centerness: Tensor) -> tuple[Tensor, Tensor]:
    """Score with centerness, and number from 0, of each row's likeliest class."""
    if not len(probabilities):
        return centerness, centerness.long()
    best, classes = probabilities.max(1)
    return best * centerness, classes


def _per_class(
    boxes: Tensor, probabilities: Tensor, centerness: Tensor, settings: DetectionSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """The same with every class on its own; a row may come back under several classes."""
    scores = probabilities * centerness[:, None]
    rows, classes, values = [], [], []
    for number in range(scores.shape[1] if len(boxes) else 0):
        of_class = scores[:, number]
        order = of_class.argsort(descending=True, stable=True)[: settings.candidates]
        free = _not_covered(boxes[order], settings.max_iou) & (of_class[order] > settings.require_score)
        rows.append(order[free])
        values.append(of_class[order][free])
        classes.append(torch.full_like(order[free], number))
    if not rows:
        none = torch.zeros(0, dtype=torch.long, device=boxes.device)
        return none, none, centerness[:0]
    found, of, value = torch.cat(rows), torch.cat(classes), torch.cat(values)
    order = value.argsort(descending=True, stable=True)[: settings.most]
    return found[order], of[order], value[order]


def _not_covered(boxes: Tensor, max_iou: float) -> Tensor:
    """Fast NMS: a box goes when any better one overlaps it, even one that goes itself. boxes: best first."""
    if not len(boxes):
        return torch.zeros(0, dtype=torch.bool, device=boxes.device)
    overlap = pairwise_iou(boxes, boxes).triu(diagonal=1)
    return overlap.amax(0) <= max_iou


def _array(values: Tensor) -> Floats:
    return values.float().cpu().numpy()


def in_picture(boxes: Floats, layout: FrameLayout) -> NDArray[np.bool_]:
    """(N,) False where a box's centre lies in the padding (released code)."""
    high, wide = layout.used
    return ((boxes[:, 0] + boxes[:, 2]) / 2 <= wide) & ((boxes[:, 1] + boxes[:, 3]) / 2 <= high)


def image_mask(soft: Floats, layout: FrameLayout) -> Mask:
    """One soft mask (Hp, Wp) as a mask of the image: padding cut off, bilinear, more than 0.5.

    Only the pixels that a cell above the threshold can reach are computed; they are those of
    ``interpolate(..., mode="bilinear", align_corners=False)`` on the whole mask.
    """
    height, width = layout.source
    rows, columns = int(layout.used[0] * soft.shape[0]), int(layout.used[1] * soft.shape[1])
    soft = soft[:rows, :columns]
    above: NDArray[np.bool_] = soft > MASK_THRESHOLD
    if not above.any():
        return Mask.empty(height, width)
    y, y_low, y_high, y_share = _samples(np.asarray(above.any(1)), height)
    x, x_low, x_high, x_share = _samples(np.asarray(above.any(0)), width)
    top, bottom = y_low[0], y_high[-1] + 1
    part = soft[top:bottom]
    across = part[:, x_low] * (1 - x_share) + part[:, x_high] * x_share
    share = y_share[:, None]
    full = across[y_low - top] * (1 - share) + across[y_high - top] * share
    return Mask.from_crop(full > MASK_THRESHOLD, y0=int(y[0]), x0=int(x[0]), height=height, width=width)


def _samples(touched: NDArray[np.bool_], size: int) -> tuple[NDArray, NDArray, NDArray, Floats]:
    """Pixels of an axis that touched cells reach, the two cells each lies between, the second's share."""
    cells = len(touched)
    position = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(cells / size) - np.float32(
        0.5
    )
    position = np.maximum(position, np.float32(0))
    low = np.minimum(position.astype(np.int64), cells - 1)
    high = np.minimum(low + 1, cells - 1)
    share = (position - low.astype(np.float32)).astype(np.float32)
    first, last = int(np.argmax(touched)), cells - 1 - int(np.argmax(touched[::-1]))
    pixels = np.flatnonzero((high >= first) & (low <= last))
    return pixels, low[pixels], high[pixels], share[pixels]
