"""Our files in the hands of other public tools: they read them, and score them 1.0 against themselves."""

import contextlib
import io
import itertools
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as pycoco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from stmask_core.formats.coco_writing import write_coco
from stmask_core.formats.mots import write_mots_txt
from stmask_core.formats.ytvis_exchange import read_ytvis
from stmask_core.formats.ytvis_results import write_ytvis_results
from stmask_core.formats.ytvis_writing import write_ytvis
from tests.core.exchange_samples import pixels, sample_exchange


@pytest.fixture(params=["drawn", "real"])
def exchange(request):
    """Drawn videos; then all real clips whose licence forbids shipping them."""
    if request.param == "drawn":
        return sample_exchange(seed=3)
    folder = request.getfixturevalue("extra_data")
    return read_ytvis(folder / "gt" / "comp_cross.json")


def quietly():
    return contextlib.redirect_stdout(io.StringIO())


def test_trackeval_scores_our_files_one(exchange, tmp_path):
    """TrackEval's own reader and metrics: our annotations as truth, our results as the tracker."""
    trackeval = pytest.importorskip("trackeval")
    truth = tmp_path / "gt" / "youtube_vis_valid"
    tracker = tmp_path / "trackers" / "youtube_vis_valid" / "ours" / "data"
    truth.mkdir(parents=True)
    tracker.mkdir(parents=True)
    write_ytvis(exchange, truth / "instances.json")
    write_ytvis_results(read_ytvis(truth / "instances.json"), tracker / "results.json")
    config = {
        "GT_FOLDER": f"{tmp_path}/gt/",
        "TRACKERS_FOLDER": f"{tmp_path}/trackers/",
        "SPLIT_TO_EVAL": "valid",
        "PRINT_CONFIG": False,
    }
    settings = {"USE_PARALLEL": False, "PRINT_CONFIG": False, "TIME_PROGRESS": False, "PRINT_RESULTS": False}
    settings |= {"OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False, "PLOT_CURVES": False}
    settings |= {"OUTPUT_EMPTY_CLASSES": False, "BREAK_ON_ERROR": True}
    with quietly():
        dataset = trackeval.datasets.YouTubeVIS(config)
        metrics = [
            trackeval.metrics.TrackMAP({"USE_TIME_RANGES": False, "PRINT_CONFIG": False}),
            trackeval.metrics.HOTA({"PRINT_CONFIG": False}),
        ]
        results, _ = trackeval.Evaluator(settings).evaluate([dataset], metrics)
    combined = results["YouTubeVIS"]["ours"]["COMBINED_SEQ"]
    names = {c.id: c.name for c in exchange.categories}
    present = {names[t.category_id] for v in exchange.videos for t in v.tracks}
    for name in present:
        assert combined[name]["TrackMAP"]["AP_all"].mean() == pytest.approx(1.0), name
        assert combined[name]["HOTA"]["HOTA"].mean() == pytest.approx(1.0), name


def test_the_official_scorers_definition_gives_one(exchange, tmp_path):
    """The YouTube-VIS API in short: IoU = sum of intersections / sum of unions, greedy by score."""
    write_ytvis(exchange, tmp_path / "gt.json")
    write_ytvis_results(read_ytvis(tmp_path / "gt.json"), tmp_path / "results.json")
    truth = json.loads((tmp_path / "gt.json").read_text())
    results = json.loads((tmp_path / "results.json").read_text())
    sizes = {v["id"]: (v["height"], v["width"]) for v in truth["videos"]}
    packed = defaultdict(list)
    for annotation in truth["annotations"]:
        size = sizes[annotation["video_id"]]
        masks = [pycoco.frPyObjects(s, *size) if s else None for s in annotation["segmentations"]]
        packed[annotation["video_id"], annotation["category_id"]].append(masks)
    matched = 0
    for result in sorted(results, key=lambda r: -r["score"]):
        candidates = packed[result["video_id"], result["category_id"]]
        ious = [tube_iou(result["segmentations"], masks) for masks in candidates]
        best = int(np.argmax(ious))
        assert ious[best] == 1.0
        candidates.pop(best)
        matched += 1
    assert matched == len(truth["annotations"])
    assert not any(packed.values())  # every truth found, no false positive: AP is 1 at every threshold


def tube_iou(one, other):
    common = either = 0.0
    for a, b in zip(one, other, strict=True):
        if a and b:
            common += pycoco.area(pycoco.merge([a, b], intersect=True))
            either += pycoco.area(pycoco.merge([a, b]))
        elif a or b:
            either += pycoco.area(a or b)
    return common / either


def test_pycocotools_scores_our_coco_files_one(exchange, tmp_path):
    write_coco(exchange, tmp_path / "out.json")
    detections = [
        {**{k: a[k] for k in ("image_id", "category_id", "segmentation")}, "score": 0.5}
        for a in json.loads((tmp_path / "out.json").read_text())["annotations"]
    ]
    with quietly():
        truth = COCO(tmp_path / "out.json")
        scored = COCOeval(truth, truth.loadRes(detections), "segm")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    assert scored.stats[0] == pytest.approx(1.0)


def test_trackeval_reads_our_mots_text(exchange, tmp_path):
    """Its MOTS reader takes pedestrians (class 2) only; every track goes there under this class."""
    trackeval = pytest.importorskip("trackeval")
    from dataclasses import replace

    from stmask_core.formats.exchange import ExchangeCategory

    video = exchange.videos[0]
    tracks = tuple(replace(t, category_id=2) for t in video.tracks)
    video = replace(video, name="MOTS20-01", tracks=tracks)
    pedestrian = (ExchangeCategory(2, "pedestrian"),)
    write_mots_txt(replace(exchange, categories=pedestrian, videos=(video,)), tmp_path / "out")
    text = (tmp_path / "out" / "MOTS20-01.txt").read_text()
    root = tmp_path / "gt" / "MOTS-train" / "MOTS20-01"
    (root / "gt").mkdir(parents=True)
    (root / "gt" / "gt.txt").write_text(text)
    size = f"imWidth={video.width}\nimHeight={video.height}\n"
    (root / "seqinfo.ini").write_text(f"[Sequence]\nname=MOTS20-01\nseqLength={video.length}\n{size}")
    data = tmp_path / "trackers" / "MOTS-train" / "ours" / "data"
    data.mkdir(parents=True)
    (data / "MOTS20-01.txt").write_text(text)
    config = {
        "GT_FOLDER": str(tmp_path / "gt"),
        "TRACKERS_FOLDER": str(tmp_path / "trackers"),
        "BENCHMARK": "MOTS",
        "SPLIT_TO_EVAL": "train",
        "SEQ_INFO": {"MOTS20-01": video.length},
        "PRINT_CONFIG": False,
    }
    with quietly():
        dataset = trackeval.datasets.MOTSChallenge(config)
        raw = dataset.get_raw_seq_data("ours", "MOTS20-01")
        data = dataset.get_preprocessed_seq_data(raw, "pedestrian")
        score = trackeval.metrics.HOTA({"PRINT_CONFIG": False}).eval_sequence(data)
    assert data["num_gt_ids"] == len(tracks)
    assert score["HOTA"].mean() == pytest.approx(1.0)


def test_labelformat_reads_our_annotations(exchange, tmp_path):
    """The one PyPI tool that reads and writes YouTube-VIS; not among our dependencies."""
    pytest.importorskip("labelformat")
    from labelformat.formats.youtubevis import (
        YouTubeVISInstanceSegmentationTrackInput,
        YouTubeVISInstanceSegmentationTrackOutput,
    )

    write_ytvis(exchange, tmp_path / "out.json")
    found = YouTubeVISInstanceSegmentationTrackInput(input_file=Path(tmp_path / "out.json"))
    masks = [
        None if s is None else s.get_binary_mask()
        for label in found.get_labels()
        for track in label.objects
        for s in track.segmentations
    ]
    ours = [
        next((o.mask.bits() for o in track.observations if o.frame == frame), None)
        for video in exchange.videos
        for track in video.tracks
        for frame in range(video.length)
    ]
    for theirs, mine in itertools.zip_longest(masks, ours):
        assert (theirs is None) == (mine is None)
        assert mine is None or np.array_equal(theirs, mine)
    YouTubeVISInstanceSegmentationTrackOutput(output_file=tmp_path / "theirs.json").save(found)
    back = read_ytvis(tmp_path / "theirs.json")
    assert list(pixels(back).values()) == list(pixels(exchange).values())
