"""Run folders: made once, read whatever their state, renamed and deleted with care."""

import json
import os
import threading
import time
from dataclasses import replace

import pytest

import core.runs
from core.problems import Problem
from core.runs import (
    Control,
    Run,
    Status,
    check_name,
    find_run,
    free_name,
    list_runs,
    read_json_lines,
    write_atomically,
)
from tests.conftest import tiny_config

# Making one


def test_a_new_run_waits_and_keeps_its_config_and_pairs(new_run, pairs):
    run = new_run("first", epochs=7)
    assert run.status().state == "waiting"
    assert run.status().alive
    assert run.config == tiny_config(epochs=7)
    assert len((run.folder / "pairs.tsv").read_text("utf-8").splitlines()) == len(pairs)
    assert not run.translates
    assert (run.metrics(), run.samples(), run.scores()) == ([], [], {})


def test_a_name_is_given_once(new_run):
    run = new_run("first", epochs=7)
    with pytest.raises(Problem, match="'first' exists already"):
        new_run("first", epochs=8)
    assert run.config.epochs == 7


def test_of_many_starts_at_the_same_moment_one_wins(tmp_path):
    gate, outcomes = threading.Barrier(8), []

    def start(epochs):
        gate.wait()
        try:
            outcomes.append(Run.create(tmp_path / "run", tiny_config(epochs=epochs)).config.epochs)
        except Problem as problem:
            outcomes.append(problem.en)

    threads = [threading.Thread(target=start, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (outcome for outcome in outcomes if isinstance(outcome, int))
    assert sum("exists already" in outcome for outcome in outcomes if isinstance(outcome, str)) == 7
    assert Run(tmp_path / "run").config.epochs == winner


BAD_NAMES = [
    "", " ", ".", "..", "a/b", "a\\b", "../a", "/etc", ".hidden", "-dash", "dot.", "a..b", "x" * 61,
    "CON", "con.txt", "nul", "Com1", "lpt9.x", "a:b", "a*", "what?", "a|b", '"a"', "<b>", "a\nb", "a\x00b", "😀",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_a_bad_name_is_a_problem_and_leaves_nothing_behind(tmp_path, new_run, name):
    run = new_run()
    before = set(tmp_path.rglob("*"))
    for act in (check_name, run.rename, lambda name: find_run(name, tmp_path)):
        with pytest.raises(Problem, match="cannot be a run's name"):
            act(name)
    folder = run.folder.parent / name
    if folder.name == name:  # else it names a folder elsewhere
        with pytest.raises(Problem, match="cannot be a run's name"):
            Run.create(folder, run.config)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["a", "my run 2", "v1.2+fix_b-c", "我的运行", "x" * 60, "コン", "console"])
def test_a_good_name_is_taken_as_it_is(tmp_path, name):
    assert Run.create(tmp_path / name, tiny_config()).name == name
    assert find_run(name, tmp_path).config == tiny_config()


def test_blanks_around_a_name_are_dropped(tmp_path):
    assert Run.create(tmp_path / " a ", tiny_config()).folder == tmp_path / "a"


def test_a_checkpoints_folder_that_cannot_be_written_is_a_problem_that_names_it(tmp_path):
    (tmp_path / "file").touch()
    for parent in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(Problem, match=r"Cannot write to .*file.*permission"):
            Run.create(parent / "run", tiny_config())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_checkpoints_folder_is_a_problem(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(Problem, match="Cannot write to"):
        Run.create(tmp_path / "run", tiny_config())
    tmp_path.chmod(0o700)


def test_a_free_name_is_free(tmp_path):
    assert free_name("tiny", tmp_path) == "tiny-1"
    Run.create(tmp_path / "tiny-1", tiny_config())
    assert free_name("tiny", tmp_path) == "tiny-2"


def test_a_run_that_is_not_there_is_a_problem(tmp_path):
    with pytest.raises(Problem, match="no run named 'ghost'"):
        find_run("ghost", tmp_path)


# How far it is


def test_a_run_lives_while_its_lock_is_held_and_is_interrupted_after(new_run):
    run = new_run()
    for state in ("preparing", "training", "measuring", "scoring"):
        run.write_status(Status(state, epoch=1))
        with run.lock():
            assert run.status().state == state
        status = run.status()
        assert (status.state, status.alive, status.epoch) == ("interrupted", False, 1)
        assert status.reason_en.isascii()
        assert status.reason_zh


def test_a_run_that_never_began_is_interrupted_after_a_while(new_run):
    run = new_run()
    status = replace(run.status(), updated=time.time() - core.runs.START_SECONDS - 1)
    (run.folder / "status.json").write_text(json.dumps(status.__dict__))
    assert run.status().state == "interrupted"


def test_a_finished_run_is_finished_and_without_its_weights_damaged(finished_run):
    assert finished_run.status().state == "finished"
    finished_run.weights.unlink()
    assert finished_run.status().state == "damaged"
    assert "missing" in finished_run.status().reason_en


def test_a_folder_copied_without_its_status_still_counts_as_finished(finished_run):
    (finished_run.folder / "status.json").unlink()
    assert finished_run.status().state == "finished"


GARBAGE = [
    b"", b"{", b"[]", b"null", b"3", b'"training"', b"\xff\xfe", b"{}", b'{"state": 3}', b'{"state": "dancing"}',
    b'{"state": "training", "created": "yesterday"}', b'{"state": "finished", "epoch": null}',
]  # fmt: skip


@pytest.mark.parametrize("content", GARBAGE)
def test_a_damaged_status_is_no_error(finished_run, new_run, content):
    for run, state in ((finished_run, "finished"), (new_run(), "damaged")):
        (run.folder / "status.json").write_bytes(content)
        assert run.status().state == state
        assert len(list_runs(run.folder.parent)) == 2 or run is finished_run


def test_a_status_from_another_version_is_read(new_run):
    run = new_run()
    (run.folder / "status.json").write_text('{"state": "stopped", "mood": "good"}')
    assert run._written_status() == Status("stopped")


@pytest.mark.parametrize("content", [b"", b"[1]", b"null", b'{"preset": "none"}', b"\xff"])
def test_a_damaged_config_is_a_damaged_run_with_a_reason(finished_run, content):
    (finished_run.folder / "config.json").write_bytes(content)
    status = finished_run.status()
    assert status.state == "damaged"
    assert status.reason_en
    assert status.reason_zh


# What is listed


def test_damaged_and_foreign_folders_do_not_disturb_the_list(finished_run, new_run):
    checkpoints = finished_run.folder.parent
    new_run("newer")
    broken = new_run("broken")
    for name in ("config.json", "status.json", "metrics.jsonl"):
        (broken.folder / name).write_bytes(b"\x00\xff{")
    for name in ("empty", "notes", ".hidden"):
        (checkpoints / name).mkdir()
    (checkpoints / "notes" / "todo.txt").touch()
    (checkpoints / ".hidden" / "config.json").touch()
    (checkpoints / "file.txt").touch()
    (checkpoints / "odd").mkdir()
    (checkpoints / "odd" / "config.json").mkdir()
    states = {run.name: run.status().state for run in list_runs(checkpoints)}
    assert states == {"newer": "waiting", "finished": "finished", "broken": "damaged", "odd": "damaged"}


def test_the_newest_run_comes_first(new_run):
    for n, name in enumerate("bca"):
        run = new_run(name)
        run.write_status(Status("stopped", created=1000.0 + n))
    assert [run.name for run in list_runs(run.folder.parent)] == ["a", "c", "b"]


def test_no_checkpoints_folder_is_an_empty_list(tmp_path):
    (tmp_path / "file").touch()
    assert list_runs(tmp_path / "nowhere") == list_runs(tmp_path / "file") == []


def test_a_variable_moves_the_checkpoints_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQ2SEQ_CHECKPOINTS", str(tmp_path))
    Run.create(tmp_path / "here", tiny_config())
    assert [run.name for run in list_runs()] == ["here"]
    assert find_run("here").folder == tmp_path / "here"


# Files


STEPS = [{"step": n, "loss": 3.0 - n, "tokens_per_second": 9.0} for n in (1, 2)]
EPOCH = {"epoch": 1, "train_loss": 2, "valid_loss": 2, "bleu": 0, "train_seconds": 1, "tokens_per_second": 9}
SAMPLE = {"epoch": 1, "source": "你好。", "translation": "Hello."}
HALVES = [
    b'{"step": 3, "lo',
    b'{"step": 3, "x": "\xe4\xbd',
    b"\xff\n",
    b"\n\n",
    b"3\n",
    b"[]",
    b'{"step": 3}',
    b'{"epoch": "1"}',
]


@pytest.mark.parametrize("tail", HALVES)
def test_rows_are_read_though_the_last_line_is_still_being_written(new_run, tail):
    run = new_run()
    for row in (*STEPS, EPOCH):
        run.append("metrics.jsonl", row)
    run.append("samples.jsonl", SAMPLE)
    for name in ("metrics.jsonl", "samples.jsonl"):
        with open(run.folder / name, "ab") as file:
            file.write(tail)
    assert (run.steps(), run.epochs(), run.samples()) == (STEPS, [EPOCH], [SAMPLE])
    assert read_json_lines(run.folder / "nothing.jsonl") == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_damaged_scores_are_none(finished_run, content):
    assert finished_run.scores()["sentences"] > 0
    (finished_run.folder / "scores.json").write_bytes(content)
    assert finished_run.scores() == {}


def test_who_reads_a_file_that_is_replaced_sees_the_old_or_the_new(tmp_path):
    path = tmp_path / "status.json"
    contents = [bytes([n]) * 200_000 for n in range(30)]
    write_atomically(path, contents[0])
    seen, done = set(), threading.Event()

    def read():
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for content in contents:
        write_atomically(path, content)
    done.set()
    reader.join()
    assert seen <= set(contents)
    assert [file.name for file in tmp_path.iterdir()] == ["status.json"]


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "folder", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


def test_new_weights_are_a_new_version(finished_run):
    before = finished_run.version
    assert before == finished_run.version
    write_atomically(finished_run.weights, b"other")
    assert finished_run.version != before
    assert Run(finished_run.folder.parent / "nowhere").version[1] == 0


# Renaming and deleting


def test_a_renamed_run_keeps_everything(finished_run):
    before = {path.name: path.read_bytes() for path in finished_run.folder.iterdir()}
    renamed = finished_run.rename("我的 model")
    assert renamed.name == "我的 model"
    assert not finished_run.folder.exists()
    assert {path.name: path.read_bytes() for path in renamed.folder.iterdir()} == before
    assert renamed.rename("我的 model").folder == renamed.folder


def test_a_name_that_is_taken_stays_with_its_run(finished_run, new_run):
    other = new_run("other")
    with pytest.raises(Problem, match="'other' exists already"):
        finished_run.rename("other")
    assert finished_run.translates
    assert not other.translates


def test_a_deleted_run_is_gone(finished_run):
    finished_run.delete()
    assert not finished_run.folder.exists()
    assert list_runs(finished_run.folder.parent) == []
    with pytest.raises(Problem):
        finished_run.delete()


@pytest.mark.parametrize("state", ["training", "stopped", "finished", "interrupted"])
def test_a_run_whose_lock_is_held_is_neither_deleted_nor_renamed(finished_run, state):
    finished_run.write_status(Status(state))
    with finished_run.lock():
        for change in (finished_run.delete, lambda: finished_run.rename("other")):
            with pytest.raises(Problem, match="is training"):
                change()
    assert finished_run.translates


def test_a_damaged_run_can_be_deleted(finished_run):
    (finished_run.folder / "config.json").write_bytes(b"{")
    finished_run.delete()
    assert not finished_run.folder.exists()


def test_the_run_that_ships_is_neither_deleted_nor_renamed(finished_run, monkeypatch):
    monkeypatch.setattr(core.runs, "PROJECT", finished_run.folder.parent.parent)
    monkeypatch.setattr(core.runs, "SHIPPED", ("finished",))
    for change in (finished_run.delete, lambda: finished_run.rename("other")):
        with pytest.raises(Problem, match="came with the app"):
            change()
    assert finished_run.translates


# Going on


def test_only_a_run_that_can_go_on_is_resumable(new_run, finished_run):
    assert not finished_run.resumable
    cut_off = new_run()
    assert not cut_off.resumable, "it is about to begin"
    cut_off.write_status(Status("training"))
    assert cut_off.resumable, "nothing was saved yet: it begins again"
    cut_off.weights.touch()
    assert not cut_off.resumable, "beginning again would lose these weights"
    stopped = finished_run
    stopped.state_file.touch()
    for state in ("training", "stopped", "failed"):
        stopped.write_status(Status(state))
        assert stopped.resumable
    with stopped.lock():
        stopped.write_status(Status("training"))
        assert not stopped.resumable


def test_more_epochs_are_planned_only_where_they_are_more(finished_run):
    assert finished_run.extendable
    with pytest.raises(Problem, match="Ask for more"):
        finished_run.plan(15)
    finished_run.plan(16)
    assert finished_run.config.epochs == 16
    with finished_run.lock(), pytest.raises(Problem, match="is training"):
        finished_run.plan(17)
    finished_run.forget_save()
    assert not finished_run.extendable
    assert finished_run.translates


def test_what_is_asked_of_a_run_is_checked_and_kept(new_run):
    run = new_run()
    assert run.control() == Control()
    run.ask(learning_rate=0.5)
    run.ask(pinned=("我喜欢书。",))
    assert run.control() == Control(learning_rate=0.5, pinned=("我喜欢书。",))
    for wrong in ({"learning_rate": -1.0}, {"learning_rate": float("nan")}, {"teacher_forcing": 1.5}):
        with pytest.raises(Problem, match="must be"):
            run.ask(**wrong)
    for damaged in (b"{", b"[]", b'{"learning_rate": "fast"}', b'{"pinned": 3}', b"\xff"):
        (run.folder / "control.json").write_bytes(damaged)
        assert run.control() == Control()


def test_a_finished_run_is_not_started_again(finished_run):
    before = (finished_run.folder / "status.json").read_bytes()
    with pytest.raises(Problem, match="has done all its 15 epochs"):
        finished_run.start(resume=True)
    assert (finished_run.folder / "status.json").read_bytes() == before
