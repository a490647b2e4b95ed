"""How big a run would be and how long an epoch takes here, measured in the background: it takes a few seconds, and
a click on Start must not wait for it."""

import functools
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from core import corpus
from core.config import TrainConfig
from core.corpus import Pair

if TYPE_CHECKING:
    from core.train import Estimate, Material

_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="estimate")


@functools.lru_cache(maxsize=32)
def measure(config: TrainConfig, pairs: tuple[Pair, ...] | None) -> "Future[Estimate]":
    """The estimate for a configuration, once for each; `pairs` are the person's own, None for a named corpus."""
    return _worker.submit(_measure, config, pairs)


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
    from core.train import normalized, own_corpus, prepare

    loaded = corpus.load(config.corpus) if pairs is None else own_corpus(list(pairs))
    return prepare(normalized(loaded, config), config)
