"""The inspector: its facts from a real document, its widgets with keys and clicks."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow

from app.panels.inspector_facts import facts_of
from app.panels.inspector_panel import InspectorPanel
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
from stmask_core.document.scope import Scope
from stmask_core.formats.project_file import ProjectFile
from stmask_core.structures.masks import Mask

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
