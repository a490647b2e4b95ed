"""The decoder, step by step, drawn in the browser: moving and changing k cost no trip to the server."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.parts.language import t

if TYPE_CHECKING:
    from core.decode import DecodeTrace

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "seq2seq_stepper",
    html='<div class="stepper" tabindex="0"></div>\n',
    css=(_HERE / "stepper.css").read_text("utf-8"),
    js=(_HERE / "stepper.js").read_text("utf-8"),
)


def stepper(trace: "DecodeTrace", identity: str, step: int, k: int) -> tuple[int, int]:
    """Draw the trace at a step (from 1) with k candidates. Returns the step and the k that the visitor has moved to.

    `identity` names the run, its weights and the sentence: while it stays the same, the component keeps its place.
    """
    data = {
        "identity": identity,
        "step": step,
        "k": k,
        "vocabulary": trace.vocabulary,
        "source": [{"text": token.text, "known": token.known} for token in trace.source],
        "steps": [
            {
                "input": step.input_token,
                "candidates": [[candidate.token, candidate.probability] for candidate in step.candidates],
                "entropy": step.entropy,
                "attention": step.attention,
            }
            for step in trace.steps
        ],
        "texts": _texts(),
    }
    moved: Any = _component(
        data=data,
        key="stepper",
        default={"place": {"step": step, "k": k, "identity": identity}},
        on_place_change=lambda: None,
    )
    place = moved.place or {}
    if place.get("identity") != identity:
        return step, k
    return int(place.get("step", step)), int(place.get("k", k))


def _texts() -> dict[str, str]:
    """Every string of the component; names in braces are filled in by the browser."""
    return {
        "label": t("The decoder step by step", "一步一步看解码器"),
        "step": t("step {step} of {steps}", "第 {step} 步，共 {steps} 步"),
        "goesIn": t("goes in", "输入"),
        "comesOut": t("comes out", "输出"),
        "start": t("the start marker: nothing is written yet", "起始标记：还什么都没写"),
        "fed": t("its own word from the step before", "上一步自己写出的词"),
        "looks": t("looks back at the source", "回头看原文"),
        "looksNote": t(
            "attention: the taller the bar, the more this word counts", "注意力：柱子越高，这个词的影响越大"
        ),
        "context": t("only has the context vector", "只有上下文向量"),
        "contextNote": t(
            "This model has no attention: all it knows of the source is packed into one vector, made once.",
            "这个模型没有注意力：它对原文的全部了解都压缩在一个只算一次的向量里。",
        ),
        "next": t("What comes next?", "下一个词是什么？"),
        "rest": t(
            "the other {count} words share {share} · entropy {entropy} bits",
            "其余 {count} 个词共占 {share} · 熵 {entropy} 比特",
        ),
        "argmax": t("argmax", "argmax"),
        "first": t("first step", "第一步"),
        "back": t("step back", "后退一步"),
        "forward": t("step forward", "前进一步"),
        "last": t("last step", "最后一步"),
        "keys": t("or the keys ← → Home End", "也可以用键盘 ← → Home End"),
        "k": t("candidates shown (k)", "显示的候选词数（k）"),
        "say": t(
            "The decoder reads {input}, and of {count} words it finds {word} the likeliest, at {share}.",
            "解码器读入 {input}，在 {count} 个词里认为 {word} 的概率最大：{share}。",
        ),
        "sayLooks": t("It looks mostly at {word} ({share}).", "它主要看着 {word}（{share}）。"),
        "sayLooksEnd": t(
            "It looks mostly at {word} ({share}), where the encoder has read the whole sentence.",
            "它主要看着 {word}（{share}）：编码器读到那里时，整个句子都读完了。",
        ),
        "sayClose": t("It was close: {second} came second with {share}.", "差距很小：{second} 紧随其后，{share}。"),
        "sayEnd": t("<eos> ends the sentence.", "写出 <eos>，句子结束。"),
        "heat": t("Attention so far", "到目前为止的注意力"),
        "heatNote": t("rows: words written · columns: words read", "行：写出的词 · 列：读到的词"),
        "unknown": t("not in the vocabulary, read as <unk>", "不在词表里，读作 <unk>"),
    }
