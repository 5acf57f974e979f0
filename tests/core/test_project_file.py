"""The project file when the disk, the folder, the machine or another program is against it."""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
import zlib
from pathlib import Path

import pytest

from stmask_core.document.records import MaskAnnotation, Track
from stmask_core.errors import DocumentError, ProjectFileError, WriteError
from stmask_core.formats import project_file
from stmask_core.formats.project.connection import file_system_of, is_on_network
from stmask_core.formats.project_file import ProjectFile, rescue
from tests.core import crash_worker as worker
from tests.core.document_walk import check_indexes, snapshot


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "folder with spaces ü" / "clip № 1.stm"
    path.parent.mkdir()
    worker.begin(path)
    with ProjectFile.open(path) as file:
        for step in range(1, 6):
            worker.one_edit(file.document, step)
    return path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def ordinary_user():
    """Without the rights of root, whom no folder refuses."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


# What the document promises


def test_what_is_written_is_there_after_reopening(project):
    with ProjectFile.open(project) as file:
        before, names = snapshot(file.document), file.document.history.undo_names()
    with ProjectFile.open(project) as file:
        assert snapshot(file.document) == before
        assert file.document.history.undo_names() == names
        file.document.undo()
        assert worker.step_of(file.document) == 4
    with ProjectFile.open(project) as file:
        assert worker.step_of(file.document) == 4
        file.document.redo()
        assert snapshot(file.document) == before


def test_history_forgets_the_oldest_steps_and_their_masks(project):
    with ProjectFile.open(project) as file:
        file.document.history.budget = 3_000
        for step in range(6, 100):
            worker.one_edit(file.document, step)
        assert 1 <= len(file.document.history.undo_names()) < 60
        bodies = "SELECT count(*) FROM bodies"
        before = file._store.connection.execute(bodies).fetchone()[0]
        file.compact()
        after = file._store.connection.execute(bodies).fetchone()[0]
        assert after < before
        check_indexes(file.document)  # reads every mask that is left
        while file.document.undo() is not None:
            check_indexes(file.document)


def test_undo_of_a_sweep_survives(project):
    with ProjectFile.open(project) as file:
        for track in (1, 2, 3):
            for frame in file.document.annotations.frames(track):
                with file.document.edit("Delete"):
                    file.document.remove_row(track, frame)
        file.compact()
        while file.document.undo() is not None:
            pass
        assert snapshot(file.document) == {}
        while file.document.redo() is not None:
            check_indexes(file.document)


def test_a_copy_has_everything(project):
    with ProjectFile.open(project) as file:
        before = snapshot(file.document)
        copy = file.save_copy(project.with_name("copy.stm"))
        with pytest.raises(ProjectFileError, match="this very project"):
            file.save_copy(project)
    with ProjectFile.open(copy) as file:
        assert snapshot(file.document) == before
        assert len(file.document.history.undo_names()) == 6


def test_a_copy_into_a_folder_that_refuses_says_why(project, tmp_path):
    with ProjectFile.open(project) as file:
        with pytest.raises(WriteError, match=r"copy\.stm cannot be written \(No such file"):
            file.save_copy(tmp_path / "nowhere" / "copy.stm")
        with a_disk_without_room(), pytest.raises((WriteError, ProjectFileError)):
            file.save_copy(tmp_path / "copy.stm")
    assert not list(tmp_path.glob("*copy*"))


def test_a_project_closes_on_a_full_disk_though_there_is_garbage_to_sweep(project, monkeypatch):
    monkeypatch.setattr(project_file, "SWEEP_FROM", 0)
    with ProjectFile.open(project) as file:
        file.document.history.budget = 3_000
        for step in range(6, 60):
            worker.one_edit(file.document, step)
        before = snapshot(file.document)
        assert file._store.garbage_bytes() > 0
        with a_disk_without_room():
            file.close()
    with ProjectFile.open(project) as file:
        assert snapshot(file.document) == before
        worker.one_edit(file.document, 60)
    assert beside(project) == []


def test_a_project_in_memory_can_be_kept(tmp_path):
    with ProjectFile.in_memory() as file:
        with file.document.edit("Begin"):
            file.document.put(worker.Video(1, "a.mp4", 10, 10, 10))
        file.save_copy(tmp_path / "kept.stm")
    with ProjectFile.open(tmp_path / "kept.stm") as file:
        assert list(file.document.videos) == [1]


# Against it


def edit_until(document, last):
    """Edit on to step ``last``, or until the file refuses."""
    for step in range(worker.step_of(document), last):
        worker.one_edit(document, step + 1)


def put_many_tracks(document):
    """One edit of about half a megabyte."""
    with document.edit("Much"):
        for number in range(2_000):
            document.put(Track(100 + number, 1, 1, name="x" * 100))


def test_a_full_disk_refuses_an_edit_and_loses_nothing(project):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ProjectFile.open(project) as file:
        document = file.document
        room = max(p.stat().st_size for p in project.parent.iterdir()) + 100_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(ProjectFileError) as refused:
                edit_until(document, 5_000)
            assert refused.value.hint
            step = worker.step_of(document)
            assert step > 5
            before = snapshot(document)
            assert document.history.undo_name == f"Edit {step}"
            check_indexes(document)
            with ProjectFile.open(project, read_only=True) as other:
                assert snapshot(other.document) == before
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        worker.one_edit(document, step + 1)
        document.undo()
        assert snapshot(document) == before
    with ProjectFile.open(project) as file:
        assert snapshot(file.document) == before


def test_a_full_database_refuses_an_edit(project):
    with ProjectFile.open(project) as file:
        connection = file._store.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        before = snapshot(file.document)
        with pytest.raises(ProjectFileError, match="disk is full"):
            put_many_tracks(file.document)
        assert snapshot(file.document) == before
        connection.execute("PRAGMA max_page_count = 1000000")
        worker.one_edit(file.document, 6)


@contextlib.contextmanager
def a_disk_without_room():
    """No file of this process can grow, as on a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_can_be_read_and_the_project_written_again_when_there_is_room(project):
    """Whoever opens it here looks for what to throw away; nothing may stay locked behind them."""
    with a_disk_without_room(), ProjectFile.open(project) as file:
        assert "disk is full" in file.read_only_reason
        assert worker.step_of(file.document) == 5
        check_indexes(file.document)
    with ProjectFile.open(project) as file:
        assert not file.read_only_reason
        worker.one_edit(file.document, 6)
    assert beside(project) == []


def test_a_project_that_a_full_disk_refuses_leaves_nothing(tmp_path):
    path = tmp_path / "new.stm"
    with a_disk_without_room(), pytest.raises(ProjectFileError, match=r"new\.stm"):
        ProjectFile.create(path)
    assert list(tmp_path.iterdir()) == []
    ProjectFile.create(path).close()


@pytest.mark.parametrize("replacement", [None, b"", b"something else"])
def test_a_file_removed_or_replaced_underneath(project, tmp_path, replacement):
    with ProjectFile.open(project) as file:
        before = snapshot(file.document)
        project.rename(tmp_path / "moved.stm")
        if replacement is not None:
            project.write_bytes(replacement)
        for write in (lambda: worker.one_edit(file.document, 6), file.document.undo):
            with pytest.raises(ProjectFileError, match="while it was open"):
                write()
            assert snapshot(file.document) == before
        copy = file.save_copy(project.with_name("saved again.stm"))
    if replacement is not None:
        assert project.read_bytes() == replacement
    with ProjectFile.open(copy) as file:
        assert snapshot(file.document) == before


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of Unix")
def test_a_folder_that_cannot_be_written(project):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(project, folder / "clip.stm")
        os.chmod(folder / "clip.stm", 0o444)
        os.chmod(folder, 0o555)
        try:
            with ordinary_user():
                with pytest.raises(ProjectFileError, match="No project can be written"):
                    ProjectFile.create(folder / "new.stm")
                with ProjectFile.open(folder / "clip.stm") as file:
                    assert "cannot be written" in file.read_only_reason
                    assert worker.step_of(file.document) == 5
                    with pytest.raises(ProjectFileError, match="cannot be changed"):
                        worker.one_edit(file.document, 6)
                    with pytest.raises(ProjectFileError, match="cannot be changed"):
                        file.document.undo()
        finally:
            os.chmod(folder, 0o755)


def test_opened_read_only_nothing_changes(project):
    before = digest(project)
    with ProjectFile.open(project, read_only=True) as file:
        with pytest.raises(ProjectFileError, match="cannot be changed"):
            worker.one_edit(file.document, 6)
        assert worker.step_of(file.document) == 5
    assert digest(project) == before


def beside(project):
    """Names of everything that lies beside a project."""
    return sorted(p.name for p in project.parent.iterdir() if p != project)


def test_reading_leaves_nothing_behind(project, tmp_path):
    before = digest(project)
    with (
        ProjectFile.open(project, read_only=True) as first,
        ProjectFile.open(project, read_only=True) as second,
    ):
        first.close()
        assert worker.step_of(second.document) == 5
        check_indexes(second.document)  # the pixels can still be read
    assert beside(project) == []
    rescue(project, tmp_path / "rescued.stm")
    assert beside(project) == []
    assert digest(project) == before


def test_refusing_leaves_nothing_behind(project):
    with sqlite3.connect(project) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(ProjectFileError, match="newer STMask Annotator"):
            ProjectFile.open(project, read_only=read_only)
    assert beside(project) == []


def test_a_reader_that_outlives_the_writer(project, tmp_path):
    """The writer's edits are in the file itself when it closes, so that a copy of the file has them."""
    with ProjectFile.open(project) as writer:
        reader = ProjectFile.open(project, read_only=True)
        worker.one_edit(writer.document, 6)
    shutil.copy(project, tmp_path / "copy.stm")
    check_indexes(reader.document)
    reader.close()
    assert beside(project) == []
    for path in (project, tmp_path / "copy.stm"):
        with ProjectFile.open(path, read_only=True) as file:
            assert worker.step_of(file.document) == 6


def test_a_reader_that_closes_first_disturbs_no_writer(project):
    with ProjectFile.open(project) as writer:
        ProjectFile.open(project, read_only=True).close()  # before the first edit: the journal is empty
        worker.one_edit(writer.document, 6)
        ProjectFile.open(project, read_only=True).close()
        worker.one_edit(writer.document, 7)
        writer.document.undo()
        with ProjectFile.open(project, read_only=True) as reader:
            assert worker.step_of(reader.document) == 6
    assert beside(project) == []


def crashed(project, folder):
    """A project whose last edit is in its journal only, as a crash leaves it."""
    folder.mkdir()
    with ProjectFile.open(project) as file:
        worker.one_edit(file.document, 6)
        for name in (project.name, f"{project.name}-wal"):
            shutil.copy(project.with_name(name), folder / name)
    return folder / project.name


def test_reading_after_a_crash_finds_the_last_edit_and_keeps_the_journal(project, tmp_path):
    path = crashed(project, tmp_path / "crashed")
    before = digest(path), digest(path.with_name(f"{path.name}-wal"))
    with ProjectFile.open(path, read_only=True) as file:
        assert worker.step_of(file.document) == 6
    assert (digest(path), digest(path.with_name(f"{path.name}-wal"))) == before
    with ProjectFile.open(path) as file:
        assert worker.step_of(file.document) == 6
    assert beside(path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of Unix")
def test_a_file_that_others_own_is_read_without_a_trace(project):
    """A journal that we made would keep its owner from writing."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "clip.stm"
        shutil.copy(project, path)
        path.chmod(0o444)
        path.parent.chmod(0o777)
        with ordinary_user():
            with ProjectFile.open(path, read_only=True) as file:
                assert worker.step_of(file.document) == 5
            assert beside(path) == []
            with ProjectFile.open(path) as file:
                assert "cannot be written" in file.read_only_reason
                assert beside(path) == []
            assert beside(path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of Unix")
def test_edits_waiting_in_a_folder_that_cannot_be_written_are_not_overlooked(project):
    with tempfile.TemporaryDirectory() as name:
        path = crashed(project, Path(name) / "crashed")
        path.parent.chmod(0o555)
        Path(name).chmod(0o755)
        try:
            with ordinary_user(), pytest.raises(ProjectFileError, match="not closed properly"):
                ProjectFile.open(path)
        finally:
            path.parent.chmod(0o755)


def test_the_same_program_cannot_open_it_twice_for_writing(project):
    with ProjectFile.open(project) as file:
        with pytest.raises(ProjectFileError, match=f"process {os.getpid()}"):
            ProjectFile.open(project)
        worker.one_edit(file.document, 6)
    with ProjectFile.open(project) as file:
        assert worker.step_of(file.document) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_is_no_way_around_the_writer(project, tmp_path):
    """Two writers would each hold their own idea of the document."""
    link = tmp_path / "link.stm"
    link.symlink_to(project)
    with ProjectFile.open(project) as file:
        with pytest.raises(ProjectFileError, match="open for editing elsewhere"):
            ProjectFile.open(link)
        worker.one_edit(file.document, 6)
    with ProjectFile.open(link) as file:
        assert worker.step_of(file.document) == 6
        assert file.path == project  # whose folder the videos' places are relative to
        with pytest.raises(ProjectFileError, match="open for editing elsewhere"):
            ProjectFile.open(project)
    assert beside(project) == []


def test_creating_does_not_overwrite(project):
    before = digest(project)
    with pytest.raises(ProjectFileError, match="exists already"):
        ProjectFile.create(project)
    assert digest(project) == before


# Versions


def test_an_old_file_is_brought_up_to_date(tmp_path, test_data):
    path = tmp_path / "old.stm"
    shutil.copy(test_data / "projects" / "version_1.stm", path)
    with ProjectFile.open(path, read_only=True) as file:  # without touching it
        assert worker.step_of(file.document) == 3
    with ProjectFile.open(path) as file:
        document = file.document
        assert worker.step_of(document) == 3
        assert document.evidence(1, 2) == b"evidence 2"
        check_indexes(document)
        worker.one_edit(document, 4)
        for _ in range(3):
            document.undo()
        assert worker.step_of(document) == 2
    with ProjectFile.open(path) as file:
        assert worker.step_of(file.document) == 2


def test_a_damaged_old_file_can_be_rescued(tmp_path, test_data):
    path, out = tmp_path / "old.stm", tmp_path / "rescued.stm"
    shutil.copy(test_data / "projects" / "version_1.stm", path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE bodies SET data = x'00' WHERE id = 2")
        connection.execute("UPDATE tracks SET data = 'x' WHERE id = 3")
    connection.close()
    before = digest(path)
    report = rescue(path, out)
    assert digest(path) == before
    assert any("records of tracks" in line for line in report.lost)
    with ProjectFile.open(out) as file:
        assert worker.step_of(file.document) == 3
        assert len(file.document.annotations) == report.masks > 0
        assert file.document.evidence(1, 2) == b"evidence 2"
        check_indexes(file.document)


def test_a_newer_file_is_refused_untouched(project):
    with sqlite3.connect(project) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = digest(project)
    for read_only in (False, True):
        with pytest.raises(ProjectFileError, match="newer STMask Annotator"):
            ProjectFile.open(project, read_only=read_only)
    assert digest(project) == before


# Damage


def damage(path, share=0.5, num_bytes=2_000):
    """Overwrite a stretch in the middle of the file."""
    with open(path, "r+b") as file:
        file.seek(int(path.stat().st_size * share))
        file.write(b"\xa5" * num_bytes)


def test_a_damaged_file_is_never_written_and_can_be_rescued(tmp_path):
    path = tmp_path / "damaged.stm"
    worker.begin(path)
    with ProjectFile.open(path) as file:
        for step in range(1, 400):
            worker.one_edit(file.document, step)
        truth = snapshot(file.document)
    rescued_something = refused = 0
    for share in (number / 20 for number in range(1, 20)):
        copy = tmp_path / f"damaged {share:.2f}.stm"
        shutil.copy(path, copy)
        damage(copy, share)
        before = digest(copy)
        try:
            with ProjectFile.open(copy) as file:
                if not file.read_only_reason:  # the tree is sound, a mask or a past step is not
                    masks_are_true_or_refused(file.document, truth)
                    continue
                refused += 1
                assert "damaged" in file.read_only_reason
                with pytest.raises(ProjectFileError, match="cannot be changed"):
                    worker.one_edit(file.document, 400)
        except ProjectFileError as error:
            if "amaged" not in str(error):
                raise
            refused += 1
        assert digest(copy) == before
        out = tmp_path / f"rescued {share:.2f}.stm"
        report = rescue(copy, out)
        assert digest(copy) == before
        with ProjectFile.open(out) as file:
            check_indexes(file.document)
            assert len(file.document.annotations) == report.masks
            rescued_something += report.masks > 0
    assert refused >= 3
    assert rescued_something >= 2


def test_a_list_of_tables_that_is_not_text_is_damage(project, tmp_path):
    """SQLite quotes the broken name in its message, and Python cannot decode the quote."""
    data = project.read_bytes()
    assert data.count(b"CREATE TABLE tracks") == 1
    project.write_bytes(data.replace(b"TABLE tracks", b"TXBLE tracks").replace(b"tracks", b"tr\xc3cks"))
    for opening in (ProjectFile.open, lambda path: rescue(path, tmp_path / "rescued.stm")):
        with pytest.raises(ProjectFileError, match="damaged"):
            opening(project)


def test_a_damaged_step_of_the_history_costs_only_the_history(project):
    with sqlite3.connect(project) as connection:
        connection.execute("UPDATE history SET focus = 'nonsense' WHERE number = 3")
    connection.close()
    before = digest(project)
    with ProjectFile.open(project) as file:
        assert "undo history" in file.read_only_reason or "place of an edit" in file.read_only_reason
        assert worker.step_of(file.document) == 5
        check_indexes(file.document)
        assert file.document.history.undo_names() == []
    assert digest(project) == before
    assert beside(project) == []
    assert rescue(project, project.with_name("rescued.stm")).lost == ()


def test_a_past_step_that_unfolds_without_end_is_refused(project):
    """A few hundred kilobytes that would become half a gigabyte, for whoever presses undo."""
    pack = zlib.compressobj(9)
    bomb = b"".join([pack.compress(b"[" * (1 << 20)) for _ in range(500)]) + pack.flush()
    assert len(bomb) < 1 << 20
    with sqlite3.connect(project) as connection:
        connection.execute("UPDATE history SET changes = ? WHERE number = 6", (bomb,))
    connection.close()
    with ProjectFile.open(project) as file:
        before = snapshot(file.document)
        with pytest.raises(ProjectFileError, match="does not end"):
            file.document.undo()
        assert snapshot(file.document) == before
        worker.one_edit(file.document, 6)


def masks_are_true_or_refused(document, truth):
    for track in document.annotations:
        for frame in document.annotations.frames(track):
            with contextlib.suppress(ProjectFileError):
                assert document.annotation(track, frame) == truth["annotations", (track, frame)]


def test_rescue_of_a_sound_file_loses_nothing_but_history(project):
    out = project.with_name("rescued.stm")
    assert rescue(project, out).lost == ()
    with ProjectFile.open(project) as old, ProjectFile.open(out) as new:
        assert snapshot(new.document) == snapshot(old.document)
        assert new.document.history.undo_names() == ["Rescue"]


def test_rescue_says_what_was_lost(project, tmp_path):
    with sqlite3.connect(project) as connection:
        connection.execute(
            "UPDATE bodies SET data = x'00' WHERE id IN (SELECT body FROM annotations LIMIT 2)"
        )
        connection.execute("DELETE FROM tracks WHERE id = 3")
    connection.close()
    report = rescue(project, tmp_path / "rescued.stm")
    assert any("2 masks of track 1" in line for line in report.lost)
    assert any("1 tracks whose record is gone" in line for line in report.lost)
    assert report.masks == 8


# Disks


@pytest.mark.parametrize("journal", ["wal", "rollback"])
def test_each_edit_is_flushed_to_the_disk(project, tmp_path, journal):
    """So that a power cut takes no edit that somebody saw."""
    for make in (lambda: ProjectFile.create(tmp_path / "new.stm", journal=journal),
                 lambda: ProjectFile.open(project, journal=journal)):  # fmt: skip
        with make() as file:
            mode, level = (
                file._store.connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous")
            )
            assert (mode, level) == ({"wal": "wal", "rollback": "delete"}[journal], 2)


def test_a_rollback_journal_works_as_well(tmp_path):
    path = tmp_path / "share.stm"
    with ProjectFile.create(path, journal="rollback") as file:
        assert file._store.connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert file._store.connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    with ProjectFile.open(path, journal="wal"):
        pass
    with ProjectFile.open(path, journal="rollback") as file:
        assert file._store.connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        with file.document.edit("Begin"):
            file.document.put(worker.Video(1, "a.mp4", 10, 10, 10))
        with ProjectFile.open(path, read_only=True) as other:
            assert list(other.document.videos) == [1]


def test_network_shares_are_recognised_by_their_mount():
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\n"
        "server:/export /mnt/our\\040share nfs4 rw 0 0\n"
        "//nas/x /mnt/nas cifs rw 0 0\n"
    )
    assert file_system_of("/mnt/our share/a.stm", mounts) == "nfs4"
    assert file_system_of("/mnt/nas/deep/a.stm", mounts) == "cifs"
    assert file_system_of("/mnt/nasty/a.stm", mounts) == "ext4"
    assert file_system_of("/home/a.stm", mounts) == "ext4"
    assert file_system_of("/home/a.stm", "") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/mounts")
def test_a_local_folder_is_no_network_share(tmp_path):
    assert not is_on_network(tmp_path / "a.stm")


def test_masks_of_another_size_are_refused(project):
    with (
        ProjectFile.open(project) as file,
        pytest.raises(DocumentError, match="The mask is 5 x 5"),
        file.document.edit("Wrong size"),
    ):
        file.document.put(MaskAnnotation(1, 0, worker.Mask.empty(5, 5)))
