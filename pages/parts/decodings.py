"""The ways to choose words on the page Translate: greedy decoding, beam search, and reading back."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from core.runs import Run
from pages.parts import address
from pages.parts.language import keep_option, t
from pages.parts.loading import beam, read_back, trace
from pages.parts.walkthrough.ways import GREEDY, Way, write_way

if TYPE_CHECKING:
    from core.decode import DecodeTrace
    from core.read_back import Reread

Translation = TypeVar("Translation", "DecodeTrace", "Reread")

GREEDILY, BY_BEAM, READ_BACK = "greedy", "beam", "back"  # as they stand in the address
WIDTH = 5  # of beam search
CANDIDATES = 20  # that are read back; as in core.read_back, whose import would take torch's time
MOST_DEPARTURES = 8


def label(decoding: str) -> str:
    """The name of that way of choosing words."""
    names = {
        GREEDILY: t("Greedy", "贪心解码"),
        BY_BEAM: t("Beam search", "集束搜索"),
        READ_BACK: t("Read back", "反向核对"),
    }
    return names[decoding]


def choose_decoding(run: Run) -> str:
    """The switch between greedy decoding, beam search and, where the run has a reverse model, reading back; the choice,
    one of GREEDILY, BY_BEAM and READ_BACK, is in the address."""
    labels = {way: label(way) for way in (GREEDILY, BY_BEAM)}
    told = t(
        "Greedy takes the most probable word at each step and never looks back. "
        f"Beam search keeps the {WIDTH} most probable beginnings and takes the best whole sentence.",
        f"贪心解码每一步都取概率最大的词，从不回头；集束搜索同时保留 {WIDTH} 个最有希望的开头，最后取最好的整句。",
    )
    if run.reverse.translates:
        labels[READ_BACK] = label(READ_BACK)
        told += t(
            f" Reading back keeps {CANDIDATES}, asks a second model, English → Chinese, how well each leads back to the "
            "sentence, and takes the one that fits best in both directions.",
            f"反向核对保留 {CANDIDATES} 个，再用一个英→中的反向模型看每个译文能不能猜回原句，取正反两个方向最说得通的一句。",
        )
    linked = address.news("decoding")
    if linked in (GREEDILY, BY_BEAM, READ_BACK):
        st.session_state["decoding"] = linked
    st.session_state.setdefault("decoding", GREEDILY)
    if st.session_state["decoding"] not in labels:  # chosen with a run that had a reverse model
        st.session_state["decoding"] = BY_BEAM
        st.session_state["back-again"] = True
    elif READ_BACK in labels and st.session_state.pop("back-again", False) and linked is None:
        st.session_state["decoding"] = READ_BACK if st.session_state["decoding"] == BY_BEAM else GREEDILY
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
        return trace(run, sentence, None, tuple(beam(run, sentence, WIDTH).best[0].ids))
    if decoding == READ_BACK:
        return trace(run, sentence, None, tuple(read_back(run, sentence)[0].ids))
    return greedy


def bleu_of(run: Run, decoding: str) -> float | None:
    """BLEU, lowercased, on the run's test split by that way of choosing words; None where it was not measured."""
    whole = run.scores()
    scores = whole if decoding == GREEDILY else whole.get({BY_BEAM: "beam", READ_BACK: "read_back"}[decoding])
    bleu = scores.get("bleu_lowercase") if isinstance(scores, dict) else None
    return float(bleu) if isinstance(bleu, (int, float)) else None


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


def table(heads: "Sequence[tuple[str, str]]", rows: "Sequence[tuple[str, str, Sequence[str]]]") -> str:
    """Translations beside each other as HTML. heads: a column's name and its hint, for the numbers alone; rows: a name,
    the sentence as HTML, and the numbers."""
    columns = "".join(f'<th title="{escape(hint)}">{label}</th>' for label, hint in heads)
    lines = ""
    for name, words, numbers in rows:
        cells = "".join(f'<td class="number">{cell}</td>' for cell in numbers)
        lines += f"<tr><td>{name}</td><td>{words}</td>{cells}</tr>"
    return f'<table class="decodings"><tr><th></th><th></th>{columns}</tr>{lines}</table>'


def each_once(translations: "Iterable[Translation]") -> "list[Translation]":
    """Of those that read the same the first one."""
    first: dict[str, Translation] = {}
    for one in translations:
        first.setdefault(one.sentence, one)
    return list(first.values())


def number(value: float) -> str:
    """A logarithm or a score as the tables have it."""
    return f"{value:.2f}".replace("-", "−")


def times_of(gain: float) -> str:
    """How many times as probable, from a difference of natural logarithms."""
    if gain > math.log(1e6):
        return t("more than a million times", "100 万倍以上")
    ratio = math.exp(gain)
    number = f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"
    return t(f"{number} times", f"{number} 倍")
