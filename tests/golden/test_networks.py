"""The network as it is trained and saved: frames 0 and 1 of the small goldens, each intermediate map and raw
output to 1e-4 in fp32. The copy that runs is held to the same on every golden by ``test_end_to_end``.
"""

import pytest
import torch

from stmask_core.model.box_coding import center_form, decode_boxes
from stmask_core.model.inference import optimise_for_inference
from tests.golden.intermediates import (
    TOLERANCE,
    Recorder,
    assert_frame,
    assert_temporal_fusion,
    outputs,
)
from tests.golden.vectors import (
    END_TO_END,
    assert_stored,
    differences,
    golden_network,
    load,
    network_input,
    state_crc32,
    text,
)

SMALL_CASES = [stem for stem in END_TO_END if "-small" in stem]


def network_of(golden):
    return golden_network(text(golden, "meta_json")["config"])


@pytest.mark.parametrize("name", SMALL_CASES)
@torch.inference_mode()
def test_first_two_frames(name):
    golden = load(name)
    network = network_of(golden)
    raws = []
    for frame in (0, 1):
        recorder = Recorder(network)
        raw = network(network_input(golden, frame))
        assert_frame(golden, frame, raw, recorder.maps())
        raws.append(raw)
    assert_temporal_fusion(golden, network, *raws)


FAST_CASES = ["STMask_darknet53-small", "STMask_plus_base_ali-small", "STMask_plus_resnet50_ada-small"]


@pytest.mark.parametrize("name", FAST_CASES)
@torch.inference_mode()
def test_network_made_ready_for_inference(name):
    golden = load(name)
    network = network_of(golden)
    before = state_crc32(network)
    ready = optimise_for_inference(network)
    raws = [ready(network_input(golden, frame)) for frame in (0, 1)]
    for frame, raw in enumerate(raws):
        for key, value in outputs(raw).items():
            assert_stored(golden, f"f{frame}/{key}", value, TOLERANCE)
    assert_temporal_fusion(golden, ready, *raws)
    assert state_crc32(network) == before, "the original is untouched"


@pytest.mark.parametrize("name", FAST_CASES)
@torch.inference_mode()
def test_network_in_bfloat16_stays_near(name):
    golden = load(name)
    ready = optimise_for_inference(network_of(golden), torch.bfloat16)
    raws = [ready(network_input(golden, frame)) for frame in (0, 1)]
    for field in ("box_deltas", "class_logits", "centerness", "mask_coefficients", "prototypes"):
        assert getattr(raws[0], field).dtype == torch.float32
    for key in ("loc", "conf_logits", "mask_coeff", "centerness", "proto"):
        samples, _ = differences(golden, f"f0/{key}", outputs(raws[0])[key])
        assert samples <= 0.25 * golden[f"f0/{key}/stat"][1], f"{key}: {samples}"
    boxes = torch.from_numpy(golden["f0/tracks/box"])
    coefficients = torch.from_numpy(golden["f0/tracks/mask_coeff"])
    moved = ready.carry(raws[0].frame_features(0), raws[1].frame_features(0), boxes, coefficients)
    exact = decode_boxes(torch.from_numpy(golden["f1/tn_loc"]), center_form(boxes))
    assert (moved[0] - exact).abs().max() <= 0.02
    assert (moved[1] - coefficients - torch.from_numpy(golden["f1/tn_coeff"])).abs().max() <= 0.1


@pytest.mark.parametrize("name", SMALL_CASES)
def test_recipe_weights(name):
    golden = load(name)
    assert state_crc32(network_of(golden)) == text(golden, "meta_json")["weights_crc32"]
