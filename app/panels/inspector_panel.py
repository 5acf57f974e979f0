"""The inspector: everything about the selected track in this frame, and the commands that change it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.panels.inspector_facts import (
    FrameFacts,
    GroupFacts,
    InspectorFacts,
    NextStep,
    TrackFacts,
)
from app.panels.inspector_parts import (
    MARK_PX,
    AskingPanel,
    Rows,
    SourceMark,
    beside,
    count,
    empty_page,
    heading,
    swatch,
)
from app.panels.inspector_words import (
    NOTHING,
    absent_words,
    box_words,
    frame_text,
    next_words,
    source_words,
)
from stmask_core.document.records import OCCLUSIONS

NEXT_ACTION: dict[NextStep, str] = {
    "run": "run", "run_from_here": "run_from_here", "draw": "tool_brush", "check": "frame_reviewed",
    "go_on": "next_unreviewed",
}  # fmt: skip
MOST_NAMED = 40  # of the selected tracks
SEGMENT_STYLE = (
    "QPushButton { padding: 3px 8px; } "
    "QPushButton:checked { background: palette(highlight); color: palette(highlighted-text); }"
)


class InspectorPanel(AskingPanel):
    """Shows ``InspectorFacts``. Writes nothing: every change is asked for with a signal."""

    rename_wanted = Signal(int, str)  # track, name
    occlusion_wanted = Signal(str)  # a word of OCCLUSIONS

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Inspector"))
        self.facts: InspectorFacts | None = None
        self._named: int | None = None  # the track whose name is in the field
        self._empty = QLabel(self.tr("Open a video to see what is in it."))
        self._empty.setObjectName("faint")
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._frame_page = self._make_frame_page()
        self._track_page = self._make_track_page()
        self._group_page = self._make_group_page()
        self._pages = (self._empty, self._frame_page, self._track_page, self._group_page)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        for page in self._pages:
            column.addWidget(page)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addWidget(scroll)
        self.show_facts(None)

    def show_facts(self, facts: InspectorFacts | None) -> None:
        """Show a selection; None: there is no video. A name half typed for the same track stays."""
        self.facts = facts
        if facts is None:
            self._turn_to(self._empty)
        elif facts.track is not None:
            self._show_track(facts.track, facts.frame)
            self._turn_to(self._track_page)
        elif facts.group is not None:
            self._show_group(facts.group, facts.frame)
            self._turn_to(self._group_page)
        else:
            self._show_frame(facts.frame)
            self._turn_to(self._frame_page)

    def _turn_to(self, shown: QWidget) -> None:
        for page in self._pages:
            page.setVisible(page is shown)

    # pages

    def _make_frame_page(self) -> QWidget:
        page, layout = empty_page()
        self.frame_title = heading()
        layout.addWidget(self.frame_title)
        self._frame_rows = Rows(layout)
        self.masks_here = self._frame_rows.add(self.tr("Masks"))
        self.inferred = self._frame_rows.add(self.tr("Model"))
        self.cached = self._frame_rows.add(self.tr("Picture"))
        self.frame_reviewed = self.tick(self.tr("This frame is reviewed"), "frame_reviewed")
        layout.addWidget(self.frame_reviewed)
        layout.addSpacing(8)
        layout.addWidget(heading(self.tr("What next")))
        self.next_text = QLabel()
        self.next_text.setWordWrap(True)
        self.next_button = self.button("", lambda: self.asked.emit(self._next_action()))
        self.next_button.setObjectName("primary")
        layout.addWidget(self.next_text)
        layout.addWidget(self.next_button)
        layout.addStretch(1)
        return page

    def _make_track_page(self) -> QWidget:
        page, layout = empty_page()
        layout.addLayout(self._make_identity())
        self.here_title = heading()
        layout.addWidget(self.here_title)
        layout.addWidget(self._make_mask_part())
        self.absent = QLabel()
        self.absent.setWordWrap(True)
        self.extend_button = self.asking(self.tr("Extend to this frame…"), "extend_track")
        layout.addWidget(self.absent)
        layout.addWidget(self.extend_button)
        self.outside = self.tick(self.tr("Outside: not in this frame"), "outside")
        layout.addWidget(self.outside)
        layout.addSpacing(8)
        layout.addWidget(heading(self.tr("Whole track")))
        self._track_rows = Rows(layout)
        self.frames = self._track_rows.add(self.tr("Frames"))
        self.human_frames = self._track_rows.add(
            self.tr("Human frames"), self.small(self.tr("Next"), "next_keyframe")
        )
        self.gaps = self._track_rows.add(self.tr("Gaps"), self.small(self.tr("Next"), "next_gap"))
        self.first = self._track_rows.add(
            self.tr("First frame"), self.small(self.tr("Go there"), "track_start")
        )
        self.last = self._track_rows.add(self.tr("Last frame"), self.small(self.tr("Go there"), "track_end"))
        self.track_locked = self.tick(self.tr("Locked"), "lock_track")
        self.track_hidden = self.tick(self.tr("Hidden"), "hide_track")
        self.track_reviewed = self.tick(self.tr("Reviewed"), "track_reviewed")
        layout.addLayout(beside(self.track_locked, self.track_hidden, self.track_reviewed))
        cut = self.asking(self.tr("Cut here"), "cut_track")
        self.reassign_button = self.asking(self.tr("Reassign…"), "reassign")
        layout.addLayout(beside(cut, self.reassign_button))
        layout.addStretch(1)
        return page

    def _make_identity(self) -> QGridLayout:
        """Swatch, number, name and category."""
        self.swatch = self.tool_button(lambda: self.asked.emit("recolour_track"))
        self.swatch.setIconSize(QSize(MARK_PX, MARK_PX))
        self.swatch.setToolTip(self.tr("Change colour…"))
        self.swatch.setAccessibleName(self.tr("Colour of the track"))
        self.number = heading()
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name of the track"))
        self.name.setPlaceholderText(self.tr("No name"))
        self.name.editingFinished.connect(self._rename)
        self.category = self.asking("", "set_category")
        self.category.setToolTip(self.tr("Set category…"))
        grid = QGridLayout()
        grid.addWidget(self.swatch, 0, 0, 2, 1, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.number, 0, 1)
        grid.addWidget(self.name, 0, 2)
        grid.addWidget(self.category, 1, 1, 1, 2)
        grid.setColumnStretch(2, 1)
        return grid

    def _make_mask_part(self) -> QWidget:
        """What is known of the mask in this frame."""
        self.mask_part = QWidget()
        layout = QVBoxLayout(self.mask_part)
        layout.setContentsMargins(0, 0, 0, 0)
        self.mark = SourceMark()
        self.source = QLabel()
        self.source.setWordWrap(True)
        line = QHBoxLayout()
        line.addWidget(self.mark)
        line.addWidget(self.source, 1)
        layout.addLayout(line)
        rows = Rows(layout)
        self.score = rows.add(self.tr("Score"))
        self.area = rows.add(self.tr("Area"))
        self.box = rows.add(self.tr("Box"))
        layout.addWidget(self._make_occlusion())
        self.mask_locked = self.tick(self.tr("Mask locked"), "lock_mask")
        self.pin_button = self.asking(self.tr("Pin: make it human"), "pin")
        layout.addLayout(beside(self.mask_locked, self.pin_button))
        return self.mask_part

    def _make_occlusion(self) -> QWidget:
        """Three buttons, one of them down."""
        texts = {"none": self.tr("None"), "slight": self.tr("Slight"), "severe": self.tr("Severe")}
        self.occlusion: dict[str, QPushButton] = {}
        group = QButtonGroup(self)
        part = QWidget()
        part.setAccessibleName(self.tr("Occlusion"))
        line = QHBoxLayout(part)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(2)
        label = QLabel(self.tr("Occlusion"))
        label.setObjectName("faint")
        line.addWidget(label, 1)
        for level in OCCLUSIONS:
            button = self.button(texts[level], partial(self.occlusion_wanted.emit, level))
            button.setAccessibleName(self.tr("Occlusion: {0}").format(texts[level]))
            button.setCheckable(True)
            button.setStyleSheet(SEGMENT_STYLE)
            group.addButton(button)
            self.occlusion[level] = button
            line.addWidget(button)
        return part

    def _make_group_page(self) -> QWidget:
        page, layout = empty_page()
        self.group_title = heading()
        self.group_names = QLabel()
        self.group_names.setWordWrap(True)
        layout.addWidget(self.group_title)
        layout.addWidget(self.group_names)
        rows = Rows(layout)
        self.group_category = rows.add(self.tr("Category"))
        self.group_here = rows.add(self.tr("In this frame"))
        self.group_masks = rows.add(self.tr("Masks in all"))
        self.group_span = rows.add(self.tr("Frames"))
        self.group_flags = rows.add(self.tr("Marked"))
        layout.addSpacing(8)
        set_category = self.asking(self.tr("Set category…"), "set_category")
        merge = self.asking(self.tr("Merge in time…"), "merge_tracks")
        self.swap_button = self.asking(self.tr("Swap from here on…"), "swap_tracks")
        lock, hide = (
            self.asking(self.tr("Lock or unlock"), "lock_track"),
            self.asking(self.tr("Hide or show"), "hide_track"),
        )
        layout.addWidget(set_category)
        layout.addWidget(merge)
        layout.addWidget(self.swap_button)
        layout.addLayout(beside(lock, hide))
        layout.addStretch(1)
        return page

    # showing

    def _show_frame(self, frame: FrameFacts) -> None:
        self.frame_title.setText(frame_text(frame))
        human = self.tr(" ({0} human)").format(frame.human) if frame.human else ""
        self.masks_here.setText(f"{frame.masks}{human}")
        self.inferred.setText(self.tr("went over it") if frame.inferred else self.tr("has not been here"))
        self.cached.setText(self.tr("in memory") if frame.cached else self.tr("read when needed"))
        self.frame_reviewed.setChecked(frame.reviewed)
        sentence, button = next_words(frame.next_step)
        self.next_text.setText(sentence)
        self.next_button.setText(button)

    def _show_track(self, track: TrackFacts, frame: FrameFacts) -> None:
        self.swatch.setIcon(swatch(track.colour, self.devicePixelRatioF()))
        self.number.setText(f"#{track.track}")
        if not (self.name.isModified() and self.name.hasFocus() and self._named == track.track):
            self.name.setText(track.name)
        self._named = track.track
        self.category.setText(track.category)
        self.category.setAccessibleName(self.tr("Category: {0}").format(track.category))
        self.here_title.setText(frame_text(frame))
        self._show_mask(track, frame)
        present = count(track.frames)
        self.frames.setText(self.tr("{0} of {1}").format(present, count(frame.frame_count)))
        self.human_frames.setText(count(track.human))
        self.gaps.setText(count(track.gaps))
        self.first.setText(NOTHING if track.first is None else str(track.first))
        self.last.setText(NOTHING if track.last is None else str(track.last))
        self.track_locked.setChecked(track.locked)
        self.track_hidden.setChecked(track.hidden)
        self.track_reviewed.setChecked(track.reviewed)

    def _show_mask(self, track: TrackFacts, frame: FrameFacts) -> None:
        mask = track.mask
        present = mask is not None and not mask.outside
        self.mask_part.setVisible(present)
        self.absent.setVisible(not present)
        self.extend_button.setVisible(mask is None)
        self.extend_button.setEnabled(track.frames > 0)
        self.reassign_button.setEnabled(mask is not None)
        self.outside.setChecked(mask is not None and mask.outside)
        if mask is None:
            self.absent.setText(absent_words(track, frame.frame))
            return
        self.absent.setText(self.tr("A person said that it is not in this frame."))
        self.mark.show_mark(track.colour, mask.source, mask.human)
        words = source_words(mask)
        self.source.setText(words)
        self.mark.setAccessibleName(words)
        self.score.setText(NOTHING if mask.score is None else f"{mask.score:.2f}")
        self.area.setText(self.tr("{0} px").format(count(mask.area)))
        self.box.setText(box_words(mask))
        self.occlusion[mask.occlusion].setChecked(True)
        self.mask_locked.setChecked(mask.locked)
        self.pin_button.setEnabled(not mask.human)

    def _show_group(self, group: GroupFacts, frame: FrameFacts) -> None:
        self.group_title.setText(self.tr("{0} tracks selected").format(len(group.tracks)))
        names = [
            f"<span style='color:{QColor(*colour).name()}'>■</span>&nbsp;#{track}"
            for track, colour in zip(group.tracks[:MOST_NAMED], group.colours, strict=False)
        ]
        more = len(group.tracks) - len(names)
        self.group_names.setText(" ".join(names) + (self.tr(" and {0} more").format(more) if more else ""))
        self.group_names.setAccessibleName(", ".join(f"#{track}" for track in group.tracks))
        self.group_category.setText(", ".join(group.categories))
        self.group_here.setText(self.tr("{0} of {1}").format(group.here, len(group.tracks)))
        self.group_masks.setText(count(group.masks))
        none = group.first is None
        self.group_span.setText(NOTHING if none else self.tr("{0} to {1}").format(group.first, group.last))
        marked = (
            (group.locked, self.tr("{0} locked")),
            (group.hidden, self.tr("{0} hidden")),
            (group.reviewed, self.tr("{0} reviewed")),
        )
        self.group_flags.setText(", ".join(text.format(n) for n, text in marked if n) or NOTHING)
        self.swap_button.setEnabled(len(group.tracks) == 2)

    # asking

    def _next_action(self) -> str:
        assert self.facts is not None
        return NEXT_ACTION[self.facts.frame.next_step]

    def _rename(self) -> None:
        """A new name was typed and confirmed."""
        track = None if self.facts is None else self.facts.track
        name = self.name.text().strip()
        self.name.setModified(False)
        if track is not None and track.track == self._named and name != track.name:
            self.rename_wanted.emit(track.track, name)

    def press(self, act: Callable[[], None]) -> None:
        """Ask, then show the facts as they are: a refused wish leaves no tick behind."""
        act()
        self.show_facts(self.facts)
