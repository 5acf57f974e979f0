"""Plots of the report: well-formed, honest about gaps and peaks."""

from xml.etree import ElementTree

import numpy as np
import pytest

from stmask_core.review.inspection import inspect
from stmask_core.review.observations import ObservedClip
from stmask_core.review.plots import HEIGHT, MOST_COLUMNS, bars, strip
from stmask_core.review.report import RunFacts, Source, frames_to_show, report_page
from tests.core.test_review_diagnostics import block, clip, track

NAN = float("nan")


def points(drawing):
    """Of each line the (x, y) of its points."""
    tree = ElementTree.fromstring(drawing)
    lines = [line.get("points").split() for line in tree.iter("polyline")]
    return [[tuple(map(float, point.split(","))) for point in line] for line in lines]


def test_a_strip_is_a_line_from_low_to_high_with_gaps():
    lines = points(strip("risk", np.array([0.0, 1.0, NAN, 0.5, 0.5])))
    assert [len(line) for line in lines] == [2, 2]
    (first, second), level = lines[0], lines[1]
    assert first[1] > second[1]  # up is smaller
    assert level[0][1] == pytest.approx(HEIGHT / 2)
    assert first[0] < second[0] < level[0][0]


def test_a_single_frame_between_gaps_is_a_dot():
    tree = ElementTree.fromstring(strip("risk", np.array([NAN, 1.0, NAN])))
    assert len(list(tree.iter("circle"))) == 1


def test_a_long_strip_keeps_its_peak():
    values = np.zeros(50_000)
    values[31_234] = 1
    (line,) = points(strip("risk", values))
    assert len(line) == MOST_COLUMNS
    assert min(y for _, y in line) < 3
    assert "0 to 7" in bars("missed", values * 7)


def test_nothing_to_draw_and_names_from_outside():
    assert "never defined" in strip("blur", np.full(3, NAN))
    for drawing in (strip('<b>&"', np.ones(3)), bars('<b>&"', np.zeros(3)), bars("none", np.zeros(0))):
        ElementTree.fromstring(drawing)
        assert "<b>" not in drawing


def test_a_clip_without_anything_has_a_page_too():
    empty = ObservedClip("empty", (100, 200), 0, (), np.zeros(0), (NAN, NAN))
    runs = (RunFacts("w", "", "", "0 to 0", {"a": ["</pre><script>", 1]}),)
    page = report_page(inspect(empty), Source("p.stm", "v.mp4", "", "1", "now", runs), {})
    assert "Nothing is suspicious" in page
    assert "<script" not in page


def test_pictures_are_asked_for_where_the_listed_events_are():
    found = inspect(clip(track({f: block(20, 20, 10, 10) for f in (5, 6, 20)})))
    assert frames_to_show(found) == sorted({event.frame for event in found.events})
