"""How the frame and its masks are shown: opacity, brightness, contrast. Stays open while one works on."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.view_state import Layers, ViewState

ROOM_PX = 12  # to the corner of the canvas


class DisplayDialog(QDialog):
    """Sliders that act at once, over the upper right corner of the canvas."""

    def __init__(self, window: QWidget, canvas: QWidget, view_state: ViewState) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Opacity, brightness, contrast"))
        self._layers = view_state.layers
        self._sliders: dict[str, tuple[QSlider, QLabel]] = {}
        grid = QGridLayout()
        for row, (name, text, least, most) in enumerate(
            (
                ("opacity", self.tr("Masks"), 5, 100),
                ("brightness", self.tr("Brightness"), -100, 100),
                ("contrast", self.tr("Contrast"), 20, 300),
            )
        ):
            slider, value = QSlider(Qt.Orientation.Horizontal), QLabel()
            slider.setRange(least, most)
            slider.setPageStep(10)
            slider.setMinimumWidth(180)
            slider.setAccessibleName(text)
            value.setMinimumWidth(self.fontMetrics().horizontalAdvance("-100 %"))
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            slider.valueChanged.connect(lambda percent, name=name: self._layers.set(name, percent / 100))
            grid.addWidget(QLabel(text), row, 0)
            grid.addWidget(slider, row, 1)
            grid.addWidget(value, row, 2)
            self._sliders[name] = slider, value
        self.buttons = buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        reset = QPushButton(self.tr("Back to normal"))
        reset.clicked.connect(self._reset)
        buttons.addButton(reset, QDialogButtonBox.ButtonRole.ResetRole)
        layout = QVBoxLayout(self)
        layout.addLayout(grid)
        layout.addWidget(buttons)
        view_state.layers_changed.connect(self._show_values)
        self._show_values()
        self.adjustSize()
        corner = canvas.mapToGlobal(QPoint(canvas.width() - self.width() - ROOM_PX, ROOM_PX))
        self.move(corner)

    def _show_values(self) -> None:
        for name, (slider, value) in self._sliders.items():
            percent = round(100 * getattr(self._layers, name))
            slider.setValue(percent)
            value.setText(f"{percent} %")

    def _reset(self) -> None:
        for name, value in Layers.NORMAL.items():
            self._layers.set(name, value)
