"""What an export wrote, and what it could not say in that format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from stmask_core.formats.exchange import ExchangeVideo


@dataclass(frozen=True, slots=True)
class WriteReport:
    """Counts of what was written; overlap_pixels: pixels that two objects claimed and only one could keep."""

    path: Path
    videos: int = 0
    tracks: int = 0
    masks: int = 0
    overlap_pixels: int = 0
    notes: tuple[str, ...] = ()

    def with_video(self, video: ExchangeVideo) -> WriteReport:
        """One more video and everything in it."""
        masks = sum(len(track.observations) for track in video.tracks)
        return replace(
            self,
            videos=self.videos + 1,
            tracks=self.tracks + len(video.tracks),
            masks=self.masks + masks,
        )

    def with_overlap(self, pixels: int) -> WriteReport:
        """More pixels lost to another object."""
        return replace(self, overlap_pixels=self.overlap_pixels + pixels) if pixels else self

    def with_note(self, note: str) -> WriteReport:
        """One more thing the reader should know."""
        return replace(self, notes=(*self.notes, note))
