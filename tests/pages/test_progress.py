"""Work in the background as pages show it: how much is done, what it is at, about how long the rest takes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.problems import Problem
from pages.parts import progress
from pages.parts.progress import Task, how_far, stage_name


@pytest.fixture
def worker():
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def english(monkeypatch):
    monkeypatch.setattr(progress, "t", lambda english, _: english)


def test_a_task_says_how_far_it_is(worker):
    go_on, told = threading.Event(), threading.Event()

    def work(bar):
        report = bar.stage("reading", 1, later=1)
        time.sleep(0.05)
        report(0.5)
        told.set()
        go_on.wait(10)
        return "read"

    task = Task(worker, work)
    assert told.wait(10)
    assert (task.share, task.stage, task.done, task.begun) == (0.25, "reading", False, True)
    left = task.seconds_left
    assert left is not None
    assert left >= 0.1
    behind = Task(worker, work)
    assert not behind.begun
    assert behind.seconds_left is None
    assert behind.cancel()
    assert behind.cancelled
    go_on.set()
    assert task.result() == "read"
    assert task.done_soon()


def test_a_problem_comes_out_of_a_task(worker):
    def work(bar):
        raise Problem("bad", "坏")

    with pytest.raises(Problem, match="bad"):
        Task(worker, work).result()


def test_nothing_is_said_of_a_share_that_nobody_knows(english):
    assert how_far(0.0, None) == ""
    assert how_far(0.02, None) == ": 2%"
    assert how_far(0.4, 20.0) == ": 40%, about 20 s left"
    assert how_far(0.4, 3720.0) == ": 40%, about 1 h 2 min left"


@pytest.mark.parametrize("stage", ["reading", "learning", "cutting", "counting", "timing", "scoring"])
def test_every_stage_has_a_name(english, stage):
    assert stage_name(stage)
    assert stage_name("unheard of") == ""
