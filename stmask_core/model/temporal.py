"""Temporal fusion (paper 3.2, spec section 10): how last frame's tracks move into this frame."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stmask_core.model.config import ModelConfig

ROI_SIZE = 7
_ROIS_AT_ONCE = 16  # bounds the memory of pooling; the result does not depend on it


def correlate(previous: Tensor, current: Tensor, patch: int) -> Tensor:
    """Similarity of each cell of ``previous`` to the patch x patch cells around it in ``current``.

    Both (B, C, h, w) -> (B, patch*patch, h, w): channel patch*i + j compares cell (y, x) with cell
    (y + i - r, x + j - r), r = patch // 2, zero outside; mean over channels, leaky ReLU 0.1 (released code).
    One row of cells against one row of cells is a matrix product; its diagonals are the answer.
    """
    batch, channels, height, width = previous.shape
    radius = patch // 2
    rows = previous.permute(0, 2, 3, 1)  # (B, h, w, C)
    padded = F.pad(current, (radius, radius, radius, radius)).permute(0, 2, 1, 3)  # (B, h+2r, C, w+2r)
    x = torch.arange(width, device=previous.device)[:, None]
    diagonal = (x + torch.arange(patch, device=previous.device)).expand(batch, height, width, patch)
    shifts = [
        torch.matmul(rows, padded[:, i : i + height]).gather(3, diagonal)  # (B, h, w, patch)
        for i in range(patch)
    ]
    similarity = torch.cat(shifts, 3).permute(0, 3, 1, 2) / channels
    return F.leaky_relu(similarity, 0.1)


def sanitise_rois(boxes: Tensor, height: int, width: int) -> Tensor:
    """Normalised xyxy boxes (M, 4) -> cells of a map; low bound clamped to 0, high bound to the map.

    Only these two clamps (released code): a box outside the map gets a negative extent and pools to zero.
    """
    x1, x2 = _sanitise_axis(boxes[:, 0], boxes[:, 2], width)
    y1, y2 = _sanitise_axis(boxes[:, 1], boxes[:, 3], height)
    return torch.stack([x1, y1, x2, y2], 1)


def _sanitise_axis(start: Tensor, stop: Tensor, size: int) -> tuple[Tensor, Tensor]:
    start, stop = start * size, stop * size
    return torch.minimum(start, stop).clamp(min=0), torch.maximum(start, stop).clamp(max=size)


def roi_align(features: Tensor, rois: Tensor, size: int = ROI_SIZE) -> Tensor:
    """Average RoIAlign of one map (C, h, w) at rois (M, 4) xyxy in cells -> (M, C, size, size).

    Half-pixel aligned; ceil(extent / size) samples per bin and axis; a sample outside the map by more than a
    cell counts as 0. The average of a grid of bilinear samples splits into a product over y and one over x.
    """
    return roi_align_of_maps(features[None], rois, [len(rois)], size)


def roi_align_of_maps(features: Tensor, rois: Tensor, counts: Sequence[int], size: int = ROI_SIZE) -> Tensor:
    """The same for B maps (B, C, h, w): the first ``counts[0]`` rois are of the first map."""
    channels, height, width = features.shape[1:]
    rows = _bin_weights(rois[:, 1], rois[:, 3], height, size).to(features.dtype)  # (M, size, h)
    columns = _bin_weights(rois[:, 0], rois[:, 2], width, size).to(features.dtype)  # (M, size, w)
    pooled = []
    for map_, map_rows, map_columns in zip(
        features, rows.split(list(counts)), columns.split(list(counts)), strict=True
    ):
        by_row = map_.permute(1, 2, 0).reshape(height, width * channels)
        for some_rows, some_columns in zip(
            map_rows.split(_ROIS_AT_ONCE), map_columns.split(_ROIS_AT_ONCE), strict=True
        ):
            lines = (some_rows.reshape(-1, height) @ by_row).view(-1, size, width, channels)
            pooled.append(torch.matmul(some_columns[:, None], lines))  # (m, size, size, C)
    if not len(rois):
        return features.new_zeros(0, channels, size, size)
    return torch.cat(pooled).permute(0, 3, 1, 2)


def _bin_weights(start: Tensor, stop: Tensor, length: int, size: int) -> Tensor:
    """How much each cell of an axis contributes to each bin: (M, size, length)."""
    start, stop = start.float(), stop.float()
    bin_length = (stop - start) / size
    count = torch.ceil(bin_length).clamp(min=0)  # samples per bin
    most = int(count.max()) if len(count) else 0
    sample = torch.arange(most, device=start.device)
    inside_bin = (sample + 0.5) / count.clamp(min=1)[:, None]  # (M, most), in bins
    bins = torch.arange(size, device=start.device)[None, :, None]
    position = (start - 0.5)[:, None, None] + (bins + inside_bin[:, None]) * bin_length[:, None, None]
    used = (sample < count[:, None])[:, None] & (position >= -1) & (position <= length)
    cells = torch.arange(length, device=start.device)
    distance = (position.clamp(0, length - 1)[..., None] - cells).abs()
    weights = (1 - distance).clamp(min=0) * used[..., None]  # (M, size, most, length)
    return weights.sum(2) / count.clamp(min=1)[:, None, None]


class TemporalNet(nn.Module):
    """RoI features -> box deltas and coefficient deltas of each track (paper Fig. 5)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        first, second, third = config.temporal_channels
        self.conv1 = nn.Conv2d(config.temporal_input_channels, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.conv3 = nn.Conv2d(second, third, 3, padding=1)
        self.fc = nn.Linear(third, 4)
        self.fc_coeff = nn.Linear(third, config.prototypes)

    def forward(self, rois: Tensor) -> tuple[Tensor, Tensor]:
        """(M, C, 7, 7) -> box deltas (M, 4), coefficient deltas (M, P), both linear."""
        x = F.relu(self.conv1(rois))
        x = F.relu(self.conv2(x))
        x = F.relu(self.conv3(x)).mean((2, 3))  # (M, third)
        return self.fc(x), self.fc_coeff(x)


def fusion_map(
    previous_map: Tensor, current_map: Tensor, previous_tower: Tensor, current_tower: Tensor, patch: int
) -> Tensor:
    """What TemporalNet pools from: correlation, previous tower, current tower; ReLU over all (released code).

    Maps (B, C, h, w) of both frames -> (B, patch*patch + 2*C, h, w).
    """
    correlation = correlate(previous_map, current_map, patch)
    return F.relu(torch.cat([correlation, previous_tower, current_tower], 1))
