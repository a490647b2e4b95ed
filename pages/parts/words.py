"""Words as HTML: the source as the model read it, and the translation with how sure the model was. Text is escaped."""

from html import escape
from typing import TYPE_CHECKING

from pages.parts.language import t

if TYPE_CHECKING:
    from core.decode import DecodeTrace

END, UNKNOWN = "<eos>", "<unk>"


def source_words(trace: "DecodeTrace") -> str:
    """The source's tokens in blue, unknown ones grey with a dotted line; what each means on touch."""
    parts = []
    for token in trace.source:
        if token.text == END and token is trace.source[-1]:
            hint = t("Marks the end of the sentence", "句子结束标记")
            parts.append(f'<span class="word end" title="{hint}">{escape(token.text)}</span>')
        elif token.known:
            hint = t(f"Training saw this word {token.count:,} times", f"训练数据里出现过 {token.count:,} 次")
            parts.append(f'<span class="word" title="{hint}">{escape(token.text)}</span>')
        else:
            hint = t("Not in the vocabulary: the model reads <unk>", "不在词表里：模型读到的是 <unk>")
            parts.append(f'<span class="word unknown" title="{escape(hint)}">{escape(token.text)}</span>')
    return f'<div class="words">{"".join(parts)}</div>'


def sentence_words(sentence: str) -> str:
    """The translation in green; an unknown word in it is grey and dotted."""
    unknown = escape(UNKNOWN)
    text = escape(sentence).replace(unknown, f'<span class="unknown">{unknown}</span>')
    return f'<div class="sentence">{text or "…"}</div>'


def sure_words(trace: "DecodeTrace") -> str:
    """Each written word with the probability that the model gave it."""
    parts = []
    for number, step in enumerate(trace.steps, start=1):
        probability = step.chosen.probability
        level = "" if probability >= 0.5 else "half" if probability >= 0.2 else "low"
        token = escape(step.chosen.token)
        unknown = " unknown" if step.chosen.token == UNKNOWN else ""
        second = escape(step.candidates[1].token) if len(step.candidates) > 1 else ""
        hint = t(f"Step {number}; second choice: {second}", f"第 {number} 步；第二选择：{second}")
        parts.append(
            f'<div title="{hint}"><div class="token{unknown}">{token}</div>'
            f'<div class="rail"><i class="{level}" style="width:{probability:.1%}"></i></div>'
            f'<div class="percent">{probability:.0%}</div></div>'
        )
    return f'<div class="sure">{"".join(parts)}</div>'
