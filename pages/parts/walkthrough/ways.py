"""The tree of ways through a sentence: greedy decoding, and every branch that somebody followed from it.

A way is the tuple of its departures, each a step (from 1) and the target id taken there; greedy is the empty one. In
the address and in the browser it is written `3-57.5-880`, greedy `0`.
"""

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.decode import DecodeTrace

Way = tuple[tuple[int, int], ...]

GREEDY: Way = ()
MOST = 48  # ways of one sentence: each is a run of the decoder; a link with one choice at every step still opens
_WRITTEN = re.compile(r"\d{1,4}-\d{1,7}(\.\d{1,4}-\d{1,7})*")


def write_way(way: Way) -> str:
    return ".".join(f"{step}-{token}" for step, token in way) or "0"


def read_way(text: str) -> Way | None:
    """The way that `write_way` wrote; None where the text is none, as its steps must go up."""
    if text == "0":
        return GREEDY
    if not _WRITTEN.fullmatch(text):
        return None
    pairs = [part.split("-") for part in text.split(".")]
    way = tuple((int(step), int(token)) for step, token in pairs)
    steps = [step for step, _ in way]
    return way if steps[0] > 0 and all(a < b for a, b in pairwise(steps)) else None


def write_ways(ways: Iterable[Way]) -> str:
    """A tree for the address: its outermost ways, the others lie on the way to them."""
    known = list(ways)
    outer = [way for way in known if not any(other[: len(way)] == way and other != way for other in known)]
    return "_".join(write_way(way) for way in outer)


def read_ways(text: str) -> tuple[Way, ...]:
    """The tree that `write_ways` wrote, greedy first and each way after the one it leaves. What is unreadable is left out."""
    found = [GREEDY]
    for part in text.split("_"):
        way = read_way(part) or GREEDY
        found += [way[:depth] for depth in range(1, len(way) + 1) if way[:depth] not in found]
    return tuple(found[:MOST])


def all_read(text: str, way: str) -> bool:
    """Whether `read_ways` and `read_way` read all that an address says, and the way to stand on is one of its ways."""
    parts = [part for part in text.split("_") if part]
    ways = [read_way(part) for part in parts]
    inside = {way[:depth] for way in ways if way for depth in range(len(way) + 1)} | {GREEDY}
    return None not in ways and len(inside) <= MOST and (not way or read_way(way) in inside)


def follow(
    ways: tuple[Way, ...], way: Way, step: int, token: int, chosen: Callable[[Way, int], int | None]
) -> tuple[tuple[Way, ...], Way]:
    """Take a token at a step of a way. Returns the tree with the way that this is, and that way.

    chosen: the token that a way takes at a step, or None beyond its end; taking the same makes no new way.
    """
    base = tuple(pair for pair in way if pair[0] < step)
    target = base if chosen(base, step) == token else (*base, (step, token))
    return (ways if target in ways else (*ways, target)), target


def prune(ways: tuple[Way, ...], way: Way) -> tuple[Way, ...]:
    """The tree without a way and all that leave it. Greedy stays."""
    return tuple(other for other in ways if other == GREEDY or way == GREEDY or other[: len(way)] != way)


def prefix(way: Way, before: "DecodeTrace") -> list[int]:
    """The target ids that make a decoder take this way; before: the trace of the way that it leaves."""
    step, token = way[-1]
    return [past.chosen.id for past in before.steps[: step - 1]] + [token]
