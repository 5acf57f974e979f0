"""First values of a network's parameters: Xavier, as in the released training."""

from __future__ import annotations

import torch
from torch import nn

from stmask_core.model.config import ModelConfig
from stmask_core.model.stmask import STMask


def new_network(config: ModelConfig, *, seed: int = 0) -> STMask:
    """A network with Xavier-uniform weights and zero biases (released training, spec 14.4)."""
    network = STMask(config)
    xavier(network, seed=seed)
    return network


@torch.no_grad()
def xavier(network: nn.Module, *, seed: int = 0) -> None:
    """Xavier-uniform weights for every kernel and matrix, zero biases; batch norms start as identity."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter, generator=generator)
        else:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)  # 1-D weights are batch norms
