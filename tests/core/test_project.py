"""A project with several real videos: where they are, whether they moved, who may write, what is rescued."""

import os
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from stmask_core.document.commands.masks import set_mask
from stmask_core.document.commands.tracks import create_track
from stmask_core.document.commands.videos import add_video, create_category
from stmask_core.document.queries import tracks_of_video
from stmask_core.errors import ProjectFileError, VideoError
from stmask_core.formats.project_file import rescue
from stmask_core.opencv import cv2
from stmask_core.project import Project
from stmask_core.structures.masks import Mask
from stmask_core.video.fingerprint import fingerprint
from stmask_core.video.source import open_video
from tests.core.document_walk import snapshot
from tests.core.numbered_clips import HEIGHT, WIDTH, number_of, numbered, write_clip

LENGTHS = {"first clip.mp4": 7, "später № 2/犬 и кот.mp4": 5, "frames of a third": 4}


def write_frames(folder, count):
    folder.mkdir(parents=True)
    for n in range(count):
        name = folder / f"{n:05d}.png"
        name.write_bytes(cv2.imencode(".png", numbered(n)[..., ::-1])[1].tobytes())
    return folder


@pytest.fixture
def home(tmp_path):
    """A folder with two video files and a folder of frames, names with spaces and letters of four scripts."""
    folder = tmp_path / "mes vidéos à moi"
    for name, count in LENGTHS.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        write_clip(place, count) if place.suffix else write_frames(place, count)
    return folder


@pytest.fixture
def path(home):
    """A project with the three videos and one track of two masks on each."""
    place = home / "project ü.stm"
    first, *others = LENGTHS
    with Project.create(place, video=home / first) as project:
        for name in others:
            project.add_video(home / name)
        category = create_category(project.document, "dog")
        for video in project.document.videos:
            track = create_track(project.document, video, category.id)
            for frame in (0, 3):
                set_mask(project.document, track.id, frame, mask_of(video, frame))
    return place


def mask_of(video, frame):
    bits = numbered(frame)[..., 0] > 200
    bits[: 3 * video] = False
    return Mask.from_bits(bits)


def check_everything(project, videos=None):
    """Every video is found, is the right one, frame for frame, and its masks are on it."""
    document = project.document
    assert sorted(document.videos) == [1, 2, 3]
    for video, count in zip(document.videos, LENGTHS.values(), strict=True):
        if videos is not None and video not in videos:
            continue
        with open_video(project.find_video(video)) as source:
            assert [number_of(frame) for frame in source] == list(range(count))
        (track,) = tracks_of_video(document, video)
        found = {f: document.annotation(track.id, f).mask for f in document.annotations.frames(track.id)}
        assert found == {frame: mask_of(video, frame) for frame in (0, 3)}


def test_several_videos_in_one_project(home, path):
    with Project.open(path) as project:
        check_everything(project)
        for record, (name, count) in zip(project.document.videos.values(), LENGTHS.items(), strict=True):
            assert (record.path, record.name) == (name, Path(name).name)
            assert (record.width, record.height, record.frame_count) == (WIDTH, HEIGHT, count)
        while project.document.undo() is not None:
            pass
        assert len(project.document.videos) == 0
        while project.document.redo() is not None:
            pass
        check_everything(project)


def test_the_whole_folder_may_move(home, path, tmp_path):
    moved = home.rename(tmp_path / "on another disk")
    with Project.open(moved / path.name, read_only=True) as project:
        check_everything(project)


def test_moved_videos_are_found_by_their_content(home, path, tmp_path):
    names = list(LENGTHS)
    (home / names[0]).rename(home / "renamed.mp4")
    archive = tmp_path / "archive 2024"
    archive.mkdir()
    (home / names[1]).rename(archive / "other name.mp4")
    (home / names[2]).rename(home / "frames moved")
    shutil.copy(home / "renamed.mp4", archive / "a copy that is not asked for.mp4")
    with Project.open(path, read_only=True) as project:  # found, and nothing written
        assert project.find_video(1) == home / "renamed.mp4"
        assert project.document.videos[1].path == names[0]
    with Project.open(path) as project:
        steps = len(project.document.history.undo_names())
        with pytest.raises(VideoError, match="has moved") as missing:
            project.find_video(2)
        assert missing.value.hint
        assert project.find_video(2, look_in=(archive,)) == archive / "other name.mp4"
        check_everything(project)
        assert [v.path for v in project.document.videos.values()] == [
            "renamed.mp4",
            "../archive 2024/other name.mp4",
            "frames moved",
        ]
        assert len(project.document.history.undo_names()) == steps + 3
    with Project.open(path) as project:  # remembered
        check_everything(project)


def test_a_missing_video_is_asked_for(home, path, tmp_path):
    place = (home / next(iter(LENGTHS))).rename(tmp_path / "far away.mp4")
    other = write_clip(tmp_path / "other.mp4", 9)
    with Project.open(path) as project:
        before = snapshot(project.document)
        with pytest.raises(VideoError, match="first clip"):
            project.find_video(1)
        check_everything(project, videos=(2, 3))
        with pytest.raises(ProjectFileError, match="its content differs"):
            project.relink_video(1, other)
        with pytest.raises(VideoError, match="cannot be read"):
            project.relink_video(1, tmp_path / "nowhere.mp4")
        assert snapshot(project.document) == before
        project.relink_video(1, place)
        check_everything(project)
        project.document.undo()
        assert snapshot(project.document) == before
    with Project.open(path) as project, pytest.raises(VideoError, match="has moved"):
        project.find_video(1)


def test_in_a_project_for_reading_no_video_is_looked_at_in_vain(home, path, tmp_path):
    other = write_clip(tmp_path / "other.mp4", 9)
    reading = Project.open(path, read_only=True)
    with reading as project, pytest.raises(ProjectFileError, match="cannot be changed"):
        project.relink_video(1, other)


def test_another_video_of_the_same_name_is_not_taken_for_the_annotated_one(home, path):
    place = home / next(iter(LENGTHS))
    place.rename(home / "kept.mp4")
    write_clip(place, 9)
    with Project.open(path) as project:
        check_everything(project)
        assert project.document.videos[1].path == "kept.mp4"
    (home / "kept.mp4").unlink()
    with Project.open(path) as project:
        project.relink_video(1, place, force=True)  # the user insists
        assert project.find_video(1) == place
        project.document.undo()
        with pytest.raises(VideoError, match="has moved"):
            project.find_video(1)


def test_a_video_written_anew_frame_for_frame_is_the_annotated_one(home, path):
    write_clip(home / next(iter(LENGTHS)), 7, options={"crf": "30"})
    with Project.open(path) as project:
        check_everything(project)


@pytest.mark.skipif(sys.platform == "win32", reason="devices of Unix")
@pytest.mark.parametrize("known", ["", "sampled-sha256:00"])
def test_a_device_or_a_pipe_is_no_video(tmp_path, known):
    """A project from a stranger may name one: reading it would take all memory, or wait for ever."""
    os.mkfifo(tmp_path / "pipe.mp4")
    with Project.create(tmp_path / "strange.stm") as project:
        for number, place in enumerate(("/dev/zero", str(tmp_path / "pipe.mp4")), start=1):
            add_video(project.document, place, width=8, height=8, frame_count=2, fingerprint=known)
            with pytest.raises(VideoError, match="is not there"):
                project.find_video(number)
            with pytest.raises(VideoError, match="no file that ends"):
                fingerprint(place)


def test_a_video_that_cannot_be_read_leaves_no_project(tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\x00" * 500)
    with pytest.raises(VideoError):
        Project.create(tmp_path / "a.stm", video=broken)
    assert os.listdir(tmp_path) == ["broken.mp4"]


def test_a_second_writer_is_refused_and_may_look(home, path):
    with Project.open(path) as project:
        with pytest.raises(ProjectFileError, match="open for editing elsewhere") as refused:
            Project.open(path)
        assert "read-only" in refused.value.hint
        with Project.open(path, read_only=True) as reader:
            check_everything(reader)
            with pytest.raises(ProjectFileError, match="cannot be changed"):
                reader.add_video(home / next(iter(LENGTHS)))
        create_category(project.document, "cat")
    with Project.open(path) as project:
        assert len(project.document.categories) == 2


def test_a_copy_elsewhere_finds_the_videos(path, tmp_path):
    with Project.open(path) as project:
        copy = project.file.save_copy(tmp_path / "copies of mine.stm")
        check_everything(project)
    for place in (copy, path):
        with Project.open(place) as project:
            check_everything(project)


@pytest.mark.parametrize("table", ["history", "evidence"])
def test_a_damaged_project_is_read_only_and_rescued_with_its_videos(path, tmp_path, table):
    with sqlite3.connect(path) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    connection.close()
    with open(path, "r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)
    damaged = path.read_bytes()
    with Project.open(path) as project:
        assert "damaged" in project.document.read_only_reason
        with pytest.raises(ProjectFileError, match="cannot be changed"):
            create_category(project.document, "cat")
        check_everything(project)
    out = tmp_path / "rescued"
    out.mkdir()
    report = rescue(path, out / "clip.stm")
    assert (report.masks, report.lost) == (6, ())
    with Project.open(out / "clip.stm") as project:
        check_everything(project)
        assert project.document.history.undo_names() == ["Rescue"]
        create_category(project.document, "cat")
    assert path.read_bytes() == damaged
    assert sorted(p.name for p in path.parent.iterdir() if p.name.startswith((path.name, "."))) == [path.name]
