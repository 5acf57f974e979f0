"""Every command of the document: what it does, what it leaves alone, and that it is one undo step."""

import numpy as np
import pytest

from stmask_core.document import queries
from stmask_core.document.commands import frames, identity, masks, review, tracks, videos
from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    finish_run,
    start_run,
    withheld_at,
)
from stmask_core.document.records import MaskAnnotation
from stmask_core.document.run_comparison import Parting, compare_runs
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.masks import Mask
from tests.core.document_walk import check_indexes, snapshot

HEIGHT, WIDTH, FRAMES = 60, 100, 12
A, B, C = 1, 2, 3  # tracks: A in frames 0..7, B in 4..11, C in 2 only


def block(y, x, height=10, width=10):
    bits = np.zeros((HEIGHT, WIDTH), bool)
    bits[y : y + height, x : x + width] = True
    return Mask.from_bits(bits)


def bits_of(document, track, frame):
    return document.annotation(track, frame).mask.bits()


def at_a(frame):
    return block(5, 5 + frame)


def at_b(frame):
    return block(40, 5 + frame)


@pytest.fixture
def document():
    with ProjectFile.in_memory() as file:
        document = file.document
        video = videos.add_video(document, "clip.mp4", width=WIDTH, height=HEIGHT, frame_count=FRAMES)
        dog = videos.create_category(document, "dog")
        videos.create_category(document, "cat")
        for _ in range(3):
            tracks.create_track(document, video.id, dog.id)
        with document.edit("Masks of a model"):
            for frame in range(8):
                document.put(MaskAnnotation(A, frame, at_a(frame), "detected", score=0.5 + frame / 100))
            for frame in range(4, FRAMES):
                document.put(MaskAnnotation(B, frame, at_b(frame), "propagated", score=0.55))
            document.put(MaskAnnotation(C, 2, block(20, 60), "manual"))
        yield document


def frames_of(document, track):
    return document.annotations.frames(track)


def one_step(document, act):
    """Do something that must be one undo step, and come back to just after it; returns what it returned."""
    steps, before = len(document.history.undo_names()), snapshot(document)
    result = act()
    assert len(document.history.undo_names()) == steps + 1
    after = snapshot(document)
    check_indexes(document)
    document.undo()
    assert snapshot(document) == before
    document.redo()
    assert snapshot(document) == after != before
    return result


def nothing_happens(document, act, error=DocumentError):
    """Do something that must be refused."""
    steps, before = len(document.history.undo_names()), snapshot(document)
    with pytest.raises(error) as refused:
        act()
    assert (len(document.history.undo_names()), snapshot(document)) == (steps, before)
    return refused.value


# Tracks


def test_create(document):
    track = one_step(document, lambda: tracks.create_track(document, 1, 2, name="Rex", colour=(1, 2, 3)))
    assert document.tracks[track.id] == track
    assert (track.id, track.name, track.category, track.colour) == (4, "Rex", 2, (1, 2, 3))
    nothing_happens(document, lambda: tracks.create_track(document, 1, 99))
    nothing_happens(document, lambda: tracks.create_track(document, 99, 1))


def test_rename_recolour_category_lock_hide_review(document):
    one_step(document, lambda: tracks.rename_track(document, A, "Rex"))
    one_step(document, lambda: tracks.recolour_tracks(document, [A, B], (9, 8, 7)))
    one_step(document, lambda: tracks.set_category(document, [A, C], 2))
    one_step(document, lambda: tracks.set_hidden(document, [B], True))
    one_step(document, lambda: tracks.set_track_reviewed(document, [C], True))
    one_step(document, lambda: tracks.set_locked(document, [A, B], True))
    a, b, c = (document.tracks[t] for t in (A, B, C))
    assert (a.name, a.colour, a.category, a.locked, a.hidden, a.reviewed) == (
        "Rex", (9, 8, 7), 2, True, False, False,
    )  # fmt: skip
    assert (b.colour, b.category, b.locked, b.hidden, c.category, c.reviewed) == (
        (9, 8, 7), 1, True, True, 2, True,
    )  # fmt: skip
    one_step(document, lambda: tracks.set_locked(document, [A, B], False))


def test_delete_tracks(document):
    assert one_step(document, lambda: tracks.delete_tracks(document, [A, C])) == 9
    assert list(document.tracks) == [B]


def test_deleting_tracks_with_locked_masks_is_refused(document):
    masks.lock_masks(document, C, Scope.this_frame(2), locked=True)
    error = nothing_happens(document, lambda: tracks.delete_tracks(document, [A, C]))
    assert "1 locked mask" in error.message


LOCKED_TRACK = [
    lambda d: tracks.rename_track(d, A, "x"),
    lambda d: tracks.recolour_tracks(d, [B, A], (0, 0, 0)),
    lambda d: tracks.set_category(d, [B, A], 2),
    lambda d: tracks.delete_tracks(d, [B, A]),
    lambda d: identity.merge_tracks(d, B, A),
    lambda d: identity.split_track(d, A, 3),
    lambda d: identity.swap_tracks(d, B, A, Scope.from_here_on(0)),
    lambda d: identity.reassign(d, B, A, Scope.whole_track()),
    lambda d: identity.trim_track(d, A, 1, 2),
    lambda d: identity.delete_masks(d, [B, A], Scope.whole_track()),
    lambda d: masks.set_mask(d, A, 0, block(0, 0)),
    lambda d: masks.paint(d, A, 0, block(0, 0)),
    lambda d: masks.erase(d, A, 0, block(0, 0, 40, 40)),
    lambda d: masks.fill_holes(d, A, Scope.whole_track()),
    lambda d: masks.drop_specks(d, A, Scope.whole_track()),
    lambda d: masks.grow(d, A, Scope.whole_track(), 2),
    lambda d: masks.slice_mask(d, A, 0, [(10, 0), (10, 59)]),
    lambda d: masks.join_masks(d, B, A, 4),
    lambda d: masks.subtract_others(d, A, 4),
    lambda d: masks.accept(d, A, Scope.whole_track()),
    lambda d: masks.reject(d, A, Scope.whole_track()),
    lambda d: masks.set_occlusion(d, A, Scope.whole_track(), "slight"),
    lambda d: masks.set_outside(d, A, Scope.whole_track()),
    lambda d: frames.copy_mask(d, A, 0, Scope.whole_track()),
    lambda d: frames.paste_mask(d, A, Scope.this_frame(0), block(0, 0)),
    lambda d: frames.extend_track(d, A, 11),
    lambda d: frames.interpolate(d, A, Scope.whole_track()),
]


@pytest.mark.parametrize("number", range(len(LOCKED_TRACK)))
def test_a_locked_track_refuses(document, number):
    tracks.set_locked(document, [A], True)
    error = nothing_happens(document, lambda: LOCKED_TRACK[number](document))
    assert "locked" in error.message
    assert error.hint


# Identity: what the preview says is what happens


@pytest.mark.parametrize("policy", ["keep_first", "keep_second", "union", "by_score"])
def test_merge(document, policy):
    note = review.add_note(document, 1, 9, "who is this?", track=B)
    preview = identity.preview_merge(document, A, B, policy)
    a, b = ({f: bits_of(document, t, f) for f in frames_of(document, t)} for t in (A, B))
    done = one_step(document, lambda: identity.merge_tracks(document, A, B, policy))
    assert done == preview
    assert (preview.masks, preview.conflicts, preview.dropped) == (8, 4, 4)
    assert (preview.first, preview.last) == (4, 11)
    assert B not in document.tracks
    assert document.notes[note.id].track == A
    assert frames_of(document, A) == list(range(FRAMES))
    for frame in range(FRAMES):
        if frame < 4 or frame > 7:
            expected = a.get(frame, b.get(frame))
        else:
            first_scores_higher = 0.5 + frame / 100 >= 0.55
            expected = {
                "keep_first": a[frame],
                "keep_second": b[frame],
                "union": a[frame] | b[frame],
                "by_score": a[frame] if first_scores_higher else b[frame],
            }[policy]
        assert np.array_equal(bits_of(document, A, frame), expected), frame


def test_a_merge_keeps_locked_masks(document):
    masks.lock_masks(document, B, Scope.this_frame(6), locked=True)
    one_step(document, lambda: identity.merge_tracks(document, A, B, "keep_first"))
    assert document.annotation(A, 6).mask == at_b(6)
    assert document.annotation(A, 6).locked
    assert document.annotation(A, 5).mask == at_a(5)


@pytest.mark.parametrize("policy", ["keep_first", "keep_second", "union", "by_score"])
def test_a_merge_keeps_what_a_person_locked_as_outside(document, policy):
    """A locked "not here" is no less a person's word than a locked mask; on either side."""
    masks.set_outside(document, B, Scope.this_frame(5))
    masks.lock_masks(document, B, Scope.this_frame(5), locked=True)
    masks.set_outside(document, A, Scope.this_frame(6))
    masks.lock_masks(document, A, Scope.this_frame(6), locked=True)
    masks.set_outside(document, A, Scope.this_frame(7))  # not locked: gives way to the mask
    preview = identity.preview_merge(document, A, B, policy)
    assert one_step(document, lambda: identity.merge_tracks(document, A, B, policy)) == preview
    assert (preview.conflicts, preview.dropped) == (3, 3)  # 4 by policy, 5 and 6 by lock
    for frame in (5, 6):
        kept = document.annotation(A, frame)
        assert (kept.outside, kept.locked) == (True, True)
    assert document.annotation(A, 7).mask == at_b(7)


def test_a_merge_by_score_keeps_what_a_person_confirmed(document):
    masks.accept(document, A, Scope.this_frame(4))  # 0.54 against 0.55
    identity.merge_tracks(document, A, B, "by_score")
    assert document.annotation(A, 4).mask == at_a(4)


def test_a_policy_that_does_not_exist_is_refused(document):
    nothing_happens(document, lambda: identity.merge_tracks(document, A, B, "newest"))
    nothing_happens(document, lambda: identity.reassign(document, A, B, Scope.whole_track(), "newest"))
    nothing_happens(document, lambda: masks.set_occlusion(document, A, Scope.whole_track(), "half"))


def test_a_merge_of_two_locked_masks_is_refused(document):
    for track in (A, B):
        masks.lock_masks(document, track, Scope.this_frame(6), locked=True)
    nothing_happens(document, lambda: identity.merge_tracks(document, A, B))


def test_cut(document):
    preview = identity.preview_split(document, A, 5)
    new = one_step(document, lambda: identity.split_track(document, A, 5))
    assert preview.masks == 3
    assert (frames_of(document, A), frames_of(document, new.id)) == ([0, 1, 2, 3, 4], [5, 6, 7])
    assert document.annotation(new.id, 6).mask == at_a(6)
    assert new.category == document.tracks[A].category
    for nowhere in (0, 8):
        nothing_happens(document, lambda nowhere=nowhere: identity.split_track(document, new.id, nowhere))


@pytest.mark.parametrize(
    ("scope", "swapped"),
    [
        (Scope.this_frame(5), [5]),
        (Scope.from_here_on(6), range(6, 12)),
        (Scope.frames(3, 4), [3, 4]),
        (Scope.whole_track(), range(12)),
    ],
)
def test_swap(document, scope, swapped):
    before = {(t, f): document.annotation(t, f) for t in (A, B) for f in range(FRAMES)}
    preview = identity.preview_swap(document, A, B, scope)
    assert one_step(document, lambda: identity.swap_tracks(document, A, B, scope)) == preview
    assert preview.frames == len(swapped)
    for (track, frame), old in before.items():
        old = before[(B if track == A else A), frame] if frame in swapped else old
        new = document.annotation(track, frame)
        assert (new is None) == (old is None)
        assert new is None or (new.mask, new.score, new.source) == (old.mask, old.score, old.source)


@pytest.mark.parametrize("policy", ["swap", "replace", "keep"])
def test_reassign_to_another_track(document, policy):
    preview = identity.preview_reassign(document, A, B, Scope.frames(3, 5), policy)
    one_step(document, lambda: identity.reassign(document, A, B, Scope.frames(3, 5), policy))
    assert preview.conflicts == 2
    assert preview.masks == (1 if policy == "keep" else 3)
    assert preview.dropped == (2 if policy == "replace" else 0)
    assert document.annotation(B, 3).mask == at_a(3)
    assert document.annotation(A, 3) is None
    there = {"swap": at_a(4), "replace": at_a(4), "keep": at_b(4)}[policy]
    left = {"swap": at_b(4), "replace": None, "keep": at_a(4)}[policy]
    assert document.annotation(B, 4).mask == there
    rest = document.annotation(A, 4)
    assert (rest.mask if rest else None) == left


def test_reassign_to_a_new_track(document):
    new = one_step(document, lambda: identity.reassign(document, A, None, Scope.this_frame(2)))
    assert frames_of(document, new.id) == [2]
    assert 2 not in frames_of(document, A)
    nothing_happens(document, lambda: identity.reassign(document, A, None, Scope.this_frame(11)))


def test_identity_refuses_a_track_and_itself_and_tracks_of_two_videos(document):
    other = videos.add_video(document, "b.mp4", width=WIDTH, height=HEIGHT, frame_count=FRAMES)
    stranger = tracks.create_track(document, other.id, 1)
    for act in (
        lambda x: identity.merge_tracks(document, A, x),
        lambda x: identity.swap_tracks(document, A, x, Scope.whole_track()),
        lambda x: identity.reassign(document, A, x, Scope.whole_track()),
    ):
        for x in (A, stranger.id):
            nothing_happens(document, lambda act=act, x=x: act(x))


def test_trim_and_delete_over_a_scope(document):
    masks.lock_masks(document, A, Scope.this_frame(7), locked=True)
    preview = identity.preview_trim(document, A, 2, 5)
    assert one_step(document, lambda: identity.trim_track(document, A, 2, 5)) == preview
    assert (preview.dropped, preview.locked) == (3, 1)
    assert frames_of(document, A) == [2, 3, 4, 5, 7]  # the locked one stays
    preview = identity.preview_delete(document, [A, B], Scope.frames(4, 6))
    assert one_step(document, lambda: identity.delete_masks(document, [A, B], Scope.frames(4, 6))) == preview
    assert (frames_of(document, A), frames_of(document, B)) == ([2, 3, 7], [7, 8, 9, 10, 11])
    one_step(document, lambda: identity.delete_masks(document, [B], Scope.whole_track()))
    assert frames_of(document, B) == []
    assert B in document.tracks


def test_extend(document):
    carried = one_step(document, lambda: frames.extend_track(document, A, 10))
    assert (carried.written, frames_of(document, A)) == (3, list(range(11)))
    assert document.annotation(A, 10).mask == at_a(7)
    assert document.annotation(A, 10).source == "interpolated"
    one_step(document, lambda: frames.extend_track(document, B, 0))
    assert document.annotation(B, 0).mask == at_b(4)
    nothing_happens(document, lambda: frames.extend_track(document, A, 3))


def test_several_tracks_are_one_step(document):
    def join_all():
        with document.one_step():
            identity.merge_tracks(document, A, B)
            identity.merge_tracks(document, A, C)

    one_step(document, join_all)
    assert list(document.tracks) == [A]


# Masks


def test_set_paint_erase(document):
    one_step(document, lambda: masks.set_mask(document, A, 9, block(1, 1)))
    assert document.annotation(A, 9).source == "manual"
    one_step(document, lambda: masks.paint(document, A, 9, block(1, 8)))
    assert document.annotation(A, 9).mask == block(1, 1, width=17)
    one_step(document, lambda: masks.erase(document, A, 9, block(1, 8)))
    assert document.annotation(A, 9).mask == block(1, 1, width=7)
    one_step(document, lambda: masks.erase(document, A, 9, block(0, 0, 60, 100)))
    assert document.annotation(A, 9).outside  # nothing is left: the object is not here
    one_step(document, lambda: masks.paint(document, A, 9, block(1, 8)))
    assert not document.annotation(A, 9).outside


def test_a_gesture_is_one_step(document):
    group = document.new_group("brush")

    def stroke():
        for x in range(5):
            masks.paint(document, A, 9, block(3, 4 * x), group=group)

    one_step(document, stroke)
    assert document.annotation(A, 9).mask == block(3, 0, width=26)


def test_holes_specks_grow_shrink(document):
    bits = block(10, 10, 20, 20).bits()
    bits[15:18, 15:18] = False
    bits[50:52, 50:52] = True
    masks.set_mask(document, A, 9, Mask.from_bits(bits))
    here = Scope.this_frame(9)
    assert one_step(document, lambda: masks.fill_holes(document, A, here)) == 1
    assert one_step(document, lambda: masks.drop_specks(document, A, here, min_area=5)) == 1
    assert document.annotation(A, 9).mask == block(10, 10, 20, 20)
    one_step(document, lambda: masks.grow(document, A, here, 2))
    grown = document.annotation(A, 9).mask
    assert (grown.bits() & ~block(8, 8, 24, 24).bits()).sum() == 0
    assert grown.box == (8, 8, 32, 32)
    one_step(document, lambda: masks.grow(document, A, here, -3))
    assert document.annotation(A, 9).mask.box == (11, 11, 29, 29)
    assert one_step(document, lambda: masks.grow(document, A, Scope.whole_track(), 1)) == 9


def test_slice_and_join(document):
    new = one_step(document, lambda: masks.slice_mask(document, A, 0, [(8, 0), (8, 59)]))
    a, part = bits_of(document, A, 0), bits_of(document, new.id, 0)
    assert not (a & part).any()
    assert np.array_equal(a | part, at_a(0).bits())
    assert a.sum() > part.sum() > 0
    one_step(document, lambda: masks.join_masks(document, A, new.id, 0))
    assert document.annotation(A, 0).mask == at_a(0)
    assert document.annotation(new.id, 0) is None
    nothing_happens(document, lambda: masks.slice_mask(document, A, 1, [(90, 0), (90, 9)]))


def test_masks_that_cannot_be_joined(document):
    other = videos.add_video(document, "b.mp4", width=50, height=HEIGHT, frame_count=FRAMES)
    stranger = tracks.create_track(document, other.id, 1).id
    for act in (
        lambda: masks.join_masks(document, A, A, 0),  # would take the mask away
        lambda: masks.join_masks(document, A, B, 0),  # B has none here
        lambda: masks.join_masks(document, A, stranger, 0),
        lambda: masks.paint(document, A, 0, Mask.empty(HEIGHT, 50)),
        lambda: masks.erase(document, A, 0, Mask.empty(HEIGHT, 50)),
        lambda: masks.erase(document, A, -1, block(0, 0)),
    ):
        nothing_happens(document, act)


def test_a_part_cut_off_is_not_reviewed(document):
    tracks.set_track_reviewed(document, [A], True)
    new = masks.slice_mask(document, A, 0, [(8, 0), (8, 59)])
    assert not document.tracks[new.id].reviewed


def test_growing_out_of_all_proportion(document):
    """A typing error in the radius must not ask for all memory there is."""
    whole = Mask.from_bits(np.ones((HEIGHT, WIDTH), bool))
    assert masks.grow(document, A, Scope.this_frame(0), 10**6) == 1
    assert document.annotation(A, 0).mask == whole
    assert masks.grow(document, A, Scope.this_frame(1), -(10**6)) == 1
    assert document.annotation(A, 1).outside


def test_subtract_others(document):
    masks.set_mask(document, C, 0, block(5, 10))
    assert one_step(document, lambda: masks.subtract_others(document, A, 0)) == 1
    assert document.annotation(A, 0).mask == block(5, 5, width=5)
    masks.set_mask(document, C, 1, block(5, 10))
    masks.lock_masks(document, A, Scope.this_frame(1), locked=True)
    assert masks.subtract_others(document, C, 1, from_others=True) == 0  # a locked mask gives nothing away
    masks.lock_masks(document, A, Scope.this_frame(1), locked=False)
    assert one_step(document, lambda: masks.subtract_others(document, C, 1, from_others=True)) == 1
    assert document.annotation(A, 1).mask == block(5, 6, width=4)


def test_copy_and_paste(document):
    masks.lock_masks(document, A, Scope.this_frame(5), locked=True)
    masks.set_mask(document, A, 6, block(30, 30))
    carried = one_step(document, lambda: frames.copy_mask(document, A, 0, Scope.frames(4, 9)))
    assert (carried.written, carried.kept) == (4, 2)  # a locked one and a drawn one stay
    assert [document.annotation(A, f).mask == at_a(0) for f in range(4, 10)] == [
        True, False, False, True, True, True,
    ]  # fmt: skip
    one_step(document, lambda: frames.paste_mask(document, B, Scope.frames(0, 1), at_a(0)))
    assert document.annotation(B, 1).mask == at_a(0)


def test_interpolate_between_two_drawn_masks(document):
    masks.set_mask(document, C, 2, block(20, 20))
    masks.set_mask(document, C, 10, block(20, 36))
    carried = one_step(document, lambda: frames.interpolate(document, C, Scope.whole_track()))
    assert carried.written == 7
    for frame in range(3, 10):
        annotation = document.annotation(C, frame)
        assert annotation.source == "interpolated"
    middle = document.annotation(C, 6).mask.bits()
    assert middle.any()
    columns = np.flatnonzero(middle.any(axis=0))
    assert 24 <= columns.mean() <= 41  # between the two
    masks.set_mask(document, C, 6, Mask.empty(HEIGHT, WIDTH))  # a person: not here
    for frame in (3, 8):
        identity.delete_masks(document, [C], Scope.this_frame(frame))
    nothing_happens(document, lambda: frames.interpolate(document, A, Scope.whole_track()))
    before = frames_of(document, C)
    frames.interpolate(document, C, Scope.whole_track())
    assert frames_of(document, C) == before  # nothing is carried across "not here"


def test_accept_reject_lock_occlusion_outside(document):
    assert one_step(document, lambda: masks.accept(document, A, Scope.frames(0, 2))) == 3
    assert one_step(document, lambda: masks.lock_masks(document, A, Scope.frames(3, 4), locked=True)) == 2
    assert one_step(document, lambda: masks.reject(document, A, Scope.whole_track())) == 3
    assert frames_of(document, A) == [0, 1, 2, 3, 4]
    assert queries.human_frames(document, A).tolist() == [0, 1, 2, 3, 4]
    assert one_step(document, lambda: masks.set_occlusion(document, A, Scope.frames(1, 2), "severe")) == 2
    assert [document.annotation(A, f).occlusion for f in range(4)] == ["none", "severe", "severe", "none"]
    assert one_step(document, lambda: masks.set_outside(document, A, Scope.frames(2, 6))) == 3
    assert [document.annotation(A, f).outside for f in range(7)] == [False] * 2 + [True] + [False] * 2 + [
        True
    ] * 2
    assert one_step(document, lambda: masks.set_outside(document, A, Scope.frames(5, 6), outside=False)) == 2
    assert frames_of(document, A) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "draw",
    [
        lambda d: masks.set_mask(d, A, 3, block(0, 0)),
        lambda d: masks.paint(d, A, 3, block(0, 0)),
        lambda d: masks.erase(d, A, 3, block(0, 0, 40, 40)),
        lambda d: masks.slice_mask(d, A, 3, [(10, 0), (10, 59)]),
        lambda d: masks.join_masks(d, B, A, 3),
    ],
)
def test_a_locked_mask_refuses_to_be_drawn_on(document, draw):
    masks.lock_masks(document, A, Scope.this_frame(3), locked=True)
    nothing_happens(document, lambda: draw(document))


def test_commands_over_a_scope_leave_locked_masks(document):
    masks.lock_masks(document, A, Scope.this_frame(3), locked=True)
    locked = document.annotation(A, 3)
    for act in (
        lambda: masks.grow(document, A, Scope.whole_track(), 1),
        lambda: masks.set_outside(document, A, Scope.whole_track()),
        lambda: masks.set_occlusion(document, A, Scope.whole_track(), "severe"),
        lambda: masks.accept(document, A, Scope.whole_track()),
        lambda: masks.reject(document, A, Scope.whole_track()),
        lambda: frames.copy_mask(document, A, 0, Scope.whole_track(), overwrite=True),
        lambda: frames.paste_mask(document, A, Scope.whole_track(), block(0, 0)),
        lambda: identity.trim_track(document, A, 0, 1),
        lambda: identity.delete_masks(document, [A], Scope.whole_track()),
    ):
        one_step(document, act)
        assert document.annotation(A, 3) == locked
        document.undo()


# Predictions


def predicted(frame, *masks_, category=1):
    items = tuple(Prediction(n, category, mask, 0.9) for n, mask in enumerate(masks_))
    return PredictedFrame(frame, items, f"why {frame}".encode())


def run_over(document, frames_, *masks_, beside=False):
    run = start_run(document, 1, first=0, last=FRAMES - 1, weights="w", beside=beside)
    for frame in frames_:
        add_predictions(document, run.id, [predicted(frame, *(make(frame) for make in masks_))])
    finish_run(document, run.id)
    return document.runs[run.id]


def test_a_model_run_is_one_step_with_evidence(document):
    run = one_step(document, lambda: run_over(document, range(FRAMES), lambda f: block(50, 80)))
    (track,) = {track for _, track in run.tracks}
    assert frames_of(document, track) == list(range(FRAMES))
    assert document.annotation(track, 4).run == run.id
    assert document.evidence(run.id, 4) == b"why 4"
    assert run.done == ((0, FRAMES - 1),)


def test_a_run_never_touches_what_a_person_made(document):
    masks.set_mask(document, A, 0, at_a(0))
    masks.accept(document, A, Scope.this_frame(1))
    masks.lock_masks(document, A, Scope.this_frame(2), locked=True)
    tracks.set_locked(document, [B], True)
    human = [document.annotation(A, f) for f in range(3)] + [document.annotation(B, f) for f in range(4, 12)]
    run = one_step(document, lambda: run_over(document, range(FRAMES), at_a, at_b))
    assert human == [document.annotation(A, f) for f in range(3)] + [
        document.annotation(B, f) for f in range(4, 12)
    ]
    (track, kept), *_ = withheld_at(document, run.id, 0)
    assert (track, kept.mask) == (A, at_a(0))


def test_a_second_run_replaces_only_predictions(document):
    masks.set_mask(document, C, 2, block(20, 60))
    first = run_over(document, range(FRAMES), lambda f: block(50, 80))
    (track,) = {t for _, t in first.tracks}
    masks.accept(document, track, Scope.this_frame(7))
    second = one_step(document, lambda: run_over(document, range(FRAMES), lambda f: block(50, 79)))
    assert {t for _, t in second.tracks} == {track}  # the same object keeps its identity
    assert document.annotation(track, 7).mask == block(50, 80)
    assert all(document.annotation(track, f).mask == block(50, 79) for f in range(FRAMES) if f != 7)
    assert document.annotation(C, 2).mask == block(20, 60)


def test_a_drawn_mask_says_nothing_more_of_the_model(document):
    run = start_run(document, 1, first=0, last=1)
    for frame, category in ((0, 1), (1, 2)):
        add_predictions(document, run.id, [predicted(frame, block(50, 80), category=category)])
    (track,) = {t for _, t in document.runs[run.id].tracks}
    assert document.annotation(track, 1).extra == {"category": 2}
    masks.paint(document, track, 1, block(45, 80))
    drawn = document.annotation(track, 1)
    assert (drawn.run, drawn.score, dict(drawn.extra)) == (None, None, {})


def test_a_run_beside_another_changes_nothing_of_it(document):
    first = run_over(document, range(FRAMES), lambda f: block(50, 80))
    before = snapshot(document)
    second = one_step(
        document, lambda: run_over(document, range(FRAMES), lambda f: block(50, 78), beside=True)
    )
    after = snapshot(document)
    assert all(after[key] == value for key, value in before.items())
    assert not {t for _, t in first.tracks} & {t for _, t in second.tracks}


def test_two_runs_held_against_each_other(document):
    tracks.delete_tracks(document, [A, B, C])
    still, late = (lambda f: block(5, 5)), (lambda f: block(5, 7))  # IoU of two thirds

    def left(frame):  # the second run sees another object from frame 6 on
        return block(40, 40)

    first = run_over(document, range(FRAMES), still, left)
    second = start_run(document, 1, first=0, last=FRAMES - 1, weights="other", beside=True)
    for frame in range(FRAMES):
        items = [Prediction(0 if frame < 6 else 7, 1, late(frame), 0.8)]
        if frame >= 4:
            items.append(Prediction(3, 1, block(20, 80), 0.7))
        add_predictions(document, second.id, [PredictedFrame(frame, tuple(items))])
    steps = len(document.history.undo_names())
    found = compare_runs(document, first.id, second.id)
    assert len(document.history.undo_names()) == steps
    numbers = dict(document.runs[second.id].tracks)
    (a, b), (early, third, again) = (t for _, t in first.tracks), (numbers[n] for n in (0, 3, 7))
    assert [frame.frame for frame in found.frames] == list(range(FRAMES))
    assert found.frames[0].both == ((a, early),)
    assert found.frames[8].both == ((a, again),)
    assert found.frames[8].only_first == (b,)
    assert found.frames[8].only_second == (third,)
    assert found.frames[8].mean_iou == pytest.approx(80 / 120)
    assert found.partners == {(a, early): 6, (a, again): 6}
    assert found.partings == (Parting(6, a, before=early, now=again),)
    assert [frame.frame for frame in found.worst_first()] == [4, 5, *range(6, 12), *range(4)]
    assert found.agreement == pytest.approx(12 / (12 + 12 + 8))


def test_runs_that_cannot_be_compared(document):
    tracks.delete_tracks(document, [A, B, C])
    first = run_over(document, range(FRAMES), lambda f: block(5, 5))
    second = run_over(document, range(FRAMES), lambda f: block(5, 5))  # replaced the first
    for a, b in ((first.id, second.id), (second.id, second.id), (second.id, 99)):
        nothing_happens(document, lambda a=a, b=b: compare_runs(document, a, b))


# Review


def test_notes(document):
    note = one_step(
        document,
        lambda: review.add_note(document, 1, 3, "legs cut off", author="ann", track=A, point=(8.5, 9.0)),
    )
    assert (note.frame, note.track, note.x, note.y, note.state) == (3, A, 8.5, 9.0, "open")
    one_step(document, lambda: review.comment_on_note(document, note.id, "fixed", author="bob"))
    one_step(document, lambda: review.set_note_state(document, note.id, "resolved"))
    stored = document.notes[note.id]
    assert [(c.author, c.text) for c in stored.comments] == [("ann", "legs cut off"), ("bob", "fixed")]
    assert stored.state == "resolved"
    one_step(document, lambda: review.set_note_state(document, note.id, "open"))
    assert queries.notes_at(document, 1, 3) == [document.notes[note.id]]
    one_step(document, lambda: review.delete_note(document, note.id))
    nothing_happens(document, lambda: review.add_note(document, 1, FRAMES, "too late"))
    nothing_happens(document, lambda: review.comment_on_note(document, note.id, "gone"))


def test_reviewed_frames(document):
    one_step(document, lambda: review.set_frames_reviewed(document, 1, [0, 5, 6], reviewed=True))
    one_step(document, lambda: review.set_frames_reviewed(document, 1, [5], reviewed=False))
    assert queries.reviewed_frames(document, 1).tolist() == [0, 6]
    assert queries.next_unreviewed(document, 1, 5) == 7
    nothing_happens(document, lambda: review.set_frames_reviewed(document, 1, [99], reviewed=True))


# Videos and categories


def test_videos_and_categories(document):
    one_step(document, lambda: videos.move_video(document, 1, path="elsewhere/clip.mp4"))
    assert document.videos[1].path == "elsewhere/clip.mp4"
    one_step(document, lambda: videos.rename_category(document, 2, "lynx"))
    nothing_happens(document, lambda: videos.rename_category(document, 2, "DOG"))
    nothing_happens(document, lambda: videos.create_category(document, "Dog"))
    nothing_happens(document, lambda: videos.remove_category(document, 1))
    nothing_happens(document, lambda: videos.remove_category(document, 99))
    nothing_happens(document, lambda: videos.rename_category(document, 99, "wolf"))
    one_step(document, lambda: videos.remove_category(document, 2))
    review.add_note(document, 1, 3, "look")
    review.set_frames_reviewed(document, 1, [1], reviewed=True)
    run_over(document, range(3), at_a)
    one_step(document, lambda: videos.remove_video(document, 1))
    assert [len(t) for t in (document.videos, document.tracks, document.notes, document.runs)] == [0] * 4
