"""The inspector and "Why this ID?": their facts from a real document, their widgets with keys and clicks."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow

from app.panels.event_rows import ObjectView
from app.panels.inspector_facts import facts_of
from app.panels.inspector_panel import InspectorPanel
from app.panels.leftover_list import LeftOut
from app.panels.why_facts import Name, association_of, evidence_at, why_at, why_of
from app.panels.why_panel import WhyPanel
from stmask_core.document.commands.identity import swap_tracks
from stmask_core.document.commands.masks import set_mask, set_occlusion, set_outside
from stmask_core.document.commands.predictions import (
    PredictedFrame,
    Prediction,
    add_predictions,
    start_run,
)
from stmask_core.document.commands.review import set_frames_reviewed
from stmask_core.document.commands.tracks import create_track, rename_track, set_locked
from stmask_core.document.commands.videos import add_video, create_category
from stmask_core.document.evidence import Leftover
from stmask_core.document.scope import Scope
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.evidence import FrameEvidence, evidence_to_bytes
from stmask_core.structures.masks import Mask
from stmask_core.tracking.association import NEW, PAPER, AssociationSettings, ScoreTerms, decide

HEIGHT, WIDTH, FRAMES = 24, 32, 20


def block(x, y, width=4, height=3):
    bits = np.zeros((HEIGHT, WIDTH), bool)
    bits[y : y + height, x : x + width] = True
    return Mask.from_bits(bits)


class World:
    """One video of 20 frames. A run found a dog in 2..9 but 5, carried in 6; a person drew a cat in 3."""

    def __init__(self):
        self.document = ProjectFile.in_memory().document
        self.video = add_video(self.document, "a.mp4", width=WIDTH, height=HEIGHT, frame_count=FRAMES).id
        self.dogs = create_category(self.document, "dog").id
        self.cats = create_category(self.document, "cat").id

    def with_tracks(self):
        run = start_run(self.document, self.video, first=0, last=9)
        frames = []
        for frame in range(10):
            source = "propagated" if frame == 6 else "detected"
            dog = Prediction(0, self.dogs, block(2 + frame, 4), 0.5 + frame / 100, source)
            frames.append(PredictedFrame(frame, (dog,) if 2 <= frame != 5 else ()))
        add_predictions(self.document, run.id, frames)
        (self.dog,) = self.document.tracks
        self.cat = create_track(self.document, self.video, self.cats, name="Tom").id
        set_mask(self.document, self.cat, 3, block(20, 15))
        return self

    def facts(self, frame, *tracks, cached=True):
        return facts_of(
            self.document, self.video, frame, tracks, colour_of=lambda track: (track.id, 2, 3), cached=cached
        )


@pytest.fixture
def world():
    return World().with_tracks()


@pytest.fixture
def panel(qtbot):
    panel = InspectorPanel()
    qtbot.addWidget(panel)
    panel.resize(330, 520)
    panel.show()
    return panel


def listen(signal):
    heard = []
    signal.connect(lambda *values: heard.append(values))
    return heard


def test_facts_of_a_track_and_its_mask(world):
    track = world.facts(6, world.dog).track
    assert (track.frames, track.gaps, track.first, track.last, track.human) == (7, 1, 2, 9, 0)
    assert (track.category, track.colour) == ("dog", (world.dog, 2, 3))
    assert (track.mask.source, track.mask.human) == ("propagated", False)
    assert (track.mask.area, track.mask.box) == (12, (8, 4, 12, 7))
    assert track.mask.score == pytest.approx(0.56)
    assert world.facts(5, world.dog).track.mask is None
    drawn = world.facts(3, world.cat).track
    assert (drawn.name, drawn.human, drawn.mask.source, drawn.mask.human) == ("Tom", 1, "manual", True)


def test_what_a_person_said_of_a_mask_is_seen(world):
    set_occlusion(world.document, world.dog, Scope.this_frame(7), "severe")
    assert world.facts(7, world.dog).track.mask.occlusion == "severe"
    set_outside(world.document, world.dog, Scope.this_frame(7))
    track = world.facts(7, world.dog).track
    assert (track.mask.outside, track.mask.area, track.mask.box) == (True, 0, None)
    assert track.frames == 6
    assert world.facts(7).frame.masks == 0


def test_facts_of_a_frame_and_what_to_do_next(world):
    frame = world.facts(3).frame
    assert (frame.masks, frame.human, frame.inferred, frame.cached) == (2, 1, True, True)
    assert frame.next_step == "check"
    assert world.facts(5, cached=False).frame.next_step == "draw"
    assert world.facts(12).frame.next_step == "run_from_here"
    set_frames_reviewed(world.document, world.video, [3], reviewed=True)
    assert world.facts(3).frame.next_step == "go_on"
    assert World().facts(3).frame.next_step == "run"


def test_facts_of_several_tracks(world):
    set_locked(world.document, [world.cat], True)
    group = world.facts(4, world.dog, world.cat).group
    assert (group.here, group.masks, group.first, group.last) == (1, 8, 2, 9)
    assert (group.categories, group.locked) == (("cat", "dog"), 1)


def test_a_deleted_track_is_nothing_selected(world):
    facts = world.facts(4, 999)
    assert (facts.track, facts.group) == (None, None)


def test_the_panel_shows_a_propagated_mask(panel, world):
    panel.show_facts(world.facts(6, world.dog))
    assert "Propagated" in panel.source.text()
    assert panel.score.text() == "0.56"
    assert panel.box.text() == "4 × 3 at 8, 4"
    assert panel.occlusion["none"].isChecked()
    assert panel.frames.text() == "7 of 20"
    assert not panel.absent.isVisible()


def test_the_panel_says_why_there_is_no_mask(panel, world):
    words = []
    for frame in (0, 5, 12):
        panel.show_facts(world.facts(frame, world.dog))
        assert not panel.mask_part.isVisible()
        words.append(panel.absent.text())
    assert "begins in frame 2" in words[0]
    assert "gap" in words[1]
    assert "ended in frame 9" in words[2]


def test_clicks_ask_and_change_nothing(panel, world):
    asked, levels = listen(panel.asked), listen(panel.occlusion_wanted)
    panel.show_facts(world.facts(6, world.dog))
    for button, action in (
        (panel.track_locked, "lock_track"),
        (panel.outside, "outside"),
        (panel.mask_locked, "lock_mask"),
        (panel.swatch, "recolour_track"),
        (panel.category, "set_category"),
    ):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton, pos=button.rect().center() * 0.2)
        assert asked.pop() == (action,)
    QTest.mouseClick(panel.occlusion["severe"], Qt.MouseButton.LeftButton)
    assert levels == [("severe",)]
    assert not panel.track_locked.isChecked()  # nobody did what was asked
    assert panel.occlusion["none"].isChecked()


def test_space_and_enter_press_buttons_ahead_of_the_windows_shortcuts(qtbot, world):
    window = QMainWindow()
    panel = InspectorPanel()
    played = QAction("Play", window)
    played.setShortcuts(["Space", "Return"])
    window.addAction(played)
    window.setCentralWidget(panel)
    qtbot.addWidget(window)
    with qtbot.waitActive(window):
        window.show()
    panel.show_facts(world.facts(6, world.dog))
    asked, plays = listen(panel.asked), listen(played.triggered)
    panel.outside.setFocus()
    QTest.keyClick(panel.outside, Qt.Key.Key_Space)
    QTest.keyClick(panel.outside, Qt.Key.Key_Return)
    assert (asked, plays) == ([("outside",), ("outside",)], [])
    QTest.keyClick(panel, Qt.Key.Key_Space)
    assert len(plays) == 1


def test_a_name_is_typed_once(panel, world):
    wanted = listen(panel.rename_wanted)
    panel.show_facts(world.facts(3, world.cat))
    panel.name.setFocus()
    panel.name.selectAll()
    QTest.keyClicks(panel.name, "Felix ")
    panel.show_facts(world.facts(4, world.cat))  # the frame moves on meanwhile
    QTest.keyClick(panel.name, Qt.Key.Key_Return)
    assert wanted == [(world.cat, "Felix")]
    rename_track(world.document, world.cat, "Felix")
    panel.show_facts(world.facts(4, world.cat))
    panel.name.clearFocus()
    assert len(wanted) == 1
    panel.show_facts(world.facts(4, world.dog))
    assert panel.name.text() == ""


def test_nothing_selected_offers_the_next_step(panel, world):
    asked = listen(panel.asked)
    for frame, step in ((3, "frame_reviewed"), (5, "tool_brush"), (12, "run_from_here")):
        panel.show_facts(world.facts(frame))
        assert panel.next_text.text()
        QTest.mouseClick(panel.next_button, Qt.MouseButton.LeftButton)
        assert asked.pop() == (step,)
    panel.show_facts(None)
    assert not panel.next_button.isVisible()


def test_several_tracks_are_summed_up(panel, world):
    panel.show_facts(world.facts(3, world.dog, world.cat))
    assert panel.group_title.text() == "2 tracks selected"
    assert panel.group_here.text() == "2 of 2"
    assert panel.group_span.text() == "2 to 9"
    assert panel.swap_button.isEnabled()


RELEASED = AssociationSettings()


def evidence_of(cosine, mask_iou, box_iou, scores, track_ids, settings=RELEASED, masks=None, first_new=100):
    """A frame's evidence as the tracker itself decides it."""
    count, known = len(scores), len(track_ids)
    cosine, mask_iou, box_iou = (
        np.array(term, np.float32).reshape(count, known) for term in (cosine, mask_iou, box_iou)
    )
    scores, ids = np.array(scores, np.float32), np.array(track_ids, np.int64)
    decision = decide(ScoreTerms(cosine, mask_iou, box_iou), scores, settings)
    wanted = np.arange(first_new, first_new + count)
    old = decision.outcomes != NEW
    wanted[old] = ids[decision.tracks[old]]
    empty = Mask.empty(HEIGHT, WIDTH)
    return FrameEvidence(
        boxes=np.zeros((count, 4), np.float32), categories=np.ones(count, np.int64), scores=scores,
        centerness=np.ones(count, np.float32), outcomes=decision.outcomes, wanted=wanted, track_ids=ids,
        track_ages=np.arange(1, known + 1), track_scores=np.ones(known, np.float32),
        track_categories=np.ones(known, np.int64), track_boxes=np.zeros((known, 4), np.float32),
        cosine=cosine, mask_iou=mask_iou, box_iou=box_iou, shown=ids[:-1], new_score=settings.new_score,
        masks=tuple(masks or [empty] * count), track_masks=(empty,) * known,
    )  # fmt: skip


@pytest.fixture
def crowd():
    """Tracks 3, 5 and 7, which is hidden. Detections: 3's, a second that wants 3, a new one."""
    return evidence_of(
        cosine=[[0.9, 0.3, -0.2], [0.8, 0.1, 0.0], [0.1, 0.2, 0.3]],
        mask_iou=[[0.8, 0.2, 0.0], [0.5, 0.1, 0.0], [0.0, 0.1, 0.1]],
        box_iou=[[0.9, 0.2, 0.0], [0.6, 0.1, 0.0], [0.0, 0.1, 0.0]],
        scores=[0.7, 0.6, 0.5],
        track_ids=[3, 5, 7],
    )


NAMES = {3: Name(3, 11, "#11 Rex", (255, 150, 0)), 5: Name(5, 12, "#12 cat", (15, 90, 255))}


def test_why_a_detection_continued_its_track(crowd):
    why = why_of(crowd, 3, NAMES, RELEASED)
    assert why.outcome == "continued"
    assert [c.name and c.name.number for c in why.candidates] == [3, None, 5, 7]
    best, new = why.candidates[:2]
    assert (best.chosen, best.total) == (True, pytest.approx(0.95 + 0.8 + 2 * 0.9))
    assert (best.similarity, best.box) == (pytest.approx(0.95), pytest.approx(1.8))
    assert new.total == pytest.approx(1.4)
    assert why.margin == pytest.approx(best.total - 1.4)
    assert [c.name.number for c in why.candidates if c.hidden] == [7]
    assert [(lost.detection, lost.wanted.label) for lost in why.rivals] == [(1, "#11 Rex")]
    assert why.by_score
    assert why.rivals[0].total == pytest.approx(0.9 + 0.5 + 1.2)


def test_why_a_track_began_or_was_carried(crowd):
    began = why_of(crowd, 102, NAMES, RELEASED)
    assert (began.outcome, began.candidates[0].name, began.candidates[0].chosen) == ("began", None, True)
    assert began.second.name.label == "#12 cat"
    assert began.margin == pytest.approx(1.4 - (0.6 + 0.1 + 0.2))
    carried = why_of(crowd, 7, NAMES, RELEASED)
    assert (carried.outcome, carried.age) == ("carried", 3)
    against = [(c.detection, c.name and c.name.number, c.total) for c in carried.candidates]
    assert against == [(2, None, pytest.approx(0.75)), (1, 3, pytest.approx(0.5)), (0, 3, pytest.approx(0.4))]
    assert (carried.margin, carried.second) == (None, None)
    assert carried.closest.total == pytest.approx(0.75)
    assert carried.closest.went_to is None
    assert why_of(crowd, 77, NAMES, RELEASED).outcome == "unknown"
    alone = evidence_of([], [], [], [0.5], [])
    assert why_of(alone, 100, {}, RELEASED).outcome == "first"


def test_the_runs_own_rule_counts():
    evidence = evidence_of([[0.9, 0.2]], [[0.4, 0.9]], [[0.0, 1.0]], [0.8], [1, 2], PAPER)
    noted = {"association": {"similarity": "cosine", "mask_weight": 1.0, "box_weight": 0.0, "wins": "score"}}
    why = why_of(evidence, 1, {}, association_of(noted))
    assert (why.outcome, why.candidates[0].total) == ("continued", pytest.approx(1.3))
    nonsense = {"association": {"mask_weight": "much", "box_weight": float("nan"), "similarity": 3}}
    assert association_of(nonsense) == association_of({}) == RELEASED


def test_why_is_found_in_the_document_by_the_mask_after_people_swapped_identities(world):
    document = world.document
    run = start_run(document, world.video, first=10, last=12, beside=True)
    masks = (block(1, 1), block(20, 12))
    evidence = evidence_of(
        [[0.9, 0.0], [0.0, 0.8]], [[1, 0], [0, 1]], [[1, 0], [0, 1]], [0.9, 0.8], [0, 1], masks=masks
    )
    frames = [
        PredictedFrame(
            frame,
            tuple(Prediction(n, world.dogs, mask, 0.9) for n, mask in enumerate(masks)),
            evidence_to_bytes(evidence),
        )
        for frame in (10, 11)
    ]
    add_predictions(document, run.id, frames)
    tracks = dict(document.runs[run.id].tracks)

    def why(track, frame):
        return why_at(document, track, frame, lambda known: (f"#{known.id}", (1, 2, 3)))

    assert why(tracks[0], 11).name.number == 0
    assert why(tracks[0], 11).candidates[0].name.label == f"#{tracks[0]}"
    swap_tracks(document, tracks[0], tracks[1], Scope.from_here_on(11))
    assert why(tracks[0], 11).name.number == 1
    assert why(tracks[0], 10).name.number == 0
    set_mask(document, tracks[0], 11, block(5, 5))  # drawn by a person: what the model knew of it stays
    assert why(tracks[0], 11).outcome == "continued"
    assert evidence_at(document, tracks[0], 11)[1].masks == masks
    assert why(tracks[0], 3) is None


@pytest.fixture
def why_panel(qtbot):
    panel = WhyPanel()
    qtbot.addWidget(panel)
    panel.resize(330, 560)
    panel.show()
    return panel


def test_the_decision_in_words_and_bars(why_panel, crowd):
    why_panel.show_facts(why_of(crowd, 3, NAMES, RELEASED))
    assert why_panel.verdict.text() == "#11 Rex beat “new track” by 2.15."
    assert "No other track came as close" in why_panel.details.text()
    assert "wanted it too; the higher detection score won, 0.70 against 0.60" in why_panel.details.text()
    assert why_panel.candidates.count() == 4
    spoken = why_panel.candidates.item(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert "Rex: 3.55" in spoken
    picture = why_panel.candidates.grab().toImage()
    ratio = picture.devicePixelRatio()
    row = why_panel.candidates.visualItemRect(why_panel.candidates.item(0))
    colours = {
        picture.pixelColor(int(x * ratio), int(row.center().y() * ratio)).name()
        for x in range(row.left(), row.right())
    }
    assert {"#4c9be8", "#e09b2d", "#3fae7a"} <= colours
    why_panel.show_facts(why_of(crowd, 102, NAMES, RELEASED))
    assert "0.50 short of the 1.40" in why_panel.details.text()
    why_panel.show_facts(why_of(crowd, 7, NAMES, RELEASED))
    assert "last detection was 3 frames ago" in why_panel.details.text()
    assert why_panel.candidates.item(0).text() == "became new track"


def test_a_winner_that_was_less_like_the_track_is_told(why_panel):
    evidence = evidence_of([[0.5], [0.9]], [[0.5], [0.9]], [[0.5], [0.9]], [0.91, 0.88], [3])
    why_panel.show_facts(why_of(evidence, 3, NAMES, RELEASED))
    rule = (
        "the higher detection score won, 0.91 against 0.88, although it was more like it: 3.65 against 2.25"
    )
    assert rule in why_panel.details.text()
    why_panel.show_facts(why_of(evidence, 3, NAMES, replace(RELEASED, wins="association")))
    assert "wanted it" in why_panel.details.text()


def test_what_was_left_out_is_restored_with_one_click_and_a_candidate_is_chosen_with_keys(why_panel, crowd):
    restored = listen(why_panel.left_out.restore_wanted)
    pointed_at = listen(why_panel.left_out.pointed_at)
    chosen = listen(why_panel.track_chosen)
    why_panel.show_facts(why_of(crowd, 3, NAMES, RELEASED))
    first, second = (
        Leftover("suppressed", 1, 10, row, block(5 + row, 5), 0.4, 1, track=None) for row in range(2)
    )
    why_panel.show_left_out(
        [LeftOut(e, f"<b>no. {e.row}</b>", ObjectView(10, e.mask, (1, 2, 3))) for e in (first, second)]
    )
    assert why_panel.left_title.text() == "Left out in this frame (2)"
    rows = why_panel.left_out.rows
    assert rows[0].words.text() == "<b>no. 0</b>"
    assert rows[0].words.textFormat() == Qt.TextFormat.PlainText
    QTest.mouseClick(rows[1].button, Qt.MouseButton.LeftButton)
    assert restored == [(second,)]
    rows[0].button.setFocus()
    QTest.keyClick(rows[0].button, Qt.Key.Key_Return)
    assert restored == [(second,), (first,)]
    assert (first,) in pointed_at
    why_panel.show_left_out(())
    assert not why_panel.left_out.isVisible()
    why_panel.candidates.setCurrentRow(0)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Down, Qt.Key.Key_Return):
        QTest.keyClick(why_panel.candidates, key)
    assert chosen == [(12,)]  # "new track" is nothing to go to


def test_nothing_to_explain(why_panel):
    why_panel.show_facts(None)
    assert "No model run" in why_panel.verdict.text()
    why_panel.show_nothing()
    assert "Select a mask" in why_panel.verdict.text()
    assert not why_panel.picture.isVisible()
