"""The engine on real pictures with a small real network: batches, ranges, resuming, evidence."""

import itertools
import json
import struct
import zlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

import stmask_core as sc
from stmask_core.engine.clip import ClipRun, RunSettings, track_clip
from stmask_core.engine.results import ClipTally
from stmask_core.engine.session import load_model, model_of
from stmask_core.errors import CheckpointError, FormatError, InferenceError
from stmask_core.model.postprocess import (
    MOST_SUPPRESSED,
    SAME_MASK_IOU,
    DetectionSettings,
    detect,
    detect_and_suppress,
    image_mask,
)
from stmask_core.model.preprocess import network_input
from stmask_core.structures.evidence import evidence_from_bytes, evidence_to_bytes
from stmask_core.structures.letterbox import FrameLayout, letterboxed, squashed
from stmask_core.structures.masks import Mask, iou
from stmask_core.tracking.association import LOST, NEW, TAKEN, AssociationSettings, ScoreTerms, decide
from tests.core.tiny_model import CATEGORIES, tiny_network, write_tiny_weights

COUNT = 7


@pytest.fixture(scope="module")
def model():
    return model_of(tiny_network(), CATEGORIES)


@pytest.fixture(scope="module")
def pictures():
    """Frames with a few coloured discs that move."""
    y, x = np.mgrid[:90, :160]
    frames = []
    for n in range(COUNT):
        frame = np.full((90, 160, 3), 100, np.uint8) + (x[..., None] // 4).astype(np.uint8)
        for k, colour in enumerate(((220, 40, 30), (30, 90, 220), (240, 220, 40))):
            inside = (x - 30 - 45 * k - 3 * n) ** 2 + (y - 45) ** 2 < 300
            frame[inside] = colour
        frames.append(frame)
    return frames


def shown(results):
    return [(r.frame, r.instances.track_ids.tolist(), r.instances.mask_list) for r in results]


def close_enough(a, b):
    """The same frames, ids and masks but for a few pixels at the threshold."""
    for (frame_a, ids_a, masks_a), (frame_b, ids_b, masks_b) in zip(a, b, strict=True):
        assert (frame_a, ids_a) == (frame_b, ids_b)
        for one, other in zip(masks_a, masks_b, strict=True):
            assert int((one.bits() != other.bits()).sum()) <= 4
    return True


def test_objects_are_found_carried_and_named(model, pictures):
    results = list(track_clip(model, pictures))
    assert [r.frame for r in results] == list(range(COUNT))
    assert all(len(r.instances) for r in results)
    sources = {source for r in results for source in r.instances.sources}
    assert sources == {"detected", "propagated"}
    last = results[-1].instances
    assert last.masks().shape == (len(last), 90, 160)
    assert last.masks().dtype == bool
    assert (np.diff(last.track_ids) > 0).all()
    assert set(last.category_ids.tolist()) <= {1, 2, 3}


@pytest.mark.parametrize("batch", [2, 3, 7])
def test_the_batch_size_changes_nothing(model, pictures, batch):
    one = shown(track_clip(model, pictures, RunSettings(batch=1)))
    assert close_enough(one, shown(track_clip(model, pictures, RunSettings(batch=batch))))


@pytest.mark.parametrize("stop", [1, 3, 6])
def test_going_on_from_a_snapshot_is_as_if_never_stopped(model, pictures, stop):
    whole = shown(track_clip(model, pictures, RunSettings(batch=1)))
    run = ClipRun(model, RunSettings(batch=2))
    first = shown(itertools.islice(run.results(pictures), stop))
    again = ClipRun(model, RunSettings(batch=2), first=stop, state=run.state)
    assert close_enough(whole, first + shown(again.results(pictures[stop:])))


def test_closing_the_generator_stops_the_work(model, pictures):
    asked = []

    def frames():
        for picture in pictures:
            asked.append(1)
            yield picture

    results = track_clip(model, frames(), RunSettings(batch=1))
    next(results)
    results.close()
    assert len(asked) == 1


def test_without_temporal_fusion_nothing_is_carried(model, pictures):
    results = list(track_clip(model, pictures, RunSettings(temporal_fusion=False)))
    assert {source for r in results for source in r.instances.sources} == {"detected"}


def test_retired_tracks_are_forgotten_and_ids_are_not_used_again(model, pictures):
    settings = RunSettings(association=AssociationSettings(retire_after=0))
    results = list(track_clip(model, pictures, settings))
    everything = list(track_clip(model, pictures))
    assert len(results[-1].evidence.track_ids) < len(everything[-1].evidence.track_ids)
    born = [i for r in results for i in r.evidence.wanted[r.evidence.outcomes == NEW].tolist()]
    assert len(born) == len(set(born))


def test_a_track_is_believed_more_with_every_detection(model, pictures):
    doubting = list(track_clip(model, pictures, RunSettings(association=AssociationSettings(doubt=2))))
    seen, compared = Counter(), 0
    for released, doubted in zip(track_clip(model, pictures), doubting, strict=True):
        ours, theirs = doubted.instances, released.instances
        assert ours.track_ids.tolist() == theirs.track_ids.tolist()
        found = released.evidence
        seen.update(found.wanted[found.outcomes != LOST].tolist())
        for row, number in enumerate(ours.track_ids.tolist()):
            n = seen[number]
            assert ours.scores[row] == pytest.approx(theirs.scores[row] * n / (n + 2), rel=1e-5)
            compared += n > 1
    assert compared


def test_frames_of_different_sizes_are_refused(model, pictures):
    with pytest.raises(InferenceError, match="size"):
        list(track_clip(model, [pictures[0], pictures[1][:50]]))


def test_evidence_says_why_and_survives_storage(model, pictures):
    for result in track_clip(model, pictures):
        evidence = result.evidence
        again = evidence_from_bytes(evidence_to_bytes(evidence))
        for name in ("boxes", "scores", "outcomes", "wanted", "cosine", "mask_iou", "track_ids", "shown"):
            assert np.array_equal(getattr(evidence, name), getattr(again, name)), name
        assert again.masks == evidence.masks
        assert again.track_masks == evidence.track_masks
        assert again.suppressed == evidence.suppressed
        assert again.new_score == pytest.approx(1.4)
        terms = ScoreTerms(again.cosine, again.mask_iou, again.box_iou)
        if len(again.track_ids) and len(again.scores):
            decision = decide(terms, again.scores, AssociationSettings())
            assert np.array_equal(decision.outcomes, again.outcomes)
            old = decision.tracks >= 0
            assert np.array_equal(again.track_ids[decision.tracks[old]], again.wanted[old])


@pytest.mark.parametrize("suppression", ["cross_class", "per_class"])
def test_what_suppression_dropped_is_kept_where_it_is_no_second_mask(model, pictures, suppression):
    layout = squashed(pictures[0].shape[:2], model.config.input_size)
    with torch.inference_mode():
        raw = model.ready(network_input(pictures[:1], layout))
    settings = DetectionSettings(suppression)
    found, dropped = detect_and_suppress(raw, 0, settings, layout)
    assert np.array_equal(found.boxes, detect(raw, 0, settings).boxes)
    assert 0 < len(dropped) <= MOST_SUPPRESSED
    scores = [one.score for one in dropped]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > settings.require_score
    kept = [image_mask(soft, layout) for soft in found.masks]
    for place, one in enumerate(dropped):
        assert not one.mask.is_empty
        others = [*kept, *(other.mask for other in dropped[:place])]
        # measured in cells of a prototype; the image's pixels round differently
        assert max(iou(one.mask, other) for other in others) < SAME_MASK_IOU + 0.1
        assert 1 <= one.category <= len(CATEGORIES)
    nothing_left = replace(settings, max_iou=1.0, candidates=10_000, most=10_000)
    assert detect_and_suppress(raw, 0, nothing_left, layout)[1] == ()


def test_evidence_of_an_older_version_has_nothing_suppressed(model, pictures):
    evidence = next(track_clip(model, pictures)).evidence
    assert evidence.suppressed
    older = rewritten(evidence_to_bytes(evidence), lambda header: header.pop("suppressed"))
    again = evidence_from_bytes(older)
    assert again.suppressed == ()
    assert again.masks == evidence.masks


def rewritten(data, change):
    """Evidence with another header."""
    content = zlib.decompress(data[12:])
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length])
    change(header)
    text = json.dumps(header).encode()
    content = struct.pack("<I", len(text)) + text + content[4 + length :]
    packed = zlib.compress(content)
    return struct.pack("<4sII", b"STE1", len(content), zlib.crc32(packed)) + packed


@pytest.mark.parametrize("wrong", [3, [3], [{}], {"mask": 1}, "text", None])
@pytest.mark.parametrize("key", ["suppressed", "masks"])
def test_a_strange_header_is_refused(model, pictures, key, wrong):
    evidence = next(track_clip(model, pictures[:1])).evidence
    wrong = wrong * len(evidence.masks) if wrong == [3] else wrong
    data = rewritten(evidence_to_bytes(evidence), lambda header: header.update({key: wrong}))
    with pytest.raises(FormatError):
        evidence_from_bytes(data)


@pytest.mark.parametrize("spoil", ["cut", "flip", "empty", "magic"])
def test_damaged_evidence_is_refused(model, pictures, spoil):
    data = evidence_to_bytes(next(track_clip(model, pictures)).evidence)
    bad = {
        "cut": data[: len(data) // 2],
        "flip": data[:40] + bytes([data[40] ^ 255]) + data[41:],
        "empty": b"",
        "magic": b"XXXX" + data[4:],
    }[spoil]
    with pytest.raises(FormatError):
        evidence_from_bytes(bad)


def test_decisions_follow_the_released_rules():
    cosine = np.array([[1, -1], [1, -1], [-1, -1], [0.8, 0.8]], np.float32)
    mask_iou = np.array([[0.9, 0], [0.9, 0], [0, 0], [0.5, 0.5]], np.float32)
    terms = ScoreTerms(cosine, mask_iou, mask_iou)
    decision = decide(terms, np.array([0.5, 0.5, 0.9, 0.4], np.float32), AssociationSettings())
    # equal scores: the first keeps the track; no overlap: new; a tie between tracks: the older one
    assert decision.tracks.tolist() == [0, 0, -1, 0]
    assert decision.outcomes.tolist() == [TAKEN, LOST, NEW, LOST]


def test_track_scores_are_means_and_categories_majorities(model, pictures):
    tally, expected = ClipTally(), {}
    for result in track_clip(model, pictures):
        tally.add(result)
        for number, score in zip(result.instances.track_ids, result.instances.scores, strict=True):
            expected.setdefault(int(number), []).append(score)
    for number, track in tally:
        assert track.score == pytest.approx(float(np.mean(expected[number])), abs=1e-6)
        assert track.category == min(
            track.categories, key=lambda category: (-track.categories[category], category)
        )


@pytest.mark.parametrize("source", [(90, 160), (720, 1280), (333, 500), (61, 47)])
@pytest.mark.parametrize("fit", [squashed, letterboxed])
def test_masks_of_the_image_are_those_of_a_whole_interpolation(source, fit):
    layout = fit(source, (160, 90))
    generator = torch.Generator().manual_seed(1)
    cells = (layout.padded[0] // 4, layout.padded[1] // 4)
    small = torch.rand((1, 1, cells[0] // 3, cells[1] // 3), generator=generator)
    soft = torch.nn.functional.interpolate(small, cells, mode="bilinear")[0, 0]
    rows, columns = int(layout.used[0] * cells[0]), int(layout.used[1] * cells[1])
    whole = torch.nn.functional.interpolate(
        soft[None, None, :rows, :columns], source, mode="bilinear", align_corners=False
    )
    expected = Mask.from_bits((whole[0, 0] > 0.5).numpy())
    ours = image_mask(soft.numpy(), layout)
    assert int((ours.bits() != expected.bits()).sum()) <= 2


def test_letterbox_keeps_the_shape_and_boxes_return_to_the_image():
    layout = letterboxed((400, 200), (160, 90))
    assert layout == FrameLayout((400, 200), (90, 45), (96, 160))
    tensor = network_input([np.full((400, 200, 3), 255, np.uint8)], layout)
    assert tensor.shape == (1, 3, 96, 160)
    assert float(tensor[0, :, :, 45:].abs().max()) == 0
    box = np.array([[0, 0, 45 / 160, 90 / 96]], np.float32)
    assert layout.boxes_to_image(box).tolist() == [[0, 0, 200, 400]]


def test_models_load_by_name_with_their_categories(tmp_path):
    write_tiny_weights(tmp_path / "tiny.safetensors")
    model = sc.load_model(tmp_path / "tiny.safetensors", device="cpu", precision="fp32")
    assert model.categories == CATEGORIES
    with pytest.raises(CheckpointError, match="3 categories"):
        load_model(tmp_path / "tiny.safetensors", categories="ytvis2019")
    with pytest.raises(CheckpointError):
        load_model(tmp_path / "nowhere.pth")
    with pytest.raises(InferenceError):
        load_model(tmp_path / "tiny.safetensors", device="cuda:9")
    named = sc.build_model("STMask_plus_resnet50", num_classes=3)
    assert named.categories == ("category 1", "category 2")
    with pytest.raises(CheckpointError, match="no configuration"):
        sc.build_model("STMask_enormous")


def test_a_variant_of_the_released_network_is_chosen_when_weights_are_loaded(tmp_path):
    weights = tmp_path / "tiny.safetensors"
    write_tiny_weights(weights)
    paper = load_model(weights, precision="fp32", device="cpu", choices={"carried_boxes": "paper"})
    assert paper.ready.config.carried_boxes == "paper"
    assert load_model(weights, precision="fp32", device="cpu").config.carried_boxes == "released"
    with pytest.raises(InferenceError, match="carried_boxes=raw is not one of"):
        load_model(weights, choices={"carried_boxes": "raw"})
    with pytest.raises(InferenceError, match="head_channels=4"):
        load_model(weights, choices={"head_channels": "4"})
