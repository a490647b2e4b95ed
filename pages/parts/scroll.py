"""Bring a part of the page into sight, where a click made it and left the visitor looking elsewhere."""

from pathlib import Path

import streamlit as st

from pages.parts.component import component

PANEL, FORM = "panel", "new-run"  # keys of the containers

_scroll = component("scroll", "scroll", ".scroll { display: none; }\n", [Path(__file__).with_name("scroll.js")])


def scroll_to(key: str) -> None:
    """Ask for it: the next drawing of the page goes there."""
    st.session_state["scroll-to"] = key
    st.session_state["scroll-turn"] = st.session_state.get("scroll-turn", 0) + 1


def scroll_where_asked() -> None:
    """Stands at the end of a page. Drawn for one run of its script alone, so that no other takes the page away again."""
    key = st.session_state.pop("scroll-to", None)
    if key is not None:
        turn = st.session_state["scroll-turn"]
        _scroll(data={"key": key, "turn": turn}, key=f"scroll-{turn}")
