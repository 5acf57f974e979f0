"""``stmask synth`` end to end, and the sample clip that ships."""

import json

import av
import numpy as np
import pytest
from pycocotools import mask as coco

from stmask_core.cli import main
from stmask_core.opencv import cv2
from stmask_core.structures.masks import Mask, intersection_area, iou
from stmask_core.training.synthetic.world import Clip
from tests.conftest import REPOSITORY

SMALL = ["--clips", "2", "--frames", "3", "--size", "96x64"]


def run(capsys, *arguments):
    """Run the verb with --json and return what it printed."""
    assert main(["synth", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def check_youtube_vis(data):
    """Every rule of the format that readers rely on; returns the number of masks."""
    videos = {video["id"]: video for video in data["videos"]}
    assert sorted(videos) == list(range(1, len(videos) + 1))
    names = {category["id"] for category in data["categories"]}
    masks = 0
    for annotation in data["annotations"]:
        video = videos[annotation["video_id"]]
        assert annotation["category_id"] in names
        size = [video["height"], video["width"]]
        extra = ("amodal_segmentations", "occlusion", "truncation", "blur", "out_of_view")
        for key in ("segmentations", "areas", "bboxes", *extra):
            assert len(annotation[key]) == video["length"] == len(video["file_names"])
        for k, segmentation in enumerate(annotation["segmentations"]):
            full = annotation["amodal_segmentations"][k]
            assert (full is None) == annotation["out_of_view"][k]
            if segmentation is None:
                assert annotation["areas"][k] is annotation["bboxes"][k] is None
                continue
            assert segmentation["size"] == size
            decoded = coco.frPyObjects(segmentation, *size)
            assert coco.area(decoded) == annotation["areas"][k]
            assert list(coco.toBbox(decoded)) == annotation["bboxes"][k]
            seen, whole = Mask.from_coco(segmentation), Mask.from_coco(full)
            assert intersection_area(seen, whole) == seen.area
            assert annotation["occlusion"][k] == pytest.approx(1 - seen.area / whole.area, abs=1e-4)
            masks += 1
    return masks


def test_jpeg_folders_with_annotations(tmp_path, capsys):
    out = tmp_path / "world"
    summary = run(capsys, "--out", str(out), *SMALL, "--seed", "3")
    data = json.loads((out / "instances.json").read_text())
    assert summary["objects"] == len(data["annotations"])
    assert check_youtube_vis(data) > 0
    for video in data["videos"]:
        clip = Clip(video["seed"], (96, 64), 3)
        for k, name in enumerate(video["file_names"]):
            read = cv2.imread(str(out / "JPEGImages" / name))
            assert read.shape == (64, 96, 3)
            assert np.abs(read[..., ::-1].astype(int) - clip[k].image).mean() < 8


def test_several_workers_write_the_same_files(tmp_path, capsys):
    run(capsys, "--out", str(tmp_path / "one"), *SMALL)
    run(capsys, "--out", str(tmp_path / "two"), *SMALL, "--workers", "2")
    one = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    two = sorted(p.relative_to(tmp_path / "two") for p in (tmp_path / "two").rglob("*.*"))
    assert one == two
    assert len(one) == 7
    for name in one:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_mp4_has_every_frame_at_its_rate(tmp_path, capsys):
    out = tmp_path / "films"
    run(capsys, "--out", str(out), *SMALL, "--format", "mp4", "--split", "val", "--fps", "12.5")
    data = json.loads((out / "instances.json").read_text())
    check_youtube_vis(data)
    for video in data["videos"]:
        assert video["split"] == "val"
        with av.open(str(out / video["media"])) as container:
            stream = container.streams.video[0]
            assert float(stream.average_rate) == 12.5
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert len(frames) == 3
        clean = Clip(video["seed"], (96, 64), 3, 12.5)[1].image
        assert np.abs(frames[1].astype(int) - clean).mean() < 10


def test_a_folder_with_something_in_it_is_refused(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["synth", "--out", str(tmp_path), *SMALL]) == 1
    assert "not empty" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("size", ["96", "97x64", "9x9", "axb", "96x64x3"])
def test_odd_sizes_are_wrong_use(tmp_path, capsys, size):
    assert main(["synth", "--out", str(tmp_path / "x"), "--size", size]) == 2
    assert not (tmp_path / "x").exists()


def test_the_sample_clip_and_its_truth_fit_each_other():
    folder = REPOSITORY / "resources" / "sample"
    data = json.loads((folder / "sample.json").read_text())
    assert check_youtube_vis(data) > 250
    video = data["videos"][0]
    with av.open(str(folder / "sample.mp4")) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    assert len(frames) == video["length"]
    assert frames[0].shape == (video["height"], video["width"], 3)
    clip = Clip(video["seed"], (video["width"], video["height"]), video["length"], video["fps"])
    for k in (0, 40, 71):
        drawn = clip[k]
        assert np.abs(frames[k].astype(int) - drawn.image).mean() < 6
        for annotation in data["annotations"]:
            stored = annotation["segmentations"][k]
            mask = drawn.objects[annotation["identity"] - 1].visible
            if stored is None:
                assert mask.is_empty
            else:  # another OpenCV may round a border pixel differently
                assert iou(Mask.from_coco(stored), mask) > 0.97
