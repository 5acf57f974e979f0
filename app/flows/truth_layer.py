"""The truth over the masks of the frame: what is right and how well, what is missed, what is false."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.canvas.canvas_view import CanvasView
from app.canvas.items import Outline
from app.document_bridge import DocumentBridge
from app.panels.event_rows import TRUE_COLOUR
from app.view_feed import ViewFeed
from stmask_core.document.records import Colour, TrackId

if TYPE_CHECKING:
    from stmask_core.review.inspection import Inspection

LAYER = "truth"
FALSE_COLOUR: Colour = (255, 120, 110)


class TruthLayer(QObject):
    """Follows the canvas. A mask that was edited since the look is not judged any more."""

    changed = Signal(bool)  # whether the truth is shown

    def __init__(self, bridge: DocumentBridge, feed: ViewFeed, canvas: CanvasView) -> None:
        super().__init__()
        self.bridge = bridge
        self._feed, self._canvas = feed, canvas
        self._inspection: Inspection | None = None
        self._on = True
        feed.shown.connect(self._paint)
        feed.view_state.video_changed.connect(lambda _: self.show(None))
        bridge.document_changed.connect(self._paint)

    @property
    def is_known(self) -> bool:
        """Whether there is a truth to show."""
        return self._inspection is not None and self._inspection.truth is not None

    @property
    def is_shown(self) -> bool:
        """Whether the canvas shows the truth of its frame."""
        return self._on and self.is_known

    def show(self, inspection: Inspection | None) -> None:
        """Take the truth of this look, or none."""
        self._inspection = inspection
        self._paint()
        self.changed.emit(self.is_shown)

    def set_on(self, on: bool) -> None:
        """Draw the truth, or not."""
        self._on = on
        self._paint()
        self.changed.emit(self.is_shown)

    def _paint(self, _: object = None) -> None:
        outlines = self._outlines(self._feed.shown_frame) if self.is_shown else []
        self._canvas.show_outlines(LAYER, outlines)

    def _outlines(self, frame: int) -> list[Outline]:
        """What to draw in a frame: the true masks, then the false ones."""
        assert self._inspection is not None
        assert self._inspection.truth is not None
        truth, clip = self._inspection.truth, self._inspection.clip
        frames, events = truth.comparison.matches.frames, truth.comparison.matches.events
        if not 0 <= frame < len(frames):
            return []
        judged = frames[frame]
        masks = {
            track: mask
            for track, mask in clip.by_frame.get(frame, ())
            if self._is_as_it_was(track, frame, mask)
        }
        switched = {e.truth for e in events if e.frame == frame and e.kind == "identity switch"}
        outlines = []
        for (true, track), iou in zip(judged.pairs.tolist(), judged.ious.tolist(), strict=True):
            text = self.tr("IoU {0}").format(f"{iou:.2f}") if track in masks else self.tr("true")
            if true in switched:
                text += self.tr(", identity switch")
            outlines.append(Outline(truth.masks[true][frame], TRUE_COLOUR, text=text))
        for true in judged.missed.tolist():
            text = self.tr("missed {0}").format(truth.categories[true])
            outlines.append(Outline(truth.masks[true][frame], TRUE_COLOUR, dashed=True, text=text))
        for track in judged.false.tolist():
            if track in masks:
                outlines.append(Outline(masks[track], FALSE_COLOUR, filled=True, text=self.tr("false")))
        # a truth of another size lies elsewhere
        return [o for o in outlines if (o.mask.height, o.mask.width) == clip.size]

    def _is_as_it_was(self, track: int, frame: int, mask: object) -> bool:
        annotation = self.bridge.document.annotation(TrackId(track), frame)
        return annotation is not None and annotation.mask == mask
