"""A real network small enough for tests, whose random weights find objects on any picture."""

from __future__ import annotations

from dataclasses import replace

import torch

from stmask_core.model.checkpoint import save_checkpoint
from stmask_core.model.config import PRESETS
from stmask_core.model.stmask import STMask

CATEGORIES = ("cat", "dog", "bird")
CONFIG = replace(
    PRESETS["stmask_small_resnet"],
    num_classes=4,
    widths=(8, 8, 8, 8),
    blocks=(1, 1, 1, 1),
    fpn_channels=16,
    head_channels=16,
    prototype_channels=16,
    embedding=8,
    temporal_channels=(16, 16, 16),
    input_size=(160, 96),
    class_calibration=None,
)


@torch.no_grad()
def tiny_network(seed: int = 0) -> STMask:
    """Random weights, biased so that most anchors are of some category and central."""
    torch.manual_seed(seed)
    network = STMask(CONFIG).eval()
    for name, value in network.named_parameters():
        if "conf_layer" in name and name.endswith("bias"):
            value[0] -= 1.0
        elif "centerness_layer" in name and name.endswith("bias"):
            value += 1.0
        elif "conf_layer" in name or "track_layer" in name:
            value *= 8.0
    return network


def write_tiny_weights(path, seed: int = 0) -> None:
    """A weights file of the tiny network."""
    save_checkpoint(path, tiny_network(seed), CATEGORIES)
