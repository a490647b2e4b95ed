"""What every page begins with: the bar with the pages and the language, the style, the address."""

from pathlib import Path

import streamlit as st

from core.processes import wait_briefly
from pages.parts.language import language, switch_language, t

# The server estimates how long an epoch takes, beside runs that train, and its runs wait as it does.
wait_briefly()

STYLE = Path(__file__).with_name("style.css")


def shell(title: str) -> None:
    """Begin a page: browser title, style, navigation and language switch."""
    st.set_page_config(page_title=f"{title} · Seq2Seq Playground", page_icon="🔁", layout="wide")
    st.html(STYLE)
    st.query_params["lang"] = language()
    with st.container(horizontal=True, vertical_alignment="center", key="bar"):
        st.html('<div class="brand">Seq2Seq <b>Playground</b></div>', width="content")
        for page, label in pages().items():
            st.page_link(page, label=label, query_params={"lang": language()})
        st.space("stretch")
        st.button(
            "English" if language() == "zh" else "中文", on_click=switch_language, key="language", type="tertiary"
        )


def pages() -> dict[str, str]:
    return {
        "streamlit_app.py": t("Translate", "翻译"),
        "pages/decode.py": t("Decoder", "解码器"),
        "pages/train.py": t("Train", "训练"),
        "pages/scores.py": t("Scores", "评分"),
        "pages/compare.py": t("Compare", "对比"),
        "pages/corpus.py": t("Corpus", "语料"),
    }


def heading(title: str, subtitle: str) -> None:
    """The page's title and one sentence on what it is for."""
    st.html(f'<h1 class="title">{title}</h1><p class="subtitle">{subtitle}</p>')
