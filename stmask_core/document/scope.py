"""Which frames a command touches."""

from __future__ import annotations

from dataclasses import dataclass

from stmask_core.errors import DocumentError


@dataclass(frozen=True, slots=True)
class Scope:
    """Frames first..last, both inside; last None reaches to the end of the video."""

    first: int = 0
    last: int | None = None

    def __post_init__(self) -> None:
        if self.first < 0 or (self.last is not None and self.last < self.first):
            raise DocumentError(f"Frames {self.first} to {self.last} are not a range.")

    @classmethod
    def this_frame(cls, frame: int) -> Scope:
        """One frame."""
        return cls(frame, frame)

    @classmethod
    def from_here_on(cls, frame: int) -> Scope:
        """A frame and all after it."""
        return cls(frame, None)

    @classmethod
    def frames(cls, first: int, last: int) -> Scope:
        """Frames first to last, both inside."""
        return cls(first, last)

    @classmethod
    def whole_track(cls) -> Scope:
        """Every frame."""
        return cls(0, None)

    @property
    def is_whole(self) -> bool:
        """True when every frame is meant."""
        return self.first == 0 and self.last is None

    def holds(self, frame: int) -> bool:
        """True when a frame is inside."""
        return self.first <= frame and (self.last is None or frame <= self.last)
