"""Mask coefficients and embeddings where they are asked for, instead of everywhere.

Classes and boxes are needed of every anchor, to find objects at all; coefficients and embeddings only of the
few that suppression keeps. Each depends on a few cells around its own, so both branches run on small windows
cut out around those: the values are the dense ones, without most of a fifth of the network's multiply-adds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stmask_core.model.heads import PredictionHead

TOWER_REACH = 2  # cells that two 3x3 convolutions look beyond their own


def can_be_local(head: PredictionHead) -> bool:
    """True when both branches end in ordinary kernels of odd sides: FCB samples from afar."""
    layers = [*head.mask_layer, *head.track_layer]
    return all(
        isinstance(layer, nn.Conv2d) and all(side % 2 for side in layer.kernel_size) for layer in layers
    )


@dataclass(frozen=True)
class LocalBranches:
    """What is needed to look up anchors of a batch. towers: the head's tower (B, C, h, w) of P3..P7."""

    head: PredictionHead
    towers: tuple[Tensor, ...]

    def of(self, row: int, anchors: Tensor) -> tuple[Tensor, Tensor]:
        """(mask coefficients (N, P) raw, embeddings (N, E) unit length) of anchors (N,) of frame ``row``."""
        head, kernels = self.head, len(self.head.mask_layer)
        coefficients: list[Tensor] = []
        embeddings: list[Tensor] = []
        places: list[Tensor] = []
        for kernel in range(kernels):
            windows, inside, found = self._windows(row, anchors, kernel)
            if not len(found):
                continue
            coefficients.append(_branch(head.mask_extra, head.mask_layer[kernel], windows, inside))
            embeddings.append(_branch(head.track_extra, head.track_layer[kernel], windows, inside))
            places.append(found)
        if not places:
            return self._none(head.mask_layer), self._none(head.track_layer)
        order = torch.cat(places).argsort()
        unit = F.normalize(torch.cat(embeddings).float(), dim=-1)
        return torch.cat(coefficients).float()[order], unit[order]

    def _none(self, layers: nn.ModuleList) -> Tensor:
        layer = layers[0]
        assert isinstance(layer, nn.Conv2d)
        return self.towers[0].new_zeros(0, layer.out_channels, dtype=torch.float32)

    def _windows(self, row: int, anchors: Tensor, kernel: int) -> tuple[Tensor, Tensor, Tensor]:
        """The tower around those anchors that have this kernel.

        Returns windows (n, C, height, width), zero outside the map; which of their cells lie inside it
        (n, 1, height, width); and the places (n,) of the anchors among ``anchors``.
        """
        kernels = len(self.head.mask_layer)
        layer = self.head.mask_layer[kernel]
        assert isinstance(layer, nn.Conv2d)
        height, width = layer.kernel_size
        reach_y, reach_x = height // 2 + TOWER_REACH, width // 2 + TOWER_REACH
        windows, inside, places = [], [], []
        first = 0
        for tower in self.towers:
            _, _, rows, columns = tower.shape
            own = anchors - first
            here = (own >= 0) & (own < rows * columns * kernels) & (own % kernels == kernel)
            cells = own[here] // kernels
            first += rows * columns * kernels
            if not len(cells):
                continue
            y, x = cells // columns, cells % columns
            padded = F.pad(tower[row], (reach_x, reach_x, reach_y, reach_y))
            unfolded = padded.unfold(1, 2 * reach_y + 1, 1).unfold(2, 2 * reach_x + 1, 1)  # (C, h, w, …)
            windows.append(unfolded[:, y, x].transpose(0, 1))
            ys = y[:, None] + torch.arange(-reach_y, reach_y + 1, device=y.device)
            xs = x[:, None] + torch.arange(-reach_x, reach_x + 1, device=x.device)
            inside.append(
                ((ys >= 0) & (ys < rows))[:, None, :, None] & ((xs >= 0) & (xs < columns))[:, None, None]
            )
            places.append(here.nonzero()[:, 0])
        if not places:
            return self.towers[0][:0], self.towers[0][:0, :1], anchors[:0]
        together = torch.cat(windows).contiguous(memory_format=torch.channels_last)
        return together, torch.cat(inside), torch.cat(places)


def _branch(tower: nn.Sequential, layer: nn.Module, windows: Tensor, inside: Tensor) -> Tensor:
    """Both convolutions of a branch and its output kernel on windows: (n, out).

    Cells beyond the map are zero before every convolution, as the padding of the dense branch is.
    """
    x = windows
    for convolution in tower:
        if isinstance(convolution, nn.Conv2d):
            inside = inside[:, :, 1:-1, 1:-1]
            x = F.relu(F.conv2d(x, convolution.weight, convolution.bias)) * inside
    assert isinstance(layer, nn.Conv2d)
    return F.conv2d(x, layer.weight, layer.bias).flatten(1)
