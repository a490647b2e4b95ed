"""The page Scores: a run without a score gets one while one watches; pictures, sentences and links."""

import re
from urllib.parse import unquote

import pytest

from core.evaluation import saved
from core.runs import SHIPPED, Run
from core.train import train
from tests.conftest import PAIRS, tiny_config


@pytest.fixture(scope="module")
def runs(checkpoints):
    """Two runs on the same sentences, one that looks back and one that does not, both scored."""
    made = {}
    for attention in ("dot", "none"):
        made[attention] = Run.create(
            checkpoints / f"scored-{attention}", tiny_config(attention=attention, epochs=6), PAIRS
        )
        list(train(made[attention]))
    return made


@pytest.fixture(scope="module")
def before(runs):
    """The score that training gave the first run: read once, for a second try finds it gone."""
    return saved(runs["dot"])


def test_a_run_without_a_score_is_scored_while_one_watches(visitor, runs, before):
    run = runs["dot"]
    (run.folder / "scores.json").unlink(missing_ok=True)
    (run.folder / "test_outputs.jsonl").unlink(missing_ok=True)
    visit = visitor().go("/scores?run=scored-dot")
    visit.key("score").get_by_role("button").click()
    visit.wait_for_text("being scored on its test sentences")
    visit.page.locator(".verdict").wait_for(timeout=60_000)
    visit.settle()
    assert saved(run) == before
    assert "What BLEU is made of" in visit.text()


def test_the_page_shows_the_score_the_pictures_and_the_sentences(visitor, runs):
    visit = visitor().go("/scores?run=scored-dot&with=scored-none")
    visit.page.locator("canvas, svg.marks").first.wait_for()
    visit.settle()
    assert f"BLEU {saved(runs['dot']).bleu_lowercase:.1f}" in visit.page.locator(".verdict").inner_text()
    assert "Purple runs have attention" in visit.text()
    table = visit.page.locator("table.scores")
    assert "scored-none" in table.inner_text()
    assert "too few test sentences" in table.inner_text()
    visit.page.get_by_role("button", name="Best").or_(visit.page.get_by_role("radio", name="Best")).first.click()
    visit.settle()
    first = visit.page.locator(".output .source").first.inner_text()
    visit.key("sentence-0").get_by_role("link").click()
    visit.page.wait_for_url(re.compile("/decode"))
    visit.settle()
    assert visit.key("sentence").locator("input").input_value() == first
    assert first in unquote(visit.page.url)


def test_the_address_carries_what_is_compared_and_the_language_keeps_it(visitor, runs):
    visit = visitor().go("/scores?run=scored-dot&with=scored-none")
    visit.key("language").get_by_role("button").click()
    visit.wait_for_text("它译得怎么样")
    visit.settle()
    assert "with=scored-none" in visit.page.url
    assert "紫色的运行有注意力" in visit.text()


def test_a_run_that_ships_without_other_peoples_sentences_fetches_them(visitor, checkpoints):
    visit = visitor().go(f"/scores?run={SHIPPED[0]}&with=twin-attention")
    visit.page.locator(".output .source").first.wait_for(timeout=120_000)
    visit.settle()
    assert "take apart" in visit.text()
    assert "…" not in visit.page.locator("table.scores").inner_text()
