"""One sentence, one word after another, as quick as memory is.

While one sentence is decoded nearly all time goes into reading weights, most of them the output layer's (18 MB for
8,800 words of 512 numbers). So they are laid out in the order in which they are read, and the likeliest word is guessed
from a copy in a quarter of the room.
"""

import time
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from core.model import Seq2Seq
from core.weights import pack

BLOCK = 16  # words whose logits are computed in one call
CHECKED = 8  # words that the guess finds likeliest, whose logits are then computed in full


def lay_out(model: Seq2Seq) -> None:
    """Turn the recurrent weights over in memory, columns first; the numbers stay. A product with a single word, as in
    decoding, then takes half of its time, one with many no longer than before."""
    for part in (model.encoder.rnn, model.decoder.rnn):
        for weight in part.parameters():
            if weight.dim() == 2:
                weight.data = weight.data.t().contiguous().t()


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
    """The same for weights that stay as they are, float32 and on a CPU. They are laid out when first asked for."""

    @cached_property
    def _laid_out(self) -> Tensor | None:
        # torch brings the weights into the order of the product anew for each product, which takes longer than it.
        if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            return None
        laid_out: Tensor = torch.ops.mkldnn._reorder_linear_weight(self.layer.weight.detach(), BLOCK)
        return laid_out

    @cached_property
    def _packed(self) -> tuple[Tensor, Tensor] | None:
        """The weights as int8 (width, V) and a scale for each word (V,), where guessing by them is quicker."""
        weight = self.layer.weight.detach()
        if len(weight) <= CHECKED:
            return None
        packed = pack({"": weight})
        matrix, scale = packed[""].t(), packed[".scale"]
        word = torch.ones_like(weight[:1])
        # Where processor or torch have no quick product of int8, it is slower than what it spares.
        quick = _seconds(lambda: self._guess(word, matrix, scale)) < _seconds(lambda: self.layer(word))
        return (matrix, scale) if quick else None

    def _block(self, features: Tensor) -> Tensor:
        if self._laid_out is None:
            return super()._block(features)
        # The call is that of torch.compile.
        logits: Tensor = torch.ops.mkldnn._linear_pointwise(features, self._laid_out, self.layer.bias, "none", [], "")
        return logits

    def likeliest(self, features: Tensor) -> int:
        return self._guess(features, *self._packed) if self._packed else super().likeliest(features)

    def _guess(self, features: Tensor, matrix: Tensor, scale: Tensor) -> int:
        weight, bias = self.layer.weight, self.layer.bias
        step = features.abs().amax().clamp_min(1e-12) / 127
        rounded = (features / step).round().to(torch.int8)
        logits = torch.addcmul(bias, torch._int_mm(rounded, matrix)[0], scale * step)  # (V,)
        likeliest = logits.topk(CHECKED).indices
        return int(likeliest[(weight[likeliest] @ features[0] + bias[likeliest]).argmax()])


def _seconds(work: Callable[[], object]) -> float:
    """The shortest of three."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)
