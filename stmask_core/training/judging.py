"""How a run judges its network while it trains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import torch

from stmask_core.engine.clip import RunSettings, track_clip
from stmask_core.engine.results import ClipTally
from stmask_core.engine.session import Model, model_of
from stmask_core.evaluation.clips import Clip as ScoredClip
from stmask_core.evaluation.clips import ScoredTrack
from stmask_core.evaluation.evaluate import evaluate_ytvis
from stmask_core.model.stmask import STMask
from stmask_core.structures.masks import Mask
from stmask_core.training.dataset import Clip, Pairs, TrainingSet, read_picture
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


def held_out_ap(held_out: TrainingSet, categories: Sequence[str], device: str) -> Evaluate:
    """A judge that tracks every held-out clip with the engine and returns YouTube-VIS mask AP, then AP50."""
    names = dict(enumerate(categories, 1))

    def judge(network: STMask) -> dict[str, float]:
        model = model_of(network, categories, device, "auto")
        clips = (tracked(model, clip, number) for number, clip in enumerate(held_out.clips, 1))
        precision = evaluate_ytvis(clips, names, tracking=False).precision
        return {"AP": precision.AP or 0.0, "AP50": precision.AP50 or 0.0}

    return judge


def tracked(model: Model, clip: Clip, number: int) -> ScoredClip:
    """What is true in a clip and what the model says; a track counts for its most frequent category."""
    true_masks: dict[tuple[int, int], dict[int, Mask]] = defaultdict(dict)
    for frame, content in enumerate(clip.frames):
        for entry in content.objects:
            true_masks[entry.id, entry.label][frame] = entry.mask
    said: dict[int, dict[int, Mask]] = defaultdict(dict)
    tally = ClipTally()
    pictures = (read_picture(content.picture) for content in clip.frames)
    for result in track_clip(model, pictures, RunSettings(evidence=False)):
        tally.add(result)
        for row, track in enumerate(result.instances.track_ids.tolist()):
            if not result.instances.mask(row).is_empty:
                said[track][result.frame] = result.instances.mask(row)
    return ScoredClip(
        number,
        clip.name,
        len(clip.frames),
        tuple(ScoredTrack(id_, label, masks) for (id_, label), masks in true_masks.items()),
        tuple(ScoredTrack(track, entry.category, said[track], entry.score) for track, entry in tally),
    )
