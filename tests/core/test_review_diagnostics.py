"""Diagnostics on clips made by hand: each formula against a value worked out beside it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from stmask_core.review import pixels
from stmask_core.review.diagnostics import appearance, evidence, identity, motion
from stmask_core.review.diagnostics.catalogue import DIAGNOSTICS, diagnose
from stmask_core.review.observations import (
    LOST,
    NEW,
    NOTHING,
    TAKEN,
    Known,
    ObservedClip,
    ScoreWeights,
    TrackNotes,
    what_was_known,
)
from stmask_core.structures.evidence import FrameEvidence
from stmask_core.structures.masks import Mask

HEIGHT, WIDTH = 100, 200
NAN = math.nan


def block(x, y, width, height):
    """A rectangle with its top-left corner at (x, y)."""
    return Mask.from_crop(np.ones((height, width), bool), y0=y, x0=x, height=HEIGHT, width=WIDTH)


def track(masks, *, id_=1, scores=None, known=None, category=7, sharpness=None):
    """A track from frame -> mask; scores and known likewise."""
    notes = TrackNotes(id_, f"track {id_}", category)
    for frame, mask in masks.items():
        notes.add(frame, mask, (scores or {}).get(frame), (known or {}).get(frame, NOTHING))
    notes.sharpness = sharpness or {}
    return notes.track()


def clip(*tracks, length=40, change=None, reach=(20.0, 10.0)):
    changes = np.full(length, NAN) if change is None else np.array(change)
    return ObservedClip("clip", (HEIGHT, WIDTH), length, tracks, changes, reach)


def measured(measure, observed, row=0):
    return measure(observed, observed.tracks[row]).tolist()


def same(values, expected):
    assert values == pytest.approx(expected, nan_ok=True)


# Evidence


def test_disagreement_is_one_minus_iou_where_both_masks_are_known():
    left, right = block(0, 0, 10, 10), block(5, 0, 10, 10)  # 50 in common, 150 in either
    known = {0: Known(detected=left), 1: Known(detected=left, carried=right), 2: Known(carried=right)}
    observed = clip(track({0: left, 1: left, 2: right}, known=known))
    same(measured(evidence.disagreement, observed), [NAN, 1 - 50 / 150, NAN])


def test_age_and_score():
    masks = {f: block(0, 0, 4, 4) for f in range(4)}
    known = {1: Known(age=0), 2: Known(age=1), 3: Known(age=2)}
    observed = clip(track(masks, known=known, scores={0: 0.5, 1: 0.9, 3: 0.6}))
    same(measured(evidence.propagation_age, observed), [NAN, 0, 1, 2])
    same(measured(evidence.low_score, observed), [0.5, 0.1, NAN, 0.4])
    same(measured(evidence.score_drag, observed), [0.0, 0.0, NAN, 0.3])
    same(measured(evidence.score_drag, clip(track(masks))), [NAN] * 4)


def test_flicker_counts_other_categories_in_ten_frames():
    masks = {f: block(0, 0, 4, 4) for f in (0, 1, 2, 10, 30)}
    known = {0: Known(category=3), 1: Known(category=7), 10: Known(category=3)}
    observed = clip(track(masks, known=known))
    # frame 10 looks back to frame 1: one of two; frame 30 sees no detection at all
    same(measured(evidence.category_flicker, observed), [1.0, 0.5, 0.5, 0.5, NAN])
    same(measured(evidence.category_flicker, clip(track(masks, known=known, category=None))), [NAN] * 5)


# Identity


def frame_evidence(*, cosine, mask_iou, box_iou, outcomes, wanted, track_ids=(4, 6), scores=None):
    count, known = len(wanted), len(track_ids)
    return FrameEvidence(
        boxes=np.zeros((count, 4), np.float32),
        categories=np.arange(1, count + 1),
        scores=np.array(scores or [0.9] * count, np.float32),
        centerness=np.ones(count, np.float32),
        outcomes=np.array(outcomes, np.uint8),
        wanted=np.array(wanted),
        track_ids=np.array(track_ids, np.int64),
        track_ages=np.arange(1, known + 1),
        track_scores=np.full(known, 0.5, np.float32),
        track_categories=np.ones(known, np.int64),
        track_boxes=np.zeros((known, 4), np.float32),
        cosine=np.array(cosine, np.float32).reshape(count, known),
        mask_iou=np.array(mask_iou, np.float32).reshape(count, known),
        box_iou=np.array(box_iou, np.float32).reshape(count, known),
        shown=np.array(track_ids, np.int64),
        new_score=1.4,
        masks=tuple(block(10 * n, 0, 5, 5) for n in range(count)),
        track_masks=tuple(block(10 * n, 50, 5, 5) for n in range(known)),
    )


def test_what_was_known_of_a_track_that_went_on():
    # scores against 4 and 6: 0.9 + 0.5 + 2 * 0.5 = 2.4 and 0.8 + 0.3 + 2 * 0.3 = 1.7
    seen = frame_evidence(
        cosine=[[0.8, 0.6], [0.0, 0.0]],
        mask_iou=[[0.5, 0.3], [0.4, 0.0]],
        box_iou=[[0.5, 0.3], [0.4, 0.0]],
        outcomes=[TAKEN, LOST],
        wanted=[4, 4],
        scores=[0.9, 0.3],
    )
    known = what_was_known(seen, 4, ScoreWeights())
    assert known.detected == seen.masks[0]
    assert known.carried == seen.track_masks[0]
    assert known.margin == pytest.approx(2.4 - 1.7)
    assert known.similarity == pytest.approx(0.8)
    assert known.distinctness == pytest.approx(0.2)
    assert (known.age, known.rivals, known.category) == (0, 1, 1)
    assert known.detection_score == pytest.approx(0.9)
    paper = what_was_known(seen, 4, ScoreWeights("cosine", mask_weight=1.0, box_weight=0.0))
    assert paper.margin == pytest.approx(0.8 + 0.5 - 1.4)  # "new" is the runner-up


def test_what_was_known_of_a_track_that_was_carried_began_or_was_not_there():
    seen = frame_evidence(
        cosine=[[0.0, 0.2]], mask_iou=[[0.0, 0.1]], box_iou=[[0.0, 0.0]], outcomes=[NEW], wanted=[9]
    )
    carried = what_was_known(seen, 6, ScoreWeights())
    assert (carried.detected, carried.carried) == (None, seen.track_masks[1])
    assert (carried.age, carried.rivals) == (2, 0)
    assert math.isnan(carried.margin)
    born = what_was_known(seen, 9, ScoreWeights())
    assert born.margin == pytest.approx(1.4 - (0.6 + 0.1))
    assert born.carried is None
    assert math.isnan(born.similarity)
    assert what_was_known(seen, 77, ScoreWeights()) == NOTHING
    first = frame_evidence(cosine=[], mask_iou=[], box_iou=[], outcomes=[NEW], wanted=[0], track_ids=())
    assert math.isnan(what_was_known(first, 0, ScoreWeights()).margin)


def test_a_lone_track_has_nothing_to_be_distinct_from():
    seen = frame_evidence(
        cosine=[[0.5]], mask_iou=[[1.0]], box_iou=[[1.0]], outcomes=[TAKEN], wanted=[4], track_ids=(4,)
    )
    known = what_was_known(seen, 4, ScoreWeights())
    assert math.isnan(known.distinctness)
    assert known.margin == pytest.approx(0.75 + 1 + 2 - 1.4)


def test_identity_diagnostics_are_higher_when_more_suspicious():
    known = {0: Known(margin=0.7, similarity=0.8, distinctness=0.2, rivals=2)}
    observed = clip(track({0: block(0, 0, 4, 4), 1: block(0, 0, 4, 4)}, known=known))
    same(measured(identity.small_margin, observed), [-0.7, NAN])
    same(measured(identity.dissimilarity, observed), [0.2, NAN])
    same(measured(identity.indistinctness, observed), [-0.2, NAN])
    same(measured(identity.rivals, observed), [2, NAN])


# Motion


def test_motion_is_measured_between_neighbouring_frames_only():
    masks = {0: block(0, 0, 10, 10), 1: block(5, 0, 10, 10), 3: block(50, 0, 10, 20), 4: block(50, 0, 10, 10)}
    observed = clip(track(masks))
    same(measured(motion.temporal_change, observed), [NAN, 1 - 50 / 150, NAN, 0.5])
    same(measured(motion.area_jump, observed), [NAN, 0.0, NAN, math.log(2)])
    # centres move by (5, 0), then behind the gap by (0, -5); the reach is (20, 10)
    same(measured(motion.beyond_correlation, observed), [NAN, 0.25, NAN, 0.5])
    unknown = clip(track(masks), reach=(NAN, NAN))
    same(measured(motion.beyond_correlation, unknown), [NAN] * 4)


def test_even_motion_is_no_jump_and_a_turn_is_one():
    even = {f: block(5 * f, 0, 10, 10) for f in range(4)}
    same(measured(motion.centre_jump, clip(track(even))), [NAN, NAN, 0.0, 0.0])
    turn = {0: block(0, 0, 10, 10), 1: block(5, 0, 10, 10), 2: block(5, 12, 10, 10)}
    same(measured(motion.centre_jump, clip(track(turn))), [NAN, NAN, math.hypot(-5, 12) / 10])
    gap = {0: block(0, 0, 10, 10), 2: block(5, 0, 10, 10), 3: block(5, 12, 10, 10)}
    same(measured(motion.centre_jump, clip(track(gap))), [NAN, NAN, NAN])


# Appearance


def test_blur_compares_with_the_tracks_own_median():
    masks = {f: block(0, 0, 4, 4) for f in range(4)}
    observed = clip(track(masks, sharpness={0: 100.0, 1: 100.0, 2: 25.0}))
    same(measured(appearance.blur, observed), [0.0, 0.0, math.log(4), NAN])
    same(measured(appearance.blur, clip(track(masks))), [NAN] * 4)


def test_occlusion_is_cover_by_others_or_shrinking():
    own = {0: block(0, 0, 10, 10), 1: block(0, 0, 10, 4), 2: block(0, 0, 10, 10), 20: block(0, 0, 10, 2)}
    other = {2: block(5, 0, 10, 10)}
    observed = clip(track(own), track(other, id_=2))
    # frame 1: 40 of 100 pixels are left; frame 2: half its box is the other's; frame 20: nothing recent
    same(measured(appearance.occlusion, observed), [0.0, 0.6, 0.5, 0.0])
    same(measured(appearance.occlusion, observed, row=1), [0.5])


def test_border_and_tininess():
    masks = {0: block(50, 50, 10, 10), 1: block(0, 50, 10, 30), 2: block(190, 90, 10, 10)}
    observed = clip(track(masks))
    same(measured(appearance.border, observed), [0.0, 30 / 80, 20 / 40])
    same(measured(appearance.tininess, clip(track({0: block(0, 0, 20, 10)}))), [2.0])  # 200 of 20,000


def test_a_cut_is_the_frames_change():
    change = [NAN, 0.1, 0.9, 0.0]
    observed = clip(track({1: block(0, 0, 4, 4), 2: block(0, 0, 4, 4)}), length=4, change=change)
    same(measured(appearance.shot_cut, observed), [0.1, 0.9])


# Pictures


def test_sharpness_is_the_mean_squared_gradient_inside():
    luma = np.tile(3.0 * np.arange(WIDTH, dtype=np.float32), (HEIGHT, 1))
    assert pixels.sharpness(luma, block(20, 20, 8, 8)) == pytest.approx(9.0)
    assert pixels.sharpness(np.zeros_like(luma), block(20, 20, 8, 8)) == 0
    assert math.isnan(pixels.sharpness(luma, block(20, 20, 1, 8)))
    assert math.isnan(pixels.sharpness(luma, Mask.empty(HEIGHT, WIDTH)))


def textured(seed=0):
    """Noise that an object can be recognised by, on a quiet ground."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (10, 10)).astype(np.float32)


def test_a_twin_nearby_is_ambiguous_and_a_lone_object_is_not():
    ground = np.random.default_rng(1).normal(90, 2, (HEIGHT, WIDTH)).astype(np.float32)
    alone, twins = ground.copy(), ground.copy()
    alone[40:50, 60:70] = twins[40:50, 60:70] = twins[40:50, 82:92] = textured()
    mask = block(60, 40, 10, 10)
    assert pixels.ambiguity(alone, alone, mask) < 0.6
    assert pixels.ambiguity(alone, twins, mask) == pytest.approx(1, abs=0.01)
    far = ground.copy()
    far[40:50, 60:70] = far[40:50, 120:130] = textured()  # 60 pixels away, an eighth of the width is 25
    assert pixels.ambiguity(alone, far, mask) < 0.6


def test_ambiguity_is_undefined_for_what_cannot_be_recognised():
    flat = np.full((HEIGHT, WIDTH), 90, np.float32)
    assert math.isnan(pixels.ambiguity(flat, flat, block(60, 40, 10, 10)))
    noise = np.random.default_rng(1).uniform(0, 255, (HEIGHT, WIDTH)).astype(np.float32)
    assert math.isnan(pixels.ambiguity(noise, noise, block(60, 40, 3, 10)))
    assert math.isnan(pixels.ambiguity(noise, noise, Mask.empty(HEIGHT, WIDTH)))
    assert math.isnan(pixels.ambiguity(noise, noise, block(0, 0, WIDTH, HEIGHT)))  # fits in one place only
    assert np.isfinite(pixels.ambiguity(noise, noise, block(0, 0, 10, 10)))


def test_histograms_tell_a_cut_from_a_shift():
    dark, bright = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)
    shares = [pixels.histogram(pixels.grey(picture)) for picture in (dark, bright)]
    assert shares[0].sum() == pytest.approx(1)
    assert pixels.histogram_change(shares[0], shares[0]) == 0
    assert pixels.histogram_change(*shares) == pytest.approx(1)
    half = dark.copy()
    half[:20] = 255
    assert pixels.histogram_change(shares[0], pixels.histogram(pixels.grey(half))) == pytest.approx(0.5)


# All of them


def test_the_table_has_a_row_for_every_mask_and_a_column_for_every_diagnostic():
    tracks = (track({0: block(0, 0, 4, 4), 3: block(0, 0, 4, 4)}), track({1: block(9, 9, 4, 4)}, id_=5))
    table = diagnose(clip(*tracks))
    assert table.tracks.tolist() == [1, 1, 5]
    assert table.frames.tolist() == [0, 3, 1]
    assert set(table.columns) == {d.name for d in DIAGNOSTICS}
    assert all(len(column) == 3 for column in table.columns.values())


def test_a_clip_without_tracks_or_masks_is_measured_too():
    for tracks in ((), (track({}),), (track({0: Mask.empty(HEIGHT, WIDTH)}),)):
        table = diagnose(clip(*tracks))
        assert len(table.frames) == 0
        assert all(len(alarm) == 0 for alarm in table.alarms.values())


@pytest.mark.parametrize("diagnostic", DIAGNOSTICS, ids=lambda d: d.name)
def test_an_alarm_rises_from_low_to_high_and_is_silent_where_undefined(diagnostic):
    low, high = diagnostic.low, diagnostic.high
    values = np.array([low - 1, low, (low + high) / 2, high, high + 1, NAN])
    assert diagnostic.alarm(values).tolist() == pytest.approx([0, 0, 0.5, 1, 1, 0])


def test_an_empty_mask_is_absence():
    notes = TrackNotes(1, "dog")
    notes.add(0, block(0, 0, 4, 4), 0.5)
    notes.add(1, Mask.empty(HEIGHT, WIDTH), 0.5)
    found = notes.track()
    assert found.frames.tolist() == [0]
    assert found.category_id is None
    assert replace(found, id=2).areas.tolist() == [16]
