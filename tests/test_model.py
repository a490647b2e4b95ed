"""The laws that hold for a model of every shape."""

import itertools

import pytest
import torch

from core.batches import encode_pairs, make_batch
from core.config import preset
from core.model import Dropout, ModelConfig, Seq2Seq, count_parameters
from core.step import batch_loss
from core.vocab import PAD

SHAPES = [
    {"cell": cell, "bidirectional": bidirectional, "attention": attention, "tied_output": tied}
    for cell, bidirectional, attention, tied in itertools.product(
        ("rnn", "lstm", "gru"), (False, True), ("none", "dot", "additive"), (False, True)
    )
] + [
    {"cell": cell, "bidirectional": True, "attention": "general", "tied_output": True}
    for cell in ("rnn", "lstm", "gru")
]
SIZES = {"embedding": 6, "hidden": 8, "layers": 2, "source_size": 11, "target_size": 13}

# Three pairs of different lengths.
PAIRS = encode_pairs([([4, 5], [6, 7, 8]), ([6, 7, 8, 9, 10], [4]), ([5, 9, 4], [12, 5, 9, 9, 10])])


def name_of(shape):
    return "-".join([shape["cell"], shape["attention"], *(key for key in shape if shape[key] is True)])


@pytest.fixture(params=SHAPES, ids=name_of)
def model(request):
    torch.manual_seed(1)
    return Seq2Seq(ModelConfig(**request.param, **SIZES)).eval()


def run(model, batch):
    memory = model.encode(batch.source, batch.source_lengths)
    return model.decode(batch.target_in, memory, memory.context)


def close(a, b):
    return torch.allclose(a, b, atol=1e-5)


def test_padding_a_batch_changes_no_sentences_output(model):
    together, _, attention = run(model, make_batch(PAIRS, range(3)))
    for row in range(3):
        batch = make_batch(PAIRS, [row])
        alone, _, alone_attention = run(model, batch)
        assert close(together[: len(alone), row], alone[:, 0])
        if attention is not None:
            source_length = len(batch.source)
            assert close(attention[: len(alone), row, :source_length], alone_attention[:, 0])


def test_attention_sums_to_one_and_is_exactly_zero_on_padding(model):
    batch = make_batch(PAIRS, range(3))
    _, _, attention = run(model, batch)
    if model.config.attention == "none":
        assert attention is None
        return
    assert attention.shape == (6, 3, 6)
    assert torch.allclose(attention.sum(dim=2), torch.ones(6, 3))
    assert (attention[:, (batch.source == PAD).T] == 0).all()


def test_several_words_in_one_call_are_as_many_calls(model):
    batch = make_batch(PAIRS, range(3))
    memory = model.encode(batch.source, batch.source_lengths)
    at_once, last, attention = model.decode(batch.target_in, memory, memory.context)
    state = memory.context
    for t, words in enumerate(batch.target_in):
        logits, state, weights = model.decode(words.unsqueeze(0), memory, state)
        assert close(logits[0], at_once[t])
        assert weights is None or close(weights[0], attention[t])
    assert all(close(a, b) for a, b in zip(state, last, strict=True))


def with_coins(model, memory, target_in, forced):
    """Teacher forcing by the coin as one would first write it: a loop, a step at a time."""
    state, logits = memory.context, []
    for t, words in enumerate(target_in):
        if t > 0 and not forced[t]:
            words = logits[-1].argmax(dim=1)
        step, state, _ = model.decode(words.unsqueeze(0), memory, state)
        logits.append(step[0])
    return torch.stack(logits)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_teacher_forcing_in_stretches_is_the_plain_loop(model, share):
    batch = make_batch(PAIRS, range(3))
    memory = model.encode(batch.source, batch.source_lengths)
    for seed in range(3):
        coins = torch.rand(len(batch.target_in), generator=torch.Generator().manual_seed(seed))
        forced = [coin < share for coin in coins.tolist()]
        logits = model.decoder.output(model.forced(memory, batch.target_in, forced))
        assert close(logits, with_coins(model, memory, batch.target_in, forced))


def test_no_gradient_reaches_a_padding_embedding(model):
    batch_loss(model, make_batch(PAIRS, range(3)), [True] * 6, 0.1)[0].backward()
    assert (model.encoder.embedding.weight.grad[PAD] == 0).all()
    assert (model.encoder.embedding.weight.grad[5] != 0).any()
    if not model.config.tied_output:  # else the same row is the output layer's, which learns never to write padding
        assert (model.decoder.embedding.weight.grad[PAD] == 0).all()


def test_every_parameter_learns(model):
    batch_loss(model, make_batch(PAIRS, range(3)), [True] * 6, 0.0)[0].backward()
    assert all((parameter.grad != 0).any() for parameter in model.parameters())


def test_padding_takes_no_part_in_the_loss(model):
    def losses(rows):
        batch = make_batch(PAIRS, rows)
        return torch.stack(batch_loss(model, batch, [True] * len(batch.target_in), 0.1))

    assert torch.allclose(losses([0, 1, 2]), losses([0]) + losses([1]) + losses([2]), atol=1e-4)


def test_the_parameters_are_counted_without_a_model(model):
    assert count_parameters(model.config) == sum(parameter.numel() for parameter in model.parameters())


def test_each_tensor_is_kept_once_and_fits_again(model):
    weights = model.weights()
    assert sum(value.numel() for value in weights.values()) == count_parameters(model.config)
    torch.manual_seed(2)
    other = Seq2Seq(model.config).eval()
    other.load_weights({name: value.clone() for name, value in weights.items()})
    batch = make_batch(PAIRS, range(3))
    assert torch.equal(run(other, batch)[0], run(model, batch)[0])


def test_the_lessons_sizes():
    lesson = preset("lesson")
    shape = {key: getattr(lesson, key) for key in ("cell", "embedding", "hidden", "layers", "dropout", "attention")}
    model = Seq2Seq(ModelConfig(**shape, source_size=50, target_size=60))
    for half, size in ((model.encoder, 50), (model.decoder, 60)):
        assert half.embedding.weight.shape == (size, 256)
        assert isinstance(half.rnn, torch.nn.GRU)
        assert (half.rnn.input_size, half.rnn.hidden_size, half.rnn.num_layers) == (256, 512, 2)
        assert half.dropout.p == 0.5
    assert model.decoder.output.weight.shape == (60, 512)
    batch = make_batch(PAIRS, range(3))
    memory = model.encode(batch.source, batch.source_lengths)
    assert [tuple(part.shape) for part in memory.context] == [(2, 3, 512)]


def test_the_lesson_has_no_parameter_more_than_the_lesson():
    words, embedding, hidden = 10_000, 256, 512
    layers = sum(3 * hidden * (width + hidden + 2) for width in (embedding, hidden))
    assert count_parameters(ModelConfig()) == 2 * (words * embedding + layers) + words * (hidden + 1)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_decoder_begins_where_the_encoder_ends(cell, bidirectional):
    model = Seq2Seq(ModelConfig(cell=cell, bidirectional=bidirectional, **SIZES)).eval()
    batch = make_batch(PAIRS, range(3))
    memory = model.encode(batch.source, batch.source_lengths)
    assert len(memory.context) == (2 if cell == "lstm" else 1)
    assert all(part.shape == (2, 3, 8) for part in memory.context)
    last_word = memory.outputs[torch.arange(3), batch.source_lengths - 1]
    forward = slice(0, 4) if bidirectional else slice(0, 8)
    assert close(memory.context[0][-1][:, forward], last_word[:, forward])
    if bidirectional:
        assert close(memory.context[0][-1][:, 4:], memory.outputs[:, 0, 4:])


def test_dropout_works_in_training_alone():
    batch = make_batch(PAIRS, [0])
    model = Seq2Seq(ModelConfig(dropout=0.5, **SIZES))
    assert not torch.equal(run(model.train(), batch)[0], run(model, batch)[0])
    assert torch.equal(run(model.eval(), batch)[0], run(model, batch)[0])


def test_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(1)
    for share in (0.1, 0.4, 0.5):
        dropped = Dropout(share).train()(torch.ones(400, 500))
        assert (dropped == 0).float().mean().item() == pytest.approx(share, abs=0.005)
        assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)
        assert len(dropped.unique()) == 2


def test_word_dropout_takes_whole_words_and_only_in_training():
    torch.manual_seed(1)
    words = Dropout(0.25).train().rows(torch.ones(40, 50, 16))
    assert (words.std(dim=2) == 0).all()
    assert (words == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert words.mean().item() == pytest.approx(1.0, abs=0.04)
    batch = make_batch(PAIRS, [0])
    model = Seq2Seq(ModelConfig(dropout=0.0, word_dropout=0.5, **SIZES))
    assert not torch.equal(run(model.train(), batch)[0], run(model, batch)[0])
    assert torch.equal(run(model.eval(), batch)[0], run(model, batch)[0])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_layers_called_one_by_one_give_what_the_whole_stack_gives(cell, bidirectional):
    torch.manual_seed(1)
    batch = make_batch(PAIRS, range(3))
    model = Seq2Seq(ModelConfig(cell=cell, bidirectional=bidirectional, attention="dot", dropout=0.0, **SIZES))
    (one_by_one, state, _), (stack, same, _) = run(model.train(), batch), run(model.eval(), batch)
    assert close(one_by_one, stack)
    assert all(close(a, b) for a, b in zip(state, same, strict=True))


def test_a_first_loss_is_near_chance(model):
    batch = make_batch(PAIRS, range(3))
    loss = batch_loss(model, batch, [True] * 6, 0.0)[1] / int((batch.target_out != PAD).sum())
    assert loss.item() == pytest.approx(torch.tensor(13.0).log().item(), abs=1.0)
