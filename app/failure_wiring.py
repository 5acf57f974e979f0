"""What the Failures panel, the truth on the canvas and the strips show of a look, and what they ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from app.dialogs.strips_dialog import StripsDialog
from app.flows.inspect_flow import Look
from app.panels.event_rows import rows_of_errors, rows_of_events
from app.panels.truth_rows import facts_of_truth
from app.settings import Preferences
from app.timeline.diagnostic_strips import chosen_strips, shares_defined
from app.window import Window
from stmask_core.document.records import Colour, TrackId
from stmask_core.structures.masks import Mask

SEEN_AT_ONCE = 3  # strips that the first look at a video makes room for, one more with a truth


def connect_failures(w: Window, go_to: Callable[[int, int | None], None]) -> None:
    """Connect the queue of failures with the looks, the canvas and the files. go_to: frame, track."""
    panel, flow = w.panels.failures, w.inspect_flow
    panel.go_to.connect(go_to)
    panel.look_wanted.connect(lambda: flow.look())
    panel.save_wanted.connect(flow.ask_save)
    panel.report_wanted.connect(flow.ask_report)
    panel.model.picture_wanted.connect(w.thumbnail_flow.ask)
    w.thumbnail_flow.ready.connect(panel.model.show_picture)
    flow.progress.connect(panel.show_progress)
    flow.looked.connect(partial(_show, w))
    flow.stopped.connect(panel.show_summary)
    flow.said.connect(w.main.say)
    w.truth_layer.changed.connect(w.actions.by_id["show_truth"].setChecked)
    w.feed.shown.connect(panel.truth.show_frame)
    w.view_state.video_changed.connect(lambda _: panel.clear())
    w.bridge.document_changed.connect(lambda _: panel.mark_stale())
    panel.strips_wanted.connect(partial(ask_strips, w))

    def use_strips(preferences: Preferences) -> None:
        w.feed.choose_strips(chosen_strips(preferences.strips))

    w.settings.changed.connect(use_strips)
    use_strips(w.settings.preferences)


def ask_strips(w: Window) -> None:
    """Ask which diagnostics are strips; the timeline makes room for those that are added."""
    found = w.feed.inspection
    shown = chosen_strips(w.settings.preferences.strips)
    dialog = StripsDialog(w.main, shown, None if found is None else shares_defined(found.table))

    def choose(names: list[str]) -> None:
        w.settings.update(strips=names)
        w.main.make_room_below(w.main.timeline.height_for_strips(w.main.timeline.strips_offered))

    dialog.chosen.connect(choose)
    dialog.show()


def _show(w: Window, look: Look) -> None:
    """Show what a look found, everywhere."""
    inspection = look.inspection
    clip, truth = inspection.clip, inspection.truth
    there = clip.by_frame

    def name_of(track: int) -> tuple[str, Colour | None]:
        record = w.bridge.document.tracks.get(TrackId(track))
        if record is None:  # deleted while the look was under way
            return w.main.tr("Track {0}").format(track), None
        return w.bridge.label_of(record), w.bridge.colour_of(record)

    def mask_of(track: int, frame: int) -> Mask | None:
        return dict(there.get(frame, ())).get(track)

    rows = rows_of_events(inspection.events, name_of, mask_of)
    if truth is None:
        w.panels.failures.show_rows(rows)
    else:
        true_masks, found = truth.masks, truth.comparison.events

        def true_mask_of(track: int, frame: int) -> Mask | None:
            return true_masks[track].get(frame)

        true_track = w.main.tr("true track {0}")
        errors = rows_of_errors(found, clip.length, name_of, mask_of, true_mask_of, true_track)
        w.panels.failures.show_rows(rows, errors, facts_of_truth(inspection, name_of))
    is_first = w.feed.inspection is None  # later the room is as the user has made it
    w.feed.show_inspection(inspection)
    if is_first:
        strips = min(w.main.timeline.strips_offered, SEEN_AT_ONCE + (truth is not None))
        w.main.make_room_below(w.main.timeline.height_for_strips(strips))
    w.truth_layer.show(inspection)
    w.main.show_panel("failures")
    if look.warnings:
        w.main.say(" · ".join(look.warnings))
