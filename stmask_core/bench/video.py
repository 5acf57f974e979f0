"""``stmask bench video``: opening, playing and random seeks, beside OpenCV's in the same run."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from stmask_core.cli import print_json
from stmask_core.opencv import cv2
from stmask_core.video.source import Picture, open_video
from stmask_core.video.writer import write_video

SIZE = (1080, 1920)
SEEKS = 40
STEP_PX = 8  # the scene moves so far from frame to frame
TEXTURE = {8: 12, 16: 16, 32: 20, 64: 26, 128: 30}  # size of a spot in pixels: contrast, more for larger ones
GRAIN = 3.0  # standard deviation, of 256 levels


def moving_picture(count: int, size: tuple[int, int] = SIZE) -> Iterator[Picture]:
    """Frames as a camera gives them to its encoder: coarse and fine texture that moves, and grain.

    At 1080p30 with ``write_video``'s quality they make about 8 Mbit/s, key frames 20 times as large as
    others, as cameras and video sites write; noise alone makes key frames that are 150 times as large.
    """
    height, width = size
    rng = np.random.default_rng(0)
    ground = np.full((height, width + STEP_PX * count, 3), 128, np.float32)
    for cell, contrast in TEXTURE.items():
        rows, columns = height // cell + 2, ground.shape[1] // cell + 2
        coarse = rng.normal(0, contrast, (rows, columns, 3)).astype(np.float32)
        fine = cv2.resize(coarse, (columns * cell, rows * cell), interpolation=cv2.INTER_CUBIC)
        ground += fine[:height, : ground.shape[1]]
    scene = np.clip(ground, 0, 255).astype(np.int16)
    grain = rng.normal(0, GRAIN, (2 * height, width, 1)).round().astype(np.int16)
    for n in range(count):
        view = scene[:, STEP_PX * n : STEP_PX * n + width]
        top = int(rng.integers(height))
        yield np.clip(view + grain[top : top + height], 0, 255).astype(np.uint8)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    p50, p95 = np.percentile(np.array(seconds) * 1e3, (50, 95))
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1)}


def seek_seconds(path: Path, wishes: list[int]) -> list[float]:
    """Wall time of each random seek through the frame-exact source."""
    times = []
    with open_video(path) as video:
        for wish in wishes:
            begin = time.perf_counter()
            video.frame(wish)
            times.append(time.perf_counter() - begin)
    return times


def opencv_seek_seconds(path: Path, wishes: list[int]) -> list[float]:
    """The same through OpenCV, which does not promise the right frame."""
    times = []
    capture = cv2.VideoCapture(str(path))
    for wish in wishes:
        begin = time.perf_counter()
        capture.set(cv2.CAP_PROP_POS_FRAMES, wish)
        capture.read()
        times.append(time.perf_counter() - begin)
    capture.release()
    return times


@click.command("video")
@click.option("--clip", type=click.Path(exists=True, path_type=Path), help="a video; by default one is made")
@click.option("--frames", default=300, show_default=True, help="frames of the video that is made, 1080p")
@click.option("--key-seconds", default=1.0, show_default=True, help="between its key frames")
@click.option("--json", "as_json", is_flag=True, help="one JSON object on standard output")
def command(clip: Path | None, frames: int, key_seconds: float, as_json: bool) -> None:
    """Open, play and seek; ratios above 1 say that OpenCV is slower."""
    with tempfile.TemporaryDirectory() as folder:
        path = clip or Path(folder) / "clip.mp4"
        if clip is None:
            write_video(path, moving_picture(frames), 30, key_seconds=key_seconds)
        begin = time.perf_counter()
        with open_video(path) as video:
            opened = time.perf_counter() - begin
            count = len(video)
            begin = time.perf_counter()
            for _ in video.frames(0, count):
                pass
            played = time.perf_counter() - begin
        draw = random.Random(1)
        wishes = [draw.randrange(count) for _ in range(SEEKS)]
        ours, theirs = seek_seconds(path, wishes), opencv_seek_seconds(path, wishes)
    report = {
        "frames": count,
        "open_ms": round(opened * 1e3, 1),
        "play_frames_per_second": round(count / played, 1),
        "seek_ms": percentiles(ours),
        "opencv_seek_ms": percentiles(theirs),
        "seek_ratio": round(float(np.median(theirs) / np.median(ours)), 2),
    }
    if as_json:
        print_json(report)
        return
    for name, value in report.items():
        click.echo(f"{name}: {value}")
