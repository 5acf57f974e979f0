"""Which anchor answers for which object, and which background anchors count (spec 14.2 and 14.3, class term).

No gradient flows through anything here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from stmask_core.model.box_coding import corner_form, pairwise_iou
from stmask_core.training.batch import FrameTruth

POSITIVE_IOU = 0.5
BACKGROUND_IOU = 0.4
AMBIGUOUS_IOU = 0.45
"""Given to anchors that overlap two objects: between the two thresholds, so ignored."""
FORCED = 2.0
"""Above every threshold: the best anchor of an object is positive whatever its IoU."""
ABSENT, TAKEN = -1.0, -2.0
"""Below every overlap: of objects that a frame has not; of objects and anchors that have each other."""
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
    """Targets of every frame. anchors: (A, 4). class_logits: (B, A, K+1).

    The thresholds rise with how well the overlapping anchors of a frame already name their object (released
    code; not in the paper), so training narrows down to the anchors that classify well.
    """
    counts = torch.tensor([len(truth.boxes) for truth in truths], device=class_logits.device)
    boxes, true_labels, true_ids = (
        pad_sequence(rows, batch_first=True)  # (B, n, ...), n objects in the fullest frame
        for rows in ([t.boxes for t in truths], [t.labels for t in truths], [t.ids for t in truths])
    )
    frames, most = true_labels.shape
    if not most:
        nothing = torch.zeros_like(class_logits[..., 0], dtype=torch.int64)
        return Targets(labels=nothing, ids=nothing.clone(), objects=nothing.clone())
    overlaps = pairwise_iou(boxes.flatten(0, 1), corner_form(anchors_cxcywh)).view(frames, most, -1)
    absent = torch.arange(most, device=counts.device) >= counts[:, None]
    overlaps = overlaps.masked_fill(absent[:, :, None], ABSENT)
    value, objects = overlaps.max(1)  # (B, A)
    value = torch.where((overlaps > BACKGROUND_IOU).sum(1) >= 2, AMBIGUOUS_IOU, value)
    candidates = value > POSITIVE_IOU
    wanted = true_labels.gather(1, objects)
    chance = class_logits.float().softmax(-1).gather(-1, wanted[..., None])[..., 0]
    reward = torch.where(candidates, 2 * chance / (1 + chance), 0.0)
    lift = reward.sum(1, keepdim=True) / candidates.sum(1, keepdim=True).clamp(min=1)
    value += reward
    every = torch.arange(frames, device=counts.device)
    for place, (rows, anchors) in enumerate(best_anchor_of_each(overlaps)):
        served = place < counts.clamp(max=len(anchors_cxcywh))
        value[every, anchors] = torch.where(served, FORCED, value[every, anchors])
        objects[every, anchors] = torch.where(served, rows, objects[every, anchors])
    positive = value >= POSITIVE_IOU + lift
    labels = torch.where(positive, true_labels.gather(1, objects), -1)
    labels = torch.where(value < BACKGROUND_IOU + lift, 0, labels)
    return Targets(labels, torch.where(positive, true_ids.gather(1, objects), 0), objects)


def best_anchor_of_each(overlaps: Tensor) -> list[tuple[Tensor, Tensor]]:
    """For every object of ``overlaps`` (B, n, A) its (object (B,), anchor (B,)), a frame's best pair first.

    An anchor serves one object only. A frame with fewer than n objects says nothing of use after its last.
    """
    frames, most, anchors = overlaps.shape
    left = overlaps.clone()
    every = torch.arange(frames, device=left.device)
    pairs = []
    for _ in range(min(most, anchors)):
        best = left.flatten(1).argmax(1)
        row, anchor = best // anchors, best % anchors
        pairs.append((row, anchor))
        left[every, row] = TAKEN
        left[every, :, anchor] = TAKEN
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
