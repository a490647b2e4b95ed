"""What each way to choose words makes of a sentence, on the page Translate: the translations beside each other."""

from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from core.problems import Problem
from core.runs import Run
from pages.parts.decodings import (
    BY_BEAM,
    GREEDILY,
    READ_BACK,
    WIDTH,
    chosen_trace,
    each_once,
    label,
    number,
    table,
    times_of,
)
from pages.parts.language import t
from pages.parts.reference import ask_reference
from pages.parts.words import sentence_words

if TYPE_CHECKING:
    from core.decode import DecodeTrace


def compare(run: Run, sentence: str, greedy: "DecodeTrace", by_link: bool) -> None:
    """Say whether the other ways find another sentence than greedy decoding, and which of them is better."""
    made = {GREEDILY: greedy, BY_BEAM: chosen_trace(run, sentence, BY_BEAM, greedy)}
    if run.reverse.translates:
        with suppress(Problem):  # a damaged reverse model: said where somebody chooses it
            made[READ_BACK] = chosen_trace(run, sentence, READ_BACK, greedy)
    different = each_once(made.values())
    if len(different) == 1:
        st.caption(
            t(
                f"Beam search, which keeps {WIDTH} beginnings alive, finds the same sentence.",
                f"集束搜索同时保留 {WIDTH} 个开头，找到的是同一句话。",
            )
            if READ_BACK not in made
            else t(
                f"Beam search, which keeps {WIDTH} beginnings alive, and reading back find the same sentence.",
                f"集束搜索同时保留 {WIDTH} 个开头，找到的是同一句话；反向核对选的也是它。",
            )
        )
        return
    with st.container(border=True, key="decodings"):
        title, note = t("Ways to choose words", "不同的选词方法"), t("different sentences", "译文不同")
        st.html(f'<h2 class="part">{title}<span>{note}</span></h2>')
        shown = st.container()
        reference = ask_reference(run, sentence, greedy.words, by_link)
        scores = _scores([trace.sentence for trace in different], reference) if reference else None
        shown.html(_table(made, different, scores))
        found = made[BY_BEAM]
        if found.sentence != greedy.sentence:
            shown.markdown(_verdict(greedy, found, scores and [scores[0], scores[different.index(found)]]))
        if READ_BACK in made and made[READ_BACK].sentence not in (greedy.sentence, found.sentence):
            shown.markdown(
                t(
                    "“Read back” chooses with a second model, English → Chinese. Choose it above to see how.",
                    "“反向核对”请另一个英→中的模型来挑。在上面选它，就能看到怎么挑的。",
                )
            )


def _scores(translations: list[str], reference: str) -> list[float]:
    """chrF of each against the reference, 0 to 100."""
    from core.scoring import Statistics

    return Statistics(translations, [reference] * len(translations)).sentence_scores()


def _table(made: "dict[str, DecodeTrace]", different: "list[DecodeTrace]", scores: list[float] | None) -> str:
    """The sentences with their log-probabilities, and with chrF where there is a reference; each once, with all ways
    that find it."""
    from core.beam import WORD_BONUS, balanced

    log_probability = t(
        "The logarithm of the probability that the model gives to the whole sentence: nearer to 0 is more probable.",
        "模型给整句话的概率的对数：越接近 0，概率越大。",
    )
    score = t(
        "The same with 1 added for each word and for the end: so beam search compares sentences of different lengths. Without it the shortest would win.",
        "对数概率，加上每个词（和结束标记）各 1 分：集束搜索就这样比较长短不同的句子，否则总是短句占便宜。",
    )
    chrf = t(
        "How much of the right translation's spelling is in it, 0 to 100.", "与正确译文在字母上的重合程度，0 到 100。"
    )
    heads = [(t("log-probability", "对数概率"), log_probability), (t("beam search’s score", "集束搜索的得分"), score)]
    if scores:
        heads.append(("chrF", chrf))
    rows = []
    for row, one in enumerate(different):
        ways = "<br>".join(label(way) for way, trace in made.items() if trace.sentence == one.sentence)
        other = different[1 if row == 0 else 0]
        words = sentence_words(one.sentence, one.replacements, one.source, against=other.sentence)
        numbers = [number(one.log_probability), number(balanced(one.log_probability, len(one.steps), WORD_BONUS))]
        rows.append((ways, words, numbers + ([f"{scores[row]:.0f}"] if scores else [])))
    return table(heads, rows)


def _verdict(greedy: "DecodeTrace", found: "DecodeTrace", scores: list[float] | None) -> str:
    """Which of the two the model finds more probable, and whether that one is the better translation."""
    gain = found.log_probability - greedy.log_probability
    likelier = gain > 0
    if likelier:
        times = times_of(gain)
        said = t(
            f"To the model, beam search's sentence is {times} as probable: taking the most probable word at "
            "each step did not lead to the most probable sentence.",
            f"在模型看来，集束搜索的句子概率是贪心译文的 {times}：每一步都取最大的，整句不一定最大。",
        )
    elif len(found.steps) > len(greedy.steps):
        said = t(
            "Beam search's sentence is less probable as a whole, but longer: each word adds 1 to the score that it compares.",
            "集束搜索的句子整句概率较小，但更长：它比的是得分，每个词加 1 分。",
        )
    else:
        said = t(
            "Beam search lost the greedy sentence on the way: other beginnings were more probable at first.",
            "集束搜索中途丢掉了贪心译文：开头几步，别的写法概率更大。",
        )
    if not scores or scores[0] == scores[1]:
        return said
    better = scores[1] > scores[0]
    if better:
        also = t("It is also closer to the right translation.", "它也更接近正确的译文。")
    elif likelier:
        also = t(
            "**But it is further from the right translation: more probable is not always better.**",
            "**但它离正确的译文更远：概率更大，不一定译得更好。**",
        )
    else:
        also = t("And it is further from the right translation.", "它离正确的译文也更远。")
    return said + t(" ", "") + also
