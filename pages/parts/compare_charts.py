"""Altair charts of several runs over one another."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from pages.parts.language import t

if TYPE_CHECKING:
    from core.comparison import Facts

# Runs have colours of their own, none of which means a part of the model; after ten the line is dashed.
PALETTE = ("#00897b", "#c2547a", "#6a5acd", "#9e7b1d", "#2a7fba", "#d2691e", "#5c8a2d", "#a0522d", "#8a5a9e", "#607d8b")
NOTE = "#8a94a3"
EPOCHS, MINUTES = "epochs", "minutes"

SIDES = (("right", -4, "width"), ("left", 4, "0"), ("center", 0, "width / 2"))  # where a reference's name can stand


def _sides(values: Sequence[float], highest: float) -> list[int]:
    """For each reference the place of its name, an index into SIDES: right, or left for a high one, since curves begin
    low; the next one where the line below is so near that the names would lie over each other."""
    sides = [int(value > 0.5 * highest) for value in values]
    order = sorted(range(len(values)), key=lambda number: values[number])
    for below, number in pairwise(order):
        near = values[number] - values[below] < 0.08 * highest
        if near:
            sides[number] = (sides[below] + 1) % len(SIDES)
    return sides


def run_colour(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def curves(
    runs: "Sequence[Facts]", value: str, along: str, references: Sequence[tuple[str, float, str]] = ()
) -> alt.LayerChart:
    """One value of the epochs' rows for every run; a click on a name in the legend leaves that run alone in sight.

    along: EPOCHS or MINUTES of training. references: (name, value, what it means) drawn as dashed lines across.
    """
    rows = []
    for one in runs:
        spent = list(accumulate(row["train_seconds"] / 60 for row in one.epochs))
        for row, minutes in zip(one.epochs, spent, strict=True):
            x = row["epoch"] if along == EPOCHS else minutes
            rows.append({"x": float(x), "y": float(row[value]), "run": one.name, "epoch": float(row["epoch"])})
    names = [one.name for one in runs]
    picked = alt.selection_point(fields=["run"], bind="legend")
    colour = alt.Color(
        "run:N",
        title=None,
        scale=alt.Scale(domain=names, range=[run_colour(i) for i in range(len(names))]),
        legend=alt.Legend(orient="top", columns=3, symbolType="stroke", symbolStrokeWidth=3, labelLimit=220)
        if len(names) <= 9
        else None,
    )
    dash = alt.StrokeDash(
        "run:N",
        legend=None,
        scale=alt.Scale(domain=names, range=[[1, 0] if i < len(PALETTE) else [5, 3] for i in range(len(names))]),
    )
    title = t("epoch", "训练轮次") if along == EPOCHS else t("minutes of training", "训练分钟数")
    axis = alt.Axis(grid=False, tickMinStep=1, format="d") if along == EPOCHS else alt.Axis(grid=False)
    label = {"valid_loss": t("validation loss, nats per word", "验证损失（每词 nats）")}.get(value, "BLEU")
    base = alt.Chart(pd.DataFrame(rows, columns=["x", "y", "run", "epoch"])).encode(
        alt.X("x:Q", title=title, axis=axis, scale=alt.Scale(zero=True)),
        alt.Y("y:Q", title=label, scale=alt.Scale(zero=value != "valid_loss")),
        colour,
        opacity=alt.condition(picked, alt.value(1), alt.value(0.12)),
        tooltip=[
            alt.Tooltip("run:N", title=t("run", "运行")),
            alt.Tooltip("epoch:Q", title=t("epoch", "训练轮次"), format="d"),
            alt.Tooltip("y:Q", title=label, format=".2f"),
        ],
    )
    layers = [
        base.mark_line(strokeWidth=2.2).encode(dash).add_params(picked),
        base.mark_point(filled=True, size=34),
    ]
    if references:
        highest = max([row[value] for one in runs for row in one.epochs] + [y for _, y, _ in references])
        sides = _sides([y for _, y, _ in references], highest)
        lines = pd.DataFrame(
            [
                {"y": y, "name": name, "meaning": meaning, "side": side}
                for (name, y, meaning), side in zip(references, sides, strict=True)
            ]
        )
        across = alt.Chart(lines).encode(
            alt.Y("y:Q"), tooltip=[alt.Tooltip("meaning:N", title=" "), alt.Tooltip("y:Q", format=".1f", title="BLEU")]
        )
        layers.append(across.mark_rule(strokeDash=[4, 4], color=NOTE, strokeWidth=1.5))
        layers += [
            across.mark_text(align=align, dx=dx, dy=-6, color=NOTE, fontSize=11)
            .encode(alt.X(value=alt.ExprRef(place)), alt.Text("name:N"))
            .transform_filter(f"datum.side == {side}")
            for side, (align, dx, place) in enumerate(SIDES)
            if side in sides
        ]
    return alt.layer(*layers).properties(height=300)
