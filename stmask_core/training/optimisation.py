"""Optimiser, learning rate over time, frozen parts, and the moving average of the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from stmask_core.model.stmask import STMask
from stmask_core.training.recipe import NetworkChoice, Optimiser, Schedule

DROP = 0.1
"""Factor of the learning rate at each drop (released training)."""


def freeze(network: STMask, choice: NetworkChoice, norms: str) -> None:
    """Take the parts that are not trained out of training; call it after ``network.train()``, each time.

    norms "frozen": batch norms keep statistics and factors (released training on few frames per device).
    """
    if norms == "frozen":
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval().requires_grad_(False)
    if choice.frozen_stages:
        backbone = network.backbone
        first = [part for name, part in backbone.named_children() if name != "layers"]
        for part in [*first, *list(backbone.layers)[: choice.frozen_stages]]:  # type: ignore[arg-type]
            part.eval().requires_grad_(False)


def build_optimiser(network: STMask, options: Optimiser) -> torch.optim.Optimizer:
    """SGD as released, or AdamW; the backbone in a group of its own. Learning rates are set at each step."""
    backbone = [p for p in network.backbone.parameters() if p.requires_grad]
    own = {id(p) for p in network.backbone.parameters()}
    rest = [p for p in network.parameters() if p.requires_grad and id(p) not in own]
    groups = [
        {"params": parameters, "factor": factor}
        for parameters, factor in ((rest, 1.0), (backbone, options.backbone_rate))
        if parameters
    ]
    if options.kind == "adamw":
        return torch.optim.AdamW(groups, lr=options.rate, weight_decay=options.weight_decay)
    return torch.optim.SGD(
        groups, lr=options.rate, momentum=options.momentum, weight_decay=options.weight_decay
    )


def rate_factor(step: int, schedule: Schedule) -> float:
    """What the learning rate is multiplied by at ``step`` (from 0): warm-up, then steps or a half cosine."""
    if step < schedule.warm_up:
        return (step + 1) / schedule.warm_up
    if schedule.shape == "steps":
        return DROP ** sum(step >= drop for drop in schedule.drops)
    length = max(1, schedule.steps - schedule.warm_up)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - schedule.warm_up) / length)))


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its share of the learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]


class Average:
    """An exponential moving average of a network's state, started anew by ``Average(network)``."""

    def __init__(self, network: nn.Module) -> None:
        self.state: dict[str, Tensor] = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def follow(self, network: nn.Module, decay: float, step: int) -> None:
        """Move towards the network; early steps move further, so the random start is soon forgotten."""
        decay = min(decay, (1 + step) / (10 + step))
        theirs = network.state_dict()
        floats = [name for name, value in theirs.items() if value.is_floating_point()]
        follow = get_ema_multi_avg_fn(decay)
        follow([self.state[name] for name in floats], [theirs[name] for name in floats], step)
        for name in theirs.keys() - floats:
            self.state[name].copy_(theirs[name])
