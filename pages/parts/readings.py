"""Reading back, on the page Translate: what the reverse model makes of each translation that beam search found."""

from typing import TYPE_CHECKING

import streamlit as st

from core.runs import Run
from pages.parts.decodings import BY_BEAM, CANDIDATES, READ_BACK, bleu_of, each_once, number, table, times_of
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
    first = next(one for one in found if one.place == 1)  # what beam search itself would have chosen
    with st.container(border=True, key="readings"):
        title = t("Which translation fits in both directions?", "哪句译文正反两个方向都说得通？")
        note = t("a reverse model, English → Chinese, reads each one back", "反向模型（英→中）逐个核对")
        st.html(f'<h2 class="part">{title}<span>{note}</span></h2>')
        best = each_once(found)
        shown = best[:SHOWN] + [one for one in best[SHOWN:] if one.sentence == first.sentence]
        st.html(_table(shown, first, source))
        made_of = t(
            "score = the first logarithm + half of the second + 0.5 for each word and for the end",
            "得分 = 第一个对数 + 第二个对数的一半 + 每个词（和结束标记）各 0.5",
        )
        st.html(f'<p class="mute small">{made_of}</p>')
        st.markdown(_verdict(found[0], first, run))


def _table(found: "list[Reread]", first: "Reread", source: "list[SourceToken]") -> str:
    heads = [
        (
            t("ln p(translation | sentence)", "ln p(译文 | 原句)"),
            t(
                "How probable the model finds the translation, given the sentence: a logarithm, nearer to 0 is more probable.",
                "给定原句，模型认为这个译文的概率（对数）：越接近 0，概率越大。",
            ),
        ),
        (
            t("ln p(sentence | translation)", "ln p(原句 | 译文)"),
            t(
                "How probable the reverse model finds the sentence, given the translation: a logarithm too.",
                "给定译文，反向模型认为原句的概率（也是对数）。",
            ),
        ),
        (t("score", "得分"), t("Both together; the highest is chosen.", "两个方向合起来，选最高的。")),
    ]
    return table(
        heads,
        [
            (
                t("first in the search", "搜索排第一") if one.sentence == first.sentence else "",
                sentence_words(one.sentence, one.replacements, source, against=found[0].sentence),
                [number(value) for value in (one.log_probability, one.back, one.score)],
            )
            for one in found
        ],
    )


def _verdict(best: "Reread", first: "Reread", run: Run) -> str:
    """Whether reading back has changed the choice, and what it changes on average."""
    gain = best.back - first.back
    if best.sentence == first.sentence:
        said = t(
            f"Both directions agree: what beam search of width {CANDIDATES} puts first also has the best score.",
            f"两个方向意见一致：集束搜索（宽度 {CANDIDATES}）排第一的，得分也最高。",
        )
    elif gain > 0:
        times = times_of(gain)
        said = t(
            f"Beam search of width {CANDIDATES} alone would have chosen another one. From this translation the reverse model gives the sentence "
            f"{times} the probability that it gives it from that one.",
            f"只用集束搜索（宽度 {CANDIDATES}），选的会是另一句。看到现在这句译文，反向模型给原句的概率是看到那一句时的 {times}。",
        )
    else:
        said = t(
            f"Beam search of width {CANDIDATES} alone would have chosen another one. It is shorter: here each word adds less to the score.",
            f"只用集束搜索（宽度 {CANDIDATES}），选的会是另一句：在这里，每个词给得分加得少一些。",
        )
    searched, chosen = bleu_of(run, BY_BEAM), bleu_of(run, READ_BACK)
    if searched is not None and chosen is not None:
        points = f"{abs(chosen - searched):.1f}"
        said += t(
            f" On the test sentences reading back {'raises' if chosen >= searched else 'lowers'} BLEU by {points}; some "
            "sentences it makes worse.",
            f"在测试句子上，反向核对让 BLEU {'提高' if chosen >= searched else '降低'} {points}；也有一些句子反而译得更差。",
        )
    return said
