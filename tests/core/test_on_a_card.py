"""What a CUDA device says is what the processor says. Skipped without one."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from stmask_core.cli import main
from stmask_core.cli.train import prepare
from stmask_core.engine.clip import RunSettings, track_clip
from stmask_core.engine.demo_weights import DEMO_WEIGHTS
from stmask_core.engine.session import load_model
from stmask_core.model.config import CONFIGS
from stmask_core.model.initialise import new_network
from stmask_core.training.dataset import read_picture
from stmask_core.training.recipe import read_recipe
from stmask_core.training.run import LAST, Processes
from tests.core.training_world import draw_world, recipe_text

pytestmark = pytest.mark.gpu

FRAMES = 10


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return draw_world(tmp_path_factory.mktemp("card") / "world", clips=2, frames=FRAMES)


@pytest.fixture(autouse=True)
def exact_products():
    """No TF32: its products are not those of the goldens."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize("name", ["STMask_plus_resnet50_ada", "STMask_plus_resnet50_ali", "STMask_darknet53"])
@torch.inference_mode()
def test_the_released_networks_give_the_same(name):
    network = new_network(replace(CONFIGS[name], input_size=(160, 96))).eval()
    images = torch.randn(2, 3, 96, 160, generator=torch.Generator().manual_seed(0))
    expected, said = network(images), network.cuda()(images.cuda())
    for field in (
        "box_deltas",
        "class_logits",
        "centerness",
        "mask_coefficients",
        "embeddings",
        "prototypes",
    ):
        ours, theirs = getattr(said, field).cpu(), getattr(expected, field)
        assert torch.allclose(ours, theirs, atol=1e-3 * float(theirs.abs().max())), field


def tracked(world, device, precision):
    """(track ids, masks) of every frame of the first clip."""
    model = load_model(DEMO_WEIGHTS, device=device, precision=precision)
    pictures = sorted((world / "JPEGImages").glob("*_00000/*.jpg"))
    out = []
    for result in track_clip(model, map(read_picture, pictures), RunSettings(evidence=False)):
        found = result.instances
        out.append({int(t): found.mask(row).bits() for row, t in enumerate(found.track_ids)})
    return out


def likeness(ours, theirs):
    """Mean IoU of masks of equal frame and identity; 0 for one that the other has not."""
    ious = []
    for mine, yours in zip(ours, theirs, strict=True):
        for track in mine.keys() | yours.keys():
            if track in mine and track in yours:
                both, any_ = mine[track] & yours[track], mine[track] | yours[track]
                ious.append(both.sum() / max(1, any_.sum()))
            else:
                ious.append(0.0)
    assert ious, "something was found"
    return float(np.mean(ious))


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.99), ("auto", 0.85)])
def test_a_clip_has_the_same_tracks(world, precision, least):
    assert likeness(tracked(world, "cuda", precision), tracked(world, "cpu", "fp32")) >= least


def write_recipe(folder, world, precision):
    path = folder / "recipe.toml"
    schedule = "steps = 6\npairs = 2\nsave_every = 3\ncheck_every = 100"
    optimiser = f'average = 0.9\nlargest_gradient = 20.0\nprecision = "{precision}"'
    path.write_text(recipe_text(world, folder / "run", schedule=schedule, optimiser=optimiser))
    return path


def test_the_first_losses_are_those_of_the_processor(world, tmp_path):
    path = write_recipe(tmp_path, world, "fp32")
    text = path.read_text().replace("most_masks = 24\nmost_carried = 8\n", "")  # nothing at random
    path.write_text(text)
    on_card = next(prepare(read_recipe(path), "cuda", Processes(), readers=1).steps())
    on_processor = next(prepare(read_recipe(path), "cpu", Processes()).steps())
    assert on_card.positives == on_processor.positives
    assert on_card.losses == pytest.approx(on_processor.losses, rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_stops_and_goes_on(world, tmp_path, precision):
    path = write_recipe(tmp_path, world, precision)
    steps = prepare(read_recipe(path), "cuda", Processes(), readers=2).steps()
    for _ in range(4):
        next(steps)
    steps.close()
    assert main(["train", str(path), "--device", "cuda", "--json"]) == 0
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [5, 6]
    assert (tmp_path / "run" / LAST).stat().st_size > 0


@pytest.mark.parametrize(("bench", "network"), [("model", "STMask_resnet50"), ("train", "stmask_small")])
def test_speed_is_measured(bench, network, capsys):
    arguments = ["bench", bench, "--device", "cuda", "--config", network, "--repeats", "1", "--json"]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["machine"]["name"] == torch.cuda.get_device_name()
    assert all(entry["peak_fraction"] > 0 for entry in report["measurements"])
