"""Normalises, hashes and cuts sentences, in blocks and on as many cores as there are; what comes back are arrays.

Nothing here imports torch: it would be imported once a core.
"""

import functools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TypeVar

import numpy as np
import pyarrow as pa

from core.corpus import Pair
from core.encoded import GrowingRows
from core.split import Hashes, hashes
from core.text import PieceTokenizer, Tokenizer, tokenizer

BLOCK = 5000  # pairs that a process takes at once
MIN_PARALLEL = 30_000  # pairs; below, a process's start costs more than it gives

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Cut:
    """A tokenizer by what it takes to make it in another process: its name, and a piece tokenizer's model."""

    name: str
    model: bytes = b""

    @classmethod
    def of(cls, cut: Tokenizer) -> "Cut":
        return cls(cut.name, cut.model if isinstance(cut, PieceTokenizer) else b"")

    def tokenizer(self) -> Tokenizer:
        return _tokenizer(self)


@functools.lru_cache(maxsize=4)
def _tokenizer(cut: Cut) -> Tokenizer:
    return PieceTokenizer(cut.model) if cut.name == PieceTokenizer.name else tokenizer(cut.name)


@dataclass(frozen=True)
class Texts:
    """Sentences as bytes, one after the other."""

    text: np.ndarray  # uint8
    lengths: np.ndarray


@dataclass(frozen=True)
class Tokens:
    """Sentences as numbers of `words`, one after the other."""

    words: list[str]
    ids: np.ndarray
    lengths: np.ndarray


# What a process does with a block


def normalize_block(pairs: Sequence[Pair], cuts: tuple[Cut, Cut], seed: int) -> tuple[Texts, Texts, Hashes]:
    """Both sides as the tokenizers see them, and their `hashes`. A pair with an empty side is left out."""
    source, target = (cut.tokenizer() for cut in cuts)
    normal = [(source.normalize(a), target.normalize(b)) for a, b in pairs]
    normal = [pair for pair in normal if all(pair)]
    sides = []
    for side in (0, 1):
        rows = [pair[side].encode() for pair in normal]
        sides.append(Texts(np.frombuffer(b"".join(rows), np.uint8), np.array([len(row) for row in rows], np.int64)))
    return sides[0], sides[1], hashes(normal, seed)


def cut_block(pairs: Sequence[Pair], cuts: tuple[Cut, Cut]) -> tuple[Tokens, Tokens]:
    """Both sides as tokens, numbered as they first appear in the block."""
    pairs = list(pairs)
    sides = []
    for side, cut in enumerate(cuts):
        tokenize = cut.tokenizer().tokenize
        numbers: dict[str, int] = {}
        ids: list[int] = []
        lengths = []
        for pair in pairs:
            tokens = tokenize(pair[side])
            ids.extend([numbers.setdefault(token, len(numbers)) for token in tokens])
            lengths.append(len(tokens))
        sides.append(Tokens(list(numbers), np.array(ids, np.int32), np.array(lengths, np.int64)))
    return sides[0], sides[1]


class GrowingTokens:
    """Sentences as numbers of words, block after block; the words are numbered as they first appear in all."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._rows = GrowingRows(np.int32)

    def append(self, block: Tokens) -> None:
        numbers = [self._numbers.setdefault(word, len(self._numbers)) for word in block.words]
        self._rows.append(np.array(numbers, np.int32)[block.ids], block.lengths)

    @property
    def words(self) -> list[str]:
        return list(self._numbers)

    def lists(self) -> pa.Array:
        return self._rows.lists()


# On all cores


def in_blocks(function: Callable[[A], B], blocks: Iterable[A], processes: int) -> Iterator[B]:
    """The function's results in the blocks' order, made by that many processes; a few blocks are held at once.

    Where no process can be started, or one dies, its blocks are done here.
    """
    if processes <= 1:
        yield from map(function, blocks)
        return
    waiting: deque[tuple[A, Future[B] | None]] = deque()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _live_with_parent) as pool:

        def hand_over(block: A) -> "Future[B] | None":
            try:
                return pool.submit(function, block)
            except (BrokenProcessPool, OSError):
                return None

        def next_result() -> B:
            block, future = waiting.popleft()
            if future is not None:
                try:
                    return future.result()
                except BrokenProcessPool:
                    pass
            return function(block)

        for block in blocks:
            waiting.append((block, hand_over(block)))
            if len(waiting) >= 2 * processes:
                yield next_result()
        while waiting:
            yield next_result()


def _live_with_parent() -> None:
    """Ctrl-C is the parent's business; and a process whose parent is killed ends too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def cores(pairs: int, processes: int) -> int:
    """How many processes of those at hand are worth their start for so many pairs."""
    return processes if pairs >= MIN_PARALLEL else 1
