"""How good translations are: BLEU and chrF by sacreBLEU, on detokenised sentences with one reference each.

A score of some sentences says little without how far chance moves it, so each has an interval: the sentences are drawn
anew, with repetition, a thousand times, and 95% of the scores lie inside (Koehn, 2004). What each sentence adds to a
score is counted once; a draw only adds these counts up again.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from types import UnionType
from typing import Any, TypeVar

import numpy as np

from core.problems import Problem
from core.runs import lowest_loss
from core.text import contains_chinese

Interval = tuple[float, float]
Numbers = np.ndarray[Any, np.dtype[np.float64]]
T = TypeVar("T")

MEASURES = ("bleu", "bleu_lowercase", "chrf", "chrf_lowercase")
RESAMPLES, SEED = 1000, 12345
# Sentences are grouped by length up to each of these, and the longer ones; by share of unknown words likewise.
LENGTHS = (5, 10, 15, 20, 30, 40)
UNKNOWN_SHARES = (0.0, 0.1, 0.2)
FEW = 20  # sentences: fewer say nothing


@dataclass(frozen=True, kw_only=True)
class Measures:
    """BLEU and chrF of some sentences, 0 to 100; `bleu` and `chrf` respect case.

    intervals: for each of MEASURES, where it lies in 95% of the draws; empty where none were made.
    """

    sentences: int
    bleu: float
    bleu_lowercase: float
    chrf: float
    chrf_lowercase: float = math.nan
    intervals: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Group(Measures):
    """The sentences above `low` and up to `high`; `high` is None where there is no limit."""

    low: float
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Scores(Measures):
    """All sentences, decoded in one way. The signatures say exactly how sacreBLEU counted."""

    signature: str = ""
    signature_lowercase: str = ""
    signature_chrf: str = ""
    # What the lowercased BLEU is made of: its share of right words, pairs, threes and fours, in percent, and what is
    # taken off where the translations are shorter than the references.
    precisions: list[float] = field(default_factory=list)
    brevity_penalty: float = 1.0
    length_ratio: float = 1.0  # words in the translations to those in the references
    by_length: list[Group] = field(default_factory=list)
    by_unknown: list[Group] = field(default_factory=list)


@dataclass(frozen=True)
class Signs:
    """What can be told of translations without knowing the language: shares of all sentences, 0 to 1."""

    common: str = ""  # the translation that stands most often
    common_share: float = 0.0
    reference_common_share: float = 0.0  # of the reference that stands most often
    different: int = 0  # translations, each counted once
    different_references: int = 0
    repeating: str = ""  # the word that fills most of the translations that one word fills
    repeating_share: float = 0.0  # of translations at least half of which are one word
    unknown_source: float = 0.0  # share of source words that the vocabulary lacks
    unknown_target: float = 0.0  # share of reference words that the vocabulary lacks


@dataclass(frozen=True, kw_only=True)
class Evaluation(Scores):
    """A run's `scores.json`: the scores of greedy decoding, those of beam search inside, and what else was counted.

    A file of an older version has the scores of greedy decoding alone.
    """

    length_unit: str = "characters"  # or "words": what `by_length` counts in a source sentence
    signs: Signs | None = None
    model_alone: Measures | None = None  # with `<unk>` left where people read a word looked up or copied; None: nowhere
    beam_width: int = 0  # 0: beam search was not tried
    beam: Scores | None = None
    beam_differs: int = 0  # sentences that beam search translates differently
    beam_likelier: int = 0  # of these, those whose translation the model finds more probable
    beam_likelier_worse: int = 0  # of these, those that score worse
    read_back: Scores | None = None  # of what the reverse model chooses; None where the run has none
    test: str = ""  # the same for the same sentences with the same references
    epoch: int = 0  # whose weights were scored

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Evaluation":
        """Read what `dataclasses.asdict` gave, of this version or an older one. Raises Problem where it is damaged."""
        try:
            return _scores(cls, values)
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise Problem(
                f"scores.json cannot be read ({type(error).__name__}). Score the run again.",
                f"读不了 scores.json（{type(error).__name__}）。请重新评分。",
            ) from error


@dataclass(frozen=True)
class Output:
    """One test sentence and what became of it. The scores are the sentence's own chrF."""

    source: str
    reference: str
    hypothesis: str  # greedy
    score: float
    unknown: float  # share of the source's words that the vocabulary lacks
    beam: str | None = None  # None: the same, or not tried
    beam_score: float | None = None
    beam_gain: float | None = None  # log-probability of beam's translation less that of greedy's, nats
    read_back: str | None = None  # None: the same as beam search's, or no reverse model
    read_back_score: float | None = None

    @property
    def beam_likelier(self) -> bool:
        """True if the model finds beam search's translation more probable, as a whole, than greedy's."""
        return (self.beam_gain or 0) > 0

    @property
    def read_back_gain(self) -> float:
        """By how much what reading back chooses scores better than beam search's translation; 0 where it is the same."""
        if self.read_back_score is None:
            return 0.0
        return self.read_back_score - (self.score if self.beam_score is None else self.beam_score)

    @property
    def beam_likelier_worse(self) -> bool:
        """True if it does, and that translation is further from the reference."""
        return self.beam_likelier and self.beam_score is not None and self.beam_score < self.score


# Counting


class Statistics:
    """What each pair of sentences adds to the scores; a row for each, columns for each measure."""

    def __init__(
        self, hypotheses: Sequence[str], references: Sequence[str], measures: Sequence[str] = MEASURES
    ) -> None:
        from sacrebleu.metrics import BLEU, CHRF

        tokenize = "zh" if _chinese(references) else "13a"
        kinds: dict[str, Callable[[], Any]] = {
            "bleu": lambda: BLEU(tokenize=tokenize, force=True),
            "bleu_lowercase": lambda: BLEU(lowercase=True, tokenize=tokenize, force=True),
            "chrf": lambda: CHRF(),
            "chrf_lowercase": lambda: CHRF(lowercase=True),
        }
        self.metrics = {name: kinds[name]() for name in measures}
        parts = [
            np.array(metric._extract_corpus_statistics(hypotheses, [references]), dtype=float)
            for metric in self.metrics.values()
        ]
        ends = np.cumsum([part.shape[1] for part in parts]).tolist()
        self.columns = {
            name: slice(end - part.shape[1], end) for name, part, end in zip(self.metrics, parts, ends, strict=True)
        }
        self.rows: Numbers = np.hstack(parts)

    def value(self, measure: str, rows: Numbers) -> float:
        """The score of some rows together, as sacreBLEU computes it."""
        return round(float(self._summed(measure, rows).score), 2)

    def _summed(self, measure: str, rows: Numbers) -> Any:
        sums = rows[:, self.columns[measure]].sum(axis=0)
        return self.metrics[measure]._compute_score_from_stats([int(number) for number in sums])

    def sentence_scores(self) -> list[float]:
        """chrF of each sentence alone: BLEU of a single short sentence is mostly 0."""
        return [round(value, 1) for value in chrf(self.rows[:, self.columns["chrf"]]).tolist()]

    def measures(self, chosen: np.ndarray[Any, np.dtype[np.bool_]] | None = None, resamples: int = 0) -> dict[str, Any]:
        """The fields of Measures for all sentences, or those where `chosen` is True."""
        rows = self.rows if chosen is None else self.rows[chosen]
        values: dict[str, Any] = {name: self.value(name, rows) for name in MEASURES}
        intervals = {}
        if resamples:
            sums = resampled(rows, resamples)
            intervals = {name: _interval(self.drawn(name, sums), values[name]) for name in MEASURES}
        return {**values, "sentences": len(rows), "intervals": intervals}

    def drawn(self, measure: str, sums: Numbers) -> Numbers:
        """The score of each row of summed statistics."""
        formula = bleu if measure.startswith("bleu") else chrf
        return formula(sums[:, self.columns[measure]])

    def scores(self, resamples: int = 0) -> dict[str, Any]:
        """The fields of Scores for all sentences, without the groups."""
        whole = self._summed("bleu_lowercase", self.rows)
        return {
            **self.measures(resamples=resamples),
            "signature": str(self.metrics["bleu"].get_signature()),
            "signature_lowercase": str(self.metrics["bleu_lowercase"].get_signature()),
            "signature_chrf": str(self.metrics["chrf"].get_signature()),
            "precisions": [round(float(value), 2) for value in whole.precisions],
            "brevity_penalty": round(float(whole.bp), 4),
            "length_ratio": round(whole.sys_len / max(whole.ref_len, 1), 4),
        }

    def groups(self, values: Sequence[float], limits: Sequence[float], resamples: int) -> list[Group]:
        """The sentences cut at these limits of their values; groups without a sentence are left out."""
        numbers = np.array(values)
        groups = []
        for low, high in zip((-1.0, *limits), (*limits, None), strict=True):
            chosen = (numbers > low) & (numbers <= (math.inf if high is None else high))
            if chosen.any():
                groups.append(Group(low=max(low, 0), high=high, **self.measures(chosen, resamples)))
        return groups


def bleu(sums: Numbers) -> Numbers:
    """BLEU of each row of summed statistics: lengths of translation and reference, right n-grams, all n-grams.

    sums (R, 10). With sacreBLEU's exponential smoothing: the first n-gram length without a right one counts as half
    a right one, the next as a quarter, and so on.
    """
    scores = np.zeros(len(sums))
    usable = (sums[:, 6:10] > 0).all(axis=1) & sums[:, 2:6].any(axis=1)
    length, reference = sums[usable, 0], sums[usable, 1]
    right, total = sums[usable, 2:6], sums[usable, 6:10]
    right = np.where(right == 0, 0.5 ** np.cumsum(right == 0, axis=1), right)
    brevity = np.exp(np.minimum(0, 1 - reference / length))
    scores[usable] = 100 * brevity * np.exp(np.log(right / total).mean(axis=1))
    return scores


def chrf(sums: Numbers) -> Numbers:
    """chrF2 of each row of summed statistics (R, 18): for 1 to 6 characters those of translation, reference, both."""
    hypothesis, reference, both = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    counted = (hypothesis > 0) & (reference > 0)
    orders = np.maximum(counted.sum(axis=1), 1)
    precision = np.where(counted, both / np.maximum(hypothesis, 1), 0).sum(axis=1) / orders
    recall = np.where(counted, both / np.maximum(reference, 1), 0).sum(axis=1) / orders
    scores: Numbers = 100 * 5 * precision * recall / np.maximum(4 * precision + recall, 1e-16)
    return scores


def resampled(rows: Numbers, resamples: int) -> Numbers:
    """The summed statistics of that many draws of as many rows, with repetition; always the same draws."""
    generator = np.random.default_rng(SEED)
    at_once = max(1, 2_000_000 // len(rows))
    parts = []
    for done in range(0, resamples, at_once):
        count = min(at_once, resamples - done)
        draws = generator.integers(0, len(rows), (count, len(rows))) + np.arange(count)[:, None] * len(rows)
        times = np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)
        parts.append(times @ rows)
    return np.vstack(parts)


def _interval(drawn: Numbers, value: float) -> Interval:
    """The middle 95% of the draws, widened to hold the score itself, which may lie outside with very few sentences."""
    low, high = np.percentile(drawn, (2.5, 97.5)).round(2).tolist()
    return min(low, value), max(high, value)


def _chinese(sentences: Sequence[str]) -> bool:
    return sum(map(contains_chinese, sentences)) > len(sentences) / 2


# Scoring


def score(hypotheses: Sequence[str], references: Sequence[str]) -> Scores:
    """Corpus scores of hypotheses against one reference each, both as people write them, not tokenised.

    Chinese is cut into characters to count n-grams, everything else as sacreBLEU does by default; the signature says so.
    """
    return Scores(**Statistics(hypotheses, references).scores())


@dataclass(frozen=True)
class Compared:
    """How much better the second of two sets of translations is, in BLEU (lowercased), and between what in 95% of draws."""

    sentences: int
    difference: float
    interval: Interval

    @property
    def certain(self) -> bool:
        return self.interval[0] > 0 or self.interval[1] < 0


def compare(first: Sequence[str], second: Sequence[str], references: Sequence[str]) -> Compared:
    """Whether the second translations beat the first or chance does: both are scored on the same draws of sentences."""
    name = "bleu_lowercase"
    one, other = (Statistics(texts, references, measures=(name,)) for texts in (first, second))
    difference = round(other.value(name, other.rows) - one.value(name, one.rows), 2)
    drawn = other.drawn(name, resampled(other.rows, RESAMPLES)) - one.drawn(name, resampled(one.rows, RESAMPLES))
    return Compared(len(references), difference, _interval(drawn, difference))


@dataclass(frozen=True)
class Counted:
    """How BLEU counts one translation, case ignored: its words, and for 1 to 4 words in a row which ones are right."""

    words: list[str]
    right: list[list[bool]]  # [n - 1][i]: whether the n words from the i-th on stand in the reference
    brevity_penalty: float
    bleu: float


def counted(hypothesis: str, reference: str) -> Counted:
    """The counting that BLEU sums up over all sentences, for one of them.

    Words in a row are right as often as they stand in the reference: of `the the the` only as many as it has.
    """
    statistics = Statistics([hypothesis], [reference], measures=("bleu_lowercase",))
    metric = statistics.metrics["bleu_lowercase"]
    words, expected = (metric._preprocess_segment(text).split() for text in (hypothesis, reference))
    right = []
    for n in range(1, 5):
        left = Counter(tuple(expected[i : i + n]) for i in range(len(expected) - n + 1))
        row = []
        for i in range(len(words) - n + 1):
            gram = tuple(words[i : i + n])
            row.append(left[gram] > 0)
            left[gram] -= 1
        right.append(row)
    whole = statistics._summed("bleu_lowercase", statistics.rows)
    return Counted(words, right, round(float(whole.bp), 4), round(float(whole.score), 1))


def source_length(sentence: str) -> int:
    """Letters and digits of a Chinese sentence, words of any other: the same for every run, however it cuts words."""
    return sum(c.isalnum() for c in sentence) if contains_chinese(sentence) else len(sentence.split())


def length_unit(sources: Sequence[str]) -> str:
    return "characters" if _chinese(sources) else "words"


def grouped(statistics: Statistics, lengths: Sequence[float], unknown: Sequence[float], resamples: int) -> Scores:
    """All sentences, and the same by source length and by share of unknown words."""
    return Scores(
        **statistics.scores(resamples),
        by_length=statistics.groups(lengths, LENGTHS, resamples),
        by_unknown=statistics.groups(unknown, UNKNOWN_SHARES, resamples),
    )


def between(low: float, high: float | None) -> str:
    """`6–10`, or `41+` where there is no limit."""
    return f"{low:g}+" if high is None else f"{low:g}–{high:g}"


# What goes wrong, seen without a reader


def signs(hypotheses: Sequence[str], references: Sequence[str], unknown_source: float, unknown_target: float) -> Signs:
    """What shows in the translations as a whole; `unknown_*` are shares of words, 0 to 1."""
    written, expected = Counter(hypotheses), Counter(references)
    common, times = written.most_common(1)[0]
    filling = Counter(word for hypothesis in hypotheses if (word := _filling_word(hypothesis)))
    return Signs(
        common=common[:200],
        common_share=round(times / len(hypotheses), 4),
        reference_common_share=round(expected.most_common(1)[0][1] / len(references), 4),
        different=len(written),
        different_references=len(expected),
        repeating=filling.most_common(1)[0][0][:40] if filling else "",
        repeating_share=round(filling.total() / len(hypotheses), 4),
        unknown_source=round(unknown_source, 4),
        unknown_target=round(unknown_target, 4),
    )


def _filling_word(sentence: str) -> str:
    """The word that makes at least half of a sentence of four words or more, else nothing."""
    text = sentence.lower()
    words = [c for c in text if c.isalnum()] if contains_chinese(text) else text.split()
    if len(words) < 4:
        return ""
    word, times = Counter(words).most_common(1)[0]
    return word if 2 * times >= len(words) else ""


def findings(signs: Signs | None, sentences: int, epochs: Sequence[dict[str, Any]]) -> list[Problem]:
    """What is wrong with a run and what to do, the gravest first; nobody has to read its translations for it.

    epochs: the rows of `Run.epochs`.
    """
    found = []
    if signs is not None and sentences >= FEW:
        few = signs.different < 0.25 * signs.different_references
        if signs.common_share > max(0.1, 2 * signs.reference_common_share) or few:
            found.append(
                Problem(
                    f"Whatever it reads, it writes much the same: {signs.different:,} different translations of "
                    f"{sentences:,} sentences, {signs.common_share:.0%} of them “{signs.common}”. It has learnt which words are "
                    "frequent, not yet what the source says: train longer or on more pairs.",
                    f"不管读到什么，写出来的都差不多：{sentences:,} 个句子只有 {signs.different:,} 种译文，其中 {signs.common_share:.0%} "
                    f"是“{signs.common}”。它只学会了哪些词常用，还没学会看原文：请多训练几轮，或用更多句对。",
                )
            )
        if signs.repeating_share > 0.1:
            found.append(
                Problem(
                    f"{signs.repeating_share:.0%} of the translations are one word over and over, mostly “{signs.repeating}”. "
                    "The decoder goes round in circles: train longer, or with a preset that has attention.",
                    f"{signs.repeating_share:.0%} 的译文在反复写同一个词，最常见的是“{signs.repeating}”。"
                    "解码器在原地打转：请多训练几轮，或换带注意力的预设。",
                )
            )
        for share, side_en, side_zh in (
            (signs.unknown_source, "source words are unknown to it: it reads <unk> in their place", "原文词是未登录词，模型只读到 <unk>"),
            (signs.unknown_target, "words of the references are unknown to it: it can never write them", "参考译文的词是未登录词，模型永远写不出来"),
        ):  # fmt: skip
            if share > 0.1:
                found.append(
                    Problem(
                        f"{share:.0%} of the {side_en}. Use more training pairs, a larger max_size or a smaller min_freq.",
                        f"{share:.0%} 的{side_zh}。请用更多句对，或调大 max_size、调小 min_freq。",
                    )
                )
    if overfits(epochs) and (best := lowest_loss(epochs)) is not None:
        last = epochs[-1]
        found.append(
            Problem(
                f"It learns its sentences by heart: since epoch {best['epoch']} the training loss has fallen from "
                f"{best['train_loss']:.2f} to {last['train_loss']:.2f}, while the loss on unseen sentences has risen from "
                f"{best['valid_loss']:.2f} to {last['valid_loss']:.2f}. "
                "More pairs help most; else more dropout, a smaller model or fewer epochs.",
                f"它在死记硬背：从第 {best['epoch']} 轮起，训练损失从 {best['train_loss']:.2f} 降到 {last['train_loss']:.2f}，"
                f"没见过的句子的损失却从 {best['valid_loss']:.2f} 升到 {last['valid_loss']:.2f}。"
                "最有用的是更多句对，其次是调大 dropout、缩小模型或少训练几轮。",
            )
        )
    return found


def overfits(epochs: Sequence[dict[str, Any]]) -> bool:
    """True if the validation loss has risen by more than 1% since its best epoch while the training loss went on falling."""
    best = lowest_loss(epochs)
    if best is None:
        return False
    last = epochs[-1]
    return bool(last["valid_loss"] > 1.01 * best["valid_loss"] and last["train_loss"] < best["train_loss"])


# Reading scores.json


def _scores(kind: type[T], values: dict[str, Any]) -> T:
    parts: dict[str, Callable[[Any], Any]] = {
        "by_length": lambda rows: [read(Group, row) for row in rows],
        "by_unknown": lambda rows: [read(Group, row) for row in rows],
        "signs": lambda row: row and read(Signs, row),
        "beam": lambda row: row and _scores(Scores, row),
        "read_back": lambda row: row and _scores(Scores, row),
        "model_alone": lambda row: row and read(Measures, row),
    }
    return read(kind, {key: parts[key](value) if key in parts else value for key, value in values.items()})


def read(kind: type[T], values: dict[str, Any]) -> T:
    """A dataclass from a JSON object; unknown keys are a later version's, missing ones an older one's.

    Raises TypeError or ValueError where a value is of another type or one without a default is missing.
    """
    named = fields(kind)  # type: ignore[arg-type]
    known = {item.name: values[item.name] for item in named if item.name in values}
    for item in named:
        if item.name in known and not _fits(known[item.name], item.type):
            raise ValueError(f"{item.name} is {known[item.name]!r}")
    if "intervals" in known:
        known["intervals"] = {str(name): (float(low), float(high)) for name, (low, high) in known["intervals"].items()}
    if "precisions" in known:
        known["precisions"] = [float(value) for value in known["precisions"]]
    whole: T = kind(**known)
    return whole


def _fits(value: Any, kind: Any) -> bool:
    if kind is float or kind == float | None:
        kind |= int
    return not isinstance(kind, (type, UnionType)) or isinstance(value, kind)
