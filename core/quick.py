"""One sentence, one word after another, as quick as memory is.

While one sentence is decoded nearly all time goes into reading weights: at each step those of the decoder (15 MB in the
largest run that ships) and of the output layer (18 MB). So they are laid out in the order in which they are read; those
that are whole numbers, as in runs that ship, are read as such, in a quarter of the room; and the likeliest word is
guessed from a copy as small.
"""

import time
from collections.abc import Callable
from functools import cache, cached_property

import torch
from torch import Tensor, nn

from core.gru import Affine, laid_out
from core.machine import one_thread
from core.model import Seq2Seq
from core.weights import pack, unpack

BLOCK = 16  # words whose logits are computed in one call
CHECKED = 8  # words that the guess finds likeliest, whose logits are then computed in full


@cache
def int8_is_quick() -> bool:
    """Whether processor and torch have a product of int8, quick and exact, found out once. With one it takes a quarter
    of the time of float32's, without one many times as long."""
    weight, word = torch.full((2048, 512), 127.0), torch.full((1, 512), 127.0)
    matrix, whole = weight.to(torch.int8).t(), word.to(torch.int8)
    with one_thread():
        # Processors older than such a product have one that cuts off the sum of two large numbers.
        exact = torch.equal(torch._int_mm(whole, matrix).float(), nn.functional.linear(word, weight))
        return exact and (
            _seconds(lambda: torch._int_mm(whole, matrix)) < _seconds(lambda: nn.functional.linear(word, weight))
        )


def quicken(model: Seq2Seq) -> "QuickOutput":
    """Make a model on a CPU that is no longer trained quick with single words, its output layer by the object returned.
    Its numbers stay, to rounding."""
    for part in (model.encoder.rnn, model.decoder.rnn):
        for weight in part.parameters():
            if weight.dim() == 2:
                # Columns first. A product with one word then takes half of its time, one with many no longer.
                weight.data = weight.data.t().contiguous().t()
    decoder = model.decoder
    if decoder.mix is not None and Product.serves(decoder.mix.weight):
        decoder.mix = QuickLinear(decoder.mix)
    if isinstance(decoder.rnn, nn.GRU) and QuickGRU.serves(decoder.rnn):
        decoder.rnn = QuickGRU(decoder.rnn)
    return QuickOutput(decoder.output)


class Product:
    """x ↦ x·Wᵀ + bias for few x, by a W whose rows are whole numbers of at most 127 times a scale, as those of runs that ship
    are (`core/weights.py`). In int8, a quarter of what float32 reads, and no less exact: x is taken apart into three
    digits of 254 each, 24 bits in all, and sums of whole numbers know no rounding."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        packed = pack({"": weight.detach()})
        self.matrix, scale = packed[""].t(), packed[".scale"]
        self.bias = bias.detach()
        self.places = torch.tensor([1.0, 254.0, 254.0**2]).view(3, 1, 1)
        self.scales = scale / self.places  # (3, 1, rows of W)

    @staticmethod
    def serves(weight: Tensor) -> bool:
        """Whether W is such a matrix, and this machine quick with it."""
        weight = weight.detach()
        return int8_is_quick() and torch.allclose(unpack(pack({"": weight}))[""], weight, rtol=1e-6, atol=0.0)

    def __call__(self, x: Tensor) -> Tensor:
        """x (N, width): (N, rows of W)."""
        unit = _unit(x)
        rounded = (x / unit * self.places).round_()  # (3, N, width): to a unit, to 1/254 of it, to 1/254² of it
        digits = rounded.clone()
        digits[1:].sub_(rounded[:-1], alpha=254)  # what is left when the digit before is taken off: from -127 to 127
        products = torch._int_mm(digits.flatten(0, 1).to(torch.int8), self.matrix).view(3, len(x), -1)
        return torch.addcmul(self.bias, (products * self.scales).sum(dim=0), unit)

    def roughly(self, x: Tensor) -> Tensor:
        """The same to about a hundredth, by the first digit alone. W may be any matrix here: it is rounded."""
        unit = _unit(x)
        products = torch._int_mm((x / unit).round_().to(torch.int8), self.matrix)
        return torch.addcmul(self.bias, products * self.scales[0], unit)


class QuickLinear(nn.Linear):
    """A linear layer that is quick with single words."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__(layer.in_features, layer.out_features, device="meta")
        self.load_state_dict(layer.state_dict(), assign=True)
        self.product = Product(self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() != self.in_features:
            return super().forward(x)
        return self.product(x.reshape(1, -1)).view(*x.shape[:-1], -1)


class QuickGRU(nn.GRU):
    """A GRU in one direction that is quick with single words."""

    def __init__(self, rnn: nn.GRU) -> None:
        super().__init__(rnn.input_size, rnn.hidden_size, rnn.num_layers, device="meta")
        self.load_state_dict(rnn.state_dict(), assign=True)
        self.train(rnn.training)
        self.products = [
            (Product(by_word, word_bias), Product(by_state, state_bias))
            for by_word, by_state, word_bias, state_bias in self.all_weights
        ]

    @staticmethod
    def serves(rnn: nn.GRU) -> bool:
        return not rnn.bidirectional and all(Product.serves(weight) for weight in rnn.parameters() if weight.dim() == 2)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """x (T, B, width); state (L, B, H)."""
        if x.shape[:2] != (1, 1):
            outputs, last = super().forward(x, state)
            return outputs, last
        word, states, hidden = x[0], [], self.hidden_size
        for before, (from_word, from_state) in zip(state, self.products, strict=True):
            by_word, by_state = from_word(word), from_state(before)  # (1, 3H): r, z, n
            r, z = (by_word[:, : 2 * hidden] + by_state[:, : 2 * hidden]).sigmoid_().chunk(2, dim=1)
            n = torch.addcmul(by_word[:, 2 * hidden :], r, by_state[:, 2 * hidden :]).tanh_()
            word = torch.lerp(n, before, z)
            states.append(word)
        return word.unsqueeze(0), torch.stack(states)


class Output:
    """An output layer as a trace asks it, whatever its weights are just then."""

    def __init__(self, layer: nn.Linear) -> None:
        self.layer = layer

    def likeliest(self, features: Tensor) -> int:
        """features (1, width), float32: the id of the likeliest word. It may be a guess, nearly always right: whoever
        needs to be sure looks at `logits` afterwards."""
        return int(self.layer(features).argmax())

    def logits(self, features: Tensor) -> Tensor:
        """The logits of T steps (T, width): (T, V), float32. In blocks of one size, the last one filled up, so that a
        step's numbers do not hang on how many steps follow it."""
        whole = nn.functional.pad(features, (0, 0, 0, -len(features) % BLOCK))
        return torch.cat([self._block(block) for block in torch.split(whole, BLOCK)])[: len(features)]

    def _block(self, features: Tensor) -> Tensor:
        logits: Tensor = self.layer(features).float()
        return logits


class QuickOutput(Output):
    """The same for weights that stay as they are, on a CPU. They are laid out when first asked for."""

    @cached_property
    def _product(self) -> Product | None:
        return Product(self.layer.weight, self.layer.bias) if int8_is_quick() else None

    @cached_property
    def _exactly(self) -> Product | None:
        return self._product if Product.serves(self.layer.weight) else None

    @cached_property
    def _laid_out(self) -> Affine:
        if torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            return laid_out(self.layer.weight.detach(), self.layer.bias, BLOCK)
        return self.layer

    def logits(self, features: Tensor) -> Tensor:
        return self._exactly(features) if self._exactly else super().logits(features)

    def _block(self, features: Tensor) -> Tensor:
        return self._laid_out(features)

    def likeliest(self, features: Tensor) -> int:
        weight, bias = self.layer.weight, self.layer.bias
        if self._product is None or len(weight) <= CHECKED:
            return super().likeliest(features)
        likeliest = self._product.roughly(features)[0].topk(CHECKED).indices
        return int(likeliest[(weight[likeliest] @ features[0] + bias[likeliest]).argmax()])


def _unit(x: Tensor) -> Tensor:
    """For each row (N, 1) that by which its largest number is 127."""
    return x.abs().amax(dim=1, keepdim=True).clamp_min_(1e-12).div_(127)


def _seconds(work: Callable[[], object]) -> float:
    """The shortest of three."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)
