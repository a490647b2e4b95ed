"""Reading back: of the translations that beam search found, the one that fits best in both directions.

A second model, which learnt the other way (English → Chinese) and lies in the run's folder as `reverse/`, says how
probable the source is, given each of them. By Bayes' rule the best translation makes both probabilities large: its own,
and that of the source given it (a noisy channel; Brown et al., 1993, and for neural models Yee, Dauphin and Auli, 2019).
What left a word out, or put a common one in its place, is probable in the one direction alone.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.batches import source_ids
from core.beam import Hypothesis, balanced, beam_batch
from core.decode import Replacement, Writing
from core.machine import one_thread
from core.problems import Problem
from core.translator import Translator
from core.vocab import EOS

# How much the logarithm of the source's probability counts, and the nats that each word earns a translation. Chosen on
# 1,000 validation sentences: 0.3 to 1 and 0.25 to 1 do as well within 0.5 BLEU.
WEIGHT = 0.5
BONUS = 0.5
# Of the search whose translations are read. There BLEU was 28.3 by beam search, and read back 29.6 of 5 translations,
# 30.2 of 10, 31.0 of 20 and 31.5 of 40; twice as many take twice as long.
WIDTH = 20


@dataclass(frozen=True)
class Reread:
    """A translation that beam search found, and what the reverse model makes of it."""

    ids: list[int]  # its target words, with `<eos>` where it was finished: a trace that begins with them is this one
    sentence: str  # put together for people, `<unk>` replaced
    replacements: list[Replacement]
    log_probability: float  # natural logarithm: of the translation, given the source
    back: float  # of the source, given the translation
    score: float  # both together, with the bonus for its words
    place: int  # among those of beam search, 1 is its best
    finished: bool


@dataclass(frozen=True)
class Readings:
    """What reading back made of one sentence."""

    text: str
    words: list[str]
    width: int
    best: list[Reread]  # by score, finished ones first

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def reverse_of(translator: Translator) -> Translator:
    """The run's reverse model. Raises Problem where it has none, or a damaged one."""
    reverse = translator.reverse
    if reverse is None:
        raise Problem(
            "This run has no reverse model, which reads translations back. `python -m core reverse` gives it one.",
            "这个运行没有反向模型，不能回读。可以用 `python -m core reverse` 给它加一个。",
        )
    return reverse


def read_back(
    translator: Translator, texts: Sequence[str], width: int = WIDTH, batch_size: int = 64
) -> list[list[Reread]]:
    """For each text the translations that beam search of that width finds, the best for both models first.

    None for a text without words. Raises Problem where the run has no reverse model.
    """
    cut = [translator.cut(text) for text in texts]
    found: list[list[Reread]] = [[] for _ in texts]
    order = sorted((row for row, words in enumerate(cut) if words), key=lambda row: len(cut[row]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        for row, made in zip(rows, _portion(translator, [cut[row] for row in rows], width), strict=True):
            found[row] = made
    return found


@one_thread()
def read_back_one(
    translator: Translator, text: str, width: int = WIDTH, words: Sequence[str] | None = None
) -> Readings:
    """The same for one sentence. Raises Problem also where the text cannot be translated, as `Translator.trace` does."""
    words = translator.words(text, words)
    return Readings(text, words, width, _portion(translator, [words], width)[0])


def _portion(translator: Translator, cut: Sequence[list[str]], width: int) -> list[list[Reread]]:
    """The translations of a few sentences, given as words, each read back."""
    reverse = reverse_of(translator)
    sources = [source_ids(translator.source_vocab.encode(words)) for words in cut]
    found = [
        [(hypothesis, *translator.read(hypothesis, words)) for hypothesis in hypotheses]
        for words, hypotheses in zip(cut, beam_batch(translator.model, sources, width, most=WIDTH), strict=True)
    ]
    wanted = [Writing(_source_read(reverse, translator.source_tokenizer.detokenize(words)), None) for words in cut]
    # Different hypotheses may make the same sentence, as pieces do: each is read once.
    asked = list({(row, sentence): None for row, made in enumerate(found) for _, sentence, _ in made})
    said = reverse.log_probabilities(
        [reverse.source_tokenizer.tokenize(sentence) for _, sentence in asked],
        [wanted[row] for row, _ in asked],
        batch_size=128,
    )
    back = dict(zip(asked, said, strict=True))
    return [
        _ordered(
            [
                _reread(hypothesis, sentence, replacements, back[row, sentence], place)
                for place, (hypothesis, sentence, replacements) in enumerate(made, start=1)
            ]
        )
        for row, made in enumerate(found)
    ]


def _source_read(reverse: Translator, text: str) -> list[int]:
    return list(reverse.target_vocab.encode(reverse.target_tokenizer.tokenize(text)))


def _reread(hypothesis: Hypothesis, sentence: str, replacements: list[Replacement], back: float, place: int) -> Reread:
    return Reread(
        ids=hypothesis.ids + [EOS] * hypothesis.finished,
        sentence=sentence,
        replacements=replacements,
        log_probability=hypothesis.log_probability,
        back=back,
        score=balanced(hypothesis.log_probability + WEIGHT * back, len(hypothesis.ids) + 1, BONUS),
        place=place,
        finished=hypothesis.finished,
    )


def _ordered(made: list[Reread]) -> list[Reread]:
    return sorted(made, key=lambda one: (not one.finished, -one.score))
