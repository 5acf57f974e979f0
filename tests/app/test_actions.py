"""The action table: no key means two things, in any preset."""

import pytest
from PySide6.QtGui import QKeySequence

from app.actions import ACTIONS, PRESETS, conflicts, keys_of


@pytest.mark.parametrize("preset", PRESETS)
def test_no_shortcut_is_bound_twice(qapp, preset):
    assert conflicts(preset, {}) == {}


def test_a_users_own_key_that_clashes_is_found(qapp):
    assert conflicts("standard", {"play": "B"}) == {"B": ["play", "tool_brush"]}


def test_every_shortcut_is_a_key_qt_knows(qapp):
    for preset in PRESETS:
        for spec in ACTIONS:
            for key in keys_of(spec, preset, {}):
                assert QKeySequence(key).toString(), f"{spec.id}: {key}"


def test_ids_are_unique():
    assert len({spec.id for spec in ACTIONS}) == len(ACTIONS)
