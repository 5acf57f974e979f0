"""The first page: recent projects, ways to begin, a place to drop files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)


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
        drop = QLabel(self.tr("… or drop a video, a folder, a project or a JSON file anywhere here."))
        drop.setObjectName("faint")
        drop.setWordWrap(True)
        buttons.addWidget(drop)
        buttons.addStretch(1)
        self._recent = QListWidget()
        self._recent.setAccessibleName(self.tr("Recent projects"))
        self._recent.itemActivated.connect(
            lambda item: self.recent_requested.emit(item.data(Qt.ItemDataRole.UserRole))
        )
        right = QVBoxLayout()
        label = QLabel(self.tr("Recent projects"))
        right.addWidget(label)
        right.addWidget(self._recent, 1)
        columns = QHBoxLayout()
        columns.addLayout(buttons, 2)
        columns.addSpacing(32)
        columns.addLayout(right, 3)
        page = QVBoxLayout()
        page.addStretch(1)
        page.addWidget(title)
        page.addWidget(what)
        page.addSpacing(24)
        page.addLayout(columns, 6)
        page.addStretch(2)
        around = QHBoxLayout(self)
        around.addStretch(1)
        around.addLayout(page, 8)
        around.addStretch(1)

    def show_recent(self, paths: Sequence[str]) -> None:
        """List recent projects; those that are gone are greyed out but kept."""
        self._recent.clear()
        for text in paths:
            path = Path(text)
            item = QListWidgetItem(f"{path.stem}\n{path.parent}")
            item.setData(Qt.ItemDataRole.UserRole, text)
            if not path.exists():
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
                item.setText(f"{path.stem}\n" + self.tr("{0} — not there any more").format(path.parent))
            self._recent.addItem(item)
        if not paths:
            item = QListWidgetItem(self.tr("Projects you open appear here."))
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self._recent.addItem(item)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand the files on."""
        self.files_dropped.emit([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])
