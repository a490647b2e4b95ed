"""BLEU and chrF, how sure they are, and what goes wrong by itself to be seen."""

import dataclasses
import json
import math
import random

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from core.problems import Problem
from core.scoring import (
    MEASURES,
    Evaluation,
    Measures,
    Output,
    Statistics,
    compare,
    counted,
    findings,
    grouped,
    resampled,
    score,
    signs,
    source_length,
)

REFERENCES = ["The cat sat on the mat.", "It is raining again today.", "Where did you put my keys?"]


def test_a_perfect_translation_has_100():
    scores = score(REFERENCES, REFERENCES)
    assert (scores.bleu, scores.bleu_lowercase, scores.chrf, scores.sentences) == (100, 100, 100, 3)


def test_nothing_has_0():
    scores = score(["", "", ""], REFERENCES)
    assert (scores.bleu, scores.bleu_lowercase, scores.chrf) == (0, 0, 0)


def test_case_counts_in_bleu_but_not_in_the_lowercased_one():
    scores = score([reference.upper() for reference in REFERENCES], REFERENCES)
    assert scores.bleu < scores.bleu_lowercase == 100


def test_each_sentence_is_held_against_its_own_reference():
    scores = score(REFERENCES[::-1], REFERENCES)
    assert scores.bleu < 50


def test_a_wrong_word_costs_something():
    scores = score([REFERENCES[0].replace("cat", "dog"), *REFERENCES[1:]], REFERENCES)
    assert 0 < scores.bleu < 100
    assert 0 < scores.chrf < 100


def test_the_signatures_say_how_it_was_counted():
    scores = score(REFERENCES, REFERENCES)
    assert "case:mixed" in scores.signature
    assert "case:lc" in scores.signature_lowercase
    for signature in (scores.signature, scores.signature_lowercase):
        assert "nrefs:1" in signature
        assert "tok:13a" in signature
    assert "nc:6" in scores.signature_chrf


# Statistics, intervals, groups


def garbled(seed=1, count=60):
    """Hypotheses of every quality for as many references, some empty, some much too short or long."""
    chance = random.Random(seed)
    words = "".join(REFERENCES).lower().replace("?", " ").replace(".", " ").split()
    references = [" ".join(chance.choices(words, k=chance.randint(1, 12))).capitalize() + "." for _ in range(count)]
    hypotheses = []
    for reference in references:
        kept = [word for word in reference.split() if chance.random() < 0.7]
        hypotheses.append(" ".join(kept + chance.choices(words, k=chance.randint(0, 4))))
    return hypotheses, references


@pytest.mark.parametrize("seed", range(5))
def test_the_formulas_for_many_draws_are_sacrebleus(seed):
    hypotheses, references = garbled(seed)
    statistics = Statistics(hypotheses, references)
    draws = resampled(statistics.rows, 20)
    sums = np.vstack([draws, statistics.rows])  # single sentences too: no pair or four of them right, or none at all
    for measure, metric in statistics.metrics.items():
        for drawn, row in zip(statistics.drawn(measure, sums), sums[:, statistics.columns[measure]], strict=True):
            assert drawn == pytest.approx(metric._compute_score_from_stats(row.astype(int).tolist()).score, abs=1e-9)


def test_the_scores_are_those_that_sacrebleu_gives_the_sentences():
    hypotheses, references = garbled()
    scores = score(hypotheses, references)
    assert scores.bleu == round(BLEU().corpus_score(hypotheses, [references]).score, 2)
    assert scores.bleu_lowercase == round(BLEU(lowercase=True).corpus_score(hypotheses, [references]).score, 2)
    assert scores.chrf == round(CHRF().corpus_score(hypotheses, [references]).score, 2)
    assert scores.chrf_lowercase == round(CHRF(lowercase=True).corpus_score(hypotheses, [references]).score, 2)


def test_what_bleu_is_made_of_gives_bleu():
    scores = score(*garbled())
    assert math.prod(scores.precisions) ** 0.25 * scores.brevity_penalty == pytest.approx(
        scores.bleu_lowercase, abs=0.1
    )


def test_a_score_does_not_hang_on_the_order_of_the_sentences():
    hypotheses, references = garbled()
    assert score(hypotheses[::-1], references[::-1]) == score(hypotheses, references)


def whole(hypotheses, references, lengths=None, unknown=None):
    count = len(references)
    return grouped(
        Statistics(hypotheses, references), lengths or [1.0] * count, unknown or [0.0] * count, resamples=200
    )


@pytest.mark.parametrize("count", [1, 2, 60])
def test_the_interval_holds_the_score_and_is_the_same_each_time(count):
    hypotheses, references = garbled(count=count)
    scores = whole(hypotheses, references)
    for measure in MEASURES:
        low, high = scores.intervals[measure]
        assert 0 <= low <= getattr(scores, measure) <= high <= 100
    assert whole(hypotheses, references) == scores


def test_more_sentences_make_the_interval_narrower():
    hypotheses, references = garbled(count=30)
    few = whole(hypotheses, references).intervals["bleu"]
    many = whole(hypotheses * 16, references * 16).intervals["bleu"]
    assert many[1] - many[0] < (few[1] - few[0]) / 2


def test_groups_hold_every_sentence_once():
    hypotheses, references = garbled()
    chance = random.Random(2)
    lengths = [chance.randint(1, 50) for _ in references]
    unknown = [chance.choice([0, 0, 0.05, 0.1, 0.15, 0.2, 0.5, 1]) for _ in references]
    scores = whole(hypotheses, references, lengths, unknown)
    for groups, values in ((scores.by_length, lengths), (scores.by_unknown, unknown)):
        assert sum(group.sentences for group in groups) == scores.sentences
        for group in groups:
            inside = [group.low < value <= (group.high or math.inf) for value in values]
            if group.high == 0:
                inside = [value == 0 for value in values]
            assert sum(inside) == group.sentences
            alone = score(
                *([text for text, one in zip(texts, inside, strict=True) if one] for texts in (hypotheses, references))
            )
            assert (alone.bleu, alone.chrf) == (group.bleu, group.chrf)


def test_where_all_sentences_are_alike_the_one_group_is_the_whole():
    scores = whole(*garbled())
    (by_length,) = scores.by_length
    (by_unknown,) = scores.by_unknown
    for measure in MEASURES:
        assert getattr(by_length, measure) == getattr(by_unknown, measure) == getattr(scores, measure)


def test_chinese_is_counted_by_characters_and_the_signature_says_so():
    references = ["他昨天没来上班。", "今天天气很好。"]
    scores = score(["他昨天没来上学。", "今天天气很好。"], references)
    assert "tok:zh" in scores.signature
    assert 50 < scores.bleu < 100


def test_the_length_of_a_sentence_does_not_hang_on_how_a_run_cuts_it():
    assert source_length("他昨天没来上班。") == 7
    assert source_length("He was absent yesterday.") == 4


def test_the_counting_of_one_sentence_is_sacrebleus():
    for hypothesis, reference in [
        *zip(*garbled(), strict=True),
        ("the the the the", "The cat."),
        ("猫在垫子上。", "那只猫坐在垫子上。"),
    ]:
        one = counted(hypothesis, reference)
        statistics = Statistics([hypothesis], [reference])
        row = statistics.rows[0, statistics.columns["bleu_lowercase"]].astype(int).tolist()
        assert len(one.words) == row[0]
        assert [sum(right) for right in one.right] == row[2:6]
        assert [len(right) for right in one.right] == row[6:10]
        assert one.bleu == pytest.approx(statistics.value("bleu_lowercase", statistics.rows), abs=0.06)


def test_a_word_is_right_only_as_often_as_it_stands_in_the_reference():
    assert counted("the the the", "The cat and the dog").right[0] == [True, True, False]


# Comparing


def test_a_run_is_as_good_as_itself():
    hypotheses, references = garbled()
    same = compare(hypotheses, hypotheses, references)
    assert (same.difference, same.interval, same.certain) == (0, (0, 0), False)


def test_the_better_run_is_better_whichever_comes_first():
    hypotheses, references = garbled()
    gain, loss = compare(hypotheses, references, references), compare(references, hypotheses, references)
    assert gain.certain
    assert loss.certain
    assert gain.difference == -loss.difference > 0


def test_a_word_that_differs_in_one_sentence_is_no_certain_difference():
    hypotheses, references = garbled()
    assert not compare(hypotheses, [references[0], *hypotheses[1:]], references).certain


# What goes wrong


def found(hypotheses, references, unknown_source=0.0, unknown_target=0.0, epochs=()):
    seen = signs(hypotheses, references, unknown_source, unknown_target)
    return " ".join(problem.en for problem in findings(seen, len(references), epochs))


def epochs(*losses):
    return [{"epoch": i, "train_loss": train, "valid_loss": valid} for i, (train, valid) in enumerate(losses, start=1)]


def test_nothing_is_wrong_with_the_references_themselves():
    _, references = garbled()
    assert found(references, references, epochs=epochs((3, 3.1), (2, 2.5), (1.5, 2.4))) == ""


def test_one_translation_for_everything_is_noticed():
    _, references = garbled()
    assert "“I don't know.”" in found(["I don't know."] * len(references), references)
    assert "different translations" in found([f"I {i % 10}." for i in range(len(references))], references)


def test_a_word_over_and_over_is_noticed():
    _, references = garbled()
    loops = [f"I {i} a a a a a a" for i in range(len(references))]
    assert "“a”" in found(loops, references)
    assert "“的”" in found([f"我{i}的的的的的的" for i in range(60)], [f"第{i}个句子。" for i in range(60)])


def test_more_than_a_tenth_unknown_is_noticed():
    _, references = garbled()
    assert "source words" in found(references, references, unknown_source=0.11)
    assert "references" in found(references, references, unknown_target=0.11)
    assert found(references, references, unknown_source=0.09, unknown_target=0.09) == ""


def test_learning_by_heart_is_noticed_and_falling_losses_are_not():
    _, references = garbled()
    assert "since epoch 2" in found(references, references, epochs=epochs((3, 3.1), (2, 2.5), (1.5, 2.7)))
    assert found(references, references, epochs=epochs((3, 3.1), (2, 2.5), (1.9, 2.51))) == "", "by less than 1%"
    assert found(references, references, epochs=epochs((3, 3.1))) == ""
    blown_up = epochs((3, math.nan), (3, 3.1), (2, 2.5), (1.5, 2.7))
    assert "since epoch 3" in found(references, references, epochs=blown_up), "what is no number is not the best"
    assert found(references, references) == ""


def test_a_handful_of_sentences_is_no_evidence():
    assert found(["I."] * 5, REFERENCES + REFERENCES[:2]) == ""


# scores.json


def evaluation():
    hypotheses, references = garbled()
    scores = whole(hypotheses, references, [len(text) for text in references])
    parts = {name: getattr(scores, name) for name in scores.__dataclass_fields__}
    return Evaluation(
        **parts,
        signs=signs(hypotheses, references, 0.1, 0.2),
        model_alone=Measures(sentences=3, bleu=1.0, bleu_lowercase=1.5, chrf=2, chrf_lowercase=2),
        beam=scores,
        beam_width=5,
        test="abc",
        epoch=3,
    )


def test_what_was_written_is_read_again():
    before = evaluation()
    assert Evaluation.from_dict(json.loads(json.dumps(dataclasses.asdict(before)))) == before


def test_a_file_of_the_first_version_has_its_numbers():
    old = {"bleu": 21.5, "bleu_lowercase": 21.9, "chrf": 38, "sentences": 2000, "signature": "nrefs:1"}
    read = Evaluation.from_dict(old | {"from a later version": 1})
    assert (read.bleu, read.sentences, read.intervals, read.by_length, read.beam) == (21.5, 2000, {}, [], None)


@pytest.mark.parametrize(
    "damage",
    [
        {"bleu": "many"}, {"sentences": None}, {"intervals": {"bleu": [1]}}, {"intervals": 3}, {"by_length": [{}]},
        {"by_length": [{"low": "x"}]}, {"signs": {"common": 3}}, {"beam": {"bleu": 1}}, {"model_alone": 3}, {"precisions": ["x"]},
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_sentence(damage):
    with pytest.raises(Problem, match=r"scores\.json"):
        Evaluation.from_dict(dataclasses.asdict(evaluation()) | damage)


def test_what_reading_back_gains_is_counted_from_beam_searchs_translation():
    plain = Output("我。", "I.", "I.", 80.0, 0.0)
    assert plain.read_back_gain == 0
    assert dataclasses.replace(plain, read_back="Me.", read_back_score=50.0).read_back_gain == -30
    assert (
        dataclasses.replace(plain, beam="You.", beam_score=20.0, read_back="Me.", read_back_score=50.0).read_back_gain
        == 30
    )
    assert (
        dataclasses.replace(plain, beam="You.", beam_score=20.0).read_back_gain == 0
    )  # it chooses what beam search finds
