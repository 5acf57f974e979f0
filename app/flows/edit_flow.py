"""Editing masks: what tools and mask commands do to the document. Each verb is one edit, one undo step.

A gesture belongs to the frame the canvas shows, a command to the frame of the playhead; they differ only
while a frame is still being decoded.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QInputDialog

from app.canvas.canvas_view import CanvasView
from app.dialogs.passing import passing
from app.document_bridge import DocumentBridge
from app.jobs.job import Job, in_one_step
from app.jobs.lane import JobLane
from app.tools.tool import ADD
from app.view_feed import ViewFeed
from app.view_state import ViewState
from stmask_core.document.commands import frames as frame_commands
from stmask_core.document.commands import masks as mask_commands
from stmask_core.document.commands.tracks import create_track
from stmask_core.document.commands.videos import create_category
from stmask_core.document.document import Document
from stmask_core.document.queries import tracks_at
from stmask_core.document.records import OCCLUSIONS, CategoryId, MaskAnnotation, TrackId, VideoId
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError
from stmask_core.structures.masks import Mask

FIRST_CATEGORY = "object"  # what a first drawn object is called until somebody says more
GROW_PX = 1


class EditFlow(QObject):
    """Implements ``tools.tool.EditTarget`` and the commands of the Masks menu."""

    merge_wanted = Signal(int, int)
    said = Signal(str)  # what happened, for the status bar
    failed = Signal(object)  # exception from work in the background

    def __init__(
        self, view_state: ViewState, bridge: DocumentBridge, canvas: CanvasView, feed: ViewFeed, lane: JobLane
    ) -> None:
        super().__init__()
        self.view_state, self.bridge = view_state, bridge
        self._canvas, self._feed, self._lane = canvas, feed, lane
        self._copied: Mask | None = None
        self._wished_draft: tuple[str, Callable[[], Mask], Callable[[Mask], None]] | None = None
        self._drafting = False
        self.category: CategoryId | None = None  # of the next new track

    # what tools ask (EditTarget)

    def image(self) -> NDArray[np.uint8] | None:
        """The frame on the canvas, (H, W, 3) RGB."""
        return self._canvas.frame_image

    def colour(self) -> tuple[int, int, int]:
        """Colour of the track that an edit goes to."""
        track = self.view_state.track
        if track is None:
            return 255, 255, 255
        return self.bridge.colour_of(self._document.tracks[TrackId(track)])

    def mask(self) -> Mask | None:
        """The selected track's mask in the frame on the canvas."""
        annotation = self._annotation(self._feed.shown_frame)
        return None if annotation is None else annotation.mask

    def track_at(self, x: float, y: float) -> int | None:
        """Track under an image point."""
        return self._canvas.track_at(x, y)

    def apply_region(self, region: Mask, mode: str, edit_name: str) -> None:
        """Add a region to, or subtract it from, the selected mask; a new track when none is selected."""
        if region.is_empty or self._feed.shown_frame < 0:
            return
        frame, track = self._feed.shown_frame, self.view_state.track
        if track is None and mode == ADD:
            self._draw_new(region, frame)
        elif track is not None and mode == ADD:
            mask_commands.paint(self._document, TrackId(track), frame, region)
        elif track is not None:
            mask_commands.erase(self._document, TrackId(track), frame, region)
        else:
            self.said.emit(self.tr("Select the object to take pixels from."))

    def slice_along(self, points: list[tuple[float, float]]) -> None:
        """Cut the selected mask along a line: the smaller part becomes a new track."""
        track = self._needed_track()
        new = mask_commands.slice_mask(self._document, track, self._feed.shown_frame, points)
        self.view_state.select((new.id,))

    def join(self, track: int, other: int) -> None:
        """Put the other track's pixels of this frame into the first one's mask."""
        mask_commands.join_masks(self._document, TrackId(track), TrackId(other), self._feed.shown_frame)

    def pin(self, track: int) -> None:
        """Make this frame's mask of the track a human one."""
        mask_commands.accept(self._document, TrackId(track), Scope.this_frame(self._feed.shown_frame))
        self.view_state.select((track,))

    def merge_requested(self, track: int, other: int) -> None:
        """Ask to merge two tracks, with a preview."""
        self.merge_wanted.emit(track, other)

    def in_background(self, name: str, work: Callable[[], Mask], done: Callable[[Mask], None]) -> None:
        """Compute a mask beside the window; ``done`` is called on the GUI thread."""
        frame = self._feed.shown_frame
        self._on_lane(name, work).succeeded.connect(lambda mask: self._take_if_still(frame, mask, done))

    def preview(self, name: str, work: Callable[[], Mask], done: Callable[[Mask], None]) -> None:
        """The same for a draft: repainted when it is done, and only the newest wish waits for its turn."""
        self._wished_draft = name, work, done
        if not self._drafting:
            self._draft()

    def _draft(self) -> None:
        if self._wished_draft is None:
            return
        (name, work, done), self._wished_draft = self._wished_draft, None
        self._drafting = True
        job = self._on_lane(name, work)
        job.succeeded.connect(done)
        job.succeeded.connect(lambda _: self._canvas.update())
        job.ended.connect(self._on_drafted)

    def _on_drafted(self) -> None:
        self._drafting = False
        self._draft()

    def _on_lane(self, name: str, work: Callable[[], Mask]) -> Job:
        job = self._lane.start(name, in_one_step(work))
        job.failed.connect(self.failed)
        return job

    # commands

    def copy(self) -> None:
        """Remember the selected mask of this frame."""
        annotation = self._annotation(self.view_state.frame)
        if annotation is not None:
            self._copied = annotation.mask
            self.said.emit(self.tr("Mask copied."))

    def paste(self) -> None:
        """Put the remembered mask into this frame: the selected track's, else a new track's."""
        if self._copied is None:
            self.said.emit(self.tr("Copy a mask first."))
            return
        if self.view_state.track is None:
            self._draw_new(self._copied, self.view_state.frame)
            return
        scope = Scope.this_frame(self.view_state.frame)
        frame_commands.paste_mask(self._document, self._needed_track(), scope, self._copied)

    def copy_to(self, scope: Scope) -> None:
        """Copy the selected mask of this frame to every frame of the scope."""
        counts = frame_commands.copy_mask(self._document, self._needed_track(), self.view_state.frame, scope)
        self.said.emit(
            self.tr("Copied to {0} frames; {1} human masks kept.").format(counts.written, counts.kept)
        )

    def ask_copy_forward(self) -> None:
        """Ask how many frames the selected mask is copied to; a selected range needs no asking."""
        here, span = self.view_state.frame, self.view_state.range
        self._needed_track()
        if span is not None and span[0] <= here <= span[1]:
            self.copy_to(Scope.frames(*span))
            return
        left = self.view_state.frame_count - 1 - here
        if left < 1:
            raise DocumentError("This is the last frame.")
        dialog = passing(QInputDialog(self._canvas))
        dialog.setWindowTitle(self.tr("Copy mask"))
        dialog.setLabelText(self.tr("Copy to how many of the next frames?"))
        dialog.setInputMode(QInputDialog.InputMode.IntInput)
        dialog.setIntRange(1, left)
        dialog.setIntValue(min(10, left))
        dialog.intValueSelected.connect(lambda count: self.copy_to(Scope.frames(here + 1, here + count)))
        dialog.open()

    def grow(self, pixels: int) -> None:
        """Grow (or, below 0, shrink) the selected masks by some pixels."""
        self._on_each(lambda track, scope: mask_commands.grow(self._document, track, scope, pixels))

    def fill_holes(self) -> None:
        """Fill the holes of the selected masks."""
        self._on_each(lambda track, scope: mask_commands.fill_holes(self._document, track, scope))

    def drop_specks(self) -> None:
        """Remove the small pieces of the selected masks."""
        self._on_each(lambda track, scope: mask_commands.drop_specks(self._document, track, scope))

    def subtract_others(self) -> None:
        """Take the pixels of other masks out of the selected one."""
        mask_commands.subtract_others(self._document, self._needed_track(), self.view_state.frame)

    def interpolate(self) -> None:
        """Morph between the human masks of the selected track, within the range when there is one."""
        span = self.view_state.range
        scope = Scope.frames(*span) if span is not None else Scope.whole_track()
        counts = frame_commands.interpolate(self._document, self._needed_track(), scope)
        self.said.emit(
            self.tr("{0} frames filled; {1} human masks kept.").format(counts.written, counts.kept)
        )

    def accept(self) -> None:
        """Confirm the selected masks of this frame (of the range when there is one)."""
        self._on_each(lambda track, scope: mask_commands.accept(self._document, track, scope))

    def reject(self) -> None:
        """Remove the selected predictions; what a person made stays."""
        self._on_each(lambda track, scope: mask_commands.reject(self._document, track, scope))

    def toggle_lock(self) -> None:
        """Lock or unlock the selected masks."""
        annotation = self._annotation(self.view_state.frame)
        locked = annotation is None or not annotation.locked
        self._on_each(
            lambda track, scope: mask_commands.lock_masks(self._document, track, scope, locked=locked)
        )

    def next_occlusion(self) -> None:
        """Turn the selected mask's occlusion level: none, slight, severe, none."""
        annotation = self._annotation(self.view_state.frame)
        if annotation is not None:
            at = OCCLUSIONS.index(annotation.occlusion)
            self.set_occlusion(OCCLUSIONS[(at + 1) % len(OCCLUSIONS)])

    def set_occlusion(self, level: str) -> None:
        """Say how much of the selected objects is hidden."""
        wanted = next(known for known in OCCLUSIONS if known == level)
        self._on_each(lambda track, scope: mask_commands.set_occlusion(self._document, track, scope, wanted))

    def toggle_outside(self) -> None:
        """Say that the selected objects are not in this frame, or take that back."""
        annotation = self._annotation(self.view_state.frame)
        outside = annotation is None or not annotation.outside
        self._on_each(
            lambda track, scope: mask_commands.set_outside(self._document, track, scope, outside=outside)
        )

    def select_all(self) -> None:
        """Select every track that is in this frame."""
        video = self._video()
        self.view_state.select(tuple(tracks_at(self._document, video, self.view_state.frame)))

    def new_track(self) -> None:
        """Add an empty track and select it: the next stroke is its first mask."""
        with self._document.one_step():
            track = create_track(self._document, self._video(), self._category(), frame=self.view_state.frame)
        self.view_state.select((track.id,))

    @property
    def _document(self) -> Document:
        return self.bridge.document

    def _video(self) -> VideoId:
        record = self.bridge.video(self.view_state.video)
        if record is None:
            raise DocumentError("There is no video to edit.", "Open one first.")
        return record.id

    def _needed_track(self) -> TrackId:
        if self.view_state.track is None:
            raise DocumentError("No object is selected.", "Click one on the canvas or in the list.")
        return TrackId(self.view_state.track)

    def _annotation(self, frame: int) -> MaskAnnotation | None:
        track = self.view_state.track
        if track is None or frame < 0 or track not in self._document.tracks:
            return None
        return self._document.annotation(TrackId(track), frame)

    def _category(self) -> CategoryId:
        """Category of a new track: the last one used, else the first there is."""
        categories = self._document.categories
        if self.category in categories:
            assert self.category is not None
            return self.category
        known = sorted(categories.keys())
        return known[0] if known else create_category(self._document, FIRST_CATEGORY).id

    def _draw_new(self, region: Mask, frame: int) -> None:
        """A new track with its first mask, as one undo step."""
        with self._document.one_step():
            track = create_track(self._document, self._video(), self._category(), frame=frame)
            mask_commands.set_mask(self._document, track.id, frame, region, name="Draw a new object")
        self.view_state.select((track.id,))

    def _on_each(self, act: Callable[[TrackId, Scope], object]) -> None:
        """Do something to the selected tracks over the range that holds this frame, else in this frame."""
        span, here = self.view_state.range, self.view_state.frame
        inside = span is not None and span[0] <= here <= span[1]
        scope = Scope.frames(*span) if span is not None and inside else Scope.this_frame(here)
        self._needed_track()
        with self._document.one_step():
            for track in self.view_state.selection:
                act(TrackId(track), scope)

    def _take_if_still(self, frame: int, mask: Mask, done: Callable[[Mask], None]) -> None:
        if frame == self._feed.shown_frame:
            done(mask)
        else:
            self.said.emit(self.tr("The frame changed meanwhile; nothing was drawn."))
