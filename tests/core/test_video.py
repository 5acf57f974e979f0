"""Videos: frame n is frame n, by playing and by seeking, whatever the file is like."""

import hashlib
import json
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stmask_core.errors import VideoError
from stmask_core.opencv import cv2
from stmask_core.video.dataset import open_dataset
from stmask_core.video.fingerprint import fingerprint
from stmask_core.video.image_folder import natural_order
from stmask_core.video.source import open_video
from stmask_core.video.writer import write_video
from tests.core.numbered_clips import HEIGHT, WIDTH, number_of, numbered, write_clip

GAPS = [0, 3, 5, 10, 18, 19, 20, 25, 26, 29, 34, 35, 40, 42, 43, 44, 49, 54, 55, 57, 58, 63, 68, 69, 74, 75]
KINDS = {
    "plain.mp4": {},
    "b-frames, open groups.mp4": {
        "options": {"bf": "4", "x264-params": "open-gop=1:b-pyramid=normal:keyint=12:min-keyint=12"}
    },
    "one key frame.mp4": {"options": {"g": "500", "bf": "3"}},
    "variable rate.mp4": {"times": GAPS + [75 + 4 * n for n in range(1, 15)], "base": Fraction(1, 120)},
    "starts late.mkv": {"times": list(range(1000, 1040))},
    "transport.ts": {"options": {"g": "10", "bf": "2"}},
    "ten bit.mp4": {"pix_fmt": "yuv420p10le"},
    "odd size 4:4:4.mp4": {"pix_fmt": "yuv444p", "size": (WIDTH + 1, HEIGHT + 1)},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "12", "cpu-used": "8"}},
    "vp8 with hidden frames.webm": {
        "codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "20", "b": "300k"}
    },
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "mpeg4 with b-frames.avi": {"codec": "mpeg4", "options": {"bf": "2", "g": "12", "b": "900k"}},
    "no times.h264": {"format_": "h264", "options": {"g": "12", "bf": "2"}},
    "animation.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "späce & 犬.mp4": {},
}  # fmt: skip
COUNT = 40


def make(folder, kind):
    return write_clip(folder / kind, COUNT, **KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_playing_and_seeking_show_the_same_frames(tmp_path, kind):
    path = make(tmp_path, kind)
    with open_video(path) as video:
        assert len(video) == COUNT
        assert [number_of(picture) for picture in video] == list(range(COUNT))
    for order in (range(COUNT - 1, -1, -1), random.Random(3).sample(range(COUNT), COUNT)):
        with open_video(path) as video:
            for n in order:
                assert number_of(video.frame(n)) == n
                if n % 3 == 0:  # drop what is kept, so that the next access really seeks
                    video._kept.clear()


@pytest.mark.parametrize("kind", KINDS)
def test_a_jump_to_the_end_of_a_group_goes_on_into_the_next(tmp_path, kind):
    path = make(tmp_path, kind)
    for begin in range(COUNT):
        with open_video(path) as video:
            assert [number_of(video.frame(n)) for n in range(begin, min(begin + 8, COUNT))] == list(
                range(begin, min(begin + 8, COUNT))
            )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=12))
def test_any_order_of_access_shows_the_frames_asked_for(tmp_path, steps):
    path = tmp_path / "clip.mp4"
    if not path.exists():
        write_clip(path, COUNT, **KINDS["b-frames, open groups.mp4"])
    with open_video(path) as video:
        assert [number_of(video.frame(n)) for n in steps] == steps


def pictures(path, frames):
    """A digest of each of these frames, in this order."""
    with open_video(path) as video:
        return {n: hashlib.sha256(video.frame(n)).hexdigest() for n in frames if n < len(video)}


@pytest.mark.parametrize("damage", range(3))
def test_a_jump_far_from_a_key_frame_shows_what_playing_shows(tmp_path, damage):
    """Also where a damaged file makes the decoder guess."""
    path = write_clip(tmp_path / "long group.mp4", 200, options={"g": "500", "bf": "3"})
    draw = random.Random(damage)
    if damage:
        content = bytearray(path.read_bytes())
        for _ in range(damage):
            content[draw.randrange(len(content) // 4, len(content) * 2 // 3)] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    order = draw.sample(range(200), 25)
    played = pictures(path, range(200))
    assert damage or len(set(played.values())) == 200
    assert pictures(path, order) == {n: played[n] for n in order if n in played}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_reading_on_needs_no_more_threads(tmp_path):
    with open_video(write_clip(tmp_path / "clip.mp4", COUNT)) as video:
        for n in range(5):
            video.frame(n)
        before = len(list(Path("/proc/self/task").iterdir()))
        for n in range(5, COUNT):
            video.frame(n)
        assert len(list(Path("/proc/self/task").iterdir())) <= before


def test_times_are_those_of_the_file(tmp_path):
    with open_video(make(tmp_path, "variable rate.mp4")) as video:
        times = [video.time_of(n) for n in range(26)]
    assert times == pytest.approx([tick / 120 for tick in GAPS], abs=1e-3)


def test_a_file_that_begins_between_key_frames_begins_at_the_first_that_decodes(tmp_path):
    whole = write_clip(tmp_path / "whole.ts", COUNT, options={"g": "10", "bf": "0", "keyint_min": "10"})
    cut = tmp_path / "cut.ts"
    with av.open(str(whole)) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for at, packet in enumerate(source.demux(video=0)):
            if packet.dts is None or at < 5:
                continue
            packet.stream = stream
            target.mux(packet)
    with open_video(cut) as video:
        numbers = [number_of(picture) for picture in video]
        assert [number_of(video.frame(n)) for n in reversed(range(len(video)))] == numbers[::-1]
    assert numbers == list(range(10, COUNT))


def test_a_cut_file_is_usable_up_to_the_cut_and_says_so(tmp_path):
    path = write_clip(
        tmp_path / "clip.mp4", COUNT, options={"g": "10"}, format_="mp4",
    )  # fmt: skip
    fast = tmp_path / "fast.mp4"
    with av.open(str(path)) as source, av.open(str(fast), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = fast.read_bytes()
    fast.write_bytes(data[: len(data) * 3 // 4])
    with open_video(fast) as video:
        assert 5 < len(video) < COUNT
        assert [number_of(picture) for picture in video] == list(range(len(video)))
        missing = COUNT - len(video)
        assert any(f"cut: {missing} of {COUNT}" in warning for warning in video.info.warnings)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_applied(tmp_path, rotation):
    flat = write_clip(tmp_path / "flat.mp4", 3)
    turned = tmp_path / "turned.mp4"
    with av.open(str(flat)) as source, av.open(str(turned), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    _write_display_matrix(turned, rotation)
    with open_video(flat) as a, open_video(turned) as b:
        expected = np.rot90(a.frame(1), rotation // 90)
        assert b.frame(1).shape == expected.shape == (b.info.height, b.info.width, 3)
        assert np.abs(b.frame(1).astype(int) - expected).max() <= 2


def _write_display_matrix(path, degrees):
    """Put a rotation (counter-clockwise) into the track header of an mp4 file (ISO 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 4 + 4 + 36  # behind version and the fields ahead of the matrix (version 0)
    cos, sin = {90: (0, -1), 180: (-1, 0), 270: (0, 1)}[degrees]
    matrix = [cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30]
    data[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)


BAD_FILES = {
    "empty.mp4": b"",
    "text.mp4": b"this is not a video, whatever its name says" * 20,
    "picture.mp4": b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + (10**6).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_no_video_is_refused_in_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(BAD_FILES[name])
    with pytest.raises(VideoError) as caught:
        open_video(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path):
    for place in (tmp_path / "nowhere.mp4", tmp_path):
        with pytest.raises(VideoError):
            open_video(place)


def test_frames_outside_are_index_errors(tmp_path):
    with open_video(write_clip(tmp_path / "clip.mp4", 3)) as video:
        for n in (-1, 3):
            with pytest.raises(IndexError):
                video.frame(n)


def test_image_folders_sort_numbers_as_numbers(tmp_path):
    for n in (1, 2, 10, 11, 3):
        cv2.imwrite(str(tmp_path / f"{n}.png"), numbered(n)[..., ::-1])
    (tmp_path / ".hidden.png").write_bytes(b"x")
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    with open_video(tmp_path) as video:
        assert [number_of(picture) for picture in video] == [1, 2, 3, 10, 11]
        assert number_of(video.frame(3)) == 10
    names = sorted((tmp_path / name for name in ("b2.jpg", "a10.jpg", "A9.jpg")), key=natural_order)
    assert [path.name for path in names] == ["A9.jpg", "a10.jpg", "b2.jpg"]


@pytest.mark.parametrize("damage", ["cut", "empty", "other size", "text"])
def test_a_damaged_picture_is_named_and_the_others_stay_in_place(tmp_path, damage):
    for n in range(4):
        cv2.imwrite(str(tmp_path / f"{n}.jpg"), numbered(n)[..., ::-1])
    bad = tmp_path / "2.jpg"
    if damage == "other size":
        cv2.imwrite(str(bad), numbered(2)[:32, ::-1])
    else:
        bad.write_bytes({"cut": bad.read_bytes()[:500], "empty": b"", "text": b"hello"}[damage])
    with open_video(tmp_path) as video:
        assert len(video) == 4
        assert number_of(video.frame(3)) == 3
        with pytest.raises(VideoError, match=r"2\.jpg"):
            video.frame(2)


def test_a_picture_whose_header_lies_about_its_size_is_refused(tmp_path):
    header = (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + (10**6).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    )
    (tmp_path / "0.png").write_bytes(header + b"\0" * 64)
    with pytest.raises(VideoError, match=r"0\.png"):
        open_video(tmp_path)


def test_a_link_out_of_the_folder_is_left_out(tmp_path):
    secret, folder = tmp_path / "secret.png", tmp_path / "frames"
    folder.mkdir()
    cv2.imwrite(str(secret), numbered(9)[..., ::-1])
    cv2.imwrite(str(folder / "0.png"), numbered(0)[..., ::-1])
    (folder / "1.png").symlink_to(secret)
    with open_video(folder) as video:
        assert len(video) == 1


def test_fingerprints_know_content_not_names(tmp_path):
    path = write_clip(tmp_path / "a.mp4", 5)
    first = fingerprint(path)
    moved = path.rename(tmp_path / "moved ü.mp4")
    assert fingerprint(moved) == first
    data = bytearray(moved.read_bytes())
    data[-1] ^= 1
    moved.write_bytes(data)
    assert fingerprint(moved) != first


def test_fingerprints_of_folders_and_of_what_is_not_there(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), numbered(0))
    first = fingerprint(tmp_path)
    cv2.imwrite(str(tmp_path / "1.png"), numbered(1))
    assert fingerprint(tmp_path) != first
    with pytest.raises(VideoError):
        fingerprint(tmp_path / "nowhere.mp4")


@pytest.mark.parametrize("size", [(128, 64), (127, 63)])
def test_what_is_written_is_read_back(tmp_path, size):
    path = tmp_path / "out.mp4"
    pictures = [numbered(n, *size) for n in range(10)]
    assert write_video(path, pictures, Fraction(30000, 1001)) == 10
    with open_video(path) as video:
        assert (video.info.width, video.info.height) == size
        assert video.info.frame_rate == Fraction(30000, 1001)
        assert [number_of(picture) for picture in video] == list(range(10))


def test_written_videos_have_key_frames_near_one_another(tmp_path):
    path = tmp_path / "long.mp4"
    write_video(path, (numbered(n) for n in range(60)), 24)
    with av.open(str(path)) as container:
        keys = [n for n, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert max(np.diff([*keys, 60])) <= 24


def test_a_video_that_cannot_be_written_leaves_nothing(tmp_path):
    def broken():
        yield numbered(0)
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError):
        write_video(tmp_path / "out.mp4", broken(), 24)
    with pytest.raises(VideoError, match="no frames"):
        write_video(tmp_path / "out.mp4", [], 24)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path):
    script = (
        "import resource, signal, sys, numpy as np\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "from stmask_core.video.writer import write_video\n"
        "from stmask_core.errors import VideoError\n"
        "rng = np.random.default_rng(0)\n"
        "try:\n"
        "    write_video(sys.argv[1], (rng.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(60)), 24)\n"
        "except VideoError as error:\n"
        "    print('refused:', error)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out.mp4")], capture_output=True, text=True, check=False
    )
    assert "refused:" in out.stdout, out.stderr
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_length(tmp_path):
    peaks = {}
    for count in (50, 400):
        path = write_clip(tmp_path / f"{count}.mp4", count, size=(640, 368), options={"preset": "ultrafast"})
        script = (
            "import sys\nfrom stmask_core.video.source import open_video\n"
            "with open_video(sys.argv[1]) as video:\n    n = sum(1 for _ in video)\n"
            "print(n, open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
        )
        out = subprocess.run(
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
        )
        frames, peaks[count] = map(int, out.stdout.split())
        assert frames == count
    assert peaks[400] < peaks[50] + 60_000  # kilobytes; 350 frames more would be 240 MB


def test_datasets_list_their_videos_and_keep_to_their_root(tmp_path):
    folder = tmp_path / "JPEGImages" / "clip"
    folder.mkdir(parents=True)
    for n in (0, 5, 10):
        cv2.imwrite(str(folder / f"{n:05d}.jpg"), numbered(n)[..., ::-1])
    names = [f"clip/{n:05d}.jpg" for n in (0, 5, 10)]
    listing = tmp_path / "instances.json"
    listing.write_text(json.dumps({"videos": [{"id": 7, "file_names": names}]}))
    (video,) = open_dataset(listing, tmp_path)
    assert (video.id, video.name) == (7, "clip")
    with video.open() as frames:
        assert [number_of(picture) for picture in frames] == [0, 5, 10]
    for name in ("../secret.jpg", "/etc/passwd", "C:\\x.jpg", "clip/x.sh"):
        listing.write_text(json.dumps({"videos": [{"id": 7, "file_names": [name]}]}))
        with pytest.raises(VideoError, match=r"videos\[0\]"):
            open_dataset(listing, tmp_path)
    listing.write_text(json.dumps({"videos": [{"id": 7, "file_names": names}]}))
    with pytest.raises(VideoError, match=r"No video of instances.json is under .* no clip/00000.jpg"):
        open_dataset(listing, tmp_path.parent)


@pytest.mark.extra
def test_every_odd_file_of_the_shared_data(extra_data):
    odd = extra_data / "odd"
    for entry in json.loads((odd / "odd_manifest.json").read_text()):
        path = odd / entry["file"]
        if entry["true_frames"] == 0:
            with pytest.raises(VideoError):
                open_video(path)
            continue
        if path.is_dir():
            continue
        with open_video(path) as video:
            played = [hashlib.sha256(picture).digest() for picture in video]
            if entry["true_frames"] is not None and not entry["file"].startswith("truncated"):
                assert len(played) == entry["true_frames"], entry["file"]
            assert len(set(played)) == len(played), entry["file"]
        with open_video(path) as video:
            for n in random.Random(0).sample(range(len(played)), min(20, len(played))):
                video._kept.clear()
                assert hashlib.sha256(video.frame(n)).digest() == played[n], (entry["file"], n)


@pytest.mark.extra
def test_what_is_missing_in_odd_files_is_said(extra_data):
    with open_video(extra_data / "odd" / "truncated_faststart.mp4") as video:
        assert len(video) == 40
        assert video.info.warnings == ("The file is cut: 20 of 60 frames at its end are missing.",)
    with open_video(extra_data / "odd" / "editlist.mp4") as video:
        assert len(video) == 31
        assert video.info.warnings == ("9 more frames are hidden by the file's edit list.",)


@pytest.mark.extra
@pytest.mark.parametrize(("name", "turns"), [("rot90_ccw.mp4", 1), ("rot90_cw.mp4", 3), ("rot180.mp4", 2)])
def test_rotated_files_of_the_shared_data(extra_data, name, turns):
    with open_video(extra_data / "odd" / "base.mp4") as base, open_video(extra_data / "odd" / name) as turned:
        assert np.array_equal(np.rot90(base.frame(30), turns), turned.frame(30))
