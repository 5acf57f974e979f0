"""The main window: where things are. What they do is in ``wiring``."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QEvent, QSettings, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QDockWidget,
    QMainWindow,
    QMenu,
    QSplitter,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from app.actions import ACTIONS, Actions, tr
from app.canvas.canvas_view import CanvasView
from app.dialogs.passing import passing
from app.panels.panel_deck import PanelDeck
from app.panels.press_keys import PressKeys
from app.panels.run_strip import RunStrip
from app.panels.start_page import StartPage
from app.timeline.timeline_view import TimelineView
from app.top_bar import TopBar

TOOLS = (
    "select",
    "brush",
    "eraser",
    "polygon",
    "lasso",
    "box",
    "fill",
    "wand",
    "grabcut",
    "slice",
    "join",
    "merge",
)
CONTEXT_MENU = (
    "rename_track", "set_category", "recolour_track", "lock_track", "hide_track", "track_reviewed", None,
    "merge_tracks", "cut_track", "swap_tracks", "reassign", "extend_track", "trim_before", "trim_after", None,
    "copy_mask", "paste_mask", "copy_forward", "interpolate", None,
    "pin", "reject", "lock_mask", "occlusion", "outside", None,
    "add_note", "delete_mask", "delete_range", "delete_track",
)  # fmt: skip
GROUP_STARTS = {  # a line is drawn above these in their menus
    "add_video", "snapshot", "quit", "copy_mask", "select_all", "settings", "show_masks", "more_opacity",
    "display", "next_pane", "panel_tracks", "first_frame", "next_keyframe", "go_to_frame", "range_start",
    "loop", "next_video", "lock_track", "merge_tracks", "extend_track", "delete_range", "brush_smaller",
    "grow_mask", "interpolate", "delete_mask", "pause_run", "add_note", "inspect", "next_event", "validate",
    "tour",
}  # fmt: skip
LAYOUT_VERSION = 2
CANVAS_SHARE = 0.56  # of the window's area
RIGHT_LEAST_PX, RIGHT_MOST_PX, BELOW_MOST_PX = 290, 340, 320
SECTION_GAP_PX = 7
SECTIONS_LEAST_PX = 90, 180
SECTION_SHARES = 0.38, 0.62  # of the tracks, and of the panel below
TRACKS = "tracks"  # the panel that is always there
RAW_KEY = Qt.Key.Key_QuoteLeft


class MainWindow(QMainWindow):
    """Canvas in the middle, tools on the left, panels on the right, the timeline below."""

    closing = Signal()
    raw_held = Signal(bool)

    def __init__(
        self,
        actions: Actions,
        canvas: CanvasView,
        timeline: TimelineView,
        run_strip: RunStrip,
        panels: dict[str, QWidget],
        layout: QSettings,
    ) -> None:
        super().__init__()
        self.table, self.canvas, self.timeline, self.panels = actions, canvas, timeline, panels
        self._run_strip = run_strip
        self.start_page = StartPage()
        self.ask_to_close: Callable[[], bool] = lambda: True
        self._layout_store = layout
        self._arranged = False  # the docks have their sizes
        self._pages = QStackedWidget()
        self._pages.addWidget(self.start_page)
        self._pages.addWidget(canvas)
        self.setCentralWidget(self._pages)
        self.setAcceptDrops(True)
        self._make_menus()
        self._make_top_bar()
        self._make_tool_bar()
        self._make_docks()
        self._share_keys()
        self.resize(1440, 900)
        self.show_video_page(False)
        self._restore_layout()
        self.setWindowTitle("STMask Annotator")

    def show_video_page(self, shown: bool) -> None:
        """Turn between the start page and the canvas with its panels."""
        self._pages.setCurrentIndex(1 if shown else 0)
        for dock in (self.right_dock, self.timeline_dock):
            dock.setVisible(shown)
        self.tool_bar.setVisible(shown)
        self.top_bar.setVisible(shown)
        (self.canvas if shown else self.start_page).setFocus()
        if shown and not self._arranged:
            self._arranged = True
            self._share_room()

    def show_panel(self, name: str) -> None:
        """Make one panel of the right dock visible; the tracks always are."""
        self.right_dock.show()
        if name != TRACKS:
            self.tabs.setCurrentWidget(self.panels[name])

    def make_room_below(self, height: int) -> None:
        """Make the timeline at least so tall, at most half of the window; it never shrinks."""
        wanted = min(height, self.height() // 2)
        if wanted > self.timeline_dock.height():
            self.resizeDocks([self.timeline_dock], [wanted], Qt.Orientation.Vertical)

    def next_pane(self) -> None:
        """Move the keyboard focus: canvas, timeline, tracks, the panel in front, and round again."""
        panes = [self.canvas, self.timeline, self.panels[TRACKS], self.tabs.currentWidget()]
        here = self.focusWidget()
        at = next(
            (i for i, p in enumerate(panes) if here is not None and (p is here or p.isAncestorOf(here))), -1
        )
        self._focus_in(panes[(at + 1) % len(panes)])

    def go_to_panel(self, name: str) -> None:
        """Bring a tab to the front and the keyboard into it."""
        self.show_panel(name)
        self._focus_in(self.panels[name])

    def _focus_in(self, pane: QWidget) -> None:
        """Hand the keyboard to a pane: to its list where it has one, else to what Tab reaches first."""
        reached = [
            w for w in (pane, *pane.findChildren(QWidget))
            if w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.isVisible() and w.isEnabled()
        ]  # fmt: skip
        lists = [w for w in reached if isinstance(w, QAbstractItemView)]
        wanted = next(iter((*lists, *reached)), self.tabs.button_in_front())
        wanted.setFocus(Qt.FocusReason.TabFocusReason)

    def context_menu(self) -> QMenu:
        """What can be done with the selected object."""
        menu = passing(QMenu(self))
        for name in CONTEXT_MENU:
            if name is None:
                menu.addSeparator()
            else:
                menu.addAction(self.table.by_id[name])
        return menu

    def say(self, text: str) -> None:
        """Say something in the status bar for a while."""
        self.statusBar().showMessage(text, 8000)

    def save_layout(self) -> None:
        """Remember sizes and places."""
        if self._pages.currentIndex() == 1:
            self._layout_store.setValue("layout/state", self.saveState(LAYOUT_VERSION))
            self._layout_store.setValue("layout/sections", self._sections.saveState())
        self._layout_store.setValue("layout/geometry", self.saveGeometry())

    def _restore_layout(self) -> None:
        geometry, state = (
            self._layout_store.value("layout/geometry"),
            self._layout_store.value("layout/state"),
        )
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        if isinstance(state, QByteArray) and self.restoreState(state, LAYOUT_VERSION):
            self._arranged = True
            sections = self._layout_store.value("layout/sections")
            if isinstance(sections, QByteArray):
                self._sections.restoreState(sections)
            self.show_video_page(False)

    def _share_room(self) -> None:
        """The canvas gets more than half of the window, the panels what is left; then borders are dragged."""
        width, height = self.width(), self.height()
        right = min(max(RIGHT_LEAST_PX, width // 5), RIGHT_MOST_PX)
        canvas_width = width - right - self.tool_bar.sizeHint().width()
        bars = self.menuBar().sizeHint().height() + self.statusBar().sizeHint().height()
        below = round(height - bars - CANVAS_SHARE * width * height / canvas_width)
        self._sections.setSizes([round(share * height) for share in SECTION_SHARES])
        self.resizeDocks([self.right_dock], [right], Qt.Orientation.Horizontal)
        self.resizeDocks([self.timeline_dock], [min(below, BELOW_MOST_PX)], Qt.Orientation.Vertical)

    def _make_menus(self) -> None:
        menus: dict[str, QMenu] = {}
        for spec in ACTIONS:
            menu = menus.get(spec.menu)
            if menu is None:
                menu = menus[spec.menu] = self.menuBar().addMenu(tr(spec.menu))
                menu.menuAction().setObjectName(spec.menu)
            if spec.id in GROUP_STARTS:
                menu.addSeparator()
            menu.addAction(self.table.by_id[spec.id])
            self.addAction(self.table.by_id[spec.id])

    def _make_top_bar(self) -> None:
        self.top_bar = TopBar(self.table.by_id)
        bar = self.menuBar()
        if bar.isNativeMenuBar():  # where the desktop shows the menus there is no corner beside them
            above = QToolBar(self.top_bar.tr("Playing and verbs"), self)
            above.setObjectName("top")
            above.setMovable(False)
            above.addWidget(self.top_bar)
            self.addToolBar(Qt.ToolBarArea.TopToolBarArea, above)
        else:
            bar.setCornerWidget(self.top_bar, Qt.Corner.TopRightCorner)

    def _make_tool_bar(self) -> None:
        self.tool_bar = QToolBar(self.tr("Tools"), self)
        self.tool_bar.setObjectName("tools")
        self.tool_bar.setOrientation(Qt.Orientation.Vertical)
        self.tool_bar.setMovable(False)
        self.tool_bar.setIconSize(QSize(24, 24))
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.tool_bar)
        group = QActionGroup(self)
        for tool in TOOLS:
            action = self.table.by_id[f"tool_{tool}"]
            action.setCheckable(True)
            group.addAction(action)
            self.tool_bar.addAction(action)
            self._explain(action)
        self.table.by_id["tool_select"].setChecked(True)

    def _explain(self, action: QAction) -> None:
        keys = action.shortcut().toString()
        action.setToolTip(f"{action.text()} ({keys})" if keys else action.text())

    def _make_docks(self) -> None:
        self.tabs = PanelDeck([panel for name, panel in self.panels.items() if name != TRACKS])
        self._sections = QSplitter(Qt.Orientation.Vertical)
        self._sections.addWidget(self.panels[TRACKS])
        self._sections.addWidget(self.tabs)
        self._sections.setHandleWidth(SECTION_GAP_PX)
        for section, least in zip((self.panels[TRACKS], self.tabs), SECTIONS_LEAST_PX, strict=True):
            section.setMinimumHeight(least)  # a tall timeline may push them together
        self.right_dock = self._dock(
            "panels", self.tr("Panels"), self._sections, Qt.DockWidgetArea.RightDockWidgetArea
        )
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._run_strip)
        column.addWidget(self.timeline, 1)
        self.timeline_dock = self._dock(
            "timeline", self.tr("Timeline"), below, Qt.DockWidgetArea.BottomDockWidgetArea
        )
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.BottomDockWidgetArea)

    def _dock(self, name: str, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        dock.setWidget(widget)
        dock.setTitleBarWidget(QWidget())  # the tabs and the overview say what it is
        dock.setFeatures(QDockWidget.DockWidgetFeature.NoDockWidgetFeatures)
        self.addDockWidget(area, dock)
        return dock

    def _share_keys(self) -> None:
        """Space and Enter press the button that Tab has reached; a click leaves the keyboard where it is."""
        keys = PressKeys(self)
        buttons = self.findChildren(QAbstractButton)
        for widget in (*buttons, *self.findChildren(QComboBox)):
            widget.installEventFilter(keys)
        for button in buttons:
            if button.focusPolicy() & Qt.FocusPolicy.ClickFocus:
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hold ` to see the frame alone."""
        if event.key() == RAW_KEY and not event.isAutoRepeat():
            self.raw_held.emit(True)
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Let go of `."""
        if event.key() == RAW_KEY and not event.isAutoRepeat():
            self.raw_held.emit(False)
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """A key that was held when the keyboard went elsewhere is let go of."""
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.raw_held.emit(False)
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Everything is on disk already; a running model is asked about."""
        if not self.ask_to_close():
            event.ignore()
            return
        self.save_layout()
        self.closing.emit()
        super().closeEvent(event)
