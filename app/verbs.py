"""What every action of the table does, by id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from app.dialogs.about import ask_frame, show_about
from app.dialogs.display_dialog import DisplayDialog
from app.dialogs.palette_dialog import PaletteDialog
from app.dialogs.settings_dialog import SettingsDialog
from app.dialogs.shortcuts_dialog import ShortcutsDialog
from app.failure_wiring import ask_strips
from app.main_window import TOOLS
from app.panel_wiring import start_tour
from app.view_state import ViewState
from app.window import Window

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "guide" / "window.md"
SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
LAYER_ACTIONS = {
    "show_masks": "masks", "show_outlines": "outlines", "show_labels": "labels", "onion": "onion",
    "trails": "trails", "solo": "solo", "follow": "follow",
}  # fmt: skip


def step_brush(state: ViewState, step: int) -> None:
    """The next brush size up or down: by a tenth, at least one pixel."""
    state.set_brush_px(state.brush_px + step * max(1, state.brush_px // 10))


def show_layers(w: Window) -> None:
    """Tick the layers that are on."""
    for action, layer in LAYER_ACTIONS.items():
        w.actions.by_id[action].setChecked(bool(getattr(w.view_state.layers, layer)))


Verbs = Mapping[str, Callable[[], object]]


def verbs(w: Window) -> Verbs:
    """What every action of the table does."""
    groups = (
        _file_verbs,
        _edit_verbs,
        _view_verbs,
        _go_verbs,
        _track_verbs,
        _mask_verbs,
        _model_verbs,
        _failure_verbs,
        _help_verbs,
    )
    return {name: act for group in groups for name, act in group(w).items()}


def _file_verbs(w: Window) -> Verbs:
    flow = w.open_flow
    return {
        "open_video": flow.ask_video,
        "open_folder": flow.ask_folder,
        "open_project": flow.ask_project,
        "open_dataset": flow.ask_dataset,
        "open_sample": flow.open_sample,
        "add_video": flow.ask_add_video,
        "snapshot": flow.ask_copy,
        "close_project": flow.close_project,
        "next_video": partial(flow.turn_video, 1),
        "previous_video": partial(flow.turn_video, -1),
        "quit": w.main.close,
    }


def _edit_verbs(w: Window) -> Verbs:
    edit = w.edit_flow

    def travel(back: bool) -> None:
        document = w.bridge.document
        diff = document.undo() if back else document.redo()
        if diff is None:
            w.main.say(w.main.tr("Nothing to undo.") if back else w.main.tr("Nothing to redo."))
            return
        w.main.say((w.main.tr("Undone: {0}") if back else w.main.tr("Redone: {0}")).format(diff.name))
        w.open_flow.show_focus(diff.focus)

    return {
        "undo": partial(travel, True),
        "redo": partial(travel, False),
        "copy_mask": edit.copy,
        "paste_mask": edit.paste,
        "copy_forward": edit.ask_copy_forward,
        "select_all": edit.select_all,
        "select_none": partial(w.view_state.select, ()),
    }


def _view_verbs(w: Window) -> Verbs:
    canvas, layers = w.main.canvas, w.view_state.layers

    def toggle(layer: str) -> None:
        layers.set(layer, not getattr(layers, layer))
        show_layers(w)

    def fade(step: float) -> None:
        layers.set("opacity", round(min(1.0, max(0.05, layers.opacity + step)), 2))

    toggles = {action: partial(toggle, layer) for action, layer in LAYER_ACTIONS.items()}
    panels = {f"panel_{name}": partial(w.main.go_to_panel, name) for name in w.main.panels}
    return {
        **toggles,
        **panels,
        "show_evidence": lambda: w.evidence_flow.set_shown(w.actions.by_id["show_evidence"].isChecked()),
        "fit_frame": canvas.fit_frame,
        "fit_object": canvas.fit_object,
        "zoom_in": lambda: canvas.zoom(1.25),
        "zoom_out": lambda: canvas.zoom(0.8),
        "more_opacity": partial(fade, 0.1),
        "less_opacity": partial(fade, -0.1),
        "display": lambda: DisplayDialog(w.main, canvas, w.view_state).show(),
        "theme_dark": partial(w.settings.update, theme="dark"),
        "theme_light": partial(w.settings.update, theme="light"),
        "theme_system": partial(w.settings.update, theme="system"),
        "next_pane": w.main.next_pane,
    }


def _go_verbs(w: Window) -> Verbs:
    go, state = w.navigation, w.view_state

    def speed(step: int) -> None:
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - w.player.speed))
        w.player.set_speed(SPEEDS[max(0, min(len(SPEEDS) - 1, nearest + step))])
        w.main.say(w.main.tr("Speed {0}").format(f"{w.player.speed:g}×"))

    def loop() -> None:
        w.player.loop = w.actions.by_id["loop"].isChecked()

    return {
        "play": lambda: state.set_playing(not state.playing),
        "next_frame": partial(go.step, 1),
        "previous_frame": partial(go.step, -1),
        "forward_10": partial(go.step, 10),
        "back_10": partial(go.step, -10),
        "forward_100": partial(go.step, 100),
        "back_100": partial(go.step, -100),
        "first_frame": lambda: go.jump(0),
        "last_frame": lambda: go.jump(state.frame_count - 1),
        "track_start": go.track_start,
        "track_end": go.track_end,
        "next_keyframe": partial(go.next_keyframe, True),
        "previous_keyframe": partial(go.next_keyframe, False),
        "next_birth": go.next_birth,
        "next_gap": go.next_gap,
        "next_low_score": go.next_low_score,
        "next_issue": partial(go.next_issue, True),
        "previous_issue": partial(go.next_issue, False),
        "next_unreviewed": go.next_unreviewed,
        "go_to_frame": lambda: ask_frame(w.main, state.frame, state.frame_count, go.jump),
        "history_back": go.back,
        "history_forward": go.forward,
        "range_start": partial(go.set_range_end, "start"),
        "range_end": partial(go.set_range_end, "end"),
        "range_clear": partial(state.set_range, None),
        "loop": loop,
        "slower": partial(speed, -1),
        "faster": partial(speed, 1),
    }


def _track_verbs(w: Window) -> Verbs:
    flow = w.identity_flow
    return {
        "new_track": w.edit_flow.new_track,
        "rename_track": flow.ask_name,
        "recolour_track": flow.ask_colour,
        "set_category": flow.ask_category,
        "lock_track": flow.toggle_locked,
        "hide_track": flow.toggle_hidden,
        "merge_tracks": flow.ask_merge_selected,
        "cut_track": flow.cut_here,
        "swap_tracks": flow.ask_swap,
        "reassign": flow.ask_reassign,
        "extend_track": flow.extend_here,
        "trim_before": flow.trim_before,
        "trim_after": flow.trim_after,
        "delete_range": flow.ask_delete_range,
        "delete_track": flow.delete_tracks,
        "delete_mask": flow.delete_masks_here,
        "track_reviewed": flow.toggle_reviewed,
        "frame_reviewed": flow.toggle_frame_reviewed,
    }


def _mask_verbs(w: Window) -> Verbs:
    edit = w.edit_flow
    tools = {f"tool_{name}": partial(w.view_state.use_tool, name) for name in TOOLS}

    return {
        **tools,
        "brush_smaller": partial(step_brush, w.view_state, -1),
        "brush_larger": partial(step_brush, w.view_state, 1),
        "grow_mask": partial(edit.grow, 1),
        "shrink_mask": partial(edit.grow, -1),
        "fill_holes": edit.fill_holes,
        "drop_specks": edit.drop_specks,
        "subtract_others": edit.subtract_others,
        "interpolate": edit.interpolate,
        "next_evidence": w.evidence_flow.choose_next,
        "restore_evidence": w.evidence_flow.restore_under_pointer,
        "pin": edit.accept,
        "reject": edit.reject,
        "lock_mask": edit.toggle_lock,
        "occlusion": edit.next_occlusion,
        "outside": edit.toggle_outside,
    }


def _model_verbs(w: Window) -> Verbs:
    def check() -> None:
        w.main.show_panel("problems")
        w.exchange_flow.check()

    return {
        "run": w.run_flow.ask,
        "run_from_here": lambda: w.run_flow.ask(w.view_state.frame),
        "replay": w.replay_flow.ask,
        "pause_run": w.run_flow.toggle_pause,
        "cancel_run": w.run_flow.cancel,
        "add_note": w.review_flow.ask_note,
        "validate": check,
        "import": w.exchange_flow.ask_import,
        "export": w.exchange_flow.ask_export,
    }


def _failure_verbs(w: Window) -> Verbs:
    def look(pictures: bool) -> None:
        w.main.show_panel("failures")
        w.inspect_flow.look(pictures=pictures)

    def step(forward: bool) -> None:
        if not w.panels.failures.step(forward):
            w.main.say(w.main.tr("No failure in that direction. Look for failures first."))

    def show_truth() -> None:
        if not w.truth_layer.is_known:
            w.main.say(w.main.tr("There is no truth yet. Compare with the truth first."))
        w.truth_layer.set_on(not w.truth_layer.is_shown)

    return {
        "inspect": partial(look, False),
        "inspect_pictures": partial(look, True),
        "compare_truth": w.inspect_flow.ask_truth,
        "choose_strips": partial(ask_strips, w),
        "forget_truth": w.inspect_flow.forget_truth,
        "show_truth": show_truth,
        "save_events": lambda: w.inspect_flow.ask_save(w.panels.failures.model.rows),
        "save_report": w.inspect_flow.ask_report,
        "next_event": partial(step, True),
        "previous_event": partial(step, False),
    }


def _help_verbs(w: Window) -> Verbs:
    def guide() -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(GUIDE)))

    return {
        "settings": lambda: SettingsDialog(w.main, w.settings).open(),
        "shortcut_list": lambda: ShortcutsDialog(w.main, w.settings.preferences).show(),
        "palette": lambda: PaletteDialog(w.main, w.actions.by_id).show(),
        "tour": partial(start_tour, w),
        "guide": guide,
        "about": partial(show_about, w.main),
    }
