"""Training from the page: a newcomer starts, watches, leaves, comes back, stops and translates."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.runs import Run, find_run, list_runs
from tests.browser.conftest import Server, visiting

SLOW = 120_000  # milliseconds; a trainer beside a browser, a server and another test imports torch slowly


def begin(visit, name: str, epochs: int = 400) -> None:
    """Fill the form for a tiny run on HSK and press start."""
    visit.go("/train")
    choose(visit, "preset", "tiny")
    choose(visit, "corpus", "HSK")
    fill(visit, "pairs-tiny", "300")
    fill(visit, "epochs-tiny", str(epochs))
    fill(visit, "name", name)
    visit.key("start").locator("button").click()


def choose(visit, key: str, option: str) -> None:
    visit.key(key).locator("input").click()
    visit.page.get_by_role("option").filter(has_text=option).first.click()
    visit.page.wait_for_timeout(300)
    visit.settle()


def fill(visit, key: str, value: str) -> None:
    box = visit.key(key).locator("input")
    box.fill(value)
    box.press("Tab")
    visit.page.wait_for_timeout(300)
    visit.settle()


def wait_until(condition, seconds: float = SLOW / 1000) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def kill_trainer(run: Run) -> None:
    """As when the machine runs out of memory (Linux)."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(run.folder).encode() in (process / "cmdline").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.parametrize(("locale", "name", "running", "stopped"), [
    ("en-US", "first-en", "training", "stopped"),
    ("zh-CN", "first-zh", "训练中", "已停止"),
])  # fmt: skip
def test_start_watch_reload_stop_and_translate_with_the_new_run(visitor, checkpoints, locale, name, running, stopped):
    visit = visitor(locale)
    begin(visit, name)
    panel = visit.key("panel")
    panel.locator(".chip", has_text=running).wait_for(timeout=SLOW)
    run = find_run(name, checkpoints)

    # The chart grows without a hand on the page, and the pinned sentences change.
    panel.locator(".curves svg").wait_for(timeout=SLOW)
    before = visit.page.locator(".progress i").first.get_attribute("style")
    wait_until(lambda: len(run.epochs()) >= 2)
    visit.page.wait_for_timeout(2500)
    assert visit.page.locator(".progress i").first.get_attribute("style") != before
    expect(panel.locator(".machine > table tr")).to_have_count(6)

    # A reload and a second visitor see the same run.
    visit.page.reload()
    visit.key("panel").locator(".chip", has_text=running).wait_for(timeout=SLOW)
    second = visitor(locale).go("/train")
    second.key("panel").get_by_text(name).first.wait_for(timeout=SLOW)

    button(visit, "stop").click()
    visit.key("panel").locator(".chip", has_text=stopped).wait_for(timeout=SLOW)
    assert run.status().state == "stopped"
    visit.key("panel").locator('[data-testid="stPageLink-NavLink"]').last.click()
    visit.key("translation").wait_for(timeout=SLOW)
    visit.settle()
    assert f"run={name}" in visit.page.url
    wait_until(lambda: visit.translation)


def test_killing_the_server_does_not_end_the_run(browser, checkpoints, fresh_server: Server, tmp_path):
    with visiting(browser, fresh_server.url) as visit:
        begin(visit(), "survivor")
        wait_until(lambda: (checkpoints / "survivor").exists() and len(find_run("survivor", checkpoints).steps()) > 3)
        fresh_server.kill()
    run = find_run("survivor", checkpoints)
    steps = len(run.steps())
    wait_until(lambda: len(run.steps()) > steps)
    again = Server(checkpoints, tmp_path / "again.log")
    with visiting(browser, again.url) as visit:
        panel = visit().go("/train?watch=survivor").key("panel")
        panel.get_by_text("survivor").first.wait_for(timeout=SLOW)
    run.request_stop()
    wait_until(lambda: run.status().state == "stopped")
    again.end()


def button(visit, key: str):
    return visit.key(key).locator("button").first


def stop(visit) -> None:
    button(visit, "stop").click()
    visit.key("panel").locator(".chip", has_text="stopped").wait_for(timeout=SLOW)


def test_a_run_is_paused_goes_on_and_changes_its_course(visitor, checkpoints):
    visit = visitor()
    begin(visit, "course")
    panel = visit.key("panel")
    panel.locator(".chip", has_text="training").wait_for(timeout=SLOW)
    run = find_run("course", checkpoints)
    button(visit, "pause").click()
    panel.locator(".chip", has_text="paused").wait_for()
    steps = len(run.steps())
    visit.page.reload()  # a pause outlives the tab
    panel.locator(".chip", has_text="paused").wait_for()
    visit.page.wait_for_timeout(500)
    assert len(run.steps()) == steps
    button(visit, "unpause").click()
    wait_until(lambda: len(run.steps()) > steps)

    rate = visit.key("rate-course").locator("input")
    rate.fill("0.001")
    rate.press("Enter")
    apply = button(visit, "apply")
    wait_until(apply.is_enabled)
    apply.click()
    wait_until(lambda: [row["to"] for row in run.changes()] == [0.001])
    panel.locator(".curves svg").get_by_text("learning rate 0.005 → 0.001").wait_for()
    assert run.steps()[-1]["learning_rate"] == 0.001

    # Stopped, gone on with, and watched live again.
    stop(visit)
    button(visit, "resume").click()
    panel.locator(".chip", has_text="training").wait_for(timeout=SLOW)
    progress = visit.page.locator(".progress i").first
    before = progress.get_attribute("style")
    wait_until(lambda: progress.get_attribute("style") != before)
    run.ask(pinned=("老师喜欢书。",))
    wait_until(lambda: any(row["source"] == "老师喜欢书。" for row in run.samples()))
    stop(visit)

    # Who begins from it is told what its settings do not say, and goes on following the sentence that came later.
    assert run.status().epochs == 400
    panel.get_by_text("More epochs").click()
    offered = visit.page.locator('[class*="st-key-until-course"] input')
    assert offered.input_value() == str(run.status().epoch + 5)
    visit.page.keyboard.press("Escape")
    button(visit, "again").click()
    visit.wait_for_text("“course” was changed on the way: learning rate 0.005 → 0.001")
    assert "Nothing is changed yet" not in visit.text()
    visit.page.get_by_text("Advanced", exact=True).click()
    sentences = visit.page.locator('[class*="st-key-pinned-course"] textarea')
    wait_until(lambda: sentences.input_value().splitlines()[-1] == "老师喜欢书。")
    assert len(sentences.input_value().splitlines()) > 1


def test_the_time_machine_moves_while_the_run_goes_on(visitor, checkpoints):
    visit = visitor()
    begin(visit, "machine")
    run = Run(checkpoints / "machine")
    machine = visit.page.locator(".machine")
    machine.wait_for(timeout=SLOW)
    where, rows = machine.locator(".where"), machine.locator("> table tr")
    wait_until(lambda: len(run.epochs()) >= 3)

    # Back to the beginning: it stays there though new epochs come in.
    machine.locator("input").fill("0")
    assert where.inner_text() == "before training"
    at_first = rows.first.inner_text()
    moments = int(machine.locator("input").get_attribute("max"))
    wait_until(lambda: int(machine.locator("input").get_attribute("max")) > moments)
    assert where.inner_text() == "before training"
    assert rows.first.inner_text() == at_first

    # A click on the curve travels there, play moves on, another sentence brings its own words.
    canvas = visit.page.locator(".curves .canvas")
    canvas.click(position={"x": 70, "y": 100})
    wait_until(lambda: where.inner_text() != "before training")
    before = where.inner_text()
    machine.get_by_title("play from the beginning").click()
    wait_until(lambda: where.inner_text() != before)
    machine.get_by_title("halt").click()
    rows.nth(2).locator("button").click()
    wait_until(lambda: machine.locator(".bars .bar").count() == 5)
    machine.locator(".strip button").first.click()
    expect(machine.locator(".bars h4")).to_contain_text("word 1")

    # A sentence of one's own, added on the way, is there within a moment; one it cannot read is refused in words.
    box = visit.key("pin-machine").locator("input")
    box.fill("老师喜欢书。")
    box.press("Enter")
    button(visit, "add-sentence").click()
    machine.get_by_text("老师喜欢书。").first.wait_for()
    box.fill("Hello.")
    box.press("Enter")
    visit.page.wait_for_timeout(300)
    button(visit, "add-sentence").click()
    visit.wait_for_text("Type a Chinese sentence")
    stop(visit)
    machine.get_by_text("To the decoder").click()
    visit.page.wait_for_url("**/decode?**run=machine**")


def test_zooming_in_survives_new_data(visitor, checkpoints):
    visit = visitor()
    begin(visit, "zoomed")
    run = Run(checkpoints / "zoomed")
    canvas = visit.page.locator(".curves .canvas")
    canvas.locator("svg").wait_for(timeout=SLOW)
    wait_until(lambda: len(run.epochs()) >= 2)
    wait_until(canvas.bounding_box)
    box = canvas.bounding_box() or canvas.bounding_box()
    visit.page.mouse.move(box["x"] + 60, box["y"] + 100)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + 160, box["y"] + 100, steps=4)
    visit.page.mouse.up()
    ticks = canvas.locator("text.middle").all_text_contents()
    assert visit.page.get_by_text("show all").is_visible()
    steps = len(run.steps())
    wait_until(lambda: len(run.steps()) > steps + 20)
    visit.page.wait_for_timeout(2000)
    assert canvas.locator("text.middle").all_text_contents() == ticks

    # It survives the trainer's sudden end too, and so does the time machine's place.
    machine = visit.page.locator(".machine")
    machine.locator("input").fill("0")
    kill_trainer(run)
    visit.key("panel").locator(".chip", has_text="cut off").wait_for()
    visit.settle()
    assert canvas.locator("text.middle").all_text_contents() == ticks
    expect(machine.locator(".where")).to_have_text("before training")
    visit.page.get_by_text("show all").click()
    assert canvas.locator("text.middle").all_text_contents() != ticks


def test_a_finished_run_learns_on_and_another_begins_from_it_with_one_change(visitor, checkpoints):
    visit = visitor()
    begin(visit, "parent", epochs=2)
    panel = visit.key("panel")
    panel.locator(".chip", has_text="finished").wait_for(timeout=SLOW)
    panel.get_by_text("More epochs").click()
    fill(visit, "until-parent-2", "3")
    button(visit, "extend").click()
    run = find_run("parent", checkpoints)
    wait_until(lambda: run.status().epoch == 3 and run.status().state == "finished")
    visit.settle()
    panel.locator(".chip", has_text="finished").wait_for(timeout=SLOW)

    # A step of it in slow motion, to the end.
    visit.page.get_by_text("One batch in slow motion").click()
    slow = visit.page.locator(".slow")
    slow.get_by_text("4 decoder").click()
    expect(slow.locator("table.steps tbody tr")).to_have_count(4)
    slow.get_by_title("forward").click()
    slow.get_by_text("step 2 of").first.wait_for()
    slow.get_by_text("7 update").click()
    slow.get_by_text("after it").wait_for()

    # The form is out of sight, below; then the new run's panel, above. Each comes into sight.
    visit.page.set_viewport_size({"width": 1280, "height": 600})
    form, top = visit.page.get_by_role("heading", name="A new run"), panel.get_by_role("heading").first
    top.scroll_into_view_if_needed()
    expect(form).not_to_be_in_viewport()
    button(visit, "again").click()
    visit.wait_for_text("Nothing is changed yet")
    expect(form).to_be_in_viewport()
    expect(top).not_to_be_in_viewport()
    visit.page.emulate_media(reduced_motion="reduce")
    fill(visit, "epochs-parent", "1")
    visit.wait_for_text("One change")
    fill(visit, "name", "child")
    button(visit, "start").click()
    visit.wait_for_text("From parent, changed: epochs 3 → 1")
    expect(top).to_be_in_viewport()
    assert find_run("child", checkpoints).config.based_on == "parent"
    wait_until(lambda: not find_run("child", checkpoints).status().alive)
    visit.go("/train?watch=parent")
    panel.get_by_text("child began from it, changed: epochs 3 → 1").wait_for(timeout=SLOW)


def test_two_starts_with_one_name_give_one_run_and_a_clear_word(visitor, checkpoints):
    first, second = visitor(), visitor()
    second.go("/train")
    begin(first, "only-one")
    wait_until(lambda: (checkpoints / "only-one").exists())
    begin(second, "only-one")
    second.wait_for_text("exists already")
    run = find_run("only-one", checkpoints)
    run.request_stop()
    wait_until(lambda: not run.status().alive)


def test_a_bad_name_is_refused_in_words(visitor, checkpoints):
    visit = visitor().go("/train")
    for name in ("../out", "a/b", ".."):
        fill(visit, "name", name)
        visit.key("start").locator("button").click()
        visit.wait_for_text(f"'{name}' cannot be a run's name")
    assert not (checkpoints.parent / "out").exists()
    assert all(run.folder.parent == checkpoints for run in list_runs(checkpoints))


def test_before_the_start_it_says_how_big_and_how_long(visitor):
    visit = visitor().go("/train")
    choose(visit, "preset", "tiny")
    visit.wait_for_text("parameters", timeout=90_000)
    assert "an epoch here" in visit.text()


def test_switching_the_language_keeps_what_was_chosen(visitor):
    visit = visitor().go("/train")
    choose(visit, "preset", "lesson")
    choose(visit, "corpus", "HSK 1")
    visit.page.get_by_text("Advanced", exact=True).click()
    visit.page.get_by_text("Recurrent cell").wait_for()
    visit.settle()
    visit.key("language").locator("button").click()
    visit.wait_for_text("训练一个自己的模型")
    visit.settle()
    assert "与课程相同" in visit.key("preset").locator("input").input_value()
    assert "分级句子" in visit.key("corpus").locator("input").input_value()
    assert visit.page.get_by_text("循环单元").is_visible()


def test_runs_are_renamed_and_deleted(visitor, checkpoints):
    visit = visitor()
    begin(visit, "short", epochs=1)
    wait_until(lambda: (checkpoints / "short").exists() and find_run("short", checkpoints).status().state == "finished")
    visit.go("/train")
    button(visit, "change-short").click()
    fill(visit, "new-name-short", "renamed")
    visit.key("rename-short").locator("button").click()
    wait_until(lambda: (checkpoints / "renamed").exists())
    visit.go("/train")
    button(visit, "change-renamed").click()
    visit.key("delete-renamed").locator("button").click()
    wait_until(lambda: not (checkpoints / "renamed").exists())


def test_own_files_train_and_bad_ones_are_explained(visitor, checkpoints):
    visit = visitor().go("/train")
    choose(visit, "preset", "tiny")
    choose(visit, "corpus", "My own files")
    upload = visit.page.locator("input[type=file][multiple]")  # the other one takes a run's zip

    def give(*files: tuple[str, bytes]) -> None:
        upload.set_input_files([{"name": name, "mimeType": "text/plain", "buffer": content} for name, content in files])
        visit.page.wait_for_timeout(800)
        visit.settle()

    numbers = "一二三四五六七八九十"
    chinese = [f"我有{a}{b}本书。" for a in numbers for b in numbers]
    english = [f"I have {a} {b} books." for a in range(10) for b in range(10)]
    give(("a.zh", "\n".join(chinese).encode("gbk")), ("a.en", "\r\n".join(english[:-1]).encode()))
    visit.wait_for_text("100 lines")
    visit.page.reload()
    visit.settle()
    choose(visit, "preset", "tiny")
    choose(visit, "corpus", "My own files")
    give(("b.en", "\r\n".join(english).encode()), ("b.zh", "\n".join(chinese).encode("gbk")))
    visit.wait_for_text("100 sentence pairs")
    fill(visit, "name", "own")
    visit.key("start").locator("button").click()
    wait_until(lambda: (checkpoints / "own").exists() and find_run("own", checkpoints).status().state == "finished")
