"""Frames for the canvas, read on a thread of their own."""

from functools import partial

import numpy as np

from app.playback import frame_loader
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


class Noted:
    """A source that notes which frames were read."""

    def __init__(self):
        self.read = []

    def __len__(self):
        return 1000

    def frame(self, n):
        self.read.append(n)
        return np.zeros((4, 4, 3), np.uint8)

    def close(self):
        self.read.append("closed")


def test_a_newer_wish_comes_before_reading_ahead_around_a_jump(qtbot, monkeypatch):
    source = Noted()
    loader = FrameLoader(ahead=4)
    loader.show(lambda: source)
    for frame in (100, 500):
        loader.request(frame)
        qtbot.waitUntil(lambda last=frame + 4: last in source.read)
    monkeypatch.setattr(frame_loader, "PATIENCE_S", 60.0)
    with qtbot.assertNotEmitted(loader.cached_changed, wait=100):
        loader.request(102)  # in memory; 105 is not, and takes a jump back from 504
    for frame in (800, 900):
        loader.request(frame)
        qtbot.waitUntil(lambda last=frame: last in source.read)
    assert not {105, 801} & set(source.read)
    loader.request(901)  # a step, no jump: someone goes on from here
    qtbot.waitUntil(lambda: 905 in source.read)
    monkeypatch.setattr(frame_loader, "PATIENCE_S", 0.01)
    loader.request(102)
    qtbot.waitUntil(lambda: 106 in source.read)
    loader.close()
    assert source.read[-1] == "closed"
