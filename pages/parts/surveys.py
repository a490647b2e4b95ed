"""Corpora being read, cut and counted in the background: some seconds for the large ones, and a page must not wait."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from core.corpus import Pair
from core.progress import Bar, Report
from pages.parts.progress import Task

if TYPE_CHECKING:
    from core.survey import Cut, Side

KEPT = 4  # surveys in memory; a large one has 100 MB

_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="survey")


class Survey:
    """One corpus in one pair of languages: what is known of it so far. `task` is the work on it."""

    def __init__(self, read: Callable[[Report], list[Pair]], languages: tuple[str, str]) -> None:
        self.languages = languages
        self.pairs: list[Pair] = []  # as soon as they are read, before they are counted
        self._read = read
        self._counted: dict[int, tuple[Side, Side]] = {}
        self.task: Task[Cut] = Task(_worker, self._work)

    def _work(self, bar: Bar) -> "Cut":
        from core.survey import count, cut

        self.pairs = self._read(bar.stage("reading", 1, later=4))
        text = cut(self.pairs, self.languages, progress=bar.stage("counting", 9, later=1))
        self._counted[0] = count(text)
        return text

    def cut(self) -> "Cut":
        """The sentences, cut. Raises Problem where they cannot be read or are too few."""
        return self.task.result()

    def sides(self, training_pairs: int) -> "tuple[Side, Side]":
        """Source and target as counted for a run on so many training pairs; 0 is all."""
        from core.survey import count

        if training_pairs not in self._counted:
            while len(self._counted) >= 3:
                self._counted.pop(next(iter(self._counted)))
            self._counted[training_pairs] = count(self.cut(), training_pairs)
        return self._counted[training_pairs]


_known: dict[tuple[str, str, str], Survey] = {}


def survey(key: str, languages: tuple[str, str], read: Callable[[Report], list[Pair]]) -> Survey:
    """The survey of the corpus that `key` stands for, begun at the first call; `read` gives its pairs."""
    name = (key, *languages)
    found = _known.get(name)
    if found is None:
        found = _known[name] = Survey(read, languages)
        while len(_known) > KEPT:
            _known.pop(next(iter(_known)))
    return found
