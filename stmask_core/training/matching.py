"""Which anchor answers for which object, and which background anchors count (spec 14.2 and 14.3, class term).

No gradient flows through anything here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stmask_core.model.box_coding import corner_form, pairwise_iou
from stmask_core.training.batch import FrameTruth

POSITIVE_IOU = 0.5
BACKGROUND_IOU = 0.4
AMBIGUOUS_IOU = 0.45
"""Given to anchors that overlap two objects: between the two thresholds, so ignored."""
FORCED = 2.0
"""Above every threshold: the best anchor of an object is positive whatever its IoU."""
NEGATIVES_PER_POSITIVE = 3


@dataclass(frozen=True)
class Targets:
    """What every anchor of every frame should say."""

    labels: Tensor  # (B, A) int64: category 1..K, 0 background, -1 ignored
    ids: Tensor  # (B, A) int64: id of the object, 0 where not positive
    objects: Tensor  # (B, A) int64: row of the object in the frame's truth, also where not positive

    @property
    def positive(self) -> Tensor:
        """(B, A) bool."""
        return self.labels > 0


@torch.no_grad()
def match_batch(truths: tuple[FrameTruth, ...], anchors_cxcywh: Tensor, class_logits: Tensor) -> Targets:
    """Targets of every frame. anchors: (A, 4). class_logits: (B, A, K+1)."""
    frames = [
        match_frame(truth, anchors_cxcywh, logits) for truth, logits in zip(truths, class_logits, strict=True)
    ]
    labels, ids, objects = (torch.stack(column) for column in zip(*frames, strict=True))
    return Targets(labels=labels, ids=ids, objects=objects)


def match_frame(truth: FrameTruth, anchors_cxcywh: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Labels, ids and object rows (A,) of one frame; all background when it has no object.

    The thresholds rise with how well the overlapping anchors already name their object (released code;
    not in the paper), so training narrows down to the anchors that classify well.
    """
    count = len(anchors_cxcywh)
    if not len(truth.boxes):
        empty = torch.zeros(count, dtype=torch.int64, device=logits.device)
        return empty, empty.clone(), empty.clone()
    overlaps = pairwise_iou(truth.boxes, corner_form(anchors_cxcywh))  # (n, A)
    value, objects = overlaps.max(0)
    value = torch.where((overlaps > BACKGROUND_IOU).sum(0) >= 2, AMBIGUOUS_IOU, value)
    candidates = value > POSITIVE_IOU
    lift = 0.0
    if candidates.any():
        wanted = truth.labels[objects[candidates]]
        chance = logits[candidates].float().softmax(-1).gather(1, wanted[:, None])[:, 0]
        reward = 2 * chance / (1 + chance)
        value[candidates] += reward
        lift = float(reward.mean())
    for row, anchor in best_anchor_of_each(overlaps):
        value[anchor] = FORCED
        objects[anchor] = row
    positive = value >= POSITIVE_IOU + lift
    labels = torch.where(positive, truth.labels[objects], -1)
    labels = torch.where(value < BACKGROUND_IOU + lift, 0, labels)
    return labels, torch.where(positive, truth.ids[objects], 0), objects


def best_anchor_of_each(overlaps: Tensor) -> list[tuple[int, int]]:
    """(object, anchor) for every object of ``overlaps`` (n, A), the globally best pair first.

    An anchor serves one object only.
    """
    left = overlaps.clone()
    pairs = []
    for _ in range(min(left.shape)):
        row, anchor = divmod(int(left.argmax()), left.shape[1])
        pairs.append((row, anchor))
        left[row] = -1
        left[:, anchor] = -1
    return pairs


@torch.no_grad()
def mine_background(labels: Tensor, class_logits: Tensor) -> Tensor:
    """The background anchors (B, A) bool that most look like an object: three per positive of the batch."""
    positives = int((labels > 0).sum())
    wanted = min(NEGATIVES_PER_POSITIVE * positives, labels.numel() - 1)
    logits = class_logits.float()
    doubt = torch.logsumexp(logits, -1) - logits[..., 0]
    doubt = torch.where(labels == 0, doubt, -1.0).flatten()  # of a background anchor it is never negative
    chosen = torch.zeros_like(doubt, dtype=torch.bool)
    chosen[doubt.topk(wanted).indices] = True
    return chosen.view_as(labels) & (labels == 0)
