"""EfficientNet-Lite: shapes, folding for inference, and the meaning of published weights."""

import pytest
import torch

from stmask_core.model.config import PRESETS, ModelConfig
from stmask_core.model.efficientnet_lite import BLOCKS, WIDTHS, EfficientNetLite, _pad_same, from_imagenet
from stmask_core.model.inference import optimise_for_inference
from stmask_core.model.initialise import new_network
from stmask_core.model.preprocess import MEAN, STD

CONFIG = ModelConfig(backbone="efficientnet_lite", blocks=BLOCKS, widths=WIDTHS)
PARTS = {
    "_expand_conv.weight": "expand.0.weight",
    "_depthwise_conv.weight": "depthwise.0.weight",
    "_project_conv.weight": "project.0.weight",
}
NORMS = {"_bn0": "expand.1", "_bn1": "depthwise.1", "_bn2": "project.1"}
ENTRIES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    made = EfficientNetLite(CONFIG).eval()
    for name, value in made.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            value.normal_(0, 0.2)
    return made


def published(state):
    """The same numbers under the published names."""
    out = {"_fc.weight": torch.zeros(2, 3), "_conv_head.weight": torch.zeros(4, 3, 1, 1)}
    names = {"_conv_stem.weight": "stem.0.weight"} | {f"_bn0.{e}": f"stem.1.{e}" for e in ENTRIES}
    places = [(stage, block) for stage, blocks in enumerate(BLOCKS) for block in range(blocks)]
    for number, (stage, block) in enumerate(places):
        theirs, ours = f"_blocks.{number}", f"layers.{stage}.{block}"
        names |= {f"{theirs}.{a}": f"{ours}.{b}" for a, b in PARTS.items()}
        names |= {f"{theirs}.{a}.{e}": f"{ours}.{b}.{e}" for a, b in NORMS.items() for e in ENTRIES}
    return out | {theirs: state[ours].clone() for theirs, ours in names.items() if ours in state}


def test_three_maps_at_the_right_strides(backbone):
    with torch.inference_mode():
        maps = backbone(torch.randn(2, 3, 96, 160))
    assert [tuple(m.shape) for m in maps] == [(2, 40, 12, 20), (2, 112, 6, 10), (2, 320, 3, 5)]
    assert backbone.channels == (40, 112, 320)
    with pytest.raises(ValueError, match="seven stages"):
        EfficientNetLite(ModelConfig(backbone="efficientnet_lite"))


def test_published_weights_are_all_used(backbone):
    state = backbone.state_dict()
    read = from_imagenet(published(state), [127.0] * 3, [128.0] * 3)
    assert set(read) == set(state)
    for name, value in state.items():
        assert torch.allclose(read[name].to(value.dtype), value, atol=1e-6), name
    with pytest.raises(ValueError, match="not a state dict"):
        from_imagenet({"a": torch.zeros(1)}, MEAN, STD)


def test_published_weights_keep_their_meaning_under_our_normalisation(backbone):
    picture = torch.randint(0, 256, (1, 3, 64, 64), generator=torch.Generator().manual_seed(1)).float()
    ours = EfficientNetLite(CONFIG).eval()
    ours.load_state_dict(from_imagenet(published(backbone.state_dict()), MEAN.tolist(), STD.tolist()))
    mean, std = (torch.from_numpy(v)[:, None, None] for v in (MEAN, STD))
    with torch.inference_mode():
        theirs = backbone.stem(_pad_same((picture - 127) / 128, 3, 2))
        same = ours.stem(_pad_same((picture - mean) / std, 3, 2))
    inside = (
        slice(None),
        slice(None),
        slice(None, -1),
        slice(None, -1),
    )  # the padding differs
    assert torch.allclose(theirs[inside], same[inside], atol=1e-4)


def test_folding_for_inference_changes_nothing():
    network = new_network(PRESETS["stmask_small"]).eval()
    images = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        exact, ready = network(images), optimise_for_inference(network)(images)
    for name in ("box_deltas", "class_logits", "prototypes"):
        assert torch.allclose(getattr(exact, name), getattr(ready, name), atol=1e-4), name
