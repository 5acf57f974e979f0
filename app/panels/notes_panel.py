"""Review notes: what somebody wants looked at, the conversation about it, and whether it is settled."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.panels.empty_hint import EmptyHint
from stmask_core.document.records import ReviewNote

NOTE = Qt.ItemDataRole.UserRole
FIRST_CHARACTERS = 160  # of a note in the list; the conversation below shows it whole


class NotesPanel(QWidget):
    """The list of notes and, below it, the conversation of the chosen one."""

    go_to = Signal(int, object)  # frame, track id or None
    reply = Signal(int, str)  # note id, text
    resolve = Signal(int, bool)  # note id, False opens it again
    delete = Signal(int)  # note id
    add = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Notes"))
        self._notes: tuple[ReviewNote, ...] = ()
        self.filter = QComboBox()
        self.filter.setAccessibleName(self.tr("Which notes"))
        self.filter.addItem(self.tr("Open notes"), "open")
        self.filter.addItem(self.tr("All notes"), "all")
        self.add_button = QPushButton(self.tr("Add a note…"))
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Notes"))
        self.list.setWordWrap(True)
        self.list.setAlternatingRowColors(True)
        self.list.setSpacing(2)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.count = QLabel()
        self.count.setObjectName("faint")
        self.count.setWordWrap(True)
        top = QHBoxLayout()
        top.addWidget(self.filter, 1)
        top.addWidget(self.add_button)
        EmptyHint(self.list, self.tr("A note says what should be looked at, in a frame or at a track."))
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.list)
        split.addWidget(self._make_conversation())
        split.setChildrenCollapsible(False)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(top)
        layout.addWidget(split, 1)
        layout.addWidget(self.count)
        self._connect()
        self.show_notes(())

    def show_notes(self, notes: Sequence[ReviewNote]) -> None:
        """Show the notes of a video by frame; the chosen one stays chosen, a half-written reply stays."""
        self._notes = tuple(sorted(notes, key=lambda note: (note.frame, note.id)))
        self._fill()

    @property
    def note(self) -> ReviewNote | None:
        """The chosen note."""
        item = self.list.currentItem()
        return None if item is None else item.data(NOTE)

    def _make_conversation(self) -> QWidget:
        self.conversation = QPlainTextEdit()
        self.conversation.setReadOnly(True)
        self.conversation.setTabChangesFocus(True)
        self.conversation.setAccessibleName(self.tr("Conversation"))
        self.conversation.setPlaceholderText(self.tr("Choose a note to read it."))
        self.answer = QLineEdit()
        self.answer.setAccessibleName(self.tr("Reply"))
        self.answer.setPlaceholderText(self.tr("Reply, then Enter"))
        self.resolve_button = QPushButton(self.tr("Resolve"))
        self.delete_button = QPushButton(self.tr("Delete"))
        buttons = QHBoxLayout()
        for button in (self.resolve_button, self.delete_button):
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            buttons.addWidget(button)
        self.conversation_part = QWidget()
        layout = QVBoxLayout(self.conversation_part)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.conversation, 1)
        layout.addWidget(self.answer)
        layout.addLayout(buttons)
        return self.conversation_part

    def _connect(self) -> None:
        self.filter.currentIndexChanged.connect(self._fill)
        self.add_button.clicked.connect(lambda _=False: self.add.emit())
        self.list.currentItemChanged.connect(self._show_chosen)
        self.list.itemClicked.connect(self._go)
        self.list.itemActivated.connect(self._go)
        self.answer.returnPressed.connect(self._send)
        self.resolve_button.clicked.connect(self._resolve)
        self.delete_button.clicked.connect(self._delete)

    def _fill(self) -> None:
        chosen = self.note
        only_open = self.filter.currentData() == "open"
        self.list.blockSignals(True)
        self.list.clear()
        for note in self._notes:
            if only_open and note.state != "open":
                continue
            item = QListWidgetItem(self._line(note), self.list)
            item.setData(NOTE, note)
            if chosen is not None and note.id == chosen.id:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        self._show_chosen()
        self._show_count(only_open)

    def _show_count(self, only_open: bool) -> None:
        is_open = sum(note.state == "open" for note in self._notes)
        if not self._notes:
            self.count.setText(self.tr("No notes."))
        elif only_open and not is_open:
            self.count.setText(self.tr("Every note is resolved ({0}).").format(len(self._notes)))
        else:
            self.count.setText(self.tr("{0} open, {1} in all").format(is_open, len(self._notes)))

    def _line(self, note: ReviewNote) -> str:
        place = self.tr("Frame {0}").format(note.frame)
        if note.track is not None:
            place += f" · #{note.track}"
        replies = len(note.comments) - 1
        if replies > 0:
            text = self.tr("1 reply") if replies == 1 else self.tr("{0} replies").format(replies)
            place += f" · {text}"
        text = note.comments[0].text if note.comments else ""
        mark = "✓ " if note.state == "resolved" else ""
        return f"{mark}{place}\n{text[:FIRST_CHARACTERS]}"

    def _show_chosen(self, *_: object) -> None:
        note = self.note
        self.conversation_part.setVisible(bool(self._notes))
        for widget in (self.answer, self.resolve_button, self.delete_button):
            widget.setEnabled(note is not None)
        if note is None:
            self.conversation.clear()
            return
        is_open = note.state == "open"
        self.resolve_button.setText(self.tr("Resolve") if is_open else self.tr("Open again"))
        parts = []
        for comment in note.comments:
            when = comment.time.replace("T", " ").removesuffix("+00:00")[:16]
            who = " · ".join(part for part in (comment.author, when) if part)
            parts.append(f"{who}\n{comment.text}" if who else comment.text)
        self.conversation.setPlainText("\n\n".join(parts))
        self.conversation.verticalScrollBar().setValue(self.conversation.verticalScrollBar().maximum())

    def _go(self, item: QListWidgetItem) -> None:
        note: ReviewNote = item.data(NOTE)
        self.go_to.emit(note.frame, note.track)

    def _send(self) -> None:
        text, note = self.answer.text().strip(), self.note
        if text and note is not None:
            self.answer.clear()
            self.reply.emit(note.id, text)

    def _resolve(self) -> None:
        note = self.note
        if note is not None:
            self.resolve.emit(note.id, note.state == "open")

    def _delete(self) -> None:
        note = self.note
        if note is not None:
            self.delete.emit(note.id)
