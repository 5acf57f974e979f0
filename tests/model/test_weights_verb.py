"""``stmask weights``: the list, and what a file is."""

import json
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from stmask_core.cli import main
from stmask_core.cli.weights import command
from stmask_core.engine.session import load_model
from stmask_core.model.checkpoint import read_checkpoint, save_checkpoint
from stmask_core.model.compact import compacted, expanded
from stmask_core.model.config import CONFIGS
from stmask_core.model.initialise import new_network
from stmask_core.model.released import RELEASED
from tests.golden.vectors import inventory
from tests.model.test_checkpoint import NAMES, TINY


def asked(*arguments):
    done = CliRunner().invoke(command, [*map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_list_names_known_configurations():
    files = asked()
    assert len(files) == len(RELEASED) == 20
    assert {entry["config"] for entry in files} - {None} <= set(CONFIGS)
    assert "STMask_plus_base_ada.pth" in CliRunner().invoke(command, []).output


def test_networks_by_name():
    known = {entry["name"]: entry for entry in asked("--networks")}
    assert {"STMask_plus_base_ada", "stmask_small", "table3_p3_13"} <= set(known)
    assert known["table2_ali_mask_track"]["mask_calibration"] == "aligned"
    lines = CliRunner().invoke(command, ["--networks"]).output.splitlines()
    assert len(lines) == len(known)
    assert "P3, 13x13" in next(line for line in lines if line.startswith("table3_p3_13"))


def test_what_suits_weights_that_makes_no_sense_is_not_written(tmp_path):
    path, out = tmp_path / "own.safetensors", tmp_path / "small.safetensors"
    save_checkpoint(path, new_network(TINY), NAMES)
    for words in (
        ["--compact", str(out), "--set", "kept=2"],
        ["--set", "keep=2"],
        ["--compact", str(out), "--variant", "mask_windows=wide"],
        ["--compact", str(out), "--nms", "none"],
        ["--nms", "greedy"],
        ["--four-bit", "fpn."],
        ["--variant", "mask_windows=trained"],
    ):
        result = CliRunner().invoke(command, [str(path), *words])
        assert result.exit_code == 2
        assert not out.exists()


def test_weights_keep_a_departure_from_the_released_code(tmp_path):
    path, out = tmp_path / "own.safetensors", tmp_path / "small.safetensors"
    save_checkpoint(path, new_network(TINY), NAMES)
    asked(path, "--compact", out, "--variant", "mask_windows=trained")
    model = load_model(out, device="cpu", precision="fp32")
    assert model.choices["mask_windows"] == "trained"
    assert model.ready(torch.zeros(1, 3, 96, 160)).mask_windows == "trained"
    back = load_model(out, device="cpu", precision="fp32", choices={"mask_windows": "released"})
    assert back.ready(torch.zeros(1, 3, 96, 160)).mask_windows == "released"


def test_compact_copy(tmp_path):
    path, small = tmp_path / "own.safetensors", tmp_path / "small.safetensors"
    save_checkpoint(path, new_network(TINY), NAMES, {"steps": 3})
    asked(path, "--compact", small)
    assert small.stat().st_size < path.stat().st_size
    smaller = tmp_path / "smaller.safetensors"
    asked(path, "--compact", smaller, "--four-bit", "fpn.", "--four-bit", "prediction_layers.")
    assert smaller.stat().st_size < small.stat().st_size
    there, back = read_checkpoint(path).state_dict, read_checkpoint(smaller).state_dict
    expected = expanded(compacted(there, ["fpn.", "prediction_layers."]))
    assert all(torch.equal(back[name], value) for name, value in expected.items())
    assert main(["weights", str(path), "--compact", str(tmp_path / "none"), "--four-bit", "fpm."]) == 1
    assert not (tmp_path / "none").exists()
    answer = asked(small)
    assert (answer["kind"], answer["categories"], answer["extra"]) == ("own", list(NAMES), {"steps": 3})
    assert CliRunner().invoke(command, ["--compact", str(small)]).exit_code == 2


def test_mean_of_two_files(tmp_path):
    paths = [tmp_path / f"{name}.safetensors" for name in ("before", "after", "mean", "other")]
    states = []
    for seed, path in enumerate(paths[:2]):
        network = new_network(replace(TINY, input_size=(160, 96 + 32 * seed)), seed=seed)
        save_checkpoint(path, network, NAMES, {"step": seed})
        states.append(network.state_dict())
    asked(paths[1], "--mean-with", paths[0], "--compact", paths[2])
    mean = read_checkpoint(paths[2])
    assert mean.extra == {"step": 1}
    assert mean.config.input_size == (160, 128)
    for name, value in mean.state_dict.items():
        wanted = (states[0][name] + states[1][name]) / 2
        assert torch.allclose(value.float(), wanted.float(), atol=float(wanted.abs().max()) / 100), name
    asked(paths[1], "--mean-with", paths[0], "--share", "0.75", "--part", "backbone.", "--compact", paths[2])
    for name, value in read_checkpoint(paths[2]).state_dict.items():
        share = 0.75 if name.startswith("backbone.") else 0.0
        wanted = share * states[0][name] + (1 - share) * states[1][name]
        assert torch.allclose(value.float(), wanted.float(), atol=float(wanted.abs().max()) / 100), name
    save_checkpoint(paths[3], new_network(TINY), [*NAMES[:-1], "cow"])
    arguments = [str(paths[1]), "--mean-with", str(paths[3]), "--compact", str(tmp_path / "none")]
    assert main(["weights", *arguments]) == 1
    assert not (tmp_path / "none").exists()
    assert CliRunner().invoke(command, [str(paths[1]), "--mean-with", str(paths[0])]).exit_code == 2
    target = ["--compact", str(tmp_path / "none")]
    assert CliRunner().invoke(command, [str(paths[1]), "--part", "backbone.", *target]).exit_code == 2
    absent = [str(paths[1]), "--mean-with", str(paths[0]), "--part", "back-bone", *target]
    assert main(["weights", *absent]) == 1
    assert not (tmp_path / "none").exists()


def test_own_file(tmp_path):
    path = tmp_path / "own.safetensors"
    network = new_network(TINY)
    save_checkpoint(path, network, NAMES, {"steps": 3})
    answer = asked(path)
    assert (answer["kind"], answer["categories"], answer["extra"]) == ("own", list(NAMES), {"steps": 3})
    assert answer["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert "cat, dog, owl" in CliRunner().invoke(command, [str(path)]).output


def test_released_and_initialisation_files(tmp_path):
    state = {
        key: torch.zeros((), dtype=getattr(torch, entry["dtype"])).expand(entry["shape"])
        for key, entry in inventory("STMask_plus_base_ali_OVIS").items()
    }
    torch.save(state, tmp_path / "a.pth")
    answer = asked(tmp_path / "a.pth")
    assert (answer["kind"], answer["configuration"]) == ("released", "STMask_plus_base_ali_OVIS")
    assert (answer["num_categories"], answer["category_list"]) == (25, "ovis")
    torch.save({key: v for key, v in state.items() if key.startswith("backbone")}, tmp_path / "b.pth")
    answer = asked(tmp_path / "b.pth")
    assert answer["kind"] == "initialisation"
    assert answer["best_configuration"].startswith("STMask_plus_base")


@pytest.mark.parametrize("content", [b"", b"no weights here"])
def test_rubbish_is_one_line_and_exit_code_1(tmp_path, capsys, content):
    (tmp_path / "x.pth").write_bytes(content)
    assert main(["weights", str(tmp_path / "x.pth")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
