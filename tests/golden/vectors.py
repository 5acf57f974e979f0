"""Reading the golden files: stored tensors, recipe weights, recipe frames."""

import json
import zlib
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import torch

from stmask_core.model.config import CONFIGS
from stmask_core.model.recognise import skeleton
from tests.golden.recipe import clip, recipe

HERE = Path(__file__).parent
VECTORS = HERE / "vectors"
END_TO_END = sorted(path.stem for path in VECTORS.glob("STMask*.npz"))


def load(name):
    """A golden file by stem, all arrays in memory."""
    with np.load(VECTORS / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def text(golden, key):
    """A text entry (uint8 UTF-8 JSON) as Python values."""
    return json.loads(golden[key].tobytes().decode())


def inventory(config_name):
    """Released keys in order: name -> {shape, dtype}."""
    return json.loads((HERE / "inventory" / f"{config_name}.json").read_text())["keys"]


def noise(name, shape, scale=1.0, shift=0.0):
    """The float32 input of an operator vector: noise(name) * scale + shift."""
    count = int(np.prod(shape))
    return torch.from_numpy((recipe.noise(name, count) * scale + shift).astype(np.float32).reshape(shape))


def differences(golden, key, value):
    """(largest difference of the stored samples, of mean and deviation) between ``value`` and tensor ``key``.

    A stored tensor is every k-th element (k odd), plus mean, population deviation, absolute maximum.
    """
    value = value.detach().float().cpu().contiguous().numpy()
    assert value.shape == tuple(golden[f"{key}/shape"]), f"{key}: {value.shape}"
    step = max(1, value.size // 2048)
    step += step > 1 and step % 2 == 0
    samples = np.abs(value.reshape(-1)[::step] - golden[f"{key}/sub"]).max(initial=0.0)
    exact = value.astype(np.float64)
    statistics = np.array([exact.mean(), exact.std(), np.abs(exact).max()])
    return float(samples), float(np.abs(statistics - golden[f"{key}/stat"]).max())


def assert_stored(golden, key, value, tolerance=1e-4):
    """``value`` equals the stored tensor ``key`` in samples, mean, deviation and absolute maximum."""
    samples, statistics = differences(golden, key, value)
    assert samples <= tolerance, f"{key}: samples differ by {samples:.2e}"
    assert statistics <= tolerance, f"{key}: statistics differ by {statistics:.2e}"


@lru_cache(maxsize=1)
@torch.inference_mode(False)  # what is kept for other tests must not be bound to inference
def golden_network(config_name):
    """The released architecture with the recipe's weights, in eval mode. Do not change it."""
    network = skeleton(CONFIGS[config_name])
    state = {key: recipe_value(key, tuple(value.shape)) for key, value in network.state_dict().items()}
    network.load_state_dict(state, assign=True)
    return network.eval()


@torch.no_grad()
def fill_with_recipe(network):
    """Set every entry of the state to the recipe's value of its key and shape."""
    for key, value in network.state_dict().items():
        value.copy_(recipe_value(key, tuple(value.shape)))


@cache
@torch.inference_mode(False)
def recipe_value(key, shape):
    """The recipe's value of an entry, made once: the networks share most keys and shapes."""
    return torch.from_numpy(recipe.fill(key, shape))


def state_crc32(network):
    """CRC over all entries in order, as stored in the goldens."""
    crc = 0
    for value in network.state_dict().values():
        crc = zlib.crc32(value.contiguous().numpy().tobytes(), crc)
    return crc


def frame_bgr(golden, index):
    """Frame ``index`` of the recipe clip at the golden's size: (H, W, 3) uint8 BGR."""
    return clip.frame(index, *text(golden, "meta_json")["img_shape"][:2])


def network_input(golden, index):
    """The same frame normalised and padded: (1, 3, Hm, Wm)."""
    return torch.from_numpy(clip.batch(index, *text(golden, "meta_json")["img_shape"][:2]))[None]
