"""Scoring a run's test split: what is counted, what is kept, and the process that does it for a page."""

import json
import time
from dataclasses import replace

import pytest

from core import scorer
from core.evaluation import (
    OUTPUT_BYTES,
    OUTPUTS,
    TRANSLATIONS,
    evaluate,
    fingerprint,
    restorable,
    restore,
    save,
    save_translations,
    saved,
    saved_outputs,
)
from core.problems import Problem
from core.runs import Run
from core.scorer import evaluate_run, progress, restore_sentences, score_and_save, start
from core.scoring import Output, score
from core.train import train
from core.translator import Translator
from core.vocab import UNK
from tests.conftest import PAIRS, tiny_config


@pytest.fixture
def translator(finished_run):
    return Translator.load(finished_run)


# Half of the references are spoilt, so that not everything scores 100.
TEST = [(source, target if i % 2 else f"No {target.lower()}") for i, (source, target) in enumerate(PAIRS)]


def test_the_scores_are_those_of_what_the_translator_writes(translator):
    evaluation, outputs = evaluate(translator, TEST, beam=3)
    references = [target for _, target in TEST]
    for scores, width in ((evaluation, 1), (evaluation.beam, 3)):
        plain = score(translator.translate([source for source, _ in TEST], beam=width), references)
        assert (scores.bleu, scores.chrf, scores.signature) == (plain.bleu, plain.chrf, plain.signature)
    assert [(output.source, output.reference) for output in outputs] == TEST
    assert [output.hypothesis for output in outputs] == translator.translate([source for source, _ in TEST])


def test_groups_hold_every_sentence_for_greedy_and_for_beam(translator):
    evaluation, _ = evaluate(translator, TEST, beam=2)
    for scores in (evaluation, evaluation.beam):
        for groups in (scores.by_length, scores.by_unknown):
            assert sum(group.sentences for group in groups) == len(TEST)


def test_the_order_of_the_pairs_changes_no_score(translator):
    one, _ = evaluate(translator, TEST, beam=0)
    other, _ = evaluate(translator, TEST[::-1], beam=0)
    assert (one.bleu, one.chrf, one.test, one.signs) == (other.bleu, other.chrf, other.test, other.signs)
    assert fingerprint(TEST) != fingerprint(TEST[1:])


def test_what_beam_search_does_differently_is_counted_from_the_outputs(translator):
    evaluation, outputs = evaluate(translator, [*TEST, ("苹果书花。", "Apples."), ("我我我你你。", "I.")], beam=5)
    differing = [output for output in outputs if output.beam is not None]
    assert evaluation.beam_differs == len(differing)
    assert evaluation.beam_likelier == sum(output.beam_gain > 0 for output in differing)
    assert evaluation.beam_likelier_worse <= evaluation.beam_likelier
    assert all(output.beam != output.hypothesis for output in differing)


def test_without_beam_or_when_asked_to_stop_there_is_the_greedy_score_alone(translator):
    greedy, outputs = evaluate(translator, TEST, beam=0)
    stopped, _ = evaluate(translator, TEST, beam=5, report=lambda share: False)
    assert stopped == greedy
    assert (greedy.beam, greedy.beam_width) == (None, 0)
    assert all(output.beam is None for output in outputs)


def test_progress_rises_to_1(translator):
    told = []
    evaluate(translator, TEST * 8, beam=2, report=told.append)
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] == 1
    assert len(told) > 2


def test_an_unknown_word_is_counted(translator):
    evaluation, outputs = evaluate(
        translator, [("我喜欢火车。", "I like trains."), ("我喜欢书。", "I like books.")], beam=0
    )
    assert [output.unknown > 0 for output in outputs] == [True, False]
    assert evaluation.signs.unknown_source > 0
    assert evaluation.signs.unknown_target > 0
    assert [group.sentences for group in evaluation.by_unknown] == [1, 1]


def test_what_the_dictionary_adds_is_told(translator, monkeypatch):
    plain, outputs = evaluate(translator, TEST, beam=0)
    assert plain.model_alone is None, "it wrote no <unk>"
    (books,) = translator.target_vocab.encode(["books"])
    write = translator.write

    def without_books(cut, batch_size=128, beam=1):
        return [replace(w, ids=[UNK if i == books else i for i in w.ids]) for w in write(cut, batch_size, beam)]

    monkeypatch.setattr(translator, "write", without_books)
    evaluation, looked_up = evaluate(translator, TEST, beam=0)
    bare = [output.hypothesis.replace("books", "<unk>") for output in outputs]
    assert evaluation.model_alone.bleu == score(bare, [target for _, target in TEST]).bleu
    assert not any("<unk>" in output.hypothesis for output in looked_up)


def test_without_a_pair_it_says_so(translator):
    with pytest.raises(Problem, match="no sentence pair"):
        evaluate(translator, [])


def test_what_is_saved_is_read_again(translator, tmp_path):
    run = Run(tmp_path)
    evaluation, outputs = evaluate(translator, TEST, beam=5)
    save(run, evaluation, outputs)
    assert saved(run) == evaluation
    assert saved_outputs(run) == outputs
    assert run.scores()["bleu"] == evaluation.bleu


def test_a_finished_run_was_scored_so(finished_run):
    evaluation, outputs = evaluate_run(finished_run)
    assert saved(finished_run) == evaluation
    assert saved_outputs(finished_run) == outputs
    assert evaluation.beam is not None


def test_outputs_of_long_sentences_stop_at_600_kilobytes(translator, tmp_path):
    evaluation, _ = evaluate(translator, TEST, beam=0)
    long = [Output("长" * 100, "w " * 200, "w " * 200, 1.0, 0.0) for _ in range(2000)]
    save(Run(tmp_path), evaluation, long)
    size = (tmp_path / "test_outputs.jsonl").stat().st_size
    assert OUTPUT_BYTES - 2000 < size <= OUTPUT_BYTES
    assert saved_outputs(Run(tmp_path)) == long[: len(saved_outputs(Run(tmp_path)))]


def test_damaged_outputs_are_left_out(tmp_path):
    good = {"source": "a", "reference": "b", "hypothesis": "c", "score": 1, "unknown": 0.5}
    rows = [
        good,
        good | {"score": "x"},
        {"source": "a"},
        good | {"beam": 3},
        good | {"beam": "d", "beam_gain": 1.5, "new": 1},
    ]
    lines = [json.dumps(row).encode() for row in rows]
    (tmp_path / "test_outputs.jsonl").write_bytes(b"\n".join([*lines, b"[]", b"\xff{", b'{"source": "half']))
    assert [output.beam for output in saved_outputs(Run(tmp_path))] == [None, "d"]


# In the background


def test_a_process_of_its_own_scores_the_run(finished_run):
    before = saved(finished_run), saved_outputs(finished_run)
    for name in ("scores.json", "test_outputs.jsonl"):
        (finished_run.folder / name).unlink()
    assert not progress(finished_run).alive
    start(finished_run)
    assert progress(finished_run).alive
    deadline = time.monotonic() + 60
    while progress(finished_run).alive:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert progress(finished_run).problem is None
    assert (saved(finished_run), saved_outputs(finished_run)) == before


def test_a_run_that_cannot_be_scored_says_why_until_it_is_tried_again(finished_run):
    (finished_run.folder / "pairs.tsv").rename(finished_run.folder / "away.tsv")
    with pytest.raises(Problem, match=r"pairs\.tsv"):
        score_and_save(finished_run)
    assert "pairs.tsv" in progress(finished_run).problem.en
    (finished_run.folder / "away.tsv").rename(finished_run.folder / "pairs.tsv")
    score_and_save(finished_run)
    assert progress(finished_run) == scorer.Progress(False)


def test_a_process_that_was_killed_is_noticed(finished_run):
    (finished_run.folder / "scoring.json").write_text(json.dumps({"share": 0.4, "updated": 0, "problem": None}))
    told = progress(finished_run)
    assert not told.alive
    assert "killed" in told.problem.en


def test_a_run_that_trains_is_left_alone(finished_run):
    with finished_run.lock(), pytest.raises(Problem, match="training"):
        start(finished_run)
    with finished_run.lock(), pytest.raises(Problem, match="training"):
        score_and_save(finished_run)


def test_a_run_that_came_with_its_translations_alone_gets_its_sentences_back(translator, tmp_path):
    run = Run(tmp_path)
    evaluation, outputs = evaluate(translator, TEST, beam=3)
    save(run, evaluation, outputs)
    save_translations(run)
    assert not restorable(run)
    (tmp_path / OUTPUTS).unlink()
    shipped = (tmp_path / TRANSLATIONS).read_text("utf-8")
    assert not any(source in shipped for source, _ in TEST)
    assert restorable(run)
    assert not restore(run, TEST[1:]), "the run was scored on other sentences"
    assert saved_outputs(run) == []
    assert restore(run, TEST)
    assert saved_outputs(run) == outputs
    assert not restorable(run)


def test_the_sentences_of_a_named_corpus_come_back_from_its_package(tmp_path):
    run = Run.create(tmp_path / "hsk", tiny_config(corpus="hsk", pairs=300, epochs=1, max_size=200))
    list(train(run))
    outputs = saved_outputs(run)
    save_translations(run)
    (run.folder / OUTPUTS).unlink()
    restore_sentences([run])
    assert len(outputs) > 100
    assert saved_outputs(run) == outputs
