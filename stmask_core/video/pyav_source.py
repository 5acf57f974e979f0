"""Video files through PyAV: an index of presentation times, then decoding from the nearest key frame.

What seeking shows is what playing shows: decoding begins at the last key frame whose time is not behind the
wished frame's, so that leading pictures of an open GOP are decoded with the GOP before them, and the frame
with exactly the wished time is taken. Where the decoder drops a damaged frame, the last good one before it
stands in, on both ways.

A decoder gives a frame only when the next few have been read, to sort them and to keep its threads busy. At
the end of a group a jump does not wait for that: the next group's key frame is the costliest frame of all.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from stmask_core.errors import VideoError
from stmask_core.structures.masks import check_image_size
from stmask_core.video.packet_index import CountNeeded, PacketIndex, index_packets
from stmask_core.video.source import Picture, VideoInfo

KEPT_BYTES = 96 << 20  # decoded frames kept for small steps back
BEGIN_HINT = "Check that the file is a video and complete."


class PyavSource:
    """One open file; see ``VideoSource``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._converter = VideoReformatter()  # one for all: with its own, a kept frame would keep threads
        self._kept: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._decoding: Iterator[av.VideoFrame] = iter(())
        self._last_stamp: int | None = None  # of the last frame the decoder gave
        self._last_good: av.VideoFrame | None = None
        self._ahead: av.VideoFrame | None = None  # decoded, behind what was wished for
        self._jump_to: int | None = None  # stamp of the wished frame, after a jump
        self._counts = False  # stamps are frame numbers, for files without times
        self._counter = -1  # number of the last decoded frame since the beginning
        self._open()
        warnings: list[str] = []
        try:
            self._index = self._make_index(warnings)
            first = self._probe(warnings)
        except BaseException:
            self._container.close()
            raise
        self._rotation = round(first.rotation / 90) * 90 % 360
        height, width = (
            (first.height, first.width) if self._rotation % 180 == 0 else (first.width, first.height)
        )
        self._stored = (first.width, first.height)
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.info = VideoInfo(
            path=path,
            width=width,
            height=height,
            frame_count=len(self._index.stamps),
            frame_rate=Fraction(rate) if rate else None,
            duration=self._duration(rate),
            warnings=tuple(warnings),
        )

    def __len__(self) -> int:
        return self.info.frame_count

    def __iter__(self) -> Iterator[Picture]:
        return self.frames()

    def frame(self, n: int) -> Picture:
        """Frame ``n``; VideoError when nothing at or ahead of it can be decoded."""
        if not 0 <= n < len(self):
            raise IndexError(f"frame {n} of a video of {len(self)} frames")
        with self._lock:
            return self._picture(self._decoded(n))

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Picture]:
        """Frames start..stop - 1 in order; never seeks once it has begun, unless others read in between."""
        last = len(self) if stop is None else min(stop, len(self))
        for n in range(start, last):
            yield self.frame(n)

    def time_of(self, n: int) -> float:
        """Seconds from the first frame."""
        ticks = int(self._index.stamps[n]) - int(self._index.stamps[0])
        return float(ticks * (self._stream.time_base or Fraction(1)))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._kept.clear()
            self._last_good = self._ahead = None
            self._decoding = iter(())
            self._container.close()

    def __enter__(self) -> PyavSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # opening

    def _open(self) -> None:
        try:
            self._container = av.open(str(self._path), "r")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise VideoError(f"{self._path.name} cannot be opened ({reason}).", BEGIN_HINT) from error
        streams = [
            s for s in self._container.streams.video if not s.disposition & av.stream.Disposition.attached_pic
        ]
        if not streams:
            self._container.close()
            raise VideoError(f"{self._path.name} holds no pictures.", "It may be sound only.")
        self._stream: VideoStream = streams[0]
        self._stream.thread_type = "AUTO"
        context = self._stream.codec_context
        try:
            if context.width and context.height:
                check_image_size(context.height, context.width)
        except ValueError as error:
            self._container.close()
            raise VideoError(f"{self._path.name}: {error}.", BEGIN_HINT) from error

    def _make_index(self, warnings: list[str]) -> PacketIndex:
        try:
            index = index_packets(self._container, self._stream)
        except CountNeeded:
            return self._counted(warnings)
        if index.cut:
            warnings.append(f"The file is damaged: reading ended early ({index.cut}).")
        if not len(index.stamps) or not len(index.keys):
            raise VideoError(f"{self._path.name} holds no frames.", BEGIN_HINT)
        return index

    def _counted(self, warnings: list[str]) -> PacketIndex:
        """Decode once and number the frames: for files whose packets carry no usable times."""
        self._counts = True
        count = 0
        self._restart()
        try:
            for _ in self._decoding:
                count += 1
        except av.error.FFmpegError as error:
            warnings.append(f"The file is damaged behind frame {count - 1} ({error.strerror}).")
        if not count:
            raise VideoError(f"{self._path.name} holds no frames that can be decoded.", BEGIN_HINT)
        warnings.append("The file has no presentation times; jumping backwards decodes from its beginning.")
        return PacketIndex(np.arange(count, dtype=np.int64), np.zeros(1, np.int64))

    def _probe(self, warnings: list[str]) -> av.VideoFrame:
        """Decode the first frame and the last group: drop what the index promises beyond them."""
        promised = max(len(self._index.stamps), int(self._stream.frames or 0))
        self._seek(0)
        first = self._next()
        if first is None:
            raise VideoError(f"{self._path.name} holds no frames that can be decoded.", BEGIN_HINT)
        if self._counts:
            self._restart()
            return first
        begin = self._stamp(first)
        end = max(begin, self._last_decodable())
        index = self._index.trimmed(begin, end)
        before = int((self._index.stamps < begin).sum())
        listed = len(self._index.stamps) + self._index.hidden
        behind = int((self._index.stamps > end).sum()) + max(0, promised - listed)
        if behind:
            warnings.append(f"The file is cut: {behind} of {promised} frames at its end are missing.")
        if before:
            warnings.append(f"The file begins in the middle: its first {before} frames cannot be decoded.")
        if self._index.hidden:
            warnings.append(f"{self._index.hidden} more frames are hidden by the file's edit list.")
        keys = index.keys if len(index.keys) else np.array([begin], np.int64)
        self._index = replace(index, keys=keys)
        self._restart()
        return first

    def _last_decodable(self) -> int:
        """Stamp of the last frame that can be decoded."""
        for key in range(len(self._index.keys) - 1, -1, -1):
            self._seek(key)
            last = None
            while (frame := self._next()) is not None:
                last = frame
            if last is not None:
                return self._stamp(last)
        return int(self._index.stamps[0])

    def _duration(self, rate: Fraction | None) -> float:
        if self._counts:
            return float(len(self._index.stamps) / rate) if rate else 0.0
        base = self._stream.time_base or Fraction(1)
        span = float((int(self._index.stamps[-1]) - int(self._index.stamps[0])) * base)
        return span + (float(1 / rate) if rate else 0.0)

    # decoding

    def _decoded(self, n: int) -> av.VideoFrame:
        """The frame with the wished stamp, or the last good one ahead of it."""
        wished = int(self._index.stamps[n])
        kept = self._kept.get(wished)
        if kept is not None:
            self._kept.move_to_end(wished)
            return kept
        key = self._index.key_before(n)
        begins = int(self._index.keys[max(0, key)])
        if self._last_stamp is None or not begins <= self._last_stamp < wished:
            self._seek(max(0, key))
            self._jump_to = wished
        frame = self._forward_to(wished)
        while frame is None and key > 0:  # the key frame itself is damaged: begin one group earlier
            key -= 1
            self._seek(key)
            frame = self._forward_to(wished)
        self._jump_to = None
        if frame is None:
            raise VideoError(
                f"Frame {n} of {self._path.name} cannot be decoded.", "The file is damaged there."
            )
        self._keep(wished, frame)
        return frame

    def _forward_to(self, wished: int) -> av.VideoFrame | None:
        """Decode on until the wished stamp; the last frame at or ahead of it."""
        while True:
            frame = self._ahead if self._ahead is not None else self._next()
            self._ahead = None
            if frame is None:
                return self._last_good
            stamp = self._stamp(frame)
            if stamp > wished:
                self._ahead = frame
                return self._last_good
            self._last_stamp, self._last_good = stamp, frame
            if stamp == wished:
                return frame
            self._keep(stamp, frame)

    def _seek(self, key: int) -> None:
        """Begin decoding at a key frame (by number in the index)."""
        stamp = int(self._index.keys[key])
        self._last_stamp, self._last_good, self._ahead = None, None, None
        if self._counts:
            self._restart()
            return
        try:
            if key == 0:
                self._container.seek(min(0, stamp), backward=True, any_frame=False, stream=self._stream)
            else:
                self._container.seek(stamp, backward=True, any_frame=False, stream=self._stream)
        except av.error.FFmpegError:
            self._restart()
            return
        self._decoding = self._frames()

    def _frames(self) -> Iterator[av.VideoFrame]:
        """What the decoder gives from here on. Ends at a damaged packet; the next call goes on behind it."""
        decoder, has_read = self._stream.codec_context, False
        for packet in self._container.demux(self._stream):
            if self._jump_to is not None and not self._counts and packet.size:
                stamp = packet.dts if self._index.uses_decoding_times else packet.pts
                if has_read and packet.is_keyframe and stamp in self._index.closed:
                    try:
                        held = decoder.decode(None)  # the wished frame is among them
                    finally:
                        decoder.flush_buffers()  # else it takes no more packets
                    yield from held
                has_read = has_read or stamp == self._jump_to
            yield from packet.decode()  # type: ignore[misc]

    def _restart(self) -> None:
        """Begin at the beginning: by opening the file again, which works where seeking does not."""
        self._container.close()
        self._container = av.open(str(self._path), "r")
        self._stream = next(
            s for s in self._container.streams.video if not s.disposition & av.stream.Disposition.attached_pic
        )
        self._stream.thread_type = "AUTO"
        self._counter = -1
        self._last_stamp, self._last_good, self._ahead = None, None, None
        self._decoding = self._frames()

    def _next(self) -> av.VideoFrame | None:
        """The next frame the decoder gives; damaged packets are passed over. None at the end."""
        for _ in range(1000):
            try:
                frame = next(self._decoding, None)
            except av.error.InvalidDataError:
                self._decoding = self._frames()
                continue
            except av.error.FFmpegError:
                return None
            if frame is not None:
                self._counter += 1
            return frame
        return None

    def _stamp(self, frame: av.VideoFrame) -> int:
        if self._counts:
            return self._counter
        stamp = frame.dts if self._index.uses_decoding_times or frame.pts is None else frame.pts
        return -(1 << 62) if stamp is None else int(stamp)

    def _keep(self, stamp: int, frame: av.VideoFrame) -> None:
        """Keep a decoded frame for steps back, within a budget."""
        size = max(1, frame.width * frame.height * 3 // 2)
        self._kept[stamp] = frame
        self._kept.move_to_end(stamp)
        while len(self._kept) > max(2, min(64, KEPT_BYTES // size)):
            self._kept.popitem(last=False)

    def _picture(self, frame: av.VideoFrame) -> Picture:
        """RGB, upright, of the video's size."""
        picture = self._converter.reformat(frame, *self._stored, format="rgb24").to_ndarray()
        if self._rotation:
            picture = np.rot90(picture, self._rotation // 90)
        return np.ascontiguousarray(picture)
