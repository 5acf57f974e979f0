"""COCO, DAVIS, MOTS and CSV: what is written comes back pixel for pixel; what is wrong is refused by name."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from pycocotools import mask as pycoco
from pycocotools.coco import COCO

from stmask_core.errors import FormatError, WriteError
from stmask_core.formats.atomic import atomic_path
from stmask_core.formats.coco import read_coco
from stmask_core.formats.coco_writing import write_coco
from stmask_core.formats.csv_tables import (
    EventRow,
    read_observations_csv,
    track_events,
    write_events_csv,
    write_observations_csv,
)
from stmask_core.formats.davis import read_davis, write_davis
from stmask_core.formats.exchange import Exchange, ExchangeCategory, ExchangeTrack, Observation, check_video
from stmask_core.formats.folders import SafeNames, atomic_folder, natural_order
from stmask_core.formats.frame_names import match_frames, safe_relative_name
from stmask_core.formats.mots import read_mots, write_mots_png, write_mots_txt
from stmask_core.formats.png_labels import read_label_png, write_grey16_png, write_palette_png
from stmask_core.structures.masks import Mask
from tests.core.exchange_samples import (
    CATEGORIES,
    details,
    identities,
    pixels,
    sample_exchange,
    sample_video,
)

WRITERS = {
    "coco": (write_coco, read_coco, "out.json"),
    "davis": (write_davis, read_davis, "out"),
    "mots": (write_mots_png, read_mots, "out"),
    "mots-txt": (write_mots_txt, read_mots, "out"),
    "csv": (write_observations_csv, read_observations_csv, "out.csv"),
}
SILENT = {"davis", "mots", "mots-txt"}  # formats without scores and sources


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("seed", range(3))
def test_round_trip_keeps_pixels_identities_and_categories(tmp_path, name, seed):
    write, read, file = WRITERS[name]
    before = sample_exchange(seed=seed * 10)
    report = write(before, tmp_path / file)
    after = read(tmp_path / file)
    assert pixels(after) == pixels(before)
    assert identities(after) == identities(before)
    assert report.masks == len(pixels(before))
    assert report.overlap_pixels == 0
    shapes = {(v.name, v.width, v.height, v.length) for v in before.videos}
    assert {(v.name, v.width, v.height, v.length) for v in after.videos} == shapes
    if name not in SILENT:
        assert details(after) == details(before)
    for video in after.videos:
        check_video(video, name)


@pytest.mark.parametrize("name", WRITERS)
def test_second_export_needs_force_only_where_folders_are_replaced(tmp_path, name):
    write, read, file = WRITERS[name]
    write(sample_exchange(seed=1), tmp_path / file)
    if name in SILENT:
        with pytest.raises(FormatError, match="already there"):
            write(sample_exchange(seed=2), tmp_path / file)
        assert pixels(read(tmp_path / file)) == pixels(sample_exchange(seed=1))
        write(sample_exchange(seed=2), tmp_path / file, replace=True)
    else:
        write(sample_exchange(seed=2), tmp_path / file)
    assert pixels(read(tmp_path / file)) == pixels(sample_exchange(seed=2))
    assert [p.name for p in tmp_path.iterdir()] == [file]


@pytest.mark.parametrize("name", WRITERS)
def test_videos_are_written_one_after_the_other(tmp_path, name):
    """A data set is never in memory as a whole."""
    write, read, file = WRITERS[name]
    sizes = []

    def videos():
        for number in range(1, 6):
            yield sample_video(number, f"v{number}", seed=number, tracks=9)
            sizes.append(sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()))

    report = write(Exchange(CATEGORIES, videos()), tmp_path / file)
    assert report.videos == len(read(tmp_path / file).videos) == 5
    assert sorted(sizes) == sizes
    assert sizes[0] < sizes[-1]  # files are written in blocks, so that not each video shows


def test_a_video_called_labels_is_not_lost(tmp_path):
    write_mots_txt(Exchange(CATEGORIES, (sample_video(1, "labels"),)), tmp_path / "out")
    assert pixels(read_mots(tmp_path / "out")) == pixels(Exchange(CATEGORIES, (sample_video(1, "labels"),)))


@pytest.mark.parametrize("name", sorted(SILENT))
def test_the_smaller_object_keeps_pixels_that_two_claim(tmp_path, name):
    write, read, file = WRITERS[name]
    large, small = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    large[2:18, 2:28] = True
    small[10:19, 10:14] = True
    video = replace(
        sample_video(length=1, size=(20, 30)),
        tracks=(
            ExchangeTrack(1, 8, (Observation(0, Mask.from_bits(large)),)),
            ExchangeTrack(2, 8, (Observation(0, Mask.from_bits(small)),)),
        ),
    )
    report = write(Exchange(CATEGORIES, (video,)), tmp_path / file)
    assert report.overlap_pixels == int((large & small).sum())
    after = pixels(read(tmp_path / file))
    assert after == {("clip", 1, 0): Mask.from_bits(large & ~small), ("clip", 2, 0): Mask.from_bits(small)}


# COCO


def test_coco_is_what_pycocotools_reads(tmp_path, capsys):
    exchange = sample_exchange(apart=False)
    write_coco(exchange, tmp_path / "out.json")
    coco = COCO(tmp_path / "out.json")
    capsys.readouterr()
    masks = iter(
        sorted(pixels(exchange).items(), key=lambda item: (item[0][0] != "clip one", item[0][2], item[0][1]))
    )
    for id_ in sorted(coco.anns):
        annotation = coco.anns[id_]
        (_, track, frame), mask = next(masks)
        assert annotation["track_id"] == annotation["attributes"]["track_id"] == track
        assert coco.imgs[annotation["image_id"]]["frame_index"] == frame
        assert np.array_equal(coco.annToMask(annotation), mask.bits())
        assert annotation["area"] == mask.area == pycoco.area(annotation["segmentation"])
        assert annotation["bbox"] == pycoco.toBbox(annotation["segmentation"]).tolist()


def test_coco_from_elsewhere(tmp_path):
    images = [
        {"id": 7, "file_name": "b\\2.jpg", "width": 20, "height": 10},
        {"id": 3, "file_name": "b/10.jpg", "width": 20, "height": 10},
        {"id": 1, "file_name": "flat.jpg", "width": 5, "height": 5},
    ]
    polygon = [[2.0, 2.0, 9.0, 2.0, 9.0, 7.0, 2.0, 7.0]]
    common = {"category_id": 4, "segmentation": polygon, "iscrowd": 0}
    annotations = [
        {"id": 1, "image_id": 3, "attributes": {"track_id": 9, "occluded": True}, **common},
        {"id": 2, "image_id": 7, "attributes": {"track_id": 9}, "weight": 0.5, **common},
        {"id": 3, "image_id": 7, **common},
    ]
    categories = [{"id": 4, "name": "dog"}]
    file = tmp_path / "elsewhere.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    found = read_coco(file)
    folder, flat = found.videos
    assert (folder.name, flat.name) == ("b", "elsewhere")
    assert folder.frame_names == ("b/2.jpg", "b/10.jpg")
    track, nameless = folder.tracks
    assert [(o.frame, o.occlusion) for o in track.observations] == [(0, 0), (1, 1)]
    assert track.observations[0].extra == {"weight": 0.5}
    assert (track.id, nameless.id) == (9, 10)
    assert track.observations[0].mask == Mask.from_polygons(polygon, 10, 20)
    assert "1 annotations have no track id" in found.warnings[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("images"), "no list of images"),
        (lambda c: c["annotations"][1].update(image_id=99), r"annotations\[1\]: no image has the id 99"),
        (lambda c: c["annotations"][1].update(category_id=2), r"annotations\[1\]: no category has the id 2"),
        (lambda c: c["annotations"][1].update(image_id=1, track_id=2), "two masks in one image"),
        (lambda c: c["annotations"][0].update(track_id="x"), r"track_id: expected a whole number"),
        (lambda c: c["images"][2].update(file_name="../up.jpg"), r"images\[2\]: .* points outside"),
        (lambda c: c["images"][2].update(file_name="C:/up.jpg"), r"images\[2\]: .* points outside"),
        (lambda c: c["images"][2].update(id=1), r"images\[2\]: the id 1 is used twice"),
        (lambda c: c["images"][2].update(width=10**9), "an image cannot be"),
        (lambda c: c["images"][2].update(width=61), "different sizes"),
        (lambda c: c["annotations"][0]["segmentation"].update(size=[60, 40]), "a mask of 40 x 60"),
        (lambda c: c["annotations"][0]["segmentation"].update(counts="zzz"), r"annotations\[0\]"),
        (lambda c: c["annotations"][0].update(score=float("nan")), "not finite"),
        (lambda c: c["annotations"].insert(0, 5), r"annotations\[0\]: expected an object"),
        (lambda c: c.update(annotations={"id": 1}), "annotations: expected a list"),
        (lambda c: c.update(categories=[{"id": 1}]), r"categories\[0\].name: expected text"),
    ],
)
def test_coco_complaints_name_the_place(tmp_path, change, message):
    write_coco(sample_exchange(videos=1), tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    change(content)
    (tmp_path / "out.json").write_text(json.dumps(content))
    with pytest.raises(FormatError, match=message):
        read_coco(tmp_path / "out.json")


# Pictures


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_label_pictures_come_back(dtype):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, np.iinfo(dtype).max + 1, (37, 53)).astype(dtype)
    palette = [(i, 255 - i, i // 2) for i in range(256)]
    data = write_palette_png(labels, palette) if dtype == np.uint8 else write_grey16_png(labels)
    assert np.array_equal(read_label_png(data), labels)


@pytest.mark.parametrize("cut", [0, 7, 20, 60, -20, -1])
def test_cut_pictures_are_refused(cut):
    data = write_palette_png(np.arange(200, dtype=np.uint8).reshape(10, 20), [(0, 0, 0)] * 256)
    with pytest.raises(ValueError, match="PNG"):
        read_label_png(data[:cut])


def test_a_header_that_lies_about_the_size_is_refused_before_memory_is_taken():
    import struct
    import zlib

    data = write_palette_png(np.zeros((4, 4), np.uint8), [(0, 0, 0)] * 256)
    header = struct.pack(">II", 16000, 16000) + data[24:29]
    lie = data[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + data[33:]
    with pytest.raises(ValueError, match="cannot hold 16000 x 16000"):
        read_label_png(lie)


def test_davis_needs_names_and_says_how_to_give_them(tmp_path):
    write_davis(sample_exchange(videos=1), tmp_path / "out")
    (tmp_path / "out" / "objects.json").unlink()
    with pytest.raises(FormatError, match=r"say 2 but not which category.*--map 2=NAME"):
        read_davis(tmp_path / "out")
    found = read_davis(tmp_path / "out", {"2": "dog", "*": "cow"})
    assert sorted(identities(found).values()) == ["cow", "cow", "dog"]
    assert pixels(found) == pixels(sample_exchange(videos=1))


def test_davis_folders_as_they_come(tmp_path):
    write_davis(sample_exchange(videos=1), tmp_path / "out")
    deep = tmp_path / "DAVIS" / "Annotations" / "480p"
    deep.mkdir(parents=True)
    shutil.copytree(tmp_path / "out" / "clip one", deep / "clip one")
    for root in (tmp_path / "DAVIS", deep, deep / "clip one"):
        assert pixels(read_davis(root, {"*": "dog"})) == pixels(sample_exchange(videos=1))


def test_davis_grey_foreground_and_void(tmp_path):
    for name, values in {"grey": (0, 255), "void": (0, 1, 255)}.items():
        labels = np.resize(np.array(values, np.uint8), (6, 6))
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(write_palette_png(labels, [(i, i, i) for i in range(256)]))
    grey = read_davis(tmp_path / "grey", {"*": "dog"})
    assert [(t.id, t.observations[0].mask.area) for t in grey.videos[0].tracks] == [(1, 18)]
    void = read_davis(tmp_path / "void", {"*": "dog"})
    assert [(t.id, t.observations[0].mask.area) for t in void.videos[0].tracks] == [(1, 12)]
    assert "void" in void.warnings[0]


def test_davis_refuses_more_objects_than_a_picture_can_tell_apart(tmp_path):
    mask = Mask.from_bits(np.ones((2, 2), bool))
    tracks = tuple(ExchangeTrack(i, 8, (Observation(0, mask),)) for i in range(1, 256))
    video = replace(sample_video(length=1, size=(2, 2)), tracks=tracks)
    with pytest.raises(FormatError, match="255 tracks"):
        write_davis(Exchange(CATEGORIES, (video,)), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_davis_renumbers_large_ids_and_brings_them_back(tmp_path):
    mask = Mask.from_bits(np.eye(5, dtype=bool))
    video = replace(
        sample_video(length=1, size=(5, 5)), tracks=(ExchangeTrack(9000, 8, (Observation(0, mask),)),)
    )
    write_davis(Exchange(CATEGORIES, (video,)), tmp_path / "out")
    assert np.array_equal(
        read_label_png((tmp_path / "out" / "clip" / "00000.png").read_bytes()), np.eye(5, dtype=np.uint8)
    )
    assert pixels(read_davis(tmp_path / "out")) == {("clip", 9000, 0): mask}


# MOTS


def test_mots_numbers_are_class_and_instance(tmp_path):
    exchange = sample_exchange(videos=1)
    write_mots_png(exchange, tmp_path / "out")
    values = set()
    for picture in (tmp_path / "out" / "clip one" / "instances").glob("*.png"):
        values |= set(np.unique(read_label_png(picture.read_bytes())).tolist())
    assert values == {0, 1002, 5005, 8008}
    labels = (tmp_path / "out" / "clip one" / "instances" / "labels.txt").read_text().splitlines()
    assert (labels[0], labels[4], labels[7]) == ("person", "giant_panda", "dog")


@pytest.mark.parametrize("writer", [write_mots_png, write_mots_txt])
def test_mots_of_others_needs_names(tmp_path, writer):
    writer(sample_exchange(videos=1), tmp_path / "out")
    for sidecar in (tmp_path / "out").rglob("*"):
        if sidecar.name in ("objects.json", "labels.txt"):
            sidecar.unlink()
    with pytest.raises(FormatError, match=r"say 1 but not which category"):
        read_mots(tmp_path / "out")
    found = read_mots(tmp_path / "out", {"1": "person", "5": "giant_panda", "8": "dog"})
    assert pixels(found) == pixels(sample_exchange(videos=1))
    assert identities(found) == identities(sample_exchange(videos=1))


def test_mots_text_counts_frames_as_told(tmp_path):
    exchange = sample_exchange(videos=1)
    for first in (0, 1):
        write_mots_txt(exchange, tmp_path / f"out{first}", first_frame=first)
        text = tmp_path / f"out{first}" / "clip one.txt"
        assert min(int(line.split()[0]) for line in text.read_text().splitlines()) == first
        (tmp_path / f"out{first}" / "objects.json").unlink()
        found = read_mots(text, {"*": "dog"})
        assert pixels(found) == pixels(exchange)
        assert found.warnings == (f"clip one.txt: frames are taken to count from {first}",)
    assert pixels(read_mots(tmp_path / "out1", {"*": "dog"}, first_frame=0)) != pixels(exchange)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 1001 1 40 60", "expected 6 fields"),
        ("x 1001 1 40 60 abc", "whole numbers"),
        ("1 1001 1 40 60 zzzz", r"line 1: compressed counts"),
        ("1 0 1 40 60 P[2", "count from 1"),
        ("99999999 1001 1 40 60 P[2", "beyond any video"),
        ("1 1001 1 99999999 99999999 P[2", "an image cannot be"),
        ("1 1001 1 10 10 T3\n1 1001 1 10 10 T3", "line 2: object 1001 comes twice"),
        ("1 1001 1 10 10 T3\n2 1001 1 5 20 T3", "line 2: another image size"),
        ("", "holds no masks"),
    ],
)
def test_mots_text_complaints_name_the_line(tmp_path, line, message):
    (tmp_path / "a.txt").write_text(line + "\n")
    with pytest.raises(FormatError, match=message):
        read_mots(tmp_path / "a.txt", {"*": "dog"})


def test_mots_has_no_room_for_class_65(tmp_path):
    video = replace(
        sample_video(tracks=1), tracks=(replace(sample_video(tracks=1).tracks[0], category_id=65),)
    )
    with pytest.raises(FormatError, match="no room for the category id 65"):
        write_mots_txt(Exchange((ExchangeCategory(65, "cat"),), (video,)), tmp_path / "out")


# CSV


def test_csv_lines_in_any_order_with_columns_of_others(tmp_path):
    exchange = sample_exchange()
    write_observations_csv(exchange, tmp_path / "a.csv")
    header, *lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    shuffled = [header + ",colour", *(line + ",red" for line in reversed(lines))]
    (tmp_path / "a.csv").write_text("\ufeff" + "\r\n".join(shuffled), encoding="utf-8")
    found = read_observations_csv(tmp_path / "a.csv")
    assert pixels(found) == pixels(exchange)
    assert details(found) == details(exchange)
    assert {tuple(o.extra.items()) for v in found.videos for t in v.tracks for o in t.observations} == {
        (("colour", "red"),)
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rle", "mask", "lacks the columns rle"),
        ("\n", ",1\n", r"line 2: 20 fields, the header has"),
        (",detected,", ",guessed,", "'guessed' is not one of"),
        ("clip one,0,", "clip one,-1,", "frame must be a whole number"),
        ("clip one,1,", "clip one,0,", "two masks in frame 0"),
        (",60,40,", ",61,40,", "counts add up|another image size"),
    ],
)
def test_csv_complaints_name_the_line(tmp_path, old, new, message):
    write_observations_csv(sample_exchange(videos=1), tmp_path / "a.csv")
    header, rest = (tmp_path / "a.csv").read_text().split("\n", 1)
    text = (
        header.replace(old, new) + "\n" + rest if old == "rle" else header + "\n" + rest.replace(old, new, 1)
    )
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FormatError, match=message):
        read_observations_csv(tmp_path / "a.csv")


def test_events_of_tracks(tmp_path):
    events = list(track_events(sample_exchange(videos=1)))
    gaps = [e for e in events if e.event == "gap"]
    assert [(e.track_id, e.frame, e.value) for e in gaps] == [(5, 2, 2)]
    assert sum(e.event == "begin" for e in events) == sum(e.event == "end" for e in events) == 3
    assert (
        write_events_csv([*events, EventRow("v", 3, "note", detail='say "hi", twice')], tmp_path / "e.csv")
        == len(events) + 1
    )
    lines = (tmp_path / "e.csv").read_text().splitlines()
    assert lines[0].startswith("video,frame,event,track_id")
    assert lines[-1] == 'v,3,note,,,,,"say ""hi"", twice"'


# Folders and names


def test_a_failed_folder_leaves_nothing_and_keeps_the_old(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    refused = pytest.raises(WriteError, match="out cannot be written")
    with refused, atomic_folder(tmp_path / "out", replace=True) as folder:
        (folder / "missing" / "new").write_text("new")
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "old"]


def test_a_file_from_a_writer_of_secrets_is_as_readable_as_any_other(tmp_path):
    plain, out = tmp_path / "plain", tmp_path / "weights.bin"
    plain.write_text("")
    with atomic_path(out) as beside:
        beside.write_bytes(b"content")
        beside.chmod(0o600)
    assert out.read_bytes() == b"content"
    assert out.stat().st_mode == plain.stat().st_mode


def test_names_for_folders():
    names = ["a/b", "a:b", "../..", "", "CON trol", "A_B", "x" * 300]
    given = SafeNames("labels")
    safe = [given.give(name) for name in names]
    assert given.give("Labels") == "Labels_2"
    assert len({s.casefold() for s in safe}) == len(names)
    assert not any(set(s) & set('\\/:*?"<>|') or s.startswith(".") for s in safe)
    assert sorted(["10.png", "2.png", "1.png"], key=natural_order) == ["1.png", "2.png", "10.png"]
    with pytest.raises(FormatError):
        safe_relative_name("a/../../b", "here")
    assert safe_relative_name("a\\b.jpg", "here") == "a/b.jpg"


def test_which_frame_is_which():
    video = replace(sample_video(length=3), frame_names=("v/00000.jpg", "v/00005.jpg", "v/00010.jpg"))
    assert match_frames(video, 3) == [0, 1, 2]
    assert match_frames(video, 11) == [0, 5, 10]
    assert match_frames(video, 4, ["00010.png", "00005.png", "00000.png", "x.png"]) == [2, 1, 0]
    with pytest.raises(FormatError, match="annotated for 3 frames, the video has 10"):
        match_frames(video, 10)
    with pytest.raises(FormatError, match="annotated for 6 frames"):
        match_frames(sample_video(), 10)
