"""The question before an identity changes over time: which frames, whose mask wins, and what that does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from stmask_core.document.commands.identity import Preview
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError

Choice = tuple[str, str]  # value, text
Count = Callable[[Scope, str], Preview]


class IdentityDialog(QDialog):
    """Scope and conflict policy with live counts; Enter confirms, Escape leaves everything as it is."""

    confirmed = Signal(object, str)  # Scope, policy

    def __init__(
        self,
        parent: QWidget | None,
        title: str,
        verb: str,
        scopes: Sequence[tuple[str, Scope]],
        policies: Sequence[Choice],
        count: Count,
    ) -> None:
        """verb: what the button that confirms says."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self._count = count
        self.scope, self.policy = QComboBox(), QComboBox()
        self.scope.setAccessibleName(self.tr("Frames"))
        self.policy.setAccessibleName(self.tr("Where both have a mask"))
        for text, scope in scopes:
            self.scope.addItem(text, scope)
        for value, text in policies:
            self.policy.addItem(text, value)
        self.counts = QLabel()
        self.counts.setWordWrap(True)
        self.counts.setMinimumWidth(360)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText(verb)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        heading = QLabel(title)
        heading.setObjectName("heading")
        layout.addWidget(heading)
        form = QFormLayout()
        if scopes:
            form.addRow(self.tr("Frames"), self.scope)
        if policies:
            form.addRow(self.tr("Where both have a mask"), self.policy)
        layout.addLayout(form)
        layout.addWidget(self.counts)
        layout.addWidget(self.buttons)
        self.scope.currentIndexChanged.connect(self._show_counts)
        self.policy.currentIndexChanged.connect(self._show_counts)
        self._show_counts()

    def accept(self) -> None:
        """Close and say what was chosen."""
        scope, policy = self._chosen()
        super().accept()
        self.confirmed.emit(scope, policy)

    def _chosen(self) -> tuple[Scope, str]:
        return self.scope.currentData() or Scope.whole_track(), self.policy.currentData() or ""

    def _show_counts(self) -> None:
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        try:
            preview = self._count(*self._chosen())
        except DocumentError as error:
            self.counts.setText(str(error))
            ok.setEnabled(False)
            return
        ok.setEnabled(preview.masks > 0)
        self.counts.setText(self._in_words(preview))

    def _in_words(self, preview: Preview) -> str:
        if not preview.masks:
            return self.tr("Nothing would change.")
        lines = [
            self.tr("{0} masks in {1} frames, {2} to {3}.").format(
                preview.masks, preview.frames, preview.first, preview.last
            )
        ]
        if preview.conflicts:
            lines.append(self.tr("In {0} frames both have a mask.").format(preview.conflicts))
        if preview.dropped:
            lines.append(self.tr("{0} masks would be gone.").format(preview.dropped))
        if preview.locked:
            lines.append(self.tr("{0} locked masks stay as they are.").format(preview.locked))
        return "\n".join(lines)
