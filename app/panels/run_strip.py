"""A slim bar above the timeline that shows a run of the model: how far, how fast, how long still."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from app.panels.problems_panel import severity_icon


class RunStrip(QWidget):
    """Hidden when nothing runs and nothing went wrong; the buttons only ask."""

    pause_wanted = Signal()  # hold, or go on
    cancel_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._total = self._done = 0
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the run"))
        self.bar.setMaximumHeight(self.fontMetrics().height() // 2)
        self.bar.setMinimumWidth(self.fontMetrics().averageCharWidth() * 12)
        self.mark, self.words = QLabel(), QLabel()
        self.words.setAccessibleName(self.tr("The run"))
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.pause_button = QPushButton()
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.setToolTip(self.tr("Stop; the frames that are done stay"))
        self.close_button = QPushButton(self.tr("Close"))
        self.close_button.setAccessibleName(self.tr("Close the message"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 3, 8, 3)
        layout.addWidget(self.bar, 1)
        layout.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.words)
        for button in (self.pause_button, self.cancel_button, self.close_button):
            layout.addWidget(button)
        self.pause_button.clicked.connect(lambda _=False: self.pause_wanted.emit())
        self.cancel_button.clicked.connect(lambda _=False: self._cancel())
        self.close_button.clicked.connect(lambda _=False: self.hide())
        self.hide()

    def begin(self, total: int) -> None:
        """A run of ``total`` frames has been asked for; the network is being loaded."""
        self._total, self._done = total, 0
        self.bar.setRange(0, 0)  # moves without saying how far
        self._show_running(True)
        self.paused(False)
        for button in (self.pause_button, self.cancel_button):
            button.setEnabled(True)
        self.words.setText(self.tr("Loading the network…"))
        self.show()

    def advance(self, done: int, rate: float, left: float) -> None:
        """``done`` frames are written; rate in frames per second, left in seconds."""
        self._done = done
        self.bar.setRange(0, max(1, self._total))
        self.bar.setValue(done)
        speed = f"{rate:.1f}" if rate < 10 else f"{rate:,.0f}"
        self._say(self.tr("{0} frames/s").format(speed), self.tr("{0} left").format(duration(left)))

    def paused(self, held: bool) -> None:
        """The run is held, or goes on."""
        self.pause_button.setText(self.tr("Go on") if held else self.tr("Pause"))
        self.pause_button.setToolTip(self.tr("Go on with the run") if held else self.tr("Hold the run"))
        if held:
            self._say(self.tr("on hold"))

    def finish(self) -> None:
        """The run is over; nothing is left to say."""
        self.hide()

    def fail(self, text: str) -> None:
        """The run broke off; the words stay until they are closed."""
        self._show_running(False)
        self.words.setText(text)
        size = self.fontMetrics().height()
        self.mark.setPixmap(severity_icon("error", size, self.devicePixelRatioF()).pixmap(size, size))
        self.show()

    def _cancel(self) -> None:
        for button in (self.pause_button, self.cancel_button):
            button.setEnabled(False)
        self.words.setText(self.tr("Stopping…"))
        self.cancel_wanted.emit()

    def _say(self, *facts: str) -> None:
        if self.cancel_button.isEnabled():  # what is on its way after "cancel" is not progress
            place = self.tr("{0} of {1} frames").format(f"{self._done:,}", f"{self._total:,}")
            self.words.setText("  ·  ".join((place, *facts)))

    def _show_running(self, running: bool) -> None:
        self.bar.setVisible(running)
        self.pause_button.setVisible(running)
        self.cancel_button.setVisible(running)
        self.mark.setVisible(not running)
        self.close_button.setVisible(not running)
        self.words.setSizePolicy(
            QSizePolicy.Policy.Preferred if running else QSizePolicy.Policy.Expanding,
            QSizePolicy.Policy.Preferred,
        )
        self.words.setWordWrap(not running)


def duration(seconds: float) -> str:
    """Seconds as ``h:mm:ss`` or ``m:ss``."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
