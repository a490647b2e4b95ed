"""Scores as pictures: where BLEU stands, what it is made of, by source length, by share of unknown words."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import altair as alt
import pandas as pd

from core.scoring import FEW, Evaluation, Group, Scores, between
from pages.parts.charts import CHOSEN
from pages.parts.language import t

# The middles of style.css's light and dark tones, as in charts.py. A run that looks back is attention's purple, one that
# has only the context vector is the context's red; several of a kind differ in shade and in how their line is broken.
WITH_ATTENTION = ("#8f6fe0", "#5f3dc4", "#b197fc")
WITHOUT = ("#e0508a", "#a61e4d", "#f783ac")
UNKNOWN = "#8b949e"
SCALE_END = 60.0  # BLEU: the ruler ends here; two people who translate the same sentences reach about this


def group_name(group: Group) -> str:
    return between(group.low + 1, group.high)


def unknown_name(group: Group) -> str:
    if group.high == 0:
        return t("none", "没有")
    if group.high is None:
        return t(f"over {group.low:.0%}", f"{group.low:.0%} 以上")
    return (
        t(f"up to {group.high:.0%}", f"不到 {group.high:.0%}")
        if group.low == 0
        else f"{group.low:.0%}–{group.high:.0%}"
    )


def meaning(bleu: float) -> str:
    """A rule of thumb for what such a BLEU feels like."""
    steps = (
        (10, t("mostly wrong", "大多译错")),
        (20, t("one guesses the topic", "能猜到大意")),
        (30, t("clear, with mistakes", "清楚，有错")),
        (40, t("good", "译得不错")),
    )
    return next((words for limit, words in steps if bleu < limit), t("very good", "译得很好"))


def ruler(scores: Scores) -> str:
    """BLEU on a line from 0 to 60: the interval as a band, the score as a mark, what others feel like below."""
    value = scores.bleu_lowercase
    low, high = scores.intervals.get("bleu_lowercase", (value, value))

    def at(bleu: float) -> str:
        return f"{min(bleu, SCALE_END) / SCALE_END:.2%}"

    limits = (0, 10, 20, 30, 40, SCALE_END)
    zones = "".join(
        f'<span style="width:{at(end - begin)}">{escape(meaning(begin))}</span>' for begin, end in pairwise(limits)
    )
    ticks = "".join(f'<i class="tick" style="left:{at(limit)}"><b>{limit:g}</b></i>' for limit in limits[:-1])
    return (
        f'<div class="ruler"><div class="line">{ticks}'
        f'<i class="band" style="left:{at(low)};width:{at(min(high, SCALE_END) - min(low, SCALE_END))}"></i>'
        f'<i class="mark" style="left:{at(value)}"></i></div><div class="zones">{zones}</div></div>'
    )


def made_of(scores: Scores) -> str:
    """The four shares whose mean, times the length factor, is BLEU."""
    names = (
        t("single words", "单个词"),
        t("two in a row", "连续两个词"),
        t("three in a row", "连续三个词"),
        t("four in a row", "连续四个词"),
    )
    rows = "".join(
        f'<div><span>{name}</span><span class="rail"><i style="width:{share:.1f}%"></i></span><b>{share:.0f}%</b></div>'
        for name, share in zip(names, scores.precisions, strict=False)
    )
    product = t(
        f"their mean (multiplied, fourth root) × {scores.brevity_penalty:.2f} for length = <b>{scores.bleu_lowercase:.1f}</b>",
        f"它们的几何平均 × 长度系数 {scores.brevity_penalty:.2f} = <b>{scores.bleu_lowercase:.1f}</b>",
    )
    shorter = t(
        f"The translations have {scores.length_ratio:.0%} of the references' words; shorter ones cost something, as words left "
        "out would else be free.",
        f"译文的总词数是参考译文的 {scores.length_ratio:.0%}；偏短要扣分，否则漏译就不吃亏了。",
    )
    return f'<div class="made-of">{rows}</div><div class="small mute" title="{escape(shorter)}">{product}</div>'


def colours(runs: Sequence[tuple[str, bool]]) -> dict[str, str]:
    """A colour for each run, given with whether it has attention."""
    left = {True: list(WITH_ATTENTION), False: list(WITHOUT)}
    return {name: left[looks].pop(0) if len(left[looks]) > 1 else left[looks][0] for name, looks in runs}


def length_chart(runs: Sequence[tuple[str, bool, Evaluation]]) -> alt.LayerChart:
    """BLEU by source length, a line for each run (name, whether it has attention, scores), with 95% intervals."""
    rows = [
        {
            "run": name,
            "length": group_name(group),
            "order": group.low,
            "bleu": group.bleu_lowercase,
            "low": group.intervals["bleu_lowercase"][0],
            "high": group.intervals["bleu_lowercase"][1],
            "sentences": group.sentences,
            "sure": group.sentences >= FEW,
        }
        for name, _, evaluation in runs
        for group in evaluation.by_length
        if "bleu_lowercase" in group.intervals
    ]
    table = pd.DataFrame(rows, columns=["run", "length", "order", "bleu", "low", "high", "sentences", "sure"])
    shade = colours([(name, attention) for name, attention, _ in runs])
    unit = runs[0][2].length_unit if runs else "characters"
    title = (
        t("Chinese characters in the sentence", "句子的字数")
        if unit == "characters"
        else t("words in the sentence", "句子的词数")
    )
    base = alt.Chart(table).encode(
        x=alt.X("length:O", sort=alt.SortField("order"), title=title, axis=alt.Axis(labelAngle=0)),
        color=alt.Color(
            "run:N",
            title=None,
            scale=alt.Scale(domain=list(shade), range=list(shade.values())),
            legend=alt.Legend(
                orient="top", symbolType="stroke", symbolStrokeWidth=3, symbolOpacity=1, labelLimit=260, columns=2
            ),
        ),
        tooltip=[
            alt.Tooltip("run:N", title=t("run", "运行")),
            alt.Tooltip("length:O", title=title),
            alt.Tooltip("bleu:Q", format=".1f", title="BLEU"),
            alt.Tooltip("low:Q", format=".1f", title=t("from (95%)", "下限（95%）")),
            alt.Tooltip("high:Q", format=".1f", title=t("to", "上限")),
            alt.Tooltip("sentences:Q", format=",", title=t("sentences", "句子数")),
        ],
    )
    y = alt.Y("bleu:Q", title="BLEU", scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5))
    sure = alt.condition("datum.sure", alt.value(1.0), alt.value(0.35))
    dash = alt.StrokeDash("run:N", legend=None, sort=list(shade))
    return alt.layer(
        base.mark_line(strokeWidth=2.5).encode(y=y, strokeDash=dash),
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q", opacity=alt.condition("datum.sure", alt.value(0.5), alt.value(0.2))),
        base.mark_point(size=70, filled=True).encode(y=y, opacity=sure),
    ).properties(height=290)  # fmt: skip


def unknown_chart(evaluation: Evaluation) -> alt.LayerChart:
    """BLEU by the share of source words that the vocabulary lacks."""
    rows = [
        {
            "share": unknown_name(group),
            "bleu": group.bleu_lowercase,
            "low": group.intervals["bleu_lowercase"][0],
            "high": group.intervals["bleu_lowercase"][1],
            "sentences": group.sentences,
            "known": group.high == 0,
            "label": t(
                f"{group.bleu_lowercase:.1f} · {group.sentences:,} sentences",
                f"{group.bleu_lowercase:.1f} · {group.sentences:,} 句",
            ),
        }
        for group in evaluation.by_unknown
        if "bleu_lowercase" in group.intervals
    ]
    table = pd.DataFrame(rows, columns=["share", "bleu", "low", "high", "sentences", "known", "label"])
    end = max((float(high) for high in table["high"]), default=1.0)
    base = alt.Chart(table).encode(
        y=alt.Y("share:O", sort=None, title=None, axis=alt.Axis(labelLimit=120, ticks=False, domain=False)),
        tooltip=[
            alt.Tooltip("share:O", title=t("unknown words", "未登录词")),
            alt.Tooltip("bleu:Q", format=".1f", title="BLEU"),
            alt.Tooltip("low:Q", format=".1f", title=t("from (95%)", "下限（95%）")),
            alt.Tooltip("high:Q", format=".1f", title=t("to", "上限")),
            alt.Tooltip("sentences:Q", format=",", title=t("sentences", "句子数")),
        ],
    )
    x = alt.X("bleu:Q", title="BLEU", scale=alt.Scale(domain=[0, end * 1.55]), axis=alt.Axis(tickCount=4))
    colour = alt.condition("datum.known", alt.value(CHOSEN), alt.value(UNKNOWN))
    return alt.layer(
        base.mark_bar(opacity=0.75, height=22).encode(x=x, color=colour),
        base.mark_rule(strokeWidth=2, opacity=0.6, color=UNKNOWN).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_text(align="left", dx=8, fontWeight="bold", color=UNKNOWN).encode(x=alt.X("high:Q"), text="label:N"),
    ).properties(height=44 * max(len(rows), 1) + 46)
