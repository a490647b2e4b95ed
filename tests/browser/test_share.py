"""A run leaves one browser as a zip and comes in again, in the other language too; a bad zip is explained."""

import shutil
import zipfile
from pathlib import Path

import pytest

from core.runs import SHIPPED, Run, find_run
from core.train import train
from tests.browser.test_train import fill, wait_until
from tests.conftest import PAIRS, tiny_config


def test_a_run_is_exported_and_imported(visitor, checkpoints, tmp_path):
    visit = visitor().go("/train")
    with visit.page.expect_download() as download:
        visit.key(f"export-list-{SHIPPED[0]}").locator("button:visible").first.click()
    zipped = tmp_path / download.value.suggested_filename
    download.value.save_as(zipped)
    assert zipped.name == f"{SHIPPED[0]}.zip"
    with zipfile.ZipFile(zipped) as archive:
        assert archive.testzip() is None

    visit = visitor("zh-CN").go("/train")
    visit.page.get_by_text("从 zip 导入运行").click()
    visit.settle()
    upload = visit.page.locator('[data-testid="stFileUploader"] input[type=file]')
    upload.set_input_files([{"name": "photo.zip", "mimeType": "application/zip", "buffer": b"not a zip"}])
    visit.wait_for_text("没有导入 photo.zip")
    upload.set_input_files(zipped)
    visit.wait_for_text("已导入")
    visit.settle()
    run = find_run(f"{SHIPPED[0]}-1", checkpoints)
    assert run.weights.read_bytes() == find_run(SHIPPED[0], checkpoints).weights.read_bytes()
    visit.key("panel").get_by_text(run.name).first.wait_for()
    shutil.rmtree(run.folder)


@pytest.fixture
def own(checkpoints):
    """A run on somebody's own sentences, trained to its end."""
    run = Run.create(checkpoints / "mine", tiny_config(), PAIRS)
    list(train(run))
    yield run
    for name in ("mine", "mine-1", "mine-2"):
        shutil.rmtree(checkpoints / name, ignore_errors=True)


def test_a_run_on_own_sentences_travels_as_far_as_its_owner_wants(visitor, checkpoints, own, tmp_path):
    visit = visitor()
    visit.page.emulate_media(reduced_motion="reduce")  # the page goes to what came in at once
    visit.go("/train?watch=mine")

    def take(*ticked: str) -> Path:
        export = visit.key("export-list-mine-pop").get_by_role("button").first
        inside = visit.key("export-list-mine").locator("button:visible").first
        for _ in range(5):  # the page may still be on its way to what came in, and leave the opened list behind
            export.evaluate("button => button.scrollIntoView({block: 'center'})")
            export.click()
            inside.wait_for()
            visit.page.wait_for_timeout(700)
            box = inside.bounding_box()
            if box and 0 < box["y"] < 1700:
                break
            visit.page.keyboard.press("Escape")
        for name in ticked:
            visit.key(f"export-list-mine-{name}").locator("label").first.click()
            visit.page.wait_for_timeout(300)
            visit.settle()
        with visit.page.expect_download() as download:
            visit.key("export-list-mine").locator("button:visible").first.click()
        path = tmp_path / f"{len(ticked)}" / "mine.zip"
        download.value.save_as(path)
        visit.page.keyboard.press("Escape")
        return path

    def bring(path: Path, name: str) -> None:
        if not visit.page.locator('[data-testid="stFileUploader"] input[type=file]:not([multiple])').count():
            visit.page.get_by_text("Import a run from a zip").click()
            visit.settle()
        visit.page.locator('[data-testid="stFileUploader"] input[type=file]:not([multiple])').set_input_files(path)
        visit.key("panel").locator("h1", has_text=name).wait_for()
        visit.settle()
        visit.page.wait_for_timeout(500)  # by then it has gone there

    alone, whole = take(), take("sentences", "state")
    with zipfile.ZipFile(alone) as archive:
        assert not {"mine/pairs.tsv", "mine/training_state.safetensors"} & set(archive.namelist())
    with zipfile.ZipFile(whole) as archive:
        assert {"mine/pairs.tsv", "mine/training_state.safetensors"} <= set(archive.namelist())

    bring(alone, "mine-1")
    visit.page.get_by_text("More epochs").click()
    visit.wait_for_text("without what going on needs: the sentences")
    visit.key("from-settings").locator("button").click()
    visit.wait_for_text("The settings and the seed of mine-1")

    bring(whole, "mine-2")
    visit.page.get_by_text("More epochs").click()
    fill(visit, "until-mine-2-2", "3")
    visit.key("extend").locator("button").click()
    run = find_run("mine-2", checkpoints)
    wait_until(lambda: run.status().epoch == 3 and run.status().state == "finished", 90)
