"""Weights in a quarter of the space: kernels and matrices as 8-bit numbers with one scale per output channel.

For files only: they are 32-bit floats again as soon as they are read.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".scale"
"""Suffix of the entry that holds the scales (outputs,) of an 8-bit entry (outputs, ...)."""


def compacted(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Entries of two and more axes as int8 and their scales; the others as they are."""
    out: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.dim() < 2 or not value.is_floating_point():
            out[name] = value
            continue
        rows = value.float().flatten(1)
        scale = rows.abs().amax(1).clamp(min=1e-12) / 127
        out[name] = (rows / scale[:, None]).round().to(torch.int8).view_as(value)
        out[name + SCALE] = scale
    return out


def expanded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of ``compacted``, to within half a step of each channel; other tensors pass through.

    Raises ValueError when an 8-bit entry has no scales that fit it.
    """
    out: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in tensors:
            continue
        if value.dtype != torch.int8:
            out[name] = value
            continue
        scale = tensors.get(name + SCALE)
        if (
            scale is None
            or value.dim() < 2
            or scale.shape != value.shape[:1]
            or not scale.is_floating_point()
        ):
            raise ValueError(f"{name} is stored in 8 bits without scales that fit it")
        out[name] = (value.flatten(1).float() * scale.float()[:, None]).view_as(value)
    return out
