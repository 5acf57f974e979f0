"""The inspector: everything about the selected track in this frame, and the commands that change it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.panels.inspector_facts import (
    FrameFacts,
    GroupFacts,
    InspectorFacts,
    MaskFacts,
    NextStep,
    TrackFacts,
)
from app.panels.press_keys import PressKeys
from stmask_core.document.records import OCCLUSIONS, Colour, Source

NEXT_ACTION: dict[NextStep, str] = {
    "run": "run", "run_from_here": "run_from_here", "draw": "tool_brush", "check": "frame_reviewed",
    "go_on": "next_unreviewed",
}  # fmt: skip
MARK_PX = 22
MOST_NAMED = 40  # of the selected tracks
NOTHING = "–"
LINK_STYLE = "QToolButton { padding: 1px 4px; color: palette(link); }"
BOX_STYLE = (  # an empty box would be hard to see on the dark theme
    "QCheckBox::indicator:unchecked { width: 11px; height: 11px; border-radius: 2px; "
    "border: 1px solid palette(placeholder-text); background: palette(base); }"
)
SEGMENT_STYLE = (
    "QPushButton { padding: 3px 8px; } "
    "QPushButton:checked { background: palette(highlight); color: palette(highlighted-text); }"
)


class SourceMark(QWidget):
    """A small mask in the track's colour, outlined as the canvas outlines masks of its source."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(MARK_PX, MARK_PX)
        self._colour: Colour = (0, 0, 0)
        self._source: Source = "detected"
        self._human = False

    def show_mark(self, colour: Colour, source: Source, human: bool) -> None:
        """Show the mark of a mask."""
        self._colour, self._source, self._human = colour, source, human
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Thick when a person had a hand in it, dashed when propagated, thin otherwise."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inside = QColor(*self._colour)
        inside.setAlpha(110)
        dashed = self._source == "propagated"
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(QColor(*self._colour), 2.5 if self._human else 1.2, style))
        painter.setBrush(inside)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(2, 2, -2, -2), 6, 6)


class InspectorPanel(QWidget):
    """Shows ``InspectorFacts``. Writes nothing: every change is asked for with a signal."""

    asked = Signal(str)  # id of an action of the table
    rename_wanted = Signal(int, str)  # track, name
    occlusion_wanted = Signal(str)  # a word of OCCLUSIONS

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Inspector"))
        self.facts: InspectorFacts | None = None
        self._press_keys = PressKeys(self)
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
        page, layout = _page()
        self.frame_title = _heading()
        layout.addWidget(self.frame_title)
        self._frame_rows = _Rows(layout)
        self.masks_here = self._frame_rows.add(self.tr("Masks"))
        self.inferred = self._frame_rows.add(self.tr("Model"))
        self.cached = self._frame_rows.add(self.tr("Picture"))
        self.frame_reviewed = self._box(self.tr("This frame is reviewed"), "frame_reviewed")
        layout.addWidget(self.frame_reviewed)
        layout.addSpacing(8)
        layout.addWidget(_heading(self.tr("What next")))
        self.next_text = QLabel()
        self.next_text.setWordWrap(True)
        self.next_button = self._button("", lambda: self.asked.emit(self._next_action()))
        self.next_button.setObjectName("primary")
        layout.addWidget(self.next_text)
        layout.addWidget(self.next_button)
        layout.addStretch(1)
        return page

    def _make_track_page(self) -> QWidget:
        page, layout = _page()
        layout.addLayout(self._make_identity())
        self.here_title = _heading()
        layout.addWidget(self.here_title)
        layout.addWidget(self._make_mask_part())
        self.absent = QLabel()
        self.absent.setWordWrap(True)
        self.extend_button = self._asking(self.tr("Extend to this frame…"), "extend_track")
        layout.addWidget(self.absent)
        layout.addWidget(self.extend_button)
        self.outside = self._box(self.tr("Outside: not in this frame"), "outside")
        layout.addWidget(self.outside)
        layout.addSpacing(8)
        layout.addWidget(_heading(self.tr("Whole track")))
        self._track_rows = _Rows(layout)
        self.frames = self._track_rows.add(self.tr("Frames"))
        self.human_frames = self._track_rows.add(
            self.tr("Human frames"), self._small(self.tr("Next"), "next_keyframe")
        )
        self.gaps = self._track_rows.add(self.tr("Gaps"), self._small(self.tr("Next"), "next_gap"))
        self.first = self._track_rows.add(
            self.tr("First frame"), self._small(self.tr("Go there"), "track_start")
        )
        self.last = self._track_rows.add(self.tr("Last frame"), self._small(self.tr("Go there"), "track_end"))
        self.track_locked = self._box(self.tr("Locked"), "lock_track")
        self.track_hidden = self._box(self.tr("Hidden"), "hide_track")
        self.track_reviewed = self._box(self.tr("Reviewed"), "track_reviewed")
        layout.addLayout(_beside(self.track_locked, self.track_hidden, self.track_reviewed))
        cut = self._asking(self.tr("Cut here"), "cut_track")
        self.reassign_button = self._asking(self.tr("Reassign…"), "reassign")
        layout.addLayout(_beside(cut, self.reassign_button))
        layout.addStretch(1)
        return page

    def _make_identity(self) -> QGridLayout:
        """Swatch, number, name and category."""
        self.swatch = self._tool_button(lambda: self.asked.emit("recolour_track"))
        self.swatch.setIconSize(QSize(MARK_PX, MARK_PX))
        self.swatch.setToolTip(self.tr("Change colour…"))
        self.swatch.setAccessibleName(self.tr("Colour of the track"))
        self.number = _heading()
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name of the track"))
        self.name.setPlaceholderText(self.tr("No name"))
        self.name.editingFinished.connect(self._rename)
        self.category = self._asking("", "set_category")
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
        rows = _Rows(layout)
        self.score = rows.add(self.tr("Score"))
        self.area = rows.add(self.tr("Area"))
        self.box = rows.add(self.tr("Box"))
        layout.addWidget(self._make_occlusion())
        self.mask_locked = self._box(self.tr("Mask locked"), "lock_mask")
        self.pin_button = self._asking(self.tr("Pin: make it human"), "pin")
        layout.addLayout(_beside(self.mask_locked, self.pin_button))
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
            button = self._button(texts[level], partial(self.occlusion_wanted.emit, level))
            button.setAccessibleName(self.tr("Occlusion: {0}").format(texts[level]))
            button.setCheckable(True)
            button.setStyleSheet(SEGMENT_STYLE)
            group.addButton(button)
            self.occlusion[level] = button
            line.addWidget(button)
        return part

    def _make_group_page(self) -> QWidget:
        page, layout = _page()
        self.group_title = _heading()
        self.group_names = QLabel()
        self.group_names.setWordWrap(True)
        layout.addWidget(self.group_title)
        layout.addWidget(self.group_names)
        rows = _Rows(layout)
        self.group_category = rows.add(self.tr("Category"))
        self.group_here = rows.add(self.tr("In this frame"))
        self.group_masks = rows.add(self.tr("Masks in all"))
        self.group_span = rows.add(self.tr("Frames"))
        self.group_flags = rows.add(self.tr("Marked"))
        layout.addSpacing(8)
        set_category = self._asking(self.tr("Set category…"), "set_category")
        merge = self._asking(self.tr("Merge in time…"), "merge_tracks")
        self.swap_button = self._asking(self.tr("Swap from here on…"), "swap_tracks")
        lock, hide = (
            self._asking(self.tr("Lock or unlock"), "lock_track"),
            self._asking(self.tr("Hide or show"), "hide_track"),
        )
        layout.addWidget(set_category)
        layout.addWidget(merge)
        layout.addWidget(self.swap_button)
        layout.addLayout(_beside(lock, hide))
        layout.addStretch(1)
        return page

    # showing

    def _show_frame(self, frame: FrameFacts) -> None:
        self.frame_title.setText(self._frame_text(frame))
        human = self.tr(" ({0} human)").format(frame.human) if frame.human else ""
        self.masks_here.setText(f"{frame.masks}{human}")
        self.inferred.setText(self.tr("went over it") if frame.inferred else self.tr("has not been here"))
        self.cached.setText(self.tr("in memory") if frame.cached else self.tr("read when needed"))
        self.frame_reviewed.setChecked(frame.reviewed)
        sentence, button = self._next_words(frame.next_step)
        self.next_text.setText(sentence)
        self.next_button.setText(button)

    def _show_track(self, track: TrackFacts, frame: FrameFacts) -> None:
        self.swatch.setIcon(_swatch(track.colour, self.devicePixelRatioF()))
        self.number.setText(f"#{track.track}")
        if not (self.name.isModified() and self.name.hasFocus() and self._named == track.track):
            self.name.setText(track.name)
        self._named = track.track
        self.category.setText(track.category)
        self.category.setAccessibleName(self.tr("Category: {0}").format(track.category))
        self.here_title.setText(self._frame_text(frame))
        self._show_mask(track, frame)
        present = _count(track.frames)
        self.frames.setText(self.tr("{0} of {1}").format(present, _count(frame.frame_count)))
        self.human_frames.setText(_count(track.human))
        self.gaps.setText(_count(track.gaps))
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
            self.absent.setText(self._absent_words(track, frame.frame))
            return
        self.absent.setText(self.tr("A person said that it is not in this frame."))
        self.mark.show_mark(track.colour, mask.source, mask.human)
        words = self._source_words(mask)
        self.source.setText(words)
        self.mark.setAccessibleName(words)
        self.score.setText(NOTHING if mask.score is None else f"{mask.score:.2f}")
        self.area.setText(self.tr("{0} px").format(_count(mask.area)))
        self.box.setText(self._box_words(mask))
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
        self.group_masks.setText(_count(group.masks))
        none = group.first is None
        self.group_span.setText(NOTHING if none else self.tr("{0} to {1}").format(group.first, group.last))
        marked = (
            (group.locked, self.tr("{0} locked")),
            (group.hidden, self.tr("{0} hidden")),
            (group.reviewed, self.tr("{0} reviewed")),
        )
        self.group_flags.setText(", ".join(text.format(n) for n, text in marked if n) or NOTHING)
        self.swap_button.setEnabled(len(group.tracks) == 2)

    # words

    def _frame_text(self, frame: FrameFacts) -> str:
        return self.tr("Frame {0} / {1}").format(frame.frame, max(0, frame.frame_count - 1))

    def _next_words(self, step: NextStep) -> tuple[str, str]:
        """The sentence that says what to do next, and the button that begins it."""
        return {
            "run": (self.tr("Let the model find and track the objects."), self.tr("Run the model…")),
            "run_from_here": (
                self.tr("The model has not been here: run it from this frame on, or draw an object."),
                self.tr("Run from here…"),
            ),
            "draw": (
                self.tr("The model found nothing here: draw what it missed, or go on."),
                self.tr("Brush"),
            ),
            "check": (
                self.tr("Click a mask that is wrong to repair it; when all are right, say so."),
                self.tr("This frame is right"),
            ),
            "go_on": (
                self.tr("This frame is done: go on to the next one that is not."),
                self.tr("Next frame not reviewed"),
            ),
        }[step]

    def _next_action(self) -> str:
        assert self.facts is not None
        return NEXT_ACTION[self.facts.frame.next_step]

    def _absent_words(self, track: TrackFacts, frame: int) -> str:
        if track.first is None or track.last is None:
            return self.tr("This track has no mask yet: draw its first one.")
        if frame < track.first:
            return self.tr("Not here: it begins in frame {0}.").format(track.first)
        if frame > track.last:
            return self.tr("Not here any more: it ended in frame {0}.").format(track.last)
        return self.tr("No mask here: a gap of the track.")

    def _source_words(self, mask: MaskFacts) -> str:
        words = {
            "detected": self.tr("Detected in this frame"),
            "propagated": self.tr("Propagated: carried here from the last frame"),
            "manual": self.tr("◆ Drawn by a person"),
            "interpolated": self.tr("◆ Interpolated between human masks"),
            "imported": self.tr("Imported from a file"),
        }[mask.source]
        if mask.accepted and mask.source in ("detected", "propagated", "imported"):
            return "◆ " + self.tr("{0}, confirmed by a person").format(words)
        return words

    def _box_words(self, mask: MaskFacts) -> str:
        if mask.box is None:
            return NOTHING
        x1, y1, x2, y2 = (round(edge) for edge in mask.box)
        return self.tr("{0} × {1} at {2}, {3}").format(x2 - x1, y2 - y1, x1, y1)

    # asking

    def _rename(self) -> None:
        """A new name was typed and confirmed."""
        track = None if self.facts is None else self.facts.track
        name = self.name.text().strip()
        self.name.setModified(False)
        if track is not None and track.track == self._named and name != track.name:
            self.rename_wanted.emit(track.track, name)

    def _press(self, act: Callable[[], None]) -> None:
        """Ask, then show the facts as they are: a refused wish leaves no tick behind."""
        act()
        self.show_facts(self.facts)

    def _button(self, text: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        self._watch(button, act)
        button.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        return button

    def _asking(self, text: str, action: str) -> QPushButton:
        return self._button(text, lambda: self.asked.emit(action))

    def _box(self, text: str, action: str) -> QCheckBox:
        box = QCheckBox(text)
        box.setStyleSheet(BOX_STYLE)
        self._watch(box, lambda: self.asked.emit(action))
        return box

    def _small(self, text: str, action: str) -> QToolButton:
        button = self._tool_button(lambda: self.asked.emit(action))
        button.setText(text)
        button.setStyleSheet(LINK_STYLE)
        return button

    def _tool_button(self, act: Callable[[], None]) -> QToolButton:
        button = QToolButton()
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._watch(button, act)
        return button

    def _watch(self, button: QAbstractButton, act: Callable[[], None]) -> None:
        button.installEventFilter(self._press_keys)
        button.clicked.connect(lambda _=False: self._press(act))


class _Rows:
    """Lines of a label, a value and maybe a button, at the end of a layout."""

    def __init__(self, layout: QVBoxLayout) -> None:
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        layout.addLayout(self._grid)

    def add(self, text: str, button: QAbstractButton | None = None) -> QLabel:
        """Another line; returns the label of its value."""
        row = self._grid.rowCount()
        label, value = QLabel(text), QLabel()
        label.setObjectName("faint")
        value.setAccessibleName(text)
        value.setWordWrap(True)
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(value, row, 1)
        if button is not None:
            button.setAccessibleName(f"{text}: {button.text()}")
            self._grid.addWidget(button, row, 2)
        return value


def _page() -> tuple[QWidget, QVBoxLayout]:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(2, 2, 2, 2)
    return page, layout


def _heading(text: str = "") -> QLabel:
    label = QLabel(text)
    label.setObjectName("heading")
    return label


def _beside(*widgets: QWidget) -> QHBoxLayout:
    line = QHBoxLayout()
    for widget in widgets:
        line.addWidget(widget, 1)
    return line


def _swatch(colour: Colour, ratio: float) -> QIcon:
    """A square in the track's colour."""
    pixmap = QPixmap(QSize(MARK_PX, MARK_PX) * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*colour))
    painter.drawRoundedRect(QRectF(1, 1, MARK_PX - 2, MARK_PX - 2), 4, 4)
    painter.end()
    return QIcon(pixmap)


def _count(number: int) -> str:
    return f"{number:,}"
