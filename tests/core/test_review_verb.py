"""``stmask inspect`` from the outside: numbers, truth, files, hostile names, bad input."""

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from stmask_core.cli import main
from stmask_core.document.commands.predictions import PredictedFrame, Prediction, add_predictions, start_run
from stmask_core.document.commands.tracks import rename_track
from stmask_core.document.commands.videos import create_category
from stmask_core.project import Project
from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS
from stmask_core.structures.masks import Mask
from tests.core.numbered_clips import write_clip

HEIGHT, WIDTH, COUNT = 96, 160, 12
EVIL = "<script>alert(1)</script>\"'&"


def block(x, y=10, side=20):
    return Mask.from_crop(np.ones((side, side), bool), y0=y, x0=x, height=HEIGHT, width=WIDTH)


HERE, THERE = block(10), block(100)


@pytest.fixture
def project(tmp_path):
    """A dog followed for nine frames, then lost to another track; a cat nobody sees."""
    video = write_clip(tmp_path / "clip.mp4", COUNT, size=(WIDTH, HEIGHT))
    with Project.create(tmp_path / "clip.stm", video=video) as opened:
        document = opened.document
        (id_,) = document.videos
        dog = create_category(document, "dog").id
        run = start_run(document, id_, first=0, last=COUNT - 1, weights="w.pth", checksum="abc123")
        frames = [
            PredictedFrame(f, (Prediction(0 if f < 9 else 1, dog, HERE, 0.9 if f < 9 else 0.4),))
            for f in range(COUNT)
        ]
        add_predictions(document, run.id, frames)
    return tmp_path / "clip.stm"


@pytest.fixture
def truth(tmp_path):
    def annotation(id_, category, mask):
        listed = [mask.to_coco()] * COUNT
        return {"id": id_, "video_id": 1, "category_id": category, "segmentations": listed}

    content = {
        "videos": [{"id": 1, "width": WIDTH, "height": HEIGHT, "file_names": ["clip/0.jpg"] * COUNT}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [annotation(70, 2, HERE), annotation(80, 1, THERE)],
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    return path


def run(capsys, *words):
    """(exit status, standard output, standard error)."""
    status = main(["inspect", *map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def inspected(capsys, *words):
    status, out, err = run(capsys, *words, "--json")
    assert status == 0, err
    (video,) = json.loads(out)["videos"]
    return video


def test_json_has_every_diagnostic_for_every_mask(project, capsys):
    video = inspected(capsys, project)
    rows = video["rows"]
    assert set(rows) == {"frame", "track", "risk", *(d.name for d in DIAGNOSTICS)}
    assert {len(column) for column in rows.values()} == {COUNT}
    assert rows["low_score"] == pytest.approx([0.1] * 9 + [0.6] * 3)
    assert rows["disagreement"] == [None] * COUNT  # the run kept no evidence
    assert any(value is not None for value in rows["blur"])
    assert rows["shot_cut"][0] is None
    assert {(e["kind"], e["frame"]) for e in video["events"]} >= {("death", 8), ("birth", 9)}
    assert video["truth"] is None
    shown = {d["name"] for d in video["diagnostics"] if d["shown"]}
    assert "occlusion" in shown
    assert "border" not in shown


def test_the_truth_gives_counts_events_and_what_fixing_would_add(project, truth, capsys):
    video = inspected(capsys, project, "--gt", truth)
    against = video["truth"]
    tracking = against["evaluation"]["tracking"]
    assert (tracking["true_positives"], tracking["false_negatives"]) == (COUNT, COUNT)
    assert tracking["id_switches"] == 1
    assert {(e["kind"], e["frame"], e["frames"]) for e in against["events"]} == {
        ("missed", 0, COUNT),
        ("identity switch", 9, 3),
    }
    assert [frame["right"] for frame in against["frames"]] == [1] * COUNT
    kinds = {entry["kind"]: entry for entry in against["tracks"]}
    assert set(kinds) == {"right", "identity", "missed"}
    assert kinds["missed"]["truth"] == 80
    assert against["gains"]["identity"]["count"] == 1
    wrong = [frame for frame, bad in zip(video["rows"]["frame"], video["rows"]["wrong"], strict=True) if bad]
    assert wrong == [9]
    assert video["rows"]["iou"] == [1.0] * COUNT


def test_tracks_keep_the_projects_ids_whatever_a_file_called_them(project, truth, capsys):
    with Project.open(project) as opened:
        document = opened.document
        first = document.tracks[min(document.tracks)]
        with document.edit("As if imported"):
            document.put(replace(first, extra={"imported_id": 55}))
    video = inspected(capsys, project, "--gt", truth)
    assert {entry["track"] for entry in video["truth"]["tracks"]} == {
        None,
        *(t["id"] for t in video["tracks"]),
    }
    assert None not in video["rows"]["iou"]


def test_two_projects_are_compared_alike(project, tmp_path, capsys):
    other = tmp_path / "other.stm"
    other.write_bytes(project.read_bytes())
    against = inspected(capsys, project, "--gt", other)["truth"]
    assert against["events"] == []
    assert against["evaluation"]["AP"] == 1
    assert against["evaluation"]["tracking"]["IDF1"] == 1


def test_categories_can_be_ignored(project, truth, capsys):
    content = json.loads(truth.read_text())
    for annotation in content["annotations"]:
        annotation["category_id"] = 1
    truth.write_text(json.dumps(content))
    strict = inspected(capsys, project, "--gt", truth)["truth"]
    assert strict["evaluation"]["AP"] == 0
    kinds = [entry["kind"] for entry in strict["tracks"]]
    assert "category" in kinds
    lenient = inspected(capsys, project, "--gt", truth, "--ignore-categories")["truth"]
    assert lenient["evaluation"]["AP"] > 0


def test_the_csv_holds_the_events(project, tmp_path, capsys):
    video = inspected(capsys, project, "--csv", tmp_path / "events.csv")
    rows = list(csv.DictReader((tmp_path / "events.csv").read_text(encoding="utf-8").splitlines()))
    assert [(int(r["frame"]), r["kind"]) for r in rows] == [(e["frame"], e["kind"]) for e in video["events"]]


class Page(HTMLParser):
    """Tags, addresses and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.texts.append(data)


def test_the_report_stands_alone_and_says_what_was_run(project, truth, tmp_path, capsys):
    with Project.open(project) as opened:
        rename_track(opened.document, min(opened.document.tracks), EVIL)
        (video,) = opened.document.videos.values()
        with opened.document.edit("Rename"):
            opened.document.put(replace(video, name=EVIL))
    page = tmp_path / "report.html"
    content = json.loads(truth.read_text())
    content["videos"][0]["file_names"] = [f"{EVIL.replace('/', '')}/0.jpg"] * COUNT
    truth.write_text(json.dumps(content))
    status, _, err = run(capsys, project, "--gt", truth, "--report", page)
    assert status == 0, err
    text = page.read_text(encoding="utf-8")
    seen = Page(text)
    assert "script" not in seen.tags
    assert "<script" not in text
    assert any(EVIL in data for data in seen.texts)
    assert len(seen.addresses) >= 3
    assert all(address.startswith("data:image/jpeg;base64,") for address in seen.addresses)
    assert "svg" in seen.tags
    assert not re.search(r"https?://", text)
    said = " ".join(seen.texts)
    assert "abc123" in said
    assert "w.pth" in said
    assert "identity switch" in said
    assert "Content-Security-Policy" in text


def test_without_its_video_a_project_is_inspected_all_the_same(project, tmp_path, capsys):
    (tmp_path / "clip.mp4").unlink()
    page = tmp_path / "report.html"
    status, out, err = run(capsys, project, "--json", "--report", page)
    assert status == 0
    assert "no pictures" in err
    (video,) = json.loads(out)["videos"]
    assert video["rows"]["blur"] == [None] * COUNT
    assert Page(page.read_text(encoding="utf-8")).addresses == []


def test_a_project_of_several_videos(project, tmp_path, capsys):
    other = write_clip(tmp_path / "second.mp4", 4, size=(WIDTH, HEIGHT))
    with Project.open(project) as opened:
        opened.add_video(other)
    _, out, _ = run(capsys, project, "--json")
    assert [video["frames"] for video in json.loads(out)["videos"]] == [COUNT, 4]
    assert inspected(capsys, project, "--video", "second")["frames"] == 4
    status, _, err = run(capsys, project, "--csv", tmp_path / "events.csv")
    assert status == 2
    assert "--video" in err
    assert not (tmp_path / "events.csv").exists()


def test_text_names_the_worst_first(project, truth, capsys):
    status, out, _ = run(capsys, project, "--gt", truth)
    assert status == 0
    assert "12 frames, 2 tracks" in out
    assert "1 identity switches" in out


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["missing.stm"], 1, "missing.stm"),
        (["text.stm"], 1, "text.stm"),
        (["clip.stm", "--video", "nothing"], 2, "nothing"),
        (["clip.stm", "--gt", "text.stm"], 1, "text.stm"),
        (["clip.stm", "--gt", "list.json"], 1, "list.json"),
        (["clip.stm", "--gt", "nowhere.json"], 2, "nowhere.json"),
        (["clip.stm", "--report", "no/such/folder/r.html"], 1, "no/such/folder"),
        (["clip.stm", "--report", "clip.stm"], 2, "ends in .html"),
        (["clip.stm", "--csv", "clip.mp4"], 2, "ends in .csv"),
    ],
)
def test_bad_input_is_one_clear_line(project, tmp_path, monkeypatch, capsys, words, status, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.stm").write_text("this is no project")
    (tmp_path / "list.json").write_text("[]")
    before, clip = project.read_bytes(), (tmp_path / "clip.mp4").read_bytes()
    code, _, err = run(capsys, *words)
    assert code == status
    assert message in err
    assert "Traceback" not in err
    if status == 1:
        assert len(err.strip().splitlines()) == 1
    assert project.read_bytes() == before
    assert (tmp_path / "clip.mp4").read_bytes() == clip


@pytest.fixture
def two_runs(project):
    """Beside the first run another: it calls the dog 5, from frame 4 on 6, and sees one more in frame 2."""
    with Project.open(project) as opened:
        document = opened.document
        (dog,) = document.categories
        second = start_run(document, 1, first=0, last=COUNT - 1, weights="other.pth", beside=True)
        for f in range(COUNT):
            seen = [Prediction(5 if f < 4 else 6, dog, HERE, 0.8)]
            if f == 2:
                seen.append(Prediction(7, dog, THERE, 0.7))
            add_predictions(document, second.id, [PredictedFrame(f, tuple(seen))])
    return project


def test_two_runs_of_a_project_against_each_other(two_runs, capsys):
    status, text, errors = run(capsys, two_runs, "--runs", 1, 2, "--json")
    assert (status, errors) == (0, "")
    found = json.loads(text)
    assert [r["weights"] for r in found["runs"]] == ["w.pth", "other.pth"]
    assert found["agreement"] == pytest.approx(COUNT / (COUNT + 1))
    assert (found["in_both"], found["only_first"], found["only_second"]) == (COUNT, 0, 1)
    assert found["mean_iou"] == 1
    worst = found["frames"][0]
    assert worst["frame"] == 2
    assert len(worst["only_second"]) == 1
    with Project.open(two_runs, read_only=True) as opened:
        first, second = (dict(record.tracks) for record in opened.document.runs.values())
    assert found["partings"][0] == {"frame": 4, "track": first[0], "before": second[5], "now": second[6]}
    status, text, _ = run(capsys, two_runs, "--runs", 1, 2)
    assert status == 0
    assert f"frame 2      only in run 2: track {second[7]}\n" in text
    assert "identities part" in text


@pytest.mark.parametrize("asked", [(1, 9), (9, 1), (1, 1)])
def test_runs_that_are_not_there_are_answered_with_those_that_are(two_runs, asked, capsys):
    before = two_runs.read_bytes()
    status, text, errors = run(capsys, two_runs, "--runs", *asked)
    assert (status, text) == (1, "")
    assert "w.pth" in errors
    assert "other.pth" in errors
    assert "--beside" in errors
    assert two_runs.read_bytes() == before


def test_a_project_of_one_run_says_so_and_how_to_add_another(project, capsys):
    status, _, errors = run(capsys, project, "--runs", 1, 2)
    assert status == 1
    assert "only run 1 (w.pth" in errors
    assert "--beside" in errors
    assert run(capsys, project, "--runs", 1, 2, "--no-pictures", "--csv", "a.csv")[0] == 2
