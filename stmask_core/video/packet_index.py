"""Which frames a file holds, from its packets alone: nothing is decoded.

A frame is known by its *stamp*, the presentation time in units of the stream. Files that give no presentation
times but never reorder frames are known by decoding times; files without either, or with two frames at one
time, have to be counted by decoding them once (``CountNeeded``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

MOST_FRAMES = 1 << 26  # three days at 240 frames a second; more is a lying file


class CountNeeded(Exception):
    """The packets do not say which frames there are."""


@dataclass(frozen=True, eq=False)
class PacketIndex:
    """stamps: ascending, one per frame. keys: ascending stamps of the frames where decoding can begin.

    closed: those of the keys that nothing behind them in the file is shown ahead of. uses_decoding_times:
    the stamps are decoding times. cut: demuxing ended with an error. hidden: frames that an edit list takes
    out of the video; players never show them.
    """

    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    closed: frozenset[int] = frozenset()
    uses_decoding_times: bool = False
    cut: str = ""
    hidden: int = 0

    def key_before(self, frame: int) -> int:
        """Number (in ``keys``) of the last place to begin at or ahead of a frame; -1 when there is none."""
        return int(np.searchsorted(self.keys, self.stamps[frame], "right")) - 1

    def trimmed(self, first: int, last: int) -> PacketIndex:
        """Without the frames whose stamps lie outside first..last."""
        inside = (self.stamps >= first) & (self.stamps <= last)
        keys = self.keys[(self.keys >= first) & (self.keys <= last)]
        return replace(self, stamps=self.stamps[inside], keys=keys)


def index_packets(container: InputContainer, stream: VideoStream) -> PacketIndex:
    """Read every packet's times. Raises CountNeeded when they do not name the frames."""
    times: list[int | None] = []
    decoding: list[int | None] = []
    is_key: list[bool] = []
    cut, hidden = "", 0
    hides_frames = stream.codec_context.name in ("vp8", "libvpx")
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or (hides_frames and _is_hidden_vp8(packet)):
                continue
            if packet.is_discard:
                hidden += 1
                continue
            times.append(packet.pts)
            decoding.append(packet.dts)
            is_key.append(packet.is_keyframe)
            if len(times) > MOST_FRAMES:
                raise CountNeeded
    except av.error.FFmpegError as error:
        cut = error.strerror or type(error).__name__
    if not times:
        return PacketIndex(np.zeros(0, np.int64), np.zeros(0, np.int64), cut=cut)
    uses_decoding_times = any(time is None for time in times)
    if uses_decoding_times:
        if any(time is None for time in decoding) or stream.codec_context.has_b_frames:
            raise CountNeeded
        times = decoding
    stamps = np.array(times, np.int64)
    order = np.argsort(stamps, kind="stable")
    ascending = stamps[order]
    if (np.diff(ascending) <= 0).any():
        raise CountNeeded
    begins = np.array(is_key)
    keys = stamps[begins]
    earliest = np.minimum.accumulate(stamps[::-1])[::-1]  # of what stands at a place in the file or behind it
    closed = frozenset(keys[keys == earliest[begins]].tolist())
    return PacketIndex(ascending, np.sort(keys), closed, uses_decoding_times, cut, hidden)


def _is_hidden_vp8(packet: av.Packet) -> bool:
    """A VP8 frame that is only looked at by others (RFC 6386 section 9.1: bit 4 of the first byte)."""
    return not bytes(memoryview(packet)[:1])[0] & 0x10
