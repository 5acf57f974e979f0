"""The model beside the window: results while it runs, pause, cancel, people's masks, errors in words."""

import pytest
from PySide6.QtWidgets import QMessageBox

from app.flows.run_request import RunRequest
from stmask_core.cli import main
from stmask_core.document.queries import inferred_spans
from stmask_core.errors import DocumentError
from tests.core.tiny_model import write_tiny_weights
from tests.journeys.conftest import on_both_clips


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    write_tiny_weights(path)
    return str(path)


@pytest.fixture
def ready(user, sample):
    """A user with the bare sample on the canvas."""
    user.window.open_flow.open_path(sample)
    user.wait_for_frame(0)
    return user


def video_of(user):
    return next(iter(user.document.videos))


def test_a_run_is_one_undo_step_and_its_results_are_seen(ready, weights):
    flow, document = ready.window.run_flow, ready.document
    flow.start(RunRequest(weights, 0, 23, precision="fp32"))
    with pytest.raises(DocumentError, match="in progress"):
        flow.start(RunRequest(weights, 0, 3))
    ready.until(lambda: not flow.is_running, timeout=60_000)
    assert inferred_spans(document, video_of(ready)) == [(0, 24)]
    assert document.tracks
    assert ready.main.canvas.items
    before = len(document.tracks)
    ready.key("Ctrl+Z")
    assert not document.tracks
    ready.key("Ctrl+Shift+Z")
    assert len(document.tracks) == before


def test_weights_are_run_as_they_ask(ready, weights, tmp_path):
    own = tmp_path / "own.safetensors"
    asked = ["--set", "keep=2", "--nms", "greedy", "--variant", "mask_windows=trained"]
    assert main(["weights", weights, "--compact", str(own), *asked]) == 0
    ready.window.run_flow.start(RunRequest(str(own), 0, 3, precision="fp32"))
    ready.until(lambda: not ready.window.run_flow.is_running, timeout=60_000)
    (record,) = ready.document.runs.values()
    assert record.settings["association"]["keep"] == 2
    assert record.settings["detection"]["suppression"] == "greedy"
    assert record.settings["mask_windows"] == "trained"


def test_what_a_person_drew_stays_pixel_for_pixel(ready, weights):
    flow, document = ready.window.run_flow, ready.document
    ready.key("B")
    ready.drag([(200, 150), (260, 190), (230, 220)])
    (mine,) = document.tracks
    mask = document.annotation(mine, 0).mask
    flow.start(RunRequest(weights, 0, 7, precision="fp32"))
    ready.until(lambda: not flow.is_running, timeout=60_000)
    after = document.annotation(mine, 0)
    assert (after.mask, after.source) == (mask, "manual")
    flow.start(RunRequest(weights, 0, 7, precision="fp32"))
    ready.until(lambda: not flow.is_running, timeout=60_000)
    assert document.annotation(mine, 0).mask == mask


def test_editing_goes_on_while_the_model_runs(ready, weights):
    flow, document = ready.window.run_flow, ready.document
    flow.start(RunRequest(weights, 0, 60, precision="fp32"))
    ready.until(lambda: bool(inferred_spans(document, video_of(ready))), timeout=60_000)
    assert flow.is_running
    ready.state.select(())
    ready.key("B")
    ready.drag([(300, 40), (340, 60)])
    drawn = ready.state.track
    assert document.annotation(drawn, 0).source == "manual"
    flow.cancel()
    ready.until(lambda: not flow.is_running, timeout=60_000)
    assert document.annotation(drawn, 0).source == "manual"


@on_both_clips
def test_a_cancelled_run_keeps_what_it_has(ready):
    flow, document = ready.window.run_flow, ready.document
    flow.start(RunRequest("demo", 0, 71, precision="fp32", batch=1))
    ready.until(lambda: bool(inferred_spans(document, video_of(ready))), timeout=60_000)
    flow.toggle_pause()
    assert flow.is_paused
    flow.cancel()
    ready.until(lambda: not flow.is_running)
    (start, stop) = inferred_spans(document, video_of(ready))[0]
    assert start == 0
    assert 0 < stop < 72


def test_missing_weights_are_an_error_in_words(ready, tmp_path):
    flow = ready.window.run_flow
    flow.start(RunRequest(str(tmp_path / "nowhere.pth"), 0, 3))
    box = ready.dialog(QMessageBox)
    assert "nowhere.pth" in box.text()
    assert not flow.is_running
    assert not ready.document.runs
    box.close()
