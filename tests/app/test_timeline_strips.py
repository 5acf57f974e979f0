"""Strips come and go with what is selected; the playhead crosses those that are there."""

import numpy as np
import pytest

from app.timeline.timeline_view import TimelineView
from app.view_state import ViewState


@pytest.fixture
def timeline(qtbot):
    view = TimelineView(ViewState())
    qtbot.addWidget(view)
    view.view_state.show_video(1, 30)
    return view


def test_strips_that_come_and_go_leave_no_playhead_behind(timeline):
    values = np.linspace(0, 1, 30)
    for names in (("count",), ("score", "count"), ("count",), ("score",), (), ("count", "score")):
        timeline.show_strips(dict.fromkeys(names, values))
        rows = [timeline.graphics.ci.items[strip] for strip in timeline.strips.values()]
        assert len({cell for cells in rows for cell in cells}) == len(names)
        timeline.view_state.go_to(len(names) + 3)
        heads = [item for strip in timeline.strips.values() for item in strip.items if hasattr(item, "angle")]
        assert [head.value() for head in heads] == [len(names) + 3.5] * len(names)


def test_at_most_four_strips(timeline):
    timeline.show_strips({f"strip {n}": np.zeros(30) for n in range(6)})
    assert len(timeline.strips) == 4
