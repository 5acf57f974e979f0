"""Finding one's way: steps, jumps to what matters, and the way back."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.document_bridge import DocumentBridge
from app.view_state import ViewState
from stmask_core.document.queries import gaps_of_track, key_frames, last_frame_before, next_frame_after
from stmask_core.document.queries import next_unreviewed as next_frame_to_review
from stmask_core.document.records import TrackId, VideoId

LOW_SCORE = 0.3
MOST_PLACES = 200


class Navigation(QObject):
    """Moves ``view_state`` through the video; jumps are remembered for back and forward."""

    nothing_found = Signal(str)  # in words, for the status bar

    def __init__(self, view_state: ViewState, bridge: DocumentBridge) -> None:
        super().__init__()
        self.view_state, self.bridge = view_state, bridge
        self.issues: list[tuple[int, int | None]] = []  # (frame, track) worst first or by frame, from review
        self._back: list[int] = []
        self._forward: list[int] = []
        view_state.video_changed.connect(self._forget)

    def step(self, frames: int) -> None:
        """Move by some frames."""
        self.view_state.set_playing(False)
        self.view_state.go_to(self.view_state.frame + frames)

    def jump(self, frame: int | None, nothing: str = "") -> None:
        """Go to a frame and remember where we came from; ``nothing`` is said when there is none."""
        if frame is None:
            self.nothing_found.emit(nothing)
            return
        if frame != self.view_state.frame:
            self._back = [*self._back, self.view_state.frame][-MOST_PLACES:]
            self._forward = []
        self.view_state.set_playing(False)
        self.view_state.go_to(frame)

    def back(self) -> None:
        """Return to where the last jump began."""
        if self._back:
            self._forward.append(self.view_state.frame)
            self.view_state.go_to(self._back.pop())

    def forward(self) -> None:
        """Undo ``back``."""
        if self._forward:
            self._back.append(self.view_state.frame)
            self.view_state.go_to(self._forward.pop())

    def track_start(self) -> None:
        """First frame of the selected track."""
        self.jump(self._extent()[0], self.tr("The track has no masks."))

    def track_end(self) -> None:
        """Last frame of the selected track."""
        self.jump(self._extent()[1], self.tr("The track has no masks."))

    def next_keyframe(self, forward: bool = True) -> None:
        """Next or previous mask that a person drew or confirmed, of the selected tracks or of all."""
        frames = self._union([key_frames(self.bridge.document, t) for t in self._tracks()])
        nothing = self.tr("No human mask in that direction.")
        self._to_neighbour(frames, forward, nothing)

    def next_birth(self) -> None:
        """Next frame in which a track begins; selects that track."""
        begins = []
        for track in self._all_tracks():
            extent = self.bridge.document.annotations.extent(track)
            if extent is not None and extent[0] > self.view_state.frame:
                begins.append((extent[0], track))
        if begins:
            frame, track = min(begins)
            self.view_state.select((track,))
            self.jump(frame)
        else:
            self.nothing_found.emit(self.tr("No track begins after this frame."))

    def next_gap(self) -> None:
        """Next frame in which a selected track (any track when none is selected) is missing."""
        gaps = [gaps_of_track(self.bridge.document, track) for track in self._tracks()]
        frames = np.array(sorted({start for spans in gaps for start, _ in spans}), np.int64)
        self._to_neighbour(frames, True, self.tr("No gap after this frame."))

    def next_low_score(self) -> None:
        """Next mask scored below 0.3 that nobody confirmed."""
        found = []
        for track in self._tracks():
            columns = self.bridge.document.annotations.columns(track)
            with np.errstate(invalid="ignore"):
                found.append(columns.frames[(columns.scores < LOW_SCORE) & ~columns.human])
        self._to_neighbour(self._union(found), True, self.tr("No low score after this frame."))

    def next_issue(self, forward: bool = True) -> None:
        """Next or previous finding of the problems list."""
        frames = np.array(sorted({frame for frame, _ in self.issues}), np.int64)
        nothing = self.tr("No problem in that direction. Check for problems first.")
        self._to_neighbour(frames, forward, nothing)

    def next_unreviewed(self) -> None:
        """Next frame nobody confirmed."""
        video = self._video()
        if video is not None:
            frame = next_frame_to_review(self.bridge.document, video, self.view_state.frame)
            self.jump(frame, self.tr("Every later frame is reviewed."))

    def set_range_end(self, which: str) -> None:
        """Begin or end the selected range at this frame."""
        here = self.view_state.frame
        first, last = self.view_state.range or (here, here)
        if which == "start":
            self.view_state.set_range((here, max(here, last)))
        else:
            self.view_state.set_range((min(here, first), here))

    def _to_neighbour(self, frames: np.ndarray, forward: bool, nothing: str) -> None:
        here = self.view_state.frame
        found = next_frame_after(frames, here) if forward else last_frame_before(frames, here)
        self.jump(found, nothing)

    def _union(self, arrays: list[np.ndarray]) -> np.ndarray:
        return np.unique(np.concatenate(arrays)) if arrays else np.zeros(0, np.int64)

    def _video(self) -> VideoId | None:
        record = self.bridge.video(self.view_state.video)
        return None if record is None else record.id

    def _all_tracks(self) -> list[TrackId]:
        video = self._video()
        return [] if video is None else sorted(self.bridge.document.tracks.of_video(video))

    def _tracks(self) -> list[TrackId]:
        return [TrackId(t) for t in self.view_state.selection] or self._all_tracks()

    def _extent(self) -> tuple[int | None, int | None]:
        track = self.view_state.track
        extent = None if track is None else self.bridge.document.annotations.extent(TrackId(track))
        return extent or (None, None)

    def _forget(self) -> None:
        self._back, self._forward, self.issues = [], [], []
