"""The encoder–decoder: tensors in, tensors out.

Shapes, throughout: B batch, S source length, T target length, E embedding, H hidden, V vocabulary, L layers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from core.config import Architecture, option
from core.gru import Between, Reading, can_sweep
from core.loss import compute_dtype
from core.vocab import PAD

CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}

# (L, B, H) tensors: one for an RNN or a GRU, two (hidden, cell) for an LSTM.
State = tuple[Tensor, ...]


@dataclass(frozen=True)
class ModelConfig(Architecture):
    """An architecture with the sizes of the two vocabularies."""

    source_size: int = option(10_000, "rows of the source vocabulary", low=4, high=10_000_000)
    target_size: int = option(10_000, "rows of the target vocabulary", low=4, high=10_000_000)


@dataclass(frozen=True)
class Memory:
    """What the encoder hands on: its state at each position, which positions are real, and the context."""

    outputs: Tensor  # (B, S, H)
    mask: Tensor  # (B, S) bool, True on real tokens
    context: State  # the encoder's last state, the decoder's first: (L, B, H)

    def select(self, rows: Tensor) -> "Memory":
        """The memory of these sentences of the batch alone; rows (B',) int64."""
        return Memory(self.outputs[rows], self.mask[rows], tuple(part[:, rows] for part in self.context))


class Dropout(nn.Module):
    """Sets a share of the numbers to 0 while training and scales the others up.

    nn.Dropout draws one random number for each, one after the other, which took an eighth of a training step on a
    CPU. Here each 64-bit draw decides for eight numbers; the share is met to 1/256.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.p = share
        self.cut = round(share * 256)

    def draw(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor | None:
        """What to multiply numbers of that shape by: 0 or 1/(1 - share); None where nothing is dropped."""
        if not self.training or not self.cut:
            return None
        count = math.prod(shape)
        draws = torch.empty((count + 7) // 8, dtype=torch.int64, device=device).random_(-(2**63), None)
        dice = draws.view(torch.uint8)[:count].view(shape)
        return (dice >= self.cut).to(dtype).mul_(256 / (256 - self.cut))

    def forward(self, values: Tensor) -> Tensor:
        return times(values, self.draw(values.shape, values.dtype, values.device))

    def rows(self, values: Tensor) -> Tensor:
        """The same for whole rows: of the last dimension all numbers are dropped together, or none."""
        return times(values, self.draw((*values.shape[:-1], 1), values.dtype, values.device))


def times(values: Tensor, factors: Tensor | None) -> Tensor:
    return values if factors is None else values * factors


def run_cell(rnn: nn.RNNBase, inputs: Any, state: State | None, between: Between) -> tuple[Any, State]:
    """Call an RNN, GRU or LSTM alike: the state is always a tuple. Between layers, in training, stands `between`.

    inputs (T, B, width) or packed; state (D·L, B, H) tensors for D directions, None for zeros. Returns the top
    layer's outputs, as inputs were given, and the state after the last word.
    """
    if rnn.num_layers == 1 or not rnn.training:
        hx = None if state is None else state if isinstance(rnn, nn.LSTM) else state[0]
        outputs, last = rnn(inputs, hx)
        return outputs, tuple(last) if isinstance(rnn, nn.LSTM) else (last,)
    # torch's own dropout between layers is nn.Dropout's, so the layers are called one by one.
    kernel: Any = {"RNN_TANH": torch.rnn_tanh, "LSTM": torch.lstm, "GRU": torch.gru}[rnn.mode]
    directions = 2 if rnn.bidirectional else 1
    packed = isinstance(inputs, PackedSequence)
    words = inputs.data if packed else inputs
    batch = int(inputs.batch_sizes[0]) if packed else inputs.shape[1]
    if state is None:
        zeros = words.new_zeros(directions * rnn.num_layers, batch, rnn.hidden_size)
        state = (zeros, zeros) if rnn.mode == "LSTM" else (zeros,)
    elif packed and inputs.sorted_indices is not None:
        state = tuple(part[:, inputs.sorted_indices] for part in state)
    lasts: list[State] = []
    for layer in range(rnn.num_layers):
        if layer:
            words = between(layer, words)
        rows = slice(layer * directions, (layer + 1) * directions)
        begin: Any = [part[rows] for part in state]
        weights = [weight for row in rnn.all_weights[rows] for weight in row]
        given = (words, inputs.batch_sizes) if packed else (words,)
        order = () if packed else (False,)
        hx = begin if rnn.mode == "LSTM" else begin[0]
        words, *last = kernel(*given, hx, weights, True, 1, 0.0, True, rnn.bidirectional, *order)
        lasts.append(tuple(last))
    state = tuple(torch.cat(parts) for parts in zip(*lasts, strict=True))
    if not packed:
        return words, state
    if inputs.unsorted_indices is not None:
        state = tuple(part[:, inputs.unsorted_indices] for part in state)
    return PackedSequence(words, inputs.batch_sizes, inputs.sorted_indices, inputs.unsorted_indices), state


class Cells:
    """torch's own cells behind the calls of `core.gru.Reading`; what has been read is read again for the whole."""

    def __init__(self, rnn: nn.RNNBase, state: State) -> None:
        self.rnn, self.first, self.state = rnn, state, state

    def read(self, words: Tensor, between: Between) -> Tensor:
        outputs: Tensor
        outputs, self.state = run_cell(self.rnn, words, self.state, between)
        return outputs

    def whole(self, words: Tensor, between: Between) -> tuple[Tensor, State]:
        return run_cell(self.rnn, words, self.first, between)


class Encoder(nn.Module):
    """Reads the source; its last state is the lesson's context vector."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        directions = 2 if config.bidirectional else 1
        self.embedding = nn.Embedding(config.source_size, config.embedding, padding_idx=PAD)
        self.rnn = CELLS[config.cell](
            config.embedding,
            config.hidden // directions,
            config.layers,
            bidirectional=config.bidirectional,
        )
        self.dropout = Dropout(config.dropout)
        self.word_dropout = Dropout(config.word_dropout)

    def forward(self, source: Tensor, lengths: Tensor) -> Memory:
        """source (S, B) ids; lengths (B,) on the CPU, each at least 1.

        Padding never touches a state.
        """

        def between(layer: int, words: Tensor) -> Tensor:
            return self.dropout(words)  # type: ignore[no-any-return]

        embedded = self.word_dropout.rows(self.dropout(self.embedding(source)))  # (S, B, E)
        padded = bool((lengths < source.shape[0]).any())
        state: State
        if can_sweep(self.rnn):
            nothing = embedded.new_zeros(len(self.rnn.all_weights), source.shape[1], self.rnn.hidden_size)
            padding = source == PAD if padded else None
            reading = Reading(self.rnn, nothing, len(source), compute_dtype(embedded), padding)
            outputs, state = reading.whole(embedded, between)
        elif not padded:
            outputs, state = run_cell(self.rnn, embedded, None, between)
        else:
            packed = pack_padded_sequence(embedded, lengths, enforce_sorted=False)
            packed_outputs, state = run_cell(self.rnn, packed, None, between)
            outputs, _ = pad_packed_sequence(packed_outputs, total_length=source.shape[0])
        if self.rnn.bidirectional:
            # (2L, B, H/2), the two directions of a layer beside each other -> (L, B, H)
            state = tuple(torch.cat([part[0::2], part[1::2]], dim=2) for part in state)
        return Memory(outputs.transpose(0, 1), (source != PAD).T, state)


def product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b for each sentence (B, ., .). On a CPU autocast does not take part: hardly any two batches have the same T
    and S, and in bfloat16 oneDNN would write code for each (see `core.loss.WHOLE`), longer than these products take."""
    if a.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return torch.matmul(a, b)
    with torch.autocast("cpu", enabled=False):
        return torch.matmul(a.float(), b.float()).to(b.dtype)


class Attention(nn.Module):
    """How well each source position answers the decoder's state: the dot product of the two, one through a matrix
    (general; both Luong et al., 2015), or a small network (additive; Bahdanau et al., 2015)."""

    def __init__(self, kind: str, hidden: int) -> None:
        super().__init__()
        self.kind = kind
        if kind == "additive":
            self.query = nn.Linear(hidden, hidden, bias=False)
            self.key = nn.Linear(hidden, hidden, bias=False)
            self.score = nn.Linear(hidden, 1, bias=False)
        elif kind == "general":
            self.query = nn.Linear(hidden, hidden, bias=False)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """queries (B, T, H), the decoder's states.

        Returns the contexts (B, T, H) and the weights (B, T, S), float32: each row sums to 1 and is exactly 0
        on padding.
        """
        keys = memory.outputs
        if self.kind == "additive":
            mixed = torch.tanh(self.query(queries).unsqueeze(2) + self.key(keys).unsqueeze(1))  # (B, T, S, H)
            scores = self.score(mixed).squeeze(3)
        else:
            if self.kind == "general":
                queries = self.query(queries)
            scores = product(queries, keys.transpose(1, 2))  # (B, T, S)
        scores = scores.float().masked_fill(~memory.mask.unsqueeze(1), -torch.inf)
        weights = scores.softmax(dim=2)
        return product(weights.to(keys.dtype), keys), weights


@dataclass(frozen=True)
class Dice:
    """What dropout multiplies by, for each word of a target: drawn before the first is read, so that a word that is
    read twice is read alike. None where nothing is dropped."""

    numbers: Tensor | None  # (T, B, E) of the input words
    words: Tensor | None  # (T, B, 1), whole input words
    between: tuple[Tensor | None, ...]  # (T, B, H) between the layers
    mix: Tensor | None  # (T, B, width) of the features

    def __getitem__(self, steps: slice) -> "Dice":
        def part(factors: Tensor | None) -> Tensor | None:
            return None if factors is None else factors[steps]

        return Dice(part(self.numbers), part(self.words), tuple(map(part, self.between)), part(self.mix))

    def drop(self, layer: int, words: Tensor) -> Tensor:
        """What the layer above the first reads of these words (T, B, H)."""
        return times(words, self.between[layer - 1])


class Decoder(nn.Module):
    """Writes the target, one word from the word before and the state; looks back at the source if it has attention."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.target_size, config.embedding, padding_idx=PAD)
        self.rnn = CELLS[config.cell](config.embedding, config.hidden, config.layers)
        self.dropout = Dropout(config.dropout)
        self.word_dropout = Dropout(config.word_dropout)
        attends = config.attention != "none"
        self.attention = Attention(config.attention, config.hidden) if attends else None
        self.mix: nn.Linear | None = None
        width = config.hidden
        if attends or config.tied_output:
            width = config.embedding if config.tied_output else config.hidden
            self.mix = nn.Linear(config.hidden * (2 if attends else 1), width)
        self.output = nn.Linear(width, config.target_size)
        if config.tied_output:
            self.output.weight = self.embedding.weight

    def draw(self, steps: int, memory: Memory) -> Dice:
        """All that dropout decides about a target of that many steps."""
        batch, kind = memory.outputs.shape[0], compute_dtype(memory.outputs)
        device, between = memory.outputs.device, (steps, batch, self.rnn.hidden_size)
        numbers = self.embedding.weight.dtype
        width = self.output.in_features
        return Dice(
            self.dropout.draw((steps, batch, self.embedding.embedding_dim), numbers, device),
            self.word_dropout.draw((steps, batch, 1), numbers, device),
            tuple(self.dropout.draw(between, kind, device) for _ in range(self.rnn.num_layers - 1)),
            None if self.mix is None else self.dropout.draw((steps, batch, width), kind, device),
        )

    def embed(self, tokens: Tensor, dice: Dice) -> Tensor:
        """What the first layer reads (T, B, E) of the input words (T, B)."""
        return times(times(self.embedding(tokens), dice.numbers), dice.words)

    def look_back(self, hidden: Tensor, memory: Memory, dice: Dice) -> tuple[Tensor, Tensor | None]:
        """From the states (T, B, H) what the output layer reads (T, B, width), and the attention (T, B, S) or None."""
        weights = None
        if self.attention is not None:
            contexts, weights = self.attention(hidden.transpose(0, 1), memory)
            hidden = torch.cat([contexts.transpose(0, 1), hidden], dim=2)  # (T, B, 2H)
            weights = weights.transpose(0, 1)
        if self.mix is not None:
            hidden = times(torch.tanh(self.mix(hidden)), dice.mix)
        return hidden, weights

    def features(self, tokens: Tensor, memory: Memory, state: State) -> tuple[Tensor, State, Tensor | None]:
        """All but the output layer, for T known input words in one call.

        tokens (T, B) ids. Returns the features (T, B, width), the state after the last word and the attention
        weights (T, B, S), None without attention.
        """
        dice = self.draw(len(tokens), memory)
        hidden, state = run_cell(self.rnn, self.embed(tokens, dice), state, dice.drop)  # (T, B, H)
        features, weights = self.look_back(hidden, memory, dice)
        return features, state, weights


# Of the numbers in the encoder's embedding where the other is shared. After two epochs of the preset `attention` the
# validation loss was 2.32 with 0.1, 2.33 with 0.044 and 2.53 with nn.Embedding's own 1.
SOURCE_STD = 0.1


def begin_small(embedding: nn.Embedding, std: float) -> None:
    nn.init.normal_(embedding.weight, std=std)
    with torch.no_grad():
        embedding.weight[PAD].zero_()


class Seq2Seq(nn.Module):
    """Encoder and decoder behind two calls, `encode` and `decode`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        if config.tied_output:
            # nn.Embedding draws rows of length √E. As an output layer they must be short, or the first losses are far
            # above chance; and the encoder's hardly move from the noise they begin as, for Adam's steps are small
            # beside them.
            begin_small(self.decoder.embedding, config.embedding**-0.5)
            begin_small(self.encoder.embedding, SOURCE_STD)

    def weights(self) -> dict[str, Tensor]:
        """The tensors by name, each once: a tied output layer's is the target embedding's."""
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}  # see `core.quick.quicken`
        if self.config.tied_output:
            del weights["decoder.output.weight"]
        return weights

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Take what `weights` gave. Raises KeyError or RuntimeError where it does not fit."""
        if self.config.tied_output:
            weights = {**weights, "decoder.output.weight": weights["decoder.embedding.weight"]}
        self.load_state_dict(weights)

    def encode(self, source: Tensor, lengths: Tensor) -> Memory:
        """source (S, B) ids, padded with PAD; lengths (B,) on the CPU."""
        return self.encoder(source, lengths)  # type: ignore[no-any-return]

    def decode(self, tokens: Tensor, memory: Memory, state: State) -> tuple[Tensor, State, Tensor | None]:
        """One forward pass for T known input words (T, B): logits (T, B, V), the state after them, and the
        attention (T, B, S) or None. Begin with `memory.context` as the state."""
        features, state, attention = self.decoder.features(tokens, memory, state)
        return self.decoder.output(features), state, attention

    def forced(self, memory: Memory, target_in: Tensor, forced: list[bool]) -> Tensor:
        """The decoder's features (T, B, width) while training, with teacher forcing by the coin.

        target_in (T, B): `<sos>` and the true words. forced[t] says whether step t is fed the true word; where
        it is False, it is fed the model's own most probable word of step t-1, as in the lesson. (Step 0 is always
        fed `<sos>`.) First the model reads up to each of those words, to see what it would write; then all words are
        known, and one call gives the same numbers as a call a step.
        """
        decoder, steps = self.decoder, target_in.shape[0]
        dice = decoder.draw(steps, memory)
        reading: Reading | Cells = Cells(decoder.rnn, memory.context)
        if can_sweep(decoder.rnn):
            reading = Reading(decoder.rnn, memory.context[0], steps, compute_dtype(memory.outputs))
        tokens, start = target_in.clone(), 0
        for end in range(1, steps):
            if forced[end]:
                continue
            part = dice[start:end]
            hidden = reading.read(decoder.embed(tokens[start:end], part), part.drop)
            # Not under no_grad, though no gradient is wanted: autocast would keep weights cast without one, and use
            # them again below.
            features, _ = decoder.look_back(hidden[-1:].detach(), memory, part[-1:])
            tokens[end] = decoder.output(features[0]).argmax(dim=1)
            start = end
        hidden, _ = reading.whole(decoder.embed(tokens, dice), dice.drop)
        return decoder.look_back(hidden, memory, dice)[0]


def count_parameters(config: ModelConfig) -> int:
    """Trainable numbers in a model of that shape; nothing is allocated."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Seq2Seq(config).parameters())
