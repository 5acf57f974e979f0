"""The two masks that a run kept of an object, on the canvas: shown, chosen from, and what became no mask.

Shown belongs to the frame on the canvas; a choice goes to the frame of the playhead, as every command.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from app.canvas.canvas_view import CanvasView
from app.canvas.items import Outline
from app.document_bridge import DocumentBridge
from app.view_feed import ViewFeed
from app.view_state import ViewState
from stmask_core.document.changes import Diff
from stmask_core.document.commands.evidence import (
    Choice,
    ChoiceCounts,
    choose_evidence,
    next_choice,
    restore_leftover,
)
from stmask_core.document.document import Document
from stmask_core.document.evidence import (
    KeptMasks,
    Leftover,
    kept_masks,
    leftovers_at,
    newest_run_over,
)
from stmask_core.document.queries import tracks_at
from stmask_core.document.records import TrackId, VideoId
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError, FormatError
from stmask_core.structures.masks import Mask, intersection, iou, subtract, union

LAYER, LEFTOVERS = "evidence", "leftovers"
# Blue, orange and purple: apart for any colour vision, and from a picture.
DETECTED, CARRIED, DIFFERENT, LEFT = (72, 200, 255), (255, 178, 44), (255, 255, 255), (255, 120, 200)
MOST_ENTRIES = 5  # of the context menu


class EvidenceFlow(QObject):
    """Shows detected and carried masks, cycles through them, restores what became none."""

    said = Signal(str)
    shown_changed = Signal(bool)
    leftovers_changed = Signal()

    def __init__(
        self, view_state: ViewState, bridge: DocumentBridge, canvas: CanvasView, feed: ViewFeed
    ) -> None:
        super().__init__()
        self.view_state, self.bridge = view_state, bridge
        self._canvas, self._feed = canvas, feed
        self._shown = self._watched = False
        self._pointed_at: Leftover | None = None  # in the panel
        self._leftovers: tuple[Leftover, ...] = ()
        self._under: tuple[Leftover, ...] = ()
        self._pointer: tuple[float, float] | None = None  # image pixels
        feed.shown.connect(self._show)
        view_state.selection_changed.connect(self._show)
        view_state.video_changed.connect(self._show)
        bridge.document_changed.connect(self._on_diff)
        bridge.project_changed.connect(self._show)
        canvas.pointer_moved.connect(self._point_at)
        canvas.pointer_left.connect(self._point_at)

    @property
    def is_shown(self) -> bool:
        """True while the evidence is on the canvas."""
        return self._shown

    @property
    def leftovers(self) -> tuple[Leftover, ...]:
        """What became no mask in the frame on the canvas, while the evidence is shown or watched."""
        return self._leftovers

    @property
    def under_pointer(self) -> tuple[Leftover, ...]:
        """What became no mask, where the pointer is; the smallest first."""
        return self._under

    def set_shown(self, shown: bool) -> None:
        """Show detected and carried masks on the canvas, or no longer."""
        if shown != self._shown:
            self._shown = shown
            self._show()
            self.shown_changed.emit(shown)

    def watch(self, watched: bool) -> None:
        """Keep track of what became no mask although the evidence is not shown, or no longer."""
        if watched != self._watched:
            self._watched = watched
            self._show()

    def point_at(self, leftover: Leftover | None) -> None:
        """Outline one of the leftovers wherever the pointer is; None: no longer."""
        self._pointed_at = leftover
        self._look_under()

    def choose_next(self) -> None:
        """Show the next of detected, carried, union, intersection and human mask in this frame.

        With a range that holds this frame, the same one in every frame of the range. One undo step.
        """
        track, here, span = self._needed_track(), self.view_state.frame, self.view_state.range
        choice = next_choice(self._document, track, here)
        inside = span is not None and span[0] <= here <= span[1]
        scope = Scope.frames(*span) if span is not None and inside else Scope.this_frame(here)
        counts = choose_evidence(self._document, track, scope, choice)
        name = self._name_of(choice)
        if inside:
            self.said.emit(self._words_for_range(name, counts))
            return
        kept = kept_masks(self._document, track, here)
        if kept is None or kept.detected is None or kept.carried is None:
            self.said.emit(self.tr("{0}.").format(name))
        else:
            alike = iou(kept.detected, kept.carried)
            self.said.emit(self.tr("{0}; detected and carried: IoU {1}.").format(name, f"{alike:.2f}"))

    def restore_under_pointer(self) -> None:
        """Restore the smallest of what became no mask under the pointer; first it has to be shown."""
        if not self._shown and not self._watched:
            self.set_shown(True)
            self.said.emit(self.tr("Point at what became no mask, and press again."))
        elif not self._under:
            raise DocumentError("Nothing that the model left out is under the pointer.")
        else:
            self.restore(self._under[0])

    def restore(self, leftover: Leftover) -> None:
        """Make a mask of what became none, and select it: one undo step."""
        track = restore_leftover(self._document, leftover)
        self.view_state.select((track,))
        label = self.bridge.label_of(self._document.tracks[track])
        self.said.emit(self.tr("Restored as {0}.").format(label))

    def entries(self) -> list[tuple[str, Leftover]]:
        """For the context menu: what restoring does, in words, and what is restored."""
        return [(self.tr("Restore: {0}").format(self.words_of(e)), e) for e in self._under[:MOST_ENTRIES]]

    def words_of(self, leftover: Leftover) -> str:
        """What a thing is that became no mask."""
        track = None if leftover.track is None else self._document.tracks.get(leftover.track)
        name = self.tr("a track") if track is None else self.bridge.label_of(track)
        if leftover.kind == "hidden":
            return self.tr("{0}, hidden").format(name)
        said = self._document.runs[leftover.run].settings.get("categories", ())
        known = 0 < leftover.category <= len(said)
        what = str(said[leftover.category - 1]) if known else self.tr("object")
        what = f"{what} {leftover.score:.2f}"
        if leftover.kind == "lost":
            return self.tr("{0}, lost {1} to a better one").format(what, name)
        if leftover.kind == "suppressed":
            return self.tr("{0}, suppressed by a better one").format(what)
        return self.tr("{0}, not shown").format(what)

    # what the canvas shows

    def _on_diff(self, diff: Diff) -> None:
        here = any(frame == self._feed.shown_frame for _, frame in diff.annotation_keys)
        if here or diff.tables & {"runs", "tracks"}:
            self._show()

    def _show(self, _: object = None) -> None:
        outlines: list[Outline] = []
        before, self._leftovers = self._leftovers, ()
        video, frame = self.bridge.video(self.view_state.video), self._feed.shown_frame
        if (self._shown or self._watched) and video is not None and frame >= 0:
            try:
                if self._shown:
                    outlines = self._outlines(self._tracks(video.id, frame), frame)
                run = newest_run_over(self._document, video.id, frame)
                self._leftovers = () if run is None else leftovers_at(self._document, run, frame)
            except FormatError as error:
                self.said.emit(str(error))
        self._canvas.show_outlines(LAYER, outlines)
        self._look_under()
        if self._leftovers != before:
            self.leftovers_changed.emit()

    def _tracks(self, video: VideoId, frame: int) -> list[TrackId]:
        """Whose masks are shown: the selected tracks, else all that are in the frame."""
        chosen = [TrackId(t) for t in self.view_state.selection if t in self._document.tracks]
        tracks = chosen or tracks_at(self._document, video, frame)
        return [track for track in tracks if not self._document.tracks[track].hidden or track in chosen]

    def _outlines(self, tracks: Sequence[TrackId], frame: int) -> list[Outline]:
        """What differs, below the carried and the detected outlines; in full words for selected tracks."""
        different, carried, detected = [], [], []
        for track in tracks:
            kept = kept_masks(self._document, track, frame)
            if kept is None:
                continue
            words = self._words_of(kept, short=not self.view_state.selection)
            if kept.detected is not None:
                detected.append(Outline(kept.detected, DETECTED, text=words[0]))
            if kept.carried is not None:
                carried.append(Outline(kept.carried, CARRIED, dashed=True, text=words[1]))
            if kept.detected is not None and kept.carried is not None:
                apart = _apart(kept.detected, kept.carried)
                different.append(Outline(apart, DIFFERENT, filled=True, bordered=False))
        return [*different, *carried, *detected]

    def _words_of(self, kept: KeptMasks, short: bool) -> tuple[str, str]:
        """For the detected and for the carried outline. short: only how alike they are."""
        if kept.detected is not None and kept.carried is not None:
            alike = f"{iou(kept.detected, kept.carried):.2f}"
            if short:
                return "", self.tr("IoU {0}").format(alike)
            return self.tr("detected"), self.tr("carried, IoU {0}").format(alike)
        if short:
            return "", ""
        if kept.hidden:
            return self.tr("detected, not shown"), self.tr("carried, hidden")
        return self.tr("detected, nothing carried"), self.tr("carried, age {0}").format(kept.age)

    def _point_at(self, x: float = math.nan, y: float = math.nan) -> None:
        self._pointer = None if math.isnan(x) else (x, y)
        self._look_under()

    def _look_under(self) -> None:
        """Show what became no mask where the pointer is; the smallest is the one that restoring takes."""
        under: list[Leftover] = []
        if self._pointer is not None:
            x, y = (math.floor(value) for value in self._pointer)
            under = [e for e in self._leftovers if e.mask.window(x, y, x + 1, y + 1)[0, 0]]
        self._under = tuple(sorted(under, key=lambda entry: entry.mask.area))
        pointed_at = [e for e in self._leftovers if e == self._pointed_at and e not in under]
        shown = [
            Outline(e.mask, LEFT, dashed=True, text=self.words_of(e)) for e in (*self._under, *pointed_at)
        ]
        self._canvas.show_outlines(LEFTOVERS, shown)

    def _name_of(self, choice: Choice) -> str:
        return {
            "detected": self.tr("Detected mask"),
            "carried": self.tr("Carried mask"),
            "union": self.tr("Union of detected and carried mask"),
            "intersection": self.tr("Intersection of detected and carried mask"),
            "human": self.tr("Human mask, as it was"),
        }[choice]

    def _words_for_range(self, name: str, counts: ChoiceCounts) -> str:
        words = self.tr("{0}; frames changed: {1}").format(name, counts.changed)
        if counts.locked:
            words += self.tr(", locked and kept: {0}").format(counts.locked)
        if counts.missing:
            words += self.tr(", without one: {0}").format(counts.missing)
        return words + "."

    def _needed_track(self) -> TrackId:
        if self.view_state.track is None:
            raise DocumentError("No object is selected.", "Click one on the canvas or in the list.")
        return TrackId(self.view_state.track)

    @property
    def _document(self) -> Document:
        return self.bridge.document


def _apart(a: Mask, b: Mask) -> Mask:
    """Pixels in one of two masks only."""
    return subtract(union(a, b), intersection(a, b))
