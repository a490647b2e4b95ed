"""Sentences that the page Corpus hands over to the page Train, under `st.session_state["prepared"]`."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.config import PRESETS
from core.corpus import Pair
from core.survey import LANGUAGES, guess_language
from pages.parts.language import t


@dataclass(frozen=True)
class Prepared:
    """A person's own pairs, ready to train on, with the tokenizer of each side."""

    key: str  # stands for the pairs
    name: str
    pairs: list[Pair]
    source_tokenizer: str
    target_tokenizer: str


def hand_over(
    corpus: str, min_freq: int, max_size: int, name: str = "", pairs: list[Pair] | None = None,
    languages: tuple[str, str] = ("chinese", "english"),
) -> None:  # fmt: skip
    """Set the Train page's form to this corpus and these limits; `pairs` and `languages` of a person's own files."""
    st.session_state["corpus"] = corpus
    st.session_state["begin-from"] = None  # no other run's settings
    for kind in PRESETS:
        if PRESETS[kind].get("source_tokenizer") == "pieces":
            continue  # the limits were chosen for words
        st.session_state[f"min_freq-{kind}"] = min_freq
        st.session_state[f"max_size-{kind}"] = max_size
    if pairs is not None:
        source, target = (LANGUAGES[language] for language in languages)
        st.session_state["prepared"] = Prepared(uuid.uuid4().hex, name, pairs, source, target)


def prepared() -> Prepared | None:
    """What was handed over, with a line that says so and a button that drops it; None where nothing was."""
    found: Prepared | None = st.session_state.get("prepared")
    if found is None:
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(
            t(
                f"From the page Corpus: {found.name}, {len(found.pairs):,} pairs "
                f"({found.source_tokenizer} → {found.target_tokenizer})",
                f"来自“语料”页：{found.name}，{len(found.pairs):,} 个句对（{found.source_tokenizer} → {found.target_tokenizer}）",
            ),
            width="content",
        )
        if st.button(t("Other files", "换文件"), key="drop-prepared"):
            del st.session_state["prepared"]
            st.rerun()
    return found


def tokenizers(pairs: Sequence[Pair], kind: str) -> dict[str, str]:
    """The settings that say how a person's own pairs are cut: as handed over, else as the sentences look.

    Word pieces are learnt from the sentences, whatever their language, so a preset that has them keeps them.
    """
    handed: Prepared | None = st.session_state.get("prepared")
    found = {}
    for side, name in enumerate(("source_tokenizer", "target_tokenizer")):
        if PRESETS[kind].get(name) == "pieces":
            continue
        given = getattr(handed, name) if handed else LANGUAGES[guess_language([pair[side] for pair in pairs[:1000]])]
        found[name] = given
    return found
