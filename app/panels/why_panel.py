"""Why this identity: the scores of every candidate behind a decision, the rule, and what lost."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QPen
from PySide6.QtWidgets import (
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.inspector_panel import PressKeys
from app.panels.why_facts import Candidate, LostDetection, Name, WhyFacts

CANDIDATE = Qt.ItemDataRole.UserRole
TERM_COLOURS = {"similarity": "#4c9be8", "mask": "#e09b2d", "box": "#3fae7a"}  # apart for any colour vision
BAR_PX, PAD_PX = 9, 5


class CandidateDelegate(QStyledItemDelegate):
    """A candidate as three lines: its name and total, its bar on a common scale, its terms."""

    def __init__(self, view: QListWidget) -> None:
        super().__init__(view)
        self.scale = 1.0  # points at the right end of a bar
        self.new_score = 0.0

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Height of the three lines."""
        return QSize(120, 2 * option.fontMetrics.height() + BAR_PX + 3 * PAD_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one candidate."""
        candidate: Candidate = index.data(CANDIDATE)
        style = option.widget.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen_row = bool(option.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if chosen_row else QPalette.ColorRole.Text
        area = QRectF(option.rect).adjusted(PAD_PX + 1, PAD_PX, -PAD_PX - 1, -PAD_PX)
        line = option.fontMetrics.height()
        top = QRectF(area.left(), area.top(), area.width(), line)
        self._paint_names(painter, option, candidate, top, option.palette.color(role), index.data())
        bar = QRectF(area.left(), top.bottom() + PAD_PX / 2, area.width(), BAR_PX)
        self._paint_bar(painter, option.palette, candidate, bar)
        small = QFont(option.font)
        small.setPointSizeF(max(7.0, small.pointSizeF() - 1))
        painter.setFont(small)
        faint = role if chosen_row else QPalette.ColorRole.PlaceholderText
        painter.setPen(option.palette.color(faint))
        bottom = QRectF(area.left(), bar.bottom() + PAD_PX / 2, area.width(), line)
        painter.drawText(bottom, Qt.AlignmentFlag.AlignVCenter, index.data(Qt.ItemDataRole.StatusTipRole))
        painter.restore()

    def _paint_names(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        candidate: Candidate,
        area: QRectF,
        colour: QColor,
        text: str,
    ) -> None:
        font = QFont(option.font)
        font.setBold(candidate.chosen)
        painter.setFont(font)
        total = f"{candidate.total:.2f}"
        room = area.adjusted(0, 0, -painter.fontMetrics().horizontalAdvance(total) - 8, 0)
        swatch = None if candidate.name is None else candidate.name.colour
        if swatch is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(*swatch))
            painter.drawRoundedRect(QRectF(area.left(), area.center().y() - 5, 10, 10), 3, 3)
            room.setLeft(room.left() + 16)
        painter.setPen(colour)
        elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, elided)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, total)

    def _paint_bar(self, painter: QPainter, palette: QPalette, candidate: Candidate, area: QRectF) -> None:
        """Terms side by side; the dotted line is the score of a new track."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.Window))
        painter.drawRoundedRect(area, 2, 2)
        x, per_point = area.left(), area.width() / self.scale
        for name, colour in TERM_COLOURS.items():
            width = max(0.0, getattr(candidate, name)) * per_point
            painter.fillRect(QRectF(x, area.top(), width, area.height()), QColor(colour))
            x += width
        threshold = area.left() + self.new_score * per_point
        if candidate.name is None:
            painter.fillRect(
                QRectF(area.left(), area.top(), threshold - area.left(), area.height()),
                palette.color(QPalette.ColorRole.PlaceholderText),
            )
        painter.setPen(QPen(palette.color(QPalette.ColorRole.Text), 1.5, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(threshold, area.top() - 3), QPointF(threshold, area.bottom() + 3))


class WhyPanel(QWidget):
    """The decision in words, the candidates as bars, and the detections that lost a track to a better one."""

    restore_wanted = Signal(int)  # row of the detection in the frame's evidence
    track_chosen = Signal(int)  # a candidate that is a track of the project

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Why this ID?"))
        self.verdict = QLabel()
        self.verdict.setObjectName("heading")
        self.details = QLabel()
        self.key = QLabel()
        self.key.setObjectName("faint")
        for label in (self.verdict, self.details, self.key):
            label.setWordWrap(True)
        self.candidates = self._list(self.tr("Candidates"))
        self._delegate = CandidateDelegate(self.candidates)
        self.candidates.setItemDelegate(self._delegate)
        self.lost_title = QLabel(self.tr("Detections that lost"))
        self.lost_title.setObjectName("heading")
        self.lost = self._list(self.tr("Detections that lost"))
        self.lost.setWordWrap(True)
        self.lost.setSpacing(2)
        self.restore_button = QPushButton(self.tr("Restore as a new track"))
        self.restore_button.installEventFilter(PressKeys(self))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addWidget(self.verdict)
        layout.addWidget(self.details)
        layout.addWidget(self.key)
        layout.addWidget(self.candidates, 3)
        layout.addWidget(self.lost_title)
        layout.addWidget(self.lost, 1)
        layout.addWidget(self.restore_button)
        layout.addStretch()
        self.candidates.itemActivated.connect(self._choose)
        self.lost.itemActivated.connect(self._restore)
        self.lost.itemSelectionChanged.connect(
            lambda: self.restore_button.setEnabled(bool(self.lost.selectedItems()))
        )
        self.restore_button.clicked.connect(lambda _=False: self._restore(self.lost.currentItem()))
        self.show_nothing()

    def show_nothing(self, why: str = "") -> None:
        """Show that there is nothing to explain. why: a sentence, that no mask is selected when empty."""
        self._show_lists((), ())
        self.verdict.setText(why or self.tr("Select a mask to see why it has its identity."))
        self.details.hide()
        self.key.hide()

    def show_facts(self, facts: WhyFacts | None) -> None:
        """Show a decision; None: no model run kept anything for the mask."""
        if facts is None:
            self.show_nothing(self.tr("No model run kept its reasons for this frame."))
            return
        verdict = self._verdict(facts)
        self.verdict.setText(verdict[:1].upper() + verdict[1:])
        details = self._details(facts)
        self.details.setText(details)
        self.details.setVisible(bool(details))
        self._show_key(facts)
        self._delegate.new_score = facts.new_score
        most = 1 + max(0.0, facts.mask_weight) + max(0.0, facts.box_weight)
        self._delegate.scale = max([most, facts.new_score, *(c.total for c in facts.candidates)])
        self._show_lists(facts.candidates, (*facts.rivals, *facts.others))

    def _list(self, name: str) -> QListWidget:
        view = QListWidget()
        view.setAccessibleName(name)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        return view

    def _show_lists(self, candidates: tuple[Candidate, ...], lost: tuple[LostDetection, ...]) -> None:
        self.candidates.clear()
        for candidate in candidates:
            label, terms = self._candidate_text(candidate), self._terms_text(candidate)
            item = QListWidgetItem(label, self.candidates)
            item.setData(CANDIDATE, candidate)
            item.setStatusTip(terms)
            words = f"{label}: {candidate.total:.2f}, {terms}"
            item.setData(Qt.ItemDataRole.AccessibleTextRole, words)
            item.setToolTip(self._age_text(candidate))
        self.lost.clear()
        for entry in lost:
            item = QListWidgetItem(self._lost_text(entry), self.lost)
            item.setData(CANDIDATE, entry.detection)
        self.candidates.setVisible(bool(candidates))
        for widget in (self.lost_title, self.lost, self.restore_button):
            widget.setVisible(bool(lost))
        self.restore_button.setEnabled(False)

    def _show_key(self, facts: WhyFacts) -> None:
        """Which colour is which term."""
        parts = (
            ("similarity", self.tr("alike")),
            ("mask", self.tr("mask IoU × {0}").format(f"{facts.mask_weight:g}")),
            ("box", self.tr("box IoU × {0}").format(f"{facts.box_weight:g}")),
        )
        words = [
            f"<font color='{TERM_COLOURS[name]}'>■</font>&nbsp;{text.replace(' ', '&nbsp;')}"
            for name, text in parts
        ]
        new = self.tr("┊ new {0}").format(_points(facts.new_score)).replace(" ", "&nbsp;")
        self.key.setText(" &nbsp;".join((*words, new)))
        self.key.setVisible(bool(facts.candidates))

    def _choose(self, item: QListWidgetItem) -> None:
        name = item.data(CANDIDATE).name
        if name is not None and name.track is not None:
            self.track_chosen.emit(name.track)

    def _restore(self, item: QListWidgetItem) -> None:
        self.restore_wanted.emit(item.data(CANDIDATE))

    # words

    def _verdict(self, facts: WhyFacts) -> str:
        name = self._name(facts.name)
        if facts.outcome == "continued":
            return self.tr("{0} beat “new track” by {1}.").format(name, _points(self._lead(facts)))
        if facts.outcome == "began":
            assert facts.margin is not None
            return self.tr("{0} began here: no track was similar enough.").format(name)
        if facts.outcome == "first":
            return self.tr("{0} began here: there was nothing to compare it with.").format(name)
        if facts.outcome == "carried":
            return self.tr("{0} was carried here: no detection became it.").format(name)
        return self.tr("The model did not know this track here.")

    def _lead(self, facts: WhyFacts) -> float:
        return next(c.total for c in facts.candidates if c.chosen) - facts.new_score

    def _details(self, facts: WhyFacts) -> str:
        lines = []
        second = facts.second
        if facts.outcome == "continued" and second is not None and facts.margin is not None:
            if second.name is None:
                lines.append(self.tr("No other track came as close as a new one."))
            else:
                lines.append(
                    self.tr("Second best was {0}, {1} behind.").format(
                        self._name(second.name), _points(facts.margin)
                    )
                )
        if facts.outcome == "began" and second is not None and facts.margin is not None:
            lines.append(
                self.tr("The closest was {0}, {1} short of the {2} that it takes.").format(
                    self._name(second.name), _points(facts.margin), _points(facts.new_score)
                )
            )
        if facts.outcome == "carried":
            lines += self._carried_words(facts)
        if facts.rivals:
            rule = (
                self.tr("the one with the higher detection score won")
                if facts.by_score
                else self.tr("the one that is more like it won")
            )
            count = len(facts.rivals)
            who = self.tr("Another detection") if count == 1 else self.tr("{0} more detections").format(count)
            lines.append(self.tr("{0} wanted it too; {1}.").format(who, rule))
        return " ".join(lines)

    def _carried_words(self, facts: WhyFacts) -> list[str]:
        one = facts.age == 1
        ago = self.tr("1 frame") if one else self.tr("{0} frames").format(facts.age)
        lines = [self.tr("Its last detection was {0} ago.").format(ago)]
        if facts.closest is None:
            lines.append(self.tr("Nothing was detected here at all."))
        elif facts.closest.went_to is None:
            lines.append(
                self.tr("The closest detection scored {0} against it and became a new track.").format(
                    _points(facts.closest.total)
                )
            )
        else:
            lines.append(
                self.tr("The closest detection scored {0} against it but went to {1}.").format(
                    _points(facts.closest.total), self._name(facts.closest.went_to)
                )
            )
        return lines

    def _name(self, name: Name | None) -> str:
        if name is None:
            return self.tr("new track")
        return name.label or self.tr("track {0} of the run").format(name.number)

    def _candidate_text(self, candidate: Candidate) -> str:
        text = self._name(candidate.name)
        if candidate.name is None:
            text = self.tr("New track")
        if candidate.hidden:
            text = self.tr("{0} (hidden)").format(text)
        return f"✓ {text}" if candidate.chosen else text

    def _terms_text(self, candidate: Candidate) -> str:
        if candidate.name is None:
            return self.tr("what a track must exceed")
        values = (_points(value) for value in (candidate.similarity, candidate.mask, candidate.box))
        return self.tr("alike {0} + mask {1} + box {2}").format(*values)

    def _age_text(self, candidate: Candidate) -> str:
        if candidate.name is None:
            return ""
        return self.tr("Frames since its last detection: {0}").format(candidate.age)

    def _lost_text(self, entry: LostDetection) -> str:
        return self.tr("Detection of score {0} wanted {1} with {2}").format(
            _points(entry.score), self._name(entry.wanted), _points(entry.total)
        )


def _points(value: float) -> str:
    return f"{value:.2f}"
