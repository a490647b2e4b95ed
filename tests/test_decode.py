"""Greedy decoding, for many sentences at once and with everything on record."""

import json
import math

import pytest
import torch

from core.batches import source_ids
from core.decode import MAX_CANDIDATES, DecodeTrace, greedy_batch, greedy_trace, step_limit
from core.model import ModelConfig, Seq2Seq
from core.vocab import EOS, UNK, Vocab

SOURCE = Vocab.build([["我", "喜欢", "书", "花", "你"]] * 3)
TARGET = Vocab.build([[*"abcdefghijklmnopqrstuvwxyz"]] * 3)
SENTENCES = [["我", "喜欢", "书"], ["你"], ["我", "喜欢", "你", "花", "书", "书"], ["花", "花"]]


def make_model(seed, attention="dot", eos=0.0):
    """Untrained; `eos` makes the end of the sentence likelier."""
    torch.manual_seed(seed)
    sizes = {"embedding": 8, "hidden": 8, "source_size": len(SOURCE), "target_size": len(TARGET)}
    model = Seq2Seq(ModelConfig(attention=attention, **sizes)).eval()
    with torch.no_grad():
        model.decoder.output.weight *= 6  # else it says one word for ever
        model.decoder.output.bias[EOS] += eos
    return model


def trace(model, words):
    return greedy_trace(model, "".join(words), words, SOURCE, TARGET)


MODELS = [
    (seed, attention, eos) for seed in range(6) for attention in ("none", "dot", "additive") for eos in (0.0, 2.0)
]


@pytest.mark.parametrize("model", MODELS)
def test_one_by_one_and_in_a_batch_the_translations_are_the_same(model):
    model = make_model(*model)
    together = greedy_batch(model, [source_ids(SOURCE.encode(words)) for words in SENTENCES])
    for words, ids in zip(SENTENCES, together, strict=True):
        _, steps, written, finished = trace(model, words)
        assert [step.chosen.id for step in steps] == ids + [EOS] * finished
        assert written == TARGET.decode(ids)


@pytest.mark.parametrize("model", MODELS)
def test_each_step_keeps_its_laws(model):
    model = make_model(*model)
    for words in SENTENCES:
        source, steps, _, _ = trace(model, words)
        before = "<sos>"
        for step in steps:
            assert step.input_token == before
            probabilities = [candidate.probability for candidate in step.candidates]
            assert len(probabilities) == MAX_CANDIDATES
            assert probabilities == sorted(probabilities, reverse=True)
            assert 0 < sum(probabilities) <= 1 + 1e-6
            assert all(TARGET.tokens[candidate.id] == candidate.token for candidate in step.candidates)
            assert step.chosen == step.candidates[0]
            assert not step.forced
            assert step.log_probability == pytest.approx(math.log(step.chosen.probability))
            assert 0 <= step.entropy <= math.log2(len(TARGET)) + 1e-6
            if step.attention is not None:
                assert len(step.attention) == len(source)
                assert sum(step.attention) == pytest.approx(1)
            before = step.chosen.token


def test_the_most_probable_word_is_chosen():
    model = make_model(1)
    words = SENTENCES[0]
    ids = torch.from_numpy(source_ids(SOURCE.encode(words))).unsqueeze(1)
    memory = model.encode(ids, torch.tensor([len(ids)]))
    state, token = memory.context, TARGET.tokens.index("<sos>")
    for step in trace(model, words)[1]:
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
    step = trace(model, ["我"])[1][0]
    assert step.entropy == pytest.approx(math.log2(len(TARGET)))
    assert step.chosen.probability == pytest.approx(1 / len(TARGET))


@pytest.mark.parametrize("words", SENTENCES)
def test_a_model_that_never_ends_is_cut_off_and_says_so(words):
    model = make_model(1, eos=-1e9)
    _, steps, written, finished = trace(model, words)
    assert not finished
    assert len(steps) == step_limit(len(words) + 1)
    assert len(greedy_batch(model, [source_ids(SOURCE.encode(words))])[0]) == len(steps)
    assert len(written) <= len(steps)


def test_a_model_that_ends_at_once_writes_nothing():
    model = make_model(1, eos=1e9)
    _, steps, written, finished = trace(model, SENTENCES[0])
    assert (len(steps), written, finished) == (1, [], True)
    assert greedy_batch(model, [source_ids([4]), source_ids([5, 6])]) == [[], []]


def test_some_of_these_models_end_and_some_do_not():
    ends = {trace(make_model(*model), words)[3] for model in MODELS for words in SENTENCES}
    assert ends == {True, False}


def test_unknown_words_are_marked_and_counted():
    source = trace(make_model(1), ["我", "麒麟", "<eos>", "书"])[0]
    assert [(token.text, token.known) for token in source] == [
        ("我", True), ("麒麟", False), ("<eos>", False), ("书", True), ("<eos>", True),
    ]  # fmt: skip
    assert [token.id for token in source] == [SOURCE.id("我"), UNK, UNK, SOURCE.id("书"), EOS]
    assert [token.count for token in source] == [3, 0, 0, 3, 0]


@pytest.mark.parametrize("attention", ["none", "additive"])
def test_a_trace_survives_json(attention):
    source, steps, written, finished = trace(make_model(2, attention), SENTENCES[2])
    made = DecodeTrace(
        text="我喜欢你花书书",
        source=source,
        steps=steps,
        sentence=" ".join(written),
        log_probability=sum(step.log_probability for step in steps),
        finished=finished,
        vocabulary=len(TARGET),
    )
    assert DecodeTrace.from_dict(json.loads(json.dumps(made.to_dict()))) == made
