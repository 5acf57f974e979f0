"""Every loss term of STMask (paper 3.3 and Eq. 14; factors and details of the released code, spec 14.3).

B frames, P pairs. A positive anchor weighs 1 / (number of positives of its frame). The total is the plain
sum of the terms. Everything is computed in 32-bit floats, whatever the network computed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stmask_core.model.box_coding import center_form, decode_boxes, encode_boxes
from stmask_core.model.mask_assembly import assemble_masks_of_frames, enlarged
from stmask_core.model.stmask import RawOutput, STMask
from stmask_core.model.temporal import fusion_map, roi_align_of_maps, sanitise_rois
from stmask_core.training.batch import PairBatch
from stmask_core.training.matching import NEGATIVES_PER_POSITIVE, Targets, match_batch, mine_background


@dataclass(frozen=True)
class LossOptions:
    """Factors of the terms (released code) and how some of them are computed."""

    box: float = 5.0
    mask: float = 6.125
    class_: float = 6.125
    centerness: float = 20.0
    carried_box: float = 5.0
    carried_mask: float = 6.125
    track: float = 5.0
    contrast: float = 0.0  # of the contrastive term of identity, which the authors have not; 0 = none
    temperature: float = 0.1  # of that term: by what cosines are divided
    mask_size: Literal["image", "prototypes"] = "image"  # where masks are compared; the latter is 16x cheaper
    most_masks: int = 0  # positives of a frame whose masks are compared, drawn at random; 0 = all
    most_carried: int = 0  # positives of a pair that are carried to its second frame; 0 = all
    released_class_weights: bool = False
    """Reproduce the released slip: weights [positives, negatives] meet losses in anchor order. For parity."""


@dataclass(frozen=True)
class Losses:
    """The weighted terms, scalars; ``targets`` and ``negatives`` for whoever wants to look."""

    terms: dict[str, Tensor]
    targets: Targets
    negatives: Tensor  # (B, A) bool

    @property
    def total(self) -> Tensor:
        """Sum of the terms."""
        return torch.stack(list(self.terms.values())).sum()


class PairLoss(nn.Module):
    """Network and loss as one module: images and truth in, losses out. What DistributedDataParallel wraps."""

    def __init__(self, network: STMask, options: LossOptions) -> None:
        super().__init__()
        self.network = network
        self.options = options

    def forward(self, batch: PairBatch) -> Losses:
        """Run both frames of every pair and compare with what is true."""
        options, fuses = self.options, self.network.config.temporal_fusion
        raw = self.network(batch.images)
        targets = match_batch(batch.truths, raw.anchors, raw.class_logits)
        negatives = mine_background(targets.labels, raw.class_logits)
        positives = Positives.of(raw, targets, batch)
        carried = carry_positives(self.network, raw, positives, batch, options) if fuses else None
        with torch.autocast(batch.images.device.type, enabled=False):
            terms = {
                "box": options.box * box_loss(positives),
                "mask": options.mask * mask_loss(raw, positives, batch, options),
                "class": options.class_ * class_loss(raw.class_logits, targets, negatives, options),
                "centerness": options.centerness * centerness_loss(raw.centerness, positives),
                "track": options.track * track_loss(raw.embeddings, positives),
            }
            if options.contrast:
                contrast = contrast_loss(raw.embeddings, positives, options.temperature)
                terms["contrast"] = options.contrast * contrast
            if carried is not None:
                box, mask = carried_losses(
                    carried, raw, positives, batch, options, self.network.config.carried_variances
                )
                terms["carried_box"] = options.carried_box * box + in_graph(self.network.TemporalNet)
                terms["carried_mask"] = options.carried_mask * mask
        return Losses(terms=terms, targets=targets, negatives=negatives)


def in_graph(module: nn.Module) -> Tensor:
    """Zero, but with a gradient for every parameter: processes that train together need one each step."""
    return torch.stack([parameter.sum() * 0 for parameter in module.parameters()]).sum()


@dataclass(frozen=True)
class Positives:
    """The N positive anchors of the batch, frame after frame, with their decoded boxes and their truth."""

    frames: Tensor  # (N,) which frame of the batch
    rows: Tensor  # (N,) which anchor
    weights: Tensor  # (N,) 1 / number of positives of the frame
    ids: Tensor  # (N,) id of the object
    objects: Tensor  # (N,) row of the object among all of the batch
    boxes: Tensor  # (N, 4) predicted, xyxy normalised
    coefficients: Tensor  # (N, P) raw mask coefficients
    true_boxes: Tensor  # (N, 4)
    count: int  # frames of the batch, B

    @classmethod
    def of(cls, raw: RawOutput, targets: Targets, batch: PairBatch) -> Positives:
        """Collect them."""
        frames, rows = targets.positive.nonzero(as_tuple=True)
        per_frame = targets.positive.sum(1)
        first_row = torch.tensor([0, *batch.objects[:-1]], device=frames.device).cumsum(0)
        objects = first_row[frames] + targets.objects[frames, rows]
        return cls(
            frames=frames,
            rows=rows,
            weights=1.0 / per_frame[frames],
            ids=targets.ids[frames, rows],
            objects=objects,
            boxes=decode_boxes(raw.box_deltas[frames, rows], raw.anchors[rows]),
            coefficients=raw.mask_coefficients[frames, rows],
            true_boxes=batch.boxes[objects],
            count=len(batch.objects),
        )


def distance_iou(boxes: Tensor, true_boxes: Tensor) -> Tensor:
    """DIoU (N,) of corresponding boxes: IoU - (centre distance / diagonal of the enclosing box)^2."""
    low, high = torch.max(boxes[:, :2], true_boxes[:, :2]), torch.min(boxes[:, 2:], true_boxes[:, 2:])
    overlap = (high - low).clamp(min=0).prod(1)
    area, true_area = ((b[:, 2:] - b[:, :2]).prod(1) for b in (boxes, true_boxes))
    iou = overlap / (area + true_area - overlap)
    centres = (boxes[:, :2] + boxes[:, 2:] - true_boxes[:, :2] - true_boxes[:, 2:]) / 2
    outer_low = torch.min(boxes[:, :2], true_boxes[:, :2])
    outer_high = torch.max(boxes[:, 2:], true_boxes[:, 2:])
    diagonal = (outer_high - outer_low).pow(2).sum(1).clamp(min=1e-10)
    return iou - centres.pow(2).sum(1) / diagonal


def box_loss(positives: Positives) -> Tensor:
    """Weighted mean over the frames of 1 - DIoU."""
    diou = distance_iou(positives.boxes, positives.true_boxes)
    return (positives.weights * (1 - diou)).sum() / positives.count


def centerness_loss(centerness: Tensor, positives: Positives) -> Tensor:
    """Centerness (B, A, 1) should be the DIoU of the box; this term also moves the boxes (released code)."""
    diou = distance_iou(positives.boxes, positives.true_boxes)
    said = centerness[positives.frames, positives.rows, 0]
    return (positives.weights * F.smooth_l1_loss(said, diou, reduction="none")).sum() / positives.count


def class_loss(class_logits: Tensor, targets: Targets, negatives: Tensor, options: LossOptions) -> Tensor:
    """Cross-entropy of positives and mined background, the background weighing three times the objects."""
    chosen = targets.positive | negatives
    labels = targets.labels[chosen]
    losses = F.cross_entropy(class_logits[chosen].float(), labels, reduction="none")
    frames = len(class_logits)
    per_frame = targets.positive.sum(1, keepdim=True).clamp(min=1)
    positive_weights = (1.0 / per_frame).expand_as(targets.labels)
    background_weight = NEGATIVES_PER_POSITIVE * frames / max(1, int(negatives.sum()))
    weights = torch.where(targets.positive, positive_weights, background_weight)
    if options.released_class_weights:
        weights = torch.cat([weights[targets.positive], weights[negatives]])
    else:
        weights = weights[chosen]
    return (weights * losses).sum() / ((1 + NEGATIVES_PER_POSITIVE) * frames)


def track_loss(embeddings: Tensor, positives: Positives) -> Tensor:
    """Embeddings of one object attract, of two objects repel, over all pairs of positives of the batch."""
    vectors = embeddings[positives.frames, positives.rows].float()
    if len(vectors) < 2:
        return embeddings.sum() * 0
    likeness = ((vectors @ vectors.T + 1) / 2).clamp(min=1e-10)  # (N, N)
    unlikeness = (1 - (vectors @ vectors.T + 1) / 2).clamp(min=1e-10)
    same = positives.ids[:, None] == positives.ids[None]
    losses = -torch.where(same, likeness, unlikeness).log()
    weights = (positives.weights[:, None] * positives.weights[None]).triu(1)
    return (weights * losses).sum() / weights.sum()


def contrast_loss(embeddings: Tensor, positives: Positives, temperature: float) -> Tensor:
    """Of two frames' views of an object, each should be told from all other objects by the other.

    For every two positives of one object in different frames: cross-entropy, over cosines / temperature, of
    choosing the second among itself and the positives of all other objects of the batch. (A contrastive
    loss as in Khosla et al. 2020 with anchors for views, but an easy view of an object does not excuse a
    hard one.) An object of a frame counts once, whatever the number of its anchors.
    """
    vectors = embeddings[positives.frames, positives.rows].float()
    same_object = positives.ids[:, None] == positives.ids[None]
    same_frame = positives.frames[:, None] == positives.frames[None]
    share = 1.0 / (same_object & same_frame).sum(1)
    asked = ~same_object.all(1)  # there is another object
    wanted = (same_object & ~same_frame)[asked]  # (n, N)
    if not wanted.any():
        return embeddings.sum() * 0
    logits = vectors[asked] @ vectors.T / temperature
    others = (logits + share.log()).masked_fill(same_object[asked], -torch.inf).logsumexp(1, keepdim=True)
    weights = wanted * share[asked, None] * share
    return (weights * F.softplus(others - logits)).sum() / weights.sum()


def mask_loss(raw: RawOutput, positives: Positives, batch: PairBatch, options: LossOptions) -> Tensor:
    """Binary cross-entropy of assembled masks, per pixel of the box, weighted mean over the frames."""
    chosen, counts = some_of_each(positives.frames, positives.count, options.most_masks)
    weights = positives.weights[chosen]
    if options.most_masks:  # those stand for all of their frame
        weights = weights.clamp(min=1 / options.most_masks)
    windows = enlarged(positives.boxes[chosen].detach())
    masks = assemble_masks_of_frames(raw.prototypes, positives.coefficients[chosen], windows, counts)
    losses, size = mask_entropy(masks, batch.masks, positives.objects[chosen], options)
    extent = (windows[:, 2:] - windows[:, :2]) * windows.new_tensor(size[::-1])  # width, height in pixels
    return (weights * losses / extent.clamp(min=1).prod(1)).sum() / positives.count


def members(groups: Tensor, count: int) -> Tensor:
    """How many of the numbers ``groups`` (N,) are each of 0 .. count - 1: (count,)."""
    return (groups == torch.arange(count, device=groups.device)[:, None]).sum(1)


def some_of_each(groups: Tensor, count: int, most: int) -> tuple[Tensor, list[int]]:
    """Rows of the sorted ``groups`` (N,), at random at most so many of each of 0 .. count - 1; 0 = all.

    Also how many of each there are. The rows are still sorted by their group.
    """
    sizes = members(groups, count)
    if not most:
        return torch.arange(len(groups), device=groups.device), sizes.tolist()
    shuffled = (groups + torch.rand(len(groups), device=groups.device, dtype=torch.float64)).argsort()
    place = torch.arange(len(groups), device=groups.device) - (sizes.cumsum(0) - sizes)[groups]
    return shuffled[place < most], sizes.clamp(max=most).tolist()


def mask_entropy(
    masks: Tensor, true_masks: Tensor, objects: Tensor, options: LossOptions
) -> tuple[Tensor, tuple[int, int]]:
    """Cross-entropy (N,) summed over all pixels, and the (height, width) it was summed over.

    masks: (N, Hp, Wp) soft. true_masks: (n, H, W), of which row ``objects[i]`` belongs to mask i.
    Pixels of the object outside a mask's window cost 100 each, without a gradient (released code).
    """
    if options.mask_size == "image":
        size = (true_masks.shape[1], true_masks.shape[2])
        masks = F.interpolate(masks[:, None], size, mode="bilinear", align_corners=False)[:, 0].clamp(0, 1)
        wanted = true_masks[objects].to(masks.dtype)
    else:
        size = (masks.shape[1], masks.shape[2])
        # Shares, not halves rounded to 0 or 1: only so is the edge, enlarged to the image, where it belongs.
        wanted = F.interpolate(true_masks[:, None].to(masks.dtype), size, mode="area")[objects, 0]
    return F.binary_cross_entropy(masks, wanted, reduction="none").sum((1, 2)), size


@dataclass(frozen=True)
class Carried:
    """m positives of first frames whose object is also in the second, as the network carries them."""

    chosen: Tensor  # (m,) rows of the positives
    objects: Tensor  # (m,) rows of the objects in the second frames, among all of the batch
    pairs: Tensor  # (m,) which pair, ascending
    counts: list[int]  # how many of each pair
    deltas: Tensor  # (m, 4) predicted motion of the box
    coefficient_deltas: Tensor  # (m, P)


def carry_positives(
    network: STMask, raw: RawOutput, positives: Positives, batch: PairBatch, options: LossOptions
) -> Carried:
    """Temporal fusion on the positives of every pair that has any in both frames.

    The RoI is the predicted box, which gets no gradient from here (released code).
    """
    fused = fusion_map(
        raw.correlation_map[0::2],
        raw.correlation_map[1::2],
        raw.tower_features[0::2],
        raw.tower_features[1::2],
        network.config.correlation_patch,
    )
    frame_of = torch.arange(positives.count, device=fused.device).repeat_interleave(
        torch.tensor(batch.objects, device=fused.device), output_size=len(batch.boxes)
    )
    later = (positives.frames % 2 == 0)[:, None] & (frame_of == positives.frames[:, None] + 1)
    found = later & (positives.ids[:, None] == batch.ids)  # (N, objects of the batch)
    chosen, objects = found.nonzero(as_tuple=True)
    kept, counts = some_of_each(positives.frames[chosen] // 2, batch.pairs, options.most_carried)
    chosen, objects = chosen[kept], objects[kept]
    rois = sanitise_rois(positives.boxes[chosen].detach(), fused.shape[2], fused.shape[3])
    deltas, coefficient_deltas = network.TemporalNet(roi_align_of_maps(fused, rois, counts))
    return Carried(
        chosen=chosen,
        objects=objects,
        pairs=positives.frames[chosen] // 2,
        counts=counts,
        deltas=deltas.float(),
        coefficient_deltas=coefficient_deltas.float(),
    )


def carried_losses(
    carried: Carried,
    raw: RawOutput,
    positives: Positives,
    batch: PairBatch,
    options: LossOptions,
    variances: tuple[float, float],
) -> tuple[Tensor, Tensor]:
    """Box and mask of objects of each pair's first frame, carried to the second (paper 3.2, Eq. 14).

    As released, the box target is coded against the true box of the first frame although the prediction
    starts from the predicted one, and no gradient reaches coefficients and prototypes.
    """
    true_boxes = batch.boxes[carried.objects]
    wanted = encode_boxes(true_boxes, center_form(positives.true_boxes[carried.chosen]), variances)
    boxes = F.smooth_l1_loss(carried.deltas, wanted, reduction="none").sum(1)
    coefficients = positives.coefficients[carried.chosen].detach() + carried.coefficient_deltas
    prototypes = raw.prototypes[1::2].detach()
    masks = assemble_masks_of_frames(prototypes, coefficients, true_boxes, carried.counts)
    losses, size = mask_entropy(masks, batch.masks, carried.objects, options)
    area = (true_boxes[:, 2:] - true_boxes[:, :2]).prod(1) * size[0] * size[1]
    weights = 1 / members(carried.pairs, batch.pairs)[carried.pairs] / batch.pairs  # each pair counts once
    return (weights * boxes).sum(), (weights * losses / area).sum()
