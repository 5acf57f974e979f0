"""Playing against a clock that the test moves: nothing is left out for a hiccup, only for a slow machine."""

import pytest

from app.playback.player import CATCH_UP, Player
from app.view_state import ViewState


class Playing:
    """A video of 100 frames at 10 a second that plays; ``tick`` is what the timer would do at a time."""

    def __init__(self):
        self.time = 0.0
        self.state, self.shown = ViewState(), []
        self.state.show_video(1, 100)
        self.player = Player(self.state, lambda: self.time)
        self.player.frame_rate = 10.0
        self.state.frame_changed.connect(self.shown.append)
        self.state.set_playing(True)

    def tick(self, at):
        self.time = at
        self.player.tick()


@pytest.fixture
def playing(qtbot):
    return Playing()


def test_each_frame_comes_when_it_is_due(playing):
    for at in (0.05, 0.1, 0.15, 0.199, 0.2, 0.31):
        playing.tick(at)
    assert playing.shown == [1, 2, 3]


def test_after_a_hiccup_every_frame_is_shown(playing):
    playing.tick(0.1)
    for _ in range(4):
        playing.tick(0.41)
    assert playing.shown == [1, 2, 3, 4]


def test_who_is_too_slow_skips_to_what_is_due(playing):
    playing.tick(0.1 * (CATCH_UP + 1) + 0.01)
    assert playing.shown == [CATCH_UP + 1]


def test_the_last_frame_is_shown_for_its_time_and_not_beyond(playing):
    playing.tick(9.91)
    assert playing.shown[-1] == 99
    assert playing.state.playing
    playing.tick(10.0)
    assert not playing.state.playing
    playing.tick(12.0)
    assert playing.shown[-1] == 99


def test_the_frames_before_the_last_are_shown_too_when_the_end_comes_late(playing):
    playing.tick(9.75)
    for _ in range(4):
        playing.tick(10.2)
    assert playing.shown == [97, 98, 99]
    assert not playing.state.playing


def test_a_loop_begins_again(playing):
    playing.player.loop = True
    playing.state.set_range((3, 5))
    playing.tick(0.0)
    playing.state.set_playing(False)
    playing.state.set_playing(True)
    for at in (0.11, 0.21, 0.31, 0.42):
        playing.tick(at)
    assert playing.shown == [3, 4, 5, 3, 4]


def test_playing_goes_on_from_where_someone_sought(playing):
    playing.tick(0.1)
    playing.state.go_to(50)
    playing.tick(0.2)
    playing.tick(0.31)
    assert playing.shown == [1, 50, 51]


def test_another_speed_goes_on_from_the_frame_on_the_canvas(playing):
    playing.tick(0.2)
    playing.tick(0.2)
    playing.player.set_speed(2.0)
    playing.tick(0.26)
    playing.tick(0.31)
    assert playing.shown == [1, 2, 3, 4]


def test_no_time_is_waited_when_frames_are_late_and_else_until_the_next_is_due(playing):
    playing.tick(0.35)
    assert playing.player._timer.interval() == 0
    playing.tick(0.35)
    playing.tick(0.35)
    assert 50 <= playing.player._timer.interval() <= 51
