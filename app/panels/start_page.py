"""The first page: recent projects, ways to begin, a place to drop files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QFont, QPainter, QPalette
from PySide6.QtWidgets import (
    QGridLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.empty_hint import EmptyHint

Index = QModelIndex | QPersistentModelIndex
FOLDER = Qt.ItemDataRole.UserRole + 1
PAD_PX = 8
MOST_WIDTH_PX, MOST_HEIGHT_PX = 960, 480  # a page to be read, also on a large screen


class ProjectDelegate(QStyledItemDelegate):
    """A project's name, and below it, shortened in its middle, the folder that it is in."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Two lines and room around them."""
        return QSize(0, 2 * option.fontMetrics.height() + 2 * PAD_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Both lines, over the list's own marks of choice and focus."""
        empty = QStyleOptionViewItem(option)
        self.initStyleOption(empty, index)
        empty.text = ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, empty, painter, option.widget)
        roles, state = QPalette.ColorRole, QStyle.StateFlag
        chosen = bool(option.state & state.State_Selected)
        here = bool(option.state & state.State_Enabled)
        area = option.rect.adjusted(PAD_PX, PAD_PX, -PAD_PX, -PAD_PX)
        name, folder = QFont(option.font), QFont(option.font)
        name.setBold(here)
        for font, text, role, at, cut in (
            (name, index.data(), roles.Text if here else roles.PlaceholderText, "top", "right"),
            (folder, index.data(FOLDER), roles.PlaceholderText, "bottom", "middle"),
        ):
            painter.setFont(font)
            painter.setPen(option.palette.color(roles.HighlightedText if chosen else role))
            mode = Qt.TextElideMode.ElideRight if cut == "right" else Qt.TextElideMode.ElideMiddle
            edge = Qt.AlignmentFlag.AlignTop if at == "top" else Qt.AlignmentFlag.AlignBottom
            short = painter.fontMetrics().elidedText(text, mode, area.width())
            painter.drawText(area, edge | Qt.AlignmentFlag.AlignLeft, short)


class StartPage(QWidget):
    """Emits the id of the action to run, the recent project to open, or the files dropped."""

    action_requested = Signal(str)
    recent_requested = Signal(str)
    files_dropped = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        title = QLabel("STMask Annotator")
        title.setObjectName("title")
        what = QLabel(
            self.tr("Find, mask and track every object in a video. Repair masks and identities. Export.")
        )
        what.setObjectName("faint")
        what.setWordWrap(True)
        buttons = QVBoxLayout()
        buttons.setSpacing(8)
        for action, text in (
            ("open_sample", self.tr("Try it on the sample")),
            ("open_video", self.tr("Open a video")),
            ("open_folder", self.tr("Open a folder of images")),
            ("open_project", self.tr("Open a project")),
            ("open_dataset", self.tr("Open a YouTube-VIS dataset")),
        ):
            button = QPushButton(text)
            button.setObjectName("primary" if action == "open_sample" else action)
            button.setMinimumHeight(38)
            button.setAccessibleName(text)
            button.clicked.connect(lambda _=False, name=action: self.action_requested.emit(name))
            buttons.addWidget(button)
            if action == "open_sample":
                self.setFocusProxy(button)
        drop = QLabel(self.tr("… or drop a video, a folder, a project or a JSON file anywhere here."))
        drop.setObjectName("faint")
        drop.setWordWrap(True)
        buttons.addSpacing(6)
        buttons.addWidget(drop)
        buttons.addStretch(1)
        self._recent = QListWidget()
        self._recent.setAccessibleName(self.tr("Recent projects"))
        self._recent.setItemDelegate(ProjectDelegate(self._recent))
        self._recent.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._recent.itemActivated.connect(
            lambda item: self.recent_requested.emit(item.data(Qt.ItemDataRole.UserRole))
        )
        EmptyHint(self._recent, self.tr("Projects you open appear here."))
        columns = QGridLayout()
        columns.setHorizontalSpacing(40)
        columns.setVerticalSpacing(8)
        columns.addWidget(_heading(self.tr("Begin")), 0, 0)
        columns.addWidget(_heading(self.tr("Recent projects")), 0, 1)
        columns.addLayout(buttons, 1, 0)
        columns.addWidget(self._recent, 1, 1)
        columns.setColumnStretch(0, 2)
        columns.setColumnStretch(1, 3)
        inside = QWidget()
        inside.setMaximumSize(MOST_WIDTH_PX, MOST_HEIGHT_PX)
        page = QVBoxLayout(inside)
        page.addWidget(title)
        page.addWidget(what)
        page.addSpacing(24)
        page.addLayout(columns, 1)
        around = QGridLayout(self)
        around.setContentsMargins(40, 24, 40, 24)
        around.addWidget(inside, 1, 1)
        for edge in (0, 2):
            around.setRowStretch(edge, 1)
            around.setColumnStretch(edge, 1)
        around.setRowStretch(1, 20)
        around.setColumnStretch(1, 20)

    def show_recent(self, paths: Sequence[str]) -> None:
        """List recent projects; those that are gone are greyed out but kept."""
        self._recent.clear()
        for text in paths:
            path = Path(text)
            there, folder = path.exists(), str(path.parent)
            item = QListWidgetItem(path.stem)
            item.setToolTip(text)
            item.setData(Qt.ItemDataRole.UserRole, text)
            item.setData(FOLDER, folder if there else self.tr("not there any more · {0}").format(folder))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{path.stem}, {item.data(FOLDER)}")
            if not there:
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
            self._recent.addItem(item)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand the files on."""
        self.files_dropped.emit([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("heading")
    return label
