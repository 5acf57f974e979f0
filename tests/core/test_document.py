"""What the document promises to those who write and to those who listen."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from stmask_core.document.changes import Focus
from stmask_core.document.commands import identity, masks, tracks, videos
from stmask_core.document.records import Category, MaskAnnotation, Track
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError, NotInEdit, ProjectFileError
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.masks import Mask
from tests.core.document_walk import snapshot

SQUARE = Mask.from_bits(np.pad(np.ones((8, 8), bool), 8))


@pytest.fixture
def path(tmp_path):
    """Two tracks with masks in frames 0 to 4."""
    path = tmp_path / "a.stm"
    with ProjectFile.create(path) as file:
        document = file.document
        videos.add_video(document, "a.mp4", width=24, height=24, frame_count=10)
        videos.create_category(document, "dog")
        for _ in range(2):
            track = tracks.create_track(document, 1, 1)
            with document.edit("Draw"):
                for frame in range(5):
                    document.put(MaskAnnotation(track.id, frame, SQUARE))
    return path


@pytest.fixture
def document(path):
    with ProjectFile.open(path) as file:
        yield file.document


def test_nothing_is_written_outside_an_edit(document):
    before = snapshot(document)
    track = document.tracks[1]
    for write in (
        lambda: document.put(replace(track, name="x")),
        lambda: document.put(MaskAnnotation(1, 7, SQUARE)),
        lambda: document.remove(document.categories[1]),
        lambda: document.remove_row(1, 0),
        lambda: document.put_row(1, 7, document.annotations.row(1, 0)),
        lambda: document.put_evidence(1, 0, b""),
        lambda: document.new_id("tracks"),
    ):
        with pytest.raises(NotInEdit):
            write()
    assert snapshot(document) == before


def test_views_hear_of_an_edit_when_it_is_in_the_file(document, path):
    heard = []

    def listen(diff):
        with ProjectFile.open(path, read_only=True) as other:
            heard.append((diff.name, diff.origin, other.document.tracks[1].name))

    stop = document.subscribe(listen)
    tracks.rename_track(document, 1, "Rex")
    document.undo()
    document.redo()
    tracks.rename_track(document, 1, "Rex")  # nothing changes: nobody hears of it
    with pytest.raises(DocumentError), document.edit("Fail"):
        document.put(replace(document.tracks[1], category=99))
    assert heard == [
        ("Rename track", "edit", "Rex"),
        ("Rename track", "undo", ""),
        ("Rename track", "redo", "Rex"),
    ]
    stop()
    stop()
    tracks.rename_track(document, 1, "Bello")
    assert len(heard) == 3


def test_a_listener_that_fails_or_edits_does_no_harm(document, monkeypatch):
    reported, heard = [], []
    monkeypatch.setattr(sys, "excepthook", lambda *error: reported.append(error[1]))
    document.subscribe(lambda diff: tracks.rename_track(document, 2, "no"))
    document.subscribe(lambda diff: 1 / 0)
    document.subscribe(heard.append)
    tracks.rename_track(document, 1, "Rex")
    assert [type(error) for error in reported] == [DocumentError, ZeroDivisionError]
    assert [diff.name for diff in heard] == ["Rename track"]
    assert [t.name for t in document.tracks.values()] == ["Rex", ""]


def test_an_edit_inside_an_edit_is_refused(document):
    before = snapshot(document)
    with pytest.raises(DocumentError, match="in progress"), document.edit("Outer"):
        tracks.rename_track(document, 1, "Rex")
    assert snapshot(document) == before
    tracks.rename_track(document, 1, "Rex")  # and the document goes on


def test_changes_name_what_was_and_what_is(document):
    heard = []
    document.subscribe(heard.append)
    masks.set_mask(document, 1, 3, Mask.from_bits(np.eye(24, dtype=bool)))
    (diff,) = heard
    (change,) = diff.changes
    assert (change.table, change.key, diff.annotation_keys) == ("annotations", (1, 3), [(1, 3)])
    assert (change.before.area, change.after.area) == (64, 24)
    assert document.body(change.before.body).mask == SQUARE  # what was can still be looked at
    document.undo()
    assert heard[1].changes == (change.inverse(),)


def test_undo_knows_where_it_happened_even_after_a_restart(path):
    with ProjectFile.open(path) as file:
        masks.set_mask(file.document, 2, 4, Mask.empty(24, 24))
        identity.swap_tracks(file.document, 1, 2, Scope.from_here_on(3))
        tracks.rename_track(file.document, 2, "Rex")
    with ProjectFile.open(path) as file:
        found = [file.document.undo().focus for _ in range(3)]
        assert found == [Focus(1, None, (2,)), Focus(1, 3, (1, 2)), Focus(1, 4, (2,))]
        assert file.document.redo().focus == found[2]


def test_groups_are_one_step_unless_something_comes_between(document):
    before = snapshot(document)
    group = document.new_group("stroke")
    for frame in (5, 6):
        masks.set_mask(document, 1, frame, SQUARE, group=group)
    tracks.rename_track(document, 2, "between")
    masks.set_mask(document, 1, 7, SQUARE, group=group)
    assert document.history.undo_names()[:3] == ["Draw mask", "Rename track", "Draw mask"]
    for frames in ([5, 6], [5, 6], []):
        document.undo()
        assert [f for f in document.annotations.frames(1) if f > 4] == frames
    assert snapshot(document) == before


def test_what_is_in_use_cannot_be_removed(document):
    for record in (document.tracks[1], document.categories[1], document.videos[1]):
        with pytest.raises(DocumentError, match="in use"), document.edit("Remove"):
            document.remove(record)
    with pytest.raises(DocumentError, match="no such category"), document.edit("Remove"):
        document.remove(Category(9, "cat"))


def test_references_must_hold(document):
    wrong = [
        (Track(9, 1, 99), "no category 99"),
        (Track(9, 99, 1), "no video 99"),
        (MaskAnnotation(99, 0, SQUARE), "no track 99"),
        (MaskAnnotation(1, 10, SQUARE), "which has 10 frames"),
        (MaskAnnotation(1, 0, Mask.empty(8, 8)), "The mask is 8 x 8"),
        (replace(document.videos[1], frame_count=4), "do not fit"),
        (replace(document.videos[1], width=30), "do not fit"),
    ]
    before = snapshot(document)
    for record, message in wrong:
        with pytest.raises(DocumentError, match=message), document.edit("Wrong"):
            document.put(record)
    assert snapshot(document) == before


def test_half_a_character_is_refused(document):
    before = snapshot(document)
    with pytest.raises(ProjectFileError, match="half a character"):
        tracks.rename_track(document, 1, "Rex \ud800")
    assert snapshot(document) == before
    tracks.rename_track(document, 1, "Rex 🐕")


def test_ids_are_never_given_out_twice(path):
    with ProjectFile.open(path) as file:
        third = tracks.create_track(file.document, 1, 1)
        file.document.undo()
    with ProjectFile.open(path) as file:
        fourth = tracks.create_track(file.document, 1, 1)
        assert fourth.id > third.id
