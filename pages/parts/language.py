"""Chinese or English: every string is written once, in both, where it is used: `t("Translate", "翻译")`."""

from typing import Literal

import streamlit as st

from core.problems import Problem

Language = Literal["en", "zh"]


def language() -> Language:
    """The visitor's language: as switched, else as the address says, else as the browser asks for."""
    if "lang" not in st.session_state:
        asked = st.query_params.get("lang") or st.context.locale or "en"
        st.session_state["lang"] = "zh" if asked.lower().startswith("zh") else "en"
    return "zh" if st.session_state["lang"] == "zh" else "en"


def t(english: str, chinese: str) -> str:
    """The string in the visitor's language."""
    return chinese if language() == "zh" else english


def say(problem: Problem) -> str:
    return t(problem.en, problem.zh)


def switch_language() -> None:
    st.session_state["lang"] = "en" if language() == "zh" else "zh"
    # Option widgets whose labels change with the language lose their value unless it is set again.
    for key in st.session_state.get("option_keys", ()):
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def keep_option(key: str) -> str:
    """Register an option widget with translated labels, so that switching the language keeps its value."""
    st.session_state.setdefault("option_keys", set()).add(key)
    return key
