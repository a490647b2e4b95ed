"""Sentences as ids, and batches of them with as little padding as can be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

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
        return Batch(self.source.to(device), self.source_lengths, self.target_in.to(device), self.target_out.to(device))


@dataclass(frozen=True)
class EncodedPairs:
    """Id arrays of all pairs; the source already ends with `<eos>`."""

    sources: list[np.ndarray]
    targets: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def target_tokens(self) -> int:
        """Words to predict in one epoch, `<eos>` included."""
        return sum(len(target) + 1 for target in self.targets)


def source_ids(ids: Sequence[int]) -> np.ndarray:
    """A source sentence as the encoder reads it: its words and `<eos>`."""
    return np.array([*ids, EOS], dtype=np.int64)


def encode_pairs(pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> EncodedPairs:
    return EncodedPairs(
        [source_ids(source) for source, _ in pairs], [np.array(target, dtype=np.int64) for _, target in pairs]
    )


def pad_columns(sequences: Sequence[np.ndarray]) -> Tensor:
    """Sequences of different lengths as the columns of one (longest, B) tensor, padded with PAD."""
    longest = max(len(sequence) for sequence in sequences)
    padded = np.full((longest, len(sequences)), PAD, dtype=np.int64)
    for column, sequence in enumerate(sequences):
        padded[: len(sequence), column] = sequence
    return torch.from_numpy(padded)


def make_batch(pairs: EncodedPairs, rows: Iterable[int]) -> Batch:
    """The pairs of these row numbers as one batch."""
    rows = list(rows)
    sources = [pairs.sources[row] for row in rows]
    targets = [pairs.targets[row] for row in rows]
    return Batch(
        pad_columns(sources),
        torch.tensor([len(source) for source in sources]),
        pad_columns([np.concatenate(([SOS], target)) for target in targets]),
        pad_columns([np.concatenate((target, [EOS])) for target in targets]),
    )


def batch_rows(pairs: EncodedPairs, batch_size: int, seed: int | None) -> list[np.ndarray]:
    """Which pairs stand together in each batch: neighbours in source, then target length.

    With a seed, pairs of the same lengths are shuffled among each other, and so is the order of the batches; the
    same seed gives the same batches. Without one (validation) the order is by length.
    """
    count = len(pairs)
    random = np.random.default_rng(seed if seed is not None else 0)
    source_lengths = np.array([len(source) for source in pairs.sources])
    target_lengths = np.array([len(target) for target in pairs.targets])
    order = np.lexsort((random.random(count), target_lengths, source_lengths))
    rows = [order[start : start + batch_size] for start in range(0, count, batch_size)]
    if seed is not None:
        random.shuffle(rows)
    return rows


def batches(pairs: EncodedPairs, batch_size: int, seed: int | None = None) -> Iterator[Batch]:
    """All pairs once, as `batch_rows` groups them."""
    for rows in batch_rows(pairs, batch_size, seed):
        yield make_batch(pairs, rows)
