"""``stmask bench window``: what the eye and the hand feel: repaints, timeline, playing, seeking, start.

Every part runs the real widgets. Without a display it runs offscreen, where painting is Qt's raster engine as
on most desktops.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np

from stmask_core.cli import print_json

START = "import time, sys; t = time.perf_counter(); from app.run import start; w = start([]);\
w.application.processEvents(); print(time.perf_counter() - t, 'torch' in sys.modules); w.close()"
SIZES = {"1080p": (1080, 1920), "4K": (2160, 3840)}


@click.command("window")
@click.option("--repeats", default=60, show_default=True, help="samples of each measurement")
@click.option("--seconds", default=8.0, show_default=True, help="length of the video that is played")
@click.option("--json", "as_json", is_flag=True, help="one JSON object on standard output")
def command(repeats: int, seconds: float, as_json: bool) -> None:
    """Measure the window: repaints, timeline, start, playing, seeking, and the model beside it."""
    if not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform in ("win32", "darwin")
    ):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from app.measuring import live, seek_among_few_keys
    from app.run import application

    kept = application()
    result: dict[str, Any] = {"overlay": {name: overlay(*size, repeats) for name, size in SIZES.items()}}
    result["timeline"] = timeline(500, 100_000, repeats)
    result["start"] = start_times(3)
    for name, size in SIZES.items():
        result[name] = live(*size, seconds=seconds, seeks=max(5, repeats // 2), model=name == "1080p")
    few = seek_among_few_keys(*SIZES["1080p"], seconds=seconds, seeks=max(5, repeats // 2))
    if "cold" in few:
        result["1080p"]["seek"]["cold, few key frames"] = few["cold"]
    result["bounds"] = bounds(result)
    del kept
    if as_json:
        print_json(result)
        return
    for part, values in result.items():
        click.echo(f"{part}: {values}")


def percentiles(samples_ms: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile and the worst of some times in milliseconds."""
    p50, p95, p99, worst = np.percentile(samples_ms, (50, 95, 99, 100))
    return {
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "p99_ms": round(float(p99), 2),
        "worst_ms": round(float(worst), 2),
    }


def bounds(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was promised of each value, and whether it holds on this machine."""
    rows = [
        *(
            (f"overlay of 20 masks, {name}: median ms over the bare frame", cost["masks_cost"]["p50_ms"], 8.0)
            for name, cost in result["overlay"].items()
        ),
        ("timeline, 500 x 100,000: ms of a pan, p95", result["timeline"]["pan"]["p95_ms"], 1000 / 30),
        ("timeline, 500 x 100,000: ms of a zoom, p95", result["timeline"]["zoom"]["p95_ms"], 1000 / 30),
        ("start without torch: s", result["start"]["seconds"], 1.5),
        ("play 1080p30 with 20 masks: dropped frames", result["1080p"]["play"]["dropped"], 0),
    ]
    for kind, most in (("cold", 150.0), ("cold, few key frames", 150.0), ("cached", 33.0)):
        if kind in result["1080p"]["seek"]:  # a short video is all in memory
            rows.append((f"seek 1080p, {kind}: ms, p95", result["1080p"]["seek"][kind]["p95_ms"], most))
    beside = result["1080p"].get("model_beside")
    if beside is not None:
        rows.append(("model beside: ms of a stall, p99", beside["stall"]["p99_ms"], 50.0))
    return {
        what: {"value": value, "bound": round(most, 2), "met": value <= most} for what, value, most in rows
    }


def overlay(height: int, width: int, repeats: int) -> dict[str, Any]:
    """Repaint of a frame alone and with 20 masks over it, whole window of 1280 x 720."""
    from app.canvas.canvas_view import CanvasView
    from app.view_state import ViewState

    canvas = CanvasView(ViewState())
    canvas.resize(1280, 720)
    canvas.show()
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (height, width, 3), np.uint8)
    items = _items(height, width, 20)

    def repaint(masks: bool) -> Callable[[], None]:
        def work() -> None:
            canvas.show_frame(frame, items if masks else ())
            canvas.grab()

        return work

    bare, with_masks = _alternate([repaint(False), repaint(True)], repeats)
    extra = [b - a for a, b in zip(bare, with_masks, strict=True)]
    canvas.close()
    return {
        "bare": percentiles(bare),
        "with_20_masks": percentiles(with_masks),
        "masks_cost": percentiles(extra),
        "ratio": round(statistics.median(with_masks) / statistics.median(bare), 2),
    }


def timeline(tracks: int, frames: int, repeats: int) -> dict[str, Any]:
    """Pan and zoom steps over lanes of spans, propagated stretches and human marks."""
    from app.timeline.rows import DETECTED, HUMAN, PROPAGATED, Lane, spans_of
    from app.timeline.timeline_view import TimelineView
    from app.view_state import ViewState

    state = ViewState()
    view = TimelineView(state)
    view.resize(1280, 260)
    state.frame_count = frames
    rng = np.random.default_rng(0)
    lanes = []
    for number in range(tracks):
        there = np.flatnonzero(np.repeat(rng.random(frames // 20) < 0.7, 20))
        kinds = np.where(rng.random(len(there)) < 0.3, PROPAGATED, DETECTED).astype(np.uint8)
        human = there[::997]
        kinds[::997] = HUMAN
        lanes.append(Lane(number + 1, f"#{number + 1}", (80, 160, 90), spans_of(there, kinds), human))
    view.show_video(frames)
    view.show()
    view.show_lanes(lanes)
    turn = iter(range(10**9))

    def pan() -> None:
        at = (next(turn) * 37) % (frames // 2)
        view.zoom(1.0, float(at))
        view._plot.setXRange(at, at + frames / 3, padding=0)
        view.grab()

    def zoom() -> None:
        at = next(turn) % 2
        view.zoom(1.25 if at else 0.8, frames / 2)
        view.grab()

    panned, zoomed = _alternate([pan, zoom], repeats)
    view.close()
    return {"pan": percentiles(panned), "zoom": percentiles(zoomed), "tracks": tracks, "frames": frames}


def start_times(repeats: int) -> dict[str, Any]:
    """Seconds from import to a shown start page in a fresh process, and whether torch was loaded."""
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    seconds, torch_loaded = [], False
    for _ in range(repeats):
        out = subprocess.run(
            [sys.executable, "-c", START], capture_output=True, text=True, check=True, env=environment
        )
        time_text, loaded = out.stdout.split()[-2:]
        seconds.append(float(time_text))
        torch_loaded |= loaded == "True"
    return {"seconds": round(statistics.median(seconds), 2), "torch_loaded": torch_loaded}


def _alternate(works: list[Callable[[], None]], repeats: int) -> list[list[float]]:
    """Milliseconds of each work, measured in turns so that the machine's moods hit all alike."""
    times: list[list[float]] = [[] for _ in works]
    for turn in range(repeats + 3):
        for samples, work in zip(times, works, strict=True):
            begin = time.perf_counter()
            work()
            if turn >= 3:
                samples.append((time.perf_counter() - begin) * 1e3)
    return times


def _items(height: int, width: int, count: int) -> list[Any]:
    """Ellipses of a tenth of the frame, some propagated, as the canvas draws them."""
    from app.canvas.items import CanvasItem
    from stmask_core.structures.masks import Mask
    from stmask_core.structures.palette import track_colour

    rng = np.random.default_rng(1)
    items = []
    y, x = np.mgrid[: height // 4, : width // 6]
    blob = ((y / (height / 8) - 1) ** 2 + (x / (width / 12) - 1) ** 2) < 1
    for number in range(1, count + 1):
        y0 = int(rng.integers(0, height - blob.shape[0]))
        x0 = int(rng.integers(0, width - blob.shape[1]))
        mask = Mask.from_crop(blob, y0=y0, x0=x0, height=height, width=width)
        source = "propagated" if number % 4 == 0 else "detected"
        items.append(CanvasItem(number, mask, track_colour(number), f"#{number} dog", source))
    return items
