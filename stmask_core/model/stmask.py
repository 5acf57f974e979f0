"""START HERE. STMask from top to bottom: one frame in ``forward``, from frame to frame in ``carry``.

Paper sections 3.1 and 3.2; parameter names, shapes and order are those of the released checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stmask_core.model.anchors import pyramid_anchors
from stmask_core.model.backbones import build_backbone
from stmask_core.model.box_coding import center_form, decode_boxes
from stmask_core.model.config import MaskWindows, ModelConfig
from stmask_core.model.fpn import FeaturePyramid, Pyramid, prototype_net
from stmask_core.model.heads import PredictionHead
from stmask_core.model.local_branches import LocalBranches, can_be_local
from stmask_core.model.temporal import TemporalNet, fusion_map, roi_align, sanitise_rois

TRACKS_AT_ONCE = 64  # bounds the memory of temporal fusion: released tracks are never forgotten


@dataclass(frozen=True)
class FrameFeatures:
    """What temporal fusion keeps of a frame."""

    pyramid_map: Tensor  # (1, C, h, w): P4 in the released networks
    tower: Tensor  # (1, C, h, w): what is pooled beside it, see ``RawOutput.tower_features``


@dataclass(frozen=True)
class RawOutput:
    """Dense outputs of a batch of frames, before softmax, tanh of coefficients, or any selection.

    Rows: levels P3..P7, (y, x, kernel) inside a level; centerness in the released order (kernel, y, x)
    unless the configuration says otherwise, and used at the same row all the same.
    """

    box_deltas: Tensor  # (B, A, 4)
    class_logits: Tensor  # (B, A, K+1), column 0 is the background
    centerness: Tensor  # (B, A, 1), after tanh
    mask_coefficients: Tensor  # (B, A, P), raw
    embeddings: Tensor  # (B, A, E), unit length
    prototypes: Tensor  # (B, Hp, Wp, P), after ReLU
    anchors: Tensor  # (A, 4) cxcywh in [0, 1]
    pyramid: Pyramid  # P3..P7, (B, C, h, w)
    tower_features: (
        Tensor  # (B, C, h, w), head tower at the correlation level; as in the paper: its pyramid map
    )
    correlation_map: Tensor  # (B, C, h, w), the pyramid map of the correlation level
    mask_windows: MaskWindows = "released"  # which of ``assemble_masks`` the configuration asks for
    local: LocalBranches | None = None  # when coefficients and embeddings have no rows: looks them up

    def described(self, row: int, anchors: Tensor) -> tuple[Tensor, Tensor]:
        """(mask coefficients (N, P), embeddings (N, E)) of anchors (N,), by number, of frame ``row``."""
        if self.local is not None:
            return self.local.of(row, anchors)
        return self.mask_coefficients[row][anchors], self.embeddings[row][anchors]

    def frame_features(self, index: int) -> FrameFeatures:
        """What ``STMask.carry`` needs of frame ``index`` of the batch."""
        rows = slice(index, index + 1)
        return FrameFeatures(pyramid_map=self.correlation_map[rows], tower=self.tower_features[rows])


class STMask(nn.Module):
    """The whole network. ``state_dict()`` has the released keys."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        backbone = build_backbone(config)
        self.backbone = backbone
        self.proto_net = prototype_net(config)
        self.fpn = FeaturePyramid(config, backbone.channels)  # type: ignore[arg-type]
        self.prediction_layers = nn.ModuleList([PredictionHead(config)])
        if config.temporal_fusion:
            self.TemporalNet = TemporalNet(config)

    def forward(self, images: Tensor, *, dense: bool = True) -> RawOutput:
        """Normalised images (B, 3, H, W), H and W multiples of 32 -> raw outputs.

        dense: off leaves coefficients and embeddings to ``RawOutput.described``, where the head allows it.
        """
        dtype = next(self.fpn.parameters()).dtype  # float32, or what optimise_for_inference chose
        pyramid = self.fpn(*self.backbone(images.to(dtype)))
        prototypes = F.relu(self.proto_net(pyramid[0])).permute(0, 2, 3, 1).float()  # (B, Hp, Wp, P)
        head = self.prediction_layers[0]
        assert isinstance(head, PredictionHead)
        dense = dense or not can_be_local(head)
        levels = [head(level, dense=dense) for level in pyramid]
        sizes = tuple((level.shape[2], level.shape[3]) for level in pyramid)
        chosen = self.config.correlation_level
        pools_tower = self.config.temporal_features == "tower"
        return RawOutput(
            box_deltas=torch.cat([level.box_deltas for level in levels], 1),
            class_logits=torch.cat([level.class_logits for level in levels], 1),
            centerness=torch.cat([level.centerness for level in levels], 1),
            mask_coefficients=torch.cat([level.mask_coefficients for level in levels], 1),
            embeddings=torch.cat([level.embeddings for level in levels], 1),
            prototypes=prototypes,
            anchors=pyramid_anchors(sizes, self.config.shapes_of_anchors, str(images.device)),
            pyramid=pyramid,
            tower_features=levels[chosen].tower if pools_tower else pyramid[chosen],
            correlation_map=pyramid[chosen],
            mask_windows=self.config.mask_windows,
            local=None if dense else LocalBranches(head, tuple(level.tower for level in levels)),
        )

    def carry(
        self, previous: FrameFeatures, current: FrameFeatures, boxes: Tensor, coefficients: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Where the tracks of the previous frame are in the current one (paper Eq. 10-13).

        boxes: (M, 4) xyxy normalised. coefficients: (M, P) raw. Returns both for the current frame.
        """
        fused = fusion_map(
            previous.pyramid_map,
            current.pyramid_map,
            previous.tower,
            current.tower,
            self.config.correlation_patch,
        )
        rois = sanitise_rois(boxes, fused.shape[2], fused.shape[3])
        some = [self.TemporalNet(roi_align(fused[0], part)) for part in rois.split(TRACKS_AT_ONCE)]
        deltas, coefficient_deltas = (torch.cat(parts) for parts in zip(*some, strict=True))
        moved = decode_boxes(deltas.float(), center_form(boxes), self.config.carried_variances)
        return moved, coefficients + coefficient_deltas.float()
