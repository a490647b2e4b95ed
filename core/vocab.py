"""Token <-> id."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.problems import Problem

UNK, PAD, SOS, EOS = 0, 1, 2, 3
SPECIALS = ("<unk>", "<pad>", "<sos>", "<eos>")


class Vocab:
    """The tokens a model knows, the most frequent first, with how often training saw each.

    Ids run without gaps: the four special tokens are 0 to 3, as in the lesson. A text that happens to
    contain `<eos>` is an unknown word, never the special token.
    """

    def __init__(self, tokens: Sequence[str], counts: Sequence[int]) -> None:
        if tuple(tokens[: len(SPECIALS)]) != SPECIALS:
            raise ValueError(f"a vocabulary begins with {SPECIALS}, got {tokens[:4]}")
        if len(tokens) != len(counts) or len(set(tokens)) != len(tokens):
            raise ValueError("a vocabulary needs one count a token and no token twice")
        self.tokens = list(tokens)
        self.counts = list(counts)
        self._ids = {token: i for i, token in enumerate(self.tokens) if i >= len(SPECIALS)}

    @classmethod
    def build(cls, sentences: Iterable[Sequence[str]], max_size: int = 10_000, min_freq: int = 2) -> "Vocab":
        """Count tokens and keep the frequent ones, as `of_counts` does."""
        return cls.of_counts(Counter(token for sentence in sentences for token in sentence), max_size, min_freq)

    @classmethod
    def of_counts(cls, counts: Mapping[str, int], max_size: int = 10_000, min_freq: int = 2) -> "Vocab":
        """Keep the tokens seen `min_freq` times or more, at most `max_size` rows, specials included.

        Of equally frequent tokens the alphabetically first stay, so the same sentences give the same ids.
        """
        kept = [(token, n) for token, n in counts.items() if n >= min_freq and token not in SPECIALS]
        kept.sort(key=lambda item: (-item[1], item[0]))
        kept = kept[: max(0, max_size - len(SPECIALS))]
        return cls([*SPECIALS, *(token for token, _ in kept)], [0] * len(SPECIALS) + [n for _, n in kept])

    @classmethod
    def of_pieces(cls, pieces: Sequence[str], counts: Mapping[str, int]) -> "Vocab":
        """All of a piece tokenizer's pieces, also those that no sentence's likeliest cut holds: sampling may."""
        kept = sorted(set(pieces) - set(SPECIALS), key=lambda piece: (-counts.get(piece, 0), piece))
        return cls([*SPECIALS, *kept], [0] * len(SPECIALS) + [counts.get(piece, 0) for piece in kept])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def without(self, tokens: Iterable[str]) -> "Vocab":
        """The same rows, but these tokens are read as unknown."""
        vocab = Vocab(self.tokens, self.counts)
        for token in tokens:
            vocab._ids.pop(token, None)
        return vocab

    def id(self, token: str) -> int:
        """The token's id, UNK if training did not keep it."""
        return self._ids.get(token, UNK)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        return [self._ids.get(token, UNK) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Ids to tokens, up to the first `<eos>`; `<pad>` and `<sos>` are left out."""
        tokens = []
        for i in ids:
            if i == EOS:
                break
            if i not in (PAD, SOS):
                tokens.append(self.tokens[i])
        return tokens

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"tokens": self.tokens, "counts": self.counts}, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocab":
        """Read what `save` wrote. Raises Problem if the file is missing, damaged or something else."""
        try:
            content = json.loads(path.read_text("utf-8"))
            return cls(content["tokens"], content["counts"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Problem(
                f"{path.name} of run {path.parent.name!r} cannot be read ({type(error).__name__}). "
                "Delete the run or copy the folder again.",
                f"读不了运行 {path.parent.name!r} 的 {path.name}（{type(error).__name__}）。请删除这个运行，或重新复制整个文件夹。",
            ) from error
