"""The GRU that training uses on a CPU, beside torch's own."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from core.batches import encode_pairs, make_batch
from core.gru import KEEPS, Reading, affine, can_sweep
from core.model import ModelConfig, Seq2Seq
from core.step import batch_loss

STEPS, BATCH, WIDTH, HIDDEN = 7, 5, 6, 8
LENGTHS = torch.tensor([7, 7, 5, 3, 1])
PADDING = torch.arange(STEPS).unsqueeze(1) >= LENGTHS


def as_it_is(layer, words):
    return words


def gradients(rnn, words, state, outputs, last):
    """Of a loss that hangs on each real output and on the state after the last word."""
    torch.manual_seed(3)
    real = (~PADDING).unsqueeze(2)
    loss = (outputs * torch.randn(outputs.shape) * real).sum() + (last * torch.randn(last.shape)).sum()
    rnn.zero_grad()
    return torch.autograd.grad(loss, [words, state, *rnn.parameters()])


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_reading_is_torchs_gru_on_packed_sentences(layers, bidirectional, dtype):
    torch.manual_seed(1)
    rnn = nn.GRU(WIDTH, HIDDEN, layers, bidirectional=bidirectional)
    words = torch.randn(STEPS, BATCH, WIDTH, requires_grad=True)
    state = torch.randn(len(rnn.all_weights), BATCH, HIDDEN, requires_grad=True)
    packed, last = rnn(pack_padded_sequence(words, LENGTHS), state)
    outputs, _ = pad_packed_sequence(packed)
    wanted = (outputs, last, *gradients(rnn, words, state, outputs, last))

    outputs, (last,) = Reading(rnn, state, STEPS, dtype, PADDING).whole(words, as_it_is)
    assert outputs.dtype == last.dtype == dtype
    got = (outputs * (~PADDING).unsqueeze(2), last, *gradients(rnn, words, state, outputs, last))
    for mine, theirs in zip(got, wanted, strict=True):
        distance = (mine - theirs).norm() / theirs.norm()
        assert distance < (1e-6 if dtype == torch.float32 else 0.03)


def test_stretches_give_what_one_call_gives():
    torch.manual_seed(1)
    rnn = nn.GRU(WIDTH, HIDDEN, 2)
    words = torch.randn(STEPS, BATCH, WIDTH, requires_grad=True)
    state = torch.randn(2, BATCH, HIDDEN, requires_grad=True)
    factors = torch.rand(STEPS, BATCH, HIDDEN)
    outputs, (last,) = Reading(rnn, state, STEPS, torch.float32).whole(words, lambda _, words: words * factors)

    reading = Reading(rnn, state, STEPS, torch.float32)
    for stretch in (slice(0, 1), slice(1, 4), slice(4, 6)):
        part = reading.read(words[stretch], lambda _, words, stretch=stretch: words * factors[stretch])
        assert torch.allclose(part, outputs[stretch], atol=1e-6)
    again, (same,) = reading.whole(words, lambda _, words: words * factors)
    assert torch.allclose(again, outputs, atol=1e-6) and torch.allclose(same, last, atol=1e-6)
    for a, b in zip(
        gradients(rnn, words, state, again, same), gradients(rnn, words, state, outputs, last), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-5)


def test_the_gate_on_padding_is_exactly_shut():
    for dtype in (torch.float32, torch.bfloat16):
        assert (torch.tensor(KEEPS, dtype=dtype) - 50).sigmoid() == 1


def test_a_weight_laid_out_once_multiplies_as_before():
    torch.manual_seed(1)
    weight, bias, x = torch.randn(24, 8), torch.randn(24), torch.randn(5, 8)
    for dtype in (torch.float32, torch.bfloat16):
        product = affine(weight.to(dtype), bias.to(dtype), 5)(x.to(dtype))
        assert torch.allclose(product.float(), x @ weight.t() + bias, atol=1e-5 if dtype == torch.float32 else 0.2)


SIZES = {"embedding": 6, "hidden": 8, "layers": 2, "source_size": 11, "target_size": 13}
PAIRS = encode_pairs([([4, 5], [6, 7, 8]), ([6, 7, 8, 9, 10], [4]), ([5, 9, 4], [12, 5, 9, 9, 10])])


@pytest.mark.parametrize("attention", ["none", "dot", "additive"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_training_gives_the_loss_and_the_gradients_of_torchs_gru(attention, bidirectional):
    torch.manual_seed(1)
    model = Seq2Seq(ModelConfig(bidirectional=bidirectional, attention=attention, dropout=0.0, **SIZES))
    batch = make_batch(PAIRS, range(3))
    for forced in ([True] * 6, [True, False, True, True, False, False], [False] * 6):
        found = []
        for training in (True, False):  # evaluation runs torch's own GRU
            model.train(training).zero_grad()
            assert can_sweep(model.decoder.rnn) is training
            loss, _ = batch_loss(model, batch, forced, 0.1)
            loss.backward()
            found.append([loss.detach(), *(parameter.grad.clone() for parameter in model.parameters())])
        assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*found, strict=True))


def test_words_that_the_model_guesses_cost_no_parameter_its_gradient():
    torch.manual_seed(1)
    model = Seq2Seq(ModelConfig(attention="dot", tied_output=True, bidirectional=True, dropout=0.0, **SIZES)).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = batch_loss(model, make_batch(PAIRS, range(3)), [True, True, False, True, False, True], 0.0)
    loss.backward()
    assert all((parameter.grad != 0).any() for parameter in model.parameters())
