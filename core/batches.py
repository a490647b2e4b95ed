"""Sentences as ids, and batches of them with as little padding as can be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from torch import Tensor

from core.encoded import Ragged
from core.vocab import EOS, PAD, SOS


@dataclass(frozen=True)
class Batch:
    """B pairs, padded with PAD. `target_in` begins with `<sos>`; `target_out` is the same words one step on and
    ends with `<eos>`: from `<sos>` the first word is learnt."""

    source: Tensor  # (S, B) int64, each column ends with <eos>
    source_lengths: Tensor  # (B,) int64, always on the CPU
    target_in: Tensor  # (T, B) int64
    target_out: Tensor  # (T, B) int64

    def to(self, device: torch.device) -> "Batch":
        """The batch on that device. To a GPU it goes from pinned memory, so that nobody waits for the copy."""

        def move(part: Tensor) -> Tensor:
            return part.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else part.to(device)

        return Batch(move(self.source), self.source_lengths, move(self.target_in), move(self.target_out))

    def twice(self) -> "Batch":
        """Every pair two times: all of them, then all of them again."""
        return Batch(
            self.source.repeat(1, 2),
            self.source_lengths.repeat(2),
            self.target_in.repeat(1, 2),
            self.target_out.repeat(1, 2),
        )


@dataclass(frozen=True)
class EncodedPairs:
    """Ids of all pairs; the source already ends with `<eos>`."""

    sources: Ragged
    targets: Ragged

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def target_tokens(self) -> int:
        """Words to predict in one epoch, `<eos>` included."""
        return self.targets.total + len(self)

    def release(self) -> None:
        """Give the memory back into which pages of the ids' file were read."""
        self.sources.release()
        self.targets.release()


def source_ids(ids: Sequence[int]) -> np.ndarray:
    """A source sentence as the encoder reads it: its words and `<eos>`."""
    return np.array([*ids, EOS], dtype=np.int64)


def encode_pairs(pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> EncodedPairs:
    return EncodedPairs(Ragged.of((source for source, _ in pairs), EOS), Ragged.of(target for _, target in pairs))


def pad_columns(sequences: Sequence[np.ndarray]) -> Tensor:
    """Sequences of different lengths as the columns of one (longest, B) tensor, padded with PAD."""
    columns, _ = Ragged.of(sequences).padded(np.arange(len(sequences)), PAD)
    return torch.from_numpy(columns)


def make_batch(pairs: EncodedPairs, rows: Iterable[int]) -> Batch:
    """The pairs of these row numbers as one batch."""
    rows = np.fromiter(rows, np.int64)
    source, source_lengths = pairs.sources.padded(rows, PAD)
    words, lengths = pairs.targets.padded(rows, PAD)
    target_in = np.concatenate((np.full((1, len(rows)), SOS), words))
    target_out = np.concatenate((words, np.full((1, len(rows)), PAD)))
    target_out[lengths, np.arange(len(rows))] = EOS
    return Batch(*map(torch.from_numpy, (source, source_lengths, target_in, target_out)))


PORTION = 2**17  # pairs that are sorted by length together
NEIGHBOURS = 2**10  # pairs that stay together when a larger corpus is dealt out into portions


class BatchRows(Sequence[np.ndarray]):
    """Which pairs stand together in each batch, worked out where it is asked for. See `batch_rows`.

    Of a corpus that is larger than one portion, each portion takes some hundred stretches from all over it: so
    sorting needs little memory, and reading a memory-mapped file goes along it.
    """

    def __init__(
        self,
        pairs: EncodedPairs,
        batch_size: int,
        seed: int | None,
        by_words: bool = False,
        numbers: range | None = None,
    ) -> None:
        self.pairs, self.batch_size, self.seed, self.by_words = pairs, batch_size, seed, by_words
        self._numbers = range(-(-len(pairs) // batch_size)) if numbers is None else numbers
        self._in_portion = max(1, PORTION // batch_size)  # batches
        self._portion = -1
        self._known: list[np.ndarray] = []  # of that portion

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> "BatchRows": ...
    def __getitem__(self, index: int | slice) -> "np.ndarray | BatchRows":
        if isinstance(index, slice):
            return BatchRows(self.pairs, self.batch_size, self.seed, self.by_words, self._numbers[index])
        portion, place = divmod(self._numbers[index], self._in_portion)
        if portion != self._portion:
            self.pairs.release()
            self._portion, self._known = portion, self._sorted(portion)
        return self._known[place]

    def _sorted(self, portion: int) -> list[np.ndarray]:
        size = self._in_portion * self.batch_size
        rows = self._dealt(portion * size, min((portion + 1) * size, len(self.pairs)))
        random = np.random.default_rng((self.seed or 0, portion) if portion else self.seed or 0)
        chance = random.random(len(rows))
        sources, targets = self.pairs.sources.lengths(rows), self.pairs.targets.lengths(rows)
        order = np.lexsort((chance, targets, sources))
        ends = np.arange(self.batch_size, len(rows), self.batch_size)
        if self.by_words:
            ends = _even_ends((sources + targets)[order], len(ends) + 1)
        batches = np.split(rows[order], ends)
        if self.seed is not None:
            random.shuffle(batches)
        return batches

    def _dealt(self, start: int, stop: int) -> np.ndarray:
        """The rows at these places of the whole order."""
        count = len(self.pairs)
        if self.seed is None or (start == 0 and stop == count):
            return np.arange(start, stop)
        stretches = np.random.default_rng(self.seed).permutation(-(-count // NEIGHBOURS))
        begins = stretches * NEIGHBOURS
        ends = np.minimum(begins + NEIGHBOURS, count)
        reached = np.cumsum(ends - begins)
        first, last = np.searchsorted(reached, [start, stop - 1], side="right")
        rows = np.concatenate([np.arange(begins[i], ends[i]) for i in range(first, last + 1)])
        begin = start - (reached[first] - (ends[first] - begins[first]))
        return rows[begin : begin + stop - start]


def _even_ends(words: np.ndarray, parts: int) -> np.ndarray:
    """Where to cut a row of sentences so that its parts hold about as many words each, and a sentence at least."""
    reached = np.cumsum(words)
    numbers = np.arange(1, parts)
    ends: np.ndarray = np.searchsorted(reached, reached[-1] * numbers / parts) + 1
    # Each end lies beyond the one before it, however long a single sentence is.
    ends = np.maximum.accumulate(ends - numbers).clip(0, len(words) - parts)
    ends += numbers
    return ends


def batch_rows(pairs: EncodedPairs, batch_size: int, seed: int | None, by_words: bool = False) -> BatchRows:
    """Which pairs stand together in each batch: neighbours in source, then target length.

    With a seed, pairs of the same lengths are shuffled among each other, and so is the order of the batches; the
    same seed gives the same batches. Without one (validation) the order is by length. With `by_words`, batches are as
    many as without, but hold about as many words each: many short sentences, or few long ones.
    """
    return BatchRows(pairs, batch_size, seed, by_words)


def batches(pairs: EncodedPairs, batch_size: int, seed: int | None = None) -> Iterator[Batch]:
    """All pairs once, as `batch_rows` groups them."""
    for rows in batch_rows(pairs, batch_size, seed):
        yield make_batch(pairs, rows)
