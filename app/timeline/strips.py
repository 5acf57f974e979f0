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
    """The plots of the strips in the timeline's grid, one row each, from row 0 on."""

    def __init__(
        self,
        grid: pg.GraphicsLayoutWidget,
        make_plot: Callable[[int, StripTitle], pg.PlotItem],
        remove_plot: Callable[[pg.PlotItem], None],
    ) -> None:
        """make_plot: a plot of a row with its title, on the frame axis of the lanes."""
        self._grid, self._make, self._remove = grid, make_plot, remove_plot
        self.plots: dict[str, pg.PlotItem] = {}
        self.values: dict[str, np.ndarray] = {}
        self._titles: dict[str, StripTitle] = {}
        self._colours = QColor("#8f939a"), QColor("#4c9be8")

    def use_colours(self, faint: QColor, accent: QColor) -> None:
        """Take the theme's colours."""
        self._colours = faint, accent
        for name, plot in self.plots.items():
            self._titles[name].faint = faint
            for curve in plot.listDataItems():
                curve.setPen(pg.mkPen(accent, width=1.2))
            self._titles[name].update()

    def show(self, strips: Mapping[str, np.ndarray]) -> None:
        """Show curves; NaN where a value is undefined. One without any value takes no room."""
        known = {name: values for name, values in strips.items() if np.isfinite(values).any()}
        wanted = list(known)[:MOST_STRIPS]
        if list(self.plots) != wanted:  # a row holds one plot: all of them are placed anew
            for gone in self.plots.values():
                self._remove(gone)
            self.plots.clear()
            self._titles.clear()
        self.values = {name: known[name] for name in wanted}
        faint, accent = self._colours
        for row, (name, values) in enumerate(self.values.items()):
            plot = self.plots.get(name)
            if plot is None:
                title = self._titles[name] = StripTitle(name)
                title.faint = faint
                plot = self.plots[name] = self._make(row, title)
                plot.setDownsampling(auto=True, mode="peak")
                plot.setClipToView(True)
            for item in plot.listDataItems():
                plot.removeItem(item)
            frames = np.arange(len(values)) + 0.5
            plot.plot(frames, values, pen=pg.mkPen(accent, width=1.2), connect="finite")
            finite = values[np.isfinite(values)]
            low, high = min(0.0, float(finite.min())), max(1.0, float(finite.max()))
            plot.setYRange(low, high, padding=0.1)
            self._titles[name].low, self._titles[name].high = low, high
            self._titles[name].update()

    def fit(self, room: int) -> None:
        """Share ``room`` pixels; the last strips go where it is not enough for all."""
        shown = min(len(self.plots), max(0, room) // STRIP_LEAST_PX)
        for number, plot in enumerate(self.plots.values()):
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
