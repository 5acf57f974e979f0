"""Prediction heads: one set of weights for P3..P7, one kernel per anchor (FCA, paper 3.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stmask_core.model.calibration import CalibratedConvolution, output_convolution
from stmask_core.model.config import Calibration, ModelConfig


@dataclass(frozen=True)
class LevelOutput:
    """Raw outputs of one pyramid level. Rows n = kernels*(y*w + x) + k, centerness as configured.

    mask_coefficients, embeddings: no rows when they were not asked for.
    """

    tower: Tensor  # (B, C, h, w), after ReLU: the feature temporal fusion reuses
    box_deltas: Tensor  # (B, h*w*kernels, 4)
    centerness: Tensor  # (B, h*w*kernels, 1), after tanh
    class_logits: Tensor  # (B, h*w*kernels, num_classes)
    mask_coefficients: Tensor  # (B, h*w*kernels, P), before tanh
    embeddings: Tensor  # (B, h*w*kernels, E), unit length


class PredictionHead(nn.Module):
    """Tower, four branch towers (box, track, mask, class) and their calibrated output kernels."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.centerness_order = config.centerness_order
        channels = config.head_channels
        self.upfeature = nn.Sequential(nn.Conv2d(config.fpn_channels, channels, 3, padding=1), nn.ReLU())
        self.bbox_layer = _branch(config, 4, None)
        self.track_layer = _branch(config, config.embedding, config.track_calibration)
        self.mask_layer = _branch(config, config.prototypes, config.mask_calibration)
        self.centerness_layer = _branch(config, 1, None) if config.centerness else None
        self.conf_layer = _branch(config, config.num_classes, config.class_calibration)
        self.track_extra = _tower(channels)
        self.conf_extra = _tower(channels)
        self.bbox_extra = _tower(channels)
        self.mask_extra = _tower(channels)

    def forward(self, level: Tensor, *, dense: bool = True) -> LevelOutput:
        """One pyramid map (B, C, h, w) -> its raw outputs. dense: also those of the mask and track branch."""
        tower = self.upfeature(level)
        box_features = self.bbox_extra(tower)
        deltas = [layer(box_features) for layer in self.bbox_layer]  # (B, 4, h, w) per kernel
        classes = _apply(self.conf_layer, self.conf_extra(tower), deltas)
        if dense:
            masks = rows_by_cell(_apply(self.mask_layer, self.mask_extra(tower), deltas))
            embeddings = rows_by_cell(_apply(self.track_layer, self.track_extra(tower), deltas))
        else:
            masks, embeddings = (
                tower.new_zeros(len(tower), 0, layer[0].out_channels)
                for layer in (self.mask_layer, self.track_layer)
            )
        return LevelOutput(
            tower=tower,
            box_deltas=rows_by_cell(deltas).float(),
            centerness=self._centerness(box_features),
            class_logits=rows_by_cell(classes).float(),
            mask_coefficients=masks.float(),
            embeddings=F.normalize(embeddings.float(), dim=-1),
        )

    def _centerness(self, box_features: Tensor) -> Tensor:
        """(B, h*w*kernels, 1) in -1..1; 1 everywhere for a network without the branch."""
        if self.centerness_layer is None:
            batch, _, height, width = box_features.shape
            return box_features.new_ones(batch, height * width * len(self.bbox_layer), 1)
        maps = [layer(box_features) for layer in self.centerness_layer]
        rows = rows_by_kernel(maps) if self.centerness_order == "released" else rows_by_cell(maps)
        return torch.tanh(rows.float())


def rows_by_cell(maps: list[Tensor]) -> Tensor:
    """Maps (B, n, h, w), one per kernel -> rows (B, h*w*kernels, n) ordered (y, x, kernel)."""
    return torch.stack([m.permute(0, 2, 3, 1) for m in maps], 3).flatten(1, 3)


def rows_by_kernel(maps: list[Tensor]) -> Tensor:
    """The same rows ordered (kernel, y, x): the released order of centerness.

    The released code joins its three maps along the height, yet indexes them like the other rows, so
    an anchor is scored with the centerness of another place. Released weights were trained that way.
    """
    return torch.cat([m.permute(0, 2, 3, 1) for m in maps], 1).flatten(1, 2)


def _apply(layers: nn.ModuleList, features: Tensor, deltas: list[Tensor]) -> list[Tensor]:
    """Each kernel's output map; calibrated kernels also see the box deltas of their own kernel."""
    return [
        layer(features, delta) if isinstance(layer, CalibratedConvolution) else layer(features)
        for layer, delta in zip(layers, deltas, strict=True)
    ]


def _branch(config: ModelConfig, out_channels: int, calibration: Calibration | None) -> nn.ModuleList:
    """One output kernel per anchor; without FCA all are 3x3."""
    if calibration is not None:
        return nn.ModuleList(
            CalibratedConvolution(config, calibration, kernel, out_channels) for kernel in config.kernels
        )
    return nn.ModuleList(
        output_convolution(config.head_channels, out_channels, kernel) for kernel in config.kernels
    )


def _tower(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(inplace=True),
    )
