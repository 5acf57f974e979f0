"""Strips come and go with what is selected; the playhead crosses those that are there."""

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

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


def test_there_are_as_many_strips_as_there_is_room_for(timeline):
    timeline.resize(600, 400)
    timeline.show()
    timeline.show_strips({f"strip {n}": np.zeros(30) for n in range(9)})
    assert len(timeline.strips) == timeline.strips_offered == 9
    timeline.resize(600, timeline.height_for_strips(5))
    QApplication.processEvents()
    assert list(timeline.strips) == [f"strip {n}" for n in range(5)]
    timeline.resize(600, timeline.height_for_strips(9))
    QApplication.processEvents()
    assert len(timeline.strips) == 9
