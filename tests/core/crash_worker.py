"""What the crash tests run in a process of its own, to be killed at any moment."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    start_run,
)
from stmask_core.document.document import Document
from stmask_core.document.records import Category, MaskAnnotation, Track, Video
from stmask_core.errors import ProjectFileError
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.masks import Mask

HEIGHT, WIDTH, FRAMES, TRACKS = 36, 64, 40, 3
CHUNK = 4  # frames per edit of a model run


def mask_of(step: int, track: int) -> Mask:
    """A different mask for every step and track."""
    bits = np.zeros((HEIGHT, WIDTH), bool)
    bits[step % 20 : step % 20 + 9, (7 * step + track) % 50 : (7 * step + track) % 50 + 9] = True
    return Mask.from_bits(bits)


def begin(path: Path) -> None:
    """A project with three tracks."""
    with ProjectFile.create(path) as file, file.document.edit("Begin"):
        document = file.document
        document.put(Video(document.new_id("videos"), "a.mp4", WIDTH, HEIGHT, FRAMES))
        document.put(Category(document.new_id("categories"), "dog"))
        for track in range(1, TRACKS + 1):
            document.put(Track(document.new_id("tracks"), 1, 1, name="0" if track == 1 else ""))


def one_edit(document: Document, step: int) -> None:
    """Edit number ``step``: one mask per track, and the number written as a name."""
    with document.edit(f"Edit {step}"):
        for track in range(1, TRACKS + 1):
            annotation = MaskAnnotation(track, step % FRAMES, mask_of(step, track), score=float(step))
            document.put(annotation)
        document.put(Track(1, 1, 1, name=str(step)))


def step_of(document: Document) -> int:
    """Number of the last edit in the document."""
    return int(document.tracks[1].name)


def edit_for_ever(path: Path, acknowledged: Path) -> None:
    """Edit on from where the project is; note every edit that returned."""
    acks = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with ProjectFile.open(path) as file:
        step = step_of(file.document)
        os.write(acks, f"{step}\n".encode())
        while True:
            step += 1
            one_edit(file.document, step)
            os.write(acks, f"{step}\n".encode())
            if step % 7 == 0:
                file.document.undo()
                file.document.redo()


def predicted(frame: int) -> PredictedFrame:
    """What the model of these tests says about a frame."""
    predictions = [Prediction(n, 1, mask_of(frame, n), 0.5 + n / 10) for n in range(TRACKS)]
    return PredictedFrame(frame, tuple(predictions), f"evidence {frame}".encode())


def run_for_ever(path: Path, acknowledged: Path) -> None:
    """Run a model from where the last run stopped, a new one after each end; note every chunk."""
    acks = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with ProjectFile.open(path) as file:
        document = file.document
        run = document.runs[max(document.runs)] if document.runs else None
        os.write(acks, b"-\n")
        while True:
            if run is None or done_frames(run) == FRAMES:
                run = start_run(document, 1, first=0, last=FRAMES - 1)
            for first in range(done_frames(run), FRAMES, CHUNK):
                add_predictions(document, run.id, [predicted(f) for f in range(first, first + CHUNK)])
                os.write(acks, f"{run.id} {first + CHUNK}\n".encode())
            run = document.runs[run.id]


def done_frames(run) -> int:
    """How many frames a run has finished."""
    return run.done[-1][1] + 1 if run.done else 0


def try_to_open(path: Path, answer) -> None:
    """Say what a second process meets: as a writer, then as a reader."""
    try:
        ProjectFile.open(path).close()
        writer = "opened"
    except ProjectFileError as error:
        writer = str(error)
    with ProjectFile.open(path, read_only=True) as file:
        answer.put((writer, len(file.document.tracks), file.read_only_reason))


def hold_open(path: Path, acknowledged: Path) -> None:
    """Open for writing and never close."""
    file = ProjectFile.open(path)
    acknowledged.write_text("held", encoding="utf-8")
    while file.document is not None:
        os.sched_yield() if hasattr(os, "sched_yield") else None
