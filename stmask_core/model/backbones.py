"""Backbones by name. A backbone is a module with ``.channels`` and ``forward(images) -> (C3, C4, C5)``.

To add one: write its module, add one line to ``BACKBONES``; its constructor gets the whole configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn

from stmask_core.model.config import ModelConfig
from stmask_core.model.darknet import DarkNet
from stmask_core.model.efficientnet_lite import EfficientNetLite
from stmask_core.model.resnet import ResNet


class Backbone(Protocol):
    """What the rest of the network needs from a backbone."""

    channels: tuple[int, int, int]
    """Channels of C3, C4 and C5 (strides 8, 16, 32)."""

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised images (B, 3, H, W) -> C3, C4, C5."""


BACKBONES: dict[str, Callable[[ModelConfig], nn.Module]] = {
    "resnet": ResNet,
    "darknet": DarkNet,
    "efficientnet_lite": EfficientNetLite,
}


def build_backbone(config: ModelConfig) -> nn.Module:
    """The backbone a configuration names; ValueError for an unknown name."""
    if config.backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {config.backbone!r}; known: {', '.join(BACKBONES)}")
    return BACKBONES[config.backbone](config)
