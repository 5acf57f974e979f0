"""Against the truth: every error is named, counts equal TrackEval's, and fixing the one error mends AP."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stmask_core.evaluation.clips import Clip, ScoredTrack
from stmask_core.evaluation.evaluate import evaluate_ytvis
from stmask_core.evaluation.overlaps import frame_overlaps
from stmask_core.evaluation.tracking import clear_counts
from stmask_core.review.breakdown import ERRORS, box_iou, break_down
from stmask_core.review.comparison import compare
from stmask_core.review.diagnostics.catalogue import diagnose
from stmask_core.structures.masks import Mask
from tests.core.test_review_diagnostics import clip as observed_clip
from tests.core.test_review_diagnostics import track as observed_track

HEIGHT, WIDTH = 60, 100


def block(x, y, width=10, height=10):
    return Mask.from_crop(np.ones((height, width), bool), y0=y, x0=x, height=HEIGHT, width=WIDTH)


def standing(id_, x, y, frames, *, category=1, score=1.0, size=(10, 10)):
    masks = {frame: block(x, y, *size) for frame in frames}
    return ScoredTrack(id_, category, masks, score)


def clip(truth, predicted, length=20):
    return Clip(1, "clip", length, tuple(truth), tuple(predicted))


TWO = (standing(1, 0, 0, range(20)), standing(2, 50, 30, range(20)))


# Frames and events


def test_a_copy_of_the_truth_has_no_error():
    result = compare(clip(TWO, TWO))
    assert result.events == ()
    assert all((f.right, f.wrong, f.missed, f.mean_iou) == (2, 0, 0, 1.0) for f in result.frames)
    assert set(result.iou.values()) == {1.0}


def test_missed_and_false_runs_are_one_event_each():
    late = standing(7, 0, 0, [5, 6, 7, 8, 9, 12, 13], score=0.5)
    ghost = standing(8, 80, 0, [3, 4, 10, 11])  # CLEAR passes over frames without any prediction
    result = compare(clip(TWO[:1], [late, ghost]))
    told = {(e.kind, e.frame, e.frames, e.truth, e.track) for e in result.events}
    assert told == {
        ("missed", 0, 5, 1, None),
        ("missed", 10, 2, 1, None),
        ("missed", 14, 6, 1, None),
        ("false", 3, 2, None, 8),
        ("false", 10, 2, None, 8),
        ("fragmentation", 12, 2, 1, 7),
    }
    assert [e.frames for e in result.events] == sorted((e.frames for e in result.events), reverse=True)
    frame = result.frames[3]
    assert (frame.right, frame.wrong, frame.missed, frame.mean_iou) == (0, 1, 1, None)


def test_an_identity_switch_counts_the_frames_until_the_next():
    first = standing(7, 0, 0, [*range(8), *range(15, 20)])
    second = standing(8, 0, 0, range(8, 15))
    result = compare(clip(TWO[:1], [first, second]))
    told = {(e.kind, e.frame, e.frames, e.track) for e in result.events}
    assert told == {("identity switch", 8, 7, 8), ("identity switch", 15, 5, 7)}
    assert result.frames[8].identity_switches == 1
    assert "track 7" in next(e.cause for e in result.events if e.frame == 8)


def test_rows_of_the_table_are_wrong_below_half_iou_or_at_a_switch():
    predicted = [standing(7, 0, 0, range(8)), standing(8, 0, 0, range(8, 15)), standing(9, 80, 0, [2])]
    result = compare(clip(TWO[:1], predicted))
    tracks = (observed_track(dict(t.masks), id_=t.id) for t in predicted)
    table = diagnose(observed_clip(*tracks, length=20))
    wrong = result.wrong_rows(table)
    places = zip(table.tracks.tolist(), table.frames.tolist(), strict=True)
    assert {place for place, bad in zip(places, wrong, strict=True) if bad} == {(8, 8), (9, 2)}


def test_frames_behind_the_end_of_the_truth_are_no_errors():
    result = compare(clip(TWO[:1], [standing(7, 80, 0, range(20))], length=5))
    table = diagnose(observed_clip(observed_track(dict.fromkeys(range(20), block(80, 0)), id_=7), length=20))
    assert result.wrong_rows(table).tolist() == [True] * 5 + [False] * 15


@st.composite
def clips(draw):
    """Tracks that come, go, move and change places, over a few frames."""

    def tracks(first):
        found = []
        for number in range(draw(st.integers(0, 3))):
            frames = draw(st.sets(st.integers(0, 7), max_size=8))
            masks = {
                f: block(draw(st.sampled_from((0, 3, 40))), draw(st.sampled_from((0, 4)))) for f in frames
            }
            found.append(ScoredTrack(first + number, draw(st.integers(1, 2)), masks, draw(st.floats(0, 1))))
        return found

    return clip(tracks(1), tracks(11), length=8)


@given(clips())
@settings(max_examples=150, deadline=None)
def test_counts_equal_trackevals_on_the_same_matches(drawn):
    overlaps = frame_overlaps(drawn, across_categories=True)
    result = compare(drawn, overlaps)
    ours = {
        "CLR_TP": sum(f.right for f in result.frames),
        "CLR_FP": sum(f.wrong for f in result.frames),
        "CLR_FN": sum(f.missed for f in result.frames),
        "IDSW": sum(e.kind == "identity switch" for e in result.events),
        "Frag": sum(e.kind == "fragmentation" for e in result.events),
    }
    assert ours == clear_counts(drawn, overlaps)
    assert sum(e.frames for e in result.events if e.kind == "missed") == ours["CLR_FN"]
    assert sum(e.frames for e in result.events if e.kind == "false") == ours["CLR_FP"]


# Breakdown


def moved_by(track, x, **changes):
    masks = {f: block(m.x0 + x, m.y0) for f, m in track.masks.items()}
    return replace(track, masks=masks, **changes)


def halves(track, **changes):
    """The box's outline alone: the box is right, the pixels are not."""
    bits = np.ones((10, 10), bool)
    bits[2:-2, 2:-2] = False
    bits[1:-1, 1:6] = False
    masks = {
        f: Mask.from_crop(bits, y0=m.y0, x0=m.x0, height=HEIGHT, width=WIDTH) for f, m in track.masks.items()
    }
    return replace(track, masks=masks, **changes)


def part(track, frames, id_):
    return replace(track, id=id_, masks={f: track.masks[f] for f in frames})


def swapped(a, b, at, id_):
    return replace(a, id=id_, masks={f: (a if f < at else b).masks[f] for f in a.masks})


RIGHT = replace(TWO[1], id=12, score=0.9)
CASES = {
    "localisation": [moved_by(TWO[0], 5, id=11), RIGHT],  # IoU 50 / 150
    "mask": [halves(TWO[0], id=11), RIGHT],
    "category": [replace(TWO[0], id=11, category_id=2), RIGHT],
    "both": [moved_by(TWO[0], 5, id=11, category_id=2), RIGHT],
    "duplicate": [replace(TWO[0], id=11, score=0.8), replace(TWO[0], id=13, score=0.95), RIGHT],
    "background": [replace(TWO[0], id=11, score=0.8), standing(13, 80, 0, range(20)), RIGHT],
    "missed": [RIGHT],
}


@pytest.mark.parametrize("kind", CASES)
def test_the_one_error_is_named_and_fixing_it_mends_ap(kind):
    truth = [TWO[0], TWO[1], standing(3, 70, 0, [0], category=2)]
    found = replace(truth[2], id=14)
    judged = break_down(clip(truth, [*CASES[kind], found]))
    errors = {v.kind for v in judged.verdicts} - {"right"}
    assert errors == ({"both", "missed"} if kind == "both" else {kind})  # as in TIDE
    assert judged.gains[kind].count == 1
    assert judged.AP < 1
    if kind != "both":
        assert pytest.approx(1) == judged.AP + judged.gains[kind].AP
    for other in set(ERRORS) - errors:
        assert judged.gains[other].count == 0
        assert judged.gains[other].AP == 0


def test_each_track_is_told_what_fixing_it_alone_would_add():
    truth = [*TWO, standing(3, 30, 10, range(20)), standing(4, 70, 40, range(20))]
    predicted = [replace(RIGHT, score=0.9), replace(TWO[0], id=13, category_id=2, score=0.8)]
    judged = break_down(clip(truth, predicted))
    own = {(v.kind, v.truth): v.AP_gain for v in judged.verdicts}
    assert own["right", 2] is None
    assert pytest.approx(judged.gains["category"].AP) == own["category", 1]
    assert own["missed", 3] == own["missed", 4]
    assert 0 < own["missed", 3] < judged.gains["missed"].AP  # both together weigh more


def test_pieces_of_one_object_are_an_identity_error():
    pieces = [part(TWO[0], range(7), 11), part(TWO[0], range(7, 13), 12), part(TWO[0], range(13, 20), 13)]
    judged = break_down(clip(TWO[:1], pieces))
    assert [v.kind for v in judged.verdicts] == ["identity"] * 3
    assert judged.AP == 0
    assert pytest.approx(1) == judged.gains["identity"].AP
    longest = [part(TWO[0], range(14), 11), part(TWO[0], range(14, 20), 12)]
    judged = break_down(clip(TWO[:1], longest))
    assert [v.kind for v in judged.verdicts] == ["right", "identity"]
    assert pytest.approx(1) == judged.AP + judged.gains["identity"].AP


def test_two_objects_that_changed_places_are_an_identity_error_of_both():
    predicted = [swapped(TWO[0], TWO[1], 10, 11), swapped(TWO[1], TWO[0], 10, 12)]
    judged = break_down(clip(TWO, predicted))
    assert {(v.kind, v.truth) for v in judged.verdicts} == {("identity", 1), ("identity", 2)}
    assert pytest.approx(1) == judged.gains["identity"].AP


def test_ap_is_the_evaluations():
    truth = [*TWO, standing(3, 30, 10, range(5, 15), category=2)]
    predicted = [
        moved_by(TWO[0], 2, id=11, score=0.4),
        RIGHT,
        standing(13, 31, 10, range(20), category=2, score=0.7),
    ]
    judged = break_down(clip(truth, predicted))
    official = evaluate_ytvis([clip(truth, predicted)], {1: "a", 2: "b"}, tracking=False)
    assert (judged.AP, judged.AP50) == (official.precision.AP, official.precision.AP50)


def test_crowds_are_nobodys_error():
    crowd = replace(TWO[0], is_crowd=True)
    judged = break_down(clip([crowd, TWO[1]], [replace(TWO[0], id=11), RIGHT]))
    assert [v.kind for v in judged.verdicts] == ["right"]


@pytest.mark.parametrize(("truth", "predicted"), [((), ()), (TWO, ()), ((), TWO)])
def test_nothing_on_one_side(truth, predicted):
    judged = break_down(clip(truth, predicted))
    kinds = {v.kind for v in judged.verdicts}
    assert kinds == {kind for kind, there in (("missed", truth), ("background", predicted)) if there}
    assert (judged.AP is None) == (not truth)
    assert len(compare(clip(truth, predicted)).frames) == 20


@given(clips())
@settings(max_examples=100, deadline=None)
def test_every_track_has_one_verdict_and_no_fix_makes_it_worse(drawn):
    judged = break_down(drawn)
    tracks = [v.track for v in judged.verdicts if v.track is not None]
    assert sorted(tracks) == [t.id for t in drawn.predicted]
    for kind in ("category", "duplicate", "background", "missed"):
        gain = judged.gains[kind].AP
        assert gain is None or gain >= -1e-9


def test_box_iou_is_summed_over_the_frames():
    a, b = standing(1, 0, 0, [0, 1]), standing(2, 5, 0, [1, 2])
    assert box_iou(a, b) == pytest.approx(50 / (100 + 150 + 100))
    assert box_iou(a, ScoredTrack(3, 1, {})) == 0
