"""The right translation of a sentence, to compare a model's with: known for some, typed for others."""

import streamlit as st

from core.runs import Run
from pages.parts import address
from pages.parts.ask import MAX_IN_ADDRESS
from pages.parts.language import t
from pages.parts.loading import reference_of

# Of the examples that stand under the box.
KNOWN = {
    "我喜欢学习机器学习。": "I like studying machine learning.",
    "今天天气很好。": "The weather is nice today.",
    "你叫什么名字？": "What's your name?",
    "我想喝一杯咖啡。": "I want to drink a cup of coffee.",
    "他昨天没来上班。": "He didn't come to work yesterday.",
    "如果明天下雨，我们就不去了。": "If it rains tomorrow, we won't go.",
}


def ask_reference(run: Run, sentence: str, words: list[str], by_link: bool) -> str:
    """Draw the box. Returns what is in it, without blanks around; it is kept in the address and goes with the sentence.

    words: the sentence's, cut by the run's tokenizer. by_link: whether the sentence came with the address, in which
    case its reference may have come too.
    """
    linked = address.news("reference")
    if linked is not None and by_link:
        st.session_state["reference"] = linked
    elif st.session_state.get("reference-of") != sentence:
        st.session_state["reference"] = KNOWN.get(sentence.strip()) or reference_of(run, words) or ""
    st.session_state["reference-of"] = sentence
    typed = st.text_input(
        t("The right translation, to compare with; Enter compares", "正确的译文，用来比较；按回车比较"),
        key="reference",
        persist_state="session",
    ).strip()
    if typed:
        address.write("reference", typed[:MAX_IN_ADDRESS])
    return typed
