"""ResNet-50 and -101 with, in the released ``plus`` networks, deformable 3x3 convolutions (spec 3.1-3.3)."""

from __future__ import annotations

from torch import Tensor, nn

from stmask_core.model.config import ModelConfig
from stmask_core.model.deformable import ModulatedDeformableConvolution

EXPANSION = 4


class ResNet(nn.Module):
    """Stem and four bottleneck stages; stages 1 to 3 give C3, C4, C5."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if len(config.blocks) != 4 or len(config.widths) != 4:
            raise ValueError("a resnet has four stages")
        self.layers = nn.ModuleList()  # registered before the stem: the released order of keys
        in_channels = config.widths[0]
        for stage, (blocks, width) in enumerate(zip(config.blocks, config.widths, strict=True)):
            self.layers.append(_stage(in_channels, width, blocks, stage, config.deformable_interval))
            in_channels = width * EXPANSION
        self.conv1 = nn.Conv2d(3, config.widths[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        _, c3, c4, c5 = (width * EXPANSION for width in config.widths)
        self.channels = (c3, c4, c5)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, 3, H, W) -> C3 (H/8), C4 (H/16), C5 (H/32)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        c2 = self.layers[0](x)
        c3 = self.layers[1](c2)
        c4 = self.layers[2](c3)
        return c3, c4, self.layers[3](c4)


def _stage(in_channels: int, width: int, blocks: int, stage: int, interval: int) -> nn.Sequential:
    """A stage's blocks. Deformable: from stage 1 on, block 0 and every ``interval``-th one."""
    out = []
    for block in range(blocks):
        deformable = stage > 0 and interval > 0 and block % interval == 0
        stride = 2 if stage > 0 and block == 0 else 1
        out.append(Bottleneck(in_channels, width, stride, deformable=deformable, project=block == 0))
        in_channels = width * EXPANSION
    return nn.Sequential(*out)


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1, plus the input."""

    def __init__(self, in_channels: int, width: int, stride: int, *, deformable: bool, project: bool) -> None:
        super().__init__()
        out_channels = width * EXPANSION
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2: nn.Module
        if deformable:
            self.conv2 = ModulatedDeformableConvolution(width, width, stride)
        else:
            self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if project:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, 4*width, H/stride, W/stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        return self.relu(self.bn3(self.conv3(out)).add_(shortcut))
