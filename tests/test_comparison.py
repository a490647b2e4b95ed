"""Runs side by side: what differs, what can be compared, and what costs nothing to reach."""

import json

import pytest

from core import baselines
from core.baselines import measure, saved
from core.comparison import comparable_losses, comparable_scores, differing, facts, only_change
from core.problems import Problem


@pytest.fixture
def known(new_run):
    """Makes what is known of a run that has one epoch behind it: `known("name", hidden=32)`."""

    def make(name, test="", **changes):
        run = new_run(name, **changes)
        row = {"epoch": 1, "train_loss": 3, "valid_loss": 2.5, "bleu": 1, "train_seconds": 4, "tokens_per_second": 9}
        run.append("metrics.jsonl", row)
        if test:
            scores = {"bleu": 1.0, "bleu_lowercase": 2.0, "chrf": 3.0, "sentences": 4, "test": test}
            (run.folder / "scores.json").write_text(json.dumps(scores))
        return facts(run)

    return make


def test_only_what_differs_is_named_in_the_order_of_the_settings(known):
    runs = [known("a"), known("b", hidden=32), known("c", seed=9, hidden=32)]
    assert differing(runs) == ["hidden", "seed"]
    assert differing(runs[:1]) == []
    assert differing([]) == []


def test_one_change_is_found_whatever_the_runs_are_called_and_began_from(known):
    first = known("a")
    assert only_change(first, known("b", hidden=32, based_on="a", pinned=("好。",), threads=2)) == "hidden"
    assert only_change(first, known("c", hidden=32, seed=2)) is None
    assert only_change(first, known("d", threads=2)) is None
    assert only_change(first, first) is None


def test_scores_on_other_sentences_and_losses_of_other_words_do_not_compare(known):
    first = known("a", test="x")
    assert comparable_scores([first, known("b", test="x", hidden=32), known("untested", corpus="hsk")])
    assert not comparable_scores([first, known("c", test="y")])
    assert not comparable_scores([known("d", test="x", split_seed=2), known("e", test="z")])
    assert comparable_losses([first, known("f", hidden=32)])
    assert not comparable_losses([first, known("g", min_freq=3)])
    assert not comparable_losses([first, known("h", target_tokenizer="characters")])


def test_what_is_not_there_yet_is_none_and_a_damaged_run_is_left_out(known, new_run, finished_run):
    one = known("a")
    assert (one.bleu, one.chrf, one.test, one.interval) == (None, None, "", None)
    assert (one.valid_loss, one.seconds) == (2.5, 4)
    assert facts(new_run("not begun")) is None
    assert facts(finished_run).bleu == finished_run.scores()["bleu_lowercase"]
    (finished_run.folder / "scores.json").write_text('{"bleu": 1, "bleu_lowercase": 1, "sentences": 1, "by_length": 7}')
    assert facts(finished_run).bleu is None
    (finished_run.folder / "config.json").write_text("{")
    assert facts(finished_run) is None


def test_a_loss_that_is_no_number_is_never_the_lowest(known):
    run = known("blown up").run
    row = {
        "epoch": 2,
        "train_loss": 3,
        "valid_loss": float("nan"),
        "bleu": 0,
        "train_seconds": 4,
        "tokens_per_second": 9,
    }
    run.append("metrics.jsonl", row)
    assert facts(run).valid_loss == 2.5


# What costs nothing


def test_copying_a_copy_is_perfect_and_the_most_frequent_sentence_is_the_most_frequent(new_run, pairs):
    answers = [(f"{source}{n}", "Yes.") for n, (source, _) in enumerate(pairs[:12])]
    same = [(target, target) for _, target in pairs]
    run = new_run("copy", sentences=[*same, *answers], source_tokenizer="spacy")
    found = measure(run)
    assert found.sentence == "Yes."
    assert found.copying > 80
    assert found.frequent < found.copying


def test_they_are_kept_beside_the_run_and_speak_of_the_sentences_that_it_was_scored_on(finished_run):
    assert saved(finished_run) is None
    found = measure(finished_run)
    assert saved(finished_run) == found
    assert found.test == finished_run.scores()["test"]
    assert found.copying < 5  # Chinese is no English


@pytest.mark.parametrize("content", ["", "{", "[]", '{"copying": 1}', '{"copying": "a", "frequent": 1, "sentence": "", "test": ""}',
    '{"copying": NaN, "frequent": 1, "sentence": "", "test": ""}'])  # fmt: skip
def test_a_damaged_file_counts_as_none(finished_run, content):
    (finished_run.folder / baselines.FILE).write_text(content)
    assert saved(finished_run) is None


def test_without_its_sentences_there_is_nothing_to_measure(finished_run):
    (finished_run.folder / "pairs.tsv").unlink()
    with pytest.raises(Problem, match=r"pairs\.tsv"):
        measure(finished_run)
