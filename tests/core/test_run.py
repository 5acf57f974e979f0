"""``stmask run`` from the outside: projects, results, going on, bad input."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from stmask_core.cli import main
from stmask_core.document.commands.tracks import delete_tracks, set_category
from stmask_core.document.queries import category_named
from stmask_core.model.checkpoint import read_checkpoint, save_checkpoint
from stmask_core.opencv import cv2
from stmask_core.project import Project
from stmask_core.structures.evidence import evidence_from_bytes
from stmask_core.structures.masks import Mask
from stmask_core.tracking.constants import constants_of_run
from tests.core.numbered_clips import numbered, write_clip
from tests.core.tiny_model import CATEGORIES, write_tiny_weights

COUNT = 20


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    write_tiny_weights(path)
    return path


def run(capsys, *words):
    """(exit status, standard output, standard error)."""
    status = main(["run", *map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def write_frames(folder, count):
    """Numbered pictures in a new folder; their names."""
    folder.mkdir(parents=True)
    names = [f"{n:05d}.jpg" for n in range(count)]
    for n, name in enumerate(names):
        cv2.imwrite(str(folder / name), numbered(n, 160, 96)[..., ::-1])
    return names


def annotations_of(document):
    for track in document.tracks:
        for frame in document.annotations.frames(track):
            yield document.annotation(track, frame)


def test_a_video_becomes_a_project_and_results(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", COUNT, size=(160, 96))
    out = tmp_path / "out"
    status, text, _ = run(capsys, clip, "--weights", weights, "--out", out, "--precision", "fp32", "--json")
    assert status == 0
    summary = json.loads(text)
    assert summary["videos"][0]["frames"] == COUNT
    results = json.loads((out / "results.json").read_text())
    with Project.open(out / "clip.stm", read_only=True) as project:
        document = project.document
        assert len(results) == len(document.tracks) == summary["videos"][0]["tracks"] > 0
        (run_record,) = document.runs.values()
        assert run_record.done == ((0, COUNT - 1),)
        for entry, track in zip(results, sorted(document.tracks), strict=True):
            assert len(entry["segmentations"]) == COUNT
            shown = [frame for frame, rle in enumerate(entry["segmentations"]) if rle is not None]
            kept = [
                frame
                for frame in document.annotations.frames(track)
                if not document.annotation(track, frame).mask.is_empty
            ]
            assert shown == kept
            first = document.annotation(track, shown[0])
            assert Mask.from_coco(entry["segmentations"][shown[0]]) == first.mask
            assert entry["category_id"] in (1, 2, 3)
        evidence = evidence_from_bytes(document.evidence(run_record.id, 3))
        assert len(evidence.scores) == len(evidence.masks)


def test_what_a_person_changed_is_what_the_results_say(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", 4, size=(160, 96))
    words = (clip, "--weights", weights, "--out", tmp_path / "out", "--json")

    def results():
        assert json.loads(run(capsys, *words)[1])["videos"][0]["already_done"]
        return json.loads((tmp_path / "out" / "results.json").read_text())

    run(capsys, *words)
    assert results()
    with Project.open(tmp_path / "out" / "clip.stm") as project:
        document = project.document
        for track in document.tracks.values():
            if document.categories[track.category].name != "bird":
                set_category(document, [track.id], category_named(document, "bird").id)
    assert {entry["category_id"] for entry in results()} == {CATEGORIES.index("bird") + 1}
    with Project.open(tmp_path / "out" / "clip.stm") as project:
        delete_tracks(project.document, [min(project.document.tracks)])
        left = len(project.document.tracks)
    assert len(results()) == left


def test_finished_videos_are_left_alone(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", 6, size=(160, 96))
    words = (clip, "--weights", weights, "--out", tmp_path / "out", "--json")
    run(capsys, *words)
    status, text, _ = run(capsys, *words)
    assert status == 0
    assert json.loads(text)["videos"][0]["already_done"]


def test_runs_from_before_there_was_a_choice_were_made_as_released(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", 3, size=(160, 96))
    words = (clip, "--weights", weights, "--out", tmp_path / "out", "--json")
    run(capsys, *words)
    with Project.open(tmp_path / "out" / "clip.stm") as project, project.document.edit("Older"):
        (record,) = project.document.runs.values()
        noted = {name: value for name, value in record.settings.items() if name != "mask_windows"}
        noted["association"] = {n: v for n, v in noted["association"].items() if n != "doubt"}
        project.document.put(replace(record, settings=noted))
    assert json.loads(run(capsys, *words)[1])["videos"][0]["already_done"]
    with Project.open(tmp_path / "out" / "clip.stm") as project, project.document.edit("Damaged"):
        (record,) = project.document.runs.values()
        project.document.put(replace(record, settings={**record.settings, "association": "nonsense"}))
    assert not json.loads(run(capsys, *words)[1])["videos"][0]["already_done"]
    other = json.loads(run(capsys, *words, "--variant", "mask_windows=trained")[1])
    assert not other["videos"][0]["already_done"]


def test_other_settings_are_another_run(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", 3, size=(160, 96))
    words = (clip, "--weights", weights, "--out", tmp_path / "out", "--json")
    run(capsys, *words)
    for changed in (["--nms", "per_class"], ["--letterbox"], ["--set", "keep=2"], ["--retire", "3"]):
        status, text, errors = run(capsys, *words, *changed)
        assert status == 0, errors
        assert not json.loads(text)["videos"][0]["already_done"], changed
        assert json.loads(run(capsys, *words, *changed)[1])["videos"][0]["already_done"], changed


def test_a_project_of_another_video_is_never_written_to(tmp_path, weights, capsys):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    first = write_clip(tmp_path / "a" / "clip.mp4", 3, size=(160, 96))
    second = write_clip(tmp_path / "b" / "clip.mp4", 3, size=(160, 96), options={"g": "1"})
    out = tmp_path / "out"
    assert run(capsys, first, "--weights", weights, "--out", out)[0] == 0
    before = (out / "clip.stm").read_bytes()
    status, _, errors = run(capsys, second, "--weights", weights, "--out", out)
    assert status == 1
    assert "another video" in errors
    assert errors.count("\n") == 1
    assert (out / "clip.stm").read_bytes() == before


def test_a_second_run_beside_the_first_keeps_both_and_compares(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", 6, size=(160, 96))
    out = tmp_path / "out"
    words = (clip, "--weights", weights, "--precision", "fp32", "--out", out, "--json")
    assert run(capsys, *words)[0] == 0
    with Project.open(out / "clip.stm", read_only=True) as project:
        before = {t: project.document.annotations.rows(t) for t in project.document.tracks}

    status, text, errors = run(capsys, *words, "--beside", "--score", 0.3)
    assert status == 0, errors
    summary = json.loads(text)["videos"][0]
    assert not summary["already_done"]
    with Project.open(out / "clip.stm", read_only=True) as project:
        document = project.document
        assert {t: document.annotations.rows(t) for t in before} == before
        one, two = document.runs.values()
        assert (one.beside, two.beside) == (False, True)
        own = {track for _, track in two.tracks}
        assert own.isdisjoint(before)
        assert len(own) == summary["tracks"] > 0
    results = json.loads((out / "results.json").read_text())
    assert len(results) == len(own)  # never both runs' tracks in one list of results

    assert main(["inspect", str(out / "clip.stm"), "--runs", str(one.id), str(two.id), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["in_both"] + compared["only_first"] == sum(map(len, before.values()))
    assert compared["in_both"] + compared["only_second"] == summary["masks"]

    again = json.loads(run(capsys, *words, "--beside", "--score", 0.3)[1])["videos"][0]
    assert again["already_done"]
    assert again["run"] == two.id
    assert not json.loads(run(capsys, *words, "--beside")[1])["videos"][0]["already_done"]


def test_a_killed_run_goes_on_and_ends_as_if_never_killed(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", 64, size=(160, 96))
    words = [str(clip), "--weights", str(weights), "--precision", "fp32", "--batch", "1", "--set", "doubt=2"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(capsys, *words, "--out", whole)[0] == 0
    command = [sys.executable, "-m", "stmask_core.cli", "run", *words, "--out", str(cut)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = cut / ".clip.resume"
    while process.poll() is None and not state.exists():  # until the first chunk is on disk
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    status, _, errors = run(capsys, *words, "--out", cut)
    assert status == 0, errors
    assert not state.exists()
    ours, theirs = (json.loads((folder / "results.json").read_text()) for folder in (cut, whole))
    for name in ("segmentations", "score"):
        assert [entry[name] for entry in ours] == [entry[name] for entry in theirs]


def test_only_some_frames(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", COUNT, size=(160, 96))
    words = (clip, "--weights", weights, "--out", tmp_path / "out", "--frames", "5:9", "--json")
    status, text, _ = run(capsys, *words)
    assert status == 0
    assert json.loads(text)["videos"][0]["frames"] == 4
    for entry in json.loads((tmp_path / "out" / "results.json").read_text()):
        frames = [frame for frame, rle in enumerate(entry["segmentations"]) if rle]
        assert set(frames) <= {5, 6, 7, 8}


def test_constants_of_identity_can_be_set(tmp_path, weights, capsys):
    """keep=0: nothing is carried along, so nothing is shown that was not detected."""
    clip = write_clip(tmp_path / "clip.mp4", 6, size=(160, 96))
    words = (clip, "--weights", weights, "--set", "keep=0", "--set", "new_score=1.1")
    assert run(capsys, *words, "--out", tmp_path / "out")[0] == 0
    with Project.open(tmp_path / "out" / "clip.stm", read_only=True) as project:
        (run_record,) = project.document.runs.values()
        assert run_record.settings["association"]["keep"] == 0
        sources = {row.source for row in annotations_of(project.document)}
        assert sources == {"detected"}
    status, _, error = run(capsys, clip, "--weights", weights, "--set", "kept=0", "--out", tmp_path / "other")
    assert status == 2
    assert "there is no constant kept" in error


def test_weights_can_ask_for_constants_of_identity(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", 6, size=(160, 96))
    own = tmp_path / "own.safetensors"
    words = ["weights", str(weights), "--compact", str(own), "--set", "keep=2", "--set", "new_score=1.1"]
    assert main([*words, "--nms", "greedy"]) == 0
    for name, choice, keep, new_score, nms in (
        ("own", (), 2, 1.1, "greedy"),
        ("changed", ("--set", "keep=5"), 5, 1.1, "greedy"),
        ("released", ("--association", "released", "--nms", "cross_class"), 10, 1.4, "cross_class"),
    ):
        status, _, error = run(capsys, clip, "--weights", own, *choice, "--out", tmp_path / name)
        assert status == 0
        assert "keep=2, new_score=1.1" in error
        assert "NMS as these weights ask for: greedy" in error
        with Project.open(tmp_path / name / "clip.stm", read_only=True) as project:
            (run_record,) = project.document.runs.values()
            constants = constants_of_run(run_record.settings["association"])
        assert (constants.keep, constants.new_score) == (keep, pytest.approx(new_score))
        assert run_record.settings["detection"]["suppression"] == nms


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        *(
            ({"identity": identity}, "bad.safetensors asks for constants of identity that make no sense")
            for identity in ({"kept": 2}, {"keep": "many"}, ["keep"], {"keep": {"a": 1}})
        ),
        *(
            ({"suppression": nms}, "bad.safetensors asks for NMS that there is not")
            for nms in ("none", ["x"], 2)
        ),
    ],
)
def test_weights_that_ask_for_nonsense_are_refused(tmp_path, weights, capsys, asked, reason):
    clip = write_clip(tmp_path / "clip.mp4", 6, size=(160, 96))
    checkpoint, bad = read_checkpoint(weights), tmp_path / "bad.safetensors"
    save_checkpoint(bad, checkpoint.network(), checkpoint.categories, asked)
    status, _, error = run(capsys, clip, "--weights", bad, "--out", tmp_path / "out")
    assert status == 1
    assert reason in error


def test_a_dataset_keeps_its_video_ids(tmp_path, weights, capsys):
    root, listed = tmp_path / "data", []
    for number, name in ((7, "first"), (3, "second")):
        files = write_frames(root / "JPEGImages" / name, 4)
        listed.append({"id": number, "file_names": [f"{name}/{file}" for file in files]})
    listing = root / "valid.json"
    listing.write_text(json.dumps({"videos": listed}))
    status, _, errors = run(
        capsys, root, "--dataset", listing, "--weights", weights, "--out", tmp_path / "out"
    )
    assert status == 0, errors
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {entry["video_id"] for entry in results} == {7, 3}


def test_videos_of_a_dataset_that_are_called_alike_have_projects_of_their_own(tmp_path, weights, capsys):
    listed = []
    for number, group in ((1, "train"), (2, "more")):
        folder = tmp_path / "data" / group / "clip"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "0.jpg"), numbered(number, 160, 96)[..., ::-1])
        listed.append({"id": number, "file_names": [f"{group}/clip/0.jpg"]})
    (tmp_path / "all.json").write_text(json.dumps({"videos": listed}))
    words = [tmp_path / "data", "--dataset", tmp_path / "all.json", "--weights", weights]
    status, text, errors = run(capsys, *words, "--out", tmp_path / "out", "--json")
    assert status == 0, errors
    videos = json.loads(text)["videos"]
    assert [video["video_id"] for video in videos] == [1, 2]
    assert len({video["project"] for video in videos}) == 2


def test_a_dataset_video_that_lacks_frames_does_not_stop_the_others(tmp_path, weights, capsys):
    listed = []
    for number, name in ((1, "whole"), (2, "torn")):
        files = write_frames(tmp_path / "data" / name, 2)
        listed.append({"id": number, "file_names": [f"{name}/{file}" for file in files]})
    (tmp_path / "data" / "torn" / files[1]).unlink()
    (tmp_path / "all.json").write_text(json.dumps({"videos": listed}))
    words = [tmp_path / "data", "--dataset", tmp_path / "all.json", "--weights", weights]
    status, _, errors = run(capsys, *words, "--out", tmp_path / "out")
    assert status == 1
    assert "1 of 2 pictures are missing, the first is" in errors
    assert (tmp_path / "out" / "whole.stm").exists()
    assert not (tmp_path / "out" / "torn.stm").exists()
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {entry["video_id"] for entry in results} == {1}


def test_one_bad_video_does_not_stop_the_others(tmp_path, weights, capsys):
    good = write_clip(tmp_path / "good.mp4", 4, size=(160, 96))
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video at all")
    out = tmp_path / "out"
    status, _, errors = run(capsys, bad, good, tmp_path / "missing.mp4", "--weights", weights, "--out", out)
    assert status == 1
    assert "bad.mp4" in errors
    assert "missing.mp4" in errors
    assert (out / "good.stm").exists()
    assert not (out / "bad.stm").exists()
    assert json.loads((out / "results.json").read_text())


@pytest.mark.parametrize("content", [b"", b"no video at all", None])
def test_one_bad_video_alone_is_one_line_and_nothing_is_written(tmp_path, weights, capsys, content):
    bad = tmp_path / "bad.mp4"
    if content is not None:
        bad.write_bytes(content)
    status, text, errors = run(capsys, bad, "--weights", weights, "--out", tmp_path / "out")
    assert (status, text, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("stmask: ")
    assert "bad.mp4" in errors
    assert not list((tmp_path / "out").iterdir())


def test_what_was_done_of_a_folder_with_a_bad_picture_is_kept(tmp_path, weights, capsys):
    folder = tmp_path / "frames"
    folder.mkdir()
    for n in range(COUNT):
        cv2.imwrite(str(folder / f"{n}.png"), numbered(n, 160, 96)[..., ::-1])
    whole = (folder / "18.png").read_bytes()
    (folder / "18.png").write_bytes(whole[:100])
    words = (folder, "--weights", weights, "--out", tmp_path / "out", "--json", "--batch", "2")
    status, _, errors = run(capsys, *words)
    assert status == 1
    assert "18.png" in errors
    assert "goes on from there" in errors
    assert errors.count("\n") == 1
    (folder / "18.png").write_bytes(whole)
    status, text, errors = run(capsys, *words)
    assert status == 0, errors
    assert json.loads(text)["videos"][0]["frames"] == COUNT


@pytest.mark.parametrize("most_bytes", [1_000, 300_000])
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path, weights, most_bytes):
    clip = write_clip(tmp_path / "clip.mp4", 40, size=(160, 96))
    out = tmp_path / "out"
    words = ["run", str(clip), "--weights", str(weights), "--out", str(out), "--precision", "fp32"]
    script = (
        "import resource, signal, sys\n"
        "from stmask_core.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, {most_bytes}))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("stmask: ")
    left = {path.name for path in out.iterdir()}
    if left:  # some chunks were finished: the project is whole, and the run can go on
        assert left == {"clip.stm", ".clip.resume"}
        with Project.open(out / "clip.stm", read_only=True) as project:
            assert project.document.runs


def test_the_overlay_is_as_long_as_the_video(tmp_path, weights, capsys):
    clip = write_clip(tmp_path / "clip.mp4", 6, size=(160, 96))
    out = tmp_path / "out"
    assert run(capsys, clip, "--weights", weights, "--out", out, "--overlay")[0] == 0
    from stmask_core.video.source import open_video

    with open_video(out / "clip.mp4") as overlay, open_video(clip) as plain:
        assert len(overlay) == len(plain)
        assert np.abs(overlay.frame(3).astype(int) - plain.frame(3)).mean() > 1


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "Say which videos"),
        (["clip.mp4", "--frames", "9:3"], 2, "--frames"),
        (["clip.mp4", "--weights", "nowhere.pth"], 1, "nowhere.pth"),
        (["clip.mp4", "--weights", "text.pth"], 1, "text.pth"),
        (["clip.mp4", "--categories", "ytvis2019"], 1, "3 categories"),
        (["clip.mp4", "--device", "cuda:7"], 1, "cuda:7"),
        (["clip.mp4", "--set", "patience=3"], 2, "patience"),
        (["clip.mp4", "--variant", "carried_boxes=odd"], 1, "carried_boxes"),
    ],
)
def test_wrong_use_is_one_line_and_changes_nothing(
    tmp_path, weights, capsys, monkeypatch, words, status, message
):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4", 3, size=(160, 96))
    (tmp_path / "text.pth").write_text("these are no weights")
    given = words if "--weights" in words else [*words, "--weights", str(weights)]
    code, _, errors = run(capsys, *given, "--out", tmp_path / "out")
    assert code == status
    assert message in errors
    assert "Traceback" not in errors
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_a_pickle_that_runs_code_is_refused(tmp_path, capsys):
    clip = write_clip(tmp_path / "clip.mp4", 3, size=(160, 96))
    import pickle

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'owned'}",)

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"a": Evil()}))
    status, _, errors = run(capsys, clip, "--weights", tmp_path / "evil.pth", "--out", tmp_path / "out")
    assert status == 1
    assert "evil.pth" in errors
    assert not (tmp_path / "owned").exists()


def test_every_option_of_the_guide_is_there_and_works(tmp_path, weights, capsys, pytestconfig):
    guide = (pytestconfig.rootpath / "docs" / "guide" / "model.md").read_text(encoding="utf-8")
    of_other_verbs = {"--networks", "--compact"}
    used = set(re.findall(r"(?<=[` ])--[a-z]+(?:-[a-z]+)*", guide)) - of_other_verbs
    from stmask_core.cli.run import command

    there = {name for parameter in command.params for name in parameter.opts}
    assert used <= there
    choices = re.findall(r"--(set|variant) (\w+)=(\w+(?:\.\d+)?)", guide)
    words = [word for kind, name, value in choices for word in (f"--{kind}", f"{name}={value}")]
    assert len(choices) > 8
    clip = write_clip(tmp_path / "clip.mp4", 3, size=(160, 96))
    all_of_it = [
        "--association",
        "paper",
        "--nms",
        "greedy",
        "--letterbox",
        "--retire",
        "5",
        "--score",
        "0.2",
    ]
    status, _, errors = run(
        capsys, clip, "--weights", weights, "--out", tmp_path / "out", *all_of_it, *words, "--overlay"
    )
    assert status == 0, errors
