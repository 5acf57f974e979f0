"""Frames 0 and 1 of every end-to-end golden: each intermediate map and raw output, to 1e-4 in fp32."""

import pytest
import torch

from stmask_core.model.box_coding import center_form, decode_boxes
from stmask_core.model.inference import optimise_for_inference
from stmask_core.model.temporal import correlate, fusion_map, roi_align, sanitise_rois
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

# Neighbours share a network, so the weights are filled once per configuration.
CASES = sorted(END_TO_END, key=lambda stem: stem.replace("-fastnms", ""))
TOLERANCE = 1e-4


def network_of(golden):
    return golden_network(text(golden, "meta_json")["config"])


class Recorder:
    """Forward hooks that keep what the golden file stores and ``RawOutput`` does not show."""

    def __init__(self, network):
        self.seen = {}
        self.handles = []
        stages = network.backbone.layers
        names = ["D1", "D2", "D3", "D4", "D5"] if len(stages) == 5 else ["C2", "C3", "C4", "C5"]
        for name, stage in zip(names, stages, strict=True):
            self._hook(stage, lambda _, __, output, name=name: self.seen.__setitem__(name, output))
        for k, layer in enumerate(network.prediction_layers[0].conf_layer):
            if hasattr(layer, "conv_adaption"):
                self._hook(
                    layer.conv_adaption, lambda _, inputs, output, k=k: self._calibrated(k, inputs, output)
                )

    def _hook(self, module, function):
        self.handles.append(module.register_forward_hook(lambda *args: (function(*args), None)[1]))

    def _calibrated(self, k, inputs, output):
        calls = self.seen.setdefault(f"calls{k}", [])
        calls.append(0)
        if len(calls) == 2:  # P3 comes first, then P4
            self.seen[f"fcb{k}_offset_P4"] = inputs[1]
            self.seen[f"fcb{k}_deform_P4"] = output.relu()

    def maps(self):
        """What was recorded; removes the hooks."""
        for handle in self.handles:
            handle.remove()
        return {name: value for name, value in self.seen.items() if not name.startswith("calls")}


def outputs(raw):
    """Raw outputs under the names of the golden files."""
    named = {
        "proto": raw.prototypes,
        "loc": raw.box_deltas,
        "conf_logits": raw.class_logits,
        "conf": raw.class_logits.softmax(-1),
        "mask_coeff": raw.mask_coefficients,
        "centerness": raw.centerness,
        "track": raw.embeddings,
        "head_feat_P4": raw.tower_features,
    }
    return named | {f"P{level + 3}": value for level, value in enumerate(raw.pyramid)}


@pytest.mark.parametrize("name", CASES)
@torch.inference_mode()
def test_first_two_frames(name):
    golden = load(name)
    network = network_of(golden)
    raws = []
    for frame in (0, 1):
        recorder = Recorder(network)
        raw = network(network_input(golden, frame))
        checked = outputs(raw) | recorder.maps()
        stored = {
            key.split("/")[1] for key in golden if key.startswith(f"f{frame}/") and key.endswith("/stat")
        }
        assert stored - set(checked) <= {"corr", "roi_feat", "out"}, "every stored tensor is compared"
        for key, value in checked.items():
            assert_stored(golden, f"f{frame}/{key}", value, TOLERANCE)
        raws.append(raw)
    anchors = raws[0].anchors
    assert_stored(golden, "priors", anchors[None], 1e-7)
    assert torch.equal(anchors[:12], torch.from_numpy(golden["priors/first"]))
    assert torch.equal(anchors[-12:], torch.from_numpy(golden["priors/last"]))
    assert_temporal_fusion(golden, network, *raws)


def assert_temporal_fusion(golden, network, previous, current):
    """Correlation, RoI features and TemporalNet on the tracks after frame 0."""
    boxes = torch.from_numpy(golden["f0/tracks/box"])
    maps = [raw.frame_features(0) for raw in (previous, current)]
    assert_stored(golden, "f1/corr", correlate(maps[0].pyramid_map, maps[1].pyramid_map, 11), TOLERANCE)
    fused = fusion_map(maps[0].pyramid_map, maps[1].pyramid_map, maps[0].tower, maps[1].tower, 11)
    rois = roi_align(fused[0], sanitise_rois(boxes, *fused.shape[2:]))
    assert_stored(golden, "f1/roi_feat", rois, TOLERANCE)
    deltas, coefficient_deltas = network.TemporalNet(rois)
    assert (deltas - torch.from_numpy(golden["f1/tn_loc"])).abs().max() <= TOLERANCE
    assert (coefficient_deltas - torch.from_numpy(golden["f1/tn_coeff"])).abs().max() <= TOLERANCE


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


@pytest.mark.parametrize("name", [case for case in CASES if case.endswith("-small")])
def test_recipe_weights(name):
    golden = load(name)
    assert state_crc32(network_of(golden)) == text(golden, "meta_json")["weights_crc32"]
