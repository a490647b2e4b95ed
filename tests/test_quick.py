"""core/quick.py: nearly always right, and never in the way of what is right."""

import copy

import pytest
import torch
from torch import nn

from core.batches import source_ids
from core.decode import greedy_batch, greedy_trace
from core.quick import BLOCK, Output, Product, QuickGRU, QuickOutput, quicken
from core.weights import pack, unpack
from tests.test_decode import SENTENCES, SOURCE, TARGET, make_model, read


@pytest.fixture
def int8(monkeypatch):
    """A machine that is not quick with int8 is taken for one that is."""
    monkeypatch.setattr("core.quick.int8_is_quick", lambda: True)


def layer(width=128, words=3001):
    torch.manual_seed(1)
    return nn.Linear(width, words)


@pytest.mark.parametrize("width", [128, 64, 8, 100, 7])
@torch.inference_mode()
def test_the_guess_is_the_argmax(width, int8):
    linear = layer(width)
    output = QuickOutput(linear)
    assert output._product
    for row in torch.randn(200, 1, width) * 3:
        assert output.likeliest(row) == int(linear(row).argmax())
    assert output.likeliest(torch.zeros(1, width)) == int(linear.bias.argmax())


@torch.inference_mode()
def test_nothing_is_guessed_where_int8_is_not_quick(monkeypatch):
    monkeypatch.setattr("core.quick.int8_is_quick", lambda: False)
    linear = layer()
    output = QuickOutput(linear)
    assert output._product is None
    row = torch.randn(1, 128)
    assert output.likeliest(row) == int(linear(row).argmax())


@pytest.mark.parametrize("ships", [False, True])
@pytest.mark.parametrize("kind", [Output, QuickOutput])
@torch.inference_mode()
def test_logits_are_the_layers_and_hang_on_no_other_step(kind, ships, int8):
    linear = rounded(layer()) if ships else layer()
    output = kind(linear)
    features = torch.randn(2 * BLOCK + 3, 128) * torch.rand(2 * BLOCK + 3, 1)
    logits = output.logits(features)
    assert kind is Output or (output._exactly is not None) == ships
    torch.testing.assert_close(logits, linear(features), rtol=1e-5, atol=1e-5)
    for steps in (1, 5, BLOCK, BLOCK + 1):
        assert torch.equal(output.logits(features[:steps]), logits[:steps])


def test_without_onednn_the_layer_itself_is_asked(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    linear, features = layer(), torch.randn(3, 128)
    with torch.inference_mode():
        assert torch.equal(QuickOutput(linear).logits(features), Output(linear).logits(features))


def rounded(module):
    """The module with its matrices as those of runs that ship: whole numbers times a scale a row."""
    for weight in module.parameters():
        weight.data = unpack(pack({"": weight.detach()}))[""]
    return module


@pytest.mark.parametrize("size", [0.0, 1e-6, 1.0, 300.0])
def test_a_product_of_whole_numbers_is_as_exact_as_one_of_floats(size, int8):
    torch.manual_seed(1)
    weight = rounded(nn.Linear(768, 500)).weight.detach()
    x = torch.randn(1, 768) * size
    true = x.double() @ weight.double().t()
    error = (Product(weight, torch.zeros(500))(x) - true).abs().max()
    assert error <= max(3 * (x @ weight.t() - true).abs().max(), 1e-6 * size)


def test_only_weights_that_are_whole_numbers_become_whole_numbers(int8, monkeypatch):
    torch.manual_seed(1)
    linear = nn.Linear(64, 50)
    assert not Product.serves(linear.weight)
    assert Product.serves(rounded(linear).weight)
    monkeypatch.setattr("core.quick.int8_is_quick", lambda: False)
    assert not Product.serves(linear.weight)


@pytest.mark.parametrize("layers", [1, 2])
@torch.inference_mode()
def test_a_quick_gru_is_that_gru(layers, int8):
    torch.manual_seed(1)
    plain = rounded(nn.GRU(12, 16, layers)).eval()
    assert QuickGRU.serves(plain)
    quick = QuickGRU(copy.deepcopy(plain))
    assert not QuickGRU.serves(nn.GRU(12, 16, bidirectional=True))
    for steps, batch in ((1, 1), (5, 1), (1, 3), (4, 2)):
        x, state = torch.randn(steps, batch, 12), torch.randn(layers, batch, 16)
        for made, right in zip(quick(x, state), plain(x, state), strict=True):
            torch.testing.assert_close(made, right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ships", [False, True])
@pytest.mark.parametrize("shape", [{}, {"layers": 2, "attention": "none"}, {"cell": "lstm"}, {"tied_output": True}])
def test_a_quick_model_says_the_same(shape, ships, int8):
    model = make_model(1, **{"attention": "dot", "eos": 1.0} | shape)
    model = rounded(model) if ships else model
    quick = copy.deepcopy(model)
    output = quicken(quick)
    assert quick.decoder.rnn.weight_hh_l0.stride(0) == 1
    assert isinstance(quick.decoder.rnn, QuickGRU) == (ships and "cell" not in shape)
    for name, weight in model.weights().items():
        assert torch.equal(weight, quick.weights()[name])
    sources = [source_ids(SOURCE.encode(words)) for words in SENTENCES]
    assert greedy_batch(model, sources) == greedy_batch(quick, sources)
    for words in SENTENCES:
        given = ("".join(words), words, SOURCE, TARGET, read)
        slow = greedy_trace(model, *given)
        fast = greedy_trace(quick, *given, output=output)
        assert fast.sentence == slow.sentence
        for a, b in zip(fast.steps, slow.steps, strict=True):
            assert a.log_probability == pytest.approx(b.log_probability, abs=1e-5)


class Wrong(QuickOutput):
    """Says the same word whatever was read; never the end."""

    def likeliest(self, features):
        return 5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("attention", ["none", "dot"])
def test_a_wrong_guess_changes_nothing(seed, attention):
    model = make_model(seed, attention, 1.0)
    output = model.decoder.output
    for words in SENTENCES:
        given = (model, "".join(words), words, SOURCE, TARGET, read)
        right = greedy_trace(*given, output=QuickOutput(output))
        assert greedy_trace(*given, output=Wrong(output)) == right
        begin = [step.chosen.id for step in right.steps[:2]]
        again = greedy_trace(*given, prefix=begin, output=Wrong(output))
        assert [step.chosen for step in again.steps] == [step.chosen for step in right.steps]
