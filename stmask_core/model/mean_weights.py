"""Weights between two networks of which one was trained on from the other: often better than both.

After Wortsman et al., "Model soups" (ICML 2022): weights of one beginning lie in one valley of the loss.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from stmask_core.errors import CheckpointError
from stmask_core.model.checkpoint import Checkpoint
from stmask_core.model.compact import require_parts


def mean_weights(one: Checkpoint, other: Checkpoint, share: float = 0.5, part: str = "") -> Checkpoint:
    """``other`` with the mean of both weights; CheckpointError when they are not the same kind of network.

    share: how much of the mean is ``one``, 0 to 1. part: only entries whose names begin with it are averaged,
    for example ``backbone.``; CheckpointError when there are none.
    """
    alike = replace(one.config, input_size=other.config.input_size)  # that changes no weights
    if (alike, one.categories) != (other.config, other.categories):
        raise CheckpointError(
            "The two files hold different networks or categories.", "Only weights of one network have a mean."
        )
    require_parts(other.state_dict, [part])
    mean = {
        name: torch.lerp(value.float(), one.state_dict[name].float(), share)
        for name, value in other.state_dict.items()
        if name.startswith(part) and value.is_floating_point()
    }
    return replace(other, state_dict={**other.state_dict, **mean})
