"""What a run has written so far, kept in memory and added to as its files grow: its curves and its translations."""

import math
import threading
from typing import Any

from core.runs import GrowingRows, Run, change_rows, epoch_rows, sample_rows, step_rows

POINTS = 400  # of a curve at most; more cannot be told apart in half a page
FRAMES = 64  # moments of the time machine at most
SERIES = ("loss", "learning_rate", "gradient_norm", "tokens_per_second")


class Curve:
    """A long series as at most `points` buckets of equal length: the last step, mean, least and greatest value of each.

    Where there would be more, neighbours are merged, so a new value costs the same however long the run is.
    """

    def __init__(self, points: int = POINTS) -> None:
        self._points = points
        self._size = 1  # values a full bucket holds
        self._buckets: list[tuple[int, float, int, float, float]] = []  # step, sum, count, least, greatest

    def add(self, step: int, value: float) -> None:
        new = (step, value, 1, value, value)
        if self._buckets and self._buckets[-1][2] < self._size:
            self._buckets[-1] = _merged(self._buckets[-1], new)
        else:
            self._buckets.append(new)
        if len(self._buckets) > self._points:
            pairs = zip(self._buckets[::2], self._buckets[1::2], strict=False)
            odd = self._buckets[len(self._buckets) // 2 * 2 :]
            self._buckets = [_merged(a, b) for a, b in pairs] + odd
            self._size *= 2

    def rows(self) -> list[list[float]]:
        """[step, mean, least, greatest] of each bucket."""
        return [
            [step, *(float(f"{value:.4g}") for value in (total / count, low, high))]
            for step, total, count, low, high in self._buckets
        ]


def _merged(
    a: tuple[int, float, int, float, float], b: tuple[int, float, int, float, float]
) -> tuple[int, float, int, float, float]:
    return b[0], a[1] + b[1], a[2] + b[2], min(a[3], b[3]), max(a[4], b[4])


class History:
    """One run's curves, epochs, changes and samples, as far as they were written at the last `refresh`."""

    def __init__(self, run: Run) -> None:
        self._metrics = GrowingRows(run.folder / "metrics.jsonl")
        self._samples = GrowingRows(run.folder / "samples.jsonl")
        self._lock = threading.Lock()
        self._forget_metrics()
        self._forget_samples()

    def _forget_metrics(self) -> None:
        # The loss is looked at closely; of the rest the course is enough.
        self.curves = {name: Curve(POINTS if name == "loss" else POINTS // 4) for name in SERIES}
        self.epochs: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []
        self.recent: list[float] = []  # the last losses

    def _forget_samples(self) -> None:
        self.frames: dict[tuple[float, float], dict[str, dict[str, Any]]] = {}  # (epoch, step) -> source -> row

    def refresh(self) -> None:
        with self._lock:
            rows, anew = self._metrics.read()
            if anew:
                self._forget_metrics()
            for row in step_rows(rows):
                for name, curve in self.curves.items():
                    if _finite(row.get(name)):
                        curve.add(int(row["step"]), row[name])
                self.recent = [*self.recent[-49:], row["loss"]]
            for row in epoch_rows(rows):
                if all(_finite(row[name]) for name in ("epoch", "train_loss", "valid_loss", "bleu")):
                    # Older runs lack these two.
                    extra = {name: row.get(name) for name in ("train_loss_plain", "valid_loss_free")}
                    self.epochs.append(
                        {**row, **{name: value if _finite(value) else None for name, value in extra.items()}}
                    )
            self.changes += change_rows(rows)
            rows, anew = self._samples.read()
            if anew:
                self._forget_samples()
            for row in sample_rows(rows):
                step = row.get("step")
                moment = (row["epoch"], step if isinstance(step, (int, float)) else 0)
                row["trace"] = row.get("trace") if _whole(row.get("trace")) else None
                self.frames.setdefault(moment, {})[row["source"]] = row

    def shown_frames(self) -> list[tuple[tuple[float, float], dict[str, dict[str, Any]]]]:
        """The moments that the time machine stops at, in order: all within the first epoch and the last, and of many
        epochs each second, fourth, …"""
        with self._lock:
            moments = sorted(self.frames)
            stride = 1
            while len(moments) / stride > FRAMES:
                stride *= 2
            last = moments[-1] if moments else None
            return [
                (moment, dict(self.frames[moment]))
                for moment in moments
                if moment[0] <= 1 or moment[0] % stride == 0 or moment[0] % 1 or moment == last
            ]


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _whole(trace: Any) -> bool:
    """Whether it is a trace as training writes them: the browser draws it without another look."""
    try:
        source, top, attention = (trace[key] for key in ("source", "top", "attention"))
        return (
            0 < len(top) == len(attention)
            and all(isinstance(text, str) for text, _ in source)
            and all(step and all(isinstance(text, str) and _finite(share) for text, share in step) for step in top)
            and all(row is None or (len(row) == len(source) and all(map(_finite, row))) for row in attention)
        )
    except (TypeError, KeyError, ValueError):
        return False


_known: dict[str, History] = {}
_known_lock = threading.Lock()


def history(run: Run) -> History:
    """The run's history as it is now; only what is new is read."""
    key = str(run.folder.resolve())
    with _known_lock:
        found = _known.pop(key, None) or History(run)
        _known[key] = found  # the last asked for stay
        while len(_known) > 40:
            _known.pop(next(iter(_known)))
    found.refresh()
    return found
