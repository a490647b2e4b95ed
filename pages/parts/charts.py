"""Altair charts of a run."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from pages.parts.language import t

# The middles of style.css's light and dark tones: charts cannot ask which of the two is shown.
VALIDATION, TRAINING, CHOSEN, BEST = "#4a86e8", "#97a1b0", "#3fa556", "#e0508a"
POINTS = 600
COLUMNS = ["epoch", "loss", "kind"]


def thin(rows: Sequence[dict[str, Any]], value: str, points: int = POINTS) -> list[dict[str, Any]]:
    """At most about `points` rows that look the same drawn: the smallest and the largest of each bucket, in order."""
    if len(rows) <= points:
        return list(rows)
    size = 2 * len(rows) / points
    kept: list[dict[str, Any]] = []
    for bucket in range(points // 2):
        part = rows[int(bucket * size) : int((bucket + 1) * size)]
        low = min(range(len(part)), key=lambda i: part[i][value])
        high = max(range(len(part)), key=lambda i: part[i][value])
        kept.extend(part[i] for i in sorted({low, high}))
    return kept


def smooth(values: Sequence[float]) -> list[float]:
    """Each value as the mean of those around it, 1% of the series to each side: batches of long sentences lose more
    a word than batches of short ones, and the trend would drown."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    reach = max(3, len(values) // 100)
    means = []
    for i in range(len(values)):
        low, high = max(0, i - reach), min(len(values), i + reach + 1)
        means.append((sums[high] - sums[low]) / (high - low))
    return means


def loss_chart(
    steps: Sequence[dict[str, Any]], epochs: Sequence[dict[str, Any]], best: int, total: int, per_epoch: float
) -> alt.LayerChart:
    """Training loss at each step, validation loss after each epoch, on one scale in nats per word.

    best: the epoch whose weights are kept; total: epochs that the picture is wide; per_epoch: steps an epoch.
    """
    domain = alt.Scale(domain=[0, total])
    x = alt.X("epoch:Q", title=t("epoch", "训练轮次"), scale=domain, axis=_epoch_axis(total))
    y = alt.Y("loss:Q", title=t("loss, nats per word", "损失（每词 nats）"), scale=alt.Scale(zero=False))
    names = t("training", "训练"), t("validation", "验证")
    colour = alt.Color(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=list(names), range=[TRAINING, VALIDATION]),
        legend=alt.Legend(orient="top", symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1),
    )

    def table(rows: list[tuple[float, float]], kind: str) -> pd.DataFrame:
        return pd.DataFrame([{"epoch": at, "loss": loss, "kind": kind} for at, loss in rows], columns=COLUMNS)

    means = smooth([row["loss"] for row in steps])
    trend = [{"step": row["step"], "loss": mean} for row, mean in zip(steps, means, strict=True)]
    raw, smoothed = (
        table([(row["step"] / per_epoch, row["loss"]) for row in thin(rows, "loss")], names[0])
        for rows in (steps, trend)
    )
    valid = table([(row["epoch"], row["valid_loss"]) for row in epochs], names[1])
    tooltip = [alt.Tooltip("epoch:Q", format=".2f", title=t("epoch", "训练轮次")), alt.Tooltip("loss:Q", format=".3f")]
    return alt.layer(
        alt.Chart(raw).mark_line(strokeWidth=1, opacity=0.25).encode(x, y, colour),
        alt.Chart(smoothed).mark_line(strokeWidth=2).encode(x, y, colour, tooltip=tooltip),
        alt.Chart(valid)
        .mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=60))
        .encode(x, y, colour, tooltip=tooltip),
        alt.Chart(valid[valid["epoch"] == best])
        .mark_text(dy=-16, color=BEST, fontWeight="bold", text=t("best", "最好"))
        .encode(x, y),
    ).properties(height=270)


def bleu_chart(epochs: Sequence[dict[str, Any]], best: int, total: int) -> alt.LayerChart:
    """BLEU on unseen sentences after each epoch; the one whose weights are kept shows its number."""
    rows = pd.DataFrame([{"epoch": row["epoch"], "bleu": row["bleu"]} for row in epochs], columns=["epoch", "bleu"])
    x = alt.X("epoch:Q", title=None, scale=alt.Scale(domain=[0, total]), axis=_epoch_axis(total))
    y = alt.Y("bleu:Q", title="BLEU", axis=alt.Axis(tickCount=3))
    tooltip = [alt.Tooltip("epoch:Q", title=t("epoch", "训练轮次")), alt.Tooltip("bleu:Q", format=".2f", title="BLEU")]
    base = alt.Chart(rows)
    bars = base.mark_bar(color=CHOSEN, opacity=0.75, size=max(4, min(22, 300 / total))).encode(x, y, tooltip=tooltip)
    label = (
        base.transform_filter(alt.datum.epoch == best)
        .transform_calculate(words="format(datum.bleu, '.1f')")
        .mark_text(dy=-8, color=BEST, fontWeight="bold")
        .encode(x, y, text="words:N")
    )
    return alt.layer(bars, label).properties(height=130)


def shown_epochs(planned: int, done: float) -> int:
    """How many epochs the picture is wide: all that are planned, of a long plan a little more than are done."""
    return max(1, min(planned, max(20, math.ceil(done * 1.25))))


def _epoch_axis(total: int) -> alt.Axis:
    return alt.Axis(tickMinStep=1, format="d", tickCount=min(total, 12), grid=False)
