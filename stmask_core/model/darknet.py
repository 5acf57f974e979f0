"""DarkNet-53 (spec 3.4): every convolution without bias, batch norm, leaky ReLU 0.1."""

from __future__ import annotations

from torch import Tensor, nn

from stmask_core.model.config import ModelConfig


class DarkNet(nn.Module):
    """A 3x3 convolution and five stages; the last three give C3, C4, C5."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if len(config.blocks) != 5 or len(config.widths) != 6:
            raise ValueError("a darknet has five stages and a width before them")
        self.layers = nn.ModuleList()  # registered before the first convolution: the released order of keys
        for blocks, in_channels, out_channels in zip(
            config.blocks, config.widths[:-1], config.widths[1:], strict=True
        ):
            residuals = [Residual(out_channels) for _ in range(blocks)]
            self.layers.append(nn.Sequential(_unit(in_channels, out_channels, 3, stride=2), *residuals))
        self._preconv = _unit(3, config.widths[0], 3)
        self.channels = (config.widths[3], config.widths[4], config.widths[5])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, 3, H, W) -> C3 (H/8), C4 (H/16), C5 (H/32)."""
        x = self.layers[1](self.layers[0](self._preconv(images)))
        c3 = self.layers[2](x)
        c4 = self.layers[3](c3)
        return c3, c4, self.layers[4](c4)


class Residual(nn.Module):
    """1x1 to half the channels, 3x3 back, plus the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _unit(channels, channels // 2, 1)
        self.conv2 = _unit(channels // 2, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return self.conv2(self.conv1(x)) + x


def _unit(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(0.1, inplace=True),
    )
