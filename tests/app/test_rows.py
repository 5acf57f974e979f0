"""Lanes: runs of frames say exactly what the frames say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.timeline.lanes_item import LanesItem
from app.timeline.rows import Lane, spans_of

tracks = st.dictionaries(st.integers(0, 60), st.integers(0, 3), max_size=40)


@given(tracks)
def test_runs_give_back_every_frame_and_every_gap(kind_of):
    frames = np.array(sorted(kind_of), np.int64)
    spans = spans_of(frames, np.array([kind_of[f] for f in sorted(kind_of)], np.uint8))
    every = np.arange(-3, 70)
    assert spans.kind_at(every).tolist() == [kind_of.get(int(f), -1) for f in every]
    missing = {f for start, stop in spans.gaps() for f in range(start, stop)}
    assert missing == (set(range(min(kind_of), max(kind_of))) - set(kind_of) if kind_of else set())


@given(tracks, st.integers(0, 60), st.integers(0, 60))
def test_visible_runs_are_those_that_touch_the_window(kind_of, one, two):
    first, last = sorted((one, two))
    frames = np.array(sorted(kind_of), np.int64)
    spans = spans_of(frames, np.array([kind_of[f] for f in sorted(kind_of)], np.uint8))
    seen = spans.visible(first, last)
    inside = {i for i in range(len(spans.starts)) if spans.starts[i] <= last and spans.stops[i] > first}
    assert set(range(*seen.indices(len(spans.starts)))) == inside


def test_the_bar_is_lower_where_the_object_is_occluded(qapp):
    frames = np.arange(30)
    lane = Lane(
        1, "#1", (200, 10, 10), spans_of(frames, np.zeros(30, np.uint8)), np.zeros(0, np.int64),
        occluded=spans_of(np.arange(10, 30), np.repeat([1, 2], 10)),
    )  # fmt: skip
    pixels = LanesItem()._pixels(lane, np.linspace(0, 30, 31), 12)
    heights = (pixels[..., 3] > 0).sum(axis=0)
    assert heights[:10].tolist() == [12] * 10
    assert 12 > heights[15] > heights[25] > 0
    assert (pixels[-1, :, 3] > 0).all()
