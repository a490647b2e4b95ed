"""How big a run would be and how long an epoch takes here, measured in the background: it takes a few seconds, and
a click on Start must not wait for it."""

import functools
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from core.config import TrainConfig
from core.corpus import Pair

if TYPE_CHECKING:
    from core.material import Material
    from core.train import Estimate

_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="estimate")


_known: "dict[tuple[TrainConfig, tuple[Pair, ...] | None], Future[Estimate]]" = {}


def measure(config: TrainConfig, pairs: tuple[Pair, ...] | None) -> "Future[Estimate]":
    """The estimate for a configuration, once for each; `pairs` are the person's own, None for a named corpus.

    The newest question is answered first: those that still wait are dropped, and begin anew if asked again.
    """
    future = _known.get((config, pairs))
    if future is None or future.cancelled():
        drop_waiting()
        future = _known[config, pairs] = _worker.submit(_measure, config, pairs)
        while len(_known) > 32:
            _known.pop(next(iter(_known)))
    return future


def drop_waiting() -> None:
    """Forget the questions that have not been begun; a run that starts now needs the machine."""
    for future in list(_known.values()):
        future.cancel()


def _measure(config: TrainConfig, pairs: tuple[Pair, ...] | None) -> "Estimate":
    from core.train import estimate

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
    return estimate(_material(replace(TrainConfig(), **sentences, pairs=config.pairs), pairs), config)


@functools.lru_cache(maxsize=3)
def _material(config: TrainConfig, pairs: tuple[Pair, ...] | None) -> "Material":
    from core.material import named_corpus, normalized, own_corpus, prepare

    loaded = named_corpus(config) if pairs is None else normalized(own_corpus(list(pairs)), config)
    return prepare(loaded, config)
