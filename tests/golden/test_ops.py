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
from stmask_core.model.postprocess import DetectionSettings, detect, image_mask
from stmask_core.model.preprocess import MEAN, STD, network_input
from stmask_core.model.stmask import RawOutput
from stmask_core.model.temporal import correlate, roi_align, sanitise_rois
from stmask_core.structures.letterbox import FrameLayout
from stmask_core.tracking.association import AssociationSettings, ScoreTerms, pairwise_mask_iou
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


def candidates(ops):
    """The raw output of one frame whose anchors are the 60 candidate boxes."""
    count = len(ops["nms/box"])
    none = torch.zeros(1, 1, 1, 1)
    return RawOutput(
        box_deltas=torch.zeros(1, count, 4),
        class_logits=ops["nms/conf"].log()[None],
        centerness=ops["nms/centerness"][None, :, None],
        mask_coefficients=noise("nms/coeff", (count, 32))[None],
        embeddings=noise("nms/track", (count, 128))[None],
        prototypes=torch.zeros(1, 4, 4, 32),
        anchors=center_form(ops["nms/box"]),
        pyramid=(none,) * 5,
        tower_features=none,
        correlation_map=none,
    )


@pytest.mark.parametrize("suppression", ["cross_class", "per_class"])
def test_suppression(ops, suppression):
    found = detect(candidates(ops), 0, DetectionSettings(suppression=suppression, candidates=20))
    expected = {key.split("/")[-1]: ops[key] for key in ops if key.startswith(f"nms/{suppression}/")}
    assert found.classes.tolist() == expected["class"].tolist()
    assert_close(torch.from_numpy(found.boxes), expected["box"])
    assert_close(torch.from_numpy(found.scores), expected["score"])
    assert_close(torch.from_numpy(found.centerness), expected["centerness"].reshape(-1))
    assert_close(torch.from_numpy(found.coefficients).sum(1), expected["coeff_sum"])


def test_greedy_suppression_keeps_what_only_dropped_boxes_cover(ops):
    """The paper's: by plain loops, and more is kept than by the released fast one."""
    raw = candidates(ops)
    scores = (ops["nms/conf"][:, 1:].max(1).values * ops["nms/centerness"]).tolist()
    boxes, kept = ops["nms/box"], []
    for row in sorted(range(len(scores)), key=lambda row: -scores[row]):
        if all(pairwise_iou(boxes[row : row + 1], boxes[k : k + 1]).item() <= 0.5 for k in kept):
            kept.append(row)
    found = detect(raw, 0, DetectionSettings(suppression="greedy"))
    assert found.scores.tolist() == pytest.approx([scores[row] for row in kept])
    assert len(kept) > len(detect(raw, 0, DetectionSettings()))
    assert len(detect(raw, 0, DetectionSettings(suppression="greedy", most=5))) == 5
    nothing = DetectionSettings(suppression="greedy", min_class_score=1.0)
    assert len(detect(raw, 0, nothing)) == 0


def test_association_scores(ops):
    def share(name):
        return noise(f"assoc/{name}", (4, 3), 0.5, 0.5).numpy()

    settings = AssociationSettings()
    terms = ScoreTerms(noise("assoc/cos", (4, 3)).numpy(), share("miou"), share("biou"))
    assert_close(torch.from_numpy(terms.total(settings)), ops["assoc/score"][:, 1:])
    assert np.abs(ops["assoc/score"][:, 0].numpy() - settings.new_score).max() <= 1e-6


def test_mask_iou(ops):
    a, b = (ops[f"mask/iou_{side}"].float().numpy() for side in "ab")
    assert_close(torch.from_numpy(pairwise_mask_iou(a, b)), ops["mask/iou"], 1e-6)


def test_preprocessing(ops):
    bgr = (noise("prep/img", (120, 160, 3)).numpy() * 128 + 128).astype(np.uint8)
    ready = network_input([bgr[..., ::-1]], FrameLayout((120, 160), (36, 64), (64, 64)))
    assert ready.shape == (1, 3, 64, 64)
    assert not ready[:, :, 36:].any()
    normalised = ready[0, :, :36].permute(1, 2, 0)
    levels = (normalised * torch.from_numpy(STD) + torch.from_numpy(MEAN)).round().flip(-1)
    apart = (levels - ops["prep/resized_64x36"]).abs().amax(-1)
    assert apart.max() <= 1
    assert apart.mean() < 0.02, "versions of OpenCV round some pixels differently"
    assert_close(normalised[apart == 0], ops["prep/normalized"][apart == 0])


def test_masks_of_the_image(ops):
    soft = ops["mask/generated"][:3, :22].numpy()
    layout = FrameLayout((90, 160), (22, 40), (22, 40))
    for one, expected in zip(soft, ops["post/upsampled_90x160"].numpy(), strict=True):
        assert int((image_mask(one, layout).bits() != (expected > 0.5)).sum()) == 0
