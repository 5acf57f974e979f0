"""The tracker scenario of the authors' code: 22 frames, two videos, every rule of identity."""

import numpy as np
import pytest
import torch

from stmask_core.model.config import CONFIGS
from stmask_core.model.mask_assembly import assemble_masks
from stmask_core.model.stmask import FrameFeatures, STMask
from stmask_core.structures.detections import Detections
from stmask_core.tracking.tracker import Tracker
from tests.golden.recipe import tracker_maps
from tests.golden.vectors import fill_with_recipe, load

TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def network():
    """Any released network: only its TemporalNet takes part."""
    network = STMask(CONFIGS["STMask_plus_resnet50"]).eval()
    fill_with_recipe(network)
    return network


def detections_of(golden, frame, prototypes):
    key = f"t{frame:02d}/in/"
    if f"{key}box" not in golden or not len(golden[f"{key}box"]):
        none = np.zeros((0, 1), np.float32)
        return Detections(none, none[:, 0].astype(np.int64), none[:, 0], none[:, 0], none, none, none)
    boxes, coefficients = golden[f"{key}box"], golden[f"{key}mask_coeff"]
    masks = assemble_masks(prototypes, torch.from_numpy(coefficients), torch.from_numpy(boxes))
    return Detections(
        boxes=boxes,
        classes=golden[f"{key}class"].astype(np.int64),
        scores=golden[f"{key}score"],
        centerness=golden[f"{key}centerness"].reshape(-1),
        coefficients=coefficients,
        embeddings=golden[f"{key}track"],
        masks=masks.numpy(),
    )


@torch.inference_mode()
def test_every_frame_of_the_scenario(network):
    golden = load("tracker")
    firsts = set(golden["first_frames"].tolist())
    tracker, previous = Tracker(), None
    checked = 0
    for frame in range(22):
        maps = {name: torch.from_numpy(value) for name, value in tracker_maps.maps(frame).items()}
        current = FrameFeatures(maps["fpn_feat"], maps["T2S_feat"])
        if frame in firsts:
            tracker, previous = Tracker(), None
        if tracker.tracks is not None:
            objects = tracker.tracks.objects
            boxes, coefficients = network.carry(
                previous, current, torch.from_numpy(objects.boxes), torch.from_numpy(objects.coefficients)
            )
            masks = assemble_masks(maps["proto"], coefficients, boxes)
            tracker.carry(boxes.numpy(), coefficients.numpy(), masks.numpy())
        step = tracker.step(detections_of(golden, frame, maps["proto"]))
        previous = current
        compare_state(golden, frame, step)
        checked += compare_output(golden, frame, step)
    assert checked > 40


def compare_state(golden, frame, step):
    key = f"t{frame:02d}/state/"
    if f"{key}box" not in golden:
        assert step.after is None
        return
    objects = step.after.objects
    assert np.array_equal(step.after.ages, golden[f"{key}tracked_mask"].astype(np.int64))
    assert np.array_equal(objects.classes, golden[f"{key}class"])
    for name, values in (
        ("box", objects.boxes),
        ("score", objects.scores),
        ("mask_coeff", objects.coefficients),
    ):
        assert np.abs(values - golden[key + name]).max(initial=0) <= TOLERANCE, (frame, name)


def compare_output(golden, frame, step):
    """Number of instances compared."""
    key = f"t{frame:02d}/out/"
    ids = golden[f"{key}box_ids"].astype(np.int64) if f"{key}box_ids" in golden else np.zeros(0, np.int64)
    if step.after is None:
        assert not len(ids)
        return 0
    shown = step.after.take(step.shown)
    assert np.array_equal(shown.ids, ids), frame
    if len(ids):
        assert np.array_equal(shown.objects.classes, golden[f"{key}class"])
        bits = np.unpackbits(golden[f"{key}mask_bits"], axis=1)[:, : shown.objects.masks[0].size]
        ours = (shown.objects.masks > 0.5).reshape(len(ids), -1)
        assert int((ours != bits.astype(bool)).sum()) == 0
        for name, values in (("box", shown.objects.boxes), ("score", shown.objects.scores)):
            assert np.abs(values - golden[key + name].reshape(values.shape)).max() <= TOLERANCE
    return len(ids)
