"""Sentences to tokens and back: normalising, the tokenizers by name, putting English together again."""

import functools
import re
import unicodedata
from typing import Any, Protocol

from core.problems import Problem

CURLY_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "`": "'"})
CHINESE_WIDTH = {",": "，", "?": "？", "!": "！", ";": "；", ":": "：", "(": "（", ")": "）"}
CORNER_BRACKETS = str.maketrans({"「": "“", "」": "”", "『": "“", "』": "”", "﹁": "“", "﹂": "”"})
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN = re.compile(f"[{HAN}]")
# A mark between digits, as in 3:00 or 1,000, belongs to the number and keeps its width.
_HALF_WIDTH_MARK = re.compile(r"(?<!\d)[,?!;:()]|[,?!;:()](?!\d)")
_FINAL_DOT = re.compile(rf"(?<=[{HAN}])\.(?!\.)")
_SPACE_BESIDE_HAN = re.compile(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])")


class Tokenizer(Protocol):
    """Cuts one sentence into tokens and puts tokens together for people. `name` is what a run's config records."""

    name: str

    def normalize(self, sentence: str) -> str: ...

    def tokenize(self, sentence: str) -> list[str]: ...

    def detokenize(self, tokens: list[str]) -> str: ...


def contains_chinese(text: str) -> bool:
    """True if at least one Chinese character stands in the text."""
    return bool(_HAN.search(text))


def clean_space(text: str) -> str:
    """One line without control characters: every run of white space becomes one blank.

    A NUL or another control character from a damaged file counts as white space.
    """
    visible = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    return " ".join(visible.split())


@functools.cache
def _simplifier() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def normalize_chinese(sentence: str) -> str:
    """One spelling for what reads the same: NFKC, simplified characters, full-width punctuation.

    NFKC makes `ＡＢＣ１２３` and `，！？` half-width; the punctuation is then set back to the full width
    that Chinese readers expect, except inside numbers (`3:00`).
    """
    text = unicodedata.normalize("NFKC", clean_space(sentence))
    text = _simplifier().convert(text).translate(CORNER_BRACKETS)
    if contains_chinese(text):
        text = _HALF_WIDTH_MARK.sub(lambda m: CHINESE_WIDTH[m.group()], text)
        text = _FINAL_DOT.sub("。", text)
    return _SPACE_BESIDE_HAN.sub("", text)


def normalize_english(sentence: str) -> str:
    """NFKC and straight quotes; case stays as it is."""
    return unicodedata.normalize("NFKC", clean_space(sentence).translate(CURLY_QUOTES))


def join_chinese(tokens: list[str]) -> str:
    """Chinese is written without blanks; only two Latin words keep one between them."""
    text = ""
    for token in tokens:
        if text and text[-1].isascii() and text[-1].isalnum() and token[:1].isascii() and token[:1].isalnum():
            text += " "
        text += token
    return text


class JiebaTokenizer:
    """Chinese words by jieba's dictionary and its HMM, as in the lesson."""

    name = "jieba"

    def __init__(self) -> None:
        import logging

        import jieba

        jieba.setLogLevel(logging.WARNING)
        jieba.initialize()
        self._cut = jieba.lcut

    def normalize(self, sentence: str) -> str:
        return normalize_chinese(sentence)

    def tokenize(self, sentence: str) -> list[str]:
        return [token for token in self._cut(self.normalize(sentence)) if not token.isspace()]

    def detokenize(self, tokens: list[str]) -> str:
        return join_chinese(tokens)


class SpacyTokenizer:
    """English words by spaCy's rules, case kept. `spacy.blank("en")` has them without a download."""

    name = "spacy"

    def __init__(self) -> None:
        import spacy
        from sacremoses import MosesDetokenizer

        self._rules = spacy.blank("en").tokenizer
        self._moses = MosesDetokenizer(lang="en")

    def normalize(self, sentence: str) -> str:
        return normalize_english(sentence)

    def tokenize(self, sentence: str) -> list[str]:
        return [token.text for token in self._rules(self.normalize(sentence)) if not token.is_space]

    def detokenize(self, tokens: list[str]) -> str:
        """`I do n't know .` → `I don't know.` (sacremoses, and spaCy's contractions that it does not know)."""
        joined = self._moses.detokenize(_join_contractions(tokens), unescape=False)
        return str(joined)


# Pieces that spaCy cuts off and that Moses, which cuts elsewhere, leaves standing alone.
_SUFFIXES = {"n't", "'s", "'m", "'re", "'ve", "'ll", "'d", "'S", "N'T", "'M", "'RE", "'VE", "'LL", "'D"}
_PAIRS = {("can", "not"), ("gon", "na"), ("got", "ta"), ("wan", "na"), ("let", "'s"), ("c'm", "on"), ("o", "'clock")}


def _join_contractions(tokens: list[str]) -> list[str]:
    joined: list[str] = []
    for token in tokens:
        previous = joined[-1] if joined else ""
        contraction = token in _SUFFIXES or (previous.lower(), token.lower()) in _PAIRS
        # spaCy cuts `part-time` in three; a dash between two sentences stands between blanks and is rare here.
        hyphen = token == "-" and previous[-1:].isalnum()
        after_hyphen = len(previous) > 1 and previous.endswith("-") and token[:1].isalnum()
        if (contraction and previous[-1:].isalpha()) or hyphen or after_hyphen:
            joined[-1] = previous + token
        else:
            joined.append(token)
    return joined


class CharacterTokenizer:
    """Every character a token; for languages without a tokenizer here. Blanks are kept as `▁`."""

    name = "characters"

    def normalize(self, sentence: str) -> str:
        return unicodedata.normalize("NFKC", clean_space(sentence))

    def tokenize(self, sentence: str) -> list[str]:
        return list(self.normalize(sentence).replace(" ", "▁"))

    def detokenize(self, tokens: list[str]) -> str:
        return "".join(tokens).replace("▁", " ")


TOKENIZERS: dict[str, type[Tokenizer]] = {
    kind.name: kind for kind in (JiebaTokenizer, SpacyTokenizer, CharacterTokenizer)
}


@functools.cache
def tokenizer(name: str) -> Tokenizer:
    """The tokenizer of that name, made once a process. Raises Problem for a name that is not in TOKENIZERS."""
    if name not in TOKENIZERS:
        known = ", ".join(TOKENIZERS)
        raise Problem(f"unknown tokenizer {name!r}; known: {known}", f"没有名为 {name!r} 的分词器，可用的有：{known}")
    return TOKENIZERS[name]()
