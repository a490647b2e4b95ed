"""The page Compare: curves over one another, what differs, the selection in the address, and a run to take away."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from core.runs import SHIPPED, find_run

FIRST = SHIPPED[0]


@pytest.fixture
def second(checkpoints):
    """The shipped run once more, as if one setting had been changed and the last epochs were still to come."""
    run = find_run(FIRST, checkpoints)
    folder = checkpoints / "one-change"
    shutil.copytree(run.folder, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "dropout": 0.95, "based_on": FIRST}))
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines(keepends=True)
    epochs = [line for line in lines if '"valid_loss"' in line]
    (folder / "metrics.jsonl").write_text("".join(epochs[:3]))
    yield find_run("one-change", checkpoints)
    shutil.rmtree(folder)


def test_two_runs_over_one_another(visitor, checkpoints, second, tmp_path):
    visit = visitor().go(f"/compare?runs={FIRST},{second.name}")
    visit.page.locator("table.compare").wait_for(timeout=60_000)
    visit.settle()
    lead = visit.page.locator("p.lead").first.inner_text()
    assert "One change: dropout" in lead
    assert "→ 0.95" in lead
    expect(visit.page.locator('[data-testid="stVegaLiteChart"]')).to_have_count(2, timeout=20_000)
    labels = visit.page.locator("table.compare td:first-child").all_inner_texts()
    assert "dropout" in labels
    assert "hidden size" not in labels  # both have the same
    sentences = visit.page.locator("table.samples").last
    trained = sentences.inner_text()
    slider = visit.key("compare-epoch").get_by_role("slider")
    slider.focus()
    slider.press("Home")
    expect(sentences).not_to_have_text(trained, use_inner_text=True, timeout=20_000)
    assert f"runs={FIRST}%2C{second.name}" in visit.page.url.replace(",", "%2C")

    visit.page.get_by_text("Give these runs to somebody").click()
    with visit.page.expect_download() as download:
        visit.key(f"export-compare-{second.name}").locator("button:visible").first.click()
    assert download.value.suggested_filename == f"{second.name}.zip"

    visit.key("language").locator("button").click()
    visit.wait_for_text("只改了一处")
    assert "one-change" in visit.page.url


def test_an_address_with_runs_that_are_gone_says_so_and_shows_the_rest(visitor, second):
    visit = visitor("zh-CN").go(f"/compare?runs={second.name},gone,<b>x</b>")
    visit.page.locator("table.compare").wait_for(timeout=60_000)
    assert "gone" in visit.text()
    assert visit.page.locator("table.compare th").count() == 2


def test_it_begins_with_the_newest_run_and_the_one_that_it_began_from(visitor, checkpoints, second):
    status = json.loads((second.folder / "status.json").read_text("utf-8"))
    (second.folder / "status.json").write_text(json.dumps({**status, "created": status["created"] + 4e9}))
    visit = visitor().go("/compare")
    visit.page.locator("table.compare").wait_for(timeout=60_000)
    assert visit.page.locator("table.compare th").all_inner_texts()[1:] == [second.name, FIRST]
