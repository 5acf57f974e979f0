"""The tour: a few callouts beside the parts of the window, by keyboard, left at any time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QObject,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

WIDTH_PX, ARROW_PX, MARGIN_PX, CORNER_PX = 340, 12, 8, 8
KEYS = (
    Qt.Key.Key_Return,
    Qt.Key.Key_Enter,
    Qt.Key.Key_Space,
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Escape,
)
# A widget, maybe with a part of it (one menu of the bar); None: there is nothing to point at.
Find = Callable[[], QWidget | tuple[QWidget, QRect] | None]


@dataclass(frozen=True)
class Step:
    """One callout. target: finds the part of the window that it is about; None: it stands in the middle."""

    title: str
    text: str
    target: Find


def first_steps(targets: Mapping[str, Find], key_of: Callable[[str], str]) -> tuple[Step, ...]:
    """The tour of the window.

    targets: ``open``, ``run``, ``timeline``, ``tools``, ``tracks`` and ``check``; what is missing or hidden
    is explained in the middle of the window. key_of: the keys of an action as text, empty without any.
    """

    def tr(text: str) -> str:
        return QCoreApplication.translate("Tour", text)

    def key(action: str) -> str:
        keys = key_of(action)
        return f" ({keys})" if keys else ""

    texts = (
        (
            "",
            tr("Welcome"),
            tr("Seven steps from a video to annotations. Esc leaves; the Help menu brings the tour back."),
        ),
        (
            "open",
            tr("Open a video"),
            tr(
                "Open a video{0} or a folder of images, or drop one on the window. Everything you do is kept "
                "at once in a project file beside it: there is nothing to save."
            ).format(key("open_video")),
        ),
        (
            "run",
            tr("Run the model"),
            tr(
                "Let the model find, outline and follow every object{0}. You can work on while it runs. "
                "What you drew or confirmed is never overwritten."
            ).format(key("run")),
        ),
        (
            "timeline",
            tr("Walk the timeline"),
            tr(
                "Each object has a lane: solid where it was detected, hatched where its mask was carried "
                "along, ◆ where a person set it. Click to go to a frame; step{0}; find what is doubtful{1}."
            ).format(key("next_frame"), key("next_issue")),
        ),
        (
            "tools",
            tr("Fix a mask"),
            tr(
                "Click a mask, then paint with the brush{0}; hold Ctrl to erase. Correct it in two frames, "
                "and morph the ones between{1}. Every step can be undone{2}."
            ).format(key("tool_brush"), key("interpolate"), key("undo")),
        ),
        (
            "tracks",
            tr("Fix an identity"),
            tr(
                "When a mask has the wrong identity, select it, hold Ctrl and press the digit of the right "
                "track: it holds from this frame on. Tracks can be cut{0}, swapped{1} and merged{2}."
            ).format(key("cut_track"), key("swap_tracks"), key("merge_tracks")),
        ),
        (
            "check",
            tr("Check and export"),
            tr(
                "Mark what is right as reviewed{0}, look for problems{1}, and export{2} to YouTube-VIS JSON "
                "and other formats."
            ).format(key("frame_reviewed"), key("validate"), key("export")),
        ),
    )
    return tuple(Step(title, text, targets.get(name, lambda: None)) for name, title, text in texts)


class Tour(QWidget):
    """A callout over the window; ``start`` shows the first step. Deletes itself when it is finished.

    Enter or Right: next. Left: back. Esc: leave. It remembers nothing.
    """

    finished = Signal(bool)  # True when it was seen to the end, False when it was skipped

    def __init__(self, window: QWidget, steps: Sequence[Step]) -> None:
        super().__init__(window)
        self.steps, self.at = tuple(steps), 0
        self._window = window
        self._frame = _Frame(window)
        self._focus_before: QWidget | None = None
        self._tip: QPoint | None = None  # end of the arrow, in this widget
        self.count = QLabel()
        self.count.setObjectName("faint")
        self.title, self.text = QLabel(), QLabel()
        self.title.setStyleSheet("font-size: 13pt; font-weight: 600;")
        self.text.setWordWrap(True)
        self.skip_button = QPushButton(self.tr("Skip"))
        self.back_button = QPushButton(self.tr("Back"))
        self.next_button = QPushButton()
        self.next_button.setObjectName("primary")
        self._lay_out()
        for button, act in (
            (self.skip_button, self.skip),
            (self.back_button, self.back),
            (self.next_button, self.next),
        ):
            button.installEventFilter(self)
            button.clicked.connect(lambda _=False, act=act: act())
        self.setFocusProxy(self.next_button)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName(self.tr("Tour"))
        window.installEventFilter(self)
        self.hide()

    def start(self) -> None:
        """Show the first step and take the keyboard."""
        self._focus_before = self._window.focusWidget()
        self._go(0)

    def next(self) -> None:
        """The next step; behind the last one the tour is over."""
        if self.at + 1 < len(self.steps):
            self._go(self.at + 1)
        else:
            self._finish(True)

    def back(self) -> None:
        """The step before."""
        self._go(max(0, self.at - 1))

    def skip(self) -> None:
        """Leave."""
        self._finish(False)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.skip_button)
        buttons.addStretch(1)
        buttons.addWidget(self.back_button)
        buttons.addWidget(self.next_button)
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.count)
        layout = self._column = QVBoxLayout(self)
        edge = ARROW_PX + 14  # the arrow may be on any side
        layout.setContentsMargins(edge, edge, edge, edge)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(self.text)
        layout.addLayout(buttons)

    def _go(self, at: int) -> None:
        self.at = at
        step, last = self.steps[at], len(self.steps) - 1
        self.title.setText(step.title)
        self.text.setText(step.text)
        self.count.setText(self.tr("{0} of {1}").format(at + 1, last + 1))
        self.setAccessibleDescription(f"{step.title}. {step.text}")
        self.back_button.setEnabled(at > 0)
        self.skip_button.setVisible(at < last)
        self.next_button.setText(self.tr("Done") if at == last else self.tr("Next"))
        self.show()
        self._place()
        self.next_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _finish(self, seen: bool) -> None:
        if self.isHidden():
            return  # finished before
        self._window.removeEventFilter(self)
        self._frame.deleteLater()
        self._frame.hide()
        self.hide()
        if self._focus_before is not None:
            self._focus_before.setFocus()
        self.finished.emit(seen)
        self.deleteLater()

    # where it stands

    def _place(self) -> None:
        """Beside the target, on the side with room; in the middle when there is none."""
        width = min(WIDTH_PX + 2 * ARROW_PX, self._window.width())
        self.resize(width, self._column.heightForWidth(width))
        target = self._target_rect()
        self._frame.show_around(target)
        inside = self._window.rect()
        if target is None:
            self._tip = None
            self.move(inside.center() - self.rect().center())
        else:
            where, tip = beside(target, self.size(), inside)
            self.move(where)
            self._tip = None if tip is None else tip - where
        self.raise_()
        self.update()

    def _target_rect(self) -> QRect | None:
        """Where the target is in the window; None when there is nothing to see of it."""
        found = self.steps[self.at].target()
        if found is None:
            return None
        target, part = found if isinstance(found, tuple) else (found, found.rect())
        if not target.isVisibleTo(self._window):
            return None
        rect = QRect(target.mapTo(self._window, part.topLeft()), part.size())
        shown = rect.intersected(self._window.rect())
        return None if shown.isEmpty() else shown

    def paintEvent(self, event: QPaintEvent) -> None:
        """A plate with an arrow towards the target."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1.5))
        painter.setBrush(self.palette().color(QPalette.ColorRole.Button))
        painter.drawPath(self._outline())

    def _outline(self) -> QPainterPath:
        body = QRectF(self.rect()).adjusted(ARROW_PX, ARROW_PX, -ARROW_PX, -ARROW_PX)
        path = QPainterPath()
        path.addRoundedRect(body, CORNER_PX, CORNER_PX)
        if self._tip is None:
            return path
        tip, half = QPointF(self._tip), ARROW_PX
        low, high = half + CORNER_PX, half + CORNER_PX
        x = min(max(tip.x(), body.left() + low), body.right() - high)
        y = min(max(tip.y(), body.top() + low), body.bottom() - high)
        if tip.x() < body.left() or tip.x() > body.right():
            edge = body.left() + 1 if tip.x() < body.left() else body.right() - 1
            base = (QPointF(edge, y - half), QPointF(edge, y + half))
        else:
            edge = body.top() + 1 if tip.y() < body.top() else body.bottom() - 1
            base = (QPointF(x - half, edge), QPointF(x + half, edge))
        arrow = QPainterPath(base[0])
        arrow.lineTo(tip)
        arrow.lineTo(base[1])
        arrow.closeSubpath()
        return path.united(arrow)

    # keys, and what happens to the window

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the buttons, ahead of the window's shortcuts; a window that changes its size."""
        if watched is self._window:
            if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest) and self.isVisible():
                self._place()
            return False
        if not isinstance(event, QKeyEvent) or event.key() not in KEYS:
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return event.type() == QEvent.Type.KeyPress and self._key(watched, event.key())

    def _key(self, button: QObject, key: int) -> bool:
        if key == Qt.Key.Key_Space:
            return False  # the button presses itself
        if key == Qt.Key.Key_Escape:
            self.skip()
        elif key == Qt.Key.Key_Left:
            self.back()
        elif key != Qt.Key.Key_Right and isinstance(button, QPushButton):
            button.click()
        else:
            self.next()
        return True


class _Frame(QWidget):
    """A line around the target; the mouse goes through it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_around(self, target: QRect | None) -> None:
        """Stand around a part of the window; None: be gone."""
        self.setVisible(target is not None)
        if target is not None:
            self.setGeometry(target)
            self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        """One line in the accent colour."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 3))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5), 5, 5)


def beside(target: QRect, size: QSize, inside: QRect) -> tuple[QPoint, QPoint | None]:
    """Top-left corner of a callout beside ``target``, and the point on the target that it shows.

    It takes the side with the most room to spare; where none has enough it lies over the target's middle and
    shows no point.
    """
    room = {
        "right": inside.right() - target.right() - size.width(),
        "left": target.left() - inside.left() - size.width(),
        "below": inside.bottom() - target.bottom() - size.height(),
        "above": target.top() - inside.top() - size.height(),
    }
    side = max(room, key=lambda name: room[name])
    middle = target.center()
    x, y = middle.x() - size.width() // 2, middle.y() - size.height() // 2
    tip: QPoint | None = None
    if room[side] >= MARGIN_PX:
        if side == "right":
            x, tip = target.right() + 1, QPoint(target.right(), middle.y())
        elif side == "left":
            x, tip = target.left() - size.width(), QPoint(target.left(), middle.y())
        elif side == "below":
            y, tip = target.bottom() + 1, QPoint(middle.x(), target.bottom())
        else:
            y, tip = target.top() - size.height(), QPoint(middle.x(), target.top())
    x = min(max(x, inside.left() + MARGIN_PX), max(inside.left(), inside.right() - size.width() - MARGIN_PX))
    y = min(max(y, inside.top() + MARGIN_PX), max(inside.top(), inside.bottom() - size.height() - MARGIN_PX))
    return QPoint(x, y), tip
