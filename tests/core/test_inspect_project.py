"""A project becomes something to review: evidence finds its masks, whatever people did to the tracks."""

import math

import numpy as np
import pytest

from stmask_core.cli import main
from stmask_core.document.commands.identity import swap_tracks
from stmask_core.document.commands.masks import grow
from stmask_core.document.scope import Scope
from stmask_core.errors import VideoError
from stmask_core.inspect_project import ProjectObserver, correlation_reach, score_weights
from stmask_core.project import Project
from stmask_core.review.diagnostics.catalogue import diagnose
from stmask_core.review.observations import NOTHING, ScoreWeights
from stmask_core.structures.evidence import evidence_from_bytes
from stmask_core.video.source import open_video
from tests.core.numbered_clips import write_clip
from tests.core.tiny_model import write_tiny_weights

COUNT = 12


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Bytes of a project with a run over a small clip, and the clip."""
    folder = tmp_path_factory.mktemp("finished")
    weights = folder / "tiny.safetensors"
    write_tiny_weights(weights)
    clip = write_clip(folder / "clip.mp4", COUNT, size=(160, 96))
    assert (
        main(["run", str(clip), "--weights", str(weights), "--out", str(folder), "--precision", "fp32"]) == 0
    )
    return folder / "clip.stm", clip


@pytest.fixture
def project(finished, tmp_path):
    """A copy that may be changed."""
    path = tmp_path / "clip.stm"
    path.write_bytes(finished[0].read_bytes())
    with Project.open(path) as opened:
        yield opened


def observed(document, pictures=None):
    (video,) = document.videos
    observer = ProjectObserver(document, video)
    assert list(observer.watch(pictures)) == list(range(COUNT))
    return observer.clip()


def masks_of(document):
    found = {}
    for track in document.tracks:
        for frame in document.annotations.frames(track):
            mask = document.annotation(track, frame).mask
            if not mask.is_empty:
                found[track, frame] = mask
    return found


def by_place(clip):
    """(track, frame) -> (mask, what was known)."""
    return {
        (track.id, frame): (mask, known)
        for track in clip.tracks
        for frame, mask, known in zip(track.frames.tolist(), track.masks, track.known, strict=True)
    }


def test_every_mask_is_there_with_what_the_run_knew(project):
    document = project.document
    clip = observed(document)
    places = by_place(clip)
    assert {place: mask for place, (mask, _) in places.items()} == masks_of(document)
    assert len(places) > COUNT
    (run,) = document.runs.values()
    numbers = {track: number for number, track in run.tracks}
    for (track, frame), (mask, known) in places.items():
        assert mask in (known.detected, known.carried)
        seen = evidence_from_bytes(document.evidence(run.id, frame))
        detections = np.flatnonzero((seen.wanted == numbers[track]) & (seen.outcomes != 2))
        assert (known.age == 0) == (len(detections) == 1)
        if len(detections):
            assert known.detection_score == pytest.approx(float(seen.scores[detections[0]]))
            name = run.settings["categories"][seen.categories[detections[0]] - 1]
            assert document.categories[known.category].name == name


def test_evidence_follows_masks_that_moved_to_another_track(project):
    document = project.document
    before = by_place(observed(document))
    shared = [t for t in sorted(document.tracks) if len(document.annotations.frames(t)) == COUNT]
    first, second = shared[:2]
    swap_tracks(document, first, second, Scope.from_here_on(6))
    after = by_place(observed(document))
    moved = {(first, 7): (second, 7), (second, 7): (first, 7), (first, 2): (first, 2)}
    for here, was in moved.items():
        assert after[here] == before[was]


def test_what_a_person_drew_has_no_evidence(project):
    document = project.document
    track = min(document.tracks)
    frame = document.annotations.frames(track)[1]
    assert by_place(observed(document))[track, frame][1] != NOTHING
    grow(document, track, Scope.this_frame(frame), 2)
    assert by_place(observed(document))[track, frame][1] == NOTHING


def test_damaged_evidence_is_noted_and_passed_over(project):
    document = project.document
    (run,) = document.runs.values()
    with document.edit("Damage"):
        document.put_evidence(run.id, 3, b"no evidence at all")
    (video,) = document.videos
    observer = ProjectObserver(document, video)
    for _ in observer.watch():
        pass
    assert observer.unreadable == [3]
    known = {frame: k for (_, frame), (_, k) in by_place(observer.clip()).items()}
    assert known[3] == NOTHING
    assert known[4] != NOTHING


def test_pictures_give_sharpness_and_cuts(project, finished):
    with open_video(finished[1]) as source:
        clip = observed(project.document, source.frames())
    assert math.isnan(clip.frame_change[0])
    assert np.isfinite(clip.frame_change[1:]).all()
    table = diagnose(clip)
    assert np.isfinite(table.columns["shot_cut"][table.frames > 0]).all()
    assert np.isfinite(table.columns["blur"]).any()
    blind = diagnose(observed(project.document))
    assert np.isnan(blind.columns["blur"]).all()
    assert np.isnan(blind.columns["ambiguity"]).all()
    for name in set(table.columns) - {"ambiguity", "blur", "shot_cut"}:
        assert table.columns[name] == pytest.approx(blind.columns[name], nan_ok=True)


def test_pictures_of_another_size_are_refused(project):
    pictures = [np.zeros((10, 10, 3), np.uint8)] * COUNT
    with pytest.raises(VideoError, match="another video"):
        observed(project.document, pictures)


def test_what_a_record_says_of_the_run_is_believed_within_reason():
    association = {"similarity": "cosine", "mask_weight": 1, "box_weight": 0.0}
    assert score_weights({"association": association}) == ScoreWeights("cosine", 1.0, 0.0)
    for odd in ({}, {"association": None}, {"association": {"mask_weight": "much", "box_weight": math.nan}}):
        assert score_weights(odd) == ScoreWeights()


def test_the_reach_of_the_correlation_in_image_pixels():
    # five cells of 16 pixels in a 640 x 360 input
    assert correlation_reach({"network": "STMask_resnet50"}, (720, 1280)) == (160, 160)
    wide = correlation_reach({"network": "STMask_resnet50", "resize": "letterbox"}, (360, 1280))
    assert wide == (160, 160)
    own = {"network": "my own", "correlation_reach": 80, "input_size": [480, 288]}
    assert correlation_reach(own, (144, 240)) == (40, 40)
    assert correlation_reach(own | {"network": "stmask_small"}, (144, 240)) == (40, 40), "not its preset's"
    for odd in ({"input_size": [0, 288]}, {"input_size": "480"}, {"correlation_reach": None}):
        assert all(math.isnan(reach) for reach in correlation_reach(own | odd, (720, 1280)))
    assert all(math.isnan(reach) for reach in correlation_reach({"network": "my own"}, (720, 1280)))
    assert all(math.isnan(reach) for reach in correlation_reach({"network": ["a list"]}, (720, 1280)))
