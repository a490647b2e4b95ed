"""Decoder: one sentence, one word at a time, and what else was on offer."""

import streamlit as st

from pages.parts import address
from pages.parts.ask import ask_and_trace
from pages.parts.language import t
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
run, sentence, result = ask_and_trace()

subject = f"{run.name} {run.version[1]} {sentence}"
linked = address.news("step")
if linked is not None or st.session_state.get("stepping") != subject:
    # A new sentence begins at its first step; a link, also to the same sentence, at the step it names.
    asked = int(linked) if linked and linked.isdecimal() and len(linked) < 5 else 1
    st.session_state["stepping"] = subject
    st.session_state["step"] = min(max(asked, 1), len(result.steps))
    st.session_state["visit"] = st.session_state.get("visit", 0) + 1
identity = f"{st.session_state['visit']} {subject}"
step, k = stepper(result, identity, st.session_state["step"], st.session_state.get("k", 10))
st.session_state["step"], st.session_state["k"] = step, k
address.write("step", str(step))
