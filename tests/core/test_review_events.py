"""Events and the risk: what is told, in which order, and how well an order finds errors."""

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stmask_core.review.diagnostics.catalogue import diagnose
from stmask_core.review.events import KINDS, events_csv, filtered, find_events, neighbour
from stmask_core.review.observations import Known
from stmask_core.review.risk import auroc, causes, risks, share_found_first
from tests.core.test_review_diagnostics import block, clip, track


def still(frames):
    return {f: block(20, 20, 10, 10) for f in frames}


def kinds(events):
    return {(event.kind, event.frame, event.track) for event in events}


def test_a_quiet_track_from_the_first_to_the_last_frame_tells_nothing():
    assert find_events(clip(track(still(range(40)), scores=dict.fromkeys(range(40), 0.95)))) == []


def test_birth_death_and_coming_back():
    events = find_events(clip(track(still([5, 6, 7, 8, 20, 21]))))
    assert {("birth", 5, 1), ("death", 21, 1), ("re-match", 20, 1)} <= kinds(events)
    (back,) = (event for event in events if event.kind == "re-match")
    assert "11 frames" in back.cause


def test_alarms_become_events_and_the_worst_come_first():
    known = {10: Known(margin=-0.1), 20: Known(margin=0.0, rivals=2), 21: Known(margin=-0.4)}
    known[30] = Known(detected=block(20, 20, 10, 10), carried=block(29, 20, 10, 10))
    events = find_events(clip(track(still(range(40)), known=known)))
    assert {("low margin", 10, 1), ("contested", 20, 1), ("disagreement", 30, 1)} <= kinds(events)
    near = [event.frame for event in events if event.kind == "low margin"]
    assert sorted(near) == [10, 20]  # 20 and 21 are neighbours: one event, and of equal alarms the earlier
    severities = [event.severity for event in events]
    assert severities == sorted(severities, reverse=True)
    assert all(0 <= s <= 1 for s in severities)


def test_one_place_leads_the_queue_once():
    known = {20: Known(margin=0.0, rivals=3, age=9)}
    events = [e for e in find_events(clip(track(still(range(40)), known=known))) if e.frame == 20]
    assert {e.kind for e in events} == {"low margin", "contested"}  # no "risk" beside them
    assert events[0].severity == pytest.approx(2 * events[1].severity)
    causes_of = {e.kind: e.cause.split(";")[0] for e in events}
    assert "another identity" in causes_of["low margin"]
    assert "several detections" in causes_of["contested"]


def test_a_jump_and_a_cut():
    masks = {f: block(20 if f < 10 else 60, 20, 10, 10) for f in range(20)}
    change = [math.nan] + [0.0] * 39
    change[7] = 0.8
    events = find_events(clip(track(masks), change=change))
    assert {("jump", 10, 1), ("cut", 7, None)} <= kinds(events)


def test_the_queue_can_be_narrowed_and_walked():
    events = find_events(clip(track(still([5, 6, 7, 20])), track(still([8, 9]), id_=2)))
    assert filtered(events) == events
    assert {e.kind for e in filtered(events, kinds=["birth"])} == {"birth"}
    assert {e.track for e in filtered(events, tracks=[2])} == {2}
    assert all(8 <= e.frame <= 9 for e in filtered(events, first=8, last=9))
    assert all(e.severity >= 0.2 for e in filtered(events, least=0.2))
    assert neighbour([], None, 1) is None
    assert neighbour(events, None, 1) == events[0]
    assert neighbour(events, events[0], 1) == events[1]
    assert neighbour(events, events[0], -1) is None
    assert neighbour(events, events[-1], 1) is None


def test_the_csv_can_be_read_back():
    events = find_events(clip(track(still([5, 6, 20])), change=[0.9] + [math.nan] * 39))
    rows = list(csv.DictReader(io.StringIO(events_csv(events))))
    assert [int(row["frame"]) for row in rows] == [e.frame for e in events]
    assert [row["kind"] for row in rows] == [e.kind for e in events]
    assert {row["track"] for row in rows} == {"", "1"}
    assert {row["kind"] for row in rows} <= set(KINDS)


def test_more_alarms_are_more_risk_and_the_causes_name_them():
    known = {1: Known(margin=0.0), 2: Known(margin=0.0, rivals=3, age=6)}
    table = diagnose(clip(track(still(range(3)), known=known, scores=dict.fromkeys(range(3), 1.0))))
    risk = risks(table)
    assert 0 <= risk[0] < risk[1] < risk[2] <= 1
    assert causes(table, 0) == []
    assert "another identity" in causes(table, 1)[0]
    assert [words.split()[0] for words in causes(table, 2)] == ["no", "another", "several"]  # heaviest first


def test_auroc_counts_pairs():
    values = np.array([0.1, 0.4, 0.4, 0.8, math.nan])
    wrong = np.array([False, True, False, True, True])
    # pairs (wrong, right): 0.4 > 0.1, 0.4 = 0.4, 0.8 > 0.1, 0.8 > 0.4
    assert auroc(values, wrong) == pytest.approx(3.5 / 4)
    assert math.isnan(auroc(values, np.zeros(5, bool)))
    assert math.isnan(auroc(np.full(5, math.nan), wrong))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auroc_is_the_chance_of_the_right_order(pairs):
    values = np.array([value for value, _ in pairs], np.float64)
    wrong = np.array([bad for _, bad in pairs])
    if wrong.all() or not wrong.any():
        assert math.isnan(auroc(values, wrong))
        return
    bad, good = values[wrong][:, None], values[~wrong][None]
    assert auroc(values, wrong) == pytest.approx(float(((bad > good) + (bad == good) / 2).mean()))
    assert auroc(-values, wrong) == pytest.approx(1 - auroc(values, wrong))


def test_share_found_first():
    wrong = np.array([True, False, False, False, False, False, False, False, False, True])
    order = np.arange(10)
    assert share_found_first(order, wrong) == 0.5  # the first one of ten
    assert share_found_first(order, wrong, share=1.0) == 1.0
    assert share_found_first(order[1:], wrong) == 0.0
    assert math.isnan(share_found_first(order, np.zeros(10, bool)))
