"""How a run judges its network while it trains."""

from __future__ import annotations

from dataclasses import replace

import torch

from stmask_core.model.stmask import STMask
from stmask_core.training.dataset import Pairs, TrainingSet
from stmask_core.training.losses import PairLoss
from stmask_core.training.recipe import Input, Recipe
from stmask_core.training.run import Evaluate, on_device

BATCHES = 8


def held_out_loss(held_out: TrainingSet, recipe: Recipe, device: str) -> Evaluate:
    """A judge that returns minus the loss on the same pairs of held-out clips every time, and its terms."""
    plain = Input(
        sizes=recipe.input.sizes[:1],
        reach=recipe.input.reach,
        flip=0.0,
        smallest_object=recipe.input.smallest_object,
    )
    pairs = Pairs([replace(held_out, repeat=1.0)], plain, recipe.seed)

    @torch.no_grad()
    def judge(network: STMask) -> dict[str, float]:
        loss = PairLoss(network, recipe.loss).eval()
        torch.manual_seed(recipe.seed)
        sums: dict[str, float] = {}
        for number in range(BATCHES):
            batch = on_device(pairs.batch(number, recipe.schedule.pairs), torch.device(device))
            for name, value in loss(batch).terms.items():
                sums[name] = sums.get(name, 0.0) + float(value) / BATCHES
        return {"minus_loss": -sum(sums.values()), **sums}

    return judge
