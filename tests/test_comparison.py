"""Runs side by side: what differs, what can be compared, and what costs nothing to reach."""

import json

import pytest

from core import baselines, comparison
from core.baselines import measure, saved
from core.problems import Problem
from core.processes import PROJECT
from core.runs import Run


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
        return comparison.facts(run)

    return make


def test_only_what_differs_is_named_in_the_order_of_the_settings(known):
    runs = [known("a"), known("b", hidden=32), known("c", seed=9, hidden=32)]
    assert comparison.differing(runs) == ["hidden", "seed"]
    assert comparison.differing(runs[:1]) == []
    assert comparison.differing([]) == []


def test_one_change_is_found_whatever_the_runs_are_called_and_began_from(known):
    first = known("a")
    assert comparison.only_change(first, known("b", hidden=32, based_on="a", pinned=("好。",), threads=2)) == "hidden"
    assert comparison.only_change(first, known("c", hidden=32, seed=2)) is None
    assert comparison.only_change(first, known("d", threads=2)) is None
    assert comparison.only_change(first, first) is None


def test_scores_on_other_sentences_and_losses_of_other_words_do_not_compare(known):
    first = known("a", test="x")
    assert comparison.comparable_scores([first, known("b", test="x", hidden=32), known("untested", corpus="hsk")])
    assert not comparison.comparable_scores([first, known("c", test="y")])
    assert not comparison.comparable_scores([known("d", test="x", split_seed=2), known("e", test="z")])
    assert comparison.comparable_losses([first, known("f", hidden=32)])
    assert not comparison.comparable_losses([first, known("g", min_freq=3)])
    assert not comparison.comparable_losses([first, known("h", target_tokenizer="characters")])


def test_a_run_without_a_test_score_is_still_known_to_have_other_sentences(known):
    scored, stopped = known("a", test="x"), known("stopped", corpus="hsk")
    assert comparison.comparable_scores([scored, stopped])
    assert not comparison.same_sentences([scored, stopped])
    assert comparison.same_sentences([scored, known("b", hidden=32)])
    assert not comparison.same_sentences([scored, known("c", test="y")])


def test_what_was_changed_on_the_way_is_a_difference_and_stands_in_its_order(known):
    first, second = known("a", learning_rate=0.005), known("b", learning_rate=0.005)
    for rates in ((0.005, 0.001), (0.001, 0.005), (0.005, 0.0005)):
        row = {"change": "learning_rate", "from": rates[0], "to": rates[1], "at_step": 3}
        second.run.append("metrics.jsonl", row)
    assert second.course("learning_rate") == (0.005, 0.001, 0.005, 0.0005)
    assert second.course("hidden") == (second.config.hidden,)
    assert comparison.only_change(first, second) == "learning_rate"


def test_a_sentence_added_on_the_way_is_followed_too(known):
    first, second = known("a"), known("b")
    for one, sources in ((first, "好"), (second, "好坏")):
        for source in sources:
            one.run.append("samples.jsonl", {"epoch": 1, "source": source, "translation": "x"})
    assert second.followed == {"好", "坏"}
    assert comparison.differing([first, second]) == ["pinned"]
    pinned = known("c", pinned=("好",)), known("d", pinned=("好",))
    pinned[0].run.append("samples.jsonl", {"epoch": 1, "source": "好", "translation": "x"})
    assert comparison.differing(pinned) == []  # the other's translations did not come along


def test_the_lessons_line_is_its_kept_epoch_and_stands_among_runs_on_its_sentences_alone(known):
    lesson = comparison.facts(Run(PROJECT / "checkpoints" / "lesson"))
    expected = next(row["bleu"] for row in lesson.epochs if row["epoch"] == lesson.status.best_epoch)
    same = known("same", corpus="tatoeba", split_seed=lesson.config.split_seed)
    assert comparison.lesson_bleu([lesson, same]) == expected
    assert comparison.lesson_bleu([same, known("own", corpus="files")]) is None
    assert comparison.lesson_bleu([known("other split", corpus="tatoeba", split_seed=2)]) is None


def test_on_how_many_sentences_bleu_was_measured_is_said_only_where_every_run_tells(known, finished_run):
    told = comparison.facts(finished_run)
    count = told.epochs[-1]["bleu_sentences"]
    assert comparison.measured_sentences([told]) == (count, count)
    assert 0 < count <= 500
    assert comparison.measured_sentences([told, known("older")]) is None


def test_what_is_not_there_yet_is_none_and_a_damaged_run_is_left_out(known, new_run, finished_run):
    one = known("a")
    assert (one.bleu, one.chrf, one.test, one.interval) == (None, None, "", None)
    assert (one.valid_loss, one.seconds) == (2.5, 4)
    assert comparison.facts(new_run("not begun")) is None
    assert comparison.facts(finished_run).bleu == finished_run.scores()["bleu_lowercase"]
    (finished_run.folder / "scores.json").write_text('{"bleu": 1, "bleu_lowercase": 1, "sentences": 1, "by_length": 7}')
    assert comparison.facts(finished_run).bleu is None
    (finished_run.folder / "config.json").write_text("{")
    assert comparison.facts(finished_run) is None


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
    assert comparison.facts(run).valid_loss == 2.5


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
