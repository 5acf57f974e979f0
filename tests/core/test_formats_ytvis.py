"""YouTube-VIS annotations and results: every known variant, every known mistake, and the way back."""

import json
import re
import zipfile
from dataclasses import replace

import pytest
from pycocotools import mask as pycoco

from stmask_core.errors import FormatError
from stmask_core.formats.category_lists import read_category_list, used_categories, with_categories
from stmask_core.formats.exchange import Exchange, check_video
from stmask_core.formats.ytvis_exchange import read_ytvis
from stmask_core.formats.ytvis_results import read_ytvis_results, write_ytvis_results
from stmask_core.formats.ytvis_writing import write_ytvis
from stmask_core.structures.masks import Mask
from tests.core.exchange_samples import details, identities, pixels, sample_exchange, sample_video

# What variants_manifest.json expects, in terms of this reader: a warning or an error that says so.
REFUSED = {
    "b01_size_swapped": r"segmentations\[0\]: size is \[60, 40\].*swapped",
    "b02_counts_sum_wrong": r"annotations\[0\].segmentations\[0\]: counts add up to",
    "b03_list_too_short": r"2 segmentations for a video of 3 frames",
    "b05_unknown_video_and_category": r"no video has the id .*; .*no category has the id",
    "b06_path_traversal": r"points outside the folder",
    "b07_corrupt_counts": r"annotations\[0\].segmentations\[0\]: ",
    "b08_huge_size": r"an image cannot be",
    "b10_truncated": r"not valid JSON at line 1.*cut off",
    "b11_results_given_as_gt": r"as results files are.*ytvis-results",
    "b12_coco_image_file": r"image, not to a video.*--format coco",
}
WARNED = {
    "b04_duplicate_annotation_ids": r"the id \d+ became \d+",
    "b13_stale_boxes_areas": r"contradict their masks",
    "g11_zero_based_ids": r"the id 0",
}
EMPTY = {"g04_valid_no_annotations_key", "g05_ovis_valid_annotations_null"}


def variants(test_data, *prefixes):
    manifest = json.loads((test_data / "format_variants" / "variants_manifest.json").read_text())
    return [e["file"] for e in manifest if e["file"][0] in prefixes]


def expected_masks(test_data):
    """frame -> mask of the two tracks every good variant holds."""
    content = json.loads((test_data / "format_variants" / "expected_content.json").read_text())
    return [
        {i: Mask.from_coco(rle) for i, rle in enumerate(content[name]["rle"]) if rle}
        for name in ("track1", "track2")
    ]


def masks_of(exchange):
    return [{o.frame: o.mask for o in t.observations} for v in exchange.videos for t in v.tracks]


def test_every_variant_is_read_as_the_manifest_says(test_data):
    folder = test_data / "format_variants"
    first, second = expected_masks(test_data)
    for file in variants(test_data, "g", "b"):
        name = file.removesuffix(".json")
        if name in REFUSED:
            with pytest.raises(FormatError, match=REFUSED[name]):
                read_ytvis(folder / file)
            continue
        found = read_ytvis(folder / file)
        if name in EMPTY:
            assert masks_of(found) == [], name
            continue
        masks = sorted(masks_of(found), key=len, reverse=True)
        if name in ("g07_polygons", "g08_labelformat_null_areas"):
            assert [len(m) for m in masks] == [3, 2], name
        else:
            assert masks == [first, second][: len(masks)], name
            assert masks
        for video in found.videos:
            check_video(video, name)
        text = " ".join(found.warnings)
        if name in WARNED:
            assert re.search(WARNED[name], text), (name, text)
        elif name.startswith("g"):
            assert found.warnings == (), name


def test_variants_return_from_our_export(test_data, tmp_path):
    folder = test_data / "format_variants"
    for file in variants(test_data, "g", "b"):
        if file.removesuffix(".json") in REFUSED:
            continue
        before = read_ytvis(folder / file)
        for compressed in (False, True):
            write_ytvis(before, tmp_path / file, compressed=compressed)
            after = read_ytvis(tmp_path / file)
            assert replace(after, warnings=()) == replace(
                before, warnings=(), extra=dict(after.extra), videos=_with_defaults(before.videos)
            ), file


def _with_defaults(videos):
    """Video fields that the export fills in where the file had none."""
    defaults = {"license": 1, "coco_url": "", "flickr_url": "", "date_captured": ""}
    return tuple(replace(v, id=max(v.id, 1), extra={**defaults, **v.extra}) for v in videos)


def test_unknown_fields_come_back(test_data, tmp_path):
    file = test_data / "format_variants" / "g12_crowd_and_extra_keys.json"
    write_ytvis(read_ytvis(file), tmp_path / "out.json")
    before, after = json.loads(file.read_text()), json.loads((tmp_path / "out.json").read_text())
    for one, other in zip(before["annotations"], after["annotations"], strict=True):
        assert {k: v for k, v in one.items() if k not in other or other[k] != v} == {}
    for key in before:
        assert after[key] == before[key], key


def test_half_a_character_in_a_name_is_refused(test_data, tmp_path):
    file = test_data / "format_variants" / "g01_ytvis2019.json"
    for key in ("name", "supercategory"):
        content = json.loads(file.read_text())
        content["categories"][0][key] = "\ud800"
        (tmp_path / "a.json").write_text(json.dumps(content))
        with pytest.raises(FormatError, match=rf"categories\[0\].{key}: .*half a character"):
            read_ytvis(tmp_path / "a.json")


def test_results_variants(test_data):
    folder = test_data / "format_variants"
    dataset = read_ytvis(folder / "g01_ytvis2019.json")
    first, second = expected_masks(test_data)
    same = [
        read_ytvis_results(folder / f"{n}.json", dataset) for n in ("r01_null_style", "r02_empty_rle_style")
    ]
    assert pixels(same[0]) == pixels(same[1])
    assert masks_of(same[0]) == [first, second]
    assert [t.score for v in same[0].videos for t in v.tracks] == [0.9, 0.8]
    assert masks_of(read_ytvis_results(folder / "r03_empty_list.json", dataset)) == []
    assert masks_of(read_ytvis_results(folder / "r04_uncompressed.json", dataset))[0] == first
    nan = read_ytvis_results(folder / "r05_score_one_int_and_nan.json", dataset)
    assert [t.score for v in nan.videos for t in v.tracks] == [1.0]
    assert "results[1].score" in nan.warnings[0]
    assert masks_of(read_ytvis_results(folder / "r06_extra_bboxes.json", dataset))[0] == first
    with pytest.raises(FormatError, match=r"results\[\d\]: no category has the id 0.*from 0"):
        read_ytvis_results(folder / "r07_zero_based_category.json", dataset)
    short = read_ytvis_results(folder / "r08_short.json", dataset)
    assert masks_of(short) == [{0: first[0]}]
    assert "ends after 1 of 3 frames" in short.warnings[0]
    assert masks_of(read_ytvis_results(folder / "r09_submission.zip", dataset))[0] == first
    with pytest.raises(FormatError, match=r"not a list of results.*--format ytvis"):
        read_ytvis_results(folder / "g01_ytvis2019.json", dataset)


def test_results_without_their_annotation_file(test_data, tmp_path):
    file = test_data / "format_variants" / "r01_null_style.json"
    with pytest.raises(FormatError, match="say 6 but not which category"):
        read_ytvis_results(file)
    named = read_ytvis_results(file, names={"6": "sedan", "*": "person"})
    assert identities(named) == {("r01_null_style", 1): "sedan", ("r01_null_style", 2): "person"}
    listed = read_ytvis_results(file, categories=read_category_list("ytvis2019"))
    assert identities(listed) == identities(named)
    write_ytvis_results(sample_exchange(), tmp_path / "two.json")
    with pytest.raises(FormatError, match=r"results of 2 videos.*--dataset"):
        read_ytvis_results(tmp_path / "two.json", names={"*": "dog"})


def test_a_zip_that_claims_too_much_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("results.json", b" " * (20 << 20))
    with pytest.raises(FormatError, match="not believable"):
        read_ytvis_results(tmp_path / "bomb.zip")


@pytest.mark.parametrize("compressed", [False, True])
def test_annotations_round_trip(tmp_path, compressed):
    before = sample_exchange(apart=False)
    report = write_ytvis(before, tmp_path / "out.json", compressed=compressed)
    after = read_ytvis(tmp_path / "out.json")
    renamed = {"clip one": "clip one", "später_犬": "später/犬"}
    back = replace(after, videos=tuple(replace(v, name=renamed[v.name]) for v in after.videos))
    assert [len(v.tracks) for v in after.videos] == [3, 3]
    assert report.masks == len(pixels(before))
    # the second video's track ids were in use: they moved on, pixels and order stayed
    assert "3 track and 0 video ids had to change" in report.notes[0]
    assert list(pixels(back).values()) == list(pixels(before).values())
    assert list(details(back).values()) == list(details(before).values())


def test_results_round_trip(tmp_path):
    before = sample_exchange(videos=1)
    write_ytvis_results(before, tmp_path / "out.json")
    after = read_ytvis_results(tmp_path / "out.json", before)
    assert list(pixels(after).values()) == list(pixels(before).values())
    written = json.loads((tmp_path / "out.json").read_text())
    assert all(len(r["segmentations"]) == 6 for r in written)
    assert written[1]["segmentations"][2] is None
    for result, track in zip(written, before.videos[0].tracks, strict=True):
        scores = [o.score for o in track.observations if o.score is not None]
        assert result["score"] == pytest.approx(sum(scores) / len(scores))


def test_written_entries_agree_with_pycocotools(tmp_path):
    write_ytvis(sample_exchange(videos=1, apart=False), tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    for annotation in content["annotations"]:
        columns = (annotation["segmentations"], annotation["bboxes"], annotation["areas"])
        for segmentation, box, area in zip(*columns, strict=True):
            if segmentation is None:
                assert box is None
                assert area is None
                continue
            rle = pycoco.frPyObjects(segmentation, *segmentation["size"])
            assert (pycoco.toBbox(rle).tolist(), int(pycoco.area(rle))) == (box, area)


def test_ovis_occlusion_levels_are_read_and_written(tmp_path):
    write_ytvis(sample_exchange(videos=1), tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["annotations"][0]["occlusion"][:3] == [None, "slight_occlusion", "severe_occlusion"]


def test_a_stream_of_videos_is_written_without_holding_them(tmp_path):
    exchange = sample_exchange(videos=1)

    def videos():
        for number in range(1, 6):
            yield sample_video(number, f"v{number}", seed=number)

    report = write_ytvis(Exchange(exchange.categories, videos()), tmp_path / "out.json")
    assert (report.videos, len(read_ytvis(tmp_path / "out.json").videos)) == (5, 5)


def test_categories_are_mapped_by_name_or_as_told_never_guessed():
    exchange = sample_exchange(videos=1)
    used = used_categories(exchange.videos)
    ovis = read_category_list("ovis")
    mapped = with_categories(exchange, ovis, {}, used=used, where="OVIS")
    mapped = replace(mapped, videos=tuple(mapped.videos))
    assert sorted(identities(mapped).values()) == ["Dog", "Giant_panda", "Person"]
    ours = read_category_list("ytvis2021")
    only = [c for c in ours if c.name != "dog"]
    with pytest.raises(FormatError, match=r"No category of the list is named 'dog'.*--map"):
        with_categories(exchange, only, {}, used=used, where="the list")
    told = with_categories(exchange, only, {"DOG": "flying disc"}, used=used, where="the list")
    told = replace(told, videos=tuple(told.videos))
    assert sorted(identities(told).values()) == ["flying_disc", "giant_panda", "person"]
    with pytest.raises(FormatError, match="'dog=wolf'"):
        with_categories(exchange, only, {"dog": "wolf"}, used=used, where="the list")


def test_category_lists(tmp_path):
    assert [len(read_category_list(n)) for n in ("ytvis2019", "YTVIS2021", "ovis")] == [40, 40, 25]
    (tmp_path / "mine.txt").write_text("fly\n\nspider\n")
    assert [(c.id, c.name) for c in read_category_list(str(tmp_path / "mine.txt"))] == [
        (1, "fly"),
        (2, "spider"),
    ]
    with pytest.raises(FormatError, match="No list of categories is called 'coco80'"):
        read_category_list("coco80")
    (tmp_path / "bad.json").write_text('[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]')
    with pytest.raises(FormatError, match="used twice"):
        read_category_list(str(tmp_path / "bad.json"))


@pytest.mark.extra
def test_every_ground_truth_file_returns(extra_data, tmp_path):
    files = sorted((extra_data / "gt").glob("*.json"))
    assert len(files) > 20
    for file in files:
        before = read_ytvis(file)
        write_ytvis(before, tmp_path / "out.json")
        after = read_ytvis(tmp_path / "out.json")
        assert pixels(after) == pixels(before), file.name
        assert identities(after) == identities(before), file.name
        assert [v.id for v in after.videos] == [v.id for v in before.videos]
        if not file.name.startswith("polygons"):
            assert before.warnings == (), file.name


@pytest.mark.extra
def test_compressed_and_uncompressed_ground_truth_are_the_same(extra_data):
    for name in ("comp_cross", "davis_dog", "pumavos_chair"):
        one = read_ytvis(extra_data / "gt" / f"{name}.json")
        other = read_ytvis(extra_data / "gt" / f"{name}.uncompressed.json")
        assert pixels(one) == pixels(other)
