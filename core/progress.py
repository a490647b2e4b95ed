"""How far long work is: one bar over its stages that never goes back, and the seconds that are left."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

# Is told the share that is done, 0 to 1. Where scoring is told False for it, beam search is left out.
Report = Callable[[float], bool | None]

TICK = 0.2  # seconds between two looks at work that says nothing

A = TypeVar("A")


class Clock:
    """Seconds left by the share that is done since the clock was made."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def left(self, share: float) -> float:
        """0 while nobody can tell."""
        return (time.monotonic() - self._begin) / share * (1 - share) if share > 0 else 0.0


class Bar:
    """Stages of work as one share. A stage takes of what is left of the bar as much as it is likely to take of the time
    left, so one that falls away, its result being kept from before, leaves its room to the others.

    tell: is told the share that is done of all, and the name of the stage.
    """

    def __init__(self, tell: Callable[[float, str], object] = lambda share, stage: None) -> None:
        self._tell = tell
        self._share = 0.0

    def stage(self, name: str, seconds: float = 1.0, later: float = 0.0) -> Report:
        """What the next stage reports to; it is likely to take so many seconds, and all that follow it `later`."""
        part = self.part(seconds, later)

        def report(share: float) -> None:
            part._tell(share, name)

        return report

    def part(self, seconds: float, later: float) -> "Bar":
        """A bar for several stages that are likely to take so many seconds together."""
        start = self._share
        room = (1 - start) * seconds / (seconds + later)

        def tell(share: float, stage: str) -> None:
            self._share = max(self._share, start + room * min(1.0, share))
            self._tell(self._share, stage)

        return Bar(tell)


def counted(items: Sequence[A], report: Report, each: int = 500) -> Iterator[A]:
    """The items; every few of them it is reported how many are done."""
    for number, item in enumerate(items):
        if number % each == 0:
            report(number / len(items))
        yield item
    report(1.0)


def by_the_clock(work: Callable[[], A], seconds: float, report: Report) -> A:
    """The result of work that says nothing of how far it is: what is reported is the time gone by, measured against
    an estimate. Past the estimate it goes on ever more slowly."""
    begin = time.monotonic()
    with ThreadPoolExecutor(1, thread_name_prefix="work") as pool:
        future = pool.submit(work)
        while not future.done():
            gone = time.monotonic() - begin
            report(0.9 * gone / seconds if gone < seconds else 1 - 0.1 * seconds / gone)
            time.sleep(min(TICK, seconds / 10))
        return future.result()
