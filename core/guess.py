"""The likeliest word of an output layer, guessed from its weights in a quarter of the room.

While one sentence is decoded nearly all time goes into reading weights from memory, most of them the output layer's
(18 MB for 8,800 words of 512 numbers), and between two steps only the likeliest word is needed of them.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.weights import pack

CHECKED = 8  # words that the guess finds likeliest, whose logits are then computed in full
WHOLE = 64  # torch's product with int8 reads past the end of rows whose length is no multiple of 16


class Guess:
    """Finds the likeliest word quickly and nearly always; whoever needs to be sure looks at all logits afterwards."""

    def __init__(self, output: nn.Linear) -> None:
        self.output = output
        self._packed: tuple[Tensor, Tensor] | None = None
        self._version = -1

    @torch.inference_mode()
    def __call__(self, features: Tensor) -> int:
        """features (1, width), float32: the id of the likeliest word. Where the whole layer is no slower, surely so."""
        if self._version != self.output.weight._version:  # trained on since
            self._pack(features)
        return self._by_parts(features, *self._packed) if self._packed else int(self.output(features).argmax())

    def _pack(self, features: Tensor) -> None:
        weight = self.output.weight
        self._version, self._packed = weight._version, None
        if weight.device.type != "cpu" or weight.shape[1] % WHOLE or weight.shape[0] <= CHECKED:
            return
        packed = pack({"": weight.detach()})
        matrix, scale = packed[""], packed[".scale"].bfloat16()
        # Where torch was built without the quick product (on Windows), it is slower than what it spares.
        if _seconds(lambda: self._by_parts(features, matrix, scale)) < _seconds(lambda: self.output(features)):
            self._packed = matrix, scale

    def _by_parts(self, features: Tensor, matrix: Tensor, scale: Tensor) -> int:
        weight, bias = self.output.weight, self.output.bias
        # bfloat16 by int8 in one pass, which torch has for language models.
        logits = torch._weight_int8pack_mm(features.bfloat16(), matrix, scale).float() + bias  # (1, V)
        likeliest = logits[0].topk(CHECKED).indices
        return int(likeliest[(weight[likeliest] @ features[0] + bias[likeliest]).argmax()])


def _seconds(work: Callable[[], object]) -> float:
    """The shortest of three."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)
