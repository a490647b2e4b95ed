"""Words as HTML: the source as the model read it, and the translation with how sure the model was. Text is escaped."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from core.terms import terms
from pages.parts.language import t

if TYPE_CHECKING:
    from core.decode import DecodeTrace, Replacement, SourceToken

_WORD = re.compile(r"\w+(?:['-]\w+)*|[^\w\s]")
END, UNKNOWN = "<eos>", "<unk>"


def cut_by(tokenizer: str, words: Sequence[str] = ()) -> str:
    """How the source was cut, in a few words; `words` are those of the sentence."""
    if tokenizer == "jieba" and not terms().keys().isdisjoint(words):
        return t("words by jieba, terms of the course kept whole", "由 jieba 分词，课程术语不拆开")
    return {
        "jieba": t("words by jieba", "由 jieba 分词"),
        "spacy": t("words by spaCy", "由 spaCy 分词"),
        "characters": t("one character each", "逐字切分"),
        "pieces": t("pieces of words; ▁ begins a word", "子词，▁ 表示词的开头"),
    }.get(tokenizer, tokenizer)


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
            hint = _why_unknown(token)
            parts.append(f'<span class="word unknown" title="{escape(hint)}">{escape(token.text)}</span>')
    return f'<div class="words">{"".join(parts)}</div>'


def _why_unknown(token: "SourceToken") -> str:
    """How often training saw an unknown word at most, and which setting would have kept it."""
    if token.text in terms():
        return t(
            "A term of this course that training never or hardly saw: the model reads <unk>.",
            "本课程的术语，训练数据里没有或很少见：模型读到的是 <unk>。",
        )
    return t("Not in the vocabulary: the model reads <unk>.", "不在词表里：模型读到的是 <unk>。") + _rarity(token)


def _rarity(token: "SourceToken") -> str:
    if token.at_most is None or token.kept_by is None:
        return t(" Training never saw it.", "训练数据里没有它。") if token.at_most == 0 else ""
    seen = t(f" Training saw it {token.at_most:,} times at most;", f"训练数据里最多出现过 {token.at_most:,} 次；")
    if token.kept_by == "min_freq":
        return seen + t(" if it did, a smaller min_freq keeps it.", "出现过的话，把 min_freq 调小就能保留。")
    return seen + t(" if it did, a larger max_size may keep it.", "出现过的话，把 max_size 调大也许能保留。")


def sentence_words(
    sentence: str, replacements: "Sequence[Replacement]", source: "Sequence[SourceToken]", against: str | None = None
) -> str:
    """The translation in green; what the model did not translate is grey and dotted, and says why on touch.

    against: another translation; the words that it has not are marked.
    """
    replaced = {part.start: (part.start + len(part.text), part) for part in replacements}
    differing = [] if against is None else _differing(sentence, against)
    cuts = {
        0,
        len(sentence),
        *replaced,
        *(end for end, _ in replaced.values()),
        *(cut for span in differing for cut in span),
    }
    parts, unknown = [], None
    for start, end in pairwise(sorted(cuts)):
        unknown = replaced.get(start, unknown)
        kinds, attributes = [], ""
        if unknown and start < unknown[0]:
            looked_at = None if unknown[1].source is None else source[unknown[1].source].text
            kinds.append("unknown")
            attributes = f' tabindex="0" title="{escape(_why(unknown[1], looked_at))}"'
        if any(first <= start < last for first, last in differing):
            kinds.append("differs")
        text = escape(sentence[start:end])
        parts.append(f'<span class="{" ".join(kinds)}"{attributes}>{text}</span>' if kinds else text)
    return f'<div class="sentence">{"".join(parts) or "…"}</div>'


def _differing(sentence: str, other: str) -> list[tuple[int, int]]:
    """Where the words stand that the other sentence has not, from character to character."""
    words = list(_WORD.finditer(sentence))
    matcher = SequenceMatcher(None, [word[0] for word in words], _WORD.findall(other), autojunk=False)
    return [
        (words[first].start(), words[last - 1].end())
        for kind, first, last, _, _ in matcher.get_opcodes()
        if kind in ("replace", "delete")
    ]


def _why(replacement: "Replacement", word: str | None) -> str:
    if word is None:
        return t(
            "The model wrote <unk> here: a word that it does not have. It has no attention, so nobody knows which "
            "source word it meant.",
            "模型在这里写出了 <unk>，也就是词表里没有的词。它没有注意力，看不出对应原文的哪个词。",
        )
    if replacement.how == "term":
        return t(
            f"Looked up, not translated. The model wrote <unk> and looked mostly at “{word}”, which is in this course’s list of terms.",
            f"查术语表得来，不是模型翻译的。模型写出了 <unk>，主要看着“{word}”，它在本课程的术语表里。",
        )
    if replacement.how == "looked up":
        return t(
            f"Looked up, not translated. The model wrote <unk> and looked mostly at “{word}”; this is from a dictionary.",
            f"查词典得来，不是模型翻译的。模型写出了 <unk>，主要看着“{word}”，这里是词典的解释。",
        )
    return t(
        f"Copied, not translated. The model wrote <unk> and looked mostly at “{word}”, which no dictionary here has.",
        f"照抄原文，不是模型翻译的。模型写出了 <unk>，主要看着“{word}”，词典里也没有这个词。",
    )


def replacements_note(replacements: "Sequence[Replacement]") -> str:
    """One sentence on the grey words of a translation, with the dictionary's attribution; empty where there are none."""
    hows = {replacement.how for replacement in replacements}
    if not hows:
        return ""
    if "gap" in hows:
        return t(
            "Grey “…”: the model wrote <unk>, a word that is not in its vocabulary.",
            "灰色的“…”：模型写出了 <unk>，也就是词表里没有的词。",
        )
    if hows == {"term"}:
        return t(
            "Grey: not translated by the model, which has no word for it, but taken from this course’s list of terms.",
            "灰色的词不是模型翻译的：它的词表里没有，取自本课程的术语表。",
        )
    if hows & {"looked up", "term"}:
        listed = "term" in hows
        return t(
            "Grey: not translated by the model, which has no word for it, but "
            f"{'taken from this course’s list of terms, ' if listed else ''}looked up in the dictionary "
            "CC-CEDICT (cc-cedict.org, CC BY-SA 4.0) or copied.",
            f"灰色的词不是模型翻译的：它的词表里没有，这里{'先查本课程的术语表，再查' if listed else '查的是'}"
            "词典 CC-CEDICT（cc-cedict.org，CC BY-SA 4.0），查不到就照抄。",
        )
    return t(
        "Grey: copied from your sentence; the model has no word for it.",
        "灰色的词照抄原文：模型的词表里没有。",
    )


def sure_words(trace: "DecodeTrace") -> str:
    """Each written word with the probability that the model gave it; what stands for an `<unk>` with that one's."""
    parts = []
    stands_for = {replacement.step + 1: replacement.text for replacement in trace.replacements}
    for number, step in enumerate(trace.steps, start=1):
        probability = step.chosen.probability
        level = "" if probability >= 0.5 else "half" if probability >= 0.2 else "low"
        token = escape(stands_for.get(number, step.chosen.token))
        unknown = " unknown" if step.chosen.token == UNKNOWN else ""
        other = escape(next((word.token for word in step.candidates if word.id != step.chosen.id), ""))
        if step.rank == 1:
            hint = t(f"Step {number}; second choice: {other}", f"第 {number} 步；第二选择：{other}")
        else:
            hint = t(
                f"Step {number}; not the most probable word here, which is: {other}",
                f"第 {number} 步；这里概率最大的词不是它，而是：{other}",
            )
        parts.append(
            f'<div title="{hint}"><div class="token{unknown}">{token}</div>'
            f'<div class="rail"><i class="{level}" style="width:{probability:.1%}"></i></div>'
            f'<div class="percent">{probability:.0%}</div></div>'
        )
    return f'<div class="sure">{"".join(parts)}</div>'
