"""bf16 against fp32 on the golden clips: how alike masks and identities are (said at the end of a run).

The golden networks have random weights, whose scores lie close together: near-ties that a trained network
does not have. `stmask bench precision` compares trained ones.
"""

from dataclasses import replace

import pytest
import torch

from stmask_core.bench.precision import agreement
from stmask_core.engine.clip import ClipTracker, RunSettings
from stmask_core.model.inference import optimise_for_inference
from stmask_core.model.postprocess import DetectionSettings
from stmask_core.structures.letterbox import FrameLayout
from tests.golden.test_end_to_end import CASES, model_of_golden
from tests.golden.vectors import load, network_input, text


@torch.inference_mode()
def results(golden, meta, model):
    suppression = "per_class" if meta["fast_nms"] else "cross_class"
    layout = FrameLayout(*(tuple(meta[f"{kind}_shape"][:2]) for kind in ("ori", "img", "pad")))
    tracker = ClipTracker(model, layout, RunSettings(DetectionSettings(suppression=suppression)))
    raw = model.ready(torch.cat([network_input(golden, frame) for frame in range(6)]))
    return [tracker.step(frame, raw, frame) for frame in range(6)]


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_bf16_agrees_with_fp32(name, record_property):
    golden = load(name)
    meta = text(golden, "meta_json")
    exact = model_of_golden(meta)
    rounded = replace(exact, ready=optimise_for_inference(exact.network, torch.bfloat16), precision="bf16")
    alike = agreement(results(golden, meta, exact), results(golden, meta, rounded))
    record_property("bf16 against fp32", (alike.mask_iou, alike.found, alike.identity))
    assert alike.mask_iou > 0.8
    assert alike.found > 0.5
