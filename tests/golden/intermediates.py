"""The intermediate maps that the golden files store of frames 0 and 1, and their comparison."""

import torch

from stmask_core.model.temporal import correlate, fusion_map, roi_align, sanitise_rois
from tests.golden.vectors import assert_stored

TOLERANCE = 1e-4


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


def assert_frame(golden, frame, raw, recorded, row=0):
    """Frame ``frame``, which is row ``row`` of the batch behind ``raw``: every stored tensor to 1e-4."""
    checked = {name: value[row : row + 1] for name, value in (outputs(raw) | recorded).items()}
    stored = {key.split("/")[1] for key in golden if key.startswith(f"f{frame}/") and key.endswith("/stat")}
    assert stored - set(checked) <= {"corr", "roi_feat", "out"}, "every stored tensor is compared"
    for key, value in checked.items():
        assert_stored(golden, f"f{frame}/{key}", value, TOLERANCE)
    assert_stored(golden, "priors", raw.anchors[None], 1e-7)
    assert torch.equal(raw.anchors[:12], torch.from_numpy(golden["priors/first"]))
    assert torch.equal(raw.anchors[-12:], torch.from_numpy(golden["priors/last"]))


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
