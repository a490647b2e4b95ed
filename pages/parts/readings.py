"""Reading back, on the page Translate: what the reverse model makes of each translation that beam search found."""

import math
from typing import TYPE_CHECKING

import streamlit as st

from core.runs import Run
from pages.parts.decodings import BY_BEAM, READ_BACK, bleu_of, each_once, number, table
from pages.parts.language import t
from pages.parts.loading import read_back
from pages.parts.words import sentence_words

if TYPE_CHECKING:
    from core.decode import SourceToken
    from core.read_back import Reread

SHOWN = 5


def show_readings(run: Run, sentence: str, source: "list[SourceToken]") -> None:
    """A table of the best translations with both models' log-probabilities, and what to see in it.

    source: the sentence's words, as a trace has them.
    """
    found = read_back(run, sentence)
    with st.container(border=True, key="readings"):
        title = t("From which of them would one guess the sentence again?", "看到哪个译文，能猜回原句？")
        note = t("a reverse model, English → Chinese, reads each one back", "反向模型（英→中）逐个核对")
        st.html(f'<h2 class="part">{title}<span>{note}</span></h2>')
        st.html(_table(each_once(found)[:SHOWN], _first(found), source))
        st.markdown(_verdict(found, run))


def _first(found: "list[Reread]") -> "Reread":
    """What beam search itself puts first."""
    return next(one for one in found if one.place == 1)


def _table(found: "list[Reread]", first: "Reread", source: "list[SourceToken]") -> str:
    heads = [
        (
            t("translating", "翻译"),
            t(
                "How probable the model finds the translation, given the sentence: a logarithm, nearer to 0 is more probable.",
                "给定原句，模型认为这个译文的概率（对数）：越接近 0，概率越大。",
            ),
        ),
        (
            t("reading back", "反推"),
            t(
                "How probable the reverse model finds the sentence, given the translation: a logarithm too.",
                "给定译文，反向模型认为原句的概率（也是对数）。",
            ),
        ),
        (
            t("score", "得分"),
            t(
                "The first number, half of the second, and half a point for each word and for the end.",
                "第一个数，加上第二个数的一半，再加上每个词（和结束标记）各半分。",
            ),
        ),
    ]
    return table(
        heads,
        [
            (
                t("beam search’s choice", "集束搜索选的") if one.sentence == first.sentence else "",
                sentence_words(one.sentence, one.replacements, source, against=found[0].sentence),
                [number(value) for value in (one.log_probability, one.back, one.score)],
            )
            for one in found
        ],
    )


def _verdict(found: "list[Reread]", run: Run) -> str:
    """Whether reading back has changed the choice, and what it changes on average."""
    best, first = found[0], _first(found)
    if best.sentence == first.sentence:
        said = t(
            "Both directions agree: beam search's own choice is also the one that leads back best.",
            "两个方向意见一致：集束搜索自己选的，反向核对之后也是最好的。",
        )
    else:
        ratio = math.exp(min(best.back - first.back, 20))
        times = f"{ratio:,.1f}" if ratio < 10 else f"{ratio:,.0f}"
        said = t(
            f"Beam search alone would have chosen another one. After this one the reverse model finds the sentence {times} "
            "times as probable.",
            f"只用集束搜索，选的会是另一句。在反向模型看来，从这一句猜回原句的概率是那一句的 {times} 倍。",
        )
    searched, chosen = bleu_of(run, BY_BEAM), bleu_of(run, READ_BACK)
    if searched is not None and chosen is not None:
        gain = f"{chosen - searched:+.1f}".replace("-", "−")
        said += t(
            f" On the test sentences reading back changes BLEU by {gain}: it prefers translations that leave nothing out. "
            "Single sentences it can make worse.",
            f"在测试句子上，反向核对让 BLEU 变化 {gain}：它偏爱没有漏译的译文。个别句子也可能因此变差。",
        )
    return said
