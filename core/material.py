"""What a run trains on: its sentence pairs, the tokenizers and vocabularies learnt from the training side, and ids.

All that takes long hangs on the sentences and the tokenizers alone and is kept (core/cache.py): the normalised
sentences in one Arrow file, the sentences cut into words in another. A run's vocabularies are a table on top.
"""

import base64
import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa

from core import cache
from core import corpus as corpora
from core.batches import EncodedPairs
from core.config import FILES, TrainConfig
from core.corpus import Pair, ParallelCorpus, Split, in_rows
from core.cutting import BLOCK, Cut, GrowingTokens, cores, cut_block, in_blocks, normalize_block
from core.encoded import Growing, GrowingRows, Ragged, Stored, StoredPairs, portions
from core.problems import Problem
from core.progress import Bar, Report, by_the_clock
from core.runs import Run
from core.split import Hashes
from core.text import PieceTokenizer, Tokenizer, tokenizer
from core.vocab import EOS, Vocab

MIN_KEPT = 1000  # pairs; fewer are made anew quicker than a file is worth
TOLD_EVERY = 500  # pairs between two reports of progress
MAX_LEARNT = 200_000  # sentences that pieces are learnt from
SAMPLED_AT_ONCE = 2**16

# The stages that a bar tells of.
READING, LEARNING, CUTTING = "reading", "learning", "cutting"

# What the files kept hang on beside the sentences and our own code.
_PACKAGES = ("opencc", "jieba", "spacy", "sentencepiece")


# Sentence pairs


def load_corpus(run: Run, processes: int = 1, bar: Bar | None = None) -> ParallelCorpus:
    """The run's sentence pairs: a named corpus, or the person's own from its folder.

    processes: how many may normalise a large corpus together. bar: is told how far it is, and `prepare` goes on with
    it. Raises Problem where the pairs cannot be read.
    """
    config = run.config
    if config.corpus != FILES:
        return named_corpus(config, bar)
    path = run.folder / "pairs.tsv"
    try:
        name = _kept_as("pairs", config, path)
        processes = cores(path.stat().st_size // 80, processes)
        return _kept_corpus(name, lambda _: (corpora.LinePairs(path), OWN), config, processes, bar, [path])
    except OSError as error:
        raise Problem(
            f"pairs.tsv of run {run.name!r} is missing. Start a new run from your files.",
            f"运行 {run.name!r} 缺少 pairs.tsv。请用你的文件重新开始一个运行。",
        ) from error


def named_corpus(config: TrainConfig, bar: Bar | None = None) -> ParallelCorpus:
    """The corpus that the config names, `normalized`. Raises Problem where it is unknown or its package is missing."""
    files = corpora.files_of(config.corpus)
    name = _kept_as("pairs", config, config.corpus, *files)

    def load(report: Report) -> tuple[Iterable[Pair], str]:
        loaded = corpora.load(config.corpus, report)
        return loaded.pairs, loaded.attribution

    return _kept_corpus(name, load, config, 1, bar, files)


OWN = "Sentence pairs from the person's own files."


def own_corpus(pairs: Sequence[Pair]) -> ParallelCorpus:
    return ParallelCorpus(FILES, pairs, OWN)


def normalized(
    loaded: ParallelCorpus, config: TrainConfig, processes: int = 1, bar: Bar | None = None
) -> ParallelCorpus:
    """The same pairs, each spelt as the run's tokenizers see it, so that what reads the same is the same; once each
    and without empty sides."""
    times = Times.expected(config, len(loaded.pairs), processes)
    report = (bar or Bar()).stage(READING, times.reading, times.learning + times.cutting)
    return _read(Stored(_normalized(loaded.pairs, loaded.attribution, config, processes, report)), loaded.name)


def _kept_corpus(
    name: str,
    load: Callable[[Report], tuple[Iterable[Pair], str]],
    config: TrainConfig,
    processes: int,
    bar: Bar | None,
    files: Sequence[Path],
) -> ParallelCorpus:
    """The pairs that `load` gives from these files, with their attribution, `normalized` and kept under this name."""
    stored = cache.known(name)
    if stored is None:
        times = Times.expected(config, sum(file.stat().st_size for file in files) // BYTES, processes)
        bar, later = bar or Bar(), times.learning + times.cutting
        pairs, attribution = load(bar.stage(READING, times.reading / 2, times.reading / 2 + later))
        report = bar.stage(READING, times.reading, later)
        batch = _normalized(pairs, attribution, config, processes, report)
        stored = cache.keep(name, batch) if batch.num_rows >= MIN_KEPT else Stored(batch)
    return _read(stored, config.corpus)


def _normalized(
    pairs: Iterable[Pair], attribution: str, config: TrainConfig, processes: int, report: Report = lambda share: None
) -> pa.RecordBatch:
    """`normalized`, as columns: the pairs, their hashes, and whether a pair is the first that reads so."""
    cuts = Cut(config.source_tokenizer), Cut(config.target_tokenizer)
    sides = GrowingRows(np.uint8), GrowingRows(np.uint8)
    hashed = [Growing(np.uint64) for _ in Hashes._fields]
    work = functools.partial(normalize_block, cuts=cuts, seed=config.split_seed)
    size = BLOCK if processes > 1 else TOLD_EVERY
    for number, (*texts, numbers) in enumerate(in_blocks(work, _blocks(pairs, size), processes), 1):
        report(number * size / len(pairs) if isinstance(pairs, Sequence) else getattr(pairs, "share", 0.0))
        for side, text in zip(sides, texts, strict=True):
            side.append(text.text, text.lengths)
        for column, values in zip(hashed, numbers, strict=True):
            column.append(values)
    columns = {name: column.array() for name, column in zip(Hashes._fields, hashed, strict=True)}
    first = np.zeros(len(columns["order"]), bool)
    first[np.unique(columns["order"], return_index=True)[1]] = True
    return pa.record_batch(
        {
            "source": sides[0].texts(),
            "target": sides[1].texts(),
            **{f"{name}_hash": pa.array(values) for name, values in columns.items()},
            "first": pa.array(first),
        },
        metadata={"split_seed": str(config.split_seed), "attribution": attribution},
    )


def _blocks(pairs: Iterable[Pair], size: int) -> Iterator[list[Pair]]:
    rest = iter(pairs)
    while block := list(itertools.islice(rest, size)):
        yield block


def _read(stored: Stored, name: str) -> ParallelCorpus:
    first = stored.batch.column("first")
    rows = None
    if first.true_count < len(first):
        rows = np.flatnonzero(first.to_numpy(zero_copy_only=False)).astype(np.uint32)
    return ParallelCorpus(name, StoredPairs(stored, rows), stored.notes["attribution"].decode())


def _kept_as(what: str, config: TrainConfig, *parts: object) -> str:
    """The name under which something made from sentences is kept."""
    versions = [f"{package} {version(package)}" for package in _PACKAGES]
    settings = config.source_tokenizer, config.target_tokenizer, config.split_seed
    return cache.fingerprint(what, *versions, *settings, *parts)


# How long the stages are likely to take


BYTES = 80  # of a pair in a file


@dataclass(frozen=True)
class Times:
    """Seconds that a run's stages take on one core of an ordinary machine: how they share a bar, no promise."""

    reading: float
    learning: float
    cutting: float

    @property
    def together(self) -> float:
        return self.reading + self.learning + self.cutting

    @classmethod
    def expected(cls, config: TrainConfig, pairs: int, processes: int = 1) -> "Times":
        """Of that many pairs in the corpus."""
        train = min(config.pairs or pairs, pairs)
        pieces = _names(config).count(PieceTokenizer.name)
        return cls(
            reading=40e-6 * max(pairs, 1) / processes,
            learning=pieces * learning_seconds(10 * min(train, MAX_LEARNT)),
            cutting=(12e-6 * pieces + 50e-6 * (2 - pieces)) * (train + 1) / processes,
        )


def learning_seconds(characters: int) -> float:
    """For the pieces of a text with so many characters in all its different words; Chinese has no blanks, so that a
    word is a sentence."""
    return float(1.3e-8 * max(characters, 1000) ** 1.5)


# What the model reads


@dataclass(frozen=True)
class Material:
    """A run's sentences as the model reads them."""

    split: Split
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    source_vocab: Vocab
    target_vocab: Vocab
    kept: Sequence[Pair]  # the training pairs that are short enough, in the order of `train`
    train: EncodedPairs
    valid: EncodedPairs
    attribution: str
    added: Sequence[Pair] = ()  # learnt beside `kept`, of the same lengths at most

    @property
    def learnt(self) -> int:
        """Pairs an epoch."""
        return len(self.train) + len(self.added)

    def epoch_pairs(self, config: TrainConfig, epoch: int) -> EncodedPairs:
        """The training pairs as that epoch (from 0) sees them, those added among them: with piece sampling, each
        sentence cut anew.

        A sentence met in many cuts is harder to learn by heart, and its pieces become known in more company (Kudo,
        2018). Hangs on the seed and the epoch alone, so a resumed run sees the same.
        """
        if not config.piece_sampling and not self.added:
            return self.train
        pairs = [*self.kept, *self.added] if self.added else self.kept
        sides = []
        for side, (cut, vocab) in enumerate(
            ((self.source_tokenizer, self.source_vocab), (self.target_tokenizer, self.target_vocab))
        ):
            rows = GrowingRows(np.int32)
            for part in portions(len(pairs), SAMPLED_AT_ONCE):
                texts = [pair[side] for pair in pairs[part]]
                if isinstance(cut, PieceTokenizer) and config.piece_sampling:
                    seed = (config.seed * 1009 + epoch) * 2 + side + 2_000_003 * part.start
                    tokens = cut.sample(texts, config.piece_sampling, seed)
                else:
                    tokens = [cut.tokenize(text) for text in texts]
                ids = [vocab.encode(sentence) for sentence in tokens]
                rows.append(np.array([i for row in ids for i in row]), np.array([len(row) for row in ids]))
            sides.append(rows.ragged(None if side else EOS))
        return EncodedPairs(*sides)


def prepare(
    loaded: ParallelCorpus,
    config: TrainConfig,
    processes: int = 1,
    bar: Bar | None = None,
    added: Sequence[Pair] = (),
) -> Material:
    """Split, tokenise, build the vocabularies from the training side alone, and turn words into ids.

    loaded: as `load_corpus` or `normalized` gives it; processes: how many may cut a large corpus together; bar: is told
    how far it is; added: pairs to learn beside the training side, of which `fit_to_learn` keeps what may be learnt.
    Raises Problem where there are too few sentences.
    """
    split = everything = loaded.split(config.split_seed)
    if config.pairs:
        split = replace(split, train=split.train[: config.pairs])
    stored, train_rows = _cut(loaded, everything, split, config, bar or Bar(), processes)
    notes = [json.loads(stored.notes[side]) for side in SIDES]
    cuts = [_tokenizer(stored, side, name) for side, name in zip(SIDES, _names(config), strict=True)]
    sides = [stored.ragged(side) for side in SIDES]
    valid_begin = int(stored.notes["train_rows"])
    valid_rows = np.flatnonzero(_all_within(sides, valid_begin, valid_begin + len(split.valid), 10**9))
    short = np.flatnonzero(_all_within(sides, 0, train_rows, config.max_length))
    if not len(short) or not len(valid_rows):
        raise Problem(
            f"No training pair has at most {config.max_length} tokens on both sides. Raise max_length.",
            f"没有一个训练句对的两边都不超过 {config.max_length} 个词。请调大 max_length。",
        )
    train = [side.part(0, train_rows) for side in sides]
    valid = [side.part(valid_begin, valid_begin + len(split.valid)) for side in sides]
    kept = split.train
    if len(short) < train_rows:
        train = [replace(side, rows=short.astype(np.uint32)) for side in train]
        kept = in_rows(split.train, short)
    if len(valid_rows) < len(split.valid):
        valid = [replace(side, rows=valid_rows) for side in valid]
    vocabs = []
    for words, cut, side in zip(notes, cuts, train, strict=True):
        counts = {word: n for word, n in zip(words, side.counts().tolist(), strict=False) if n}
        if isinstance(cut, PieceTokenizer):
            vocabs.append(Vocab.of_pieces(cut.pieces, counts))
        else:
            vocabs.append(Vocab.of_counts(counts, config.max_size, config.min_freq))

    tables = [
        np.array([vocab.id(word) for word in words], np.int32) for words, vocab in zip(notes, vocabs, strict=True)
    ]

    def encoded(source: Ragged, target: Ragged) -> EncodedPairs:
        return EncodedPairs(replace(source, table=tables[0], ending=EOS), replace(target, table=tables[1]))

    spelt = normalized(ParallelCorpus("added", added, ""), config).pairs if added else ()
    return Material(
        split=split,
        source_tokenizer=cuts[0],
        target_tokenizer=cuts[1],
        source_vocab=vocabs[0],
        target_vocab=vocabs[1],
        kept=kept,
        train=encoded(*train),
        valid=encoded(*valid),
        attribution=loaded.attribution,
        added=fit_to_learn(spelt, kept, (*split.valid, *split.test), cuts, config.max_length) if added else (),
    )


def fit_to_learn(
    added: Iterable[Pair], learnt: Iterable[Pair], held_out: Sequence[Pair], cuts: Sequence[Tokenizer], longest: int
) -> list[Pair]:
    """Those of the added pairs that a run may learn, each once: none that it learns already, none with a sentence that
    is held out, none with more than `longest` tokens on a side."""
    known = set(learnt)
    held = [{pair[side] for pair in held_out} for side in (0, 1)]
    return [
        pair
        for pair in dict.fromkeys(added)
        if pair not in known
        and not any(text in sentences for text, sentences in zip(pair, held, strict=True))
        and all(0 < len(cut.tokenize(text)) <= longest for text, cut in zip(pair, cuts, strict=True))
    ]


SIDES = ("source", "target")


def _names(config: TrainConfig) -> tuple[str, str]:
    return config.source_tokenizer, config.target_tokenizer


def _tokenizer(stored: Stored, side: str, name: str) -> Tokenizer:
    model = stored.notes.get(f"{side}_pieces", b"")
    return PieceTokenizer(base64.b64decode(model)) if model else tokenizer(name)


def _all_within(sides: Sequence[Ragged], start: int, stop: int, longest: int) -> np.ndarray:
    """For each of these rows: whether both sides have 1 to `longest` tokens."""
    parts = []
    for part in portions(stop - start, SAMPLED_AT_ONCE):
        lengths = [side.lengths(slice(start + part.start, start + part.stop)) for side in sides]
        parts.append(np.logical_and.reduce([(length > 0) & (length <= longest) for length in lengths]))
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def _cut(
    loaded: ParallelCorpus, everything: Split, split: Split, config: TrainConfig, bar: Bar, processes: int
) -> tuple[Stored, int]:
    """Training, then validation pairs as tokens, from what is kept where they are; and how many rows train.

    Words stand as numbers of the file's own list, whatever vocabulary a run makes of them. Where the whole corpus is
    kept, its first rows serve a run with fewer pairs.
    """
    pieces = [name == PieceTokenizer.name for name in _names(config)]
    sentences = _content(loaded)

    def name(pairs: int) -> str:
        return _kept_as("tokens", config, sentences, pairs, config.max_size if any(pieces) else "")

    stored = cache.known(name(0)) if not any(pieces) or not config.pairs else None
    stored = stored or cache.known(name(config.pairs))
    if stored is None or not _sound(stored):
        batch = _tokens(split, config, bar, processes)
        enough = batch.num_rows >= MIN_KEPT
        stored = (
            cache.keep(name(config.pairs if len(split.train) < len(everything.train) else 0), batch)
            if enough
            else Stored(batch)
        )
    return stored, len(split.train)


def _content(loaded: ParallelCorpus) -> object:
    """What stands for the corpus's sentences in a name."""
    if isinstance(loaded.pairs, StoredPairs) and loaded.pairs.stored.path is not None:
        return loaded.pairs.stored.path.stem
    digest = hashlib.blake2b(digest_size=16)
    for source, target in loaded.pairs:
        digest.update(f"{source}\t{target}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _sound(stored: Stored) -> bool:
    """False for a file whose numbers name no word: damaged, although it can be opened."""
    try:
        return int(stored.notes["train_rows"]) <= stored.batch.num_rows and all(
            not len(values := stored.ragged(side).values)
            or 0 <= values.min() <= values.max() < len(json.loads(stored.notes[side]))
            for side in SIDES
        )
    except (KeyError, ValueError):
        return False


def _tokens(split: Split, config: TrainConfig, bar: Bar, processes: int) -> pa.RecordBatch:
    notes = {"train_rows": str(len(split.train))}
    total = len(split.train) + len(split.valid)
    processes = cores(total, processes)
    cutting = Times.expected(config, total, processes).cutting
    cuts = [Cut(name) for name in _names(config)]
    texts = {
        side: [pair[side] for pair in itertools.islice(split.train, MAX_LEARNT)]
        for side, cut in enumerate(cuts)
        if cut.name == PieceTokenizer.name
    }
    seconds = {
        side: learning_seconds(sum(map(len, {word for sentence in sentences for word in sentence.split()})))
        for side, sentences in texts.items()
    }
    for side, sentences in texts.items():
        later = sum(other for number, other in seconds.items() if number > side) + cutting
        learn = functools.partial(PieceTokenizer.learn, sentences, config.max_size)
        learnt = by_the_clock(learn, seconds[side], bar.stage(LEARNING, seconds[side], later))
        notes[f"{SIDES[side]}_pieces"] = base64.b64encode(learnt.model).decode()
        cuts[side] = Cut.of(learnt)
    report = bar.stage(CUTTING)
    size = BLOCK if processes > 1 else TOLD_EVERY
    blocks = (pairs[part] for pairs in (split.train, split.valid) for part in portions(len(pairs), size))
    sides = GrowingTokens(), GrowingTokens()
    done = 0
    for block in in_blocks(functools.partial(cut_block, cuts=(cuts[0], cuts[1])), blocks, processes):
        for growing, tokens in zip(sides, block, strict=True):
            growing.append(tokens)
        done += len(block[0].lengths)
        report(done / total)
    notes.update({name: json.dumps(growing.words) for name, growing in zip(SIDES, sides, strict=True)})
    return pa.record_batch({name: growing.lists() for name, growing in zip(SIDES, sides, strict=True)}, metadata=notes)
