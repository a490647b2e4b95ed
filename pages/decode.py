"""Decoder: one sentence, one word at a time, and what else was on offer."""

import streamlit as st

from core.problems import Problem
from pages.parts.ask import ask
from pages.parts.language import say, t
from pages.parts.loading import trace
from pages.parts.shell import heading, shell
from pages.parts.stepper import stepper

shell(t("Decoder", "解码器"))
heading(
    t("The decoder, one word at a time", "解码器：一次只写一个词"),
    t(
        "At each step it gives every word it knows a probability. Greedy decoding takes the largest and feeds it back in.",
        "每一步，它给词表里的每个词一个概率。贪心解码取最大的那个，再把它作为下一步的输入。",
    ),
)
run, sentence = ask()


def asked_step() -> int:
    """The step in the address; 1 where there is none."""
    written = st.query_params.get("step", "1")
    return int(written) if written.isdecimal() and 0 < int(written) < 10_000 else 1


if run is not None:
    try:
        with st.spinner(t("Translating …", "正在翻译……")):
            result = trace(run, sentence)
    except Problem as problem:
        st.warning(say(problem))
        st.stop()

    identity = f"{run.name} {run.version[1]} {sentence}"
    if st.session_state.get("stepping") != identity:
        # A new sentence begins at its first step; a fresh visit, where the address says.
        first_visit = "stepping" not in st.session_state
        st.session_state["stepping"] = identity
        st.session_state["step"] = min(asked_step() if first_visit else 1, len(result.steps))
    step, k = stepper(result, identity, st.session_state["step"], st.session_state.get("k", 10))
    st.session_state["step"], st.session_state["k"] = step, k
    st.query_params["step"] = str(step)
