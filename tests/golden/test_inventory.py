"""``state_dict()`` of every released configuration: key for key, in order, shape for shape."""

import pytest
import torch

from stmask_core.model.config import CONFIGS
from stmask_core.model.stmask import STMask
from tests.golden.vectors import inventory

PARAMETERS = {  # of the released networks, buffers not counted
    "STMask_base": 66_139_118,
    "STMask_plus_base": 66_826_519,
    "STMask_plus_base_ada": 69_382_735,
    "STMask_plus_base_ali": 69_382_423,
    "STMask_resnet50": 47_146_990,
    "STMask_plus_resnet50": 47_646_891,
    "STMask_plus_resnet50_ada": 50_203_107,
    "STMask_plus_resnet50_ali": 50_202_795,
    "STMask_darknet53": 63_765_134,
}


def released(name):
    with torch.device("meta"):
        return STMask(CONFIGS[name])


@pytest.mark.parametrize("name", CONFIGS)
def test_keys_shapes_and_order(name):
    state = released(name).state_dict()
    expected = inventory(name)
    assert list(state) == list(expected)
    assert {key: list(value.shape) for key, value in state.items()} == {
        key: entry["shape"] for key, entry in expected.items()
    }
    assert {str(value.dtype) for value in state.values()} == {"torch.float32", "torch.int64"}


@pytest.mark.parametrize(("name", "count"), PARAMETERS.items())
def test_parameter_counts(name, count):
    assert sum(parameter.numel() for parameter in released(name).parameters()) == count
