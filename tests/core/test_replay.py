"""Replay: the run again from its recording, and what other constants change."""

import json
import sqlite3
import zlib
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load as safetensors_load
from safetensors.numpy import save as safetensors_save
from safetensors.torch import save as torch_save

from stmask_core.cli import main
from stmask_core.document.commands import masks, tracks
from stmask_core.engine.clip import ClipTracker, RunSettings, track_clip
from stmask_core.engine.recording import Recorder, Recording
from stmask_core.engine.replay import ReplayTally, replay
from stmask_core.engine.session import Model, load_model, model_of
from stmask_core.errors import FormatError, InferenceError
from stmask_core.model.config import VARIANTS
from stmask_core.model.inference import optimise_for_inference
from stmask_core.model.postprocess import DetectionSettings
from stmask_core.pre_label import RunPlan, file_checksum, pre_label
from stmask_core.project import Project
from stmask_core.structures.evidence import FrameEvidence
from stmask_core.structures.letterbox import FrameLayout
from stmask_core.structures.masks import Mask
from stmask_core.tracking.association import PAPER, AssociationSettings
from stmask_core.tracking.constants import constants_of_run, with_constants
from stmask_core.video.source import open_video
from tests.core.numbered_clips import write_clip
from tests.core.tiny_model import CATEGORIES, tiny_network, write_tiny_weights
from tests.golden.vectors import END_TO_END, golden_network, load, network_input, text

COUNT = 12
RELEASED = AssociationSettings()
OTHERS = {
    "every detection its own track": "new_score=99",
    "never a new track": "new_score=-99",
    "one frame and gone": "retire_after=1",
    "the paper": "paper",
    "similarity alone": "mask_weight=0 box_weight=0 new_score=0.9",
    "the tie rule": "wins=association",
    "what is shown": "keep=1 decay=0.5 min_score=0.2 min_area=40 doubt=1.5",
}


def constants(words, base=RELEASED):
    if words == "paper":
        return PAPER
    return with_constants(base, dict(word.split("=") for word in words.split()))


@pytest.fixture(scope="module")
def model():
    return model_of(tiny_network(), CATEGORIES)


@pytest.fixture(scope="module")
def pictures():
    """Discs that move, cross and hide for a while."""
    y, x = np.mgrid[:90, :160]
    frames = []
    for n in range(COUNT):
        frame = np.full((90, 160, 3), 100, np.uint8) + (x[..., None] // 4).astype(np.uint8)
        for k, colour in enumerate(((220, 40, 30), (30, 90, 220), (240, 220, 40))):
            if k != 1 or not 4 <= n < 7:
                at = 30 + 45 * k + (1 - k) * 7 * n
                frame[(x - at) ** 2 + (y - 45) ** 2 < 300] = colour
        frames.append(frame)
    return frames


def recorded(path, model, pictures, settings):
    """(the recording, the run's results)."""
    with Recorder(path, {"of": "a test"}) as recorder:
        results = []
        for result in track_clip(model, pictures, settings):
            recorder.add(result.frame, result.record)
            results.append(result)
    return Recording(path), results


@pytest.fixture(scope="module")
def with_features(tmp_path_factory, model, pictures):
    path = tmp_path_factory.mktemp("recording") / "clip.recording"
    return recorded(path, model, pictures, RunSettings(batch=1, record="features"))


@pytest.fixture(scope="module")
def without_features(tmp_path_factory, model, pictures):
    path = tmp_path_factory.mktemp("recording") / "clip.recording"
    return recorded(path, model, pictures, RunSettings(batch=1, record="objects"))


def assert_the_same(replayed, run):
    """Equal to the last bit: what is shown, and what is known."""
    assert len(replayed) == len(run)
    for ours, theirs in zip((r.result for r in replayed), run, strict=True):
        assert ours.frame == theirs.frame
        for name in ("track_ids", "category_ids", "scores", "boxes", "ages"):
            assert np.array_equal(getattr(ours.instances, name), getattr(theirs.instances, name)), name
        assert ours.instances.mask_list == theirs.instances.mask_list
        for field in fields(FrameEvidence):
            mine, other = getattr(ours.evidence, field.name), getattr(theirs.evidence, field.name)
            same = np.array_equal(mine, other) if isinstance(mine, np.ndarray) else mine == other
            assert same, (ours.frame, field.name)


def assert_close(replayed, run, pixels=4):
    """Equal identities; masks and boxes but for rounding."""
    for ours, theirs in zip((r.result.instances for r in replayed), (r.instances for r in run), strict=True):
        for name in ("track_ids", "category_ids", "ages"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
        assert np.abs(ours.scores - theirs.scores).max(initial=0) < 1e-5
        for a, b in zip(ours.mask_list, theirs.mask_list, strict=True):
            assert int((a.bits() != b.bits()).sum()) <= pixels


@pytest.mark.parametrize("kept", ["with_features", "without_features"])
def test_with_the_constants_of_the_run_it_is_the_run(kept, request):
    recording, run = request.getfixturevalue(kept)
    assert any(result.evidence.suppressed for result in run)
    replayed = list(replay(recording, RELEASED))
    assert_the_same(replayed, run)
    assert len({int(i) for r in run for i in r.instances.track_ids}) > 3  # there was something to get wrong
    assert sum(frame.computed + frame.estimated for frame in replayed) == 0


@pytest.mark.parametrize("words", OTHERS.values(), ids=OTHERS)
def test_a_run_with_other_constants_replays_as_itself(tmp_path, model, pictures, words):
    settings = RunSettings(batch=1, association=constants(words), record="objects")
    recording, run = recorded(tmp_path / "clip.recording", model, pictures, settings)
    assert_the_same(list(replay(recording, settings.association)), run)


def test_a_run_of_the_plain_tracker_replays_as_itself(tmp_path, model, pictures):
    settings = RunSettings(batch=1, temporal_fusion=False, record="objects")
    recording, run = recorded(tmp_path / "clip.recording", model, pictures, settings)
    assert_the_same(list(replay(recording, RELEASED)), run)
    other = constants("new_score=2.5 similarity=cosine")
    again = track_clip(model, pictures, replace(settings, association=other))
    assert_the_same(list(replay(recording, other)), list(again))


@pytest.mark.parametrize("words", OTHERS.values(), ids=OTHERS)
def test_with_features_other_constants_give_what_a_run_with_them_gives(with_features, model, pictures, words):
    recording, _ = with_features
    other = constants(words)
    run = list(track_clip(model, pictures, RunSettings(batch=1, association=other)))
    replayed = list(replay(recording, other, model=lambda: model))
    assert_close(replayed, run)
    assert sum(frame.estimated for frame in replayed) == 0


def test_the_network_is_asked_for_only_when_it_is_needed(with_features):
    recording, _ = with_features

    def refuse():
        raise AssertionError("nobody needs it")

    assert list(replay(recording, RELEASED, model=refuse))
    with pytest.raises(AssertionError):
        list(replay(recording, constants("new_score=99"), model=refuse))


def test_without_features_it_says_what_it_estimated(without_features, model):
    recording, _ = without_features
    tally = tallied(replay(recording, constants("new_score=99"), model=lambda: model))
    assert tally.estimated > 0
    assert not tally.is_exact
    # what is only shown or hidden, and what only the run's own tracks decide, needs no estimate
    assert tallied(replay(recording, constants(OTHERS["what is shown"]))).is_exact


def tallied(frames):
    tally = ReplayTally()
    for frame in frames:
        tally.add(frame)
    return tally


def test_counts_say_what_the_constants_mean(with_features, model):
    recording, run = with_features
    as_run = tallied(replay(recording, RELEASED))
    shown = [int(i) for r in run for i in r.instances.track_ids]
    assert as_run.masks == len(shown)
    assert as_run.tracks == len(set(shown))
    assert as_run.births == sum(int((r.evidence.outcomes == 0).sum()) for r in run)
    assert as_run.lost == sum(int((r.evidence.outcomes == 2).sum()) for r in run)
    alone = tallied(replay(recording, constants("new_score=99"), model=lambda: model))
    assert alone.births == sum(len(r.evidence.scores) for r in run)
    assert alone.switches > as_run.switches
    one = tallied(replay(recording, constants("new_score=-99"), model=lambda: model))
    assert one.births == len(run[0].evidence.scores)
    retired = tallied(replay(recording, constants("retire_after=0"), model=lambda: model))
    assert retired.births >= as_run.births
    assert retired.masks == sum(lane_length(lane.detected) for lane in retired.lanes())


def lane_length(spans):
    return sum(stop - start for start, stop in spans)


def test_lanes_are_what_is_shown(with_features):
    recording, run = with_features
    lanes = tallied(replay(recording, RELEASED)).lanes()
    for lane in lanes:
        frames = [r.frame for r in run if lane.track in r.instances.track_ids]
        detected = [
            r.frame
            for r in run
            if lane.track in r.instances.track_ids
            and r.instances.sources[r.instances.track_ids.tolist().index(lane.track)] == "detected"
        ]
        assert [f for start, stop in lane.shown for f in range(start, stop)] == frames
        assert [f for start, stop in lane.detected for f in range(start, stop)] == detected


def test_tracks_are_told_which_they_were(with_features, model):
    recording, _ = with_features
    as_run = tallied(replay(recording, RELEASED))
    ids = [lane.track for lane in as_run.lanes()]
    assert as_run.continued(as_run) == {number: number for number in ids}
    alone = tallied(replay(recording, constants("new_score=99"), model=lambda: model))
    came_from = alone.continued(as_run)
    assert len(came_from) > len(set(came_from.values()))  # tracks in pieces
    of_run = {lane.track: lane for lane in as_run.lanes()}
    for lane in alone.lanes():
        was = of_run.get(came_from.get(lane.track, -1))
        assert was is None or {*frames_of(lane.shown)} & {*frames_of(was.shown)}


def frames_of(spans):
    return [frame for start, stop in spans for frame in range(start, stop)]


QUICK = {"STMask_plus_resnet50_ada-real", "STMask_base-small", "STMask_plus_resnet50_ada-small-fastnms"}
GOLDEN = [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in END_TO_END]


@pytest.mark.parametrize("name", GOLDEN)
@torch.inference_mode()
def test_golden_clips_replay_as_they_ran(tmp_path, name):
    golden = load(name)
    meta = text(golden, "meta_json")
    network = golden_network(meta["config"])
    names = tuple(f"category {n}" for n in range(1, network.config.num_classes))
    model = Model(network, optimise_for_inference(network), names, torch.device("cpu"), "fp32")
    layout = FrameLayout(*(tuple(meta[f"{kind}_shape"][:2]) for kind in ("ori", "img", "pad")))
    detection = DetectionSettings(suppression="per_class" if meta["fast_nms"] else "cross_class")
    other = constants("new_score=2.9 wins=association retire_after=2")
    trackers = [
        ClipTracker(model, layout, RunSettings(detection, association, record="features"))
        for association in (RELEASED, other)
    ]
    runs = [[], []]
    with Recorder(tmp_path / "clip.recording", {}) as recorder:
        for frame in range(6):
            raw = model.ready(network_input(golden, frame))
            for tracker, results in zip(trackers, runs, strict=True):
                results.append(tracker.step(frame, raw, 0))
            recorder.add(frame, runs[0][-1].record)
    recording = Recording(tmp_path / "clip.recording")
    assert_the_same(list(replay(recording, RELEASED)), runs[0])
    assert_close(list(replay(recording, other, model=lambda: model)), runs[1])


def test_a_recording_goes_on_and_belongs_to_one_run(tmp_path, with_features):
    _, run = with_features
    path = tmp_path / "clip.recording"
    about = {"of": "a test"}
    for part in (run[:5], run[4:]):  # a frame comes again
        with Recorder(path, about) as recorder:
            for result in part:
                recorder.add(result.frame, result.record)
    assert_the_same(list(replay(Recording(path), RELEASED)), run)
    with Recorder(path, {"of": "another"}) as recorder:
        recorder.add(0, run[0].record)
    assert len(Recording(path).frames) == 1
    with Recorder(path, {"of": "another"}) as recorder:
        recorder.add(5, run[5].record)
    with pytest.raises(FormatError, match="missing"):
        _ = Recording(path).frames


@pytest.mark.parametrize(
    "spoil",
    [
        "no file",
        "text",
        "no table",
        "cut",
        "swapped",
        "no start",
        "crops",
        "runs",
        "nan",
        "class",
        "count",
        "suppressed",
    ],
)
def test_damaged_recordings_are_refused_in_one_line(tmp_path, without_features, spoil):
    path = tmp_path / "clip.recording"
    if spoil == "text":
        path.write_text("no recording at all")
    elif spoil == "no table":
        sqlite3.connect(path).execute("CREATE TABLE other (a)").connection.close()
    elif spoil != "no file":
        path.write_bytes(without_features[0].path.read_bytes())
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("UPDATE frames SET objects = ? WHERE frame = 3", (spoiled(connection, spoil),))
            if spoil == "no start":
                connection.execute("DELETE FROM frames WHERE frame = 0")
        connection.close()
    with pytest.raises(FormatError, match="--record"):
        list(replay(Recording(path), RELEASED))


def spoiled(connection, how):
    """Frame 3 as somebody might have changed it."""
    (data,) = connection.execute("SELECT objects FROM frames WHERE frame = 3").fetchone()
    arrays = {key: value.copy() for key, value in safetensors_load(zlib.decompress(data)).items()}
    if how == "crops":
        arrays["found.crops"][:, 0] += 1000
    elif how == "runs":
        arrays["found.runs"][:] = 255
    elif how == "nan":
        arrays["carried.boxes"][0] = np.nan
    elif how == "class":
        arrays["found.classes"][0] = 0
    elif how == "suppressed":
        arrays["suppressed"] = np.frombuffer(b'[{"mask": 3}]', np.uint8)
    elif how == "count":
        arrays["track_ids"] = arrays["track_ids"][:-1]
    changed = zlib.compress(safetensors_save(arrays))
    return {"cut": data[:200], "swapped": "text"}.get(how, changed)


def test_too_many_tracks_stop_with_advice(without_features, monkeypatch):
    monkeypatch.setattr("stmask_core.engine.replay.MOST_TRACKS", 3)
    with pytest.raises(InferenceError, match="retire_after"):
        list(replay(without_features[0], constants("new_score=99")))


def test_constants_are_read_from_text():
    settings = constants("new_score=2 box_weight=0.5 wins=association retire_after=7 keep=3")
    assert settings.new_score == pytest.approx(2)
    assert (settings.box_weight, settings.wins, settings.retire_after, settings.keep) == (
        0.5,
        "association",
        7,
        3,
    )
    assert constants("retire_after=none", settings).retire_after is None
    for wrong in ("speed=3", "keep=-1", "keep=1.5", "decay=nan", "wins=luck", "doubt=-1", "new_score=high"):
        with pytest.raises(ValueError, match=wrong.split("=")[0]):
            constants(wrong)
    for known in (RELEASED, PAPER, settings):
        assert constants_of_run(asdict(known)) == known
    with pytest.raises(FormatError):
        constants_of_run({"keep": "many"})


# The verb


@pytest.fixture
def project(tmp_path, capsys):
    """A project after ``stmask run`` over ten frames."""
    write_tiny_weights(tmp_path / "tiny.safetensors")
    clip = write_clip(tmp_path / "clip.mp4", 10, size=(160, 96))
    words = ["run", str(clip), "--weights", str(tmp_path / "tiny.safetensors"), "--precision", "fp32"]
    assert main([*words, "--out", str(tmp_path / "out"), "--batch", "1"]) == 0
    capsys.readouterr()
    return tmp_path / "out" / "clip.stm"


def verb(capsys, *words):
    """(exit status, standard output, standard error)."""
    status = main(["replay", *map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def contents(document):
    """Everything a user sees: tracks, and every mask with where it comes from."""
    return (
        dict(document.tracks.items()),
        {
            (track, frame): document.annotation(track, frame)
            for track in document.tracks
            for frame in document.annotations.frames(track)
        },
        set(document.runs),
    )


def test_recorded_again_it_is_the_run(project, capsys):
    status, out, errors = verb(capsys, project, "--record", "--json")
    assert (status, errors) == (0, "")  # and no frame that the run decided otherwise
    found = json.loads(out)
    with Project.open(project, read_only=True) as opened:
        tracks_of_run = opened.document.tracks
        shown = sum(opened.document.annotations.count(track) for track in tracks_of_run)
        assert found["before"]["tracks"] == len(tracks_of_run)
    # what is shown without a pixel of the picture is counted, and not written
    assert 0 < shown <= found["before"]["masks"]
    assert found["before"] == found["after"]
    assert found["before"]["exact"]
    assert found["recording"]["features"]
    assert found["constants"]["before"]["new_score"] == pytest.approx(1.4)
    assert found["applied"] is None


@pytest.mark.parametrize("variant", ["carried_boxes", "centerness_order", "mask_windows"])
def test_a_run_off_the_released_code_is_recorded_as_it_ran(tmp_path, capsys, variant):
    write_tiny_weights(tmp_path / "tiny.safetensors")
    clip = write_clip(tmp_path / "clip.mp4", 10, size=(160, 96))
    words = ["run", str(clip), "--weights", str(tmp_path / "tiny.safetensors"), "--precision", "fp32"]
    choice = f"{variant}={VARIANTS[variant][1]}"
    assert main([*words, "--out", str(tmp_path / "out"), "--batch", "1", "--variant", choice]) == 0
    capsys.readouterr()
    project = tmp_path / "out" / "clip.stm"
    status, _, errors = verb(capsys, project, "--record", "--json")
    assert (status, errors) == (0, "")
    shown = masks_of(project)
    status, _, _ = verb(capsys, project, "--apply")
    assert status == 0
    assert masks_of(project) == shown


def masks_of(project):
    with Project.open(project, read_only=True) as opened:
        return masks_by_frame(opened.document)


def test_a_run_at_another_input_size_is_recorded_at_that_size(tmp_path, capsys):
    weights = tmp_path / "tiny.safetensors"
    write_tiny_weights(weights)
    clip = write_clip(tmp_path / "clip.mp4", 6, size=(160, 96))
    network = load_model(weights, device="cpu", precision="fp32")
    network.network.config = replace(network.config, input_size=(224, 128))
    path = tmp_path / "clip.stm"
    with Project.create(path, video=clip) as project, open_video(clip) as source:
        plan = RunPlan(next(iter(project.document.videos)), 0, 5, str(weights), file_checksum(weights))
        for _ in pre_label(project.document, source, network, RunSettings(), plan):
            pass
        (run,) = project.document.runs.values()
        assert run.settings["input_size"] == [224, 128]
    status, _, errors = verb(capsys, path, "--record", "--json")
    assert (status, errors) == (0, "")
    _, record = next(iter(Recording(tmp_path / "clip.1.recording").records()))
    assert record.layout.resized == (128, 224)


@pytest.mark.parametrize("size", ["wide", [0, 96], [160], [1e9, 96]])
def test_an_input_size_that_is_none_is_refused(project, capsys, size):
    with Project.open(project) as opened, opened.document.edit("spoil"):
        (run,) = opened.document.runs.values()
        opened.document.put(replace(run, settings={**run.settings, "input_size": size}))
    status, _, errors = verb(capsys, project, "--record")
    assert status == 1
    assert "input size" in errors


def test_applying_is_one_undo_step_and_spares_what_people_made(project, capsys):
    assert verb(capsys, project, "--record", "--without-features")[0] == 0
    with Project.open(project) as opened:
        document = opened.document
        longest = sorted(document.tracks, key=document.annotations.count)[-2:]
        painted, locked = longest
        frame = document.annotations.frames(painted)[0]
        corner = np.zeros((96, 160), bool)
        corner[:20, :30] = True
        masks.paint(document, painted, frame, Mask.from_bits(corner))
        tracks.set_locked(document, [locked], True)
        before = contents(document)
    status, out, _ = verb(capsys, project, "--set", "new_score=99", "--apply", "--json")
    assert status == 0
    summary = json.loads(out)
    with Project.open(project) as opened:
        document = opened.document
        after = contents(document)
        assert document.runs[summary["applied"]].settings["association"]["new_similarity"] > 90
        assert len(after[0]) > len(before[0])
        kept = {key: mask for key, mask in before[1].items() if key[0] == locked or mask.is_human}
        assert kept
        assert kept == {key: after[1][key] for key in kept}
        assert {key for key in after[1] if key[0] == locked} == {key for key in before[1] if key[0] == locked}
        document.undo()
        assert contents(document) == before
        document.redo()
        assert contents(document) == after


def test_a_replay_can_be_replayed_and_taken_back_by_its_constants(project, capsys):
    assert verb(capsys, project, "--record")[0] == 0
    with Project.open(project, read_only=True) as opened:
        first = masks_by_frame(opened.document)
    assert verb(capsys, project, "--set", "new_score=2.8", "--apply")[0] == 0
    with Project.open(project, read_only=True) as opened:
        assert masks_by_frame(opened.document) != first
    status, out, _ = verb(capsys, project, "--start-from", "released", "--apply", "--json")
    assert status == 0
    found = json.loads(out)
    assert found["constants"]["before"]["new_score"] == pytest.approx(2.8)
    assert found["after"]["computed"] == found["after"]["estimated"] == 0
    with Project.open(project, read_only=True) as opened:
        assert masks_by_frame(opened.document) == first


def masks_by_frame(document):
    """The masks of every frame, whoever they belong to."""
    found = {}
    for track in document.tracks:
        for frame in document.annotations.frames(track):
            found.setdefault(frame, set()).add(document.annotation(track, frame).mask)
    return found


def test_text_says_what_changes_and_what_is_not_exact(project, capsys):
    assert verb(capsys, project, "--record", "--without-features")[0] == 0
    status, out, _ = verb(capsys, project, "--set", "new_score=99")
    assert status == 0
    assert "births" in out
    assert "█" in out
    assert "Not exact" in out
    assert "Not exact" not in verb(capsys, project)[1]


def test_a_recording_of_another_run_is_refused(project, tmp_path, capsys):
    assert verb(capsys, project, "--record")[0] == 0
    weights = tmp_path / "tiny.safetensors"
    again = ["run", str(tmp_path / "clip.mp4"), "--weights", str(weights), "--out", str(project.parent)]
    assert main([*again, "--again", "--score", "0.3"]) == 0
    status, _, errors = verb(capsys, project)
    assert status == 1
    assert "another run" in errors


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 1, "--record"),
        (["--set", "speed=3"], 2, "speed"),
        (["--set", "keep"], 2, "NAME=VALUE"),
        (["--video", "other"], 1, "clip"),
        (["--record", "--weights", "nowhere.pth"], 1, "nowhere.pth"),
        (["--record", "--weights", "demo"], 1, "not the weights of the run"),
    ],
)
def test_wrong_use_is_one_line_and_changes_nothing(project, capsys, words, status, message):
    with Project.open(project, read_only=True) as opened:
        before = contents(opened.document)
    code, _, errors = verb(capsys, project, *words)
    assert code == status
    assert message in errors
    assert "Traceback" not in errors
    with Project.open(project, read_only=True) as opened:
        assert contents(opened.document) == before


def test_the_bench_replays_what_it_made_up(capsys):
    assert main(["bench", "replay", "--frames", "30", "--objects", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ids_equal"]
    assert (found["frames"], found["objects"]) == (30, 4)
    assert found["other_constants_estimated"] > 0


def test_maps_of_another_network_and_unnamed_categories_are_refused(project, tmp_path, model, capsys):
    assert verb(capsys, project, "--record")[0] == 0
    path = project.with_name("clip.1.recording")
    with sqlite3.connect(path) as connection:
        maps = {name: torch.zeros(1, 3, 6, 10) for name in ("pyramid_map", "tower")}
        data = torch_save({**maps, "prototypes": torch.zeros(24, 40, 5)})
        connection.execute("UPDATE frames SET features = ?", (data,))
    connection.close()
    status, _, errors = verb(capsys, project, "--set", "new_score=99")
    assert status == 1
    assert "do not fit the network" in errors
    with sqlite3.connect(path) as connection:
        for frame, data in connection.execute("SELECT frame, objects FROM frames").fetchall():
            arrays = safetensors_load(zlib.decompress(data))
            arrays["found.classes"] = arrays["found.classes"] + 7
            changed = (zlib.compress(safetensors_save(arrays)), frame)
            connection.execute("UPDATE frames SET objects = ? WHERE frame = ?", changed)
    connection.close()
    with Project.open(project, read_only=True) as opened:
        before = contents(opened.document)
    status, _, errors = verb(capsys, project, "--apply")
    assert status == 1
    assert "category" in errors
    with Project.open(project, read_only=True) as opened:
        assert contents(opened.document) == before
