"""Identities over time: names, categories, merging, cutting, swapping, reassigning, deleting.

What touches more than the frame on screen is previewed with counts before it happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog, QInputDialog, QWidget

from app.dialogs.identity_dialog import IdentityDialog
from app.dialogs.passing import passing
from app.document_bridge import DocumentBridge
from app.view_state import ViewState
from stmask_core.document.commands import identity
from stmask_core.document.commands import tracks as track_commands
from stmask_core.document.commands.frames import extend_track
from stmask_core.document.commands.review import set_frames_reviewed
from stmask_core.document.commands.videos import create_category
from stmask_core.document.document import Document
from stmask_core.document.queries import category_named, is_reviewed
from stmask_core.document.records import Track, TrackId, VideoId
from stmask_core.document.scope import Scope
from stmask_core.errors import DocumentError


class IdentityFlow(QObject):
    """The commands of the Tracks menu, on the selected tracks and the frame of the playhead."""

    said = Signal(str)
    category_used = Signal(object)  # CategoryId the user chose: the next new track gets it too

    def __init__(self, view_state: ViewState, bridge: DocumentBridge, window: QWidget) -> None:
        super().__init__()
        self.view_state, self.bridge, self._window = view_state, bridge, window

    # names, categories, flags

    def ask_name(self) -> None:
        """Rename the selected track."""
        track = self._track()
        dialog = self._text_dialog(
            self.tr("Rename track"), self.tr("Name of track {0}").format(track.id), track.name
        )
        dialog.textValueSelected.connect(lambda text: self.rename(track.id, text))
        dialog.open()

    def rename(self, track: int, name: str) -> None:
        """Give a track a name; empty takes it away."""
        track_commands.rename_track(self._document, TrackId(track), name.strip())

    def ask_colour(self) -> None:
        """Choose the colour of the selected tracks."""
        dialog = passing(QColorDialog(QColor(*self.bridge.colour_of(self._track())), self._window))
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        chosen = self._selection()
        dialog.colorSelected.connect(lambda c: self.recolour(chosen, (c.red(), c.green(), c.blue())))
        dialog.open()

    def recolour(self, tracks: Iterable[int], colour: tuple[int, int, int] | None) -> None:
        """Give tracks a colour; None leaves it to the palette."""
        track_commands.recolour_tracks(self._document, _ids(tracks), colour)

    def ask_category(self) -> None:
        """Choose a category for the selected tracks, or type a new one."""
        chosen = self._selection()
        names = sorted((c.name for c in self._document.categories.values()), key=str.casefold)
        dialog = passing(QInputDialog(self._window))
        dialog.setWindowTitle(self.tr("Set category"))
        dialog.setLabelText(self.tr("Category (choose one or type a new one)"))
        dialog.setComboBoxItems(names)
        dialog.setComboBoxEditable(True)
        if chosen:
            now = self._document.tracks[TrackId(chosen[0])].category
            dialog.setTextValue(self._document.categories[now].name)
        dialog.textValueSelected.connect(lambda text: self.set_category(chosen, text))
        dialog.open()

    def set_category(self, tracks: Iterable[int], name: str) -> None:
        """Give tracks the category of this name, which is made when it is new; one undo step."""
        name = name.strip()
        if not name:
            raise DocumentError("A category needs a name.")
        with self._document.one_step():
            found = category_named(self._document, name) or create_category(self._document, name)
            track_commands.set_category(self._document, _ids(tracks), found.id)
        self.category_used.emit(found.id)

    def toggle_locked(self) -> None:
        """Lock the selected tracks, or unlock them when the first is locked."""
        track_commands.set_locked(self._document, self._selection(), not self._track().locked)

    def toggle_hidden(self) -> None:
        """Hide the selected tracks, or show them."""
        track_commands.set_hidden(self._document, self._selection(), not self._track().hidden)

    def toggle_reviewed(self) -> None:
        """Say that the selected tracks are right, or take that back."""
        track_commands.set_track_reviewed(self._document, self._selection(), not self._track().reviewed)

    def toggle_frame_reviewed(self) -> None:
        """Say that this frame (the range when there is one) is right, or take that back."""
        video, here = self._video(), self.view_state.frame
        first, last = self.view_state.range or (here, here)
        reviewed = not is_reviewed(self._document, video, here)
        set_frames_reviewed(self._document, video, range(first, last + 1), reviewed=reviewed)

    # identity, previewed

    def ask_merge_selected(self) -> None:
        """Merge the two selected tracks, after a preview."""
        if len(self.view_state.selection) < 2:
            raise DocumentError("Merging needs two selected tracks.", "Ctrl-click a second one in the list.")
        self.ask_merge(*self.view_state.selection[:2])

    def ask_merge(self, first: int, second: int) -> None:
        """Merge two tracks in time, after a preview: the first keeps its name and number."""
        a, b = TrackId(first), TrackId(second)
        self._ask(
            self.tr("Merge track {0} into track {1}").format(second, first),
            self.tr("Merge"),
            scopes=(),
            policies=(
                ("keep_first", self.tr("Keep the mask of track {0}").format(first)),
                ("keep_second", self.tr("Keep the mask of track {0}").format(second)),
                ("union", self.tr("Join both masks")),
                ("by_score", self.tr("Keep the one with the higher score")),
            ),
            preview=lambda _, policy: identity.preview_merge(self._document, a, b, policy),
            act=lambda _, policy: self._merged(a, b, policy),
        )

    def ask_swap(self) -> None:
        """Exchange two selected tracks from here on, after a preview."""
        if len(self.view_state.selection) < 2:
            raise DocumentError("Swapping needs two selected tracks.", "Ctrl-click a second one in the list.")
        a, b = (TrackId(t) for t in self.view_state.selection[:2])
        self._ask(
            self.tr("Swap tracks {0} and {1}").format(a, b),
            self.tr("Swap"),
            scopes=self._scopes(),
            policies=(),
            preview=lambda scope, _: identity.preview_swap(self._document, a, b, scope),
            act=lambda scope, _: identity.swap_tracks(self._document, a, b, scope),
        )

    def ask_reassign(self) -> None:
        """Give the selected track's masks to another track, after a preview."""
        track = self._track()
        others = [t for t in self._document.tracks.of_video(track.video).values() if t.id != track.id]
        new = self.tr("a new track")
        names = [new, *(self.bridge.label_of(t) for t in others)]
        dialog = passing(QInputDialog(self._window))
        dialog.setWindowTitle(self.tr("Reassign"))
        dialog.setLabelText(self.tr("Give the masks of {0} to").format(self.bridge.label_of(track)))
        dialog.setComboBoxItems(names)
        by_name: dict[str, TrackId | None] = {new: None, **{self.bridge.label_of(t): t.id for t in others}}
        dialog.textValueSelected.connect(lambda name: self.ask_reassign_to(track.id, by_name[name]))
        dialog.open()

    def ask_reassign_to(self, track: int, to: int | None) -> None:
        """Preview giving a track's masks to another (None: to a new one)."""
        target = None if to is None else TrackId(to)
        self._ask(
            self.tr("Reassign track {0}").format(track),
            self.tr("Reassign"),
            scopes=self._scopes(),
            policies=()
            if to is None
            else (
                ("swap", self.tr("Where both are: exchange them")),
                ("replace", self.tr("Where both are: the reassigned mask wins")),
                ("keep", self.tr("Where both are: leave them")),
            ),
            preview=lambda scope, policy: identity.preview_reassign(
                self._document, TrackId(track), target, scope, policy or "swap"
            ),
            act=lambda scope, policy: self._reassigned(track, target, scope, policy or "swap"),
        )

    def reassign_from_here(self, to: int) -> None:
        """The fast way (Ctrl and a digit): from here on the selected track is this one, and the reverse."""
        track = self._track()
        if track.id != to:
            scope = Scope.from_here_on(self.view_state.frame)
            self._reassigned(track.id, TrackId(to), scope, "swap")

    def cut_here(self) -> None:
        """What lies in this frame and behind becomes a new track."""
        new = identity.split_track(self._document, self._track().id, self.view_state.frame)
        self.view_state.select((new.id,))

    # extent

    def extend_here(self) -> None:
        """Repeat the track's nearest mask up to this frame."""
        extend_track(self._document, self._track().id, self.view_state.frame)

    def trim_before(self) -> None:
        """Delete the selected track's masks ahead of this frame."""
        self._trim(self._track().id, self.view_state.frame, None)

    def trim_after(self) -> None:
        """Delete the selected track's masks behind this frame."""
        self._trim(self._track().id, 0, self.view_state.frame)

    def trim_or_extend(self, track: int, old_end: int, new_end: int) -> None:
        """An end of a lane was dragged: inwards trims, outwards repeats the last mask."""
        extent = self._document.annotations.extent(TrackId(track))
        if extent is None:
            return
        first, last = extent
        if not first <= new_end <= last:
            extend_track(self._document, TrackId(track), new_end)
        elif old_end == first:
            self._trim(TrackId(track), new_end, None)
        else:
            self._trim(TrackId(track), 0, new_end)

    # deleting

    def delete_masks_here(self) -> None:
        """Delete the selected tracks' masks of this frame."""
        identity.delete_masks(self._document, self._selection(), Scope.this_frame(self.view_state.frame))

    def ask_delete_range(self) -> None:
        """Delete the selected tracks' masks in a range, after a preview."""
        chosen = self._selection()
        self._ask(
            self.tr("Delete masks"),
            self.tr("Delete"),
            scopes=self._scopes(),
            policies=(),
            preview=lambda scope, _: identity.preview_delete(self._document, chosen, scope),
            act=lambda scope, _: identity.delete_masks(self._document, chosen, scope),
        )

    def delete_tracks(self) -> None:
        """Delete the selected tracks; undo brings them back."""
        masks = track_commands.delete_tracks(self._document, self._selection())
        self.said.emit(self.tr("Deleted with {0} masks. Ctrl+Z brings them back.").format(masks))

    # inside

    @property
    def _document(self) -> Document:
        return self.bridge.document

    def _video(self) -> VideoId:
        record = self.bridge.video(self.view_state.video)
        if record is None:
            raise DocumentError("There is no video.", "Open one first.")
        return record.id

    def _track(self) -> Track:
        track = self.view_state.track
        if track is None or track not in self._document.tracks:
            raise DocumentError("No track is selected.", "Click one on the canvas or in the list.")
        return self._document.tracks[TrackId(track)]

    def _selection(self) -> list[TrackId]:
        self._track()
        return _ids(self.view_state.selection)

    def _scopes(self) -> tuple[tuple[str, Scope], ...]:
        """What a command may cover, the likeliest first."""
        here, span = self.view_state.frame, self.view_state.range
        scopes = [
            (self.tr("From frame {0} on").format(here), Scope.from_here_on(here)),
            (self.tr("Only frame {0}").format(here), Scope.this_frame(here)),
            (self.tr("The whole track"), Scope.whole_track()),
        ]
        if span is not None:
            text = self.tr("Frames {0} to {1}").format(*span)
            scopes.insert(0, (text, Scope.frames(*span)))
        return tuple(scopes)

    def _ask(
        self,
        title: str,
        verb: str,
        scopes: Sequence[tuple[str, Scope]],
        policies: Sequence[tuple[str, str]],
        preview: Callable[[Scope, Any], identity.Preview],
        act: Callable[[Scope, Any], object],
    ) -> None:
        """Open the preview; ``act`` happens when it is confirmed."""
        dialog = IdentityDialog(self._window, title, verb, scopes, policies, preview)
        dialog.confirmed.connect(act)
        dialog.open()

    def _trim(self, track: TrackId, first: int, last: int | None) -> None:
        end = self._document.videos[self._video()].frame_count - 1 if last is None else last
        identity.trim_track(self._document, track, first, end)

    def _merged(self, a: TrackId, b: TrackId, policy: identity.MergePolicy) -> None:
        identity.merge_tracks(self._document, a, b, policy)
        self.view_state.select((a,))

    def _reassigned(
        self, track: int, to: TrackId | None, scope: Scope, policy: identity.ReassignPolicy
    ) -> None:
        target = identity.reassign(self._document, TrackId(track), to, scope, policy)
        self.view_state.select((target.id,))

    def _text_dialog(self, title: str, label: str, value: str) -> QInputDialog:
        dialog = passing(QInputDialog(self._window))
        dialog.setWindowTitle(title)
        dialog.setLabelText(label)
        dialog.setTextValue(value)
        return dialog


def _ids(tracks: Iterable[int]) -> list[TrackId]:
    return [TrackId(track) for track in tracks]
