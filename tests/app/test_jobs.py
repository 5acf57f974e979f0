"""Jobs on a lane: what they do is heard in order, and nothing of them stays."""

import gc
import weakref

import pytest

from app.jobs.lane import JobLane


class Picture:
    """Something large that a job holds."""


@pytest.fixture
def lane():
    made = JobLane("test")
    yield made
    assert made.close()


def test_steps_result_and_end_are_heard_in_order(qtbot, lane):
    heard = []

    def steps():
        yield 1
        yield 2
        return 3

    job = lane.start("count", steps)
    for name in ("yielded", "succeeded", "failed", "cancelled"):
        getattr(job, name).connect(lambda *value, name=name: heard.append((name, *value)))
    with qtbot.waitSignal(job.ended):
        pass
    assert heard == [("yielded", 1), ("yielded", 2), ("succeeded", 3)]
    assert job.is_over
    assert not lane.jobs


def live_through_one(qtbot, lane, fails):
    """Run a job to its end; traces of it and of what it held."""
    picture = Picture()

    def steps():
        yield picture
        if fails:
            raise ValueError("no")
        return picture

    job = lane.start("look", steps)
    job.succeeded.connect(lambda _: job.name)
    job.ended.connect(lambda: job.cancel())
    with qtbot.waitSignal(job.ended):
        pass
    return weakref.ref(job), weakref.ref(picture)


@pytest.mark.parametrize("fails", [False, True])
def test_a_job_that_is_over_is_freed_with_what_it_held(qtbot, lane, fails):
    traces = live_through_one(qtbot, lane, fails)
    lane.start("next", lambda: iter(()))  # the thread lets go of a job when it takes the next
    qtbot.waitUntil(lambda: not lane.jobs)

    def gone():
        gc.collect()
        return all(trace() is None for trace in traces)

    qtbot.waitUntil(gone)
