"""The test sentences with their translations: the worst, the best, those with unknown words, those beam search spoils."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape

import streamlit as st

from core.evaluation import OUTPUTS, restorable, saved_outputs
from core.runs import Run
from core.scorer import restore_sentences
from core.scoring import Output, counted
from core.text import contains_chinese
from pages.parts.decodings import times_of
from pages.parts.language import keep_option, language, t
from pages.parts.progress import Task
from pages.parts.words import UNKNOWN

SHOWN = 8  # sentences at once
_WORD = re.compile(r"<unk>|[^\W_]+(?:['-][^\W_]+)*|\s+|.", re.DOTALL)

# What is shown first in each selection.
SELECTIONS: dict[str, Callable[[Output], bool]] = {
    "worst": lambda output: True,
    "best": lambda output: True,
    "unknown": lambda output: output.unknown > 0,
    "beam": lambda output: output.beam_likelier_worse,
    "back": lambda output: output.read_back_gain < 0,
}


def selected(outputs: Sequence[Output], selection: str) -> list[Output]:
    """The outputs of that selection, those that show most first."""
    chosen = [output for output in outputs if SELECTIONS[selection](output)]
    if selection == "best":
        # Of two that are right the longer one is the greater feat.
        return sorted(chosen, key=lambda output: (-output.score, -len(output.source)))
    if selection == "unknown":
        return sorted(chosen, key=lambda output: -output.unknown)
    if selection == "beam":
        return sorted(chosen, key=lambda output: (output.beam_score or 0) - output.score)
    if selection == "back":
        return sorted(chosen, key=lambda output: output.read_back_gain)
    return sorted(chosen, key=lambda output: (output.score, -len(output.source)))


@st.cache_resource(max_entries=20, show_spinner=False)
def _outputs(folder: str, version: int) -> list[Output]:
    return saved_outputs(Run(folder))


def outputs_of(run: Run) -> list[Output]:
    """The run's test sentences, read once for each version of the file; not to be changed."""
    return _outputs(*outputs_version(run))


def outputs_version(run: Run) -> tuple[str, int]:
    """What a cache of a run's outputs hangs on."""
    try:
        return str(run.folder), (run.folder / OUTPUTS).stat().st_mtime_ns
    except OSError:
        return str(run.folder), 0


_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sentences")
_restored: dict[tuple[str, ...], Task[None]] = {}


def restoring(runs: Sequence[Run]) -> Task[None] | None:
    """Puts the test sentences back into runs that came without them, once for each group; None where none lacks them."""
    folders = tuple(str(run.folder) for run in runs if restorable(run))
    if not folders:
        return None
    if folders not in _restored:
        _restored[folders] = Task(_worker, lambda bar: restore_sentences([Run(folder) for folder in folders], bar))
    return _restored[folders]


@st.fragment
def sentences(run: Run) -> None:
    """Draw a choice of selections and the first sentences of the one chosen; turning over redraws these alone."""
    outputs = outputs_of(run)
    names = {
        "worst": t("Worst", "最差"),
        "best": t("Best", "最好"),
        "unknown": t("With unknown words", "含未登录词"),
        "beam": t("Beam search spoils it", "集束搜索译得更差"),
        "back": t("Reading back spoils it", "反向核对译得更差"),
    }
    there = [name for name in SELECTIONS if any(SELECTIONS[name](output) for output in outputs)]
    chosen = st.segmented_control(
        t("Sentences", "句子"),
        there,
        default="worst",
        required=True,
        format_func=lambda name: names[name],
        key=keep_option("selection"),
        label_visibility="collapsed",
        persist_state="session",
    )
    found = selected(outputs, chosen or "worst")
    st.html(f'<p class="small mute">{escape(notes(chosen or "worst", len(found), outputs))}</p>')
    pages = -(-len(found) // SHOWN)
    page = (
        min(st.session_state.get("sentences-page", 0), pages - 1)
        if st.session_state.get("sentences-of") == (run.name, chosen)
        else 0
    )
    st.session_state["sentences-of"], st.session_state["sentences-page"] = (run.name, chosen), page
    for number, output in enumerate(found[page * SHOWN : (page + 1) * SHOWN]):
        with st.container(horizontal=True, vertical_alignment="center", key=f"sentence-{number}"):
            st.html(sentence(output, beam=chosen in ("beam", "back")), width="stretch")
            st.page_link(
                "pages/decode.py",
                label=t("take apart →", "拆开看 →"),
                query_params={"lang": language(), "run": run.name, "sentence": output.source, "step": "1"},
            )
    if pages > 1:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
            st.html(f'<span class="mute small">{page + 1} / {pages:,}</span>', width="content")
            st.button("←", key="sentences-back", on_click=_turn, args=(-1,), disabled=page == 0)
            st.button("→", key="sentences-on", on_click=_turn, args=(1,), disabled=page == pages - 1)


def _turn(pages: int) -> None:
    st.session_state["sentences-page"] = st.session_state.get("sentences-page", 0) + pages


def notes(selection: str, count: int, outputs: Sequence[Output]) -> str:
    if selection == "back":
        better = sum(output.read_back_gain > 0 for output in outputs)
        return t(
            f"For {count:,} sentences what reading back chooses is further from the reference than beam search's translation; "
            f"for {better:,} it is nearer.",
            f"有 {count:,} 个句子，反向核对选的译文比集束搜索的离参考译文更远；更近的有 {better:,} 个。",
        )
    if selection == "beam":
        return t(
            f"For {count:,} sentences the model finds beam search's translation more probable, and yet it is further from the reference: "
            "what is probable to a model is not always right. Both are shown.",
            f"有 {count:,} 个句子，模型认为集束搜索的译文概率更高，却离参考译文更远：模型觉得可能的，不一定是对的。两种译文都列出。",
        )
    if selection == "unknown":
        return t(
            f"{count:,} sentences hold words that are not in the vocabulary; the model reads <unk> there and has to guess.",
            f"{count:,} 个句子里有词表之外的词，模型在那里只读到 <unk>，只能猜。",
        )
    return t(
        "Bold words also stand in the reference. There is one reference a sentence: a low score may still be a right translation "
        "in other words.",
        "粗体词也出现在参考译文里。每句只有一个参考译文：分低的也可能译对了，只是用词不同。",
    )


def sentence(output: Output, beam: bool = False) -> str:
    """One test sentence as HTML. Text is escaped."""
    rows = [
        f'<div class="source">{escape(output.source)}</div>',
        _row(t("reference", "参考译文"), escape(output.reference), ""),
        _row(
            t("greedy", "贪心解码") if beam or output.read_back is not None else t("model", "模型译文"),
            _marked(output.hypothesis, output.reference),
            f"{output.score:.0f}",
        ),
    ]
    if beam and output.beam is not None:
        times = times_of(output.beam_gain or 0)
        likelier = t(f"{times} as probable to the model", f"模型给出的概率是贪心译文的 {times}")
        text = f'{_marked(output.beam, output.reference)} <span class="mute small">{likelier}</span>'
        rows.append(_row(t("beam search", "集束搜索"), text, f"{output.beam_score or 0:.0f}"))
    if output.read_back is not None:
        text = _marked(output.read_back, output.reference)
        rows.append(_row(t("read back", "反向核对"), text, f"{output.read_back_score or 0:.0f}"))
    return f'<div class="output">{"".join(rows)}{_counting(output)}</div>'


def _counting(output: Output) -> str:
    """How BLEU counts this translation, to be opened: for 1 to 4 words in a row those that stand in the reference."""
    count = counted(output.hypothesis, output.reference)
    if not count.words:
        return ""
    names = (t("words", "单个词"), t("twos", "连续两个"), t("threes", "连续三个"), t("fours", "连续四个"))
    lines = ""
    for n, (name, right) in enumerate(zip(names, count.right, strict=True), start=1):
        grams = "".join(
            f'<span class="{"right" if is_right else ""}">{escape(" ".join(count.words[i : i + n]))}</span>'
            for i, is_right in enumerate(right)
        )
        share = t(f"{sum(right)} of {len(right)}", f"{len(right)} 个中有 {sum(right)} 个") if right else "–"
        lines += f'<div><span class="mute">{name}</span><span class="grams">{grams}</span><b>{share}</b></div>'
    penalty = t(
        f"Length factor {count.brevity_penalty:.2f}. This sentence alone has BLEU {count.bleu:.0f}; over a whole test split the counts "
        "are added up first, as most single sentences have no four words in a row right.",
        f"长度系数 {count.brevity_penalty:.2f}。单看这一句，BLEU 是 {count.bleu:.0f}；对整个测试集，先把这些个数加起来再算，因为多数单句连一个对的连续四词都没有。",
    )
    summary = t("how BLEU counts it", "BLEU 怎样数这一句")
    return f'<details><summary>{summary}</summary><div class="counting">{lines}</div><p class="small mute">{penalty}</p></details>'


def _row(name: str, text: str, score: str) -> str:
    hint = t(
        "chrF of this sentence, 0 to 100: how many of its letters in a row stand in the reference",
        "这句的 chrF，0 到 100：有多少连续字母也出现在参考译文里",
    )
    number = f'<b class="score" title="{hint}">chrF {score}</b>' if score else ""
    return f'<div class="said"><span class="mute">{name}</span><span>{text}</span>{number}</div>'


def _marked(text: str, reference: str) -> str:
    """The words that also stand in the reference bold, as often as they stand there; an unknown one dotted."""
    chinese = contains_chinese(reference)
    left = Counter(piece.lower() for piece in _pieces(reference, chinese))
    marked = []
    for piece in _pieces(text, chinese):
        if piece == UNKNOWN or (not chinese and contains_chinese(piece)):  # copied, as no translation was known
            marked.append(f'<span class="unknown">{escape(piece)}</span>')
        elif left[piece.lower()] > 0 and any(c.isalnum() for c in piece):
            left[piece.lower()] -= 1
            marked.append(f"<b>{escape(piece)}</b>")
        else:
            marked.append(escape(piece))
    return "".join(marked) or "…"


def _pieces(text: str, chinese: bool) -> list[str]:
    return list(text) if chinese else _WORD.findall(text)
