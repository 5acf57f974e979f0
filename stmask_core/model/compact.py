"""Weights in a quarter of the space: kernels and matrices as 8-bit numbers with one scale per output channel.

Parts that bear it can be kept in 4 bits. For files only: what is read is 32-bit floats again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from stmask_core.errors import CheckpointError

SCALE = ".scale"
"""Suffix of the entry that holds the scales (outputs,) of an entry of 8 bits (outputs, ...) or 4."""
_LARGEST = 7
"""Of the numbers in 4 bits, which are -7 to 7."""
_CUT = 3.5
"""A channel's numbers reach to so many of its root mean squares, or to its largest weight if that is less."""


def require_parts(names: Iterable[str], parts: Sequence[str]) -> None:
    """CheckpointError unless some entry's name begins with each of ``parts``."""
    for part in parts:
        if not any(name.startswith(part) for name in names):
            raise CheckpointError(
                f"Nothing in the network begins with {part!r}.", "Say backbone., for example."
            )


def compacted(tensors: Mapping[str, Tensor], four_bit: Sequence[str] = ()) -> dict[str, Tensor]:
    """Entries of two and more axes as int8 and their scales; the others as they are.

    four_bit: how the names of entries begin that are kept in 4 bits: (outputs, ...) as uint8 of
    (half the outputs, ...), an even output in the high half of its byte and the next one in the low half.
    """
    out: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.dim() < 2 or not value.is_floating_point():
            out[name] = value
            continue
        if name.startswith(tuple(four_bit)):
            codes, scale = _four_bit(value)
            even = F.pad((codes + 8).to(torch.uint8), [0] * (2 * codes.dim() - 1) + [len(codes) % 2])
            out[name], out[name + SCALE] = even[0::2] * 16 + even[1::2], scale
            continue
        rows = value.float().flatten(1)
        scale = rows.abs().amax(1).clamp(min=1e-12) / 127
        out[name] = (rows / scale[:, None]).round().to(torch.int8).view_as(value)
        out[name + SCALE] = scale
    return out


def _four_bit(value: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers from -7 to 7 (outputs, ...), and the factor of each output (outputs,)."""
    rows = value.float().flatten(1)
    reach = torch.minimum(rows.abs().amax(1), _CUT * rows.square().mean(1).sqrt())
    scale = reach.clamp(min=1e-12) / _LARGEST
    codes = (rows / scale[:, None]).round().clamp(-_LARGEST, _LARGEST)
    return codes.to(torch.int8).view_as(value), scale


def expanded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of ``compacted``, to within half a step of each channel; other tensors pass through.

    Raises ValueError when an entry of 8 or 4 bits has no scales that fit it.
    """
    out: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if name.endswith(SCALE) and name.removesuffix(SCALE) in tensors:
            continue
        scale = tensors.get(name + SCALE)
        paired = value.dtype == torch.uint8 and scale is not None
        if not paired and value.dtype != torch.int8:
            out[name] = value
            continue
        if (
            scale is None
            or value.dim() < 2
            or scale.dim() != 1
            or len(value) != (math.ceil(len(scale) / 2) if paired else len(scale))
            or not scale.is_floating_point()
        ):
            raise ValueError(f"{name} is stored in {4 if paired else 8} bits without scales that fit it")
        codes = _unpaired(value)[: len(scale)] if paired else value
        out[name] = (codes.flatten(1).float() * scale.float()[:, None]).view_as(codes)
    return out


def _unpaired(pairs: Tensor) -> Tensor:
    """Numbers of -8 to 7 from both halves of every byte: (pairs, ...) -> (2 * pairs, ...)."""
    return torch.stack([pairs // 16, pairs % 16], 1).flatten(0, 1).to(torch.int8) - 8
