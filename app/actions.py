"""Every action of the window: one table. Menus, shortcuts, the palette and the F1 list all read it.

An action is named here, bound to what it does in ``wiring``, and enabled by what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtGui import QAction, QKeySequence

# What an action needs to make sense; `wiring` says whether it is there.
NOTHING, PROJECT, VIDEO, TRACK, MASK, TWO_TRACKS, RANGE, RUNNING = (
    "nothing", "project", "video", "track", "mask", "two tracks", "range", "running",
)  # fmt: skip


@dataclass(frozen=True)
class ActionSpec:
    """id: stable name. menu: top menu. text: English, translated when shown. keys: standard shortcuts."""

    id: str
    menu: str
    text: str
    keys: tuple[str, ...] = ()
    needs: str = NOTHING
    checkable: bool = False


def _a(
    id_: str, menu: str, text: str, keys: str = "", needs: str = NOTHING, check: bool = False
) -> ActionSpec:
    return ActionSpec(id_, menu, text, tuple(k for k in keys.split(" | ") if k), needs, check)


FILE, EDIT, VIEW, GO, TRACKS, MASKS, MODEL, REVIEW, HELP = (
    "File", "Edit", "View", "Go", "Tracks", "Masks", "Model", "Review", "Help",
)  # fmt: skip

ACTIONS: tuple[ActionSpec, ...] = (
    _a("open_video", FILE, "Open video…", "Ctrl+O"),
    _a("open_folder", FILE, "Open folder of images…", "Ctrl+Shift+O"),
    _a("open_project", FILE, "Open project…", "Ctrl+P"),
    _a("open_dataset", FILE, "Open YouTube-VIS dataset…"),
    _a("open_sample", FILE, "Open the sample"),
    _a("add_video", FILE, "Add a video to the project…", needs=PROJECT),
    _a("import", FILE, "Import annotations…", "Ctrl+I", VIDEO),
    _a("export", FILE, "Export…", "Ctrl+Shift+E", VIDEO),
    _a("snapshot", FILE, "Save a named copy…", "Ctrl+S", PROJECT),
    _a("close_project", FILE, "Close project", "Ctrl+W", PROJECT),
    _a("quit", FILE, "Quit", "Ctrl+Q"),
    _a("undo", EDIT, "Undo", "Ctrl+Z", PROJECT),
    _a("redo", EDIT, "Redo", "Ctrl+Shift+Z | Ctrl+Y", PROJECT),
    _a("copy_mask", EDIT, "Copy mask", "Ctrl+C", MASK),
    _a("paste_mask", EDIT, "Paste mask", "Ctrl+V", VIDEO),
    _a("copy_forward", EDIT, "Copy mask to the next frames…", "Ctrl+B", MASK),
    _a("select_all", EDIT, "Select all tracks in this frame", "Ctrl+A", VIDEO),
    _a("select_none", EDIT, "Select nothing", "Ctrl+Shift+A", VIDEO),
    _a("settings", EDIT, "Settings and shortcuts…", "Ctrl+,"),
    _a("fit_frame", VIEW, "Fit frame", "Ctrl+F", VIDEO),
    _a("fit_object", VIEW, "Fit object", "F", TRACK),
    _a("zoom_in", VIEW, "Zoom in", "Ctrl++ | Ctrl+=", VIDEO),
    _a("zoom_out", VIEW, "Zoom out", "Ctrl+-", VIDEO),
    _a("show_masks", VIEW, "Masks", "Ctrl+M", VIDEO, True),
    _a("show_outlines", VIEW, "Outlines", "Alt+O", VIDEO, True),
    _a("show_labels", VIEW, "Labels", "Alt+L", VIDEO, True),
    _a("show_evidence", VIEW, "Detected and carried masks", "Alt+E", VIDEO, True),
    _a("onion", VIEW, "Onion skin of the neighbouring masks", "Alt+N", VIDEO, True),
    _a("trails", VIEW, "Trails", "Alt+T", VIDEO, True),
    _a("solo", VIEW, "Solo the selection", "Shift+H", VIDEO, True),
    _a("follow", VIEW, "Camera follows the selected track", "Alt+C", VIDEO, True),
    _a("show_truth", VIEW, "Truth over the masks", "Alt+G", VIDEO, True),
    _a("more_opacity", VIEW, "More opaque masks", "Ctrl+]", VIDEO),
    _a("less_opacity", VIEW, "Less opaque masks", "Ctrl+[", VIDEO),
    _a("display", VIEW, "Opacity, brightness, contrast…", "Alt+B", VIDEO),
    _a("theme_dark", VIEW, "Dark theme"),
    _a("theme_light", VIEW, "Light theme"),
    _a("theme_system", VIEW, "System theme"),
    _a("next_pane", VIEW, "Next pane", "F6", VIDEO),
    _a("panel_tracks", VIEW, "Tracks panel", "Alt+1", VIDEO),
    _a("panel_inspector", VIEW, "Inspector panel", "Alt+2", VIDEO),
    _a("panel_why", VIEW, "Why this ID? panel", "Alt+3", VIDEO),
    _a("panel_notes", VIEW, "Notes panel", "Alt+4", VIDEO),
    _a("panel_problems", VIEW, "Problems panel", "Alt+5", VIDEO),
    _a("panel_failures", VIEW, "Failures panel", "Alt+6", VIDEO),
    _a("play", GO, "Play or pause", "Space", VIDEO),
    _a("next_frame", GO, "Next frame", "Right", VIDEO),
    _a("previous_frame", GO, "Previous frame", "Left", VIDEO),
    _a("forward_10", GO, "10 frames forward", "Shift+Right", VIDEO),
    _a("back_10", GO, "10 frames back", "Shift+Left", VIDEO),
    _a("forward_100", GO, "100 frames forward", "PgDown", VIDEO),
    _a("back_100", GO, "100 frames back", "PgUp", VIDEO),
    _a("first_frame", GO, "First frame", "Home", VIDEO),
    _a("last_frame", GO, "Last frame", "End", VIDEO),
    _a("track_start", GO, "Start of the track", "Shift+Home", TRACK),
    _a("track_end", GO, "End of the track", "Shift+End", TRACK),
    _a("next_keyframe", GO, "Next human mask", "Ctrl+Right", VIDEO),
    _a("previous_keyframe", GO, "Previous human mask", "Ctrl+Left", VIDEO),
    _a("next_birth", GO, "Next birth of a track", "Ctrl+E", VIDEO),
    _a("next_gap", GO, "Next gap", "Ctrl+Shift+G", VIDEO),
    _a("next_low_score", GO, "Next low score", "Ctrl+L", VIDEO),
    _a("next_issue", GO, "Next issue", "Alt+Down", VIDEO),
    _a("previous_issue", GO, "Previous issue", "Alt+Up", VIDEO),
    _a("next_unreviewed", GO, "Next frame not reviewed", "Ctrl+Shift+Y", VIDEO),
    _a("go_to_frame", GO, "Go to frame…", "Ctrl+G | Ctrl+J", VIDEO),
    _a("history_back", GO, "Back to where I was", "Alt+Left", VIDEO),
    _a("history_forward", GO, "Forward again", "Alt+Right", VIDEO),
    _a("range_start", GO, "Range starts here", "I", VIDEO),
    _a("range_end", GO, "Range ends here", "U", VIDEO),
    _a("range_clear", GO, "Clear the range", "Shift+I", RANGE),
    _a("loop", GO, "Loop", "Ctrl+Shift+L", VIDEO, True),
    _a("slower", GO, "Play slower", ",", VIDEO),
    _a("faster", GO, "Play faster", ".", VIDEO),
    _a("next_video", GO, "Next video", "Ctrl+PgDown", PROJECT),
    _a("previous_video", GO, "Previous video", "Ctrl+PgUp", PROJECT),
    _a("new_track", TRACKS, "New track", "N", VIDEO),
    _a("rename_track", TRACKS, "Rename track…", "F2", TRACK),
    _a("recolour_track", TRACKS, "Change colour…", "Shift+C", TRACK),
    _a("set_category", TRACKS, "Set category…", "C", TRACK),
    _a("lock_track", TRACKS, "Lock or unlock", "L", TRACK),
    _a("hide_track", TRACKS, "Hide or show", "H", TRACK),
    _a("merge_tracks", TRACKS, "Merge selected tracks in time…", "Shift+M", TWO_TRACKS),
    _a("cut_track", TRACKS, "Cut here: a new track from this frame on", "X | Alt+M", TRACK),
    _a("swap_tracks", TRACKS, "Swap two tracks from here on…", "Ctrl+T", TWO_TRACKS),
    _a("reassign", TRACKS, "Reassign to another track…", "Ctrl+Shift+T", MASK),
    _a("extend_track", TRACKS, "Extend to this frame…", "Ctrl+Shift+Right", TRACK),
    _a("trim_before", TRACKS, "Trim before this frame", "Ctrl+Alt+[", TRACK),
    _a("trim_after", TRACKS, "Trim after this frame", "Ctrl+Alt+]", TRACK),
    _a("delete_range", TRACKS, "Delete in range…", "Ctrl+Del", TRACK),
    _a("delete_track", TRACKS, "Delete track", "Shift+Del", TRACK),
    _a("tool_select", MASKS, "Select", "V"),
    _a("tool_brush", MASKS, "Brush", "B", VIDEO),
    _a("tool_eraser", MASKS, "Eraser", "E", VIDEO),
    _a("tool_polygon", MASKS, "Polygon", "P", VIDEO),
    _a("tool_lasso", MASKS, "Lasso", "Shift+L", VIDEO),
    _a("tool_box", MASKS, "Box", "R", VIDEO),
    _a("tool_fill", MASKS, "Fill", "Shift+F", VIDEO),
    _a("tool_wand", MASKS, "Magic wand", "W", VIDEO),
    _a("tool_grabcut", MASKS, "GrabCut in a box", "G", VIDEO),
    _a("tool_slice", MASKS, "Slice", "Shift+X", VIDEO),
    _a("tool_join", MASKS, "Join on this frame", "J", VIDEO),
    _a("tool_merge", MASKS, "Merge in time by clicking", "M", VIDEO),
    _a("brush_smaller", MASKS, "Smaller brush", "[", VIDEO),
    _a("brush_larger", MASKS, "Larger brush", "]", VIDEO),
    _a("grow_mask", MASKS, "Grow", "+ | =", MASK),
    _a("shrink_mask", MASKS, "Shrink", "-", MASK),
    _a("fill_holes", MASKS, "Fill holes", "Ctrl+H", MASK),
    _a("drop_specks", MASKS, "Drop specks", "Ctrl+Shift+H", MASK),
    _a("subtract_others", MASKS, "Subtract other masks", "Ctrl+Shift+B", MASK),
    _a("interpolate", MASKS, "Morph between human masks", "T", TRACK),
    _a("pin", MASKS, "Pin: make this mask human", "K", MASK),
    _a("reject", MASKS, "Reject this mask", "Shift+K", MASK),
    _a("next_evidence", MASKS, "Next of detected, carried, union, intersection, human", "S", TRACK),
    _a("restore_evidence", MASKS, "Restore what the model left out under the pointer", "Shift+S", VIDEO),
    _a("lock_mask", MASKS, "Lock this mask", "Ctrl+Shift+K", MASK),
    _a("occlusion", MASKS, "Occluded: none, slight, severe", "Q", MASK),
    _a("outside", MASKS, "Outside: the object is not in this frame", "O", TRACK),
    _a("delete_mask", MASKS, "Delete mask in this frame", "Del", MASK),
    _a("run", MODEL, "Run the model…", "Ctrl+R", VIDEO),
    _a("run_from_here", MODEL, "Run again from here…", "Ctrl+Shift+R", VIDEO),
    _a("replay", MODEL, "Replay with other constants…", "Ctrl+Alt+R", VIDEO),
    _a("pause_run", MODEL, "Pause or go on", "Ctrl+Shift+P", RUNNING),
    _a("cancel_run", MODEL, "Cancel the run", "Ctrl+.", RUNNING),
    _a("frame_reviewed", REVIEW, "Frame is reviewed", "Y", VIDEO, True),
    _a("track_reviewed", REVIEW, "Track is reviewed", "Shift+Y", TRACK, True),
    _a("add_note", REVIEW, "Add a note…", "Ctrl+Shift+N", VIDEO),
    _a("inspect", REVIEW, "Look for failures", "Ctrl+Shift+F", VIDEO),
    _a("inspect_pictures", REVIEW, "Look for failures, in the pictures too", "", VIDEO),
    _a("choose_strips", REVIEW, "Strips of the timeline…", "", VIDEO),
    _a("compare_truth", REVIEW, "Compare with the truth…", "", VIDEO),
    _a("forget_truth", REVIEW, "Forget the truth", "", VIDEO),
    _a("next_event", REVIEW, "Next failure", "Alt+PgDown", VIDEO),
    _a("previous_event", REVIEW, "Previous failure", "Alt+PgUp", VIDEO),
    _a("save_events", REVIEW, "Save events as CSV…", "", VIDEO),
    _a("save_report", REVIEW, "Save failure report…", "", VIDEO),
    _a("validate", REVIEW, "Check for problems", "Ctrl+Shift+V", VIDEO),
    _a("shortcut_list", HELP, "Shortcuts", "F1"),
    _a("palette", HELP, "Find an action…", "Ctrl+K"),
    _a("tour", HELP, "Tour"),
    _a("guide", HELP, "User guide"),
    _a("about", HELP, "About"),
)  # fmt: skip

# Presets change only these; everything else stays standard.
PRESETS: Mapping[str, Mapping[str, str]] = {
    "standard": {},
    "cvat": {
        "next_frame": "F | Right", "previous_frame": "D | Left", "forward_10": "V | Shift+Right",
        "back_10": "C | Shift+Left", "next_keyframe": "R | Ctrl+Right", "previous_keyframe": "E | Ctrl+Left",
        "fit_object": "Shift+R", "tool_select": "Esc", "set_category": "Ctrl+Shift+C", "tool_box": "Alt+R",
        "tool_eraser": "Shift+E",
    },
    "labelme": {
        "next_frame": "D | Right", "previous_frame": "A | Left", "tool_polygon": "Ctrl+N | P",
        "fit_frame": "Ctrl+F", "show_masks": "Ctrl+M",
    },
}  # fmt: skip


SPACE = QKeySequence("Space")


def tr(text: str) -> str:
    """Translate a text of the action table."""
    return QCoreApplication.translate("actions", text)


def keys_of(spec: ActionSpec, preset: str, own: Mapping[str, str]) -> tuple[str, ...]:
    """Shortcuts of an action: the user's own, else the preset's, else the standard ones."""
    text = own.get(spec.id, PRESETS.get(preset, {}).get(spec.id))
    if text is None:
        return spec.keys
    return tuple(key for key in text.split(" | ") if key)


def conflicts(preset: str, own: Mapping[str, str]) -> dict[str, list[str]]:
    """Key sequence -> ids of the actions that claim it, where there are several."""
    claimed: dict[str, list[str]] = {}
    for spec in ACTIONS:
        for key in keys_of(spec, preset, own):
            sequence = QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)
            claimed.setdefault(sequence, []).append(spec.id)
    return {key: ids for key, ids in claimed.items() if len(ids) > 1}


class Actions(QObject):
    """The table as QActions, by id."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.by_id: dict[str, QAction] = {}
        self._run: dict[str, Callable[[], object]] = {}
        for spec in ACTIONS:
            action = QAction(tr(spec.text), parent)
            action.setObjectName(spec.id)
            action.setCheckable(spec.checkable)
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.triggered.connect(lambda _=False, name=spec.id: self._run[name]())
            self.by_id[spec.id] = action

    def bind(self, verbs: Mapping[str, Callable[[], object]]) -> None:
        """Say what actions do; every id of ``verbs`` must be in the table."""
        unknown = set(verbs) - set(self.by_id)
        assert not unknown, f"not in the table: {sorted(unknown)}"
        self._run.update(verbs)

    def unbound(self) -> set[str]:
        """Ids that do nothing yet."""
        return set(self.by_id) - set(self._run)

    def use_keys(self, preset: str, own: Mapping[str, str]) -> None:
        """Give every action its shortcuts."""
        for spec in ACTIONS:
            self.by_id[spec.id].setShortcuts([QKeySequence(key) for key in keys_of(spec, preset, own)])

    def press_space(self) -> None:
        """What Space does, where the canvas had to wait whether it is a key or the hand."""
        for action in self.by_id.values():
            if SPACE in action.shortcuts():
                action.trigger()

    def enable(self, present: set[str]) -> None:
        """Enable the actions whose need is in ``present``."""
        for spec in ACTIONS:
            self.by_id[spec.id].setEnabled(spec.needs in present or spec.needs == NOTHING)
