"""Frames for the canvas, read on a thread of their own."""

from functools import partial

from app.playback.frame_loader import FrameLoader
from stmask_core.video.source import open_video
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "resources" / "sample" / "sample.mp4"


def test_it_reads_ahead_and_lets_all_frames_go_when_it_is_closed(qtbot):
    loader = FrameLoader(ahead=4)
    loader.show(partial(open_video, SAMPLE))
    loader.request(0)
    qtbot.waitUntil(lambda: len(loader.cached_frames()) >= 4, timeout=60_000)
    loader.close()
    assert loader.cached_frames() == []
    assert loader.cached(0) is None
