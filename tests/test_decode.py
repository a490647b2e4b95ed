"""Greedy decoding, for many sentences at once and with everything on record."""

import json
import math
from dataclasses import replace

import pytest
import torch

from core.batches import source_ids
from core.decode import (
    MAX_CANDIDATES,
    STATE_NUMBERS,
    TEMPERATURES,
    DecodeTrace,
    Writing,
    greedy_batch,
    greedy_trace,
    step_limit,
)
from core.model import ModelConfig, Seq2Seq
from core.vocab import EOS, PAD, SOS, UNK, Vocab

SOURCE = Vocab.build([["我", "喜欢", "书", "花", "你"]] * 3)
TARGET = Vocab.build([[*"abcdefghijklmnopqrstuvwxyz"]] * 3)
SENTENCES = [["我", "喜欢", "书"], ["你"], ["我", "喜欢", "你", "花", "书", "书"], ["花", "花"]]


def make_model(seed, attention="dot", eos=0.0, **shape):
    """Untrained; `eos` makes the end of the sentence likelier."""
    torch.manual_seed(seed)
    shape = {"embedding": 8, "hidden": 8, "source_size": len(SOURCE), "target_size": len(TARGET)} | shape
    model = Seq2Seq(ModelConfig(attention=attention, **shape)).eval()
    with torch.no_grad():
        model.decoder.output.weight *= 6  # else it says one word for ever
        model.decoder.output.bias[EOS] += eos
    return model


def read(writing, words):
    return " ".join(TARGET.decode(writing.ids)), []


def trace(model, words, prefix=()):
    return greedy_trace(model, "".join(words), words, SOURCE, TARGET, read, prefix)


def written(made):
    """The words of a trace, without those that mark."""
    return [step.chosen.token for step in made.steps if step.chosen.id not in (EOS, PAD, SOS)]


def all_logits(model, words, chosen):
    """What the model offers at each step (T, V) if these words are chosen, in one teacher-forced call."""
    ids = torch.from_numpy(source_ids(SOURCE.encode(words))).unsqueeze(1)
    memory = model.encode(ids, torch.tensor([len(ids)]))
    tokens = torch.tensor([SOS, *chosen[:-1]]).unsqueeze(1)
    with torch.inference_mode():
        return model.decode(tokens, memory, memory.context)[0][:, 0]


MODELS = [
    (seed, attention, eos) for seed in range(6) for attention in ("none", "dot", "additive") for eos in (0.0, 2.0)
]


@pytest.mark.parametrize("model", MODELS)
def test_one_by_one_and_in_a_batch_the_translations_are_the_same(model):
    model = make_model(*model)
    together = greedy_batch(model, [source_ids(SOURCE.encode(words)) for words in SENTENCES])
    for words, writing in zip(SENTENCES, together, strict=True):
        ids = writing.ids
        alone = trace(model, words)
        assert [step.chosen.id for step in alone.steps] == ids + [EOS] * alone.finished
        assert written(alone) == TARGET.decode(ids)
        assert alone.sentence == " ".join(written(alone))
        if alone.steps[0].attention is None:
            assert writing.looked_at is None
        else:
            on_words = [step.attention[:-1] for step in alone.steps]
            assert writing.looked_at == [weights.index(max(weights)) for weights in on_words[: len(ids)]]


@pytest.mark.parametrize("model", MODELS)
def test_each_step_keeps_its_laws(model):
    model = make_model(*model)
    for words in SENTENCES:
        made = trace(model, words)
        assert made.log_probability == sum(step.log_probability for step in made.steps)
        assert made.words == [token.text for token in made.source[:-1]] == words
        before = "<sos>"
        for step in made.steps:
            assert step.input_token == before
            probabilities = [candidate.probability for candidate in step.candidates]
            assert len(probabilities) == MAX_CANDIDATES
            assert probabilities == sorted(probabilities, reverse=True)
            assert 0 < sum(probabilities) <= 1 + 1e-6
            assert all(TARGET.tokens[candidate.id] == candidate.token for candidate in step.candidates)
            assert step.chosen == step.candidates[0]
            assert step.rank == 1
            assert not step.forced
            assert step.log_probability == pytest.approx(math.log(step.chosen.probability))
            assert 0 <= step.entropy <= math.log2(len(TARGET)) + 1e-6
            if step.attention is not None:
                assert len(step.attention) == len(made.source)
                assert sum(step.attention) == pytest.approx(1)
            before = step.chosen.token


def test_the_most_probable_word_is_chosen():
    model = make_model(1)
    words = SENTENCES[0]
    ids = torch.from_numpy(source_ids(SOURCE.encode(words))).unsqueeze(1)
    memory = model.encode(ids, torch.tensor([len(ids)]))
    state, token = memory.context, TARGET.tokens.index("<sos>")
    for step in trace(model, words).steps:
        logits, state, attention = model.decode(torch.tensor([[token]]), memory, state)
        token = int(logits.argmax())
        assert step.chosen.id == token
        probabilities = logits[0, 0].softmax(dim=0)
        assert step.chosen.probability == pytest.approx(probabilities[token].item(), rel=1e-4)
        assert step.entropy == pytest.approx(-(probabilities * probabilities.log2()).sum().item(), rel=1e-3)
        assert step.attention == pytest.approx(attention[0, 0].tolist())


def test_a_model_that_knows_nothing_has_the_highest_entropy():
    model = make_model(1)
    torch.nn.init.zeros_(model.decoder.output.weight)
    torch.nn.init.zeros_(model.decoder.output.bias)
    step = trace(model, ["我"]).steps[0]
    assert step.entropy == pytest.approx(math.log2(len(TARGET)))
    assert step.chosen.probability == pytest.approx(1 / len(TARGET))


@pytest.mark.parametrize("words", SENTENCES)
def test_a_model_that_never_ends_is_cut_off_and_says_so(words):
    model = make_model(1, eos=-1e9)
    made = trace(model, words)
    assert not made.finished
    assert len(made.steps) == step_limit(len(words) + 1)
    assert len(greedy_batch(model, [source_ids(SOURCE.encode(words))])[0].ids) == len(made.steps)


def test_a_model_that_ends_at_once_writes_nothing():
    model = make_model(1, eos=1e9)
    made = trace(model, SENTENCES[0])
    assert (len(made.steps), made.sentence, made.finished) == (1, "", True)
    assert greedy_batch(model, [source_ids([4]), source_ids([5, 6])]) == [Writing([], []), Writing([], [])]


def test_some_of_these_models_end_and_some_do_not():
    ends = {trace(make_model(*model), words).finished for model in MODELS for words in SENTENCES}
    assert ends == {True, False}


def test_unknown_words_are_marked_and_counted():
    source = trace(make_model(1), ["我", "麒麟", "<eos>", "书"]).source
    assert [(token.text, token.known) for token in source] == [
        ("我", True), ("麒麟", False), ("<eos>", False), ("书", True), ("<eos>", True),
    ]  # fmt: skip
    assert [token.id for token in source] == [SOURCE.id("我"), UNK, UNK, SOURCE.id("书"), EOS]
    assert [token.count for token in source] == [3, None, None, 3, 0]


SHAPES = [
    {"attention": "none", "cell": "rnn"},
    {"attention": "dot", "cell": "lstm", "layers": 2},
    {"attention": "additive", "bidirectional": True, "tied_output": True},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_word_forced_into_a_trace_changes_only_what_follows(shape):
    model = make_model(3, **shape)
    words = SENTENCES[2]
    greedy = trace(model, words)
    for at in (0, 1, len(greedy.steps) - 1):
        kept = [step.chosen.id for step in greedy.steps[:at]]
        for other in (greedy.steps[at].candidates[1], greedy.steps[at].candidates[-1]):
            branch = trace(model, words, [*kept, other.id])
            assert [step.forced for step in branch.steps[: at + 1]] == [True] * (at + 1)
            assert not any(step.forced for step in branch.steps[at + 1 :])
            assert [replace(step, forced=False) for step in branch.steps[:at]] == greedy.steps[:at]
            forked = branch.steps[at]
            assert forked.candidates == greedy.steps[at].candidates
            assert forked.chosen == other
            assert forked.rank == 1 + greedy.steps[at].candidates.index(other)
            assert forked.log_probability == pytest.approx(math.log(other.probability), abs=1e-5)
            chosen = [step.chosen.id for step in branch.steps]
            logits = all_logits(model, words, chosen)
            forced = logits.log_softmax(dim=1)[range(len(chosen)), chosen].sum().item()
            assert branch.log_probability == pytest.approx(forced, rel=1e-4)


def test_a_trace_forced_along_its_own_words_is_itself():
    model = make_model(4)
    greedy = trace(model, SENTENCES[0])
    again = trace(model, SENTENCES[0], [step.chosen.id for step in greedy.steps])
    assert again == replace(greedy, steps=[replace(step, forced=True) for step in greedy.steps])


def test_any_word_can_be_forced_and_has_its_true_rank():
    model = make_model(5)
    order = all_logits(model, SENTENCES[1], [0])[0].argsort(descending=True).tolist()
    for rank, token in enumerate(order, start=1):
        step = trace(model, SENTENCES[1], [token]).steps[0]
        assert (step.rank, step.chosen.id) == (rank, token)
    assert trace(model, SENTENCES[1], [EOS]).finished


@pytest.mark.parametrize("shape", SHAPES)
def test_any_temperature_can_be_had_from_a_step(shape):
    model = make_model(2, **shape)
    made = trace(model, SENTENCES[2])
    logits = all_logits(model, SENTENCES[2], [step.chosen.id for step in made.steps])
    for step, row in zip(made.steps, logits, strict=True):
        for temperature, log_sum in zip(TEMPERATURES, step.log_sums, strict=True):
            shares = (row / temperature).softmax(dim=0)
            for candidate in step.candidates:
                share = math.exp(candidate.logit / temperature - log_sum)
                assert share == pytest.approx(shares[candidate.id].item(), rel=1e-3, abs=1e-6)
        assert step.candidates[0].probability == pytest.approx(
            math.exp(step.candidates[0].logit - step.log_sums[TEMPERATURES.index(1.0)]), rel=1e-4
        )


@pytest.mark.parametrize("hidden", [8, 64, 100, 192])
def test_states_are_thinned_by_averaging_neighbours(hidden):
    model = make_model(1, hidden=hidden)
    made = trace(model, SENTENCES[0])
    strips = [*made.encoder_states, made.context, *(step.state for step in made.steps)]
    assert len(made.encoder_states) == len(made.source)
    assert {len(strip) for strip in strips} == {min(hidden, STATE_NUMBERS)}
    ids = torch.from_numpy(source_ids(SOURCE.encode(SENTENCES[0]))).unsqueeze(1)
    context = model.encode(ids, torch.tensor([len(ids)])).context[0][-1, 0]
    if hidden % STATE_NUMBERS == 0:
        context = context.reshape(STATE_NUMBERS, -1).mean(dim=1)
    if len(context) == len(made.context):
        assert made.context == pytest.approx(context.tolist(), abs=6e-4)


@pytest.mark.parametrize("attention", ["none", "additive"])
def test_a_trace_survives_json(attention):
    made = trace(make_model(2, attention), SENTENCES[2], [5])
    assert DecodeTrace.from_dict(json.loads(json.dumps(made.to_dict()))) == made
