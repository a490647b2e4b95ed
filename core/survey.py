"""What stands in a corpus: how long its sentences are, what a vocabulary would cover, which pairs look wrong.

The words are counted once. After that every question on `min_freq` and `max_size` is a look into sorted lists: a
vocabulary keeps the most frequent words, so a sentence has an unknown word exactly if its rarest word is not kept.
"""

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.corpus import Pair, Split, in_rows
from core.progress import Bar, Report, counted
from core.split import hashes, sameness_key, split_rows
from core.text import contains_chinese, tokenizer
from core.vocab import SPECIALS

# How each language is cut; what is neither goes by characters.
LANGUAGES = {"chinese": "jieba", "english": "spacy", "other": "characters"}
SAMPLE = 100_000  # pairs at most that are cut and counted; more would take minutes and show the same
EXAMPLES = 400  # unseen sentences that are kept with their words
GUESSED_FROM = 500  # sentences
# A pair is suspicious where one side is so many times longer than is usual beside the other.
LONGER = 2.0
SHORT = 12  # characters; between sentences as short as this, as `再见！` and `Bye!`, a ratio means nothing

# Little words that hardly any English sentence is without; other languages in Latin letters have few of them.
_ENGLISH = frozenset(
    re.findall(
        r"\S+",
        "the a an i you he she it we they is are was were to of in on for and not do does don't my your this that what",
    )
)


# Cutting, once


@dataclass(frozen=True)
class Cut:
    """Pairs as the tokenizers spell and cut them. `words` are ids into `tokens`, a tuple a sentence."""

    pairs: list[Pair]
    languages: tuple[str, str]
    tokens: tuple[list[str], list[str]]
    words: tuple[list[tuple[int, ...]], list[tuple[int, ...]]]  # of the first len(words[0]) pairs
    order: list[int]  # of each pair that is cut: its place in training, -1 for one that is held out
    training: int
    validation: int
    test: int
    suspicious: dict[str, list[int]]
    several: int  # source sentences with more than one translation


def cut(
    pairs: Iterable[Pair],
    languages: tuple[str, str] = ("chinese", "english"),
    split_seed: int = 1,
    progress: Report = lambda share: None,
) -> Cut:
    """Split as training does, and cut into words; `progress` is told the share that is done, 0 to 1.

    Of more than 100,000 pairs a fair sample is cut. Raises Problem where there are too few pairs to split.
    """
    tokenizers = [tokenizer(LANGUAGES[language]) for language in languages]
    given = list(pairs)
    bar = Bar(lambda share, _: progress(share))
    # About as long as each takes: spelling and looking for what is wrong go through all, cutting through a sample.
    looking, cutting = len(given) / 2, 3 * min(len(given), SAMPLE)
    normal: dict[Pair, None] = {}
    for a, b in counted(given, bar.stage("spelling", 2 * looking, 3 * looking + cutting)):
        pair = tokenizers[0].normalize(a), tokenizers[1].normalize(b)
        if all(pair):
            normal[pair] = None
    spelt = list(normal)
    hashed = hashes(counted(spelt, bar.stage("splitting", looking, 2 * looking + cutting)), split_seed)
    rows = split_rows(spelt, split_seed, hashed)
    split = Split(*(in_rows(spelt, side) for side in (rows.train, rows.valid, rows.test)))
    place = {pair: i for i, pair in enumerate(split.train)}
    # The sample first, held-out pairs among it in their share.
    unseen = [*split.test, *split.valid]
    share = min(1.0, SAMPLE / len(normal))
    cuts = math.ceil(len(unseen) * share), math.ceil(len(split.train) * share)
    sample = [*unseen[: cuts[0]], *split.train[: cuts[1]]]
    rest = [*unseen[cuts[0] :], *split.train[cuts[1] :]]
    ids: tuple[dict[str, int], dict[str, int]] = ({}, {})
    words: tuple[list[tuple[int, ...]], list[tuple[int, ...]]] = ([], [])
    for pair in counted(sample, bar.stage("cutting", cutting, 2 * looking)):
        for side in (0, 1):
            known = ids[side]
            words[side].append(
                tuple(known.setdefault(word, len(known)) for word in tokenizers[side].tokenize(pair[side]))
            )
    ordered = sample + rest
    partners: dict[str, set[str]] = {}
    for a, b in counted(ordered, bar.stage("grouping", looking, looking)):
        partners.setdefault(sameness_key(a), set()).add(sameness_key(b))
    return Cut(
        pairs=ordered,
        languages=languages,
        tokens=(list(ids[0]), list(ids[1])),
        words=words,
        order=[place.get(pair, -1) for pair in sample],
        training=len(split.train),
        validation=len(split.valid),
        test=len(split.test),
        suspicious=suspicious(ordered, languages, bar.stage("looking")),
        several=sum(len(others) > 1 for others in partners.values()),
    )


# Counting, for a number of training pairs


@dataclass(frozen=True)
class Example:
    """An unseen sentence's words with each word's place by frequency among the training words, 0 the most frequent."""

    words: list[str]
    places: list[int]


@dataclass(frozen=True)
class Side:
    """One side's words. `words` and `counts` come from the training sentences alone, the most frequent first.

    The other lists hold places in `words`, ascending; len(words) stands for a word that training never sees.
    """

    language: str
    words: list[str]
    counts: list[int]
    lengths: list[int]  # in words, of all sentences that are cut
    unseen_places: list[int]  # of all words of unseen sentences
    unseen_rarest: list[int]  # of each unseen sentence's rarest word
    training_rarest: list[int]  # the same of the training sentences
    examples: list[Example]

    def kept(self, min_freq: int, max_size: int) -> int:
        """How many words a vocabulary with these limits has, without the special tokens: as `Vocab.build`."""
        frequent = bisect_left(self.counts, 1 - min_freq, key=lambda count: -count)
        return min(frequent, max(0, max_size - len(SPECIALS)))

    def known_words(self, kept: int) -> float:
        """The share of the words in unseen sentences that a vocabulary of so many words knows."""
        return _share_below(self.unseen_places, kept)

    def whole_sentences(self, kept: int) -> float:
        """The share of unseen sentences without an unknown word."""
        return _share_below(self.unseen_rarest, kept)

    def whole_training_sentences(self, kept: int) -> float:
        return _share_below(self.training_rarest, kept)


def _share_below(places: Sequence[int], kept: int) -> float:
    return bisect_left(places, kept) / len(places) if places else 1.0


def count(text: Cut, training_pairs: int = 0, max_length: int = 60) -> tuple[Side, Side]:
    """Source and target as a run sees them that trains on the first so many pairs (0: all) of at most max_length words."""
    lengths = [(len(a), len(b)) for a, b in zip(*text.words, strict=True)]
    trains = [
        place >= 0 and (not training_pairs or place < training_pairs) and min(both) > 0 and max(both) <= max_length
        for place, both in zip(text.order, lengths, strict=True)
    ]
    unseen = [place < 0 for place in text.order]
    source, target = (
        _side(text.languages[side], text.tokens[side], text.words[side], trains, unseen) for side in (0, 1)
    )
    return source, target


def _side(
    language: str, tokens: list[str], sentences: list[tuple[int, ...]], trains: list[bool], unseen: list[bool]
) -> Side:
    frequencies: Counter[int] = Counter()
    for words, in_training in zip(sentences, trains, strict=True):
        if in_training:
            frequencies.update(words)
    ordered = [(tokens[word], n, word) for word, n in frequencies.items() if tokens[word] not in SPECIALS]
    ordered.sort(key=lambda item: (-item[1], item[0]))
    never = len(ordered)
    place = [never] * len(tokens)
    for i, (_, _, word) in enumerate(ordered):
        place[word] = i
    unseen_places: list[int] = []
    unseen_rarest: list[int] = []
    training_rarest: list[int] = []
    examples: list[Example] = []
    for words, in_training, out in zip(sentences, trains, unseen, strict=True):
        if in_training:
            training_rarest.append(max(place[word] for word in words))
        elif out and words:
            places = [place[word] for word in words]
            unseen_places += places
            unseen_rarest.append(max(places))
            if len(examples) < EXAMPLES:
                examples.append(Example([tokens[word] for word in words], places))
    return Side(
        language=language,
        words=[word for word, _, _ in ordered],
        counts=[n for _, n, _ in ordered],
        lengths=[len(words) for words in sentences],
        unseen_places=sorted(unseen_places),
        unseen_rarest=sorted(unseen_rarest),
        training_rarest=sorted(training_rarest),
        examples=examples,
    )


def curve(side: Side, points: int = 60) -> list[tuple[int, float, float]]:
    """(words kept, share of unseen words known, share of unseen sentences whole) for vocabularies of all sizes."""
    largest = max(len(side.words), 1)
    sizes = sorted({round(largest ** (i / points)) for i in range(points + 1)})
    return [(size, side.known_words(size), side.whole_sentences(size)) for size in sizes]


SAME, LANGUAGE, RATIO = "same", "language", "ratio"


# What looks wrong


def guess_language(sentences: Sequence[str]) -> str:
    """`chinese`, `english` or `other`, from the first few hundred sentences."""
    some = [sentence for sentence in sentences[:GUESSED_FROM] if any(map(str.isalpha, sentence))]
    if not some:
        return "other"
    kana = sum(any("\u3040" <= character <= "\u30ff" for character in sentence) for sentence in some)
    if sum(map(contains_chinese, some)) > len(some) / 2:
        return "chinese" if kana < len(some) / 10 else "other"
    english = sum(bool(_ENGLISH & set(sentence.lower().replace("’", "'").split())) for sentence in some)
    return "english" if english > len(some) / 3 else "other"


def fits(sentence: str, language: str) -> bool:
    """False where a sentence cannot be in that language: no Chinese in a Chinese one, foreign letters in an English one."""
    letters = [character for character in sentence if character.isalpha()]
    if language == "chinese":
        return not letters or contains_chinese(sentence)
    if language == "english":
        return not letters or sum(letter < "\u0250" for letter in letters) > 0.9 * len(letters)
    return True


def suspicious(
    pairs: Sequence[Pair], languages: tuple[str, str], report: Report = lambda share: None
) -> dict[str, list[int]]:
    """Places of the pairs that look wrong, by why: the SAME text twice, another LANGUAGE, lengths out of RATIO."""
    found: dict[str, list[int]] = {SAME: [], LANGUAGE: [], RATIO: []}
    ratios = [math.log((len(a) + SHORT / 2) / (len(b) + SHORT / 2)) for a, b in pairs]
    usual = sorted(ratios)[len(ratios) // 2] if ratios else 0.0
    for i, (pair, ratio) in enumerate(zip(counted(pairs, report), ratios, strict=True)):
        if sameness_key(pair[0]) == sameness_key(pair[1]) and any(map(str.isalpha, pair[0])):
            found[SAME].append(i)
        elif not all(fits(text, language) for text, language in zip(pair, languages, strict=True)):
            found[LANGUAGE].append(i)
        elif abs(ratio - usual) > math.log(LONGER) and max(map(len, pair)) > SHORT:
            found[RATIO].append(i)
    return found


def without(pairs: Sequence[Pair], left_out: Sequence[int]) -> list[Pair]:
    """The pairs without those at the given places."""
    gone = set(left_out)
    return [pair for i, pair in enumerate(pairs) if i not in gone]
