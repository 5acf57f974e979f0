"""Deformable convolution without a compiled extension: weighted row sums plus one matrix product.

A bilinear sample is a weighted sum of 4 rows of the (pixels, channels) matrix, which is what
``embedding_bag`` computes, fast, in every dtype and with gradients. Sampling and the kernel's matrix
product are both linear, so either may come first:

* stride 1: multiply first, then each output sums 4 rows per kernel point of the products
  (nothing but the output is written);
* stride 2: sample first, because multiplying every input pixel would be four times the work.

Cards sort all indices before they add up what ``embedding_bag`` sends back, a third of a training step there;
they have a sampler of their own, ``grid_sample``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_CHUNK_ELEMENTS = 4_000_000
"""Bound on the intermediate matrix. Also keeps it below the size from which the allocator
returns memory to the system on every free, which costs more than the product itself."""
_CHUNK_ELEMENTS_OF_A_CARD = 128_000_000
"""The bound where the allocator keeps its memory and many small pieces cost more than a large one."""


@dataclass(frozen=True)
class Geometry:
    """Where a kernel sits: size, stride and padding before the first row and column, each (y, x)."""

    kernel: tuple[int, int]
    stride: int
    padding: tuple[int, int]

    @property
    def points(self) -> int:
        """Number of kernel points."""
        return self.kernel[0] * self.kernel[1]


def deformable_convolution(
    features: Tensor,
    offsets: Tensor,
    weight: Tensor,
    *,
    geometry: Geometry,
    modulation: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Convolve ``features`` (B, C, H, W) at displaced kernel points -> (B, O, h, w).

    offsets: (B, 2*points, h, w) in input cells, (dy, dx) interleaved per kernel point, row-major.
    modulation: (B, points, h, w) factors of the samples (DCNv2), None for DCNv1.
    A neighbour outside the map counts as 0, so a sample at y <= -1 or y >= H is 0; same for x.
    """
    batch, channels, height, width = features.shape
    out_height, out_width = offsets.shape[-2:]
    cells = out_height * out_width
    if features.is_cuda:
        images = max(1, _CHUNK_ELEMENTS_OF_A_CARD // (channels * geometry.points * cells))
        factors = [None] * math.ceil(batch / images) if modulation is None else modulation.split(images)
        pieces = zip(features.split(images), offsets.split(images), factors, strict=True)
        sums = torch.cat([grid_sampled(*piece, weight, geometry) for piece in pieces])
        return sums if bias is None else sums + bias[:, None, None]
    rows = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
    index, factor = _corners(offsets, modulation, geometry, height, width)
    multiply_first = geometry.stride == 1
    source = height * width if multiply_first else cells
    taps = max(1, _CHUNK_ELEMENTS // max(1, source * max(channels, weight.shape[0])))
    contract = _multiply_then_sample if multiply_first else _sample_then_multiply
    images = max(1, taps // geometry.points)
    parts = [
        contract(rows[i : i + images], index[i : i + images], factor[i : i + images], weight, taps)
        for i in range(0, batch, images)
    ]
    out = torch.cat(parts) if len(parts) > 1 else parts[0]  # (B, cells, O)
    if bias is not None:
        out = out.add_(bias)
    return out.reshape(batch, out_height, out_width, -1).permute(0, 3, 1, 2)


def _multiply_then_sample(rows: Tensor, index: Tensor, factor: Tensor, weight: Tensor, taps: int) -> Tensor:
    """(b, HW, C) rows, (b, cells, points, 4) corners -> (b, cells, O), at most ``taps`` points at a time."""
    images, pixels, channels = rows.shape
    cells, points = index.shape[1:3]
    kernel = weight.flatten(2).permute(2, 0, 1)  # (points, O, C)
    flat = rows.reshape(-1, channels)
    first_pixel = torch.arange(images, device=rows.device)[:, None, None, None] * pixels
    out: Tensor | None = None
    for start in range(0, points, taps):
        some = kernel[start : start + taps]
        count = len(some)
        table = F.linear(flat, some.reshape(-1, channels)).view(images * pixels * count, -1)
        point = torch.arange(count, device=rows.device)[None, None, :, None]
        bags = (index[:, :, start : start + taps] + first_pixel) * count + point
        part = _weighted_sums(table, bags.reshape(images * cells, -1), factor[:, :, start : start + taps])
        out = part if out is None else out.add_(part)
    assert out is not None
    return out.view(images, cells, -1)


def _sample_then_multiply(rows: Tensor, index: Tensor, factor: Tensor, weight: Tensor, taps: int) -> Tensor:
    """The same result in the other order, for outputs smaller than the input."""
    images, pixels, channels = rows.shape
    cells, points = index.shape[1:3]
    kernel = weight.flatten(2).permute(0, 2, 1)  # (O, points, C)
    flat = rows.reshape(-1, channels)
    first_pixel = torch.arange(images, device=rows.device)[:, None, None, None] * pixels
    out: Tensor | None = None
    for start in range(0, points, taps):
        bags = (index[:, :, start : start + taps] + first_pixel).reshape(-1, 4)
        samples = _weighted_sums(flat, bags, factor[:, :, start : start + taps])
        some = kernel[:, start : start + taps].reshape(weight.shape[0], -1)
        part = F.linear(samples.view(images * cells, -1), some)
        out = part if out is None else out.add_(part)
    assert out is not None
    return out.view(images, cells, -1)


def _weighted_sums(table: Tensor, bags: Tensor, factor: Tensor) -> Tensor:
    """Row i of the result is the sum of ``factor`` times the rows ``bags[i]`` of ``table``."""
    factor = factor.reshape(bags.shape).to(table.dtype)
    return F.embedding_bag(bags, table, mode="sum", per_sample_weights=factor)


def grid_sampled(
    features: Tensor, offsets: Tensor, modulation: Tensor | None, weight: Tensor, geometry: Geometry
) -> Tensor:
    """The same without bias by ``grid_sample``: (B, C, H, W) -> (B, O, h, w). Positions stay in 32 bits."""
    batch, channels, height, width = features.shape
    out_height, out_width = offsets.shape[-2:]
    y, x = _positions(offsets, geometry)
    # from cells to the sampler's -1 .. 1, which are the outer edges of the first and the last cell
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1).flatten(1, 2)
    samples = F.grid_sample(features.float().contiguous(), grid, align_corners=False)
    samples = samples.view(batch, channels, geometry.points, out_height, out_width)
    if modulation is not None:
        samples = samples * modulation[:, None]
    columns = samples.to(features.dtype).view(batch, -1, out_height * out_width)
    products = torch.matmul(weight.flatten(1), columns)
    return products.view(batch, -1, out_height, out_width)


def _corners(
    offsets: Tensor, modulation: Tensor | None, geometry: Geometry, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Pixel indices and bilinear weights of the 4 neighbours of every sample: (B, cells, points, 4) each."""
    y, x = _positions(offsets, geometry)
    y_low, y_weights = _neighbours(y, height)
    x_low, x_weights = _neighbours(x, width)
    if modulation is not None:
        y_weights = y_weights * modulation.float()[:, None]
    y_rows = torch.stack([y_low, y_low + 1], 1).clamp(0, height - 1) * width  # (B, 2, points, h, w)
    x_columns = torch.stack([x_low, x_low + 1], 1).clamp(0, width - 1)
    index = y_rows[:, :, None] + x_columns[:, None]  # (B, 2, 2, points, h, w)
    factor = y_weights[:, :, None] * x_weights[:, None]
    return _by_cell(index), _by_cell(factor)


def _positions(offsets: Tensor, geometry: Geometry) -> tuple[Tensor, Tensor]:
    """Where each kernel point samples, (y, x) in input cells: (B, points, h, w) each."""
    batch, _, out_height, out_width = offsets.shape
    kernel_height, kernel_width = geometry.kernel
    shift = offsets.float().view(batch, geometry.points, 2, out_height, out_width)
    grid_y = _axis(out_height, geometry.stride, geometry.padding[0], shift)[:, None]
    grid_x = _axis(out_width, geometry.stride, geometry.padding[1], shift)[None, :]
    point_y = torch.arange(kernel_height, device=shift.device).repeat_interleave(kernel_width)[:, None, None]
    point_x = torch.arange(kernel_width, device=shift.device).repeat(kernel_height)[:, None, None]
    return (grid_y + point_y) + shift[:, :, 0], (grid_x + point_x) + shift[:, :, 1]


def _axis(size: int, stride: int, padding: int, like: Tensor) -> Tensor:
    """First kernel position of every output cell along one axis."""
    return torch.arange(size, device=like.device, dtype=like.dtype) * stride - padding


def _neighbours(position: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Lower neighbour of each position and the weights (B, 2, ...) of both; 0 for one outside the map."""
    low = position.detach().floor()
    fraction = position - low
    weights = torch.stack([1 - fraction, fraction], 1)
    inside = torch.stack([(low >= 0) & (low < size), (low >= -1) & (low < size - 1)], 1)
    return low.clamp(-2, size).long(), weights * inside


def _by_cell(corners: Tensor) -> Tensor:
    """(B, 2, 2, points, h, w) -> (B, h*w, points, 4), contiguous."""
    batch, _, _, points, height, width = corners.shape
    return corners.permute(0, 4, 5, 3, 1, 2).reshape(batch, height * width, points, 4)


def _lay_out(weight: nn.Parameter, order: tuple[int, int, int, int]) -> None:
    """Store the axes in this order (outermost first)."""
    back = sorted(range(4), key=lambda axis: order[axis])
    weight.data = weight.data.permute(order).contiguous().permute(back)


class DeformableConvolution(nn.Module):
    """DCNv1 layer without bias whose offsets are given from outside (FCB, paper Eq. 3)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        padding = ((kernel[0] - 1) // 2, (kernel[1] - 1) // 2)
        self.geometry = Geometry(kernel=kernel, stride=1, padding=padding)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *kernel))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def lay_out_for_inference(self) -> None:
        """Order the weights in memory as ``forward`` reads them; shape and values stay."""
        _lay_out(self.weight, (2, 3, 0, 1))

    def forward(self, features: Tensor, offsets: Tensor) -> Tensor:
        """(B, C, h, w) features, (B, 2*points, h, w) offsets -> (B, O, h, w)."""
        return deformable_convolution(features, offsets, self.weight, geometry=self.geometry)


class ModulatedDeformableConvolution(nn.Module):
    """DCNv2: a 3x3 convolution that predicts its own offsets and sample factors (spec 3.3)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.geometry = Geometry(kernel=(3, 3), stride=stride, padding=(1, 1))
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.conv_offset_mask = nn.Conv2d(in_channels, 27, 3, stride=stride, padding=1)
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def lay_out_for_inference(self) -> None:
        """Order the weights in memory as ``forward`` reads them; shape and values stay."""
        _lay_out(self.weight, (2, 3, 0, 1) if self.geometry.stride == 1 else (0, 2, 3, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, O, H/stride, W/stride)."""
        offsets, modulation = self.conv_offset_mask(features).split([18, 9], 1)
        return deformable_convolution(
            features,
            offsets,
            self.weight,
            geometry=self.geometry,
            modulation=modulation.sigmoid(),
            bias=self.bias,
        )
