"""Strips: up to four curves over the frames, low, above the lanes, which come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor

from app.timeline.gutter import StripTitle

STRIP_PX, STRIP_LEAST_PX = 40, 22
MOST_STRIPS = 4


class Strips:
    """The plots of the strips, one row each; plots are slow to make, so a few are used again and again."""

    def __init__(self, make_plot: Callable[[int, StripTitle], pg.PlotItem]) -> None:
        """make_plot: a plot of a row with its title, on the frame axis of the lanes."""
        self._make = make_plot
        self._slots: list[tuple[pg.PlotItem, StripTitle, pg.PlotDataItem]] = []
        self.plots: dict[str, pg.PlotItem] = {}
        self.values: dict[str, np.ndarray] = {}
        self._colours = QColor("#8f939a"), QColor("#4c9be8")

    def use_colours(self, faint: QColor, accent: QColor) -> None:
        """Take the theme's colours."""
        self._colours = faint, accent
        for _, title, curve in self._slots:
            title.faint = faint
            curve.setPen(pg.mkPen(accent, width=1.2))
            title.update()

    def show(self, strips: Mapping[str, np.ndarray]) -> None:
        """Show curves; NaN where a value is undefined. One without any value takes no room."""
        known = {name: values for name, values in strips.items() if np.isfinite(values).any()}
        self.values = {name: known[name] for name in list(known)[:MOST_STRIPS]}
        self.plots.clear()
        for row, (name, values) in enumerate(self.values.items()):
            plot, title, curve = self._slot(row)
            self.plots[name] = plot
            curve.setData(np.arange(len(values)) + 0.5, values)
            finite = values[np.isfinite(values)]
            low, high = min(0.0, float(finite.min())), max(1.0, float(finite.max()))
            plot.setYRange(low, high, padding=0.1)
            title.title, title.low, title.high = name, low, high
            title.update()

    def _slot(self, row: int) -> tuple[pg.PlotItem, StripTitle, pg.PlotDataItem]:
        if row == len(self._slots):
            faint, accent = self._colours
            title = StripTitle("")
            title.faint = faint
            plot = self._make(row, title)
            plot.setDownsampling(auto=True, mode="peak")
            plot.setClipToView(True)
            curve = plot.plot(pen=pg.mkPen(accent, width=1.2), connect="finite")
            self._slots.append((plot, title, curve))
        return self._slots[row]

    def fit(self, room: int) -> None:
        """Share ``room`` pixels; the last strips go where it is not enough for all."""
        shown = min(len(self.plots), max(0, room) // STRIP_LEAST_PX)
        for number, (plot, _, _) in enumerate(self._slots):
            height = min(STRIP_PX, room // shown) if number < shown else 0
            plot.setVisible(height > 0)
            if plot.maximumHeight() != height:
                plot.setMinimumHeight(height)
                plot.setMaximumHeight(height)

    def at(self, scene_y: float) -> str | None:
        """The strip at a height of the scene."""
        for name, plot in self.plots.items():
            area = plot.sceneBoundingRect()
            if plot.isVisible() and area.top() <= scene_y < area.bottom():
                return name
        return None
