"""The canvas: the frame and its masks in one paint event, zoom, pan, and gestures for the active tool."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTabletEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from app.canvas.composer import compose
from app.canvas.coordinates import Coordinates, fitted
from app.canvas.items import CanvasItem, Contours, Outline
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
    pointer_moved = Signal(float, float)  # to an image point, with no button held
    pointer_left = Signal()
    context_menu_requested = Signal(QPointF, object)  # global position, track under the pointer

    def __init__(self, view_state: ViewState) -> None:
        super().__init__()
        self.view_state = view_state
        self.coordinates = Coordinates()
        self.items: Sequence[CanvasItem] = ()
        self.onion: Sequence[CanvasItem] = ()
        self.trails: Sequence[tuple[tuple[int, int, int], Sequence[tuple[float, float]]]] = ()
        self.outlines: dict[str, Sequence[Outline]] = {}
        self.tool: CanvasTool | None = None
        self.background = QColor("#141516")
        self._frame: np.ndarray | None = None
        self._picture: np.ndarray | None = None
        self._contours = Contours()
        self._fit_on_resize = True
        self._pan_from: QPointF | None = None
        self._space = False
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
            self._picture = None
        else:
            self._picture = compose(
                self._frame, self._visible_items(), self.view_state.layers, self.view_state.selection
            )
        self.update()

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
        image = QImage(self._picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.coordinates.scale < 2)
        shown = self.coordinates.visible(self.width(), self.height()).intersected(QRectF(0, 0, width, height))
        corner = self.coordinates.to_widget(shown.left(), shown.top())
        size = shown.size() * self.coordinates.scale
        painter.drawImage(QRectF(corner, size), image, shown)
        if not self.view_state.layers.raw:
            self._paint_over(painter)
        if self.tool is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
            self.tool.paint(painter, self.coordinates)

    def _paint_over(self, painter: QPainter) -> None:
        layers = self.view_state.layers
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        transform = self.coordinates.transform()
        if layers.onion:
            for item in self.onion:
                pen = QPen(QColor(*item.colour, 130), 1, Qt.PenStyle.DotLine)
                painter.strokePath(transform.map(self._contours.path(item.mask)), pen)
        if layers.trails:
            for colour, points in self.trails:
                self._paint_trail(painter, colour, points)
        items = self._visible_items()
        if layers.outlines and layers.masks:
            for item in items:
                path = transform.map(self._contours.path(item.mask))
                self._paint_outline(painter, item, path)
        self._paint_layers(painter, transform)
        if layers.labels and layers.masks:
            for item in items:
                self._paint_label(painter, item)

    def _paint_outline(self, painter: QPainter, item: CanvasItem, path: QPainterPath) -> None:
        chosen = item.track in self.view_state.selection
        near = item.track == self.view_state.hover
        if chosen:
            painter.strokePath(path, QPen(QColor(255, 255, 255, 220), 4))
        width = 2.5 if chosen or item.human or near else 1.0  # one pixel is Qt's fast path, 14 times faster
        style = Qt.PenStyle.DashLine if item.source == "propagated" else Qt.PenStyle.SolidLine
        painter.strokePath(path, QPen(QColor(*item.colour), width, style))

    def _paint_layers(self, painter: QPainter, transform: QTransform) -> None:
        """Every layer's outlines, then their texts, none over another."""
        drawn = [
            (outline, transform.map(self._contours.path(outline.mask)))
            for outlines in self.outlines.values()
            for outline in outlines
        ]
        for outline, path in drawn:
            self._paint_layer(painter, outline, path)
        taken: list[QRectF] = []
        for outline, path in reversed(drawn):  # what lies on top says first what it is
            if outline.text and path.boundingRect().intersects(QRectF(self.rect())):
                taken.append(self._paint_text(painter, outline, path.boundingRect(), taken))

    def _paint_layer(self, painter: QPainter, outline: Outline, path: QPainterPath) -> None:
        colour = QColor(*outline.colour)
        if outline.filled:
            painter.fillPath(path, QBrush(colour, Qt.BrushStyle.BDiagPattern))
        if outline.bordered:
            painter.strokePath(path, QPen(QColor(0, 0, 0, 160), 4))  # seen on every ground
            style = Qt.PenStyle.DashLine if outline.dashed else Qt.PenStyle.SolidLine
            painter.strokePath(path, QPen(colour, 2, style))

    def _paint_text(
        self, painter: QPainter, outline: Outline, about: QRectF, taken: Sequence[QRectF]
    ) -> QRectF:
        """Say what an outline is on a plate below it; returns where, outside of what is taken."""
        metrics = painter.fontMetrics()
        plate = QRectF(0, 0, metrics.horizontalAdvance(outline.text) + 8, metrics.height() + 2)
        plate.moveTopLeft(about.bottomLeft() + QPointF(0, 4))
        plate.moveLeft(min(max(2.0, plate.left()), max(2.0, self.width() - plate.width() - 2)))
        plate.moveTop(min(max(2.0, plate.top()), max(2.0, self.height() - plate.height() - 2)))
        while any(plate.intersects(other) for other in taken):
            plate.translate(0, plate.height())
        painter.fillRect(plate, QColor(0, 0, 0, 170))
        painter.setPen(QColor(*outline.colour))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, outline.text)
        return plate

    def _paint_trail(
        self, painter: QPainter, colour: tuple[int, int, int], points: Sequence[tuple[float, float]]
    ) -> None:
        ends = [self.coordinates.to_widget(x, y) for x, y in points]
        for number, (a, b) in enumerate(itertools.pairwise(ends)):
            alpha = 40 + 180 * number // max(1, len(ends) - 1)
            painter.setPen(QPen(QColor(*colour, alpha), 2))
            painter.drawLine(a, b)

    def _paint_label(self, painter: QPainter, item: CanvasItem) -> None:
        if item.mask.box is None:
            return
        x1, y1, x2, _ = item.mask.box
        text = ("◆ " if item.human else "") + item.label
        font = QFont(self.font())
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1))
        painter.setFont(font)
        metrics = painter.fontMetrics()
        at = self.coordinates.to_widget((x1 + x2) / 2, y1)
        plate = QRectF(0, 0, metrics.horizontalAdvance(text) + 10, metrics.height() + 2)
        plate.moveCenter(QPointF(at.x(), at.y() - plate.height() / 2 - 3))
        plate.moveLeft(min(max(2.0, plate.left()), max(2.0, self.width() - plate.width() - 2)))
        plate.moveTop(min(max(2.0, plate.top()), max(2.0, self.height() - plate.height() - 2)))
        colour = QColor(*item.colour)
        colour.setAlpha(
            235 if item.track in self.view_state.selection or not self.view_state.selection else 150
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(plate, 3, 3)
        luma = 0.2126 * item.colour[0] + 0.7152 * item.colour[1] + 0.0722 * item.colour[2]
        painter.setPen(QColor("black") if luma > 120 else QColor("white"))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)

    # pointer and keys

    def _gesture(self, event: QMouseEvent, pressure: float = 1.0) -> Gesture:
        x, y = self.coordinates.to_image(event.position())
        return Gesture(x, y, event.button(), event.modifiers(), pressure, self.coordinates.scale)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Pan with the middle button or Space; everything else is the tool's."""
        if event.button() in PAN_BUTTONS or (self._space and event.button() == Qt.MouseButton.LeftButton):
            self._pan_from = event.position()
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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space holds the hand; other keys may be the tool's."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = True
        if self.tool is None or not self.tool.key(event):
            super().keyPressEvent(event)
        self.update()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let go of the hand."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
        super().keyReleaseEvent(event)

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
