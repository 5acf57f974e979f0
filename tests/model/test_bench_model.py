"""``stmask bench model``: counts agree with the known ones, a measurement holds together. No times."""

import json

import pytest
import torch
from click.testing import CliRunner

from stmask_core.bench import model as bench
from stmask_core.cli.bench import command
from stmask_core.model.config import CONFIGS
from stmask_core.model.inference import optimise_for_inference
from stmask_core.model.initialise import new_network
from tests.core.tiny_model import write_tiny_weights
from tests.model.test_network import SMALL


@pytest.mark.parametrize(
    ("name", "total"),
    [("STMask_plus_resnet50", 78.0), ("STMask_plus_resnet50_ada", 91.1), ("STMask_plus_base_ada", 109.6)],
)
def test_multiply_adds(name, total):
    parts = bench.count_gmac(CONFIGS[name])
    assert parts["total"] == pytest.approx(total, abs=0.1)
    assert sum(parts[part] for part in ("backbone", "fpn", "prototypes", "heads")) == pytest.approx(
        parts["total"], abs=0.05
    )


def test_looking_anchors_up_saves_the_branches():
    config = CONFIGS["STMask_plus_resnet50_ada"]
    dense, local = (bench.count_gmac(config, dense=dense) for dense in (True, False))
    assert dense["heads"] - local["heads"] == pytest.approx(20.2, abs=0.1)
    assert dense["backbone"] == local["backbone"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_measurement_holds_together(dtype):
    network = optimise_for_inference(new_network(SMALL), dtype)
    done = bench.measure("small", "fp32", 2, network, 100.0, "cpu", tracks=3, repeats=1)
    stages = done.stages_ms
    assert set(stages) >= {
        "preprocess",
        "backbone",
        "backbone_deformable",
        "fpn",
        "prototypes",
        "heads",
        "carry",
        "looked_up",
    }
    assert min(stages.values()) > 0
    assert stages["backbone_deformable"] < stages["backbone"]
    assert done.frame_ms > done.network_ms
    assert done.times_faster_than_authors is None


def test_command_line(monkeypatch, capsys):
    monkeypatch.setitem(bench.CONFIGS, "STMask_resnet50", SMALL)
    arguments = ["model", "--config", "STMask_resnet50", "--batch", "1", "--repeats", "1", "--json"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    report = json.loads(done.output)
    assert [entry["precision"] for entry in report["measurements"]] == ["fp32", "auto"]
    assert report["best_batch"]["STMask_resnet50"] == {"fp32": 1, "auto": 1}
    bench.print_report(report)
    assert "frames/s" in capsys.readouterr().out
    assert CliRunner().invoke(command, ["nothing"]).exit_code == 2


def test_forgetting_hidden_tracks_is_measured(tmp_path):
    write_tiny_weights(tmp_path / "tiny.safetensors")
    weights = ["--weights", str(tmp_path / "tiny.safetensors")]
    arguments = ["retire", "--frames", "20", "--retire", "0", *weights, "--json"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    report = json.loads(done.output)
    assert report["gmac_per_track"]["STMask_plus_resnet50_ada"] == pytest.approx(0.49, abs=0.01)
    kept, at_once = report["runs"]
    assert (kept["retire_after"], kept["identity"], kept["found"]) == (None, 1.0, 1.0)
    assert at_once["tracks_at_the_end"] < kept["tracks_at_the_end"]
