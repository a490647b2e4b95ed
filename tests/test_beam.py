"""Beam search, for many sentences at once and with every hypothesis on record."""

import json

import pytest
import torch

from core.batches import source_ids
from core.beam import FINAL, KEPT, MAX_WIDTH, PRUNED, BeamTrace, balanced, beam_batch, beam_trace
from core.decode import greedy_batch, step_limit
from core.problems import Problem
from core.vocab import EOS
from tests.test_decode import MODELS, SENTENCES, SHAPES, SOURCE, TARGET, all_logits, make_model, read

ENCODED = [source_ids(SOURCE.encode(words)) for words in SENTENCES]


def beam(model, words, width, **options):
    return beam_trace(model, "".join(words), words, SOURCE, TARGET, read, width, **options)


def recomputed(model, words, hypothesis):
    """The hypothesis' log-probability by one teacher-forced call."""
    chosen = hypothesis.ids + [EOS] * hypothesis.finished
    shares = all_logits(model, words, chosen).log_softmax(dim=1)
    return shares[range(len(chosen)), chosen].sum().item()


@pytest.mark.parametrize("model", MODELS)
def test_width_one_is_greedy(model):
    model = make_model(*model)
    for (hypothesis,), greedy in zip(beam_batch(model, ENCODED, 1), greedy_batch(model, ENCODED), strict=True):
        assert (hypothesis.ids, hypothesis.looked_at or None) == (greedy.ids, greedy.looked_at or None)


@pytest.mark.parametrize("shape", [{"attention": "none"}, *SHAPES])
@pytest.mark.parametrize("width", [1, 2, 5, 10])
def test_each_hypothesis_has_the_log_probability_that_the_model_gives_it(shape, width):
    model = make_model(3, eos=2.0, **shape)
    for words, hypotheses in zip(SENTENCES, beam_batch(model, ENCODED, width), strict=True):
        assert len(hypotheses) == width
        assert len({(tuple(found.ids), found.finished) for found in hypotheses}) == width
        for found in hypotheses:
            assert found.log_probability == pytest.approx(recomputed(model, words, found), rel=1e-4)
            length = len(found.ids) + found.finished
            assert found.score == balanced(found.log_probability, length, 1.0)
        order = [(not found.finished, -found.score) for found in hypotheses]
        assert order == sorted(order)


@pytest.mark.parametrize("model", MODELS)
def test_a_sentence_alone_and_padded_among_others_gives_the_same(model):
    model = make_model(*model)
    for words, together in zip(SENTENCES, beam_batch(model, ENCODED, 4), strict=True):
        (alone,) = beam_batch(model, [source_ids(SOURCE.encode(words))], 4)
        assert [found.ids for found in alone] == [found.ids for found in together]
        made = beam(model, words, 4)
        assert [sentence.sentence for sentence in made.best] == [" ".join(TARGET.decode(found.ids)) for found in alone]


def test_wider_search_finds_more_probable_sentences_on_average():
    # Of one sentence it need not hold: the greedy path may be crowded out by what looks better at first.
    models = [make_model(seed, eos=2.0) for seed in range(20)]

    def average(width):
        scores = [found[0].score for model in models for found in beam_batch(model, ENCODED, width, bonus=0.0)]
        return sum(scores) / len(scores)

    averages = [average(width) for width in (1, 2, 4, 8)]
    assert averages == sorted(averages)
    assert averages[0] < averages[-1]


def test_as_wide_as_the_vocabulary_it_finds_the_most_probable_short_sentence():
    # With five words and at most two of them, a beam of ten sees all.
    torch.manual_seed(0)
    model = make_model(0, eos=3.0, target_size=5)
    (found,) = beam_batch(model, ENCODED[1:2], 10, bonus=0.0)
    candidates = {}
    for ids in [[], *([a] for a in (0, 1, 2, 4)), *([a, b] for a in (0, 1, 2, 4) for b in (0, 1, 2, 4))]:
        chosen = [*ids, EOS]
        shares = all_logits(model, SENTENCES[1], chosen).log_softmax(dim=1)
        candidates[tuple(ids)] = shares[range(len(chosen)), chosen].sum().item()
    best = max(candidates, key=candidates.get)
    assert found[0].log_probability >= candidates[best] - 1e-5


@pytest.mark.parametrize("width", [1, 3, 10])
@pytest.mark.parametrize("eos", [0.0, 2.0])
def test_the_record_is_a_tree_in_which_the_best_stay(width, eos):
    for seed in range(4):
        made = beam(make_model(seed, eos=eos), SENTENCES[2], width)
        places, parents = width, {-1: 0.0}
        for step in made.steps:
            assert [node.rank for node in step] == list(range(1, len(step) + 1))
            probabilities = [node.log_probability for node in step]
            assert probabilities == sorted(probabilities, reverse=True)
            states = [node.state for node in step]
            stay = [state for state in states if state != PRUNED]
            assert len(stay) == min(places, len(step))
            assert PRUNED not in states[: len(stay)]
            assert all((node.token_id == EOS) == (node.state == FINAL) for node in step if node.state != PRUNED)
            assert all(node.log_probability <= parents[node.parent] for node in step)
            parents = {node.id: node.log_probability for node in step if node.state == KEPT}
            places -= states.count(FINAL)
        assert places == 0 or len(made.steps) == step_limit(len(SENTENCES[2]) + 1)
        nodes = {node.id: node for step in made.steps for node in step}
        assert len(made.best) == width
        for sentence in made.best:
            node = nodes[sentence.node]
            assert (node.state == FINAL) == sentence.finished
            assert (node.log_probability, node.score) == (sentence.log_probability, sentence.score)
            tokens = []
            while node is not None:
                tokens.append(node.token_id)
                node = nodes.get(node.parent)
            assert " ".join(TARGET.decode(tokens[::-1])) == sentence.sentence


def test_a_model_that_never_ends_is_cut_off():
    (found,) = beam_batch(make_model(1, eos=-1e9), ENCODED[:1], 3)
    assert not any(hypothesis.finished for hypothesis in found)
    assert {len(hypothesis.ids) for hypothesis in found} == {step_limit(len(ENCODED[0]))}


def test_what_never_ends_comes_after_what_does():
    made = [found for seed in range(6) for found in beam_batch(make_model(seed, eos=1.0), ENCODED, 5)]
    mixed = [found for found in made if len({hypothesis.finished for hypothesis in found}) == 2]
    assert mixed
    assert all(found[0].finished and not found[-1].finished for found in mixed)


def test_without_a_bonus_short_sentences_win():
    model = make_model(2, eos=1.0)
    lengths = [
        sum(len(found[0].ids) for found in beam_batch(model, ENCODED, 8, bonus=bonus)) for bonus in (0.0, 1.0, 3.0)
    ]
    assert lengths == sorted(lengths)


def test_the_bonus_decides_between_a_short_and_a_long_sentence():
    # One word of probability 0.4 more: ln 0.4 is nearly -1, so that a bonus of 1 is just enough.
    short, longer = -2.0, -2.0 + torch.tensor(0.4).log().item()
    assert balanced(short, 4, 0.0) > balanced(longer, 5, 0.0)
    assert balanced(short, 4, 1.0) < balanced(longer, 5, 1.0)


@pytest.mark.parametrize("width", [0, -1, MAX_WIDTH + 1])
def test_a_width_out_of_range_is_a_problem(width):
    with pytest.raises(Problem, match="width must be 1 to 10, got"):
        beam_batch(make_model(1), ENCODED, width)


def test_the_record_survives_json():
    made = beam(make_model(2), SENTENCES[0], 4)
    assert BeamTrace.from_dict(json.loads(json.dumps(made.to_dict()))) == made
