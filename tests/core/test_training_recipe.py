"""Recipes: what they default to, and one clear line for each mistake."""

import json
from pathlib import Path

import pytest

from stmask_core.cli import main
from stmask_core.errors import FormatError, StmaskError
from stmask_core.model.config import CONFIGS, PRESETS
from stmask_core.training.optimisation import rate_factor
from stmask_core.training.recipe import DataSource, Schedule, read_recipe
from tests.core.training_world import recipe_text

RECIPES = Path(__file__).resolve().parents[2] / "resources" / "training"
MINIMAL = 'out = "o"\ncategories = ["cat"]\n[[data]]\nannotations = "a.json"\nimages = "i"\n'


def read(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return read_recipe(path)


def test_defaults_are_the_released_training(tmp_path):
    recipe = read(tmp_path, MINIMAL)
    assert recipe.input.sizes == ((640, 360),)
    assert (recipe.input.reach, recipe.input.flip) == (2, 0.5)
    options = recipe.optimiser
    assert (options.kind, options.rate, options.momentum, options.weight_decay) == ("sgd", 1e-4, 0.9, 1e-4)
    schedule = recipe.schedule
    assert (schedule.steps, schedule.pairs, schedule.drops) == (125_000, 8, (75_000, 100_000))
    loss = recipe.loss
    assert (loss.box, loss.mask, loss.class_, loss.centerness, loss.track) == (5, 6.125, 6.125, 20, 5)
    assert not loss.released_class_weights
    assert recipe.model_config(40) == CONFIGS["STMask_plus_resnet50_ada"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n" + MINIMAL, "does not know 'x'"),
        (MINIMAL + "[schedule]\nstep = 3", "[schedule] does not know 'step'; known: steps"),
        (MINIMAL + "[optimiser]\nkind = 'adam'", "optimiser.kind is one of 'sgd', 'adamw'"),
        (MINIMAL + "[optimiser]\nrate = 'fast'", "optimiser.rate cannot be 'fast'"),
        (MINIMAL + "[schedule]\nsteps = 0", "at least 1"),
        (MINIMAL + "[schedule]\nsteps = 1.5", "schedule.steps cannot be 1.5"),
        (MINIMAL + "[input]\nsizes = [[640]]", "input.sizes has 2 values"),
        (MINIMAL + "[input]\nzoom = [1.2, 0.8]", "zoom"),
        (MINIMAL + "[network]\nfrozen_stages = -1", "frozen_stages"),
        (MINIMAL + "[input]\npairs_of_clip = 3\n[schedule]\npairs = 4", "multiple of [input] pairs_of_clip"),
        (MINIMAL + "[loss]\ntemperature = 0", "temperature is above 0"),
        (MINIMAL + "[loss]\nclass_ = 1.0", "does not know 'class_'"),
        (MINIMAL.replace('images = "i"\n', ""), "[data] needs 'images'"),
        ('out = "o"\ncategories = ["cat"]\ndata = []', "[[data]] is missing"),
        ("out = [", "not a TOML file"),
    ],
)
def test_mistakes_are_named(tmp_path, text, words):
    with pytest.raises(StmaskError) as error:
        read(tmp_path, text)
    assert words in str(error.value)
    assert "recipe.toml" in str(error.value)


def test_the_recipe_of_the_guide_is_read(tmp_path):
    guide = (RECIPES.parents[1] / "docs" / "guide" / "training.md").read_text(encoding="utf-8")
    recipe = read(tmp_path, guide.split("```toml\n")[1].split("```")[0])
    assert recipe.data[0].rename == {"car": "sedan"}
    assert recipe.model_config(2).head_channels == 64


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_in_the_box_are_read(path):
    recipe = read_recipe(path)
    assert recipe.model_config(12).num_classes == 13


def test_class_is_written_without_underscore(tmp_path):
    assert read(tmp_path, MINIMAL + "[loss]\nclass = 2.0").loss.class_ == 2.0


def test_presets_can_be_changed(tmp_path):
    text = MINIMAL + '[network]\npreset = "stmask_small"\n[network.change]\nhead_channels = 32'
    config = read(tmp_path, text).model_config(1)
    assert (config.head_channels, config.fpn_channels) == (32, PRESETS["stmask_small"].fpn_channels)
    assert config.num_classes == 2
    for wrong, words in (("colour = 1", "colour"), ("head_channels = 0", "head_channels")):
        with pytest.raises(StmaskError, match=words):
            read(tmp_path, text.replace("head_channels = 32", wrong)).model_config(1)
    with pytest.raises(StmaskError, match="no network called 'nothing'"):
        read(tmp_path, MINIMAL + '[network]\npreset = "nothing"').model_config(1)


def test_learning_rate_over_time():
    released = Schedule()
    assert rate_factor(0, released) == pytest.approx(1 / 500)
    assert [rate_factor(step, released) for step in (500, 74_999)] == [1, 1]
    assert rate_factor(75_000, released) == pytest.approx(0.1)
    assert rate_factor(124_999, released) == pytest.approx(0.01)
    cosine = Schedule(steps=100, warm_up=10, shape="cosine")
    rates = [rate_factor(step, cosine) for step in range(100)]
    assert rates[10] == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-3


def test_a_wrong_recipe_is_one_line_and_exit_1(tmp_path, capsys):
    path = tmp_path / "recipe.toml"
    path.write_text(MINIMAL + "[schedule]\nstep = 3")
    assert main(["train", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "does not know 'step'" in captured.err


def test_a_device_that_is_not_there_is_one_line(tmp_path, capsys):
    path = tmp_path / "recipe.toml"
    path.write_text(MINIMAL)
    for device in ("cuda:7", "quantum"):
        assert main(["train", str(path), "--device", device]) == 1
        assert device in capsys.readouterr().err
        assert main(["bench", "train", "--device", device]) == 1
        assert device in capsys.readouterr().err


def write_annotations(folder, names):
    square = {
        "size": [96, 160],
        "counts": [96 * 40 + 20, 30] + [66, 30] * 29 + [96 * 160 - 96 * 40 - 20 - 30 - 96 * 29],
    }
    content = {
        "videos": [{"id": 1, "width": 160, "height": 96, "length": 1, "file_names": ["a/0.jpg"]}],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
        "annotations": [
            {"id": i, "video_id": 1, "category_id": i, "iscrowd": 0, "segmentations": [square]}
            for i, _ in enumerate(names, 1)
        ],
    }
    (folder / "instances.json").write_text(json.dumps(content))


def test_categories_are_matched_by_name(tmp_path):
    from stmask_core.cli.training_sets import read_training_set

    write_annotations(tmp_path, ["Giraffe", "motor car", "ghost"])
    recipe = read(tmp_path, recipe_text(tmp_path, tmp_path / "out", more=""))
    source = recipe.data[0]
    with pytest.raises(FormatError, match="no category 'motor car', 'ghost'"):
        read_training_set(source, recipe.categories)
    text = recipe_text(tmp_path, tmp_path / "out").replace(
        "[input]", 'drop_unknown = true\nrename = {"motor car" = "sedan"}\n[input]'
    )
    source = read(tmp_path, text).data[0]
    (clip,) = read_training_set(source, recipe.categories).clips
    assert [entry.label for entry in clip.frames[0].objects] == [10, 3]


def test_pictures_of_coco_are_stills_of_any_size(tmp_path):
    """As in COCO itself: one folder, many sizes, polygons, crowds, categories the network has not."""
    from stmask_core.cli.training_sets import read_training_set

    square = [[10, 10, 60, 10, 60, 50, 10, 50]]
    crowd = {"size": [120, 200], "counts": [0, 100, 23900]}
    rows = [(7, 18, square, 0), (7, 1, crowd, 1), (8, 3, square, 0), (8, 44, square, 0), (9, 18, square, 0)]
    content = {
        "images": [
            {"id": 7, "file_name": "000000000009.jpg", "width": 200, "height": 120},
            {"id": 8, "file_name": "000000000025.jpg", "width": 200, "height": 120},
            {"id": 9, "file_name": "000000000030.jpg", "width": 90, "height": 150},
        ],
        "categories": [
            {"id": id_, "name": name}
            for id_, name in ((1, "person"), (3, "car"), (18, "dog"), (44, "bottle"))
        ],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "segmentation": mask, "iscrowd": many}
            for n, (image, category, mask, many) in enumerate(rows, 1)
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    source = DataSource(tmp_path / "coco.json", tmp_path, "coco", drop_unknown=True, rename={"car": "sedan"})
    clips = read_training_set(source, ("person", "sedan", "dog")).clips
    labels = [[entry.label for entry in frame.objects] for clip in clips for frame in clip.frames]
    assert labels == [[3], [2], [3]]
    assert [len(clip.frames) for clip in clips] == [1, 1, 1], "no picture is the partner of another"
    assert clips[2].frames[0].picture == tmp_path / "000000000030.jpg"
