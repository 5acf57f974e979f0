"""kill -9 at random moments: every acknowledged edit is there, no half edit, undo still works."""

import multiprocessing
import random
import sys

import pytest

from stmask_core.formats.project_file import ProjectFile
from tests.core import crash_worker as worker
from tests.core.document_walk import check_indexes, snapshot

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of Unix")
KILLS, LONG = 100, 1_000  # of each kind of work


@pytest.fixture(scope="module")
def processes():
    """Processes that start in milliseconds: forked from a server that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.core.crash_worker"])
    return context


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "crash test ü.stm"
    worker.begin(path)
    return path


def killed_while(processes, work, path, draw):
    """Run ``work`` on the project, kill it at a random moment; returns what it acknowledged."""
    acks = path.with_suffix(".acks")
    acks.unlink(missing_ok=True)
    process = processes.Process(target=work, args=(path, acks))
    process.start()
    while not acks.exists() or not acks.stat().st_size:  # until it has opened the project
        process.join(timeout=0.002)
        assert process.is_alive(), "the worker failed by itself"
    process.join(timeout=draw.uniform(0, 0.06))
    process.kill()
    process.join()
    assert process.exitcode == -9
    return acks.read_text(encoding="ascii").split("\n")[:-1]


def kill_edits(processes, path, num_kills, seed):
    draw = random.Random(seed)
    for _ in range(num_kills):
        acknowledged = int(killed_while(processes, worker.edit_for_ever, path, draw)[-1])
        with ProjectFile.open(path) as file:
            document = file.document
            step = worker.step_of(document)
            if step < acknowledged:  # caught between an undo and its redo: the redo is not lost
                document.redo()
                step = worker.step_of(document)
            assert acknowledged <= step <= acknowledged + 1
            check_indexes(document)
            check_last_edits(document, step)
            if step > 1:
                before = snapshot(document)
                document.undo()
                assert worker.step_of(document) == step - 1
                check_last_edits(document, step - 1)
                document.redo()
                assert snapshot(document) == before
    return step


def check_last_edits(document, step):
    """Every frame holds what its last edit wrote, in all tracks."""
    for back in range(min(step, worker.FRAMES)):
        for track in range(1, worker.TRACKS + 1):
            annotation = document.annotation(track, (step - back) % worker.FRAMES)
            assert annotation.score == step - back
            assert annotation.mask == worker.mask_of(step - back, track)


def kill_runs(processes, path, num_kills, seed):
    draw = random.Random(seed)
    with ProjectFile.open(path) as file:
        for frame in (5, 17):
            with file.document.edit("Draw"):
                file.document.put(worker.MaskAnnotation(2, frame, worker.mask_of(99, 2)))
        human = [file.document.annotation(2, frame) for frame in (5, 17)]
    for _ in range(num_kills):
        acks = killed_while(processes, worker.run_for_ever, path, draw)
        with ProjectFile.open(path) as file:
            document = file.document
            check_indexes(document)
            if acks[-1] != "-":
                run, frames = map(int, acks[-1].split())
                last = max(document.runs)
                assert last in (run, run + 1)
                assert last > run or worker.done_frames(document.runs[last]) >= frames
            assert [document.annotation(2, frame) for frame in (5, 17)] == human
            for record in document.runs.values():
                check_run(document, record)
    undo_everything(path)


def check_run(document, run):
    """A run's frames are all there up to where it got, evidence included, and none behind."""
    for frame in range(worker.FRAMES):
        evidence = document.evidence(run.id, frame)
        assert evidence == (f"evidence {frame}".encode() if frame < worker.done_frames(run) else None)
    if run.id == max(document.runs):
        for _, track in run.tracks:
            columns = document.annotations.columns(track)
            mine = columns.frames[columns.runs == run.id]
            assert len(mine) == worker.done_frames(run)


def undo_everything(path):
    with ProjectFile.open(path) as file:
        steps = len(file.document.history.undo_names())
        end = snapshot(file.document)
        for _ in range(steps):
            file.document.undo()
        assert snapshot(file.document) == {}
        for _ in range(steps):
            file.document.redo()
        assert snapshot(file.document) == end


@pytest.mark.parametrize("seed", range(2))
def test_killed_while_editing(processes, project, seed):
    assert kill_edits(processes, project, KILLS // 2, seed) > 20


@pytest.mark.parametrize("seed", range(2))
def test_killed_while_a_model_runs(processes, project, seed):
    kill_runs(processes, project, KILLS // 2, seed)


@pytest.mark.long
def test_killed_a_thousand_times_while_editing(processes, project):
    kill_edits(processes, project, LONG, 3)


@pytest.mark.long
def test_killed_a_thousand_times_while_a_model_runs(processes, project):
    kill_runs(processes, project, LONG, 3)


def test_a_second_process_may_look_but_not_write(processes, project):
    answer = processes.Queue()
    with ProjectFile.open(project) as file:
        process = processes.Process(target=worker.try_to_open, args=(project, answer))
        process.start()
        writer, num_tracks, reason = answer.get(timeout=60)
        process.join()
        assert "open for editing elsewhere" in writer
        assert num_tracks == worker.TRACKS
        assert reason
        worker.one_edit(file.document, 1)  # the first goes on undisturbed


def test_the_lock_dies_with_its_process(processes, project):
    held = project.with_suffix(".held")
    process = processes.Process(target=worker.hold_open, args=(project, held))
    process.start()
    while not held.exists():
        process.join(timeout=0.005)
        assert process.is_alive()
    with pytest.raises(Exception, match="open for editing elsewhere"):
        ProjectFile.open(project)
    process.kill()
    process.join()
    ProjectFile.open(project).close()
    assert not list(project.parent.glob("*.lock"))
