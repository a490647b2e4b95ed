"""The baselines of a run, measured in the background where they do not stand beside it yet."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from core.problems import Problem
from core.progress import Bar
from core.runs import Run
from pages.parts.progress import Task

if TYPE_CHECKING:
    from core.baselines import Baselines

_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="baselines")
_known: "dict[tuple[str, float], Task[Baselines | None]]" = {}


def baselines(run: Run) -> "Task[Baselines | None]":
    """None, in the end, where the run's sentences are not there."""
    key = str(run.folder), run.status().created
    if key not in _known:
        _known[key] = Task(_worker, lambda bar: _find(run, bar))
        while len(_known) > 50:
            _known.pop(next(iter(_known)))
    return _known[key]


def _find(run: Run, bar: Bar) -> "Baselines | None":
    from core.baselines import measure, saved

    try:
        return saved(run) or measure(run, bar)
    except Problem:
        return None
