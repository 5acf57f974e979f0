"""A small drawn world and a small network for the tests of training."""

from pathlib import Path

from stmask_core.cli import main

TINY = """
[network]
preset = "stmask_small_resnet"
[network.change]
blocks = [1, 1, 1, 1]
widths = [16, 16, 24, 32]
fpn_channels = 32
head_channels = 32
prototype_channels = 32
prototypes = 16
embedding = 16
temporal_channels = [32, 32, 32]
correlation_patch = 5
"""


def draw_world(folder: Path, *, clips: int, frames: int, seed: int = 0) -> Path:
    """Draw clips of 160 x 96 and return the folder."""
    arguments = ["synth", "--out", str(folder), "--clips", str(clips), "--frames", str(frames)]
    assert main([*arguments, "--size", "160x96", "--seed", str(seed)]) == 0
    return folder


CATEGORIES = (
    "person", "parrot", "sedan", "dog", "snake", "rabbit",
    "duck", "fish", "turtle", "giraffe", "airplane", "elephant",
)  # fmt: skip


def recipe_text(world: Path, out: Path, *, optimiser: str = "", schedule: str = "", more: str = "") -> str:
    """A recipe for the tiny network; ``optimiser`` and ``schedule`` are lines of those sections."""
    return f"""
out = "{out.as_posix()}"
categories = {list(CATEGORIES)}
{TINY}
[[data]]
annotations = "{(world / "instances.json").as_posix()}"
images = "{(world / "JPEGImages").as_posix()}"
[input]
sizes = [[160, 96]]
[loss]
mask_size = "prototypes"
most_masks = 24
most_carried = 8
[optimiser]
kind = "adamw"
rate = 2e-3
norms = "trained"
{optimiser}
[schedule]
shape = "cosine"
warm_up = 5
{schedule}
{more}
"""


def validation_text(world: Path) -> str:
    """The section that judges on the same world."""
    annotations, images = ((world / name).as_posix() for name in ("instances.json", "JPEGImages"))
    return f'[validation]\nannotations = "{annotations}"\nimages = "{images}"'
