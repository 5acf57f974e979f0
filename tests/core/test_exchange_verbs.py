"""``stmask import`` and ``stmask export`` from the outside: every format there and back, on a real video."""

import csv
import json
import shutil

import pytest

from stmask_core.cli import main
from stmask_core.cli.export import FORMATS
from stmask_core.document.commands import masks, review, tracks, videos
from stmask_core.document.scope import Scope
from stmask_core.project import Project
from stmask_core.video.source import open_video
from tests.core.exchange_samples import sample_video
from tests.core.numbered_clips import write_clip

COUNT, SIZE = 6, (60, 40)


def verb(capsys, *words):
    """(exit status, standard output, standard error)."""
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def clip(tmp_path):
    place = tmp_path / "mes vidéos" / "clip № 1.mp4"
    place.parent.mkdir()
    return write_clip(place, COUNT, size=SIZE)


@pytest.fixture
def project(tmp_path, clip):
    """Three tracks of two categories, drawn by a person; no two share a pixel."""
    path = tmp_path / "project ü.stm"
    with Project.create(path, video=clip) as opened:
        document = opened.document
        ids = {name: videos.create_category(document, name).id for name in ("giant_panda", "dog")}
        for number, track in enumerate(sample_video(seed=2).tracks):
            category = ids["dog" if number else "giant_panda"]
            made = tracks.create_track(document, 1, category, name=f"no {number}")
            for observation in track.observations:
                masks.set_mask(document, made.id, observation.frame, observation.mask)
        masks.set_occlusion(document, 2, Scope.this_frame(1), "severe")
        review.add_note(document, 1, 3, "look", track=1)
    return path


def content(path):
    """(track, frame) -> (mask, category name): what every format keeps."""
    with Project.open(path, read_only=True) as opened:
        document = opened.document
        return {
            (track.id, frame): (
                document.annotation(track.id, frame).mask,
                document.categories[track.category].name,
            )
            for track in document.tracks.values()
            for frame in document.annotations.frames(track.id)
        }


def undo_names(path):
    with Project.open(path) as opened:
        return opened.document.history.undo_names()


@pytest.mark.parametrize("format_", ["ytvis", "coco", "davis", "mots", "mots-txt", "csv"])
def test_every_format_there_and_back(project, clip, tmp_path, capsys, format_):
    out, back = tmp_path / f"out put {format_}", tmp_path / "new" / "back.stm"
    status, text, errors = verb(capsys, "export", project, "--format", format_, "--out", out, "--json")
    assert status == 0, errors
    report = json.loads(text)
    assert (report["videos"], report["tracks"], report["masks"]) == (1, 3, len(content(project)))
    words = ("import", out, "--format", format_, "--video", clip, "--project", back, "--json")
    status, text, errors = verb(capsys, *words)
    assert status == 0, errors
    counts = json.loads(text)
    assert (counts["tracks"], counts["masks"], counts["new_videos"]) == (3, report["masks"], 1)
    assert content(back) == content(project)
    assert undo_names(back) == [f"Import {out.name}"]
    before = out.read_bytes() if out.is_file() else sorted(p.name for p in out.rglob("*"))
    status, _, errors = verb(capsys, "export", project, "--format", format_, "--out", out)
    assert status == 1
    assert "--force" in errors
    assert before == (out.read_bytes() if out.is_file() else sorted(p.name for p in out.rglob("*")))
    assert verb(capsys, "export", back, "--format", format_, "--out", out, "--force")[0] == 0


def test_videos_of_one_name_are_exported_together(project, clip, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    with Project.open(project) as opened:
        for place in ("other", clip.parent):
            target = tmp_path / place / (clip.name if place == "other" else "last.mp4")
            opened.add_video(shutil.copy(clip, target))
    words = ("export", project, "--format", "ytvis", "--out", tmp_path / "out.json", "--video", clip.name)
    assert verb(capsys, *words)[0] == 0
    assert len(json.loads((tmp_path / "out.json").read_text())["videos"]) == 2
    status, _, errors = verb(capsys, *words, "--video", "absent.mp4", "--force")
    assert (status, "absent.mp4" in errors, "last.mp4" in errors) == (1, True, True)


def test_results_there_and_back(project, clip, tmp_path, capsys):
    """Results have no track ids and no category names: these come from the annotation file or the user."""
    truth, results, back = tmp_path / "truth.json", tmp_path / "results.json", tmp_path / "back.stm"
    assert verb(capsys, "export", project, "--format", "ytvis", "--out", truth)[0] == 0
    assert verb(capsys, "export", project, "--format", "ytvis-results", "--out", results)[0] == 0
    words = ("import", results, "--format", "ytvis-results", "--video", clip, "--project")
    status, _, errors = verb(capsys, *words, back)
    assert status == 1
    assert "--map 1=NAME" in errors
    assert not back.exists()
    for options in (("--dataset", truth), ("--map", "1=giant_panda", "--map", "2=dog")):
        assert verb(capsys, *words, back, *options)[0] == 0
        assert content(back) == content(project)
        back.unlink()
    assert verb(capsys, *words, back, "--map", "*=thing")[0] == 0
    assert {category for _, category in content(back).values()} == {"thing"}


def test_the_rendered_video(project, clip, tmp_path, capsys):
    out = tmp_path / "overlay.mp4"
    assert verb(capsys, "export", project, "--format", "video", "--out", out)[0] == 0
    with open_video(out) as drawn, open_video(clip) as plain:
        assert (len(drawn), drawn.info.width, drawn.info.height) == (COUNT, *SIZE)
        assert abs(drawn.frame(2).astype(int) - plain.frame(2)).max() > 60  # something is drawn on it


def test_events_lie_beside_the_observations(project, tmp_path, capsys):
    assert verb(capsys, "export", project, "--format", "csv", "--out", tmp_path / "a.csv")[0] == 0
    with open(tmp_path / "a.events.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = [row["event"] for row in rows]
    assert (kinds.count("begin"), kinds.count("end"), kinds.count("gap")) == (3, 3, 1)
    (note,) = (row for row in rows if row["event"].startswith("note"))
    assert (note["frame"], note["track_id"], note["detail"]) == ("3", "1", "look")


def test_categories_are_asked_for_and_never_guessed(project, clip, tmp_path, capsys):
    folder, back = tmp_path / "davis", tmp_path / "back.stm"
    assert verb(capsys, "export", project, "--format", "davis", "--out", folder)[0] == 0
    (folder / "objects.json").unlink()  # as another tool would have written it
    words = ("import", folder, "--format", "davis", "--video", clip, "--project", back)
    status, _, errors = verb(capsys, *words)
    assert status == 1
    assert "--map" in errors
    assert not back.exists()
    assert verb(capsys, *words, "--map", "1=giant_panda", "--map", "*=dog")[0] == 0
    assert content(back) == content(project)
    words = ("export", project, "--format", "ytvis", "--categories", "ytvis2021", "--out", tmp_path / "o")
    status, _, errors = verb(capsys, *words, "--map", "dog=zebra crossing")
    assert status == 1
    assert "zebra crossing" in errors
    assert not (tmp_path / "o").exists()
    status, _, errors = verb(capsys, *words, "--map", "dgo=cat")  # both names are in the list
    assert status == 0
    assert "no category is called 'dgo'" in errors
    found = json.loads((tmp_path / "o").read_text())
    names = {c["id"]: c["name"] for c in found["categories"]}
    assert [names[a["category_id"]] for a in found["annotations"]] == ["giant_panda", "dog", "dog"]


def test_a_second_import_adds_to_the_same_video(project, clip, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert verb(capsys, "export", project, "--format", "ytvis", "--out", out)[0] == 0
    words = ("import", out, "--format", "ytvis", "--video", clip, "--project", project, "--json")
    status, text, _ = verb(capsys, *words)
    assert (status, json.loads(text)["new_videos"], json.loads(text)["new_categories"]) == (0, 0, 0)
    with Project.open(project) as opened:
        assert (len(opened.document.videos), len(opened.document.tracks)) == (1, 6)
        opened.document.undo()
        assert len(opened.document.tracks) == 3


def test_a_data_set_of_videos_and_what_is_missing(project, clip, tmp_path, capsys):
    root, out = tmp_path / "root", tmp_path / "all.json"
    root.mkdir()
    with Project.open(project) as opened:
        shutil.copy(clip, clip.with_name("second.mp4"))
        opened.add_video(clip.with_name("second.mp4"))
    assert verb(capsys, "export", project, "--format", "csv", "--out", out)[0] == 0
    text = out.read_text(encoding="utf-8")
    lines = text.splitlines()
    out.write_text(text + "\n".join(line.replace("clip № 1.mp4", "second.mp4") for line in lines[1:]) + "\n")
    shutil.copy(clip, root / "clip № 1.mp4")
    words = ("import", out, "--format", "csv", "--video", root, "--project", tmp_path / "back.stm", "--json")
    status, _, errors = verb(capsys, *words)
    assert (status, "second.mp4" in errors, "--skip-missing" in errors) == (1, True, True)
    assert not (tmp_path / "back.stm").exists()
    status, text, errors = verb(capsys, *words, "--skip-missing")
    assert (status, json.loads(text)["videos"]) == (0, 1), errors


@pytest.mark.parametrize("bad", ["{", '{"videos": [], "annotations": [{}]}', "[]", ""])
def test_a_bad_file_leaves_no_project_and_changes_none(project, clip, tmp_path, capsys, bad):
    (tmp_path / "bad.json").write_text(bad)
    before = project.read_bytes()
    for place in (tmp_path / "new.stm", project):
        words = ("import", tmp_path / "bad.json", "--format", "ytvis", "--video", clip, "--project", place)
        status, out, errors = verb(capsys, *words)
        assert (status, out) == (1, "")
        assert errors.startswith("stmask: ")
        assert len(errors.splitlines()) == 1
    assert not (tmp_path / "new.stm").exists()
    assert project.read_bytes() == before


def test_force_never_replaces_a_project_its_video_or_a_foreign_folder(project, clip, tmp_path, capsys):
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "holiday.jpg").write_bytes(b"mine")
    other = tmp_path / "other.stm"
    shutil.copy(project, other)
    kept = {place: place.read_bytes() for place in (project, clip, other, foreign / "holiday.jpg")}
    for format_, out in (
        ("ytvis", project), ("csv", other), ("video", clip), ("davis", foreign), ("mots", clip.parent),
        ("davis", tmp_path),
    ):  # fmt: skip
        status, _, errors = verb(capsys, "export", project, "--format", format_, "--out", out, "--force")
        assert status == 1, (format_, out)
        assert "Choose another place" in errors
    assert {place: place.read_bytes() for place in kept} == kept


@pytest.mark.parametrize("format_", FORMATS)
def test_a_full_disk_is_named_and_leaves_nothing(project, tmp_path, capsys, format_):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    folder = tmp_path / "full"
    folder.mkdir()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # no file of this process can grow
    try:
        status, out, errors = verb(capsys, "export", project, "--format", format_, "--out", folder / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (status, out) == (1, "")
    assert f"{folder / 'out'} cannot be written" in errors.splitlines()[-1]
    assert list(folder.iterdir()) == []
