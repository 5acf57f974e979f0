"""``stmask validate``: each kind of finding is found where it is, and only there; rescue from the outside."""

import json

import numpy as np
import pytest

from stmask_core.cli import main
from stmask_core.document.commands import review, tracks, videos
from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    start_run,
)
from stmask_core.document.records import MaskAnnotation
from stmask_core.document.validation import validate
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.masks import Mask

HEIGHT, WIDTH, FRAMES = 60, 100, 6


def block(y, x, height=10, width=10):
    bits = np.zeros((HEIGHT, WIDTH), bool)
    bits[y : y + height, x : x + width] = True
    return Mask.from_bits(bits)


@pytest.fixture
def project(tmp_path):
    """Two sound tracks far apart on every frame, all of it reviewed."""
    path = tmp_path / "a b ü.stm"
    with ProjectFile.create(path) as file:
        document = file.document
        videos.add_video(document, "clip.mp4", width=WIDTH, height=HEIGHT, frame_count=FRAMES)
        for name in ("dog", "cat"):
            videos.create_category(document, name)
        for y in (5, 40):
            track = tracks.create_track(document, 1, 1)
            with document.edit("Draw"):
                for frame in range(FRAMES):
                    document.put(MaskAnnotation(track.id, frame, block(y, 5 + frame)))
        review.set_frames_reviewed(document, 1, range(FRAMES), reviewed=True)
    return path


def found(document):
    return {(f.kind, f.frame, f.frames, f.track, f.other) for f in validate(document, 1)}


def edit(project, *annotations):
    """The findings after some annotations were put there."""
    with ProjectFile.open(project) as file:
        with file.document.edit("Spoil"):
            for annotation in annotations:
                file.document.put(annotation)
        return found(file.document)


def test_a_sound_project_has_no_findings(project, capsys):
    with ProjectFile.open(project) as file:
        assert found(file.document) == set()
    assert main(["validate", str(project)]) == 0
    assert "nothing to report" in capsys.readouterr().out


def test_empty_and_tiny_masks(project):
    empty = [MaskAnnotation(1, frame, Mask.empty(HEIGHT, WIDTH)) for frame in (2, 3)]
    tiny = MaskAnnotation(2, 4, block(50, 50, 3, 5))
    border = MaskAnnotation(2, 5, block(50, 50, 4, 4))  # sixteen pixels are not tiny
    assert edit(project, *empty, tiny, border) == {
        ("empty_mask", 2, 2, 1, None),
        ("tiny_mask", 4, 1, 2, None),
    }


def test_what_a_person_called_outside_is_neither_empty_nor_a_gap(project):
    assert edit(project, MaskAnnotation(1, 2, Mask.empty(HEIGHT, WIDTH), outside=True)) == set()


def test_two_masks_of_one_object_and_overlaps(project):
    same = MaskAnnotation(2, 1, block(5, 7))  # nine of eleven columns in common with track 1
    overlap = [MaskAnnotation(2, frame, block(10, 5 + frame)) for frame in (3, 4)]
    assert edit(project, same, *overlap) == {
        ("same_object", 1, 1, 1, 2),
        ("overlap", 3, 2, 1, 2),
    }


def test_gaps_and_empty_tracks(project):
    with ProjectFile.open(project) as file:
        with file.document.edit("Spoil"):
            for frame in (1, 2, 4):
                file.document.remove_row(1, frame)
        tracks.create_track(file.document, 1, 1)
        assert found(file.document) == {("gap", 1, 3, 1, None), ("no_masks", None, 0, 3, None)}


def test_boxes_out_of_the_image(project):
    outside = MaskAnnotation(1, 3, block(5, 8), box=(8.0, 5.0, WIDTH + 1.0, 15.0))
    assert edit(project, outside) == {("out_of_image", 3, 1, 1, None)}


def test_category_flips(project):
    with ProjectFile.open(project) as file:
        document = file.document
        run = start_run(document, 1, first=0, last=FRAMES - 1)
        for frame in range(FRAMES):
            category = 2 if frame in (3, 4) else 1
            prediction = Prediction(0, category, block(20, 70), 0.9)
            add_predictions(document, run.id, [PredictedFrame(frame, (prediction,))])
        assert found(document) == {("category_flip", 3, 2, 3, None)}


def test_a_field_of_an_imported_file_is_no_flip(project):
    assert edit(project, MaskAnnotation(1, 3, block(5, 8), "imported", extra={"category": "dog"})) == set()


def test_unreviewed_frames_and_open_notes(project):
    with ProjectFile.open(project) as file:
        review.set_frames_reviewed(file.document, 1, [2, 5], reviewed=False)
        open_ = review.add_note(file.document, 1, 4, "look")
        done = review.add_note(file.document, 1, 1, "fixed", track=1)
        review.set_note_state(file.document, done.id, "resolved")
        assert found(file.document) == {("unreviewed", 2, 2, None, None), ("open_note", 4, 1, None, None)}
        assert "look" in next(f.message for f in validate(file.document, 1) if f.kind == "open_note")
        assert open_.state == "open"


def test_the_verb_says_what_was_found_and_where(project, capsys):
    edit(project, MaskAnnotation(1, 2, Mask.empty(HEIGHT, WIDTH)))
    assert main(["validate", str(project), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["counts"] == {"error": 1}
    (finding,) = report["findings"]
    assert (finding["kind"], finding["severity"], finding["frame"], finding["video_name"]) == (
        "empty_mask",
        "error",
        2,
        "clip.mp4",
    )
    assert main(["validate", str(project)]) == 0
    assert "Track 1 has empty masks in 1 frame from 2 on." in capsys.readouterr().out


def test_export_says_it_before_it_writes(project, tmp_path, capsys):
    edit(project, MaskAnnotation(1, 2, Mask.empty(HEIGHT, WIDTH)))
    words = ["export", str(project), "--format", "ytvis", "--out"]
    assert main([*words, str(tmp_path / "out.json")]) == 0
    assert "1 empty mask" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "second.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == {"empty_mask": 1}


def test_rescue_from_the_outside(project, tmp_path, capsys):
    data = bytearray(project.read_bytes())
    with ProjectFile.open(project) as file:
        connection = file._store.connection
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'evidence'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    data[(root - 1) * size : root * size] = b"\xa5" * size
    damaged = tmp_path / "damaged.stm"
    damaged.write_bytes(data)
    out = tmp_path / "rescued.stm"
    assert main(["validate", str(damaged), "--rescue", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rescued"]["masks"] == 2 * FRAMES
    assert damaged.read_bytes() == data
    assert main(["validate", str(damaged), "--rescue", str(out)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(["validate", str(tmp_path / "none.stm")]) == 1


def test_names_from_a_file_cannot_steer_the_terminal(tmp_path, capsys):
    path = tmp_path / "hostile.stm"
    with ProjectFile.create(path) as file:
        videos.add_video(
            file.document, "\x1b]0;x\x07clip\x9b2J.mp4", width=WIDTH, height=HEIGHT, frame_count=1
        )
    for verb in ("validate", "inspect"):
        main([verb, str(path)])
        said = "".join(capsys.readouterr())
        assert "clip" in said
        assert not set(said) & set("\x1b\x07\x9b")
