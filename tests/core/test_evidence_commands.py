"""Choosing among the masks that a run kept, and restoring what became no mask."""

from dataclasses import replace

import numpy as np
import pytest

from stmask_core.document.commands import identity, masks, tracks, videos
from stmask_core.document.commands.evidence import (
    choice_shown,
    choices_at,
    choose_evidence,
    next_choice,
    restore_leftover,
)
from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    start_run,
)
from stmask_core.document.evidence import kept_masks, leftovers_at
from stmask_core.document.records import MaskAnnotation
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError, FormatError
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.evidence import FrameEvidence, Suppressed, evidence_to_bytes
from stmask_core.structures.masks import Mask, intersection, iou, union
from tests.core.document_walk import snapshot

HEIGHT, WIDTH, FRAMES = 40, 60, 10
NEW, TAKEN, LOST = 0, 1, 2


def block(x, y, width=8, height=6):
    bits = np.zeros((HEIGHT, WIDTH), bool)
    bits[y : y + height, x : x + width] = True
    return Mask.from_bits(bits)


def evidence(detections, carried, shown, suppressed=()):
    """detections: (number, outcome, mask, score). carried: (number, age, mask)."""
    n, m = len(detections), len(carried)
    return FrameEvidence(
        boxes=np.zeros((n, 4), np.float32),
        categories=np.ones(n, np.int64),
        scores=np.array([d[3] for d in detections], np.float32),
        centerness=np.ones(n, np.float32),
        outcomes=np.array([d[1] for d in detections], np.uint8),
        wanted=np.array([d[0] for d in detections], np.int64),
        track_ids=np.array([c[0] for c in carried], np.int64),
        track_ages=np.array([c[1] for c in carried], np.int64),
        track_scores=np.full(m, 0.3, np.float32),
        track_categories=np.ones(m, np.int64),
        track_boxes=np.zeros((m, 4), np.float32),
        cosine=np.zeros((n, m), np.float32),
        mask_iou=np.zeros((n, m), np.float32),
        box_iou=np.zeros((n, m), np.float32),
        shown=np.array(shown, np.int64),
        new_score=1.4,
        masks=tuple(d[2] for d in detections),
        track_masks=tuple(c[2] for c in carried),
        suppressed=suppressed,
    )


DOG, CAT = 0, 1  # the run's numbers


def seen(frame):
    """The dog's detected and carried mask."""
    return block(4 + frame, 4), block(6 + frame, 6)


class World:
    """A run over 10 frames found a dog and a cat; from 6 on the dog was only carried, from 8 on hidden.

    In each frame a detection wanted the dog and lost it, one of a third object was too weak to be shown, and
    one was suppressed.
    """

    def __init__(self):
        self.document = document = ProjectFile.in_memory().document
        self.video = videos.add_video(document, "a.mp4", width=WIDTH, height=HEIGHT, frame_count=FRAMES).id
        category = videos.create_category(document, "dog").id
        settings = {"categories": ["dog"]}
        run = start_run(document, self.video, first=0, last=FRAMES - 1, settings=settings)
        predicted = []
        for frame in range(FRAMES):
            detected, carried = seen(frame)
            cat = block(40, 20 + frame)
            found = [(CAT, TAKEN, cat, 0.8), (DOG, LOST, block(2, 30), 0.3), (7, NEW, block(20, 30), 0.04)]
            predictions = [Prediction(CAT, category, cat, 0.8)]
            if frame < 6:
                found.insert(0, (DOG, TAKEN, detected, 0.9))
                predictions.append(Prediction(DOG, category, detected, 0.9))
            elif frame < 8:
                predictions.append(Prediction(DOG, category, carried, 0.5, "propagated"))
            kept = evidence(
                found,
                [(DOG, max(1, frame - 5), carried), (CAT, 1, cat)],
                [DOG, CAT] if frame < 8 else [CAT],
                (Suppressed(block(30, 2), 1, 0.6),),
            )
            predicted.append(PredictedFrame(frame, tuple(predictions), evidence_to_bytes(kept)))
        add_predictions(document, run.id, predicted)
        self.run = document.runs[run.id]
        self.dog, self.cat = (dict(self.run.tracks)[number] for number in (DOG, CAT))

    def choose(self, choice, *frames, track=None):
        scope = Scope.frames(frames[0], frames[-1])
        return choose_evidence(self.document, track or self.dog, scope, choice)

    def mask(self, frame, track=None):
        return self.document.annotation(track or self.dog, frame).mask


@pytest.fixture
def world():
    return World()


def test_what_a_run_kept_of_a_track(world):
    kept = kept_masks(world.document, world.dog, 3)
    assert (kept.detected, kept.carried, kept.age, kept.hidden) == (*seen(3), 0, False)
    kept = kept_masks(world.document, world.dog, 9)
    assert (kept.detected, kept.carried, kept.age, kept.hidden) == (None, seen(9)[1], 4, True)
    drawn = tracks.create_track(world.document, world.video, 1).id
    assert kept_masks(world.document, drawn, 3) is None


def test_the_cycle_goes_round_and_every_step_is_one_undo_step(world):
    detected, carried = seen(3)
    expected = [
        ("carried", carried),
        ("union", union(detected, carried)),
        ("intersection", intersection(detected, carried)),
        ("detected", detected),
        ("carried", carried),
    ]
    before = snapshot(world.document)
    for choice, mask in expected:
        assert next_choice(world.document, world.dog, 3) == choice
        assert world.choose(choice, 3).changed == 1
        annotation = world.document.annotation(world.dog, 3)
        assert (annotation.mask, annotation.source, annotation.is_human) == (mask, "manual", True)
        assert choice_shown(world.document, world.dog, 3) == choice
    for _ in expected:
        world.document.undo()
    assert snapshot(world.document) == before


def test_a_human_mask_is_in_the_cycle_and_never_lost(world):
    mine = block(5, 5, 9, 9)
    masks.set_mask(world.document, world.dog, 3, mine)
    masks.set_occlusion(world.document, world.dog, Scope.this_frame(3), "slight")
    drawn = world.document.annotation(world.dog, 3)
    assert choice_shown(world.document, world.dog, 3) == "human"
    for choice in ("detected", "carried", "union", "intersection", "human"):
        assert next_choice(world.document, world.dog, 3) == choice
        world.choose(choice, 3)
    assert world.document.annotation(world.dog, 3) == drawn
    world.choose("carried", 3)
    mine = block(6, 5, 9, 9)
    masks.set_mask(world.document, world.dog, 3, mine)  # drawn again: this is the human mask now
    world.choose("union", 3)
    assert choices_at(world.document, world.dog, 3)["human"] == mine


def test_an_imported_mask_comes_back_with_all_that_its_file_said(world):
    track = tracks.create_track(world.document, world.video, 1).id
    mask = replace(seen(3)[0])
    imported = MaskAnnotation(
        track, 3, block(5, 4), "imported", score=0.7, accepted=True, extra={"colour": "red", "n": [1]}
    )
    with world.document.edit("Import"):
        world.document.put(imported)
    assert iou(imported.mask, mask) >= 0.5  # so it is the dog that the run means
    world.choose("carried", 3, track=track)
    assert world.mask(3, track) == seen(3)[1]
    world.choose("human", 3, track=track)
    assert world.document.annotation(track, 3) == imported


def test_a_remembered_mask_moves_with_its_track(world):
    mine = block(5, 5, 9, 9)
    masks.set_mask(world.document, world.dog, 3, mine)
    world.choose("carried", 3)
    identity.swap_tracks(world.document, world.dog, world.cat, Scope.from_here_on(2))
    assert choice_shown(world.document, world.cat, 3) == "carried"
    assert choices_at(world.document, world.cat, 3)["human"] == mine
    assert kept_masks(world.document, world.dog, 3).number == CAT


def test_another_run_leaves_a_chosen_mask_alone(world):
    world.choose("union", 3)
    chosen = world.document.annotation(world.dog, 3)
    run = start_run(world.document, world.video, first=0, last=5, settings={"categories": ["dog"]})
    dog = Prediction(4, 1, seen(3)[0], 0.9)
    add_predictions(world.document, run.id, [PredictedFrame(3, (dog,))])
    assert world.document.annotation(world.dog, 3) == chosen
    assert next_choice(world.document, world.dog, 3) == "intersection"  # of the run that it was chosen from


def test_after_a_swap_a_drawn_mask_is_compared_with_its_own_object(world):
    identity.swap_tracks(world.document, world.dog, world.cat, Scope.from_here_on(2))
    masks.paint(world.document, world.cat, 3, block(5, 5))
    assert kept_masks(world.document, world.cat, 3).detected == seen(3)[0]


def test_a_range_keeps_what_is_locked_and_takes_what_there_is(world):
    masks.lock_masks(world.document, world.dog, Scope.this_frame(4), locked=True)
    masks.set_outside(world.document, world.dog, Scope.this_frame(5))
    locked, steps = world.mask(4), len(world.document.history.undo_names())
    counts = world.choose("carried", 2, 9)
    assert (counts.changed, counts.locked, counts.missing) == (4, 1, 0)
    assert [world.mask(frame) == seen(frame)[1] for frame in (2, 3, 6, 7, 8, 9)] == [True] * 6
    assert world.mask(4) == locked
    assert world.document.annotation(world.dog, 5).outside
    assert world.document.annotation(world.dog, 6).source == "propagated"  # it was shown already
    assert len(world.document.history.undo_names()) == steps + 1
    assert world.choose("detected", 6, 9).missing == 4


def test_where_one_is_known_there_is_nothing_to_combine(world):
    assert list(choices_at(world.document, world.dog, 6)) == ["carried"]
    with pytest.raises(DocumentError, match="all that is known in frame 6"):
        next_choice(world.document, world.dog, 6)
    assert next_choice(world.document, world.dog, 9) == "carried"  # hidden there
    drawn = tracks.create_track(world.document, world.video, 1).id
    with pytest.raises(DocumentError, match="No model run"):
        next_choice(world.document, drawn, 6)


def test_locked_masks_and_tracks_refuse(world):
    masks.lock_masks(world.document, world.dog, Scope.this_frame(3), locked=True)
    with pytest.raises(DocumentError, match="locked"):
        world.choose("carried", 3)
    tracks.set_locked(world.document, [world.cat], True)
    with pytest.raises(DocumentError):
        world.choose("carried", 2, track=world.cat)


def test_outside_is_a_persons_word_too(world):
    masks.set_outside(world.document, world.dog, Scope.this_frame(3))
    outside = world.document.annotation(world.dog, 3)
    assert next_choice(world.document, world.dog, 3) == "detected"
    world.choose("detected", 3)
    assert world.mask(3) == seen(3)[0]
    world.choose("human", 3)
    assert world.document.annotation(world.dog, 3) == outside


@pytest.mark.parametrize(
    "note",
    [
        "what",
        {"number": "x", "before": 3},
        {"number": 99, "before": {"mask": {"size": [3, 3], "counts": "09"}}},
        {"before": {"mask": {"size": [HEIGHT, WIDTH], "counts": "°"}}},
        {"before": {"mask": block(1, 1).to_coco(), "extra": [1]}},
    ],
)
def test_a_note_that_makes_no_sense_is_no_note(world, note):
    hostile = replace(world.document.annotation(world.dog, 3), source="manual", extra={"chosen": note})
    with world.document.edit("From a strange file"):
        world.document.put(hostile)
    assert list(choices_at(world.document, world.dog, 3))[:2] == ["detected", "carried"]
    world.choose("carried", 3)
    assert world.mask(3) == seen(3)[1]


def test_damaged_evidence_is_an_error_in_words(world):
    small = Mask.from_bits(np.ones((3, 3), bool))
    dropped = evidence([], [], [], (Suppressed(small, 1, 0.5),))
    with world.document.edit("From a strange file"):
        world.document.put_evidence(world.run.id, 2, b"nonsense")
        kept = evidence([(DOG, NEW, small, 0.5)], [], [DOG])
        world.document.put_evidence(world.run.id, 3, evidence_to_bytes(kept))
        world.document.put_evidence(world.run.id, 4, evidence_to_bytes(dropped))
    for frame in (2, 3, 4):
        with pytest.raises(FormatError):
            choices_at(world.document, world.dog, frame)


def test_what_became_no_mask(world):
    found = {entry.kind: entry for entry in leftovers_at(world.document, world.run, 9)}
    assert found["lost"].mask == block(2, 30)
    assert found["lost"].track == world.dog
    assert (found["unused"].mask, found["unused"].track) == (block(20, 30), None)
    assert (found["hidden"].mask, found["hidden"].track) == (seen(9)[1], world.dog)
    assert (found["suppressed"].mask, found["suppressed"].track) == (block(30, 2), None)
    kinds = {entry.kind for entry in leftovers_at(world.document, world.run, 3)}
    assert kinds == {"lost", "unused", "suppressed"}
    masks.reject(world.document, world.cat, Scope.this_frame(3))
    masks_left = [entry.mask for entry in leftovers_at(world.document, world.run, 3)]
    assert block(40, 23) in masks_left


def test_restored_in_one_step(world):
    left = {entry.kind: entry for entry in leftovers_at(world.document, world.run, 9)}
    before = snapshot(world.document)
    new = restore_leftover(world.document, left["lost"])
    assert new not in (world.dog, world.cat)
    assert (world.mask(9, new), world.document.annotation(new, 9).source) == (block(2, 30), "manual")
    assert left["lost"] not in leftovers_at(world.document, world.run, 9)  # it is a mask now
    world.document.undo()
    assert snapshot(world.document) == before
    assert world.mask(9, restore_leftover(world.document, left["suppressed"])) == block(30, 2)
    world.document.undo()
    assert restore_leftover(world.document, left["hidden"]) == world.dog
    assert world.mask(9) == seen(9)[1]
    tracks.set_locked(world.document, [world.dog], True)
    assert restore_leftover(world.document, left["hidden"]) not in (world.dog, world.cat)
