"""Why this identity: what was compared, the scores, the rule that decided, and what was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.panels.candidate_list import CANDIDATE, TERM_COLOURS, TERMS, CandidateDelegate
from app.panels.event_rows import ObjectView
from app.panels.leftover_list import LeftOut, LeftoverList
from app.panels.small_pictures import SmallPictures
from app.panels.why_facts import UNNAMED_COLOUR, Candidate, LostDetection, Name, WhyFacts

PICTURE_LINES = 4  # height of the object's picture, in lines of words


class WhyPanel(QWidget):
    """The decision in words, what was compared as pictures and bars, and what became no mask in the frame."""

    track_chosen = Signal(int)  # a candidate that is a track of the project

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(self.tr("Why this ID?"))
        self.pictures = SmallPictures(self)
        self._object: ObjectView | None = None
        self.picture = QLabel()
        self.picture.setAccessibleName(self.tr("The object in this frame"))
        height = PICTURE_LINES * self.fontMetrics().height()
        self._picture_size = QSize(height * 4 // 3, height)
        self.picture.setFixedSize(self._picture_size)
        self.verdict = QLabel()
        self.verdict.setObjectName("heading")
        self.details = QLabel()
        self.key = QLabel()
        self.key.setObjectName("faint")
        for label in (self.verdict, self.details, self.key):
            label.setWordWrap(True)
        self.verdict.setTextFormat(Qt.TextFormat.PlainText)  # names may come from outside
        self.details.setTextFormat(Qt.TextFormat.PlainText)
        self.candidates = QListWidget()
        self.candidates.setAccessibleName(self.tr("Candidates"))
        self.candidates.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.candidates.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self._delegate = CandidateDelegate(self.candidates, self.pictures)
        self.candidates.setItemDelegate(self._delegate)
        self.left_title = QLabel()
        self.left_title.setObjectName("heading")
        self.left_out = LeftoverList(self.pictures)
        self._lay_out()
        self.candidates.itemActivated.connect(self._choose)
        self.pictures.came.connect(self._on_picture)
        self.show_nothing()
        self.show_left_out(())

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.addWidget(self.verdict)
        words.addWidget(self.details)
        words.addStretch()
        top = QHBoxLayout()
        top.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(top)
        layout.addWidget(self.key)
        layout.addWidget(self.candidates, 3)
        layout.addWidget(self.left_title)
        layout.addWidget(self.left_out, 2)
        layout.addStretch()

    def show_nothing(self, why: str = "") -> None:
        """Show that there is nothing to explain. why: a sentence, that no mask is selected when empty."""
        self._show_candidates(())
        self._show_object(None)
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
        looks = facts.looks
        self._delegate.look_at((lambda _: None) if looks is None else looks.of_candidate)
        self._show_candidates(facts.candidates)
        colour = (facts.name.colour if facts.name else None) or UNNAMED_COLOUR
        self._show_object(None if looks is None else looks.of_object(colour))

    def show_left_out(self, entries: Sequence[LeftOut]) -> None:
        """Show what became no mask in the frame; none: nothing did."""
        self.left_title.setText(self.tr("Left out in this frame ({0})").format(len(entries)))
        self.left_out.show_entries(entries)
        for widget in (self.left_title, self.left_out):
            widget.setVisible(bool(entries))

    def _show_object(self, view: ObjectView | None) -> None:
        self._object = view
        pixmap = None if view is None else self.pictures.pixmap(view, self._picture_size)
        if pixmap is None:
            self.picture.clear()
        else:
            self.picture.setPixmap(pixmap)
        self.picture.setVisible(view is not None)

    def _on_picture(self, view: ObjectView) -> None:
        if view == self._object:
            self._show_object(view)
        self.candidates.viewport().update()

    def _show_candidates(self, candidates: tuple[Candidate, ...]) -> None:
        self.candidates.clear()
        for candidate in candidates:
            label, terms = self._candidate_text(candidate), self._terms_text(candidate)
            item = QListWidgetItem(label, self.candidates)
            item.setData(CANDIDATE, candidate)
            item.setData(TERMS, self._sum_text(candidate))
            words = f"{label}: {candidate.total:.2f}, {terms}"
            item.setData(Qt.ItemDataRole.AccessibleTextRole, words)
            item.setToolTip("\n".join(line for line in (terms, self._age_text(candidate)) if line))
        self.candidates.setVisible(bool(candidates))

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
            lines.append(self._rival_words(facts))
        return " ".join(lines)

    def _rival_words(self, facts: WhyFacts) -> str:
        """Who else wanted the track, and the rule that decided, with the numbers that it looked at."""
        count, best = len(facts.rivals), max(facts.rivals, key=self._strength(facts))
        who = self.tr("Another detection") if count == 1 else self.tr("{0} more detections").format(count)
        if facts.score is None:
            return self.tr("{0} wanted it.").format(who)
        own = next(c.total for c in facts.candidates if c.chosen)
        if facts.by_score:
            rule = self.tr("the higher detection score won, {0} against {1}").format(
                _points(facts.score), _points(best.score)
            )
            if best.total > own:
                rule += self.tr(", although it was more like it: {0} against {1}").format(
                    _points(best.total), _points(own)
                )
        else:
            rule = self.tr("the one more like it won, {0} against {1}").format(
                _points(own), _points(best.total)
            )
        return self.tr("{0} wanted it too; {1}.").format(who, rule)

    def _strength(self, facts: WhyFacts) -> Callable[[LostDetection], float]:
        """What the rule of the run looks at."""
        return lambda rival: rival.score if facts.by_score else rival.total

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
        if candidate.detection is not None:
            return self.tr("became {0}").format(text)
        if candidate.name is None:
            text = self.tr("New track")
        if candidate.hidden:
            text = self.tr("{0} (hidden)").format(text)
        return f"✓ {text}" if candidate.chosen else text

    def _terms_text(self, candidate: Candidate) -> str:
        if candidate.name is None and candidate.detection is None:
            return self.tr("what a track must exceed")
        values = (_points(value) for value in (candidate.similarity, candidate.mask, candidate.box))
        return self.tr("alike {0} + mask {1} + box {2}").format(*values)

    def _sum_text(self, candidate: Candidate) -> str:
        """The terms as short as the room is, in the order of their colours."""
        if candidate.name is None and candidate.detection is None:
            return self._terms_text(candidate)
        return " + ".join(_points(v) for v in (candidate.similarity, candidate.mask, candidate.box))

    def _age_text(self, candidate: Candidate) -> str:
        if candidate.name is None or candidate.detection is not None:
            return ""
        return self.tr("Frames since its last detection: {0}").format(candidate.age)


def _points(value: float) -> str:
    return f"{value:.2f}"
