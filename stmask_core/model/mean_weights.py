"""Half of one network and half of another that was trained on from it: often better than both.

After Wortsman et al., "Model soups" (ICML 2022): weights of one beginning lie in one valley of the loss.
"""

from __future__ import annotations

from dataclasses import replace

from stmask_core.errors import CheckpointError
from stmask_core.model.checkpoint import Checkpoint


def mean_weights(one: Checkpoint, other: Checkpoint) -> Checkpoint:
    """``other`` with the mean of both weights; CheckpointError when they are not the same kind of network."""
    if (one.config, one.categories) != (other.config, other.categories):
        raise CheckpointError(
            "The two files hold different networks or categories.", "Only weights of one network have a mean."
        )
    mean = {
        name: (one.state_dict[name].float() + value.float()) / 2 if value.is_floating_point() else value
        for name, value in other.state_dict.items()
    }
    return replace(other, state_dict=mean)
