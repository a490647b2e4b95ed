"""Why a word is unknown: how often training saw it, and which `min_freq` and `max_size` would have kept it."""

from collections import Counter
from dataclasses import dataclass

from core.material import load_corpus
from core.problems import Problem
from core.runs import Run
from core.vocab import SPECIALS


@dataclass(frozen=True)
class Seen:
    """How often the training side holds a word; what both settings must be for it to be kept, None if it has none."""

    count: int
    min_freq: int | None  # at most
    max_size: int | None  # at least, the special tokens included


class TrainingWords:
    """All source words of a run's training side with their counts: those too that its vocabulary left out."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        # The order in which a vocabulary keeps words (`Vocab.build`), so that a place in it is the size it takes.
        order = sorted(counts, key=lambda word: (-counts[word], word))
        self._places = {word: place for place, word in enumerate(order, start=1 + len(SPECIALS))}

    def seen(self, word: str) -> Seen:
        count = self._counts[word]
        return Seen(count, count or None, self._places.get(word))


def training_words(run: Run) -> TrainingWords:
    """Cut and count the run's training sentences again: seconds to a minute. Raises Problem where they are gone."""
    config = run.config
    source, target = run.tokenizers()
    pairs = load_corpus(run).split(config.split_seed).train
    counts: Counter[str] = Counter()
    for chinese, english in pairs[: config.pairs] if config.pairs else pairs:
        words = source.tokenize(chinese)
        # A text has no more tokens than characters: most need no second tokenizer to be found short enough.
        short = len(english) <= config.max_length or len(target.tokenize(english)) <= config.max_length
        if 0 < len(words) <= config.max_length and short:
            counts.update(words)
    for special in SPECIALS:
        counts.pop(special, None)
    if not counts:
        raise Problem("This run has no training sentences any more.", "这个运行已经没有训练句子了。")
    return TrainingWords(counts)
