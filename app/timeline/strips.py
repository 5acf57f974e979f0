"""Strips: curves over the frames, low, above the lanes, which come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor

from app.timeline.gutter import StripTitle

STRIP_PX, STRIP_LEAST_PX = 40, 22


class Strips:
    """The plots of the strips, one row each; plots are slow to make, so a few are used again and again."""

    def __init__(self, make_plot: Callable[[int, StripTitle], pg.PlotItem]) -> None:
        """make_plot: a plot of a row with its title, on the frame axis of the lanes."""
        self._make = make_plot
        self._slots: list[tuple[pg.PlotItem, StripTitle, pg.PlotDataItem]] = []
        self.plots: dict[str, pg.PlotItem] = {}
        self.offered: dict[str, np.ndarray] = {}  # also those that there is no room for
        self.values: dict[str, np.ndarray] = {}  # those that are seen
        self._drawn: dict[int, np.ndarray] = {}  # by row
        self._colours = QColor("#8f939a"), QColor("#4c9be8")

    def use_colours(self, faint: QColor, accent: QColor) -> None:
        """Take the theme's colours."""
        self._colours = faint, accent
        for _, title, curve in self._slots:
            title.faint = faint
            curve.setPen(pg.mkPen(accent, width=1.2))
            title.update()

    def offer(self, strips: Mapping[str, np.ndarray]) -> None:
        """Take these curves, NaN where a value is undefined; one without any value is passed over."""
        self.offered = {name: values for name, values in strips.items() if np.isfinite(values).any()}

    def fit(self, room: int) -> None:
        """Show the first of them, as many as there is room for in so many pixels."""
        shown = min(len(self.offered), max(0, room) // STRIP_LEAST_PX)
        self.values = {name: self.offered[name] for name in list(self.offered)[:shown]}
        self.plots.clear()
        for row, (name, values) in enumerate(self.values.items()):
            self._show(row, name, values)
        for number, (plot, _, _) in enumerate(self._slots):
            height = min(STRIP_PX, room // shown) if number < shown else 0
            plot.setVisible(height > 0)
            if plot.maximumHeight() != height:
                plot.setMinimumHeight(height)
                plot.setMaximumHeight(height)

    def _show(self, row: int, name: str, values: np.ndarray) -> None:
        plot, title, curve = self._slot(row)
        self.plots[name] = plot
        if self._drawn.get(row) is values:
            return
        self._drawn[row] = values
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

    def at(self, scene_y: float) -> str | None:
        """The strip at a height of the scene."""
        for name, plot in self.plots.items():
            area = plot.sceneBoundingRect()
            if plot.isVisible() and area.top() <= scene_y < area.bottom():
                return name
        return None
