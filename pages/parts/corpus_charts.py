"""Altair charts of a corpus: lengths, and what a vocabulary of each size knows."""

from collections import Counter
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from pages.parts.language import t

if TYPE_CHECKING:
    from core.survey import Side

# The middles of style.css's light and dark tones of --encoder, --decoder and --mute.
SOURCE, TARGET, NOTE = "#4a86e8", "#e08a1e", "#8a94a3"


def _sides() -> tuple[str, str]:
    return t("source", "原文"), t("target", "译文")


def _colour() -> alt.Color:
    return alt.Color(
        "side:N",
        title=None,
        scale=alt.Scale(domain=list(_sides()), range=[SOURCE, TARGET]),
        legend=alt.Legend(orient="top", symbolOpacity=1),
    )


def length_chart(source: "Side", target: "Side") -> alt.Chart:
    """How many sentences have how many words; the longest hundredth is drawn as one bar at the end."""
    lengths = sorted([*source.lengths, *target.lengths])
    last = max(12, min(lengths[int(len(lengths) * 0.99)], 80))
    cut = lengths[-1] > last
    rows = []
    for name, side in zip(_sides(), (source, target), strict=True):
        counts = Counter(min(length, last) for length in side.lengths)
        for n in range(1, last + 1):
            words = t(f"{n} or more", f"{n} 个及以上") if cut and n == last else f"{n}"
            rows.append({"length": n, "words": words, "sentences": counts[n], "side": name})
    # The last is always labelled: it is where the cut shows.
    stride = next(size for size in (1, 2, 5, 10) if last <= 12 * size)
    ticks = [*range(stride, last - stride // 2, stride), last]
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_area(interpolate="step", fillOpacity=0.25, line={"strokeWidth": 2}, clip=True)
        .encode(
            alt.X("length:Q", title=t("words in a sentence", "句子的词数"), scale=alt.Scale(domain=[1, last], nice=False),
                  axis=alt.Axis(values=ticks, labelExpr=f"datum.value == {last} ? '{last}{'+' if cut else ''}' : datum.value",
                        labelOverlap=False, grid=False)),
            alt.Y("sentences:Q", title=t("sentences", "句数"), stack=None, axis=alt.Axis(tickCount=4, format=",d")),
            _colour(),
            tooltip=[
                alt.Tooltip("side:N", title=t("side", "哪一边")),
                alt.Tooltip("words:N", title=t("words", "词数")),
                alt.Tooltip("sentences:Q", format=",", title=t("sentences", "句数")),
            ],
        )
        .properties(height=260)
    )  # fmt: skip


def coverage_chart(source: "Side", target: "Side", kept: tuple[int, int]) -> alt.LayerChart:
    """What share of unseen sentences has no unknown word, and what share of words is known, by vocabulary size.

    kept: how many words the vocabularies have at the chosen limits, source first; dots mark them.
    """
    from core.survey import curve

    sentences, words = t("sentences without an unknown word", "没有未登录词的句子"), t("words known", "认识的词")
    largest = max(len(source.words), len(target.words), 10)
    begin = max(1, min(100, largest // 2, *kept))
    rows, dots = [], []
    for name, side, chosen in zip(_sides(), (source, target), kept, strict=True):
        for size, known, whole in curve(side):
            if size < begin:
                continue
            rows.append({"size": size, "share": known, "side": name, "what": words})
            rows.append({"size": size, "share": whole, "side": name, "what": sentences})
        for what, share in ((words, side.known_words(chosen)), (sentences, side.whole_sentences(chosen))):
            dots.append({"size": max(chosen, 1), "share": share, "side": name, "what": what})
    x = alt.X(
        "size:Q",
        title=t("words in the vocabulary, the most frequent first", "词表里的词数（从最常见的开始）"),
        scale=alt.Scale(type="log", domain=[begin, largest], clamp=True),
        axis=alt.Axis(format="~s", grid=False, tickCount=6),
    )
    y = alt.Y("share:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5))
    dash = alt.StrokeDash(
        "what:N",
        title=None,
        scale=alt.Scale(domain=[sentences, words], range=[[1, 0], [3, 4]]),
        legend=alt.Legend(orient="top", symbolStrokeColor=NOTE, labelLimit=0),
    )
    tooltip = [
        alt.Tooltip("side:N", title=t("side", "哪一边")),
        alt.Tooltip("what:N", title=" "),
        alt.Tooltip("size:Q", format=",", title=t("words in the vocabulary", "词表里的词数")),
        alt.Tooltip("share:Q", format=".1%", title=t("share", "比例")),
    ]
    lines = alt.Chart(pd.DataFrame(rows)).mark_line(strokeWidth=2.2, clip=True)
    marks = alt.Chart(pd.DataFrame(dots))
    return alt.layer(
        lines.encode(x, y, _colour(), dash, tooltip=tooltip),
        marks.mark_rule(strokeWidth=1, opacity=0.6).encode(x, _colour()),
        marks.mark_point(filled=True, size=80, opacity=1).encode(x, y, _colour(), tooltip=tooltip),
    ).properties(height=300)
