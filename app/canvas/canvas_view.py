"""The canvas: the frame and its masks in one paint event, zoom, pan, and gestures for the active tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from app.canvas.composer import compose, reduced
from app.canvas.coordinates import Coordinates, fitted
from app.canvas.items import CanvasItem, Outline
from app.canvas.overlay import Overlay, Trail
from app.view_state import ViewState

PAN_BUTTONS = (Qt.MouseButton.MiddleButton,)


@dataclass(frozen=True)
class Gesture:
    """One pointer event in image pixels. pressure: 0 to 1, 1 for a mouse."""

    x: float
    y: float
    button: Qt.MouseButton
    modifiers: Qt.KeyboardModifier
    pressure: float = 1.0
    scale: float = 1.0  # widget pixels per image pixel, for grab distances


class CanvasTool(Protocol):
    """What the canvas asks of a tool."""

    def press(self, gesture: Gesture) -> None: ...
    def move(self, gesture: Gesture) -> None: ...
    def release(self, gesture: Gesture) -> None: ...
    def double_click(self, gesture: Gesture) -> None: ...
    def key(self, event: QKeyEvent) -> bool: ...
    def cancel(self) -> None: ...
    def paint(self, painter: QPainter, coordinates: Coordinates) -> None: ...
    @property
    def cursor(self) -> Qt.CursorShape: ...


class CanvasView(QWidget):
    """Shows one frame. Holds nothing that cannot be shown again from the document and the view state."""

    tool_wheel = Signal(int)  # Shift+wheel, +1 or -1: brush size
    files_dropped = Signal(list)
    space_tapped = Signal()  # Space went down and up without moving the frame
    pointer_moved = Signal(float, float)  # to an image point, with no button held
    pointer_left = Signal()
    context_menu_requested = Signal(QPointF, object)  # global position, track under the pointer

    def __init__(self, view_state: ViewState) -> None:
        super().__init__()
        self.view_state = view_state
        self.coordinates = Coordinates()
        self.items: Sequence[CanvasItem] = ()
        self.onion: Sequence[CanvasItem] = ()
        self.trails: Sequence[Trail] = ()
        self.outlines: dict[str, Sequence[Outline]] = {}
        self._overlay = Overlay(self)
        self.tool: CanvasTool | None = None
        self.background = QColor("#141516")
        self._frame: np.ndarray | None = None
        self._picture: np.ndarray | None = None  # with masks, reduced by _step
        self._small: np.ndarray | None = None  # _small_of, reduced by _step
        self._small_of: np.ndarray | None = None
        self._step = 1
        self._fit_on_resize = True
        self._pan_from: QPointF | None = None
        self._space = self._panned = False
        self._message = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self.setMinimumSize(320, 200)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(self.tr("Canvas"))
        view_state.layers_changed.connect(self.recompose)
        view_state.selection_changed.connect(self.recompose)
        view_state.hover_changed.connect(self.update)
        view_state.brush_changed.connect(self.update)

    @property
    def frame_image(self) -> np.ndarray | None:
        """The frame on the canvas, (H, W, 3) RGB, without masks."""
        return self._frame

    def show_frame(self, frame: np.ndarray | None, items: Sequence[CanvasItem] = ()) -> None:
        """Show a frame and its masks together."""
        new_size = frame is not None and (self._frame is None or self._frame.shape != frame.shape)
        self._frame, self.items, self._message = frame, items, ""
        if new_size:
            self.fit_frame()
        self._follow_selected()
        self.recompose()

    def show_items(self, items: Sequence[CanvasItem]) -> None:
        """Show other masks over the same frame."""
        self.items = items
        self.recompose()

    def show_outlines(self, layer: str, outlines: Sequence[Outline]) -> None:
        """Draw these over the masks until others take the layer's place; none: the layer goes."""
        if tuple(outlines) != tuple(self.outlines.get(layer, ())):
            self.outlines[layer] = outlines
            self.update()

    def show_message(self, text: str) -> None:
        """Say something instead of a frame (a frame that cannot be read)."""
        self._frame, self.items, self._message = None, (), text
        self.recompose()

    def recompose(self) -> None:
        """Build the picture again and repaint."""
        if self._frame is None:
            self._picture = self._small = None
        else:
            step = self._wanted_step()
            if self._small is None or (self._small_of is not self._frame or step != self._step):
                self._small, self._small_of, self._step = reduced(self._frame, step), self._frame, step
            layers, selection = self.view_state.layers, self.view_state.selection
            self._picture = compose(self._small, self._visible_items(), layers, selection, step)
        self.update()

    def _wanted_step(self) -> int:
        """How many pixels of the frame share one of the screen: more than those need not be composed."""
        return max(1, int(1 / (self.coordinates.scale * self.devicePixelRatioF()) + 1e-6))

    def fit_frame(self) -> None:
        """Show the whole frame."""
        self._fit_on_resize = True
        if self._frame is not None:
            height, width = self._frame.shape[:2]
            self._move_to(fitted((0, 0, width, height), self.width(), self.height()))

    def fit_object(self) -> None:
        """Show the selected object with room around it; the whole frame when it has no mask here."""
        for item in self.items:
            if item.track == self.view_state.track and item.mask.box is not None:
                self._fit_on_resize = False
                self._move_to(fitted(item.mask.box, self.width(), self.height(), margin=0.4))
                return
        self.fit_frame()

    def zoom(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom around ``at`` (widget pixels; the middle when None)."""
        self._fit_on_resize = False
        self._move_to(self.coordinates.zoomed(factor, at or QPointF(self.width() / 2, self.height() / 2)))

    def track_at(self, x: float, y: float) -> int | None:
        """The smallest visible mask's track under an image point."""
        hits = [
            item
            for item in self._visible_items()
            if item.mask.window(
                int(np.floor(x)), int(np.floor(y)), int(np.floor(x)) + 1, int(np.floor(y)) + 1
            )[0, 0]
        ]
        return min(hits, key=lambda item: item.mask.area).track if hits else None

    def _visible_items(self) -> list[CanvasItem]:
        if self.view_state.layers.solo and self.view_state.selection:
            return [item for item in self.items if item.track in self.view_state.selection]
        return list(self.items)

    def _move_to(self, coordinates: Coordinates) -> None:
        self.coordinates = coordinates
        if self._frame is not None and self._picture is not None and self._wanted_step() != self._step:
            self.recompose()
        self.update()

    def _follow_selected(self) -> None:
        if not self.view_state.layers.follow:
            return
        for item in self.items:
            if item.track == self.view_state.track and item.mask.box is not None:
                x1, y1, x2, y2 = item.mask.box
                at = self.coordinates.to_widget((x1 + x2) / 2, (y1 + y2) / 2)
                self.coordinates = self.coordinates.moved(
                    self.width() / 2 - at.x(), self.height() / 2 - at.y()
                )

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Frame, masks, outlines, labels and the tool's draft, in one go."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.background)
        if self._picture is None:
            if self._message:
                painter.setPen(QColor("#8f939a"))
                painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._message)
            return
        height, width, _ = self._picture.shape
        step = self._step
        image = QImage(self._picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.coordinates.scale < 2)
        whole = QRectF(0, 0, width * step, height * step)
        shown = self.coordinates.visible(self.width(), self.height()).intersected(whole)
        corner = self.coordinates.to_widget(shown.left(), shown.top())
        size = shown.size() * self.coordinates.scale
        source = QRectF(shown.topLeft() / step, shown.size() / step)
        painter.drawImage(QRectF(corner, size), image, source)
        if not self.view_state.layers.raw:
            self._overlay.paint(painter, self._visible_items())
        if self.tool is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
            self.tool.paint(painter, self.coordinates)

    # pointer and keys

    def _gesture(self, event: QMouseEvent, pressure: float = 1.0) -> Gesture:
        x, y = self.coordinates.to_image(event.position())
        return Gesture(x, y, event.button(), event.modifiers(), pressure, self.coordinates.scale)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Pan with the middle button or Space; everything else is the tool's."""
        if event.button() in PAN_BUTTONS or (self._space and event.button() == Qt.MouseButton.LeftButton):
            self._pan_from = event.position()
            self._panned = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._frame is not None and self.tool is not None:
            self.tool.press(self._gesture(event))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan, drag with the tool, or note what is under the pointer."""
        if self._pan_from is not None:
            delta = event.position() - self._pan_from
            self._pan_from = event.position()
            self._fit_on_resize = False
            self._move_to(self.coordinates.moved(delta.x(), delta.y()))
            return
        if self._frame is None:
            return
        gesture = self._gesture(event)
        if event.buttons() == Qt.MouseButton.NoButton:
            self.view_state.set_hover(self.track_at(gesture.x, gesture.y))
            self.pointer_moved.emit(gesture.x, gesture.y)
        if self.tool is not None:
            self.tool.move(gesture)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End of a pan or of the tool's gesture."""
        if self._pan_from is not None:
            self._pan_from = None
            self._show_cursor()
        elif self._frame is not None and self.tool is not None:
            self.tool.release(self._gesture(event))
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Double click belongs to the tool."""
        if self._frame is not None and self.tool is not None:
            self.tool.double_click(self._gesture(event))
            self.update()

    def tabletEvent(self, event: QTabletEvent) -> None:
        """A pen's strokes, with pressure."""
        if self._frame is None or self.tool is None:
            event.ignore()
            return
        x, y = self.coordinates.to_image(event.position())
        gesture = Gesture(x, y, event.button(), event.modifiers(), event.pressure(), self.coordinates.scale)
        act = {
            QEvent.Type.TabletPress: self.tool.press,
            QEvent.Type.TabletMove: self.tool.move,
            QEvent.Type.TabletRelease: self.tool.release,
        }.get(event.type())
        if act is not None:
            act(gesture)
            self.update()
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom to the pointer; with Shift change the brush size."""
        turns = (event.angleDelta().y() or event.angleDelta().x()) / 120
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.tool_wheel.emit(1 if turns > 0 else -1)
        else:
            self.zoom(1.2**turns, event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Space is the hand while it is held, so no shortcut may take it at once."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_space(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space holds the hand; other keys may be the tool's."""
        if _is_space(event):
            if not event.isAutoRepeat() and self._pan_from is None:
                self._space, self._panned = True, False
                self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif self.tool is None or not self.tool.key(event):
            super().keyPressEvent(event)
        self.update()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let go of the hand; Space that moved nothing was meant as a key."""
        if event.key() == Qt.Key.Key_Space and self._space and not event.isAutoRepeat():
            self._space = False
            self._show_cursor()
            if not self._panned:
                self.space_tapped.emit()
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keys go elsewhere: the hand lets go."""
        self._space = False
        self._show_cursor()
        super().focusOutEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer any more."""
        self.view_state.set_hover(None)
        self.pointer_left.emit()
        super().leaveEvent(event)

    def contextMenuEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Ask for the menu of what is under the pointer."""
        x, y = self.coordinates.to_image(QPointF(event.pos()))
        self.pointer_moved.emit(x, y)
        self.context_menu_requested.emit(QPointF(event.globalPos()), self.track_at(x, y))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the frame fitted until the user zooms."""
        super().resizeEvent(event)
        if self._fit_on_resize:
            self.fit_frame()

    def use_tool(self, tool: CanvasTool) -> None:
        """Hand the pointer to another tool; the old one drops its draft."""
        if self.tool is not None:
            self.tool.cancel()
        self.tool = tool
        self._show_cursor()
        self.update()

    def _show_cursor(self) -> None:
        self.setCursor(self.tool.cursor if self.tool is not None else Qt.CursorShape.ArrowCursor)

    def dragEnterEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Files may be dropped here."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Hand dropped files on."""
        self.files_dropped.emit([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])


def _is_space(event: QKeyEvent) -> bool:
    return event.key() == Qt.Key.Key_Space and event.modifiers() == Qt.KeyboardModifier.NoModifier
