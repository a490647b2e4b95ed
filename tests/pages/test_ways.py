"""The tree of ways: what is written into the address is read again, and nothing else is."""

import pytest

from pages.parts.walkthrough.ways import (
    GREEDY,
    MOST,
    all_read,
    follow,
    prune,
    read_way,
    read_ways,
    write_way,
    write_ways,
)
from pages.parts.walkthrough.wording import TEXTS
from tests.pages.test_pages import checkpoints, run_page, shipped  # noqa: F401

TREE = (GREEDY, ((3, 57),), ((3, 57), (5, 880)), ((3, 57), (6, 4)), ((1, 9),))


def test_a_tree_is_read_as_it_was_written():
    assert set(read_ways(write_ways(TREE))) == set(TREE)
    assert all(read_way(write_way(way)) == way for way in TREE)
    assert read_ways(write_ways((GREEDY,))) == (GREEDY,)


def test_each_way_stands_after_the_one_it_leaves():
    ways = read_ways("3-57.5-880.9-1_2-2")
    assert all(way[:-1] in ways[: ways.index(way)] for way in ways if way)


@pytest.mark.parametrize(
    "text", ["", "x", "3", "3-", "-3-4", "3-4.3-5", "5-4.3-5", "0-4", "3-4 ", "99999-1", "3-4..5-6"]
)
def test_nonsense_is_no_way(text):
    assert read_way(text) is None
    assert read_ways(text) == (GREEDY,)


def test_an_address_opens_no_more_ways_than_a_visitor_may():
    assert len(read_ways("_".join(f"{step}-1" for step in range(1, 100)))) == MOST


def test_a_way_with_a_choice_at_every_step_of_a_long_sentence_is_opened():
    way = tuple((step, 9) for step in range(1, 41))
    assert read_ways(write_ways((GREEDY, way)))[-1] == way
    assert all_read(write_way(way), write_way(way))


@pytest.mark.parametrize(
    ("ways", "way"),
    [("3-57.5-", ""), ("3-57", "4-1"), ("", "x"), ("_".join(f"{step}-1" for step in range(1, 100)), "")],
)
def test_what_an_address_says_and_nobody_can_read_is_noticed(ways, way):
    assert not all_read(ways, way)


@pytest.mark.parametrize(("ways", "way"), [("", ""), ("", "0"), ("3-57.5-880_1-9", "3-57"), ("3-57", "0")])
def test_what_the_page_wrote_is_read_without_a_remark(ways, way):
    assert all_read(ways, way)


def chosen(way, step):
    """Greedy writes 10 at every step, each way its own words and 10 after them."""
    return dict(way).get(step, 10) if step <= 8 else None


def test_following_what_was_chosen_makes_no_new_way():
    assert follow(TREE, GREEDY, 2, 10, chosen) == (TREE, GREEDY)
    assert follow(TREE, ((3, 57),), 3, 57, chosen) == (TREE, ((3, 57),))
    assert follow(TREE, ((3, 57),), 3, 10, chosen) == (TREE, GREEDY)


def test_a_way_left_before_its_own_departure_is_the_trunks():
    ways, way = follow(TREE, ((3, 57), (5, 880)), 4, 7, chosen)
    assert way == ((3, 57), (4, 7))
    assert ways == (*TREE, way)
    assert follow(TREE, ((3, 57),), 1, 9, chosen) == (TREE, ((1, 9),))


def test_pruning_takes_all_that_leave_a_way_and_never_greedy():
    assert prune(TREE, ((3, 57),)) == (GREEDY, ((1, 9),))
    assert prune(TREE, GREEDY) == TREE


def test_both_languages_have_the_same_places_to_fill():
    import re

    for key, (english, chinese) in TEXTS.items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese)), key


def test_a_link_from_another_page_brings_its_way_and_a_typed_sentence_begins_anew(shipped):  # noqa: F811
    app = run_page("pages/decode.py", sentence="我想喝一杯咖啡。", step="2")
    assert app.session_state["tour"].place.step == 2
    app.switch_page("streamlit_app.py").run()
    app.text_input(key="sentence").set_value("今天天气很好。").run()
    app.switch_page("pages/decode.py")
    app.query_params.clear()
    link = {"lang": "en", "run": shipped.name, "sentence": "今天天气很好。", "step": "3", "way": "3-57", "ways": "3-57"}
    for key, value in link.items():
        app.query_params[key] = value
    app.run()
    tour = app.session_state["tour"]
    assert (tour.place.step, tour.place.way, tour.ways) == (3, ((3, 57),), (GREEDY, ((3, 57),)))
    app.text_input(key="sentence").set_value("你叫什么名字？").run()
    tour = app.session_state["tour"]
    assert (tour.place.step, tour.ways) == (1, (GREEDY,))
    assert not app.exception
