"""The layers of a GRU over many words, forward and back, as training on a CPU wants them.

torch's own GRU records some thirty small operations for each word, and adds up the gradient of every weight word by
word. Here a word costs one matrix product, by weights that are laid out for it once, and a few passes over its
numbers; the gradient of a weight is one product over all words. The same numbers, to rounding, in three quarters of
the time or less.

Shapes as in `core/model.py`; the gates' names are those of nn.GRU: r and z are between 0 and 1, n is the new state,
and h' = n + z·(h - n).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Affine = Callable[[Tensor], Tensor]
# What dropout makes of the words between two layers: (the layer that reads them, words) -> words.
Between = Callable[[int, Tensor], Tensor]

KEEPS = 1e4  # as the sum before z's sigmoid it makes z exactly 1: the state stays as it is


def can_sweep(rnn: nn.RNNBase) -> bool:
    """Whether `Reading` is for this one: a GRU that is being trained on a CPU."""
    return isinstance(rnn, nn.GRU) and rnn.training and rnn.weight_hh_l0.device.type == "cpu"


def affine(weight: Tensor, bias: Tensor, rows: int) -> Affine:
    """x ↦ x·weightᵀ + bias, to be called many times, for x with about so many rows.

    In bfloat16 the weight is `laid_out`: to bring it into order takes half of the time of a small product.
    """
    if (
        weight.dtype == torch.bfloat16
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    ):
        return laid_out(weight, bias, rows)
    return lambda x: torch.addmm(bias, x, weight.t())


def laid_out(weight: Tensor, bias: Tensor, rows: int) -> Affine:
    """The same by oneDNN, with the weight in oneDNN's own order, into which torch brings it anew for each product. Here
    that is done once. (The calls are those of torch.compile.)"""
    onednn = torch.ops.mkldnn
    matrix = onednn._reorder_linear_weight(weight, rows)
    return lambda x: onednn._linear_pointwise(x, matrix, bias, "none", [], "")


class Sweep:
    """One layer in one direction. It reads its words all at once or stretch by stretch, and keeps what backward needs.

    Its buffers: `states` (T + 1, B, H), that before word t at `place(t)`; for each word r and z in `gates` (B, 3H,
    after n's share of the word), n in `news` (B, H) and what the state gave to the gates in `recalled` (B, 3H).
    """

    @torch.no_grad()
    def __init__(
        self,
        weights: Sequence[Tensor],
        first: Tensor,
        steps: int,
        dtype: torch.dtype,
        backwards: bool = False,
        padding: Tensor | None = None,
    ) -> None:
        """weights as nn.GRU has them (gates in the order r, z, n); first (B, H), the state before the first word;
        padding (T, B) bool, where a word is none and the state stays as it is. Backwards, it begins at the last."""
        by_word, by_state, word_bias, state_bias = weights
        self.hidden = by_state.shape[1]
        rows = first.shape[0]
        # n first: then the gates by the word and those by the state lie beside each other in `backward`.
        self.by_word = by_word.to(dtype).roll(self.hidden, 0)
        self.by_state = by_state.to(dtype)
        self.from_word = affine(self.by_word, word_bias.roll(self.hidden).to(dtype), rows)
        self.from_state = affine(self.by_state, state_bias.to(dtype), rows)
        self.padding = padding
        self.order = range(steps - 1, -1, -1) if backwards else range(steps)
        self.backwards = backwards
        self.states = torch.empty(steps + 1, rows, self.hidden, dtype=dtype)
        self.states[self.place(self.order[0])] = first
        self.news = torch.empty(steps, rows, self.hidden, dtype=dtype)
        self.gates: dict[int, Tensor] = {}
        self.recalled: dict[int, Tensor] = {}

    def place(self, step: int, after: bool = False) -> int:
        """Where in `states` that before this word stands, or that after it."""
        return step + (self.backwards != after)

    @property
    def outputs(self) -> Tensor:
        """(T, B, H): the state after each word."""
        return self.states[:-1] if self.backwards else self.states[1:]

    @property
    def inputs(self) -> Tensor:
        """(T, B, H): the state before each word."""
        return self.states[1:] if self.backwards else self.states[:-1]

    @torch.no_grad()
    def read(self, words: Tensor) -> Tensor:
        """Go on by these words (t, B, width). Returns the states after them (t, B, H)."""
        begin, hidden, rows = len(self.gates), self.hidden, words.shape[1]
        gates = self.from_word(words.to(self.states.dtype).flatten(0, 1)).view(-1, rows, 3 * hidden)
        steps = self.order[begin : begin + len(words)]
        start = min(steps)
        if self.padding is not None:
            gates[..., 2 * hidden :][self.padding[start : start + len(words)]] = KEEPS
        for step in steps:
            gate, before = gates[step - start], self.states[self.place(step)]
            new, after = self.news[step], self.states[self.place(step, after=True)]
            recalled = self.from_state(before)
            from_word, r_and_z = gate[:, :hidden], gate[:, hidden:]
            r, z = r_and_z.add_(recalled[:, : 2 * hidden]).sigmoid_().chunk(2, dim=1)
            # torch's tanh takes six times as long in bfloat16 as in float32.
            new.copy_(torch.addcmul(from_word, r, recalled[:, 2 * hidden :]).float().tanh_())
            torch.lerp(new, before, z, out=after)
            self.gates[step], self.recalled[step] = gate, recalled
        return self.outputs[start : start + len(words)]


class _Swept(torch.autograd.Function):
    """A sweep over all its words, with gradients. What it has read already is not read again."""

    @staticmethod
    def forward(ctx: Any, sweep: Sweep, words: Tensor, first: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
        done = len(sweep.gates)
        if done < len(words):
            sweep.read(words[done:])
        ctx.sweep, ctx.kinds = sweep, (words.dtype, first.dtype)
        ctx.save_for_backward(words.to(sweep.states.dtype))
        return sweep.outputs, sweep.states[sweep.place(sweep.order[-1], after=True)].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_output: Tensor, by_last: Tensor) -> tuple[Tensor | None, ...]:
        sweep: Sweep = ctx.sweep
        (words,) = ctx.saved_tensors
        steps, rows, hidden = by_output.shape
        # By the sums before the gates' functions: n's (as the word gave to it), r's, z's, n's as the state gave to it.
        by_sums = torch.empty(steps, rows, 4 * hidden, dtype=words.dtype)
        spare = torch.empty(rows, hidden, dtype=words.dtype)
        by_state = by_last
        for step in reversed(sweep.order):
            before, new = sweep.states[sweep.place(step)], sweep.news[step]
            _, r, z = sweep.gates[step].chunk(3, dim=1)
            by_n, by_r, by_z, by_recalled = by_sums[step].chunk(4, dim=1)
            by_state = by_state + by_output[step]
            torch.sub(before, new, out=spare).mul_(by_state)
            torch.ops.aten.sigmoid_backward.grad_input(spare, z, grad_input=by_z)
            kept = by_state * z
            torch.sub(by_state, kept, out=spare)
            torch.ops.aten.tanh_backward.grad_input(spare, new, grad_input=by_n)
            torch.mul(by_n, sweep.recalled[step][:, 2 * hidden :], out=spare)
            torch.ops.aten.sigmoid_backward.grad_input(spare, r, grad_input=by_r)
            torch.mul(by_n, r, out=by_recalled)
            by_state = torch.addmm(kept, by_sums[step, :, hidden:], sweep.by_state)
        flat, inputs = by_sums.flatten(0, 1), words.flatten(0, 1)
        by_word, by_memory = flat[:, : 3 * hidden], flat[:, hidden:]  # the middle, r and z, belongs to both
        biases = flat.sum(dim=0).float()
        return (
            None,
            (by_word @ sweep.by_word).view(words.shape).to(ctx.kinds[0]),
            by_state.to(ctx.kinds[1]),
            (by_word.t() @ inputs).roll(-hidden, 0).float(),
            (by_memory.t() @ sweep.inputs.flatten(0, 1)).float(),
            biases[: 3 * hidden].roll(-hidden),
            biases[hidden:],
        )


class Reading:
    """All layers of a GRU, in one direction or two, over one batch of sentences."""

    def __init__(
        self, rnn: nn.GRU, state: Tensor, steps: int, dtype: torch.dtype, padding: Tensor | None = None
    ) -> None:
        """state (D·L, B, H), before the first word; for `dtype` see `core.loss.compute_dtype`; padding (T, B) bool."""
        self.state = state
        self.weights = rnn.all_weights
        self.directions = 2 if rnn.bidirectional else 1
        self.sweeps = [
            Sweep(weights, state[row], steps, dtype, row % self.directions == 1, padding)
            for row, weights in enumerate(self.weights)
        ]

    def read(self, words: Tensor, between: Between) -> Tensor:
        """Go on by these words (t, B, E), without gradients and in one direction. Returns the top layer's outputs."""
        for layer, sweep in enumerate(self.sweeps):
            words = sweep.read(between(layer, words) if layer else words)
        return words

    def whole(self, words: Tensor, between: Between) -> tuple[Tensor, tuple[Tensor]]:
        """All words (T, B, E), those that have been read among them: the top layer's outputs (T, B, D·H) and, as a
        tuple of one, the state after the last word (D·L, B, H). On padding an output is the state next to it."""
        lasts = []
        for row in range(0, len(self.sweeps), self.directions):
            words = between(row // self.directions, words) if row else words
            parts = []
            for i in range(row, row + self.directions):
                outputs, last = _Swept.apply(self.sweeps[i], words, self.state[i], *self.weights[i])  # type: ignore[no-untyped-call]
                parts.append(outputs)
                lasts.append(last)
            words = torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]
        return words, (torch.stack(lasts),)
