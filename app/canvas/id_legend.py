"""The numbered legend of tracks over the canvas while Ctrl is held: a digit says who the selected mask is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QWidget

from stmask_core.document.document import Document
from stmask_core.document.queries import category_of
from stmask_core.document.records import Colour, Track, TrackId, VideoId
from stmask_core.structures.palette import readable_on

DIGITS = "1234567890"
HOLD_MS = 250  # Ctrl is held this long before the legend comes: a shortcut does not make it flash
MARGIN_PX, PAD_PX, GAP_PX = 12, 10, 6
MOST_WIDTH_PX = 340
# One plate for both themes: it lies over the picture, not over the window.
PLATE, LIGHT = QColor(22, 23, 26, 235), QColor(76, 155, 232, 90)
TEXT, FAINT = QColor("#f0f1f3"), QColor("#a9adb4")


@dataclass(frozen=True)
class LegendEntry:
    """One track of the legend. here: it has a mask in this frame. selected: its mask is the one to rename."""

    track: int
    name: str
    category: str
    colour: Colour
    here: bool
    selected: bool


def entries_near(
    document: Document,
    video: VideoId,
    frame: int,
    selected: int | None,
    *,
    colour_of: Callable[[Track], Colour],
) -> list[LegendEntry]:
    """At most ten tracks, by id: the selected one, those in this frame, then those nearest to it in time."""

    def far(track: Track) -> tuple[bool, bool, int, int]:
        first, last = document.annotations.extent(track.id) or (frame, frame)
        away = max(first - frame, frame - last, 0)
        return track.id != selected, not document.annotations.has(track.id, frame), away, track.id

    tracks = [t for t in document.tracks.of_video(video).values() if not t.hidden or t.id == selected]
    nearest = sorted(tracks, key=far)[: len(DIGITS)]
    return [
        LegendEntry(
            track=track.id,
            name=track.name,
            category=category_of(document, track.id).name,
            colour=colour_of(track),
            here=document.annotations.has(TrackId(track.id), frame),
            selected=track.id == selected,
        )
        for track in sorted(nearest, key=lambda track: track.id)
    ]


class IdLegend(QWidget):
    """Lies over the canvas, never has the focus. ``window`` is where keys arrive that nobody else wanted.

    entries_now: asked for the tracks whenever a digit or Ctrl is pressed; none: the legend stays away.
    """

    chosen = Signal(int)  # Ctrl and a digit, or a click: from here on the selected mask is this track
    picked = Signal(int)  # a digit alone: select this track

    def __init__(
        self, canvas: QWidget, window: QWidget, entries_now: Callable[[], Sequence[LegendEntry]]
    ) -> None:
        super().__init__(canvas)
        self.entries: tuple[LegendEntry, ...] = ()
        self._entries_now = entries_now
        self._canvas, self._window = canvas, window
        self._row_under_pointer = -1
        self._hold = QTimer(self)
        self._hold.setSingleShot(True)
        self._hold.setInterval(HOLD_MS)
        self._hold.timeout.connect(lambda: self.show_entries(self._entries_now()))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(self.tr("Tracks by digit"))
        self.hide()
        canvas.installEventFilter(self)
        window.installEventFilter(self)

    def show_entries(self, entries: Sequence[LegendEntry]) -> None:
        """Show these tracks with the digits 1 to 9 and 0; none hides the legend."""
        self.entries = tuple(entries)[: len(DIGITS)]
        if not self.entries:
            self.hide()
            return
        lines = [self._title(), *(self._line(n) for n in range(len(self.entries)))]
        self.setAccessibleDescription("\n".join(lines))
        room = max(0, self._canvas.width() - 2 * MARGIN_PX)
        width = min(max(map(self.fontMetrics().horizontalAdvance, lines)) + 80, MOST_WIDTH_PX, room)
        height = 2 * PAD_PX + self._row_px() * (1 + len(self.entries))
        self.setGeometry(MARGIN_PX, MARGIN_PX, width, height)
        self.raise_()
        self.show()
        self.update()

    def key(self, event: QKeyEvent) -> bool:
        """Take a digit, with Ctrl or alone; False when the key is not the legend's."""
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        digit = DIGITS.find(chr(event.key())) if event.key() < 128 else -1
        with_ctrl = modifiers == Qt.KeyboardModifier.ControlModifier
        if digit < 0 or event.isAutoRepeat() or not (with_ctrl or not modifiers):
            return False
        entries = self.entries if self.isVisible() else self._entries_now()
        if digit >= len(entries):
            return False
        (self.chosen if with_ctrl else self.picked).emit(entries[digit].track)
        if self.isVisible():
            self.show_entries(self._entries_now())
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Come while Ctrl is held and nothing else happens; take digits."""
        kind = event.type()
        if watched is self._window and isinstance(event, QKeyEvent):
            if kind == QEvent.Type.KeyPress:
                return self._on_press(event)
            if kind == QEvent.Type.KeyRelease and event.key() == Qt.Key.Key_Control:
                self._leave()
        elif kind in (QEvent.Type.WindowDeactivate, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel):
            self._leave()
        return False

    def _on_press(self, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Control:
            if not event.isAutoRepeat():
                self._hold.start()
            return False
        if self.key(event):
            return True
        self._leave()
        return False

    def _leave(self) -> None:
        self._hold.stop()
        self.hide()

    # painting and the pointer

    def paintEvent(self, event: QPaintEvent) -> None:
        """The plate, its title, and one row per track."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(PLATE)
        painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        painter.setPen(FAINT)
        self._write(painter, self._row_rect(-1).adjusted(PAD_PX, 0, -PAD_PX, 0), self._title())
        for number in range(len(self.entries)):
            self._paint_row(painter, number)

    def _paint_row(self, painter: QPainter, number: int) -> None:
        entry, area = self.entries[number], self._row_rect(number)
        if number == self._row_under_pointer or entry.selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(LIGHT)
            painter.drawRoundedRect(QRectF(area).adjusted(4, 1, -4, -1), 5, 5)
        side = area.height() - GAP_PX
        plate = QRectF(area.left() + PAD_PX, area.top() + GAP_PX / 2, side, side)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*entry.colour))
        painter.drawRoundedRect(plate, 4, 4)
        painter.setPen(QColor(*readable_on(entry.colour)))
        bold = QFont(self.font())
        bold.setBold(True)
        painter.setFont(bold)
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, DIGITS[number])
        painter.setFont(self.font())
        text = QRect(int(plate.right()) + PAD_PX, area.top(), 0, area.height())
        text.setRight(area.right() - PAD_PX)
        painter.setPen(TEXT if entry.here else FAINT)
        used = self._write(painter, text, f"#{entry.track} {entry.name}".rstrip())
        painter.setPen(FAINT)
        self._write(painter, text.adjusted(used + PAD_PX, 0, 0, 0), entry.category)

    def _write(self, painter: QPainter, area: QRect, text: str) -> int:
        """Write a line, shortened to fit; returns its width."""
        metrics = QFontMetrics(painter.font())
        short = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, short)
        return metrics.horizontalAdvance(short)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Light up the row under the pointer."""
        self._row_under_pointer = self._row_at(event)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click on a row is as good as its digit; a click never reaches the canvas below."""
        number = self._row_at(event)
        if number >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self.entries[number].track)
            self.show_entries(self._entries_now())

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing is under the pointer any more."""
        self._row_under_pointer = -1
        super().hideEvent(event)

    def _row_px(self) -> int:
        return self.fontMetrics().height() + 10

    def _row_rect(self, number: int) -> QRect:
        """Where a row is; -1 is the title."""
        return QRect(0, PAD_PX + self._row_px() * (number + 1), self.width(), self._row_px())

    def _row_at(self, event: QMouseEvent) -> int:
        number = int((event.position().y() - PAD_PX) // self._row_px()) - 1
        return number if 0 <= number < len(self.entries) else -1

    def _title(self) -> str:
        selected = next((entry for entry in self.entries if entry.selected), None)
        if selected is None:
            return self.tr("Select a mask to say who it is")
        return self.tr("From here on, #{0} is …").format(selected.track)

    def _line(self, number: int) -> str:
        entry = self.entries[number]
        return f"{DIGITS[number]}: #{entry.track} {entry.name} {entry.category}"
