"""Everything the window is made of, as one object with an end."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import QApplication

from app.actions import Actions
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
from app.jobs.lane import JobLane
from app.main_window import MainWindow
from app.panels.events_panel import EventsPanel
from app.panels.inspector_panel import InspectorPanel
from app.panels.notes_panel import NotesPanel
from app.panels.problems_panel import ProblemsPanel
from app.panels.run_strip import RunStrip
from app.panels.tracks_panel import TracksPanel
from app.panels.why_panel import WhyPanel
from app.playback.frame_loader import FrameLoader
from app.playback.player import Player
from app.settings import Settings
from app.view_feed import ViewFeed
from app.view_state import ViewState


@dataclass(frozen=True)
class Panels:
    """The tabs of the right dock, in their order."""

    tracks: TracksPanel
    inspector: InspectorPanel
    why: WhyPanel
    notes: NotesPanel
    problems: ProblemsPanel
    failures: EventsPanel


@dataclass
class Window:
    """Everything the window is made of, alive as long as this is."""

    application: QApplication
    main: MainWindow
    panels: Panels
    run_strip: RunStrip
    view_state: ViewState
    settings: Settings
    bridge: DocumentBridge
    loader: FrameLoader
    player: Player
    feed: ViewFeed
    actions: Actions
    edit_flow: EditFlow
    evidence_flow: EvidenceFlow
    evidence_lanes: EvidenceLanes
    identity_flow: IdentityFlow
    navigation: Navigation
    open_flow: OpenFlow
    exchange_flow: ExchangeFlow
    review_flow: ReviewFlow
    run_flow: RunFlow
    replay_flow: ReplayFlow
    inspect_flow: InspectFlow
    thumbnail_flow: ThumbnailFlow
    truth_layer: TruthLayer
    file_lane: JobLane
    model_lane: JobLane
    uncaught: UncaughtErrors

    def close(self, patience_s: float = 2.0) -> None:
        """Stop every thread and close the project. patience_s: seconds that each lane gets for its step.

        The process must not end while a network is computing on a lane: it would be aborted. So the start
        of the program calls this once more, with patience, when the window is gone.
        """
        self.view_state.set_playing(False)
        for lane in (self.model_lane, self.file_lane):
            lane.close(patience_s)
        self.loader.close()
        self.bridge.close()
        self.feed.stop()
        self.uncaught.remove()
