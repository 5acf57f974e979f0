"""Every end-to-end golden: intermediate maps, detections, identities, ages, masks and results.

Numbers are of the authors' code. Intermediate maps and raw outputs of frames 0 and 1 to 1e-4; of all six
frames classes, counts, ids and ages are equal, boxes and scores to 2e-5; of each upsampled mask at most four
pixels may differ (rounding at the threshold of 0.5).
"""

import json
from itertools import zip_longest

import numpy as np
import pytest
import torch

from stmask_core.document.commands.predictions import add_predictions, finish_run
from stmask_core.document.commands.videos import add_video
from stmask_core.engine.clip import ClipTracker, RunSettings
from stmask_core.engine.results import ClipTally
from stmask_core.engine.session import Model
from stmask_core.formats.exchange import Exchange
from stmask_core.formats.project_file import ProjectFile
from stmask_core.formats.ytvis_results import write_ytvis_results
from stmask_core.model.inference import optimise_for_inference
from stmask_core.model.postprocess import DetectionSettings, detect, in_picture
from stmask_core.pre_label import RunPlan, begin_run, predicted_frame, project_categories
from stmask_core.run_results import keep_tally, untouched_run, video_of_run
from stmask_core.structures.letterbox import FrameLayout
from stmask_core.structures.masks import Mask
from tests.golden.intermediates import Recorder, assert_frame, assert_temporal_fusion
from tests.golden.vectors import END_TO_END, golden_network, load, network_input, text

CASES = sorted(END_TO_END, key=lambda stem: stem.replace("-fastnms", ""))
TOLERANCE = 2e-5
MOST_PIXELS = 4


def model_of_golden(meta):
    network = golden_network(meta["config"])
    names = tuple(f"category {n}" for n in range(1, network.config.num_classes))
    return Model(network, optimise_for_inference(network), names, torch.device("cpu"), "fp32")


@pytest.mark.parametrize("name", CASES)
@torch.inference_mode()
def test_all_frames(name, record_property, tmp_path):
    golden = load(name)
    meta = text(golden, "meta_json")
    suppression = "per_class" if meta["fast_nms"] else "cross_class"
    settings = RunSettings(DetectionSettings(suppression=suppression))
    model = model_of_golden(meta)
    layout = FrameLayout(*(tuple(meta[f"{kind}_shape"][:2]) for kind in ("ori", "img", "pad")))
    tracker, tally, different, masks = ClipTracker(model, layout, settings), ClipTally(), 0, 0
    raws, results = [], []
    for start, stop in ((0, 1), (1, 3), (3, 6)):  # batches of one, two and three frames
        recorder = Recorder(model.ready)
        dense = start <= 1  # the last batch looks coefficients and embeddings up, as a run does
        images = torch.cat([network_input(golden, frame) for frame in range(start, stop)])
        raw = model.ready(images, dense=dense)
        maps = recorder.maps()
        if dense:
            assert_frame(golden, start, raw, maps)
            raws.append(raw)
        for frame in range(start, stop):
            compare_detections(golden, frame, detect(raw, frame - start, settings.detection))
            result = tracker.step(frame, raw, frame - start)
            compare_tracks(golden, frame, tracker.snapshot().tracks)
            different += compare_shown(golden, frame, result.instances, layout)
            masks += len(result.instances)
            tally.add(result)
            results.append(result)
    assert_temporal_fusion(golden, model.ready, *raws)
    compare_results(golden, tally)
    compare_file(golden, results_file(results, tally, model, layout, tmp_path))
    record_property("golden mask pixels", (different, masks))  # summed up at the end of the test run


def compare_detections(golden, frame, found):
    """Equal, best first; only where two scores are within the tolerance may the two change places."""
    key = f"f{frame}/nms/"
    boxes = golden[key + "box"].reshape(-1, 4)
    classes = golden[key + "class"].reshape(-1)
    apart = np.abs(found.boxes[:, None] - boxes[None]).max(2) + (found.classes[:, None] != classes[None])
    order = apart.argmin(1)
    assert np.array_equal(np.sort(order), np.arange(len(boxes))), frame
    near(found.boxes, boxes[order])
    near(found.scores, golden[key + "score"].reshape(-1)[order])
    near(found.scores, golden[key + "score"])
    near(found.centerness, golden[key + "centerness"].reshape(-1)[order])


def compare_tracks(golden, frame, tracks):
    key = f"f{frame}/tracks/"
    assert np.array_equal(tracks.ages, golden[key + "tracked_mask"]), frame
    assert np.array_equal(tracks.objects.classes, golden[key + "class"].reshape(-1)), frame
    near(tracks.objects.boxes, golden[key + "box"])
    near(tracks.objects.scores, golden[key + "score"])


def compare_shown(golden, frame, shown, layout):
    """Number of mask pixels that differ."""
    key = f"f{frame}/out/"
    listed = text(golden, "rle_json")[frame]
    inside = in_picture(golden[key + "box"].reshape(-1, 4), layout)  # the others go when results are placed
    near(shown.scores, golden[key + "score"].reshape(-1)[inside])
    assert np.array_equal(shown.track_ids, golden[key + "box_ids"].reshape(-1)[inside]), frame
    assert np.array_equal(shown.category_ids, golden[key + "class"].reshape(-1)[inside]), frame
    assert np.array_equal(shown.boxes, golden[f"f{frame}/post/box"].reshape(-1, 4)), frame
    different = [pixels_apart(ours, theirs) for ours, theirs in zip(shown.mask_list, listed, strict=True)]
    assert max(different, default=0) <= MOST_PIXELS, (frame, different)
    return sum(different)


def compare_results(golden, tally):
    """Track-level score and category, in the order of first appearance."""
    expected = text(golden, "results_json")
    assert len(list(tally)) == len(expected)
    for (_, track), entry in zip(tally, expected, strict=True):
        assert track.category == entry["category_id"]
        assert abs(track.score - entry["score"]) <= TOLERANCE


def results_file(results, tally, model, layout, folder):
    """What ``stmask run`` writes: through a project's document into a results file."""
    with ProjectFile.in_memory() as project:
        document = project.document
        height, width = layout.source
        video = add_video(document, "clip.mp4", width=width, height=height, frame_count=len(results))
        categories = project_categories(document, model.categories)
        run = begin_run(document, RunPlan(video.id, 0, len(results) - 1), model, RunSettings()).id
        add_predictions(document, run, [predicted_frame(result, categories) for result in results])
        finish_run(document, run, categories={n: categories[track.category] for n, track in tally})
        keep_tally(document, run, len(results) - 1, tally)
        made = untouched_run(document, video)
        exact = video_of_run(document, video, made, 1)
        write_ytvis_results(Exchange((), (exact,)), folder / "results.json", keep_empty=True)
    return json.loads((folder / "results.json").read_text())


def compare_file(golden, entries):
    """The results file is the authors', entry by entry."""
    expected = text(golden, "results_json")
    assert len(entries) == len(expected)
    for ours, theirs in zip(entries, expected, strict=True):
        assert ours["category_id"] == theirs["category_id"]
        assert abs(ours["score"] - theirs["score"]) <= TOLERANCE
        pairs = zip_longest(ours["segmentations"], theirs["segmentations"])
        assert all((a is None) == (b is None) for a, b in pairs)
        for mine, rle in zip(ours["segmentations"], theirs["segmentations"], strict=False):
            assert mine is None or pixels_apart(Mask.from_coco(mine), rle) <= MOST_PIXELS


def pixels_apart(mask, rle):
    return int((mask.bits() != Mask.from_coco(rle).bits()).sum())


def near(ours, theirs):
    assert np.abs(ours - theirs.reshape(ours.shape)).max(initial=0) <= TOLERANCE
