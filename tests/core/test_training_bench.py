"""``stmask bench train`` reports what it says."""

import json

from stmask_core.cli import main


def test_bench_train(capsys):
    arguments = ["bench", "train", "--config", "stmask_small", "--precision", "bf16", "--pairs", "1"]
    assert main([*arguments, "--repeats", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (entry,) = report["measurements"]
    assert entry["configuration"] == "stmask_small"
    assert entry["images_per_second"] > 0
    assert 5 < entry["gflop"] < 50
    assert 0 < entry["peak_fraction"] < 1
