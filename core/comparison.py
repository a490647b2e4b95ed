"""Runs side by side: in what their settings differ, and what came of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from core.config import TrainConfig
from core.evaluation import saved
from core.problems import Problem
from core.runs import Run, Status

# Settings that do not change what is learnt, or only in the last digit.
BESIDE_THE_POINT = ("pinned", "based_on", "threads", "device", "precision")


@dataclass(frozen=True)
class Facts:
    """What is known of one run; a result that is not there yet, or not known, is None."""

    run: Run
    config: TrainConfig
    status: Status
    epochs: list[dict[str, Any]]
    bleu: float | None  # on the run's own test split, lowercased, greedy
    interval: tuple[float, float] | None  # where that BLEU lies with other sentences of the kind, in 95% of draws
    chrf: float | None
    valid_loss: float | None  # the lowest
    seconds: float | None
    test: str  # the same for runs that were tested on the same sentences; "" where that is not known

    @property
    def name(self) -> str:
        return self.run.name


def facts(run: Run) -> Facts | None:
    """None where the run is damaged or has not finished an epoch."""
    try:
        config = run.config
    except Problem:
        return None
    epochs = run.epochs()
    if not epochs:
        return None
    try:
        scored = saved(run)
    except Problem:
        scored = None
    status = run.status()
    return Facts(
        run=run,
        config=config,
        status=status,
        epochs=epochs,
        bleu=scored.bleu_lowercase if scored else None,
        interval=scored.intervals.get("bleu_lowercase") if scored else None,
        chrf=scored.chrf if scored else None,
        # One that blew up has losses that are no numbers.
        valid_loss=min((row["valid_loss"] for row in epochs if math.isfinite(row["valid_loss"])), default=None),
        seconds=status.seconds or sum(row["train_seconds"] for row in epochs) or None,
        test=scored.test if scored else "",
    )


def differing(runs: Sequence[Facts]) -> list[str]:
    """The settings in which at least two of the runs differ, in the order of TrainConfig."""
    names = [item.name for item in fields(TrainConfig)]
    return [name for name in names if len({getattr(one.config, name) for one in runs}) > 1]


def only_change(first: Facts, second: Facts) -> str | None:
    """The one setting that sets two runs apart; None where it is none or more than one.

    A preset is a starting point and no setting of its own; what only concerns the machine does not count.
    """
    changed = [name for name in differing([first, second]) if name not in (*BESIDE_THE_POINT, "preset")]
    return changed[0] if len(changed) == 1 else None


def comparable_scores(runs: Sequence[Facts]) -> bool:
    """True if all scored runs were tested on the same sentences."""
    scored = [one for one in runs if one.bleu is not None]
    if all(one.test for one in scored):
        return len({one.test for one in scored}) <= 1
    split = {(one.config.corpus, one.config.split_seed) for one in scored}
    return len(split) <= 1


def comparable_losses(runs: Sequence[Facts]) -> bool:
    """True if the losses, in nats per token, are of the same tokens: one target vocabulary, one way to cut."""
    names = ("corpus", "pairs", "target_tokenizer", "max_size", "min_freq", "max_length", "split_seed")
    return len({tuple(getattr(one.config, name) for name in names) for one in runs}) <= 1
