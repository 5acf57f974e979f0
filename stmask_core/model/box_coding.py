"""Boxes on tensors: corner and centre form, the released box coding, IoU; normalised, never clipped.

The order of the float operations follows the released code, so results agree to the last bits.
"""

from __future__ import annotations

import torch
from torch import Tensor

CENTRE_VARIANCE = 0.1
SIZE_VARIANCE = 0.2
RELEASED_VARIANCES = (CENTRE_VARIANCE, SIZE_VARIANCE)
NO_VARIANCES = (1.0, 1.0)
"""What deltas of (centre, size) are multiplied by: as released, and as in the paper."""


def decode_boxes(
    deltas: Tensor, anchors_cxcywh: Tensor, variances: tuple[float, float] = RELEASED_VARIANCES
) -> Tensor:
    """Box deltas (..., 4) on anchors (..., 4) in centre form -> boxes (..., 4) xyxy (paper Eq. 2)."""
    centre, size = variances
    centres = anchors_cxcywh[..., :2] + deltas[..., :2] * centre * anchors_cxcywh[..., 2:]
    sizes = anchors_cxcywh[..., 2:] * torch.exp(deltas[..., 2:] * size)
    low = centres - sizes / 2
    return torch.cat([low, low + sizes], -1)


def encode_boxes(
    boxes_xyxy: Tensor, anchors_cxcywh: Tensor, variances: tuple[float, float] = RELEASED_VARIANCES
) -> Tensor:
    """Inverse of ``decode_boxes``: the deltas (..., 4) that move the anchors onto the boxes."""
    centre, size = variances
    centres = (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2 - anchors_cxcywh[..., :2]
    sizes = (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]) / anchors_cxcywh[..., 2:]
    return torch.cat([centres / (centre * anchors_cxcywh[..., 2:]), torch.log(sizes) / size], -1)


def corner_form(boxes_cxcywh: Tensor) -> Tensor:
    """(..., 4) cxcywh -> xyxy."""
    centres, sizes = boxes_cxcywh[..., :2], boxes_cxcywh[..., 2:]
    return torch.cat([centres - sizes / 2, centres + sizes / 2], -1)


def center_form(boxes_xyxy: Tensor) -> Tensor:
    """(..., 4) xyxy -> cxcywh."""
    low, high = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    return torch.cat([(high + low) / 2, high - low], -1)


def pairwise_iou(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """IoU of every pair, (N, 4) and (M, 4) xyxy -> (N, M); 0/0 of two empty boxes is NaN as released."""
    low = torch.max(boxes_a[:, None, :2], boxes_b[None, :, :2])
    high = torch.min(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(2)  # (N, M)
    area_a = (boxes_a[:, 2:] - boxes_a[:, :2]).prod(1)[:, None]
    area_b = (boxes_b[:, 2:] - boxes_b[:, :2]).prod(1)[None]
    return overlap / (area_a + area_b - overlap)
