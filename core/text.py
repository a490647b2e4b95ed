"""Sentences to tokens and back: normalising, the tokenizers by name, putting English together again."""

import functools
import math
import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
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


def mostly_chinese(texts: Sequence[str]) -> bool:
    """True if more than half of the texts hold a Chinese character."""
    return 2 * sum(map(contains_chinese, texts)) > len(texts)


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


def _characters(run: "re.Match[str]") -> str:
    """What a run of byte pieces such as `<0xE9><0xBE><0x98>` spells."""
    return bytes.fromhex(run.group().replace("<0x", "").replace(">", "")).decode("utf-8", errors="replace")


class _Lattice:
    """All ways to cut a text into pieces, with the unigram model's probabilities; a cut is drawn from its end."""

    def __init__(self, processor: Any) -> None:
        ids = range(processor.get_piece_size())
        usual = [i for i in ids if not (processor.is_control(i) or processor.is_unknown(i) or processor.is_byte(i))]
        self.scores = {processor.id_to_piece(i): float(processor.get_score(i)) for i in usual}
        self.longest = max(map(len, self.scores))
        self.lowest = min(self.scores.values()) - 10  # of a character that must be written in bytes, as sentencepiece
        self.prefix = "▁" if processor.encode("a", out_type=str)[0].startswith("▁") else ""
        self.words: dict[tuple[str, float], list[list[tuple[int, str, float]]]] = {}

    def sample(self, text: str, alpha: float, dice: Callable[[], float]) -> list[str]:
        tokens: list[str] = []
        # No piece goes on past a blank, so each word is cut for itself, and the frequent ones are known.
        for word in re.findall("▁?[^▁]+|▁", self.prefix + text.replace(" ", "▁")):
            ways = self.words.get((word, alpha))
            if ways is None:
                ways = self._ways(word, alpha)
                if len(word) < 16 and len(self.words) < 200_000:
                    self.words[word, alpha] = ways
            cut, end = [], len(word)
            while end:
                drawn = dice() * ways[end][-1][2]
                begin, piece = next((begin, piece) for begin, piece, reached in ways[end] if reached >= drawn)
                cut.append(piece)
                end = begin
            for piece in reversed(cut):
                if piece in self.scores:
                    tokens.append(piece)
                else:
                    tokens.extend(f"<0x{byte:02X}>" for byte in piece.encode())
        return tokens

    def _ways(self, word: str, alpha: float) -> list[list[tuple[int, str, float]]]:
        """For each place in the word the pieces that end there: where they begin, and their weights added up."""
        ways: list[list[tuple[int, str, float]]] = [[] for _ in range(len(word) + 1)]
        total = [1.0] + [0.0] * len(word)
        for begin in range(len(word)):
            for end in range(begin + 1, min(begin + self.longest, len(word)) + 1):
                piece = word[begin:end]
                score = self.scores.get(piece, self.lowest if end == begin + 1 else None)
                if score is not None:
                    total[end] += total[begin] * math.exp(alpha * score)
                    ways[end].append((begin, piece, total[end]))
        return ways


class PieceTokenizer:
    """Word pieces of a unigram model (Kudo, 2018) by sentencepiece, learnt from the training side. `▁` is a blank.

    Characters that training never saw are written byte by byte (`<0xE4>`), so nothing is unknown. Without a model it
    normalises alone.
    """

    name = "pieces"

    def __init__(self, model: bytes = b"") -> None:
        self.model = model
        self._processor: Any = None
        self._lattice: _Lattice | None = None
        if model:
            import sentencepiece

            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    @classmethod
    def learn(cls, sentences: Iterable[str], size: int) -> "PieceTokenizer":
        """The tokenizer with about `size` pieces, fewer where the sentences give no more. The same sentences give
        the same pieces."""
        import io

        import sentencepiece

        sentences = list(sentences)
        chinese = sum(contains_chinese(sentence) for sentence in sentences[:1000])
        # With fewer rows than characters, the rarest characters are written in bytes.
        for coverage in (0.9998, 0.995, 0.98, 0.95, 0.9):
            model = io.BytesIO()
            try:
                sentencepiece.SentencePieceTrainer.train(
                    sentence_iterator=iter(sentences),
                    model_writer=model,
                    vocab_size=size,
                    hard_vocab_limit=False,
                    model_type="unigram",
                    character_coverage=coverage,
                    byte_fallback=True,
                    normalization_rule_name="identity",
                    add_dummy_prefix=2 * chinese < min(len(sentences), 1000),  # Chinese has no blanks
                    input_sentence_size=1_000_000,
                    shuffle_input_sentence=False,
                    num_threads=1,  # more would change the last digits, and with them the pieces
                    minloglevel=2,
                )
            except RuntimeError:
                continue
            return cls(model.getvalue())
        raise Problem(
            f"{size:,} pieces are too few for these sentences. Raise max_size, or cut into words or characters.",
            f"{size:,} 个子词对这些句子来说太少。请调大 max_size，或改为按词、按字切分。",
        )

    @property
    def pieces(self) -> list[str]:
        """All pieces but sentencepiece's own markers."""
        processor = self._processor
        ids = range(processor.get_piece_size())
        return [processor.id_to_piece(i) for i in ids if not processor.is_control(i) and not processor.is_unknown(i)]

    def normalize(self, sentence: str) -> str:
        return normalize_chinese(sentence) if contains_chinese(sentence) else normalize_english(sentence)

    def tokenize(self, sentence: str) -> list[str]:
        return list(self._processor.encode(self.normalize(sentence), out_type=str))

    def sample(self, sentences: Iterable[str], alpha: float, seed: int) -> list[list[str]]:
        """Each sentence, already normalised, cut in one of its possible ways: likely ones more often, the more so
        the larger alpha (Kudo, 2018). The same seed gives the same cuts, in every process and on every system.

        Not by sentencepiece: its generator hangs on the thread's address, so no two processes would cut alike.
        """
        if self._lattice is None:
            self._lattice = _Lattice(self._processor)
        dice = random.Random(seed).random
        return [self._lattice.sample(sentence, alpha, dice) for sentence in sentences]

    def detokenize(self, tokens: list[str]) -> str:
        # Not by sentencepiece: it would write its own sign in place of a text that reads `<unk>`.
        text = re.sub("(?:<0x[0-9A-F]{2}>)+", _characters, "".join(tokens))
        return text.replace("▁", " ").strip()


TOKENIZERS: dict[str, type[Tokenizer]] = {
    kind.name: kind for kind in (JiebaTokenizer, SpacyTokenizer, CharacterTokenizer)
}


@functools.cache
def tokenizer(name: str) -> Tokenizer:
    """The tokenizer of that name, made once a process; `pieces`, learnt for each run, normalises alone.

    Raises Problem for an unknown name.
    """
    if name == PieceTokenizer.name:
        return PieceTokenizer()
    if name not in TOKENIZERS:
        known = ", ".join((*TOKENIZERS, PieceTokenizer.name))
        raise Problem(f"unknown tokenizer {name!r}; known: {known}", f"没有名为 {name!r} 的分词器，可用的有：{known}")
    return TOKENIZERS[name]()
