"""How big a run would be and how long an epoch takes here, measured in the background: it takes a few seconds, and
a click on Start must not wait for it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.config import TrainConfig
from core.corpus import Pair
from core.progress import Bar
from pages.parts.progress import Task

if TYPE_CHECKING:
    from core.estimate import Estimate
    from core.material import Material

TIMING = 2.0  # seconds that timing a few steps takes
NAMED_PAIRS = 60_000  # of a named corpus, more or less

_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="estimate")


@dataclass(frozen=True)
class OwnPairs:
    """A person's own pairs. `key` stands for them where one asks whether they are the same: there may be millions."""

    key: str
    pairs: Sequence[Pair]


_known: "dict[tuple[TrainConfig, str], Task[Estimate]]" = {}
_materials: "dict[tuple[TrainConfig, str], Material]" = {}  # the worker's alone


def measure(config: TrainConfig, own: OwnPairs | None) -> "Task[Estimate]":
    """The estimate for a configuration, once for each; `own` are the person's own pairs, None for a named corpus.

    The newest question is answered first: those that still wait are dropped, and begin anew if asked again.
    """
    name = (config, own.key if own else "")
    task = _known.get(name)
    if task is None or task.cancelled:
        drop_waiting()
        task = _known[name] = Task(_worker, lambda bar: _measure(config, own, bar))
        while len(_known) > 32:
            _known.pop(next(iter(_known)))
    return task


def drop_waiting() -> None:
    """Forget the questions that have not been begun; a run that starts now needs the machine."""
    for task in list(_known.values()):
        task.cancel()


def _measure(config: TrainConfig, own: OwnPairs | None, bar: Bar) -> "Estimate":
    from core.estimate import estimate

    # What does not touch the sentences is set to one value, so that changing it prepares nothing anew.
    sentences = {
        key: getattr(config, key)
        for key in (
            "corpus",
            "source_tokenizer",
            "target_tokenizer",
            "split_seed",
            "max_size",
            "min_freq",
            "max_length",
        )
    }
    part = bar.part(_seconds(config, own), later=TIMING)
    material = _material(replace(TrainConfig(), **sentences, pairs=config.pairs), own, part)
    return estimate(material, config, report=bar.stage("timing"))


def _seconds(config: TrainConfig, own: OwnPairs | None) -> float:
    from core.material import Times

    return Times.expected(config, len(own.pairs) if own else NAMED_PAIRS).together


def _material(config: TrainConfig, own: OwnPairs | None, bar: Bar) -> "Material":
    from core.material import named_corpus, normalized, own_corpus, prepare

    name = (config, own.key if own else "")
    found = _materials.pop(name, None)
    if found is None:
        loaded = named_corpus(config, bar) if own is None else normalized(own_corpus(own.pairs), config, bar=bar)
        found = prepare(loaded, config, bar=bar)
    _materials[name] = found  # the last asked for stay
    while len(_materials) > 3:
        _materials.pop(next(iter(_materials)))
    return found
