"""Feature calibration for boxes (FCB, paper 3.1.2): a branch's kernel samples where the predicted box is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stmask_core.model.box_coding import CENTRE_VARIANCE, SIZE_VARIANCE
from stmask_core.model.config import Calibration, ModelConfig
from stmask_core.model.deformable import DeformableConvolution

Kernel = tuple[int, int]


class CalibratedConvolution(nn.Module):
    """Offsets from the box deltas, deformable convolution, ReLU, then the branch's ordinary output kernel."""

    def __init__(self, config: ModelConfig, kind: Calibration, kernel: Kernel, out_channels: int) -> None:
        super().__init__()
        channels = config.head_channels
        self.kernel = kernel
        self.raw_offsets = config.aligned_offsets == "paper"
        self.conv_offset: nn.Conv2d | None = None
        if kind == "adaptive":
            self.conv_offset = nn.Conv2d(4, 2 * kernel[0] * kernel[1], 1, bias=False)
        self.conv_adaption = DeformableConvolution(channels, channels, kernel)
        self.conv = output_convolution(channels, out_channels, kernel)

    def forward(self, features: Tensor, deltas: Tensor) -> Tensor:
        """features: (B, C, h, w). deltas: (B, 4, h, w) raw box output of the same kernel -> (B, out, h, w).

        No gradient reaches the box branch (released code).
        """
        offsets = self.offsets(deltas.detach())
        return self.conv(F.relu(self.conv_adaption(features, offsets)))

    def offsets(self, deltas: Tensor) -> Tensor:
        """Offsets (B, 2*kh*kw, h, w), (dy, dx) interleaved: paper Eq. 5 (adaptive) or Eq. 6-8 (aligned)."""
        if self.conv_offset is not None:
            return self.conv_offset(deltas)
        return aligned_offsets(deltas, self.kernel, raw=self.raw_offsets)


def output_convolution(in_channels: int, out_channels: int, kernel: Kernel) -> nn.Conv2d:
    """A convolution that keeps the map's size, also for the even kernels of Table 1."""
    if kernel[0] % 2 and kernel[1] % 2:
        return nn.Conv2d(in_channels, out_channels, kernel, padding=(kernel[0] // 2, kernel[1] // 2))
    return _EvenConvolution(in_channels, out_channels, kernel)


class _EvenConvolution(nn.Conv2d):
    """Pads one cell more at the end than at the start of an even axis."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, out, h, w)."""
        rows, columns = (size - 1 for size in self.kernel_size)
        padding = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        return super().forward(F.pad(x, padding))


def aligned_offsets(deltas: Tensor, kernel: Kernel, *, raw: bool = False) -> Tensor:
    """Offsets that move and stretch the kernel grid as the box deltas move and stretch the anchor.

    Paper Eq. 6-8; the released code multiplies the deltas by the box variances, ``raw`` leaves that out.
    """
    centre, size = (1.0, 1.0) if raw else (CENTRE_VARIANCE, SIZE_VARIANCE)
    height, width = kernel
    deltas = deltas.float()
    grid_y = torch.arange(height, device=deltas.device) - (height - 1) / 2
    grid_x = torch.arange(width, device=deltas.device) - (width - 1) / 2
    grid_y = grid_y.repeat_interleave(width)[None, :, None, None]  # (1, points, 1, 1)
    grid_x = grid_x.repeat(height)[None, :, None, None]
    dx, dy, dw, dh = deltas.split(1, 1)  # (B, 1, h, w) each
    offsets_y = centre * dy * height + (torch.exp(size * dh) - 1) * grid_y
    offsets_x = centre * dx * width + (torch.exp(size * dw) - 1) * grid_x
    return torch.stack([offsets_y, offsets_x], 2).flatten(1, 2)
