"""A bar that never goes back, also where nobody says how far the work is."""

import itertools
import time

import pytest

from core.progress import Bar, Clock, by_the_clock, counted


def test_a_bar_goes_from_stage_to_stage_and_ends_at_its_end():
    told = []
    bar = Bar(lambda share, stage: told.append((stage, share)))
    reading, learning = bar.stage("reading", 1, later=3), None
    for share in (0, 0.5, 1):
        reading(share)
    learning = bar.stage("learning", 3)
    for share in (0, 0.5, 1, 1.2):
        learning(share)
    assert told == [
        ("reading", 0), ("reading", 0.125), ("reading", 0.25),
        ("learning", 0.25), ("learning", 0.625), ("learning", 1), ("learning", 1),
    ]  # fmt: skip


def test_a_stage_that_falls_away_leaves_its_room_to_the_others():
    told = []
    bar = Bar(lambda share, _: told.append(share))
    bar.stage("reading", 1, later=3)
    bar.stage("cutting", 3)(0.5)
    assert told == [0.5]


@pytest.mark.parametrize("shares", list(itertools.permutations((0.0, 0.3, 0.7))))
def test_it_never_goes_back(shares):
    told = []
    report = Bar(lambda share, _: told.append(share)).stage("all")
    for share in shares:
        report(share)
    assert told == sorted(told)


def test_all_items_come_and_their_count_is_told():
    told = []
    assert list(counted(range(10), told.append, each=4)) == list(range(10))
    assert told == [0, 0.4, 0.8, 1]


@pytest.mark.parametrize("seconds", [0.05, 10.0])
def test_work_that_says_nothing_is_told_of_by_the_clock(seconds):
    told = []

    def work():
        time.sleep(0.5)
        return "done"

    assert by_the_clock(work, seconds, told.append) == "done"
    assert told == sorted(told)
    assert told[-1] < 1, "nobody knows that it is done before it is"
    assert len(told) > 1
    assert (told[-1] > 0.9) == (seconds < 0.5)


def test_what_goes_wrong_in_the_work_comes_out():
    with pytest.raises(ZeroDivisionError):
        by_the_clock(lambda: 1 / 0, 1.0, lambda share: None)


def test_the_time_left_is_what_the_rest_takes_at_this_pace():
    clock = Clock()
    assert clock.left(0) == 0
    time.sleep(0.1)
    assert clock.left(0.25) == pytest.approx(0.3, rel=0.5)
    assert clock.left(1) == 0
