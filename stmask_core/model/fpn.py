"""Feature pyramid with two extra levels (spec section 4) and the prototype network on its finest level."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from stmask_core.model.config import ModelConfig

Pyramid = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


class FeaturePyramid(nn.Module):
    """C3, C4, C5 -> P3..P7. Released: ReLU on P3 to P5, none on P6 and P7."""

    def __init__(self, config: ModelConfig, in_channels: tuple[int, int, int]) -> None:
        super().__init__()
        channels = config.fpn_channels
        self.lat_layers = nn.ModuleList(nn.Conv2d(c, channels, 1) for c in reversed(in_channels))
        self.pred_layers = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3))
        self.downsample_layers = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, stride=2, padding=1) for _ in range(2)
        )

    def forward(self, c3: Tensor, c4: Tensor, c5: Tensor) -> Pyramid:
        """Strides 8, 16, 32 -> five maps (B, C, h, w) of strides 8 to 128."""
        m5 = self.lat_layers[0](c5)
        m4 = self.lat_layers[1](c4) + _resize(m5, c4)
        m3 = self.lat_layers[2](c3) + _resize(m4, c3)
        p5, p4, p3 = (F.relu(layer(m)) for layer, m in zip(self.pred_layers, (m5, m4, m3), strict=True))
        p6 = self.downsample_layers[0](p5)
        return p3, p4, p5, p6, self.downsample_layers[1](p6)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear, to the height and width of ``like``."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


def prototype_net(config: ModelConfig) -> nn.Sequential:
    """P3 (B, C, h, w) -> prototypes (B, P, 2h, 2w) before their ReLU (spec section 5)."""
    channels = config.prototype_channels
    return nn.Sequential(
        nn.Conv2d(config.fpn_channels, channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, config.prototypes, 1),
    )
