"""core/quick.py: nearly always right, and never in the way of what is right."""

import copy

import pytest
import torch
from torch import nn

from core.batches import source_ids
from core.decode import greedy_batch, greedy_trace
from core.quick import BLOCK, Output, QuickOutput, lay_out
from tests.test_decode import SENTENCES, SOURCE, TARGET, make_model, read


def layer(width=128, words=3001):
    torch.manual_seed(1)
    return nn.Linear(width, words)


@pytest.mark.parametrize("width", [128, 64, 8, 100, 7])
@torch.inference_mode()
def test_the_guess_is_the_argmax(width, monkeypatch):
    # A machine on which guessing is no quicker guesses all the same here.
    times = iter([0.0, 1.0])
    monkeypatch.setattr("core.quick._seconds", lambda work: next(times))
    linear = layer(width)
    output = QuickOutput(linear)
    assert output._packed
    for row in torch.randn(200, 1, width) * 3:
        assert output.likeliest(row) == int(linear(row).argmax())
    assert output.likeliest(torch.zeros(1, width)) == int(linear.bias.argmax())


@torch.inference_mode()
def test_nothing_is_guessed_where_that_is_no_quicker(monkeypatch):
    monkeypatch.setattr("core.quick._seconds", lambda work: 1.0)
    linear = layer()
    output = QuickOutput(linear)
    assert output._packed is None
    row = torch.randn(1, 128)
    assert output.likeliest(row) == int(linear(row).argmax())


@pytest.mark.parametrize("kind", [Output, QuickOutput])
@torch.inference_mode()
def test_logits_are_the_layers_and_hang_on_no_other_step(kind):
    linear = layer()
    output = kind(linear)
    features = torch.randn(2 * BLOCK + 3, 128)
    logits = output.logits(features)
    torch.testing.assert_close(logits, linear(features), rtol=1e-5, atol=1e-5)
    for steps in (1, 5, BLOCK, BLOCK + 1):
        assert torch.equal(output.logits(features[:steps]), logits[:steps])


def test_without_onednn_the_layer_itself_is_asked(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    linear, features = layer(), torch.randn(3, 128)
    with torch.inference_mode():
        assert torch.equal(QuickOutput(linear).logits(features), Output(linear).logits(features))


@pytest.mark.parametrize("attention", ["none", "dot"])
def test_weights_laid_out_anew_say_the_same(attention):
    model = make_model(1, attention, 1.0)
    turned = copy.deepcopy(model)
    lay_out(turned)
    assert turned.decoder.rnn.weight_hh_l0.stride(0) == 1
    for name, weight in model.weights().items():
        assert torch.equal(weight, turned.weights()[name])
    sources = [source_ids(SOURCE.encode(words)) for words in SENTENCES]
    assert greedy_batch(model, sources) == greedy_batch(turned, sources)


class Wrong(QuickOutput):
    """Says the same word whatever was read; never the end."""

    def likeliest(self, features):
        return 5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("attention", ["none", "dot"])
def test_a_wrong_guess_changes_nothing(seed, attention):
    model = make_model(seed, attention, 1.0)
    layer = model.decoder.output
    for words in SENTENCES:
        given = (model, "".join(words), words, SOURCE, TARGET, read)
        right = greedy_trace(*given, output=QuickOutput(layer))
        assert greedy_trace(*given, output=Wrong(layer)) == right
        begin = [step.chosen.id for step in right.steps[:2]]
        again = greedy_trace(*given, prefix=begin, output=Wrong(layer))
        assert [step.chosen for step in again.steps] == [step.chosen for step in right.steps]
