"""Several commands can be one undo step."""

from stmask_core.document.commands.tracks import create_track, rename_track
from stmask_core.document.commands.videos import add_video, create_category
from stmask_core.formats.project_file import ProjectFile


def test_edits_of_one_step_are_undone_together():
    document = ProjectFile.in_memory().document
    video = add_video(document, "a.mp4", width=8, height=8, frame_count=2)
    category = create_category(document, "dog")
    with document.one_step():
        first = create_track(document, video.id, category.id)
        second = create_track(document, video.id, category.id)
        rename_track(document, second.id, "Rex")
    create_track(document, video.id, category.id)
    document.undo()
    assert set(document.tracks) == {first.id, second.id}
    document.undo()
    assert not document.tracks
    document.redo()
    assert [t.name for t in document.tracks.values()] == ["", "Rex"]
    assert document.history.undo_name == "Rename track"
