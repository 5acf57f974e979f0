"""Every operator of the network against the stored operator vectors, to 2e-5."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stmask_core.model.anchors import pyramid_anchors
from stmask_core.model.box_coding import center_form, corner_form, decode_boxes, encode_boxes, pairwise_iou
from stmask_core.model.calibration import CalibratedConvolution
from stmask_core.model.config import FCA_KERNELS, ModelConfig
from stmask_core.model.deformable import (
    Geometry,
    ModulatedDeformableConvolution,
    deformable_convolution,
)
from stmask_core.model.mask_assembly import assemble_masks, crop_windows
from stmask_core.model.temporal import correlate, roi_align, sanitise_rois
from tests.golden.vectors import load, noise

TOLERANCE = 2e-5
KERNELS = {"3x3": (3, 3), "3x5": (3, 5), "5x3": (5, 3)}


@pytest.fixture(scope="module")
def ops():
    return {key: torch.from_numpy(value) for key, value in load("ops").items()}


def assert_close(actual, expected, tolerance=TOLERANCE):
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= tolerance


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("chunk", [4_000_000, 1])
def test_deformable_convolution(ops, name, chunk, monkeypatch):
    monkeypatch.setattr("stmask_core.model.deformable._CHUNK_ELEMENTS", chunk)
    kernel, case = KERNELS[name], f"dcn1_{name}"
    points = kernel[0] * kernel[1]
    geometry = Geometry(kernel=kernel, stride=1, padding=(kernel[0] // 2, kernel[1] // 2))
    weight = noise(f"{case}/w", (3, 4, *kernel))
    for x, offsets, expected in [
        (
            noise(f"{case}/x", (2, 4, 6, 7)),
            noise(f"{case}/offset", (2, 2 * points, 6, 7), 2.5),
            ops[f"{case}/y"],
        ),
        (
            noise(f"{case}/xs", (1, 4, 1, 2)),
            noise(f"{case}/offsets", (1, 2 * points, 1, 2), 2.5),
            ops[f"{case}/y_small"],
        ),
    ]:
        assert_close(deformable_convolution(x, offsets, weight, geometry=geometry), expected)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("chunk", [4_000_000, 1])
def test_modulated_deformable_convolution(ops, stride, chunk, monkeypatch):
    monkeypatch.setattr("stmask_core.model.deformable._CHUNK_ELEMENTS", chunk)
    case = f"dcn2_s{stride}"
    layer = ModulatedDeformableConvolution(4, 5, stride)
    state = {
        "weight": noise(f"{case}/w", (5, 4, 3, 3)),
        "bias": noise(f"{case}/b", (5,)),
        "conv_offset_mask.weight": noise(f"{case}/ow", (27, 4, 3, 3), 0.6),
        "conv_offset_mask.bias": noise(f"{case}/ob", (27,), 0.5),
    }
    layer.load_state_dict(state)
    assert_close(layer(noise(f"{case}/x", (2, 4, 7, 8))), ops[f"{case}/y"])


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(("short", "kind"), [("ada", "adaptive"), ("ali", "aligned")])
def test_calibrated_convolution(ops, name, short, kind):
    case = f"fcb_{short}_{name}"
    layer = CalibratedConvolution(ModelConfig(head_channels=6), kind, KERNELS[name], 4)
    layer.load_state_dict(
        {key: noise(f"{case}/{key}", value.shape, 0.5) for key, value in layer.state_dict().items()}
    )
    seen = SimpleNamespace(offsets=None, deformed=None)

    def look(_, inputs, output):
        seen.offsets, seen.deformed = inputs[1], output.relu()

    layer.conv_adaption.register_forward_hook(look)
    out = layer(noise(f"{case}/x", (2, 6, 5, 7)), noise(f"{case}/delta", (2, 4, 5, 7), 3.0))
    assert_close(seen.offsets, ops[f"{case}/offset"])
    assert_close(seen.deformed, ops[f"{case}/deform"])
    assert_close(out, ops[f"{case}/y"])


def test_correlation(ops):
    previous, current = noise("corr/a", (2, 8, 7, 13)), noise("corr/b", (2, 8, 7, 13))
    result = correlate(previous, current, 11)
    assert_close(result, ops["corr/correlate"])
    leaky = torch.nn.functional.leaky_relu(ops["corr/raw"].flatten(1, 2) / 8, 0.1)
    assert_close(result, leaky)


def test_roi_align(ops):
    rois = sanitise_rois(ops["roi/boxes"], 10, 14)
    assert_close(rois, ops["roi/sanitized_hw_10x14"])
    assert_close(roi_align(noise("roi/feat", (1, 5, 10, 14))[0], rois), ops["roi/pooled"])


def test_roi_align_of_no_tracks():
    assert roi_align(torch.ones(5, 4, 4), torch.empty(0, 4)).shape == (0, 5, 7, 7)


def test_box_coding(ops):
    anchors = torch.cat(
        [noise("box/prior_c", (40, 2), 0.5, 0.5), noise("box/prior_s", (40, 2), 0.15, 0.2)], 1
    )
    decoded = decode_boxes(noise("box/loc", (40, 4), 3.0), anchors)
    assert_close(decoded, ops["box/decoded"], 1e-6)
    assert_close(encode_boxes(decoded, anchors), ops["box/encoded_back"])
    assert_close(center_form(decoded), ops["box/center_size"], 1e-6)
    assert_close(corner_form(anchors), ops["box/point_form"], 1e-6)
    assert_close(pairwise_iou(decoded[:12], decoded[12:30]), ops["box/jaccard"], 1e-6)


def test_mask_assembly(ops):
    prototypes = noise("mask/proto", (24, 40, 32), 1.0, 0.1).relu()
    coefficients = noise("mask/coeff", (9, 32), 1.5)
    boxes = ops["mask/boxes"]
    assert_close(assemble_masks(prototypes, coefficients, boxes), ops["mask/generated"])
    assert torch.equal(crop_windows(boxes, 24, 40), ops["mask/crop_window"].bool())


@pytest.mark.parametrize("size", [(12, 20), (6, 10), (3, 5), (2, 3), (1, 2)])
def test_anchors(ops, size):
    anchors = pyramid_anchors((size,), FCA_KERNELS)
    assert torch.equal(anchors, ops[f"priors/{size[0]}x{size[1]}"])
    assert anchors.dtype == torch.float32
    assert np.isfinite(anchors.numpy()).all()
