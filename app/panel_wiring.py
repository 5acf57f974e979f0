"""What the panels, the run strip, the legend and the tour show, and what they ask for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, QRect, QTimer
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from app.canvas.id_legend import IdLegend, LegendEntry, entries_near
from app.dialogs.tour import Find, Tour, first_steps
from app.failure_wiring import connect_failures
from app.flows.evidence_flow import LEFT
from app.panels.event_rows import ObjectView
from app.panels.inspector_facts import facts_of
from app.panels.leftover_list import LeftOut
from app.panels.why_facts import why_at
from app.replay_wiring import connect_replay
from app.window import Window
from stmask_core.document.records import Colour, Track, TrackId, VideoId
from stmask_core.errors import FormatError

PANELS_MS = 60  # the panels follow a burst of edits and frames at this pace


class PanelFeed(QObject):
    """Fills the panel in front; the others are filled when they come to the front."""

    def __init__(self, w: Window) -> None:
        super().__init__(w.main)  # lives as long as the window: connections alone keep nothing alive
        self._w = w
        self._timer = QTimer(w.main)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PANELS_MS)
        self._timer.timeout.connect(self.show)
        state, bridge = w.view_state, w.bridge
        for signal in (
            state.selection_changed, state.frame_changed, state.video_changed, state.playing_changed,
            bridge.document_changed, bridge.project_changed, w.feed.shown, w.evidence_flow.leftovers_changed,
        ):  # fmt: skip
            signal.connect(self.ask)
        w.main.tabs.currentChanged.connect(lambda _: self.show())  # the keyboard may go into it at once

    def ask(self, _: object = None) -> None:
        """Show soon what has changed."""
        if not self._timer.isActive():
            self._timer.start()

    def show(self) -> None:
        """Show it now."""
        panels, front = self._w.panels, self._w.main.tabs.currentWidget()
        self._w.evidence_flow.watch(front is panels.why)
        if front is panels.inspector:
            self._show_inspector()
        elif front is panels.why:
            self._show_why()
        elif front is panels.notes:
            video = self._video()
            notes = () if video is None else self._w.bridge.document.notes.values()
            panels.notes.show_notes([note for note in notes if note.video == video])

    def _video(self) -> VideoId | None:
        record = self._w.bridge.video(self._w.view_state.video)
        return None if record is None else record.id

    def _show_inspector(self) -> None:
        w, video = self._w, self._video()
        if video is None:
            w.panels.inspector.show_facts(None)
            return
        frame = w.view_state.frame
        cached = w.loader.cached(frame) is not None
        tracks = [TrackId(track) for track in w.view_state.selection]
        w.panels.inspector.show_facts(
            facts_of(w.bridge.document, video, frame, tracks, colour_of=w.bridge.colour_of, cached=cached)
        )

    def _show_why(self) -> None:
        w, track = self._w, self._w.view_state.track
        w.panels.why.show_left_out(self._left_out())
        if track is None or self._video() is None:
            w.panels.why.show_nothing()
            return

        def name_of(record: Track) -> tuple[str, Colour]:
            return w.bridge.label_of(record), w.bridge.colour_of(record)

        try:
            facts = why_at(w.bridge.document, TrackId(track), w.view_state.frame, name_of)
        except FormatError as error:
            w.panels.why.show_nothing(str(error))
        else:
            if facts is not None and w.view_state.playing:
                facts = replace(facts, looks=None)  # pictures would come too late
            w.panels.why.show_facts(facts)

    def _left_out(self) -> list[LeftOut]:
        """Lines for what became no mask in the frame, what the selected track lost first."""
        flow, track = self._w.evidence_flow, self._w.view_state.track
        kinds = ("lost", "suppressed", "unused", "hidden")
        ordered = sorted(
            flow.leftovers, key=lambda e: (track is None or e.track != track, kinds.index(e.kind), -e.score)
        )
        return [LeftOut(e, flow.words_of(e), ObjectView(e.frame, e.mask, LEFT)) for e in ordered]


def connect_panels(w: Window) -> None:
    """Connect everything on the right, the strip above the timeline, and the legend on the canvas."""
    _connect_inspector(w)
    _connect_notes_and_problems(w)
    connect_failures(w, partial(_go_to, w))
    connect_replay(w, partial(_go_to, w))
    _connect_run(w)
    _connect_legend(w)
    PanelFeed(w).show()


def _connect_inspector(w: Window) -> None:
    inspector, why = w.panels.inspector, w.panels.why
    inspector.asked.connect(lambda name: w.actions.by_id[name].trigger())
    inspector.rename_wanted.connect(w.identity_flow.rename)
    inspector.occlusion_wanted.connect(w.edit_flow.set_occlusion)
    why.track_chosen.connect(lambda track: w.view_state.select((track,)))
    why.left_out.restore_wanted.connect(w.evidence_flow.restore)
    why.left_out.pointed_at.connect(w.evidence_flow.point_at)
    why.pictures.wanted.connect(w.thumbnail_flow.ask)
    w.thumbnail_flow.ready.connect(why.pictures.take)
    w.view_state.video_changed.connect(lambda _: why.pictures.forget())


def _go_to(w: Window, frame: int, track: int | None) -> None:
    """Select the track, where it still is, and jump to the frame, where there is one."""
    if track is not None and track in w.bridge.document.tracks:  # type: ignore[comparison-overlap]
        w.view_state.select((track,))
    if frame >= 0:
        w.navigation.jump(frame)


def _connect_notes_and_problems(w: Window) -> None:
    notes, problems = w.panels.notes, w.panels.problems
    go_to = partial(_go_to, w)
    notes.go_to.connect(go_to)
    notes.reply.connect(w.review_flow.reply)
    notes.resolve.connect(w.review_flow.resolve)
    notes.delete.connect(w.review_flow.delete)
    notes.add.connect(w.review_flow.ask_note)
    problems.go_to.connect(go_to)
    problems.check_again.connect(w.exchange_flow.check)
    w.exchange_flow.go_to.connect(go_to)
    w.exchange_flow.said.connect(w.main.say)

    def on_findings(findings: object) -> None:
        problems.show_findings(findings)  # type: ignore[arg-type]
        w.navigation.issues = problems.frames()

    w.exchange_flow.findings_ready.connect(on_findings)


def _connect_run(w: Window) -> None:
    strip, flow = w.run_strip, w.run_flow

    def on_state() -> None:
        if flow.is_running and not strip.isVisible():
            strip.begin(flow.frame_count)
        strip.paused(flow.is_paused)

    def on_progress(done: int, _count: int, rate: float, left: float) -> None:
        strip.advance(done, rate, left)

    def on_end(text: str) -> None:
        strip.finish()
        w.main.say(text)

    flow.state_changed.connect(on_state)
    flow.progress.connect(on_progress)
    flow.ended.connect(on_end)
    flow.failed.connect(strip.fail)
    flow.said.connect(w.main.say)
    strip.pause_wanted.connect(flow.toggle_pause)
    strip.cancel_wanted.connect(flow.cancel)
    w.main.ask_to_close = partial(_may_leave, w)
    w.open_flow.may_leave = partial(_may_leave, w)


def _may_leave(w: Window) -> bool:
    """A run in progress is asked about; what it has written stays in any case. A replay is left off."""
    if w.run_flow.is_running and not _may_stop(w):
        return False
    w.replay_flow.stop_now()
    return True


def _may_stop(w: Window) -> bool:
    question = QMessageBox(w.main)
    question.setIcon(QMessageBox.Icon.Question)
    question.setWindowTitle(w.main.tr("The model is running"))
    question.setText(w.main.tr("Cancel the run? The frames that are done are kept."))
    stop = question.addButton(w.main.tr("Cancel the run"), QMessageBox.ButtonRole.AcceptRole)
    question.addButton(w.main.tr("Go on"), QMessageBox.ButtonRole.RejectRole)
    question.exec()
    agreed = question.clickedButton() is stop
    question.deleteLater()
    if not agreed:
        return False
    w.run_flow.stop_now()
    return True


def _connect_legend(w: Window) -> None:
    def entries() -> tuple[LegendEntry, ...]:
        video = w.bridge.video(w.view_state.video)
        if video is None:
            return ()
        state = w.view_state
        track = None if state.track is None else TrackId(state.track)
        return tuple(
            entries_near(w.bridge.document, video.id, state.frame, track, colour_of=w.bridge.colour_of)
        )

    legend = IdLegend(w.main.canvas, w.main, entries)
    legend.chosen.connect(w.identity_flow.reassign_from_here)
    legend.picked.connect(lambda track: w.view_state.select((track,)))


def start_tour(w: Window) -> None:
    """Callouts beside the parts of the window; once by itself, later from the Help menu."""
    menus = w.main.menuBar()

    def menu(name: str) -> tuple[QWidget, QRect] | None:
        action = next((a for a in menus.actions() if a.objectName() == name), None)
        return None if action is None else (menus, menus.actionGeometry(action))

    def button(action: str, name: str) -> QWidget | tuple[QWidget, QRect] | None:
        found = w.main.top_bar.button(action)
        return found if found.isVisible() else menu(name)

    targets: dict[str, Find] = {
        "open": lambda: w.main.start_page.findChild(QPushButton, "open_video"),
        "run": partial(button, "run", "Model"),
        "check": partial(button, "validate", "Review"),
        "timeline": lambda: w.main.timeline,
        "tools": lambda: w.main.tool_bar,
        "tracks": lambda: w.panels.tracks,
    }

    def key_of(action: str) -> str:
        return w.actions.by_id[action].shortcut().toString()

    for shown in w.main.findChildren(Tour):
        shown.skip()
    tour = Tour(w.main, first_steps(targets, key_of))
    tour.finished.connect(lambda _seen: w.settings.update(tour_seen=True))
    tour.start()
