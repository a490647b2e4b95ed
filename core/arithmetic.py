"""What the model computes at one step, operation by operation, with the numbers that really flowed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.decode import encode_sources, source_tokens
from core.machine import one_thread
from core.model import Seq2Seq, State
from core.vocab import SOS, Vocab

SHOWN = 6  # numbers of each tensor

ENCODER_EMBEDDING, ENCODER_CELL, CONTEXT = "encoder embedding", "encoder cell", "context"
DECODER_EMBEDDING, DECODER_CELL, ATTENTION = "decoder embedding", "decoder cell", "attention"
MIX, OUTPUT, SOFTMAX, CHOICE = "mix", "fc_out", "softmax", "choice"

# The line of the lesson's code that does the same; the lesson has no attention.
LESSON = {
    ENCODER_EMBEDDING: "embedded = self.dropout(self.embedding(src))",
    ENCODER_CELL: "outputs, hidden = self.rnn(embedded)",
    CONTEXT: "hidden = self.encoder(src)",
    DECODER_EMBEDDING: "embedded = self.dropout(self.embedding(input))",
    DECODER_CELL: "output, hidden = self.rnn(embedded, hidden)",
    OUTPUT: "prediction = self.fc_out(output.squeeze(0))",
    SOFTMAX: "loss = criterion(output, trg)",
    CHOICE: "pred_token_index = output.argmax(dim=1).item()",
}

CELL_FORMULAS = {
    "GRU": "r = σ(W_r x + U_r h + b_r)   z = σ(W_z x + U_z h + b_z)   "
    "n = tanh(W_n x + b_n + r ⊙ (U_n h + b′_n))   h′ = (1 − z) ⊙ n + z ⊙ h",
    "LSTM": "i, f, o = σ(W x + U h + b)   g = tanh(W_g x + U_g h + b_g)   c′ = f ⊙ c + i ⊙ g   h′ = o ⊙ tanh(c′)",
    "RNN_TANH": "h′ = tanh(W x + U h + b)",
}
SCORE_FORMULAS = {
    "dot": "score_i = s · h_i",
    "general": "score_i = s · W h_i",
    "additive": "score_i = v · tanh(W s + U h_i)",
}


@dataclass(frozen=True)
class Quantity:
    """A tensor by its name in the formula: its whole shape, its first numbers, the length of it as one vector."""

    name: str
    shape: list[int]
    numbers: list[float]
    norm: float
    mean: float


@dataclass(frozen=True)
class Operation:
    """One operation of the model. `part` is one of this module's names, the same for all layers and directions."""

    part: str
    layer: int  # from 1
    direction: str  # "→", or "←" for the half of a bidirectional encoder that reads from the end
    formula: str
    shapes: str  # of what goes in and comes out, as `fc_out: (1, 512) × (512, 7638) → (1, 7638)`
    inputs: list[Quantity]
    outputs: list[Quantity]
    gates: list[Quantity]  # of a cell, each number from 0 to 1 (candidates: −1 to 1)
    lesson: str | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _quantity(name: str, tensor: Tensor) -> Quantity:
    numbers = tensor.float().flatten()
    first = [round(number, 4) for number in numbers[:SHOWN].tolist()]
    return Quantity(name, list(tensor.shape), first, round(numbers.norm().item(), 4), round(numbers.mean().item(), 4))


def _shape(*sizes: int) -> str:
    return f"({', '.join(map(str, sizes))})"


def _operation(
    part: str,
    formula: str,
    shapes: str,
    inputs: dict[str, Tensor],
    outputs: dict[str, Tensor],
    gates: dict[str, Tensor] | None = None,
    layer: int = 1,
    direction: str = "→",
) -> Operation:
    def quantities(tensors: dict[str, Tensor]) -> list[Quantity]:
        return [_quantity(name, tensor) for name, tensor in tensors.items()]

    return Operation(
        part, layer, direction, formula, f"{part}: {shapes}",
        quantities(inputs), quantities(outputs), quantities(gates or {}), LESSON.get(part),
    )  # fmt: skip


@contextmanager
def _watching(model: nn.Module) -> Iterator[dict[str, tuple[tuple[Any, ...], Any]]]:
    """What goes into each part of the model and what comes out, by the part's name, while the block runs."""
    seen: dict[str, tuple[tuple[Any, ...], Any]] = {}

    def hook(name: str) -> Any:
        def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            seen[name] = (inputs, output)

        return note

    handles = [part.register_forward_hook(hook(name)) for name, part in model.named_modules() if name]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@one_thread()
@torch.inference_mode()
def arithmetic(
    model: Seq2Seq,
    words: Sequence[str],
    written: Sequence[int],
    source_vocab: Vocab,
    target_vocab: Vocab,
    position: int,
) -> list[Operation]:
    """The operations of the step that follows the words `written`, and of the encoder at a source position (from 0)."""
    device = next(model.parameters()).device
    ids = np.array([token.id for token in source_tokens(words, source_vocab)], dtype=np.int64)
    operations: list[Operation] = []
    with _watching(model) as seen:
        memory = encode_sources(model, [ids])
        embedded = seen["encoder.embedding"][1]  # (S, 1, E)
    operations.append(_embedding(ENCODER_EMBEDDING, model.encoder.embedding, int(ids[position]), embedded[position, 0]))
    operations += _encoder_cells(model.encoder.rnn, embedded, position)
    operations.append(_context(model, memory.context))

    state = memory.context
    tokens = [SOS, *written]
    for token in tokens[:-1]:
        _, state, _ = model.decode(torch.tensor([[token]], device=device), memory, state)
    with _watching(model) as seen:
        logits, _, _ = model.decode(torch.tensor([[tokens[-1]]], device=device), memory, state)
    word = seen["decoder.embedding"][1][0, 0]
    operations.append(_embedding(DECODER_EMBEDDING, model.decoder.embedding, tokens[-1], word))
    operations += _decoder(model, seen, memory.outputs, logits[0])
    return operations


def _embedding(part: str, table: nn.Embedding, token: int, row: Tensor) -> Operation:
    rows, width = table.weight.shape
    return _operation(
        part, f"x = E[{token}]", f"row {token} of {_shape(rows, width)} → {_shape(1, width)}", {}, {"x": row}
    )


def _encoder_cells(rnn: nn.RNNBase, embedded: Tensor, position: int) -> list[Operation]:
    """The cells of all layers and directions at one source position, after walking there from where each begins."""
    operations = []
    inputs = embedded[:, 0]  # (S, width)
    directions = 2 if rnn.bidirectional else 1
    for layer in range(rnn.num_layers):
        outputs = []
        for backward in range(directions):
            order = range(len(inputs) - 1, -1, -1) if backward else range(len(inputs))
            zeros = inputs.new_zeros(rnn.hidden_size)
            state: State = (zeros, zeros) if rnn.mode == "LSTM" else (zeros,)
            made: list[Tensor] = [zeros] * len(inputs)
            for i in order:
                new, gates = _cell(rnn, layer, bool(backward), inputs[i], state)
                if i == position:
                    arrow = "←" if backward else "→"
                    operations.append(_cell_operation(ENCODER_CELL, rnn, layer, arrow, inputs[i], state, new, gates))
                state = new
                made[i] = state[0]
            outputs.append(torch.stack(made))
        inputs = torch.cat(outputs, dim=1)
    return operations


def _cell(rnn: nn.RNNBase, layer: int, backward: bool, x: Tensor, state: State) -> tuple[State, dict[str, Tensor]]:
    """One step of one cell, written out: the new state and the gates. x (width,); the state's parts (H,)."""
    ending = f"_l{layer}{'_reverse' if backward else ''}"
    weights = {name: getattr(rnn, name + ending) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    from_input = weights["weight_ih"] @ x + weights["bias_ih"]
    from_state = weights["weight_hh"] @ state[0] + weights["bias_hh"]
    if rnn.mode == "GRU":
        input_r, input_z, input_n = from_input.chunk(3)
        state_r, state_z, state_n = from_state.chunk(3)
        r, z = (input_r + state_r).sigmoid(), (input_z + state_z).sigmoid()
        n = (input_n + r * state_n).tanh()
        return ((1 - z) * n + z * state[0],), {"r": r, "z": z, "n": n}
    if rnn.mode == "LSTM":
        i, f, g, o = (from_input + from_state).chunk(4)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * state[1] + i * g
        return (o * c.tanh(), c), {"i": i, "f": f, "g": g, "o": o}
    return ((from_input + from_state).tanh(),), {}


def _cell_operation(
    part: str,
    rnn: nn.RNNBase,
    layer: int,
    direction: str,
    x: Tensor,
    state: State,
    new: State,
    gates: dict[str, Tensor],
) -> Operation:
    hidden, width = rnn.hidden_size, len(x)
    rows = {"GRU": 3, "LSTM": 4, "RNN_TANH": 1}[rnn.mode] * hidden
    names = ("h", "c")[: len(state)]
    return _operation(
        part,
        CELL_FORMULAS[rnn.mode],
        f"{_shape(1, width)} × {_shape(width, rows)} + {_shape(1, hidden)} × {_shape(hidden, rows)} → {_shape(1, hidden)}",
        {"x": x, **dict(zip(names, state, strict=True))},
        {f"{name}′": value for name, value in zip(names, new, strict=True)},
        gates,
        layer + 1,
        direction,
    )


def _context(model: Seq2Seq, context: State) -> Operation:
    """The encoder's last state becomes the decoder's first."""
    both = model.encoder.rnn.bidirectional
    layers, _, hidden = context[0].shape
    return _operation(
        CONTEXT,
        "s₀ = [h→_S ; h←_1]" if both else "s₀ = h_S",
        f"{_shape(layers, 1, hidden // 2)} ; {_shape(layers, 1, hidden // 2)} → {_shape(layers, 1, hidden)}"
        if both
        else f"{_shape(layers, 1, hidden)} → {_shape(layers, 1, hidden)}",
        {},
        {name: part[:, 0] for name, part in zip(("s₀", "c₀"), context, strict=False)},
    )


def _decoder(
    model: Seq2Seq, seen: dict[str, tuple[tuple[Any, ...], Any]], keys: Tensor, logits: Tensor
) -> list[Operation]:
    """The decoder's operations in the order in which they ran, from what each part was seen to take and give."""
    operations: list[Operation] = []
    layer = 0  # counted through, where the decoder's layers are more than one module
    last = "s" if model.decoder.mix is None else "m"
    for name, (inputs, output) in seen.items():
        module = model.get_submodule(name)
        if name.startswith("decoder.") and isinstance(module, nn.RNNBase):
            x, hx = inputs[0][0, 0], inputs[1] if isinstance(inputs[1], tuple) else (inputs[1],)
            for inner in range(module.num_layers):
                state = tuple(part[inner, 0] for part in hx)
                new, gates = _cell(module, inner, False, x, state)
                operations.append(_cell_operation(DECODER_CELL, module, layer, "→", x, state, new, gates))
                layer += 1
                x = new[0]
        elif name == "decoder.attention":
            (_, length, hidden), (contexts, weights) = keys.shape, output
            kind = model.config.attention
            operations.append(
                _operation(
                    ATTENTION,
                    f"{SCORE_FORMULAS[kind]}   a = softmax(score)   c = Σ a_i h_i",
                    f"{_shape(1, hidden)} × {_shape(hidden, length)} → {_shape(1, length)}; "
                    f"{_shape(1, length)} × {_shape(length, hidden)} → {_shape(1, hidden)}",
                    {"s": inputs[0][0, 0], "h": keys[0]},
                    {"a": weights[0, 0], "c": contexts[0, 0]},
                )
            )
        elif name in ("decoder.mix", "decoder.output"):
            x, y = inputs[0][0, 0], output[0, 0]
            sizes = f"{_shape(1, len(x))} × {_shape(len(x), len(y))} → {_shape(1, len(y))}"
            if name == "decoder.mix":
                attends = model.config.attention != "none"
                formula = "m = tanh(W [c ; s] + b)" if attends else "m = tanh(W s + b)"
                operations.append(_operation(MIX, formula, sizes, {"[c ; s]" if attends else "s": x}, {"m": y.tanh()}))
            else:
                operations.append(_operation(OUTPUT, f"logits = W {last} + b", sizes, {last: x}, {"logits": y}))
    size = logits.shape[1]
    probabilities = logits.float().softmax(dim=1)
    operations.append(
        _operation(
            SOFTMAX,
            "p_i = exp(logit_i) / Σ_j exp(logit_j)",
            f"{_shape(1, size)} → {_shape(1, size)}",
            {"logits": logits[0]},
            {"p": probabilities[0]},
        )
    )
    best = int(logits.argmax())
    operations.append(
        _operation(
            CHOICE, f"argmax_i p_i = {best}", f"{_shape(1, size)} → {_shape(1)}", {}, {"p": probabilities[0, best]}
        )
    )
    return operations
