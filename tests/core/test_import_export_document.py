"""Import and export through the document: one undo step, nothing half done, ids and pixels kept."""

import json
from dataclasses import replace

import numpy as np
import pytest

from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    start_run,
)
from stmask_core.document.records import Video, VideoId
from stmask_core.errors import DocumentError, FormatError
from stmask_core.formats.coco import read_coco
from stmask_core.formats.coco_writing import write_coco
from stmask_core.formats.csv_tables import read_observations_csv, write_observations_csv
from stmask_core.formats.davis import read_davis, write_davis
from stmask_core.formats.document_exchange import Place, document_exchange, import_exchange
from stmask_core.formats.exchange import Exchange, ExchangeTrack, Observation
from stmask_core.formats.mots import read_mots, write_mots_png, write_mots_txt
from stmask_core.formats.project_file import ProjectFile
from stmask_core.formats.ytvis_exchange import read_ytvis
from stmask_core.formats.ytvis_writing import write_ytvis
from stmask_core.structures.masks import Mask
from tests.core.exchange_samples import CATEGORIES, identities, pixels, sample_exchange, sample_video


def places_of(exchange):
    """Every video as if it lay beside the project, frame for frame."""
    return {
        v.id: Place(
            Video(VideoId(0), f"{v.name}.mp4", v.width, v.height, v.length, name=v.name),
            tuple(range(v.length)),
        )
        for v in exchange.videos
    }


def through_project(exchange, path):
    """The exchange after a way through a project file that was closed in between."""
    with ProjectFile.create(path) as project:
        import_exchange(project.document, exchange, places_of(exchange))
    with ProjectFile.open(path, read_only=True) as project:
        found = document_exchange(project.document)
        return replace(found, videos=tuple(found.videos))


def test_an_import_is_one_undo_step(tmp_path):
    exchange = sample_exchange()
    with ProjectFile.create(tmp_path / "a.stm") as project:
        document = project.document
        counts = import_exchange(document, exchange, places_of(exchange), name="Import clip")
        assert (counts.videos, counts.categories, counts.tracks) == (2, 3, 6)
        assert counts.masks == len(pixels(exchange)) == len(document.annotations)
        rows = [row for track in document.tracks for _, row in document.annotations.rows(track)]
        assert {row.source for row in rows} == {4}
        document.undo()
        assert [len(t) for t in (document.videos, document.tracks, document.categories)] == [0, 0, 0]
        assert len(document.annotations) == 0
        document.redo()
        assert len(document.annotations) == counts.masks
        assert document.undo().name == "Import clip"
        assert document.undo() is None


def test_a_bad_import_changes_nothing(tmp_path):
    good = sample_exchange(videos=1)
    track = good.videos[0].tracks[0]
    bad_category = replace(good.videos[0], tracks=(replace(track, category_id=77),))
    late = replace(
        good.videos[0], tracks=(track, replace(track, id=99, observations=track.observations[::-1]))
    )
    with ProjectFile.create(tmp_path / "a.stm") as project:
        before = import_exchange(project.document, good, places_of(good))
        for bad in (bad_category, late):
            with pytest.raises(FormatError):
                import_exchange(project.document, Exchange(CATEGORIES, (bad,)), places_of(good))
        wide = {1: Place(Video(VideoId(0), "w.mp4", 999, 40, 6), tuple(range(6)))}
        with pytest.raises(FormatError, match="annotated at 60 x 40"):
            import_exchange(project.document, good, wide)
        short = {1: Place(Video(VideoId(0), "s.mp4", 60, 40, 3), tuple(range(6)))}
        with pytest.raises(DocumentError, match="outside the video"):
            import_exchange(project.document, good, short)
        assert len(project.document.annotations) == before.masks
        assert len(project.document.videos) == 1
        assert pixels(document_exchange(project.document)) == pixels(good)


def test_pixels_ids_and_categories_return(tmp_path):
    before = sample_exchange(videos=1, apart=False)
    after = through_project(before, tmp_path / "a.stm")
    assert pixels(after) == pixels(before)
    assert identities(after) == identities(before)
    assert [(c.id, c.name, c.supercategory) for c in after.categories] == [
        (c.id, c.name, c.supercategory) for c in before.categories
    ]
    for old, new in zip(before.videos[0].tracks, after.videos[0].tracks, strict=True):
        assert old.name == new.name
        for a, b in zip(old.observations, new.observations, strict=True):
            assert (a.score, a.locked, a.occlusion) == (b.score, b.locked, b.occlusion)


def test_ids_that_are_taken_or_huge_are_remembered(tmp_path):
    mask = Mask.from_bits(np.eye(40, 60, dtype=bool))
    tracks = tuple(ExchangeTrack(i, 8, (Observation(0, mask),)) for i in (3, 9_000_000_001))
    exchange = Exchange(CATEGORIES, (replace(sample_video(), tracks=tracks),))
    with ProjectFile.create(tmp_path / "a.stm") as project:
        for name in ("first", "second"):
            video = replace(exchange.videos[0], name=name)
            import_exchange(
                project.document, replace(exchange, videos=(video,)), places_of(Exchange((), (video,)))
            )
        assert sorted(project.document.tracks) == [3, 4, 5, 6]
        assert len(project.document.categories) == 3
        found = [[t.id for t in v.tracks] for v in document_exchange(project.document).videos]
        assert found == [[3, 9_000_000_001], [3, 9_000_000_001]]
        new = project.document.reserve_id("tracks")
        assert new == 7


def test_categories_are_merged_by_name_or_as_told(tmp_path):
    with ProjectFile.create(tmp_path / "a.stm") as project:
        first = sample_exchange(videos=1)
        import_exchange(project.document, first, places_of(first))
        renamed = tuple(
            replace(c, id=c.id + 50, name=n)
            for c, n in zip(CATEGORIES, ("Person", "Giant Panda", "hound"), strict=True)
        )
        tracks = tuple(replace(t, category_id=t.category_id + 50) for t in first.videos[0].tracks)
        second = Exchange(renamed, (replace(first.videos[0], name="other", tracks=tracks),))
        import_exchange(project.document, second, places_of(second), category_map={"hound": "dog"})
        assert sorted(c.name for c in project.document.categories.values()) == [
            "dog",
            "giant_panda",
            "person",
        ]


def test_only_annotated_frames_of_a_longer_video(tmp_path):
    sparse = replace(sample_video(length=3), frame_names=("v/00000.jpg", "v/00005.jpg", "v/00010.jpg"))
    exchange = Exchange(CATEGORIES, (sparse,))
    place = Place(Video(VideoId(0), "v.mp4", 60, 40, 11, name="clip"), (0, 5, 10))
    with ProjectFile.create(tmp_path / "a.stm") as project:
        import_exchange(project.document, exchange, {1: place})
        (video,) = document_exchange(project.document).videos
    assert video.length == 11
    assert {key[2] for key in pixels(Exchange(CATEGORIES, (video,)))} <= {0, 5, 10}
    assert video.frame_names == ()


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (write_ytvis, read_ytvis),
        (write_coco, read_coco),
        (write_davis, read_davis),
        (write_mots_png, read_mots),
        (write_mots_txt, read_mots),
        (write_observations_csv, read_observations_csv),
    ],
)
def test_every_format_through_a_project_and_back(tmp_path, write, read):
    before = sample_exchange(videos=1, seed=5)
    write(before, tmp_path / "first")
    once = read(tmp_path / "first")
    write(through_project(once, tmp_path / "a.stm"), tmp_path / "second")
    twice = read(tmp_path / "second")
    assert pixels(twice) == pixels(once) == pixels(before)
    assert identities(twice) == identities(once) == identities(before)


def test_fields_of_masks_return_and_ours_do_not_leave(tmp_path):
    """COCO has fields per mask; the category that a model saw in a frame is for us."""
    video = sample_video(tracks=1, length=2)
    (track,) = video.tracks
    said = {"category": "dog", "weight": 0.5, "from": ["ä", None]}
    observations = tuple(replace(o, extra=said) for o in track.observations)
    exchange = Exchange(CATEGORIES, (replace(video, tracks=(replace(track, observations=observations),)),))
    write_coco(exchange, tmp_path / "in.json")
    with ProjectFile.create(tmp_path / "a.stm") as project:
        document = project.document
        found = read_coco(tmp_path / "in.json")
        import_exchange(document, found, places_of(found))
        run = start_run(document, 1, first=0, last=1)
        for frame, category in ((0, 1), (1, 5)):
            seen = Prediction(0, category, Mask.from_bits(np.eye(40, 60, dtype=bool)), 0.5)
            add_predictions(document, run.id, [PredictedFrame(frame, (seen,))])
        write_coco(document_exchange(document), tmp_path / "out.json")
    rows = json.loads((tmp_path / "out.json").read_text())["annotations"]
    imported = [row for row in rows if row["track_id"] == track.id]
    assert len(imported) == 2
    assert all(row.items() >= said.items() for row in imported)
    assert len(rows) == 4
    assert all("category" not in row for row in rows if row["track_id"] != track.id)


def test_fields_of_two_files_in_one_project(tmp_path):
    """The first that said something is believed; what is ours does not leave the project."""
    with ProjectFile.create(tmp_path / "a.stm") as project:
        for number, said in ((1, {"info": {"version": "2"}}), (2, {"info": {"version": "3"}, "agency": "ä"})):
            video = sample_video(number, f"clip {number}")
            exchange = Exchange(CATEGORIES, (video,), said)
            import_exchange(project.document, exchange, places_of(exchange))
        found = document_exchange(project.document)
        assert found.extra == {"info": {"version": "2"}, "agency": "ä"}
        assert all(dict(video.extra) == {} for video in found.videos)
        for write, read in ((write_ytvis, read_ytvis), (write_coco, read_coco)):
            write(document_exchange(project.document), tmp_path / "out.json")
            assert read(tmp_path / "out.json").extra.items() >= found.extra.items()


def test_variants_through_a_project(test_data, tmp_path):
    accepted = 0
    for file in sorted((test_data / "format_variants").glob("[gb]*.json")):
        try:
            before = read_ytvis(file)
        except FormatError:
            continue
        accepted += 1
        out = tmp_path / file.name
        write_ytvis(through_project(before, tmp_path / f"{file.stem}.stm"), out)
        after = read_ytvis(out)
        assert set(after.categories) == set(before.categories), file.name
        assert pixels(after) == pixels(before), file.name
        assert identities(after) == identities(before), file.name
        assert after.extra == {**after.extra, **before.extra}, file.name  # the file's own fields
        for old, new in zip(before.videos, after.videos, strict=True):
            assert (max(old.id, 1), old.name, old.frame_names) == (new.id, new.name, new.frame_names), (
                file.name
            )
            assert new.extra == {**new.extra, **old.extra}, file.name
            assert [(t.id, t.is_crowd, t.extra) for t in old.tracks] == [
                (t.id, t.is_crowd, t.extra) for t in new.tracks
            ], file.name
    assert accepted == 20


@pytest.mark.extra
def test_ground_truth_through_a_project(extra_data, tmp_path):
    for file in sorted((extra_data / "gt").glob("*.json")):
        before = read_ytvis(file)
        after = through_project(before, tmp_path / f"{file.stem}.stm")
        write_ytvis(after, tmp_path / "out.json")
        again = read_ytvis(tmp_path / "out.json")
        assert pixels(again) == pixels(before), file.name
        assert again.categories == before.categories, file.name
        assert [(v.id, [(t.id, t.category_id) for t in v.tracks]) for v in again.videos] == [
            (v.id, [(t.id, t.category_id) for t in v.tracks]) for v in before.videos
        ], file.name


@pytest.mark.extra
def test_real_label_pictures_agree_with_the_ground_truth(extra_data):
    for name in ("comp_cross", "comp_small", "davis_horsejump-high"):
        found = read_davis(extra_data / "masks_png" / name, {"*": "object"})
        truth = read_ytvis(extra_data / "gt" / f"{name}.json")
        labels = {(t.id, o.frame): o.mask for v in found.videos for t in v.tracks for o in t.observations}
        masks = {(t.id, o.frame): o.mask for v in truth.videos for t in v.tracks for o in t.observations}
        assert labels == masks, name


def test_our_export_is_what_json_readers_expect(tmp_path):
    write_ytvis(through_project(sample_exchange(videos=1), tmp_path / "a.stm"), tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    assert set(content) == {"info", "licenses", "videos", "categories", "annotations"}
    for annotation in content["annotations"]:
        assert {"id", "video_id", "category_id", "segmentations", "bboxes", "areas", "iscrowd"} <= set(
            annotation
        )
        assert (annotation["height"], annotation["width"], annotation["length"]) == (40, 60, 1)
        assert isinstance(next(s for s in annotation["segmentations"] if s)["counts"], list)
