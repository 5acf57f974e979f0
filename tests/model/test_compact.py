"""Compact weights: a quarter of the size, near the original, and refused when the scales do not fit."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from stmask_core.errors import CheckpointError
from stmask_core.model.checkpoint import read_checkpoint, save_checkpoint
from stmask_core.model.compact import SCALE, compacted, expanded
from stmask_core.model.config import PRESETS
from stmask_core.model.initialise import new_network


@pytest.fixture(scope="module")
def network():
    return new_network(PRESETS["stmask_small_resnet"]).eval()


def test_round_trip_is_near(network):
    state = network.state_dict()
    back = expanded(compacted(state))
    assert list(back) == list(state)
    for name, value in state.items():
        if value.dim() < 2:
            assert torch.equal(back[name], value)
            continue
        step = value.flatten(1).abs().amax(1) / 127
        assert ((back[name] - value).flatten(1).abs() <= 0.51 * step[:, None] + 1e-12).all()


def test_parts_in_four_bits_take_half_a_byte_a_weight(network):
    state = network.state_dict() | {"fpn.odd": torch.randn(5, 3), "fpn.zero": torch.zeros(2, 2)}
    small = compacted(state, ["fpn.", "proto_net."])
    back = expanded(small)
    assert list(back) == list(state)
    checked = 0
    for name, value in state.items():
        if value.dim() < 2 or not name.startswith(("fpn.", "proto_net.")):
            assert torch.equal(back[name], expanded(compacted({name: value}))[name])
            continue
        assert small[name].nbytes == -(-len(value) // 2) * value[0].numel()
        reach = 3.5 * value.flatten(1).square().mean(1, keepdim=True).sqrt()
        within = value.flatten(1).abs() <= reach
        largest = value.flatten(1).abs().amax(1, keepdim=True)
        error = (back[name] - value).flatten(1).abs()
        assert (error <= 0.501 * largest / 7)[within].all()
        largest_back = back[name].flatten(1).abs().amax(1, keepdim=True)
        assert torch.allclose(largest_back, torch.minimum(largest, reach), rtol=1e-5)
        assert all(len(row.unique()) <= 15 for row in back[name].flatten(1))
        checked += 1
    assert checked > 10


def test_file_is_small_and_works(network, tmp_path):
    names = [f"c{i}" for i in range(12)]
    save_checkpoint(tmp_path / "large.safetensors", network, names)
    save_checkpoint(tmp_path / "small.safetensors", network, names, {"note": 1}, compact=True)
    large, small = (tmp_path / f"{name}.safetensors" for name in ("large", "small"))
    assert small.stat().st_size < 0.3 * large.stat().st_size
    read = read_checkpoint(small)
    assert read.extra == {"note": 1}
    images = torch.randn(1, 3, 96, 160, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        exact, near = network(images), read.network()(images)
    assert (exact.prototypes - near.prototypes).abs().mean() < 0.1 * exact.prototypes.abs().mean()


def test_scales_must_fit(network, tmp_path):
    path = tmp_path / "w.safetensors"
    save_checkpoint(path, network, None, compact=True)
    with safe_open(path, framework="pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    name = next(key for key in tensors if key.endswith(SCALE))
    for wrong in (None, tensors[name][:-1].clone()):
        damaged = {key: value for key, value in tensors.items() if key != name}
        if wrong is not None:
            damaged[name] = wrong
        save_file(damaged, path, metadata)
        with pytest.raises(CheckpointError, match="8 bits"):
            read_checkpoint(path)


@pytest.mark.parametrize("wrong", ["few scales", "many scales", "one number", "flat pairs", "one pair"])
def test_scales_of_four_bits_must_fit(network, tmp_path, wrong):
    path = tmp_path / "w.safetensors"
    save_checkpoint(path, network, None, compact=True, four_bit=["fpn."])
    with safe_open(path, framework="pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    scale = next(key for key in tensors if key.startswith("fpn.") and key.endswith(SCALE))
    entry = scale.removesuffix(SCALE)
    tensors |= {
        "few scales": {scale: torch.ones(1)},
        "many scales": {scale: torch.ones(300)},
        "one number": {scale: torch.tensor(1.0)},
        "flat pairs": {entry: tensors[entry].flatten()},
        "one pair": {entry: tensors[entry].flatten()[0].clone()},
    }[wrong]
    save_file(tensors, path, metadata)
    with pytest.raises(CheckpointError, match="4 bits"):
        read_checkpoint(path)
