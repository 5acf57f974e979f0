"""The document against a plain dictionary, over random edits, failures, undo, redo and reopening."""

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.core.document_walk import Walk

STEPS = (
    ("edit", 40),
    ("undo", 18),
    ("redo", 12),
    ("command", 12),
    ("failing_edit", 6),
    ("wrong_edit", 4),
    ("refused", 6),
    ("reopen", 1),
    ("model_run", 0.4),
    ("undo_all_and_back", 0.1),
)
NAMES, WEIGHTS = zip(*STEPS, strict=True)


def walk_at_random(path, seed, num_steps, budget=None):
    """Take random steps; returns the walk's last state and how often the file refused."""
    draw = random.Random(seed)
    walk = Walk(path / f"walk {seed} é.stm", budget=budget)
    for step in range(num_steps):
        name = draw.choices(NAMES, WEIGHTS)[0]
        getattr(walk, name)(draw)
        walk.check()
        if step % 100 == 0:
            walk.check_file()
    walk.check_file()
    walk.close()
    return walk


@pytest.mark.parametrize("seed", range(10))
def test_5000_random_steps(tmp_path, seed):
    walk = walk_at_random(tmp_path, seed, 5_000)
    assert walk.num_refused > 20
    assert len(walk.heard) > 1_000


@pytest.mark.parametrize("seed", range(100, 102))
def test_random_steps_with_a_history_that_forgets(tmp_path, seed):
    walk = walk_at_random(tmp_path, seed, 2_000, budget=2_000)
    assert len(walk.done) < 100


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1040))
def test_a_million_random_steps(tmp_path, seed):
    walk_at_random(tmp_path, seed, 25_000)


RANDOM = st.randoms(use_true_random=False)


class DocumentMachine(RuleBasedStateMachine):
    """The same steps, chosen by Hypothesis so that a failure is shrunk to a short story."""

    @initialize()
    def begin(self):
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory()
        self.walk = Walk(Path(self.folder.name) / "walk.stm")

    @rule(draw=RANDOM)
    def edit(self, draw):
        self.walk.edit(draw)

    @rule(draw=RANDOM)
    def failing_edit(self, draw):
        self.walk.failing_edit(draw)

    @rule(draw=RANDOM)
    def refused(self, draw):
        self.walk.refused(draw)

    @rule(draw=RANDOM)
    def undo(self, draw):
        self.walk.undo(draw)

    @rule(draw=RANDOM)
    def redo(self, draw):
        self.walk.redo(draw)

    @rule(draw=RANDOM)
    def command(self, draw):
        self.walk.command(draw)

    @rule(draw=RANDOM)
    def model_run(self, draw):
        self.walk.model_run(draw)

    @rule(draw=RANDOM)
    def reopen(self, draw):
        self.walk.reopen(draw)

    @invariant()
    def holds(self):
        if hasattr(self, "walk"):
            self.walk.check()

    def teardown(self):
        if hasattr(self, "walk"):
            self.walk.check_file()
            self.walk.close()
            self.folder.cleanup()


TestDocumentMachine = DocumentMachine.TestCase
TestDocumentMachine.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
