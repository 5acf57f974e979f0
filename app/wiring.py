"""The one place that builds the window's objects and connects them."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, QPointF, QSettings, Qt
from PySide6.QtGui import QAction, QColor
from PySide6.QtWidgets import QApplication

from app import theme
from app.actions import MASK, PROJECT, RANGE, RUNNING, TRACK, TWO_TRACKS, VIDEO, Actions
from app.canvas.canvas_view import CanvasView
from app.document_bridge import DocumentBridge
from app.errors import UncaughtErrors
from app.flows.edit_flow import EditFlow
from app.flows.evidence_flow import EvidenceFlow
from app.flows.evidence_lanes import EvidenceLanes
from app.flows.exchange_flow import ExchangeFlow
from app.flows.identity_flow import IdentityFlow
from app.flows.inspect_flow import InspectFlow
from app.flows.navigation import Navigation
from app.flows.open_flow import OpenFlow
from app.flows.replay_flow import ReplayFlow
from app.flows.review_flow import ReviewFlow
from app.flows.run_flow import RunFlow
from app.flows.thumbnail_flow import ThumbnailFlow
from app.flows.truth_layer import TruthLayer
from app.icons import apply_icons, show_playing
from app.jobs.lane import JobLane
from app.main_window import MainWindow
from app.panel_wiring import connect_panels
from app.panels.events_panel import EventsPanel
from app.panels.inspector_panel import InspectorPanel
from app.panels.notes_panel import NotesPanel
from app.panels.problems_panel import ProblemsPanel
from app.panels.run_strip import RunStrip
from app.panels.tracks_panel import TracksPanel
from app.panels.why_panel import WhyPanel
from app.playback.frame_loader import FrameLoader
from app.playback.player import Player
from app.settings import Preferences, Settings
from app.timeline.timeline_view import TimelineView
from app.tools.brush_tool import BrushTool, EraserTool
from app.tools.colour_tools import FillTool, GrabCutTool, WandTool
from app.tools.region_tools import BoxTool, LassoTool, PolygonTool, SliceTool
from app.tools.select_tool import JoinTool, MergeTool, SelectTool
from app.tools.tool import Tool
from app.verbs import show_layers, step_brush, verbs
from app.view_feed import ViewFeed
from app.view_state import ViewState
from app.window import Panels, Window

TOOLS: tuple[type[Tool], ...] = (
    SelectTool, BrushTool, EraserTool, PolygonTool, LassoTool, BoxTool,
    FillTool, WandTool, GrabCutTool, SliceTool, JoinTool, MergeTool,
)  # fmt: skip


def build_window(application: QApplication, store: QSettings | None = None) -> Window:
    """Build the window with everything connected. store: where preferences live (the user's when None)."""
    settings = Settings(store)
    view_state = ViewState()
    bridge = DocumentBridge()
    view_state.is_track = lambda number: bridge.is_track(view_state.video, number)
    loader = FrameLoader()
    player = Player(view_state)
    canvas = CanvasView(view_state)
    timeline = TimelineView(view_state)
    panels = Panels(
        TracksPanel(view_state), InspectorPanel(), WhyPanel(), NotesPanel(), ProblemsPanel(), EventsPanel()
    )
    panels.tracks.setWindowTitle(panels.tracks.tr("Tracks"))
    run_strip = RunStrip()
    actions = Actions(application)
    tabs = {item.name: getattr(panels, item.name) for item in fields(panels)}
    main = MainWindow(actions, canvas, timeline, run_strip, tabs, settings.store)
    feed = ViewFeed(view_state, bridge, loader, canvas, timeline, panels.tracks)
    file_lane, model_lane = JobLane("files"), JobLane("model")
    open_flow = OpenFlow(view_state, bridge, loader, player, settings, file_lane, main)
    window = Window(
        application=application,
        main=main,
        panels=panels,
        run_strip=run_strip,
        view_state=view_state,
        settings=settings,
        bridge=bridge,
        loader=loader,
        player=player,
        feed=feed,
        actions=actions,
        edit_flow=EditFlow(view_state, bridge, canvas, feed, file_lane),
        evidence_flow=EvidenceFlow(view_state, bridge, canvas, feed),
        evidence_lanes=EvidenceLanes(view_state, bridge, file_lane, timeline),
        identity_flow=IdentityFlow(view_state, bridge, main),
        navigation=Navigation(view_state, bridge),
        open_flow=open_flow,
        exchange_flow=ExchangeFlow(view_state, bridge, open_flow, file_lane, main),
        review_flow=ReviewFlow(view_state, bridge, main),
        run_flow=RunFlow(view_state, bridge, model_lane, settings, main),
        replay_flow=ReplayFlow(view_state, bridge, model_lane, settings, main),
        inspect_flow=InspectFlow(view_state, bridge, file_lane, main),
        thumbnail_flow=ThumbnailFlow(view_state, bridge, loader, file_lane),
        truth_layer=TruthLayer(bridge, feed, canvas),
        file_lane=file_lane,
        model_lane=model_lane,
        uncaught=UncaughtErrors(),
    )
    _connect(window)
    return window


def _connect(w: Window) -> None:
    w.uncaught.parent_widget = w.main
    w.uncaught.install()
    w.uncaught.refused.connect(w.main.say)
    w.actions.bind(verbs(w))
    _connect_tools(w)
    _connect_canvas(w)
    _connect_document(w)
    _connect_settings(w)
    connect_panels(w)
    for source in (
        w.edit_flow.said,
        w.identity_flow.said,
        w.evidence_flow.said,
        w.evidence_lanes.said,
        w.navigation.nothing_found,
        w.open_flow.busy,
    ):
        source.connect(w.main.say)
    w.evidence_flow.shown_changed.connect(w.actions.by_id["show_evidence"].setChecked)
    w.evidence_flow.shown_changed.connect(w.evidence_lanes.set_wanted)
    w.evidence_lanes.failed.connect(w.uncaught.happened)
    w.edit_flow.failed.connect(w.uncaught.happened)
    w.edit_flow.merge_wanted.connect(w.identity_flow.ask_merge)
    w.identity_flow.category_used.connect(partial(setattr, w.edit_flow, "category"))
    w.main.closing.connect(w.close)
    w.main.raw_held.connect(partial(w.view_state.layers.set, "raw"))
    _enable(w)


def _connect_tools(w: Window) -> None:
    tools = {tool.name: tool(w.edit_flow) for tool in TOOLS}

    def use(name: str) -> None:
        w.main.canvas.use_tool(tools[name])
        w.actions.by_id[f"tool_{name}"].setChecked(True)

    w.view_state.tool_changed.connect(use)
    use(w.view_state.tool)
    w.main.canvas.tool_wheel.connect(partial(step_brush, w.view_state))


def _connect_canvas(w: Window) -> None:
    canvas, timeline, tracks = w.main.canvas, w.main.timeline, w.panels.tracks
    canvas.space_tapped.connect(w.actions.press_space)
    canvas.files_dropped.connect(w.open_flow.open_dropped)
    w.open_flow.import_wanted.connect(lambda path: w.exchange_flow.ask_import(Path(path)))
    w.main.start_page.files_dropped.connect(w.open_flow.open_dropped)
    w.main.start_page.action_requested.connect(lambda name: w.actions.by_id[name].trigger())
    w.main.start_page.recent_requested.connect(lambda path: w.open_flow.open_dropped([path]))

    def menu(at: QPoint | QPointF, track: object, frame: int = -1, *, on_canvas: bool = False) -> None:
        left_out = w.evidence_flow.entries() if on_canvas else []
        if isinstance(track, int) and track not in w.view_state.selection:
            w.view_state.select((track,))
        if frame >= 0:
            w.view_state.go_to(frame)
        shown = w.main.context_menu()
        first = shown.actions()[0]
        for text, leftover in left_out:
            entry = QAction(text, shown)
            entry.triggered.connect(lambda _=False, chosen=leftover: w.evidence_flow.restore(chosen))
            shown.insertAction(first, entry)
        if left_out:
            shown.insertSeparator(first)
        shown.popup(at if isinstance(at, QPoint) else at.toPoint())

    canvas.context_menu_requested.connect(partial(menu, on_canvas=True))
    w.feed.thumbnail_wanted.connect(w.thumbnail_flow.ask)
    w.thumbnail_flow.ready.connect(w.feed.take_thumbnail)
    timeline.context_menu_requested.connect(menu)
    tracks.context_menu_requested.connect(menu)
    timeline.track_clicked.connect(partial(_on_lane, w))
    timeline.trim_requested.connect(w.identity_flow.trim_or_extend)


def _on_lane(w: Window, track: int, modifiers: Qt.KeyboardModifier) -> None:
    if w.view_state.tool == "merge":
        tool = w.main.canvas.tool
        assert isinstance(tool, MergeTool)
        tool.take(track)
    elif modifiers & Qt.KeyboardModifier.ControlModifier:
        others = tuple(t for t in w.view_state.selection if t != track)
        w.view_state.select((track, *others))
    else:
        w.view_state.select((track,))


def _connect_document(w: Window) -> None:
    enable = partial(_enable, w)

    def on_project(project: object) -> None:
        w.main.show_video_page(project is not None)
        name = "" if w.bridge.project is None else f"{w.bridge.project.path.stem} — "
        w.main.setWindowTitle(f"{name}STMask Annotator")
        w.main.start_page.show_recent(w.settings.preferences.recent)

    top = w.main.top_bar

    def on_place(_: object = None) -> None:
        top.show_place(w.view_state.frame, w.view_state.frame_count, w.player.frame_rate)

    def on_videos(_: object = None) -> None:
        videos = [] if w.bridge.project is None else sorted(w.bridge.document.videos)
        here = w.view_state.video
        current = videos.index(here) if here in videos else -1  # type: ignore[arg-type]
        top.show_videos([w.bridge.document.videos[video].name for video in videos], current)

    def choose(number: int) -> None:
        w.open_flow.show_video(sorted(w.bridge.document.videos)[number])

    top.video_chosen.connect(choose)
    w.bridge.project_changed.connect(on_project)
    for signal in (
        w.bridge.project_changed, w.bridge.document_changed, w.view_state.video_changed,
        w.view_state.selection_changed, w.view_state.range_changed, w.view_state.frame_changed,
        w.run_flow.state_changed,
    ):  # fmt: skip
        signal.connect(enable)
    w.view_state.frame_changed.connect(on_place)
    for signal in (w.view_state.video_changed, w.bridge.project_changed):
        signal.connect(on_place)
        signal.connect(on_videos)
    w.bridge.document_changed.connect(lambda diff: on_videos() if "videos" in diff.tables else None)


def _connect_settings(w: Window) -> None:
    def apply(preferences: Preferences) -> None:
        theme.apply_theme(w.application, preferences.theme)
        named = theme.colours(preferences.theme)
        w.main.canvas.background = QColor(named["canvas"])
        w.main.canvas.update()
        w.main.timeline.use_colours(named)
        apply_icons(w.actions.by_id, named["text"], named["faint"])
        show_playing(w.actions.by_id["play"], w.view_state.playing, named["text"], named["faint"])
        w.actions.use_keys(preferences.shortcut_preset, preferences.shortcuts)
        if w.bridge.colour_blind != preferences.colour_blind:
            w.bridge.colour_blind = preferences.colour_blind
            w.bridge.forget()
            w.feed.show_all()

    def on_playing(playing: bool) -> None:
        named = theme.colours(w.settings.preferences.theme)
        show_playing(w.actions.by_id["play"], playing, named["text"], named["faint"])

    w.view_state.playing_changed.connect(on_playing)
    w.settings.changed.connect(apply)
    following = w.application.styleHints().colorSchemeChanged.connect(lambda _: apply(w.settings.preferences))
    w.main.closing.connect(lambda: QObject.disconnect(following))  # the application may outlive the window
    w.main.start_page.show_recent(w.settings.preferences.recent)
    apply(w.settings.preferences)


def _enable(w: Window, _: object = None) -> None:
    """Enable the actions that make sense now, and show what is switched on."""
    present: set[str] = set()
    if w.bridge.project is not None:
        present.add(PROJECT)
    if w.view_state.video is not None:
        present.add(VIDEO)
    if w.view_state.track is not None and w.bridge.project is not None:
        present.add(TRACK)
        if w.bridge.document.annotations.has(w.view_state.track, w.view_state.frame):  # type: ignore[arg-type]
            present.add(MASK)
    if len(w.view_state.selection) >= 2:
        present.add(TWO_TRACKS)
    if w.view_state.range is not None:
        present.add(RANGE)
    if w.run_flow.is_running:
        present.add(RUNNING)
    w.actions.enable(present)
    show_layers(w)
