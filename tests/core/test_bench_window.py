"""``stmask bench window`` measures the real window, and says what it had promised."""

import importlib.util
import math

import pytest

from stmask_core.bench.window import bounds, overlay, timeline

pytest.importorskip("PySide6")


def test_a_small_window_at_work(qapp):
    from app.measuring import live, seek_among_few_keys

    measured = live(90, 160, seconds=0.4, seeks=3, model=False)
    assert measured["play"]["frames"] == 60
    assert 0 <= measured["play"]["dropped"] < 60
    assert measured["seek"]["cached"]["p50_ms"] > 0
    assert "model_beside" not in measured
    assert seek_among_few_keys(90, 160, seconds=0.4, seeks=3)["cached"]["p50_ms"] > 0


def test_every_promise_is_compared():
    assert importlib.util.find_spec("app.measuring") is not None
    p = dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "worst_ms"), 10.0)
    result = {
        "overlay": {"1080p": {"masks_cost": p}, "4K": {"masks_cost": p}},
        "timeline": {"pan": p, "zoom": p},
        "start": {"seconds": 1.0},
        "1080p": {
            "play": {"dropped": 0},
            "seek": {"cached": p, "cold, few key frames": p},
            "model_beside": {"stall": p},
        },
    }
    rows = bounds(result)
    assert len(rows) == 9
    assert [what for what, row in rows.items() if not row["met"]] == [
        w for w in rows if w.startswith("overlay")
    ]


def test_repaints_and_timeline_are_measured(qapp):
    cost = overlay(90, 160, 2)
    panned = timeline(3, 200, 2)
    assert all(math.isfinite(v) for v in (*cost["masks_cost"].values(), *panned["pan"].values()))
