"""``stmask bench accuracy``: what it counts."""

import json
from collections import Counter

import numpy as np
import pytest

from stmask_core.bench.accuracy import CONDITIONS, Counts, Object, compare, conditions
from stmask_core.cli import main
from stmask_core.model.checkpoint import save_checkpoint
from stmask_core.model.config import PRESETS
from stmask_core.model.initialise import new_network
from stmask_core.structures.detections import instances
from stmask_core.structures.masks import Mask
from tests.core.training_world import CATEGORIES, draw_world

pytest.importorskip("trackeval")


def square(x, y, side=20):
    bits = np.zeros((96, 160), bool)
    bits[y : y + side, x : x + side] = True
    return Mask.from_bits(bits)


def shown(*tracks):
    """(track, category, mask) of one frame."""
    ids, categories, masks = zip(*tracks, strict=True)
    boxes = np.array([mask.box for mask in masks], np.float32)
    return instances(ids, categories, [0.9] * len(ids), boxes, [0] * len(ids), masks, (96, 160))


def test_conditions_are_those_of_the_truth():
    assert conditions(0.0, 0.0) == ["all", "clear"]
    assert conditions(0.5, 0.0) == ["all", "hidden 0.3 to 0.8", "hidden or blurred"]
    assert conditions(0.9, 9.0) == ["all", "blurred over 8 px", "hidden or blurred"]
    assert conditions(0.2, 4.0) == ["all"]
    assert set(conditions(0.3, 8.1)) == set(CONDITIONS) - {"clear"}


def test_found_wrong_and_changed():
    there = Object(7, 4, (square(10, 10),) * 3, (0.0,) * 3, (0.0,) * 3)
    counts, followed, labels = Counts(), {}, {1: 4, 2: 6}
    compare(shown((0, 1, square(11, 10)), (3, 2, square(80, 40))), [there], 0, labels, counts, followed, 0.0)
    assert (counts.found["all"], counts.wrong, counts.changes) == (1, 1, 0)
    compare(shown((5, 1, square(10, 11))), [there], 1, labels, counts, followed, 0.0)
    assert counts.changes == 1, "another track shows the same object"
    compare(shown((5, 2, square(10, 11))), [there], 2, labels, counts, followed, 0.0)
    assert counts.found["all"] == 2, "of the wrong category"
    assert counts.asked == Counter({"all": 3, "clear": 3})
    compare(shown((5, 2, square(10, 11))), [there], 2, None, counts, followed, 0.0)
    assert counts.found["all"] == 3, "unless categories are ignored"


def test_verb(tmp_path, capsys):
    world = draw_world(tmp_path / "world", clips=1, frames=3)
    network = new_network(PRESETS["stmask_small_resnet"])
    save_checkpoint(tmp_path / "w.safetensors", network, CATEGORIES)
    arguments = ["--weights", tmp_path / "w.safetensors", "--annotations", world / "instances.json"]
    arguments += ["--media", world, "--json"]
    capsys.readouterr()
    assert main(["bench", "accuracy", *map(str, arguments)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [entry["temporal_fusion"] for entry in report] == [True, False]
    for entry in report:
        assert entry["frames"] == 3
        assert entry["objects"]["all"] > 0
        assert 0 <= entry["AP"] <= entry["AP50"] <= 1
