"""The ranking study: measures and fitted weights on made-up alarms, and the command on real projects."""

import json
import re

import numpy as np
import pytest

from stmask_core.cli import main
from stmask_core.document.commands.predictions import PredictedFrame, Prediction, add_predictions, start_run
from stmask_core.document.commands.videos import create_category
from stmask_core.project import Project
from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, DiagnosticTable
from stmask_core.review.diagnostics.measured import AUROC, WEIGHTS, WORTH_SHOWING
from stmask_core.review.events import ReviewEvent
from stmask_core.review.study import fit_weights, study
from stmask_core.structures.masks import Mask
from tests.conftest import REPOSITORY
from tests.core.numbered_clips import write_clip


def made_up(seed, count=4000):
    """A table where ``occlusion`` alone makes errors, with a chance of 0.6 when it is full."""
    rng = np.random.default_rng(seed)
    columns = {d.name: np.full(count, d.low) for d in DIAGNOSTICS}
    occlusion, blur = (next(d for d in DIAGNOSTICS if d.name == name) for name in ("occlusion", "blur"))
    full, noise = rng.random(count) < 0.3, rng.random(count) < 0.3
    columns["occlusion"] = np.where(full, occlusion.high, occlusion.low)
    columns["blur"] = np.where(noise, blur.high, blur.low)
    columns["tininess"] = np.full(count, np.nan)
    scores = rng.random(count)
    table = DiagnosticTable(np.ones(count, np.int64), np.arange(count), scores, columns)
    return table, full & (rng.random(count) < 0.6)


def test_the_one_good_diagnostic_is_found():
    table, wrong = made_up(1)
    bad = [ReviewEvent(int(f), 1, "risk", 0.9, "") for f in np.flatnonzero(wrong)]
    result = study([table, table], [wrong, wrong], [bad, []])
    assert (result.rows, result.wrong) == (8000, 2 * wrong.sum())
    worth = {entry.name: entry for entry in result.worth}
    assert result.worth[0].name == "occlusion"
    assert worth["occlusion"].auroc > 0.85
    assert worth["blur"].auroc == pytest.approx(0.5, abs=0.05)
    assert worth["tininess"].defined == 0
    first = result.found_first
    assert first.time == pytest.approx(0.1, abs=0.05)
    assert first.score == pytest.approx(0.1, abs=0.05)
    assert first.risk > 0.25
    assert first.queue > first.risk
    assert first.best == pytest.approx(0.1 / wrong.mean(), abs=0.01)


def test_weights_are_the_chance_of_an_error_under_a_full_alarm():
    weights = fit_weights(*([part] for part in made_up(2)))
    assert weights["occlusion"] == pytest.approx(0.6, abs=0.05)
    assert all(weight < 0.05 for name, weight in weights.items() if name != "occlusion")


def test_every_diagnostic_was_measured():
    assert set(AUROC) == set(WEIGHTS) == {d.name for d in DIAGNOSTICS}
    assert all(0 <= weight < 1 for weight in WEIGHTS.values())
    assert {d.name for d in DIAGNOSTICS if d.shown} == {n for n, v in AUROC.items() if v >= WORTH_SHOWING}


def test_the_command_measures_projects(tmp_path, capsys):
    height, width, count = 96, 160, 12
    block = Mask.from_crop(np.ones((20, 20), bool), y0=10, x0=10, height=height, width=width)
    beside = Mask.from_crop(np.ones((20, 20), bool), y0=60, x0=100, height=height, width=width)
    clip = write_clip(tmp_path / "clip.mp4", count, size=(width, height))
    with Project.create(tmp_path / "clip.stm", video=clip) as project:
        document = project.document
        (video,) = document.videos
        dog = create_category(document, "dog").id
        run = start_run(document, video, first=0, last=count - 1)
        predictions = [
            PredictedFrame(f, (Prediction(0, dog, block if f < 9 else beside, 0.9 if f < 9 else 0.4),))
            for f in range(count)
        ]
        add_predictions(document, run.id, predictions)
    truth = {
        "videos": [{"id": 1, "width": width, "height": height, "file_names": ["clip/0.jpg"] * count}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 1, "video_id": 1, "category_id": 1, "segmentations": [block.to_coco()] * count}
        ],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    words = ["bench", "review", str(tmp_path), "--gt", str(tmp_path / "truth.json"), "--json", "--fit"]
    assert main(words) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["clips"], result["rows"], result["wrong"]) == (1, count, 3)
    assert result["score_auroc"] == 1
    assert {entry["name"] for entry in result["worth"]} == {d.name for d in DIAGNOSTICS}
    assert set(result["weights"]) == set(WEIGHTS)
    assert result["found_first"]["time"] == 0
    truth["videos"][0]["file_names"] = ["other/0.jpg"] * count
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    assert main(words) == 1
    assert "no video called 'clip'" in capsys.readouterr().err


def test_the_guide_says_what_the_catalogue_says():
    text = (REPOSITORY / "docs" / "guide" / "inspect.md").read_text(encoding="utf-8")
    part = text[text.index("## Diagnostics") : text.index("*Risk* = ")]
    rows = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in part.splitlines()
        if line.startswith("| `")
    ]
    assert rows == [
        [f"`{d.name}`", d.formula, d.undefined, f"{d.low:g}, {d.high:g}", d.source] for d in DIAGNOSTICS
    ]
    assert all(d.formula and d.undefined and d.source for d in DIAGNOSTICS)


def test_the_guide_has_the_measured_numbers():
    text = (REPOSITORY / "docs" / "guide" / "inspect.md").read_text(encoding="utf-8")
    part = text[text.index("## What the diagnostics are worth") : text.index("| **risk** |")]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in part.splitlines()
        if line.startswith("| `")
    ]
    told = {row[0].split("`")[1]: (float(row[1]), float(row[-1]), "not shown" not in row[0]) for row in rows}
    assert told == {d.name: (AUROC[d.name], WEIGHTS[d.name], d.shown) for d in DIAGNOSTICS}
    assert [value for value, _, _ in told.values()] == sorted(AUROC.values(), reverse=True)
