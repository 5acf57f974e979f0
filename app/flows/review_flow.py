"""Review notes: left at a frame, a track and a point; answered, resolved, opened again."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog, QPlainTextEdit, QWidget

from app.dialogs.passing import passing
from app.document_bridge import DocumentBridge
from app.view_state import ViewState
from stmask_core.document.commands import review
from stmask_core.document.document import Document
from stmask_core.document.records import NoteId, TrackId, VideoId
from stmask_core.errors import DocumentError


class ReviewFlow(QObject):
    """What the notes panel and the Review menu do."""

    def __init__(self, view_state: ViewState, bridge: DocumentBridge, window: QWidget) -> None:
        super().__init__()
        self.view_state, self.bridge, self._window = view_state, bridge, window

    def ask_note(self) -> None:
        """Ask for the text of a new note about this frame and the selected track."""
        dialog = passing(QInputDialog(self._window))
        dialog.setWindowTitle(self.tr("Add a note"))
        dialog.setLabelText(self.tr("What should be looked at in frame {0}?").format(self.view_state.frame))
        dialog.setOption(QInputDialog.InputDialogOption.UsePlainTextEditForTextInput)
        for field in dialog.findChildren(QPlainTextEdit):
            field.setAccessibleName(dialog.labelText())
            field.setTabChangesFocus(True)  # or the keyboard would never come to the buttons
        dialog.textValueSelected.connect(self.add_note)
        dialog.open()

    def add_note(self, text: str) -> None:
        """Leave a note at the frame of the playhead."""
        video = self.bridge.video(self.view_state.video)
        if video is None or not text.strip():
            raise DocumentError("A note needs a text.")
        track = self.view_state.track
        review.add_note(
            self._document,
            VideoId(video.id),
            self.view_state.frame,
            text.strip(),
            author=_author(),
            time=_now(),
            track=None if track is None else TrackId(track),
        )

    def reply(self, note: int, text: str) -> None:
        """Add a comment."""
        if text.strip():
            review.comment_on_note(self._document, NoteId(note), text.strip(), author=_author(), time=_now())

    def resolve(self, note: int, resolved: bool = True) -> None:
        """Resolve a note, or open it again."""
        review.set_note_state(self._document, NoteId(note), "resolved" if resolved else "open")

    def delete(self, note: int) -> None:
        """Delete a note with its comments; undo brings it back."""
        review.delete_note(self._document, NoteId(note))

    @property
    def _document(self) -> Document:
        return self.bridge.document


def _author() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a machine without a name for its user
        return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
