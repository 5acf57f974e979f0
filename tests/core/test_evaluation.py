"""Evaluation: every number of the official scorer and of TrackEval, and what must hold for any tracks."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stmask_core.cli import main
from stmask_core.cli.scored_files import read_comparison
from stmask_core.errors import FormatError
from stmask_core.evaluation.average_precision import PrecisionTally
from stmask_core.evaluation.clips import Clip, ScoredTrack
from stmask_core.evaluation.evaluate import evaluate_ytvis
from stmask_core.evaluation.matches import match_frames, recall_where
from stmask_core.evaluation.overlaps import frame_overlaps, track_ious
from stmask_core.evaluation.tracking import clear_counts
from stmask_core.structures.masks import Mask

NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10")
ROUNDED = 1e-9  # the goldens have ten decimals
FAILS_OFFICIALLY = ("unknown_video", "empty_results", "uncompressed_results", "polygon_results")


def approx(value):
    return None if value is None else pytest.approx(value, abs=ROUNDED)


@pytest.fixture(scope="module")
def data(request):
    return request.config.rootpath / "tests" / "data" / "evaluation"


@pytest.fixture(scope="module")
def oracle(data):
    return json.loads((data / "public_oracle.json").read_text())


@pytest.fixture(scope="module", params=["public_gt.json", "public_gt.compressed.json"])
def public(request, data):
    return read_comparison(data / request.param, data / "public_results.json")


def test_public_numbers_equal_the_official_scorer(public, oracle):
    found = evaluate_ytvis(public.clips, public.categories)
    stats = oracle["ytvoseval"]["stats"]
    assert {n: getattr(found.precision, n) for n in NAMES} == {n: approx(stats[n]) for n in NAMES}
    assert len(oracle["ytvoseval"]["per_class"]) == len(public.categories)
    for name, expected in oracle["ytvoseval"]["per_class"].items():
        of_class = found.per_category[expected["id"]]
        assert {n: getattr(of_class, n) for n in NAMES} == {n: approx(expected[n]) for n in NAMES}, name


def test_track_ious_and_areas_equal_the_official_scorer(public, oracle):
    clips = {clip.id: clip for clip in public.clips}
    areas = {str(t.id): t.mean_area for clip in public.clips for t in clip.truth}
    assert areas == {k: pytest.approx(v, abs=1e-6) for k, v in oracle["ytvoseval"]["gt_avg_area"].items()}
    predicted = {t.id: t.mean_area for clip in public.clips for t in clip.predicted}
    stated = oracle["ytvoseval"]["dt_avg_area"]
    assert predicted == {i: pytest.approx(v, abs=1e-6) for i, v in enumerate(stated, 1)}
    for entry in oracle["ytvoseval"]["track_ious"]:
        clip = clips[entry["video_id"]]
        ious = track_ious(clip, frame_overlaps(clip))
        rows = [[t.id for t in clip.truth].index(i) for i in entry["gt_ids"]]
        columns = [[t.id for t in clip.predicted].index(i + 1) for i in entry["dt_result_index"]]
        if rows and columns:
            assert pytest.approx(np.array(entry["iou"]), abs=ROUNDED) == ious[np.ix_(rows, columns)].T


def with_empty_masks(clips, results):
    """TrackEval takes an all-zero mask for a detection; we take it for absence (decision 0041)."""
    empty = {}
    for number, entry in enumerate(results, start=1):
        masks = {f: Mask.from_coco(s) for f, s in enumerate(entry["segmentations"]) if s}
        empty[number] = {f: m for f, m in masks.items() if m.is_empty}
    assert sum(map(len, empty.values())) > 10
    return [
        replace(c, predicted=tuple(replace(t, masks={**t.masks, **empty[t.id]}) for t in c.predicted))
        for c in clips
    ]


def test_tracking_equals_trackeval(public, oracle, data):
    results = json.loads((data / "public_results.json").read_text())
    found = evaluate_ytvis(with_empty_masks(public.clips, results), public.categories)
    expected = oracle["trackeval"]["maxdet0"]
    for got, want in [
        (found.tracking, expected["cls_comb_det_av"]),
        *((found.tracking_per_category[id_], expected[name]) for id_, name in public.categories.items()),
    ]:
        fractions = ("HOTA", "DetA", "AssA", "IDF1", "MOTA")
        assert {n: getattr(got, n) for n in fractions} == {n: approx(want[n]) for n in fractions}
        counts = (got.id_switches, got.fragmentations, got.true_positives, got.false_positives)
        assert counts == (want["IDSW"], want["Frag"], want["CLR_TP"], want["CLR_FP"])
        assert got.false_negatives == want["CLR_FN"]


def edge_cases():
    from tests.conftest import REPOSITORY

    return json.loads((REPOSITORY / "tests/data/evaluation/edge_cases.json").read_text())


EDGE_CASES = edge_cases()


@pytest.fixture
def evaluated(tmp_path):
    def run(case):
        for name, value in (("gt", case["gt"]), ("results", case["results"])):
            (tmp_path / f"{name}.json").write_text(json.dumps(value))
        compared = read_comparison(tmp_path / "gt.json", tmp_path / "results.json")
        return evaluate_ytvis(compared.clips, compared.categories), compared

    return run


@pytest.mark.parametrize("name", [n for n in EDGE_CASES if n not in FAILS_OFFICIALLY])
def test_edge_case_equals_the_official_scorer(name, evaluated):
    case = EDGE_CASES[name]
    found, _ = evaluated(case)
    stats = case["ytvoseval"]["stats"]
    assert {n: getattr(found.precision, n) for n in NAMES} == {n: approx(stats[n]) for n in NAMES}
    ids = {name: id_ for id_, name in found.categories.items()}
    for category, expected in case["ytvoseval"]["per_class"].items():
        of_class = found.per_category[ids[category]]
        for n in set(NAMES) & set(expected):
            assert getattr(of_class, n) == approx(expected[n]), category


def test_where_the_official_scorer_breaks(evaluated):
    assert all("error" in EDGE_CASES[name]["ytvoseval"] for name in FAILS_OFFICIALLY)
    with pytest.raises(FormatError, match="no video of the truth has the id"):
        evaluated(EDGE_CASES["unknown_video"])
    assert evaluated(EDGE_CASES["empty_results"])[0].precision.AP == 0
    assert approx(1) == evaluated(EDGE_CASES["uncompressed_results"])[0].precision.AP
    assert approx(1) == evaluated(EDGE_CASES["polygon_results"])[0].precision.AP


def test_what_is_odd_is_said(evaluated):
    said = {n: " ".join(evaluated(EDGE_CASES[n])[1].warnings) for n in EDGE_CASES if n != "unknown_video"}
    assert "never counts as found" in said["gt_id_zero"]
    assert "another size" in said["size_mismatch"]
    assert "no category" in said["unknown_category"]
    assert "empty" in said["null_vs_empty_b"]
    assert said["perfect"] == ""


# --- the command


def test_command_prints_the_agreed_json(data, capsys):
    files = ["--gt", str(data / "public_gt.json"), "--pred", str(data / "public_results.json")]
    assert main(["evaluate", *files, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(NAMES) | {"per_category", "tracking"} == set(printed)
    assert printed["AP"] == pytest.approx(0.2114742227, abs=ROUNDED)
    assert printed["per_category"]["parrot"]["AP"] is None
    assert 0 < printed["tracking"]["HOTA"] < 1
    assert main(["evaluate", *files, "--ignore-categories"]) == 0
    assert "identity switches" in capsys.readouterr().out


def test_annotations_as_predictions_of_themselves(data, capsys):
    truth = str(data / "public_gt.json")
    assert main(["evaluate", "--gt", truth, "--pred", truth, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["tracking"]["HOTA"] == pytest.approx(1.0)
    assert printed["tracking"]["id_switches"] == 0


def test_projects_as_truth_and_as_predictions(data, tmp_path, test_data, capsys):
    project = str(test_data / "projects" / "version_1.stm")
    assert main(["evaluate", "--gt", project, "--pred", project, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["AP"] in (None, pytest.approx(1.0))
    assert main(["evaluate", "--gt", project, "--pred", project, "--json", "--ignore-categories"]) == 0


@pytest.mark.parametrize(
    ("gt", "results", "line"),
    [
        ("[]", "[]", "cannot be the truth"),
        ("{", "[]", "not valid JSON"),
        ('{"videos": 3}', "[]", "not a list"),
        ('{"annotations": []}', "[]", "no list of videos"),
        ('{"videos": [{"id": 1, "width": 9e9, "height": 4, "length": 1}]}', "[]", "cannot be"),
        ('{"videos": [], "categories": []}', '[{"video_id": 1}]', "no video of the truth"),
        ('{"videos": [], "categories": []}', '[{"video_id": NaN}]', "results"),
        ('{"videos": [], "categories": []}', "[[[[", "not valid JSON"),
    ],
)
def test_hostile_files_end_in_one_line(gt, results, line, tmp_path, capsys):
    (tmp_path / "gt.json").write_text(gt)
    (tmp_path / "results.json").write_text(results)
    files = ["--gt", str(tmp_path / "gt.json"), "--pred", str(tmp_path / "results.json")]
    assert main(["evaluate", *files]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert line in said.err.splitlines()[-1]


# --- what holds for any tracks


def blob(x, y, size=12):
    bits = np.zeros((40, 60), bool)
    bits[y : y + size, x : x + size] = True
    return Mask.from_bits(bits)


def track(id_, places, category=1, score=1.0):
    masks = {frame: blob(*place) for frame, place in enumerate(places) if place is not None}
    return ScoredTrack(id_, category, masks, score)


places = st.lists(
    st.one_of(st.none(), st.tuples(st.integers(0, 47), st.integers(0, 27))), min_size=5, max_size=5
).filter(any)


@st.composite
def clips(draw):
    def tracks(most):
        return tuple(
            track(n + 1, draw(places), draw(st.integers(1, 2)), draw(st.sampled_from([0.2, 0.5, 0.7, 0.9])))
            for n in range(draw(st.integers(1, most)))
        )

    truth = tracks(3)
    close = tuple(
        replace(t, id=10 + t.id, score=draw(st.sampled_from([0.3, 0.6, 0.95])))
        for t in truth
        if draw(st.booleans())
    )
    return Clip(1, "clip", 5, truth, (*tracks(3), *close))


CATEGORIES = {1: "one", 2: "two"}


def precision(clip):
    tally = PrecisionTally()
    tally.add(clip, track_ious(clip, frame_overlaps(clip)))
    return tally.summary(CATEGORIES)


@given(clips())
@settings(max_examples=40, deadline=None)
def test_the_truth_itself_is_perfect(clip):
    found = evaluate_ytvis([replace(clip, predicted=clip.truth)], CATEGORIES)
    assert pytest.approx(1.0) == found.precision.AP
    assert pytest.approx(1.0) == found.precision.AR10
    assert pytest.approx(1.0) == found.tracking.HOTA
    assert (found.tracking.id_switches, found.tracking.false_positives) == (0, 0)


@given(clips(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_numbers_of_tracks_do_not_matter(clip, random):
    ids = random.sample(range(1, 1000), len(clip.predicted))
    renamed = replace(
        clip, predicted=tuple(replace(t, id=i) for t, i in zip(clip.predicted, ids, strict=True))
    )
    assert evaluate_ytvis([clip], CATEGORIES).as_json() == evaluate_ytvis([renamed], CATEGORIES).as_json()


@given(clips(), st.sampled_from([0.1, 0.55, 1.0]))
@settings(max_examples=60, deadline=None)
def test_an_empty_false_track_never_raises_precision(clip, score):
    false = ScoredTrack(99, 1, {}, score)
    worse = replace(clip, predicted=(*clip.predicted, false))
    before, after = precision(clip), precision(worse)
    for name in ("AP", "AP50", "AP75"):
        low, high = getattr(after, name), getattr(before, name)
        assert low is None or low <= high + 1e-12


@given(clips())
@settings(max_examples=40, deadline=None)
def test_a_second_copy_of_the_truth_in_front_gives_full_recall(clip):
    better = replace(
        clip, predicted=(*clip.predicted, *(replace(t, id=50 + t.id, score=2.0) for t in clip.truth))
    )
    assert pytest.approx(1.0) == precision(better).AR10
    assert all(math.isclose(v, 1.0) for v in [precision(better).AP50])


@given(clips(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_matches_frame_by_frame_add_up_to_trackeval(clip, across):
    overlaps = frame_overlaps(clip, across_categories=across)
    matches = match_frames(clip, across_categories=across, overlaps=overlaps)
    assert matches.counts == clear_counts(clip, overlaps)
    for frame, overlap in zip(matches.frames, overlaps, strict=True):
        assert len(frame.pairs) + len(frame.missed) == len(overlap.truth)
        assert len(frame.pairs) + len(frame.false) == len(overlap.predicted)
        assert (frame.ious >= 0.5 - 1e-12).all()


def test_matches_of_the_public_clips_add_up_to_trackeval(public):
    for clip in public.clips:
        overlaps = frame_overlaps(clip, across_categories=True)
        assert match_frames(clip, overlaps=overlaps).counts == clear_counts(clip, overlaps)


def test_events_name_the_frame_and_the_tracks():
    here, there = (5, 5), (40, 20)
    truth = (track(1, [here] * 6),)
    predicted = (
        track(7, [here, here, None, None, None, None]),
        track(8, [None, None, there, here, here, here]),
    )
    found = match_frames(Clip(1, "c", 6, truth, predicted))
    told = [(e.frame, e.truth, e.predicted, e.kind, e.before) for e in found.events]
    assert told == [(3, 1, 8, "identity switch", 7), (3, 1, 8, "fragmentation", None)]
    assert found.frames[2].missed.tolist() == [1]
    assert found.frames[2].false.tolist() == [8]
    assert found.iou_of_predicted()[2, 8] == 0.0


def test_recall_where_asks_only_for_chosen_objects():
    here = (5, 5)
    clip = Clip(1, "c", 4, (track(1, [here] * 4),), (track(2, [here, here, None, None]),))
    matches = match_frames(clip)
    hidden = np.array([False, True, True, False])
    recall = recall_where(matches, {1: hidden})
    assert (recall.found, recall.asked, recall.fraction) == (1, 2, 0.5)
    assert math.isnan(recall_where(matches, {}).fraction)


@pytest.mark.extra
@pytest.mark.parametrize("method", ["osvos", "rvos"])
def test_real_results_on_real_clips_equal_the_official_scorer(extra_data, method):
    stored = extra_data.parent / "eval_golden" / "real_public_oracle.json"
    if not stored.is_file():
        pytest.skip("the official scorer's numbers on the real clips are absent")
    expected = json.loads(stored.read_text())[method]["ytvoseval"]
    truth = extra_data / "gt" / "instances_all.uncompressed.json"
    compared = read_comparison(truth, extra_data / "results" / f"davis_{method}_results.json")
    found = evaluate_ytvis(compared.clips, compared.categories)
    assert {n: getattr(found.precision, n) for n in NAMES} == {n: approx(expected["stats"][n]) for n in NAMES}
    ids = {name: id_ for id_, name in found.categories.items()}
    for name, of_class in expected["per_class"].items():
        ours = found.per_category[ids[name]]
        assert {n: getattr(ours, n) for n in NAMES} == {n: approx(of_class[n]) for n in NAMES}, name
