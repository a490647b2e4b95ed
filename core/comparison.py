"""Runs side by side: in what their settings differ, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from core.config import TrainConfig
from core.evaluation import saved
from core.problems import Problem
from core.processes import PROJECT
from core.runs import Run, Status, lowest_loss

# Settings that do not change what is learnt, or only in the last digit.
BESIDE_THE_POINT = ("pinned", "based_on", "threads", "device", "precision")

CHANGED_ON_THE_WAY = ("learning_rate", "teacher_forcing")


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

    @cached_property
    def followed(self) -> frozenset[str]:
        """The sentences translated as it learnt: those of the settings, and those that were added on the way."""
        return frozenset(row["source"] for row in self.run.samples())

    @cached_property
    def _changes(self) -> list[dict[str, Any]]:
        return self.run.changes()

    def course(self, name: str) -> tuple[Any, ...]:
        """The setting's value, and after it each that it was given on the way."""
        return course(self.config, self._changes, name)


def course(config: TrainConfig, changes: Sequence[dict[str, Any]], name: str) -> tuple[Any, ...]:
    """A setting's value, and after it each that it was given on the way, by the rows of `Run.changes`."""
    values = [getattr(config, name)]
    if name in CHANGED_ON_THE_WAY:
        for row in changes:
            if row["change"] == name and row["to"] != values[-1]:
                values.append(row["to"])
    return tuple(values)


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
    kept = lowest_loss(epochs)
    return Facts(
        run=run,
        config=config,
        status=status,
        epochs=epochs,
        bleu=scored.bleu_lowercase if scored else None,
        interval=scored.intervals.get("bleu_lowercase") if scored else None,
        chrf=scored.chrf if scored else None,
        valid_loss=kept["valid_loss"] if kept else None,
        seconds=status.seconds or sum(row["train_seconds"] for row in epochs) or None,
        test=scored.test if scored else "",
    )


def differing(runs: Sequence[Facts]) -> list[str]:
    """The settings in which at least two of the runs differ, also by what was changed on the way, in the order of
    TrainConfig."""
    names = [item.name for item in fields(TrainConfig)]
    return [
        name
        for name in names
        if len({one.followed or frozenset(one.config.pinned) if name == "pinned" else one.course(name) for one in runs})
        > 1
    ]


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


def same_sentences(runs: Sequence[Facts]) -> bool:
    """True if all runs, scored or not, are measured on the same sentences, as far as their settings and scores tell."""
    tests = {one.test for one in runs}
    if len(tests) == 1 and "" not in tests:
        return True
    return comparable_scores(runs) and len({(one.config.corpus, one.config.split_seed) for one in runs}) <= 1


def lesson_bleu(runs: Sequence[Facts]) -> float | None:
    """BLEU on validation sentences of the lesson's run that ships, after the epoch that it keeps; None where it is not
    there, or where not all of these runs are measured on those very sentences. Its corpus has one direction."""
    lesson = Run(PROJECT / "checkpoints" / "lesson")
    try:
        its = lesson.config
    except Problem:
        return None
    if any((one.config.corpus, one.config.split_seed) != (its.corpus, its.split_seed) for one in runs):
        return None
    kept = lowest_loss(lesson.epochs())
    return float(kept["bleu"]) if kept else None


def measured_sentences(runs: Sequence[Facts]) -> tuple[int, int] | None:
    """On how many validation sentences BLEU was measured: the fewest and the most of these runs. None where one of them
    is older than this record."""
    counts = [one.epochs[-1].get("bleu_sentences") for one in runs]
    whole = [count for count in counts if isinstance(count, int)]
    return (min(whole), max(whole)) if whole and len(whole) == len(counts) else None


def comparable_losses(runs: Sequence[Facts]) -> bool:
    """True if the losses, in nats per token, are of the same tokens: one target vocabulary, one way to cut."""
    names = ("corpus", "pairs", "target_tokenizer", "max_size", "min_freq", "max_length", "split_seed")
    return len({tuple(getattr(one.config, name) for name in names) for one in runs}) <= 1
