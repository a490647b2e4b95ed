"""The address carries what can be shared. What a link brings wins once; after that the widgets write it."""

import streamlit as st


def news(key: str) -> str | None:
    """The address's value if it came from outside (a link, a bookmark, typing), not from `write`; else None."""
    value = st.query_params.get(key)
    if value is None or value == st.session_state.get(f"address:{key}"):
        return None
    st.session_state[f"address:{key}"] = value
    return value


def arrived(page: str) -> bool:
    """Whether the visitor comes to this page from another one, or for the first time."""
    before = st.session_state.get("address:page")
    st.session_state["address:page"] = page
    return bool(before != page)


def write(key: str, value: str) -> None:
    """Put a value into the address."""
    st.session_state[f"address:{key}"] = value
    st.query_params[key] = value
