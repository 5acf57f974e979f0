"""A network made ready to run, not to train: fewer passes over memory, optionally in 16-bit floats.

The copy answers ``forward`` and ``carry`` like the original. In float32 it differs by rounding only (the
golden tolerances hold); in bfloat16 products are 16-bit with 32-bit sums, and outputs come back as float32.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from stmask_core.model.deformable import DeformableConvolution, ModulatedDeformableConvolution
from stmask_core.model.resnet import Bottleneck, ResNet
from stmask_core.model.stmask import STMask


def fastest_dtype(device: str | torch.device) -> torch.dtype:
    """What ``precision="auto"`` means: bfloat16 where the device multiplies it natively, else float32."""
    if torch.device(device).type == "cuda":
        native = torch.cuda.get_device_capability(device)[0] >= 8
    else:
        native = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if native else torch.float32


@torch.no_grad()
def optimise_for_inference(network: STMask, dtype: torch.dtype = torch.float32) -> STMask:
    """A copy in eval mode with batch norms folded into convolutions, channels last, parameters in ``dtype``.

    The original is not changed. The copy's ``state_dict`` is its own: save the original, not the copy.
    """
    ready = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(ready.modules()):
        if isinstance(module, ResNet):
            _fold(module, "conv1", "bn1")
        elif isinstance(module, Bottleneck):
            for convolution, norm in (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")):
                _fold(module, convolution, norm)
            if module.downsample is not None:
                _fold(module.downsample, "0", "1")
        elif isinstance(module, nn.Sequential) and len(module) == 3 and isinstance(module[1], nn.BatchNorm2d):
            _fold(module, "0", "1")  # a unit of DarkNet or EfficientNet-Lite
    ready = ready.to(dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in ready.modules():
        if isinstance(module, DeformableConvolution | ModulatedDeformableConvolution):
            module.lay_out_for_inference()
    return ready


def _fold(parent: nn.Module, convolution_name: str, norm_name: str) -> None:
    """Replace a convolution and the batch norm behind it by one convolution."""
    convolution, norm = getattr(parent, convolution_name), getattr(parent, norm_name)
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    shift = norm.bias.double() - norm.running_mean.double() * scale
    if convolution.bias is not None:
        shift = shift + convolution.bias.double() * scale
    weight = convolution.weight.double() * scale[:, None, None, None]
    if isinstance(convolution, nn.Conv2d):
        folded = nn.Conv2d(
            convolution.in_channels,
            convolution.out_channels,
            convolution.kernel_size,  # type: ignore[arg-type]
            stride=convolution.stride,  # type: ignore[arg-type]
            padding=convolution.padding,  # type: ignore[arg-type]
            groups=convolution.groups,
            device=weight.device,
        )
        setattr(parent, convolution_name, folded)
        convolution = folded
    convolution.weight = nn.Parameter(weight.float(), requires_grad=False)
    convolution.bias = nn.Parameter(shift.float(), requires_grad=False)
    setattr(parent, norm_name, nn.Identity())
