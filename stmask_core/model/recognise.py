"""Which network a state dict belongs to, from its keys and shapes alone; and what does not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from stmask_core.errors import CheckpointError
from stmask_core.model.config import CONFIGS, Calibration, ModelConfig
from stmask_core.model.stmask import STMask

HEAD = "prediction_layers.0"
_SHOWN = 4  # keys named in an error before "and n more"


def recognise(state: Mapping[str, Tensor]) -> ModelConfig:
    """The configuration whose keys these are; CheckpointError when the file is of no STMask network."""
    kernel = state.get(f"{HEAD}.conf_layer.0.conv.bias", state.get(f"{HEAD}.conf_layer.0.bias"))
    if kernel is None or kernel.dim() != 1 or len(kernel) < 2:
        some = ", ".join(list(state)[:3]) or "none"
        raise CheckpointError(
            f"Not the weights of an STMask network: no class output {HEAD}.conf_layer.0 (keys: {some}, …).",
            "Files of other networks can only start a training.",
        )
    darknet = any(key.startswith("backbone._preconv.") for key in state)
    base = CONFIGS["STMask_darknet53"] if darknet else CONFIGS["STMask_resnet50"]
    return replace(
        base,
        blocks=base.blocks if darknet else _blocks(state),
        deformable_interval=_deformable_interval(state),
        num_classes=len(kernel),
        class_calibration=_calibration(state, "conf_layer"),
        mask_calibration=_calibration(state, "mask_layer"),
        track_calibration=_calibration(state, "track_layer"),
        centerness=f"{HEAD}.centerness_layer.0.weight" in state,
        temporal_fusion=any(key.startswith("TemporalNet.") for key in state),
    )


def released_names(config: ModelConfig) -> tuple[str, ...]:
    """Names under which this architecture was released, class count included; empty for none."""
    return tuple(name for name, released in CONFIGS.items() if released == config)


def _blocks(state: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Residual blocks of each ResNet stage."""
    found = [re.match(r"backbone\.layers\.([0-3])\.(\d{1,3})\.", key) for key in state]
    places = {(int(match[1]), int(match[2])) for match in found if match}
    return tuple(max(1, sum(stage == s for stage, _ in places)) for s in range(4))


def _deformable_interval(state: Mapping[str, Tensor]) -> int:
    """Every n-th block is deformable; 0 when none is."""
    found = [
        re.match(r"backbone\.layers\.\d\.(\d{1,3})\.conv2\.conv_offset_mask\.weight$", key) for key in state
    ]
    blocks = {int(match[1]) for match in found if match}
    return 0 if not blocks else min(blocks - {0}, default=max(_blocks(state)))


def _calibration(state: Mapping[str, Tensor], layer: str) -> Calibration | None:
    if f"{HEAD}.{layer}.0.conv_offset.weight" in state:
        return "adaptive"
    return "aligned" if f"{HEAD}.{layer}.0.conv_adaption.weight" in state else None


def skeleton(config: ModelConfig) -> STMask:
    """The network of a configuration without memory for its parameters."""
    with torch.device("meta"):
        return STMask(config)


def require_fit(state: Mapping[str, Tensor], config: ModelConfig, file_name: str) -> None:
    """CheckpointError naming every kind of misfit between a state dict and a configuration."""
    expected: Mapping[str, Any] = skeleton(config).state_dict()
    missing = [key for key in expected if key not in state and not key.endswith("num_batches_tracked")]
    unknown = [key for key in state if key not in expected]
    wrong = [
        f"{key} is {_shape(state[key])}, expected {_shape(value)}"
        for key, value in expected.items()
        if key in state and state[key].shape != value.shape
    ]
    parts = [
        f"{len(keys)} {what}: {_some(keys)}"
        for keys, what in ((missing, "missing"), (unknown, "unknown"), (wrong, "of another shape"))
        if keys
    ]
    if parts:
        raise CheckpointError(
            f"{file_name} does not fit {_title(config)}; " + "; ".join(parts) + ".",
            "Entries of equal name and shape can still start a training.",
        )


def _title(config: ModelConfig) -> str:
    names = released_names(config)
    return names[0] if names else f"a {config.backbone} network with {config.num_classes} classes"


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "scalar"


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(key if len(key) < 120 else key[:117] + "…" for key in keys[:_SHOWN]) + more
