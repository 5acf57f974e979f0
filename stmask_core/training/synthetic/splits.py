"""Which seeds, palettes and textures belong to which split; no split shares any of them with another."""

from __future__ import annotations

from stmask_core.errors import StmaskError

SPLIT_STARTS = {"train": 0, "val": 1_000_000_000, "sample": 2_000_000_000}
SEEDS_PER_SPLIT = 1_000_000_000
CLIPS_PER_RUN = 100_000

# Names of surface textures (see textures.py): the split of a clip decides which it may use.
# "photo:" ones are pictures in resources/textures.
GRAINS = {
    "train": ("fractal", "streaks", "speckle", "ridges", "photo:grass", "photo:brick", "photo:fur"),
    "val": ("cells", "weave", "terraces", "photo:gravel"),
    "sample": ("marble", "dapple"),
}

# Hue windows (degrees) for free colours, shifted so that the same colours do not come back. Natural
# colours (fur, skin, grass) exist in every split, drawn from differing windows around the same mean.
HUE_WINDOWS = {
    "train": ((0, 34), (52, 94), (112, 154), (172, 214), (232, 274), (292, 334)),
    "val": ((36, 50), (96, 110), (156, 170), (216, 230), (276, 290), (336, 350)),
    "sample": ((36, 50), (96, 110), (156, 170), (216, 230), (276, 290), (336, 350)),
}


def clip_seed(split: str, run_seed: int, clip: int) -> int:
    """The seed of clip number ``clip`` of a run: inside the seed range of its split.

    Raises StmaskError when the run seed or the clip number leaves that range.
    """
    runs = SEEDS_PER_SPLIT // CLIPS_PER_RUN
    if not 0 <= run_seed < runs:
        raise StmaskError(f"The seed {run_seed} is out of range.", f"Use 0 to {runs - 1}.")
    if not 0 <= clip < CLIPS_PER_RUN:
        raise StmaskError(f"Clip {clip} is out of range.", f"One run makes {CLIPS_PER_RUN} clips.")
    return SPLIT_STARTS[split] + run_seed * CLIPS_PER_RUN + clip


def split_of(seed: int) -> str:
    """The split that owns a clip seed; StmaskError for a seed that no split owns."""
    for split, start in SPLIT_STARTS.items():
        if start <= seed < start + SEEDS_PER_SPLIT:
            return split
    raise StmaskError(f"The clip seed {seed} belongs to no split.", "Use 0 to 2999999999.")
