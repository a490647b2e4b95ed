"""The command line, as a person uses it."""

import dataclasses
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from core.__main__ import main
from core.beam import BeamTrace
from core.config import NO_OPTIONS, TrainConfig
from core.corpus import ParallelCorpus, save_pairs
from core.decode import DecodeTrace
from core.processes import PROJECT
from core.runs import Run
from core.text import tokenizer
from core.train import Stepped, train
from core.translator import Translator

TINY = shlex.split(
    "--quiet --embedding 16 --hidden 16 --layers 1 --min-freq 1 --epochs 1 --batch-size 8 --threads 1 --device cpu "
    "--precision float32"
)


@pytest.fixture(autouse=True)
def _signals():
    """Training takes Ctrl-C; the tests want it back."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.fixture
def command(capsys):
    """Runs one command. Returns its exit status, its output and its error output."""

    def run(*words):
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:
            status = end.code
        output = capsys.readouterr()
        assert "Traceback" not in output.err
        return status, output.out, output.err

    return run


@pytest.fixture
def files(tmp_path, pairs):
    """The small corpus as two line-aligned files and as one."""
    source, target, tsv = (tmp_path / name for name in ("train.zh", "train.en", "train.tsv"))
    source.write_text("".join(f"{chinese}\n" for chinese, _ in pairs), "utf-8")
    target.write_text("".join(f"{english}\n" for _, english in pairs), "utf-8")
    save_pairs(pairs, tsv)
    return source, target, tsv


def is_one_error(result, *words):
    """One line on standard error, exit status 2, nothing on standard output."""
    status, output, error = result
    return (
        status == 2
        and output == ""
        and error.startswith("error: ")
        and error.count("\n") == 1
        and all(word in error for word in words)
    )


# Help


def test_help_lists_the_commands_and_each_setting_with_its_range(command):
    status, output, _ = command("--help")
    assert status == 0
    assert all(name in output for name in ("train", "translate", "evaluate", "pairs"))
    status, output, _ = command("train", "--help")
    assert status == 0
    for item in dataclasses.fields(TrainConfig):
        if item.name not in NO_OPTIONS or item.name == "preset":
            assert "--" + item.name.replace("_", "-") in output
    assert "1 to 10,000" in " ".join(output.split())


def test_threads_learn_how_to_wait_before_torch_is_there(tmp_path):
    watch = (
        "import os, sys; print('torch' in sys.modules, os.environ.get('GOMP_SPINCOUNT'), os.environ['OMP_WAIT_POLICY'])"
    )
    code = f"""
import core.__main__ as line
wait = line.wait_briefly
def waits():
    wait()
    {watch}
line.wait_briefly = waits
line.main(["train", "--resume", "--run", {str(tmp_path / "none")!r}])
"""
    bare = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    asked = {**bare, "OMP_WAIT_POLICY": "ACTIVE"}
    for environment, expected in ((bare, "False 1000 PASSIVE"), (asked, "False None ACTIVE")):
        run = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True)
        assert run.stdout.strip() == expected, run.stderr


def test_an_unknown_command_or_setting_ends_with_2(command):
    assert command("transalte")[0] == 2
    assert command("train", "--run", "x", "--epoch-count", "3")[0] == 2


# Training


def test_two_aligned_files_and_one_tsv_train_the_same(command, files, tmp_path):
    source, target, tsv = files
    assert command("train", "--run", tmp_path / "two", "--source", source, "--target", target, *TINY)[0] == 0
    assert command("train", "--run", tmp_path / "one", "--tsv", tsv, *TINY)[0] == 0
    two, one = Run(tmp_path / "two"), Run(tmp_path / "one")
    assert two.status().state == one.status().state == "finished"
    assert two.config.corpus == "files"
    assert two.weights.read_bytes() == one.weights.read_bytes()


def test_what_happens_is_printed_and_logged(command, files, tmp_path):
    loud = [word for word in TINY if word != "--quiet"]
    status, output, _ = command("train", "--run", tmp_path / "run", "--tsv", files[2], *loud, "--preset", "tiny")
    assert status == 0
    assert "epoch 1: train" in output
    assert "BLEU" in output
    assert output == (tmp_path / "run" / "train.log").read_text("utf-8")


def test_the_same_folder_twice_is_an_error_and_leaves_the_first_run_alone(command, finished_run, files):
    before = {path.name: path.read_bytes() for path in finished_run.folder.iterdir()}
    result = command("train", "--run", finished_run.folder, "--tsv", files[2], *TINY)
    assert is_one_error(result, "'finished' exists already")
    assert {path.name: path.read_bytes() for path in finished_run.folder.iterdir()} == before


def test_a_finished_run_goes_on_for_more_epochs(command, finished_run):
    status, *_ = command("train", "--run", finished_run.folder, "--resume", "--epochs", "16", "--quiet")
    assert status == 0
    assert (finished_run.status().state, finished_run.status().epoch) == ("finished", 16)


def test_going_on_with_a_finished_run_is_an_error_and_leaves_it_alone(command, finished_run):
    before = {path.name: path.read_bytes() for path in finished_run.folder.iterdir()}
    assert is_one_error(command("train", "--run", finished_run.folder, "--resume"), "has done all its 15 epochs")
    after = {path.name: path.read_bytes() for path in finished_run.folder.iterdir() if path.name != "run.lock"}
    assert after == before


def test_a_run_that_is_being_trained_is_not_trained_twice(command, finished_run):
    with finished_run.lock():
        result = command("train", "--run", finished_run.folder, "--resume")
    assert is_one_error(result, "is being trained already")


def test_a_stopped_run_goes_on(command, new_run):
    run = new_run()
    for event in train(run):
        if isinstance(event, Stepped) and event.step == 3:
            run.request_stop()
    assert command("train", "--run", run.folder, "--resume", "--quiet")[0] == 0
    assert run.status().state == "finished"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--resume", "There is no run"),
        ("--source {source}", "give both"),
        ("--corpus files", "Give your files"),
        ("--corpus wikipedia", "'wikipedia'"),
        ("--tsv {missing}", "Cannot read"),
        ("--tsv {folder}", "Cannot read"),
        ("--tsv {source}", "one column"),
        ("--source {source} --target {short}", "has 72 lines"),
        ("--tsv {tsv} --epochs 0", "epochs must be 1 to 10,000, got 0"),
        ("--tsv {tsv} --dropout nan", "dropout must be 0.0 to 0.95, got nan"),
        ("--tsv {tsv} --bidirectional --hidden 33", "hidden must be even"),
        ("--tsv {short}", "too few"),
        ("--tsv {tsv} --max-length 1", "Raise max_length"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(command, files, tmp_path, words, said):
    source, _, tsv = files
    short = tmp_path / "short"
    short.write_text("你好\tHello\n", "utf-8")
    places = {"source": source, "tsv": tsv, "short": short, "missing": tmp_path / "missing", "folder": tmp_path}
    words = [word.format(**places) for word in words.split()]
    assert is_one_error(command("train", "--run", tmp_path / "runs" / "x", "--quiet", *words), said)
    run = Run(tmp_path / "runs" / "x")
    assert not run.folder.exists() or run.status().state == "failed"


def test_a_bad_name_is_one_sentence(command, files, tmp_path):
    assert is_one_error(command("train", "--run", tmp_path / "con", "--tsv", files[2]), "'con' cannot be a run's name")


# Translating


def test_sentences_are_translated_one_a_line(command, finished_run):
    sentences = ["我喜欢苹果。", "他们看见花。"]
    status, output, error = command("translate", "--run", finished_run.folder, *sentences)
    assert (status, error) == (0, "")
    assert output.splitlines() == Translator.load(finished_run).translate(sentences)


def test_standard_input_is_translated_line_by_line(command, finished_run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("我喜欢苹果。\r\n\nHello.\n他们看见花。"))
    status, output, error = command("translate", "--run", finished_run.folder)
    one, other = Translator.load(finished_run).translate(["我喜欢苹果。", "他们看见花。"])
    assert output.split("\n") == [one, "", "", other, ""], "a line that is no sentence keeps its place"
    assert status == 2
    assert error.count("error: ") == 2


def test_json_is_the_whole_trace(command, finished_run):
    status, output, _ = command("translate", "--run", finished_run.folder, "--json", "我喜欢苹果。", "麒麟", "???")
    assert status == 2
    lines = output.splitlines()
    translator = Translator.load(finished_run)
    traces = [DecodeTrace.from_dict(json.loads(line)) for line in lines[:2]]
    assert traces == [translator.trace("我喜欢苹果。"), translator.trace("麒麟")]
    assert lines[2:] == ["{}"]
    assert "我" in output, "Chinese stays readable"


def test_sentences_are_translated_by_beam_search(command, finished_run):
    translator = Translator.load(finished_run)
    status, output, _ = command("translate", "--run", finished_run.folder, "--beam", "3", "我喜欢苹果。", "花")
    assert (status, output.splitlines()) == (0, translator.translate(["我喜欢苹果。", "花"], beam=3))
    _, output, _ = command("translate", "--run", finished_run.folder, "--beam", "3", "--json", "花")
    assert BeamTrace.from_dict(json.loads(output)) == translator.beam("花", 3)
    assert is_one_error(
        command("translate", "--run", finished_run.folder, "--beam", "0", "花"), "width must be 1 to 10"
    )


def test_a_run_that_cannot_translate_is_one_sentence(command, new_run, tmp_path):
    assert is_one_error(command("translate", "--run", tmp_path / "nowhere", "好"), "'nowhere'", "There is no run")
    assert is_one_error(command("translate", "--run", new_run().folder, "好"), "source_vocab.json")


# Scoring


def test_a_run_is_scored_on_a_file(command, finished_run, tmp_path):
    translator = Translator.load(finished_run)
    sources = ["我喜欢苹果。", "他们看见花。", "我们想要书。"]
    file = tmp_path / "test.tsv"
    save_pairs(zip(sources, translator.translate(sources), strict=True), file)
    status, output, _ = command("evaluate", "--json", "--run", finished_run.folder, file)
    scores = json.loads(output)
    assert status == 0
    assert scores["sentences"] == 3
    assert scores["bleu"] == scores["bleu_lowercase"] == scores["chrf"] == 100
    assert "case:mixed" in scores["signature"]


def test_references_that_were_cut_into_tokens_count_the_same(command, finished_run, tmp_path, pairs):
    english = tokenizer("spacy")
    save_pairs(pairs, tmp_path / "a.tsv")
    save_pairs(((source, " ".join(english.tokenize(target))) for source, target in pairs), tmp_path / "b.tsv")
    one, other = (
        command("evaluate", "--json", "--run", finished_run.folder, tmp_path / name)[1] for name in ("a.tsv", "b.tsv")
    )
    assert one == other


def test_evaluate_says_how_many_lines_gave_no_pair(finished_run, tmp_path, command):
    file = tmp_path / "odd.tsv"
    file.write_text("我喜欢花。\tI like flowers.\n\n我喜欢书。\n我喜欢花。\tI like flowers.\tmore\n", "utf-8")
    status, output, errors = command("evaluate", "--run", finished_run.folder, file)
    assert status == 0 and "2 lines of odd.tsv gave no pair" in errors
    assert "1 sentence," in output


def test_without_a_file_a_run_is_scored_as_at_its_end(command, finished_run):
    status, output, _ = command("evaluate", "--json", "--run", finished_run.folder)
    assert status == 0
    assert json.loads(output) == finished_run.scores()


def test_scoring_again_writes_the_same_files(command, finished_run):
    files = [finished_run.folder / name for name in ("scores.json", "test_outputs.jsonl")]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    status, output, _ = command("evaluate", "--save", "--run", finished_run.folder)
    assert status == 0
    assert [file.read_bytes() for file in files] == before
    assert "lowercased" in output
    assert "unknown" in output
    assert not (finished_run.folder / "scoring.json").exists()


def test_the_table_of_runs_comes_from_their_folders_alone(command, finished_run, new_run):
    (finished_run.folder / "model.safetensors").unlink()
    status, output, _ = command("table", finished_run.folder)
    scores = finished_run.scores()
    head, _, row = output.splitlines()
    assert status == 0
    assert head.count("|") == row.count("|")
    assert "`finished`" in row
    assert f"{scores['bleu_lowercase']:.1f} [" in row
    assert is_one_error(command("table", new_run("other").folder), "no score yet", "evaluate --save")


def test_what_cannot_be_scored_is_one_sentence(command, finished_run, tmp_path):
    (tmp_path / "one").write_text("你好\n", "utf-8")
    assert is_one_error(command("evaluate", "--run", finished_run.folder, tmp_path / "none.tsv"), "none.tsv")
    assert is_one_error(command("evaluate", "--run", finished_run.folder, tmp_path / "one"), "one column")
    (finished_run.folder / "pairs.tsv").unlink()
    assert is_one_error(command("evaluate", "--run", finished_run.folder), "pairs.tsv")


# In a process of its own


def start(*words, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "core", *map(str, words)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < end
        time.sleep(0.005)


def test_bytes_that_are_no_text_end_no_stream(finished_run):
    process = start("translate", "--run", finished_run.folder)
    output, error = process.communicate("我喜欢".encode() + b"\xff\xe4\n" + "我喜欢花。\n".encode())
    assert process.returncode == 0, error.decode()
    assert output.decode().splitlines()[1:] == Translator.load(finished_run).translate(["我喜欢花。"])
    assert error == b""


@pytest.fixture
def whole(new_run):
    whole = new_run("whole", epochs=30)
    list(train(whole))
    return whole


def test_a_process_killed_for_good_goes_on_and_ends_like_one_that_was_not(command, new_run, whole):
    run = new_run(epochs=30)
    process = start("train", "--run", run.folder, "--quiet")
    wait_for(lambda: len(run.epochs()) >= 2, process)
    assert run.status().state in ("training", "measuring", "scoring")
    process.kill()
    process.communicate()
    assert run.status().state == "interrupted"
    assert 2 <= len(run.epochs()) < 30
    assert command("train", "--run", run.folder, "--resume", "--quiet")[0] == 0
    assert [row["loss"] for row in run.steps()] == [row["loss"] for row in whole.steps()]
    assert run.scores() == whole.scores()
    weights, expected = load_file(run.weights), load_file(whole.weights)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_stops_after_the_step_and_keeps_weights_that_translate(new_run):
    run = new_run(epochs=10_000)
    process = start("train", "--run", run.folder)
    wait_for(lambda: run.steps(), process)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=30)
    assert process.returncode == 0, error.decode()
    assert b"Traceback" not in error
    assert "Go on with --resume" in output.decode()
    assert run.status().state == "stopped"
    assert Translator.load(run).trace("我喜欢花。").steps


# Pairs


def test_the_command_writes_what_train_reads(command, tmp_path, finished_run, monkeypatch):
    few = [("我喜欢猫。", "I like cats."), ("他不喜欢狗。", "He doesn't like dogs.")] * 20
    numbered = [(f"{source}{i}", f"{target} {i}") for i, (source, target) in enumerate(few)]
    monkeypatch.setattr("core.corpus.load", lambda name: ParallelCorpus("x", numbered, ""))
    file = tmp_path / "swapped.tsv"
    assert command("pairs", "--corpus", "tatoeba", "--swap", "--out", file)[0] == 0
    assert all(line.split("\t")[1].startswith(("我", "他")) for line in file.read_text("utf-8").splitlines())
    assert command("pairs", "--corpus", "tatoeba", "--run", finished_run.folder, "--out", file)[0] == 0
    assert all(line.split("\t")[0].startswith(("我", "他")) for line in file.read_text("utf-8").splitlines())
    own = tmp_path / "own.tsv"
    save_pairs(numbered, own)
    status, _, error = command("train", *TINY, "--tsv", own, "--add", file, "--run", tmp_path / "run")
    assert status == 0, error
    assert Run(tmp_path / "run").config.added == len(file.read_text("utf-8").splitlines())


def test_pairs_says_what_is_wrong_before_it_works(command, tmp_path, finished_run, monkeypatch):
    monkeypatch.setattr("core.corpus.load", lambda name: pytest.fail("the corpus was read"))
    out = tmp_path / "out.tsv"
    for wrong in ("101", "-1", "nan"):
        assert is_one_error(command("pairs", "--corpus", "hsk", "--least", wrong, "--out", out), "chrF")
    assert is_one_error(command("pairs", "--corpus", "hsk", "--out", tmp_path), "folder")
    assert is_one_error(command("pairs", "--corpus", "hsk", "--out", tmp_path / "no" / "such.tsv"), "folder")
    assert is_one_error(command("pairs", "--corpus", "hsk", "--run", tmp_path / "none", "--out", out), "no run")
    assert is_one_error(command("pairs", "--corpus", "hsk", "--beam", "11", "--out", out), "1 to 10")
    assert not out.exists()


def test_pairs_of_which_none_is_left_are_an_error(command, tmp_path, finished_run, monkeypatch):
    few = [(f"我喜欢猫{i}。", f"Nothing of the kind {i}!") for i in range(40)]
    monkeypatch.setattr("core.corpus.load", lambda name: ParallelCorpus("x", few, ""))
    out = tmp_path / "out.tsv"
    ask = ("pairs", "--corpus", "hsk", "--run", finished_run.folder, "--out", out)
    assert is_one_error(command(*ask, "--least", "100"), "good enough")
    assert is_one_error(command(*ask, "--swap"), "other way")
    assert not out.exists()


def test_a_run_that_goes_on_takes_no_other_settings(command, finished_run, tmp_path):
    ask = ("train", "--resume", "--run", finished_run.folder, "--quiet")
    wrong = command(*ask, "--epochs", "3", "--hidden", "32", "--add", tmp_path / "nowhere.tsv", "--preset", "tiny")
    assert is_one_error(wrong, "--preset, --add, --hidden")


def test_files_of_added_pairs_add_up_and_how_many_are_learnt_is_said(command, tmp_path, pairs):
    own = tmp_path / "own.tsv"
    save_pairs(pairs, own)
    files = [tmp_path / f"{name}.tsv" for name in "ab"]
    for number, file in enumerate(files):
        save_pairs([(f"狗吃{number}条鱼。", f"The dog eats {number} fish."), pairs[0]], file)
    status, _, error = command(
        "train", *TINY, "--tsv", own, "--add", files[0], "--add", files[1], "--run", tmp_path / "run"
    )
    assert status == 0, error
    assert "2 of them of the 4 added" in (tmp_path / "run" / "train.log").read_text("utf-8")
    assert "--add checkpoints/run/added.tsv" in (tmp_path / "run" / "README.md").read_text("utf-8")
