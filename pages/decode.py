"""Decoder: one sentence, one word at a time, and what else was on offer."""

import streamlit as st

from core.problems import Problem
from pages.parts import address
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


if run is not None:
    try:
        with st.spinner(t("Translating …", "正在翻译……")):
            result = trace(run, sentence)
    except Problem as problem:
        st.warning(say(problem))
        st.stop()

    identity = f"{run.name} {run.version[1]} {sentence}"
    if st.session_state.get("stepping") != identity:
        # A new sentence begins at its first step, or where the link that brought it says.
        linked = address.news("step") or ""
        asked = int(linked) if linked.isdecimal() and len(linked) < 5 else 1
        st.session_state["stepping"] = identity
        st.session_state["step"] = min(max(asked, 1), len(result.steps))
    step, k = stepper(result, identity, st.session_state["step"], st.session_state.get("k", 10))
    st.session_state["step"], st.session_state["k"] = step, k
    address.write("step", str(step))
