"""The honest split: which pairs train, validate and test. Numbers in arrays, so that millions of pairs fit."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from core.problems import Problem

MIN_PAIRS = 20
MAX_HELD_OUT = 2000
HELD_OUT_SHARE = 0.05
MAX_GROUP = 20  # pairs of a group that may be held out

_NO_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class SplitRows:
    """Row numbers (from 0) of three sides; no sentence of either language stands in two of them."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def sameness_key(sentence: str) -> str:
    """What two sentences share when a reader would call them the same: letters and digits, case folded."""
    return _NO_LETTERS.sub("", sentence.casefold()) or sentence


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


class Hashes(NamedTuple):
    """Four 64-bit numbers for each pair: its source's key, its target's key, where a group of this source alone stands
    in the order of groups, and where the pair stands in the order of training (the same for the same pair alone).

    Two of ten million keys are taken for the same with a chance of one in a hundred thousand.
    """

    source: np.ndarray
    target: np.ndarray
    group: np.ndarray
    order: np.ndarray


def hashes(pairs: Iterable[tuple[str, str]], seed: int) -> Hashes:
    digests = []
    for source, target in pairs:
        key = "s" + sameness_key(source)
        digests += [
            _hash(key),
            _hash("t" + sameness_key(target)),
            _hash(f"{seed}\n{key}"),
            _hash(f"{seed}\n{source}\n{target}"),
        ]
    return Hashes(*np.frombuffer(b"".join(digests), ">u8").reshape(-1, 4).T.astype(np.uint64))


def connected(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """For each pair a label of its group: pairs that share a sentence, directly or through others.

    sources, targets: for each pair a number of the sentence, 0 to how many there are. The label is the smallest
    source number of the group.
    """
    label = np.arange(sources.max(initial=-1) + 1, dtype=sources.dtype)
    while True:
        by_target = np.full(targets.max(initial=-1) + 1, len(label), sources.dtype)
        np.minimum.at(by_target, targets, label[sources])
        lower = label.copy()
        np.minimum.at(lower, sources, by_target[targets])
        lower = lower[lower]  # a label is a member of the group, whose own label is as low or lower
        if np.array_equal(lower, label):
            return np.asarray(label[sources])
        label = lower


def split_rows(pairs: Sequence[tuple[str, str]], seed: int = 1, hashed: Hashes | None = None) -> SplitRows:
    """Cut off validation and test pairs, each 5% of all and at most 2,000, by groups.

    A group is all pairs connected through either language: most Chinese sentences here have one
    translation, some ten, and a split by row would put the same sentence on both sides. Sentences
    count as the same when they differ in case, blanks and punctuation alone. Which group goes where
    hangs on `seed` and the group's own words, so that more pairs move few groups to another side;
    groups of more than 20 pairs always go to training. Training order is drawn here once, so that the
    first N pairs are a fair sample of all.

    hashed: what `hashes` gives for these pairs, where it is known. Raises Problem where there are fewer
    than 20 pairs or too few groups to have three sides.
    """
    hashed = hashes(pairs, seed) if hashed is None else hashed
    count = len(hashed.order)
    group = connected(_numbers(hashed.source), _numbers(hashed.target)) if count else np.zeros(0, np.int32)
    sizes = np.bincount(group)
    labels = np.flatnonzero(sizes)
    if count < MIN_PAIRS or len(labels) < 6:
        raise Problem(
            f"{count} different sentence pairs are too few to split into training, validation and test. "
            f"Give at least {MIN_PAIRS} different ones.",
            f"只有 {count} 个不同的句对，不够分成训练、验证和测试三份。请至少提供 {MIN_PAIRS} 个不同的句对。",
        )
    held_out = min(MAX_HELD_OUT, max(2, round(count * HELD_OUT_SHARE)))
    side = np.zeros(len(sizes), np.int8)  # of each group: 0 train, 1 valid, 2 test
    taken: dict[int, list[int]] = {1: [], 2: []}
    pairs_in = {1: 0, 2: 0}
    order = _order_of_groups(pairs, seed, hashed, group)[labels]
    for label in labels[np.argsort(order, kind="stable")]:
        place = next((place for place in (2, 1) if pairs_in[place] < held_out), 0)
        if not place:
            break
        if sizes[label] <= MAX_GROUP:
            side[label] = place
            taken[place].append(label)
            pairs_in[place] += sizes[label]
    train = np.flatnonzero(side[group] == 0)
    train = train[np.argsort(hashed.order[train], kind="stable")]
    return SplitRows(train, *(_rows_by_group(group, side[group] == place, taken[place]) for place in (1, 2)))


def _numbers(keys: np.ndarray) -> np.ndarray:
    """Each key as a number, 0 to how many different ones there are."""
    return np.unique(keys, return_inverse=True)[1].astype(np.int32)


def _order_of_groups(pairs: Sequence[tuple[str, str]], seed: int, hashed: Hashes, group: np.ndarray) -> np.ndarray:
    """For each label the hash of its group's alphabetically first key, so that it does not hang on the pairs' order."""
    order = np.zeros(group.max() + 1, np.uint64)
    order[group] = hashed.group  # right where the group has one source sentence
    # One row of each source sentence, those of the same group side by side.
    rows = np.unique(hashed.source, return_index=True)[1]
    rows = rows[np.bincount(group[rows])[group[rows]] > 1]
    rows = rows[np.argsort(group[rows], kind="stable")]
    borders = np.flatnonzero(np.diff(group[rows])) + 1
    for members in np.split(rows, borders) if len(rows) else []:
        first = min("s" + sameness_key(pairs[int(row)][0]) for row in members)
        order[group[members[0]]] = int.from_bytes(_hash(f"{seed}\n{first}"), "big")
    return order


def _rows_by_group(group: np.ndarray, chosen: np.ndarray, labels: list[int]) -> np.ndarray:
    """The chosen rows, group after group in the order of `labels`, inside a group in their own order."""
    rows = np.flatnonzero(chosen)
    place = {label: number for number, label in enumerate(labels)}
    return rows[np.argsort([place[label] for label in group[rows].tolist()], kind="stable")]
