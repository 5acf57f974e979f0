"""Weights files: recognised by keys and shapes, refused with reasons, never executed."""

import contextlib
import json
import os
import pickle
import random
import zipfile
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from stmask_core.errors import CheckpointError
from stmask_core.model.checkpoint import (
    initialise_from,
    read_checkpoint,
    require_categories,
    save_checkpoint,
)
from stmask_core.model.config import CONFIGS, ModelConfig
from stmask_core.model.initialise import new_network
from stmask_core.model.recognise import recognise, released_names, skeleton
from stmask_core.model.stmask import STMask
from tests.golden.vectors import inventory

TINY = ModelConfig(
    blocks=(1, 1, 1, 1),
    widths=(2, 2, 2, 2),
    deformable_interval=1,
    num_classes=4,
    fpn_channels=4,
    head_channels=4,
    prototype_channels=4,
    prototypes=3,
    embedding=5,
    class_calibration="adaptive",
    temporal_channels=(4, 4, 4),
)
NAMES = ("cat", "dog", "owl")


@pytest.fixture
def tiny():
    return new_network(TINY, seed=1)


def meta_state(name):
    return {
        key: torch.empty(entry["shape"], device="meta", dtype=getattr(torch, entry["dtype"]))
        for key, entry in inventory(name).items()
    }


@pytest.fixture(scope="module")
def released_state():
    """Zeros with the keys and shapes of the smallest released network, sharing one storage each."""
    return {
        key: torch.zeros((), dtype=getattr(torch, entry["dtype"])).expand(entry["shape"])
        for key, entry in inventory("STMask_plus_resnet50_ada").items()
    }


@pytest.mark.parametrize("name", CONFIGS)
def test_released_configurations_are_recognised_by_keys_and_shapes(name):
    config = recognise(meta_state(name))
    assert config == CONFIGS[name]
    assert name in released_names(config)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_released_file_is_read_with_and_without_a_prefix(name, tmp_path):
    state = {
        key: torch.zeros((), dtype=getattr(torch, entry["dtype"])).expand(entry["shape"])
        for key, entry in inventory(name).items()
    }
    path = tmp_path / f"{name}.pth"
    for prefix in ("", "module."):
        torch.save({prefix + key: value for key, value in state.items()}, path)
        read = read_checkpoint(path)
        assert (read.name, read.config) == (name, CONFIGS[name])
        assert list(read.state_dict) == list(state)


def test_our_file_comes_back_whole(tiny, tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, tiny, NAMES, {"steps": 12})
    read = read_checkpoint(path)
    assert (read.config, read.categories, read.extra, read.ours) == (TINY, NAMES, {"steps": 12}, True)
    state = read.network().state_dict()
    assert list(state) == list(tiny.state_dict())
    assert all(torch.equal(state[key], value) for key, value in tiny.state_dict().items())
    assert os.listdir(tmp_path) == ["tiny.safetensors"]


def test_read_network_can_be_trained_and_copied_from(tiny, tmp_path):
    save_checkpoint(tmp_path / "w.safetensors", tiny, None)
    network = read_checkpoint(tmp_path / "w.safetensors").network().train()
    assert all(parameter.requires_grad for parameter in network.parameters())
    network(torch.randn(2, 3, 64, 64)).class_logits.sum().backward()


@pytest.mark.parametrize(
    ("file_name", "expected_name", "dataset"),
    [
        ("STMask_plus_resnet50_ada.pth", "STMask_plus_resnet50_ada", "ytvis2019"),
        ("STMask_plus_resnet50_ada_YTVIS2021.pth", "STMask_plus_resnet50_ada_YTVIS2021", "ytvis2021"),
        ("weights.pth", "STMask_plus_resnet50_ada", "ytvis2019"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_released_file(released_state, tmp_path, file_name, expected_name, dataset, prefix):
    extra = {
        "backbone.layer.0.old": torch.zeros(1),
        "fpn.downsample_layers.2.weight": torch.zeros(1),
        "fpn.downsample_layers.2.bias": torch.zeros(1),
    }
    state = {prefix + key: value for key, value in (released_state | extra).items()}
    torch.save(state, tmp_path / file_name)
    read = read_checkpoint(tmp_path / file_name)
    assert (read.name, read.dataset, read.categories, read.ours) == (expected_name, dataset, None, False)
    assert list(read.state_dict) == list(inventory(expected_name))
    assert any("3 leftover entries" in notice for notice in read.notices)
    assert any("2021" in notice or "2019" in notice for notice in read.notices)


def test_half_precision_and_old_files_without_counters(released_state, tmp_path):
    state = {
        key: value.half() if value.is_floating_point() else value
        for key, value in released_state.items()
        if not key.endswith("num_batches_tracked")
    }
    torch.save(state, tmp_path / "half.pth")
    read = read_checkpoint(tmp_path / "half.pth")
    assert read.state_dict["backbone.bn1.num_batches_tracked"].item() == 0
    assert {value.dtype for value in read.network().parameters()} == {torch.float32}
    assert any("converted" in notice for notice in read.notices)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("proto_net.10.bias"), ["1 missing: proto_net.10.bias"]),
        (lambda s: s.update(extra=torch.zeros(2)), ["1 unknown: extra"]),
        (
            lambda s: s.update({"fpn.lat_layers.0.weight": torch.zeros(256, 1024, 1, 1)}),
            ["1 of another shape", "fpn.lat_layers.0.weight is 256x1024x1x1, expected 256x2048x1x1"],
        ),
        (
            lambda s: [s.pop(k) for k in list(s) if k.startswith("TemporalNet.fc")],
            ["4 missing", "TemporalNet.fc.weight"],
        ),
    ],
)
def test_misfits_are_named(released_state, tmp_path, change, said):
    state = dict(released_state)
    change(state)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(tmp_path / "odd.pth")
    for words in said:
        assert words in str(caught.value)
    assert len(str(caught.value)) < 900


def test_other_networks_are_refused(tmp_path):
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="Not the weights of an STMask network"):
        read_checkpoint(tmp_path / "other.pth")


def test_wrong_class_count_is_named(tmp_path, tiny):
    with pytest.raises(CheckpointError, match="know 3 categories, but my list has 2"):
        require_categories(TINY, ["a", "b"], "my list")
    with pytest.raises(CheckpointError, match="3 categories"):
        save_checkpoint(tmp_path / "x.safetensors", tiny, ("a",))
    assert not os.listdir(tmp_path)


class Attack:
    def __reduce__(self):
        return (os.system, ("touch /tmp/stmask-attack-ran",))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_code_is_refused_unrun(tmp_path, legacy):
    path = tmp_path / "evil.pth"
    torch.save({"a": Attack()}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match="could run code"):
        read_checkpoint(path)
    assert not os.path.exists("/tmp/stmask-attack-ran")


def test_other_hostile_and_damaged_files(tmp_path, tiny):
    path = tmp_path / "bad.pth"
    cases = {
        "bare pickle": pickle.dumps(Attack()),
        "empty": b"",
        "text": b"hello, world: this is no checkpoint",
        "zip": None,
        "header too long": (10**12).to_bytes(8, "little") + b"{}",
        "safetensors rubbish": (20).to_bytes(8, "little") + b'{"a": [1, 2, 3]}....',
    }
    for content in cases.values():
        if content is None:
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("archive/data.pkl", pickle.dumps({"a": 1}))
        else:
            path.write_bytes(content)
        with pytest.raises(CheckpointError):
            read_checkpoint(path)


def test_a_small_file_cannot_claim_all_memory(tmp_path, released_state):
    claims = dict(released_state)
    for kernel in range(3):
        for name in ("weight", "bias"):
            key = f"prediction_layers.0.conf_layer.{kernel}.conv.{name}"
            shape = (10**9, *claims[key].shape[1:])
            claims[key] = torch.zeros((), dtype=torch.float16).expand(shape)
    for number, state in enumerate((claims, {"a": torch.zeros((), dtype=torch.float16).expand(10**12)})):
        path = tmp_path / f"{number}.pth"
        torch.save(state, path)
        assert path.stat().st_size < 1_000_000
        with pytest.raises(CheckpointError, match=r"claims \d+ GB"):
            read_checkpoint(path)


def test_a_file_without_its_end_is_called_cut_off(tmp_path, released_state):
    path = tmp_path / "cut.pth"
    torch.save(released_state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="cut off"):
        read_checkpoint(path)


@pytest.mark.parametrize("value", [[1, 2], {"weight": [1.0]}, {"weight": "text"}, {}, {3: torch.zeros(1)}])
def test_not_a_state_dict(tmp_path, value):
    torch.save(value, tmp_path / "x.pth")
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("kind", ["safetensors", "pth", "legacy"])
def test_damaged_anywhere_is_read_or_refused_but_never_crashes(tmp_path, tiny, kind):
    path = tmp_path / "w.bin"
    if kind == "safetensors":
        save_checkpoint(path, tiny, NAMES)
    else:
        torch.save(tiny.state_dict(), path, _use_new_zipfile_serialization=kind == "pth")
    whole = path.read_bytes()
    chance = random.Random(7)
    for round_index in range(60):
        damaged = bytearray(whole)
        if round_index % 2:
            del damaged[chance.randrange(len(damaged)) :]
        else:
            for _ in range(8):  # the first and last kilobytes hold the structure
                place = chance.choice([chance.randrange(2000), -1 - chance.randrange(2000)])
                damaged[place] = chance.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(CheckpointError):  # anything else fails the test
            read_checkpoint(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("widths", [10**9, 1, 1, 1]),
        ("blocks", [60000, 60000, 60000, 60000]),
        ("num_classes", "4"),
        ("num_classes", 0),
        ("backbone", "no such"),
        ("kernels", []),
        ("kernels", [[3, -3]]),
        ("class_calibration", "magic"),
        ("surprise", 1),
        ("correlation_level", 9),
        ("anchor_shapes", [[3, 3]]),
        ("head_channels", True),
        ("input_size", [65536, 65536]),
        ("input_size", [640]),
    ],
)
def test_absurd_configurations_are_refused(tmp_path, tiny, field, value):
    config = TINY.to_dict() | {field: value}
    metadata = {
        "format": "stmask",
        "version": "1",
        "config": json.dumps(config),
        "categories": "null",
        "extra": "{}",
    }
    save_file(dict(tiny.state_dict()), tmp_path / "x.safetensors", metadata)
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "x.safetensors")


def test_configuration_survives_json():
    for config in {*CONFIGS.values(), TINY, replace(TINY, anchor_shapes=((3.0, 1.5),) * 3)}:
        assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(CheckpointError):
            read_checkpoint(path)


def test_initialising_takes_equal_names_and_shapes(tmp_path, tiny):
    other = STMask(replace(TINY, num_classes=9, class_calibration=None))
    state = {
        f"module.{key}": torch.full_like(value, 2)
        for key, value in other.state_dict().items()
        if not key.startswith("TemporalNet")
    }
    torch.save(state | {"semantic_seg_conv.weight": torch.zeros(2)}, tmp_path / "yolact_plus.pth")
    before = {key: value.clone() for key, value in tiny.state_dict().items()}
    done = initialise_from(tiny, tmp_path / "yolact_plus.pth")
    after = tiny.state_dict()
    assert set(done.taken) | set(done.kept) == set(after)
    assert all((after[key] == 2).all() for key in done.taken)
    assert all(torch.equal(after[key], before[key]) for key in done.kept)
    assert "prediction_layers.0.conf_layer.0.conv.weight" in done.kept
    assert "TemporalNet.fc.weight" in done.kept
    assert "semantic_seg_conv.weight" in done.unused
    assert "backbone.conv1.weight" in done.taken


def test_initialising_from_nothing_that_fits(tmp_path, tiny):
    torch.save({"a": torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="no entry that fits"):
        initialise_from(tiny, tmp_path / "a.pth")


def test_failed_write_leaves_the_old_file(tmp_path, tiny, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_checkpoint(path, tiny, NAMES)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, tiny, None)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["w.safetensors"]


def test_skeleton_needs_no_memory():
    assert all(p.is_meta for p in skeleton(CONFIGS["STMask_plus_base_ada"]).parameters())
