"""Greedy decoding and beam search beside each other, on the page Translate."""

import math
from typing import TYPE_CHECKING

import streamlit as st

from core.runs import Run
from pages.parts import address
from pages.parts.language import keep_option, t
from pages.parts.loading import beam, read_back, trace
from pages.parts.reference import ask_reference
from pages.parts.walkthrough.ways import GREEDY, Way, write_way
from pages.parts.words import sentence_words

if TYPE_CHECKING:
    from core.beam import BeamSentence
    from core.decode import DecodeTrace

GREEDILY, BY_BEAM, READ_BACK = "greedy", "beam", "back"  # as they stand in the address
WIDTH = 5  # of beam search
CANDIDATES = 20  # that are read back; as in core.read_back, whose import would take torch's time
MOST_DEPARTURES = 8


def choose_decoding(run: Run) -> str:
    """The switch between greedy decoding, beam search and, where the run has a reverse model, reading back; the choice,
    one of GREEDILY, BY_BEAM and READ_BACK, is in the address."""
    labels = {GREEDILY: t("Greedy", "贪心解码"), BY_BEAM: t("Beam search", "集束搜索")}
    told = t(
        "Greedy takes the most probable word at each step and never looks back. "
        f"Beam search keeps the {WIDTH} most probable beginnings and takes the best whole sentence.",
        f"贪心解码每一步都取概率最大的词，从不回头；集束搜索同时保留 {WIDTH} 个最有希望的开头，最后取最好的整句。",
    )
    if run.reverse.translates:
        labels[READ_BACK] = t("Read back", "反向核对")
        told += t(
            f" Reading back keeps {CANDIDATES}, and asks a second model, English → Chinese, from which of them it would "
            "best guess the sentence again.",
            f"反向核对保留 {CANDIDATES} 个，再问一个英→中的反向模型：看到哪个译文最能猜回原句。",
        )
    linked = address.news("decoding")
    if linked in labels:
        st.session_state["decoding"] = linked
    if st.session_state.get("decoding") not in labels:  # chosen with a run that had a reverse model
        st.session_state["decoding"] = BY_BEAM if "decoding" in st.session_state else GREEDILY
    chosen = st.segmented_control(
        t("How words are chosen", "选词的方法"),
        list(labels),
        format_func=labels.__getitem__,
        key=keep_option("decoding"),
        required=True,
        persist_state="session",
        help=told,
    )
    address.write("decoding", chosen or GREEDILY)
    return chosen or GREEDILY


def chosen_trace(run: Run, sentence: str, decoding: str, greedy: "DecodeTrace") -> "DecodeTrace":
    """The trace of the translation that this way of choosing words gives. Raises Problem where it cannot be given."""
    if decoding == BY_BEAM:
        return beam_of(run, sentence)[1]
    if decoding == READ_BACK:
        return trace(run, sentence, None, tuple(read_back(run, sentence)[0].ids))
    return greedy


def bleu_of(run: Run, decoding: str) -> float | None:
    """BLEU, lowercased, on the run's test split by that way of choosing words; None where it was not measured."""
    whole = run.scores()
    scores = whole if decoding == GREEDILY else whole.get({BY_BEAM: "beam", READ_BACK: "read_back"}[decoding])
    bleu = scores.get("bleu_lowercase") if isinstance(scores, dict) else None
    return float(bleu) if isinstance(bleu, (int, float)) else None


def beam_of(run: Run, sentence: str) -> "tuple[BeamSentence, DecodeTrace]":
    """The best translation that beam search finds, and its trace."""
    best = beam(run, sentence, WIDTH).best[0]
    return best, trace(run, sentence, None, tuple(best.ids))


def way_to(run: Run, sentence: str, ids: list[int]) -> Way:
    """Where a translation leaves what greedy decoding would have written, as the Decoder page's address has it.

    Greedy itself for one that leaves it again and again: each departure takes the model.
    """
    way, at = GREEDY, trace(run, sentence)
    while len(way) < MOST_DEPARTURES:
        step = next(
            (i for i, (done, token) in enumerate(zip(at.steps, ids, strict=False)) if done.chosen.id != token), -1
        )
        if step < 0:
            return way
        way = (*way, (step + 1, ids[step]))
        at = trace(run, sentence, None, tuple(ids[: step + 1]))
    return GREEDY


def steps_of(run: Run, sentence: str, result: "DecodeTrace") -> dict[str, str]:
    """What the Decoder page's address needs to show this translation, where it leaves the greedy one first."""
    way = way_to(run, sentence, [step.chosen.id for step in result.steps])
    if way == GREEDY:
        return {"step": "1"}
    written = write_way(way)
    return {
        "step": str(way[0][0]),
        "way": written,
        "ways": written,
        "more": "beam",
        "width": str(WIDTH),
    }


def compare(run: Run, sentence: str, greedy: "DecodeTrace", by_link: bool) -> None:
    """Say whether beam search finds another sentence than greedy decoding, and which of the two is better."""
    found, traced = beam_of(run, sentence)
    if found.sentence == greedy.sentence:
        st.caption(
            t(
                f"Beam search, which keeps {WIDTH} beginnings alive, finds the same sentence.",
                f"集束搜索同时保留 {WIDTH} 个开头，找到的是同一句话。",
            )
        )
        return
    with st.container(border=True, key="decodings"):
        title, note = t("Two ways to choose words", "两种选词方法"), t("two different sentences", "译文不同")
        st.html(f'<h2 class="part">{title}<span>{note}</span></h2>')
        shown = st.container()
        reference = ask_reference(run, sentence, greedy.words, by_link)
        scores = _scores([greedy.sentence, found.sentence], reference) if reference else None
        shown.html(_table(greedy, traced, scores))
        shown.markdown(_verdict(greedy, traced, scores))


def _scores(translations: list[str], reference: str) -> list[float]:
    """chrF of each against the reference, 0 to 100."""
    from core.scoring import Statistics

    return Statistics(translations, [reference] * len(translations)).sentence_scores()


def _table(greedy: "DecodeTrace", found: "DecodeTrace", scores: list[float] | None) -> str:
    """Both sentences with their log-probabilities, and with chrF where there is a reference."""
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
    heads = [
        ("", ""),
        ("", ""),
        (t("log-probability", "对数概率"), log_probability),
        (t("score", "得分"), score),
    ]
    if scores:
        heads.append(("chrF", chrf))
    rows = []
    names = (t("Greedy", "贪心解码"), t("Beam search", "集束搜索"))
    for number, (name, made) in enumerate(zip(names, (greedy, found), strict=True)):
        other = found if made is greedy else greedy
        words = sentence_words(made.sentence, made.replacements, made.source, against=other.sentence)
        numbers = [made.log_probability, balanced(made.log_probability, len(made.steps), WORD_BONUS)]
        cells = [f"{value:.2f}".replace("-", "−") for value in numbers]
        if scores:
            cells.append(f"{scores[number]:.0f}")
        numeric = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        rows.append(f"<tr><td>{name}</td><td>{words}</td>{numeric}</tr>")
    head = "".join(f'<th title="{hint}">{label}</th>' for label, hint in heads)
    return f'<table class="decodings"><tr>{head}</tr>{"".join(rows)}</table>'


def _verdict(greedy: "DecodeTrace", found: "DecodeTrace", scores: list[float] | None) -> str:
    """Which of the two the model finds more probable, and whether that one is the better translation."""
    gain = found.log_probability - greedy.log_probability
    likelier = gain > 0
    if likelier:
        times = f"{math.exp(gain):,.1f}" if gain < math.log(100) else f"{math.exp(min(gain, 20)):,.0f}"
        said = t(
            f"To the model, beam search's sentence is {times} times as probable: taking the most probable word at "
            "each step did not lead to the most probable sentence.",
            f"在模型看来，集束搜索的句子概率是贪心译文的 {times} 倍：每一步都取最大的，整句不一定最大。",
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
