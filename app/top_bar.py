"""The bar at the top: undo, playing, where we are, and the three big verbs. Everything on it is an action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QMenuBar, QToolButton, QWidget

GROUPS = (("undo", "redo"), ("previous_frame", "play", "next_frame", "loop"))
AFTER_PLACE = ("display",)
ICON_PX = 18
MOST_NAME_CHARS = 28


class TopBar(QWidget):
    """Sits at the right end of the menu bar, so that it takes no room from the video."""

    video_chosen = Signal(int)  # number in the list

    def __init__(self, actions: Mapping[str, QAction]) -> None:
        super().__init__()
        self._buttons: dict[str, QToolButton] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(4, 1, 6, 1)
        self._row.setSpacing(1)
        for group in GROUPS:
            for name in group:
                self._add(actions[name])
            self._add_line()
        self.place = QLabel()
        self.place.setAccessibleName(self.tr("Frame and time"))
        self.place.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._row.addWidget(self.place)
        self.videos = QComboBox()
        self.videos.setAccessibleName(self.tr("Video of the project"))
        self.videos.setToolTip(self.tr("Video of the project (Ctrl+Page Down: next)"))
        self.videos.activated.connect(self.video_chosen)
        self._row.addWidget(self.videos)
        self._add_line()
        for name in AFTER_PLACE:
            self._add(actions[name])
        for name, word in (
            ("run", self.tr("Run")), ("validate", self.tr("Check")), ("export", self.tr("Export")),
        ):  # fmt: skip
            actions[name].setIconText(word)  # what fits on a button
            self._add(actions[name], words=True)
        self.show_videos((), 0)

    def show_place(self, frame: int, frame_count: int, frame_rate: float) -> None:
        """Say which frame this is, of how many, and its time."""
        seconds = frame / (frame_rate or 25.0)
        time = f"{int(seconds // 60)}:{seconds % 60:06.3f}"
        last = max(0, frame_count - 1)
        self.place.setText(f"{frame} / {last}   {time}")
        longest = f" {last} / {last}   {int(last / (frame_rate or 25.0) // 60)}:00.000 "
        width = self.fontMetrics().horizontalAdvance(longest)  # nothing moves while it plays
        if width != self.place.minimumWidth():
            self.place.setMinimumWidth(width)
            self._take_room()

    def show_videos(self, names: Sequence[str], current: int) -> None:
        """Offer the videos of the project; a single one needs no choice."""
        self.videos.setVisible(len(names) > 1)
        if [self.videos.itemData(n) for n in range(self.videos.count())] != list(names):
            self.videos.clear()
            for number, name in enumerate(names, start=1):
                short = name if len(name) <= MOST_NAME_CHARS else f"{name[: MOST_NAME_CHARS - 1]}…"
                self.videos.addItem(f"{number}/{len(names)}  {short}", name)
        self.videos.setCurrentIndex(current)
        self._take_room()

    def _take_room(self) -> None:
        """A menu bar looks at the size of its corner only when it gets one."""
        bar = self.parentWidget()
        if isinstance(bar, QMenuBar):
            bar.setCornerWidget(self, Qt.Corner.TopRightCorner)

    def button(self, action: str) -> QToolButton:
        """The button of an action."""
        return self._buttons[action]

    def _add(self, action: QAction, *, words: bool = False) -> None:
        button = QToolButton()
        button.setObjectName("word" if words else "")
        button.setDefaultAction(action)
        button.setIconSize(QSize(ICON_PX, ICON_PX))
        style = Qt.ToolButtonStyle
        button.setToolButtonStyle(style.ToolButtonTextBesideIcon if words else style.ToolButtonIconOnly)
        self._row.addWidget(button)
        self._buttons[action.objectName()] = button

    def _add_line(self) -> None:
        line = QFrame()
        line.setObjectName("line")
        line.setFixedSize(1, ICON_PX)
        self._row.addSpacing(6)
        self._row.addWidget(line)
        self._row.addSpacing(6)
