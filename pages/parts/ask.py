"""The sentence and the run to translate it with: the same box on the pages Translate and Decoder."""

import re
from typing import TYPE_CHECKING

import streamlit as st

from core.config import FILES, PINNED
from core.problems import Problem
from core.runs import SHIPPED, Run, find_run, list_runs
from core.text import contains_chinese
from pages.parts import address
from pages.parts.language import say, t
from pages.parts.loading import trace

if TYPE_CHECKING:
    from core.decode import DecodeTrace

EXAMPLES = PINNED[::-1]
MAX_IN_ADDRESS = 600  # characters; longer ones are refused anyway, and no address holds 10,000


def choose_run() -> Run | None:
    """A picker of all runs that translate; begins with the one in the address, else the one that ships.

    None, after saying so, where there is no run at all.
    """
    names = [run.name for run in list_runs() if run.translates]
    if not names:
        st.info(
            t(
                "There is no trained model yet. Train one on the page Train; a first one takes a minute.",
                "还没有训练好的模型。请到“训练”页训练一个，第一个只要一分钟。",
            )
        )
        return None
    asked = address.news("run") or st.session_state.get("run")
    if asked not in names:
        if asked:
            try:
                find_run(asked)
                st.warning(t(f"Run “{asked}” cannot translate yet.", f"运行“{asked}”还不能翻译。"))
            except Problem as problem:
                st.warning(say(problem))
        asked = next((name for name in SHIPPED if name in names), names[0])
    st.session_state["run"] = asked
    name = st.selectbox(t("Model (run)", "模型（运行）"), names, key="run", persist_state="session")
    address.write("run", name)
    return find_run(name)


@st.cache_data(max_entries=100, show_spinner=False)
def examples(folder: str, version: int) -> tuple[str, ...]:
    """Sentences to begin with: the app's own, or for a run on a person's own files unseen ones of theirs."""
    run = Run(folder)
    try:
        if run.config.corpus != FILES:
            return EXAMPLES
    except Problem:
        return EXAMPLES
    return tuple(dict.fromkeys(row["source"] for row in run.samples()))[: len(EXAMPLES)] or EXAMPLES


def markdown_safe(text: str) -> str:
    """The text as a label that shows it as it is: a person's own sentences may hold what Markdown takes for a sign."""
    return re.sub(r"([\\`*_{}\[\]<>()#+\-.!|~$:])", r"\\\1", text)


def ask(arrived: bool) -> tuple[Run | None, str]:
    """Draw the box with its examples. Returns the chosen run and the sentence as typed, both kept in the address.

    arrived: whether the visitor comes from another page. Whoever clears the box has it empty until then.
    """
    linked = address.news("sentence")
    if linked is not None:
        st.session_state["sentence"] = linked
    box, picker = st.columns([3, 1], vertical_alignment="bottom")
    with picker:
        run = choose_run()
    offered = examples(*run.version) if run else EXAMPLES
    before = st.session_state.get("examples-offered", ())
    sentence_now = st.session_state.get("sentence")
    if sentence_now is None or (linked is None and sentence_now in before and sentence_now not in offered):
        # An example of another run, in a language that this one may not read.
        st.session_state["sentence"] = offered[0]
    elif arrived and not linked:
        # Given anew: the box is made anew too, and without a value it would come up empty where nobody had typed yet.
        st.session_state["sentence"] = sentence_now or offered[0]
    st.session_state["examples-offered"] = offered
    chinese = contains_chinese("".join(offered))
    with box:
        sentence: str = st.text_input(
            t("A Chinese sentence; Enter translates it", "输入一个中文句子，按回车翻译")
            if chinese
            else t("A sentence in the model's language; Enter translates it", "输入一个模型所读语言的句子，按回车翻译"),
            key="sentence",
            persist_state="session",
            on_change=_typed,
        )
    with st.container(horizontal=True, gap="small", key="examples"):
        for number, example in enumerate(offered):
            label = example if len(example) <= 40 else example[:40] + " …"
            st.button(markdown_safe(label), key=f"example-{number}", on_click=_take, args=(example,))
    if len(sentence) <= MAX_IN_ADDRESS:
        address.write("sentence", sentence)
    return run, sentence


def came_by_link() -> bool:
    """Whether the address brought another sentence or run than the page wrote into it; to be asked before `ask`."""
    return any(st.query_params.get(key) != st.session_state.get(f"address:{key}") for key in ("sentence", "run"))


def ask_and_trace(arrived: bool) -> tuple[Run, str, "DecodeTrace"]:
    """Draw the box and translate what is in it: the run, the sentence and its trace.

    Where there is none to give, the page says why and ends here.
    """
    run, sentence = ask(arrived)
    if run is None:
        st.stop()
    try:
        with st.spinner(t("Translating …", "正在翻译……")):
            return run, sentence, trace(run, sentence)
    except Problem as problem:
        st.warning(say(problem))
        st.stop()


def _take(example: str) -> None:
    st.session_state["sentence"] = example
    _typed()


def _typed() -> None:
    """The address that came with a message may be older than the message: what was typed is newer than any of it."""
    sentence = st.session_state["sentence"]
    if len(sentence) <= MAX_IN_ADDRESS:
        address.write("sentence", sentence)
