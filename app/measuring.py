"""The whole window at work, for ``stmask bench window``: playing, seeking, and the model beside it.

A video and a project are made, opened in the real window, and used by its own event loop.
"""

from __future__ import annotations

import importlib.util
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PySide6.QtCore import QDeadlineTimer, QEventLoop, QSettings, Qt, QTimer

from app.flows.run_request import RunRequest
from app.run import LAST_PATIENCE_S, start
from app.window import Window
from stmask_core.bench.video import moving_picture
from stmask_core.bench.window import percentiles
from stmask_core.document.commands import videos
from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    finish_run,
    start_run,
)
from stmask_core.project import Project
from stmask_core.structures.masks import Mask
from stmask_core.video.writer import write_video

Source = Literal["detected", "propagated"]
RATE = 30  # frames per second
MASKS = 20  # in every frame
HEARTBEAT_MS = 5
PATIENCE_S = 120.0


def live(height: int, width: int, *, seconds: float, seeks: int, model: bool) -> dict[str, Any]:
    """Play, seek and (where torch is installed) run the model on a video of this size."""
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder), height, width, max(60, round(seconds * RATE)))
        with _window(project) as window:
            result: dict[str, Any] = {"play": play(window), "seek": seek(window, seeks)}
            if model and importlib.util.find_spec("torch") is not None:
                result["model_beside"] = model_beside(window, 2 * seconds)
        return result


def seek_among_few_keys(height: int, width: int, *, seconds: float, seeks: int) -> dict[str, Any]:
    """Seek in a video with a key frame every 250 frames only, which is what encoders do when not told."""
    with tempfile.TemporaryDirectory() as folder:
        count = max(60, round(seconds * RATE))
        project = _project(Path(folder), height, width, count, key_seconds=250 / RATE)
        with _window(project) as window:
            return seek(window, seeks)


def play(window: Window) -> dict[str, Any]:
    """Play once from the first frame to the last; a frame that was due and never shown is dropped."""
    count = window.view_state.frame_count
    window.player.loop = False
    window.view_state.go_to(0)
    _until(lambda: window.feed.shown_frame == 0)
    shown: list[tuple[int, float]] = [(0, time.perf_counter())]
    with _listening(window, lambda frame: shown.append((frame, time.perf_counter()))):
        window.view_state.set_playing(True)
        _until(lambda: not window.view_state.playing)
        _until(lambda: window.feed.shown_frame == count - 1)
    gaps = [1e3 * (b - a) for (_, a), (_, b) in itertools.pairwise(shown)]
    return {
        "frames": count,
        "masks": MASKS,
        "dropped": len(set(range(1, count)) - {frame for frame, _ in shown}),
        "between_frames": percentiles(gaps),
        "wanted_ms": round(1e3 / RATE, 2),
    }


def seek(window: Window, seeks: int) -> dict[str, Any]:
    """From the wish for a frame to its picture on the canvas, with its masks, repainted."""
    draw, count = random.Random(1), window.view_state.frame_count
    times: dict[str, list[float]] = {"cold": [], "cached": []}
    for turn in range(20 * seeks):
        kind = "cached" if turn % 2 else "cold"
        frame = draw.choice(window.loader.cached_frames()) if kind == "cached" else draw.randrange(count)
        cached = window.loader.cached(frame) is not None
        wanted = cached == (kind == "cached") and len(times[kind]) < seeks
        if frame == window.view_state.frame or not wanted:
            continue
        times[kind].append(_jump_ms(window, frame))
        if all(len(taken) >= seeks for taken in times.values()):
            break
    return {kind: percentiles(taken) for kind, taken in times.items() if taken}


def _jump_ms(window: Window, wished: int) -> float:
    """Milliseconds until a frame is painted with its masks."""
    painted: list[float] = []

    def paint(frame: int) -> None:
        if frame == wished and not painted:
            window.main.canvas.repaint()  # now, and not again when it was to be
            painted.append(time.perf_counter())

    begin = time.perf_counter()
    with _listening(window, paint):
        window.view_state.go_to(wished)
        _until(lambda: bool(painted))
    return 1e3 * (painted[0] - begin)


def model_beside(window: Window, seconds: float) -> dict[str, Any]:
    """How long the window does not answer while the network in the box runs and a user steps on."""
    flow, state = window.run_flow, window.view_state
    flow.start(RunRequest("demo", 0, state.frame_count - 1))
    frames_done = 0

    def progress(done: int, *_: object) -> None:
        nonlocal frames_done
        frames_done = done

    flow.progress.connect(progress)
    _until(lambda: frames_done > 0 or not flow.is_running)
    beats = [0.0]
    heart, hand = QTimer(), QTimer()
    heart.setTimerType(Qt.TimerType.PreciseTimer)
    heart.timeout.connect(lambda: beats.append(time.perf_counter()))
    hand.timeout.connect(lambda: state.go_to((state.frame + 1) % state.frame_count))
    begin, before = time.perf_counter(), frames_done
    beats[0] = begin
    heart.start(HEARTBEAT_MS)
    hand.start(200)
    _until(lambda: time.perf_counter() - begin > seconds or not flow.is_running)
    heart.stop()
    hand.stop()
    spent = time.perf_counter() - begin
    beats.append(time.perf_counter())
    flow.cancel()
    _until(lambda: not flow.is_running)
    stalls = [max(0.0, 1e3 * (b - a) - HEARTBEAT_MS) for a, b in itertools.pairwise(beats)]
    return {
        "stall": percentiles(stalls),
        "stalls_over_50_ms": sum(stall > 50 for stall in stalls),
        "frames_per_second": round((frames_done - before) / spent, 2),
    }


@contextmanager
def _window(project: Path) -> Iterator[Window]:
    """The real window of 1440 x 900 with a project open, on preferences of its own."""
    window = start([], QSettings(str(project.with_suffix(".ini")), QSettings.Format.IniFormat))
    try:
        window.open_flow.open_project(project)
        _until(lambda: window.feed.shown_frame == 0)
        yield window
    finally:
        window.main.ask_to_close = lambda: True
        window.main.close()
        window.close(LAST_PATIENCE_S)


@contextmanager
def _listening(window: Window, hear: Callable[[int], None]) -> Iterator[None]:
    window.feed.shown.connect(hear)
    try:
        yield
    finally:
        window.feed.shown.disconnect(hear)


def _until(true: Callable[[], bool]) -> None:
    """Let the event loop run, as it does at work, until something holds."""
    loop, watch, patience = QEventLoop(), QTimer(), QDeadlineTimer(round(1e3 * PATIENCE_S))
    watch.timeout.connect(lambda: loop.quit() if true() or patience.hasExpired() else None)
    watch.start(1)
    if not true():
        loop.exec()
    if not true():
        raise TimeoutError("the window did not get there")


def _project(folder: Path, height: int, width: int, count: int, *, key_seconds: float = 1.0) -> Path:
    """A project with a video of this many frames and masks that wander through it."""
    clip, place = folder / "bench.mp4", folder / "bench.stm"
    write_video(clip, moving_picture(count, (height, width)), RATE, key_seconds=key_seconds)
    blob = _ellipse(height // 4, width // 6)
    draw = random.Random(3)
    starts = [(draw.randrange(height - height // 4), draw.randrange(width // 2)) for _ in range(MASKS)]
    with Project.create(place, video=clip) as project:
        document = project.document
        (video,) = document.videos
        category = videos.create_category(document, "dog").id
        run = start_run(document, video, first=0, last=count - 1)
        frames = []
        for frame in range(count):
            predictions = []
            for number, (y0, x0) in enumerate(starts, start=1):
                x = min(x0 + 2 * frame, width - blob.shape[1])
                mask = Mask.from_crop(blob, y0=y0, x0=x, height=height, width=width)
                carried = (number + frame // 20) % 4 == 0
                source: Source = "propagated" if carried else "detected"
                predictions.append(Prediction(number, category, mask, 0.9, source))
            frames.append(PredictedFrame(frame, tuple(predictions)))
        add_predictions(document, run.id, frames)
        finish_run(document, run.id)
    return place


def _ellipse(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.asarray((2 * y / height - 1) ** 2 + (2 * x / width - 1) ** 2 < 1)
