"""What a run trains on: its sentence pairs, the tokenizers and vocabularies learnt from the training side, and ids."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core import corpus as corpora
from core.batches import EncodedPairs, encode_pairs
from core.config import FILES, TrainConfig
from core.corpus import Pair, ParallelCorpus, Split
from core.evaluation import Report
from core.problems import Problem
from core.runs import Run
from core.text import PieceTokenizer, Tokenizer, tokenizer
from core.vocab import Vocab


def load_corpus(run: Run) -> ParallelCorpus:
    """The run's sentence pairs: a named corpus, or the person's own from its folder."""
    config = run.config
    if config.corpus != FILES:
        return normalized(corpora.load(config.corpus), config)
    path = run.folder / "pairs.tsv"
    try:
        pairs = corpora.from_tsv(path.read_bytes(), path.name)
    except OSError as error:
        raise Problem(
            f"pairs.tsv of run {run.name!r} is missing. Start a new run from your files.",
            f"运行 {run.name!r} 缺少 pairs.tsv。请用你的文件重新开始一个运行。",
        ) from error
    return normalized(own_corpus(pairs), config)


def own_corpus(pairs: list[Pair]) -> ParallelCorpus:
    return ParallelCorpus(FILES, pairs, "Sentence pairs from the person's own files.")


def normalized(loaded: ParallelCorpus, config: TrainConfig) -> ParallelCorpus:
    """The same pairs, each spelt as the run's tokenizers see it, so that what reads the same is the same."""
    source, target = tokenizer(config.source_tokenizer), tokenizer(config.target_tokenizer)
    normal = ((source.normalize(a), target.normalize(b)) for a, b in loaded.pairs)
    return replace(loaded, pairs=list(dict.fromkeys(pair for pair in normal if all(pair))))


@dataclass(frozen=True)
class Material:
    """A run's sentences as the model reads them."""

    split: Split
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    source_vocab: Vocab
    target_vocab: Vocab
    kept: list[Pair]  # the training pairs that are short enough, in the order of `train`
    train: EncodedPairs
    valid: EncodedPairs
    attribution: str

    def epoch_pairs(self, config: TrainConfig, epoch: int) -> EncodedPairs:
        """The training pairs as that epoch (from 0) sees them: with piece sampling, each sentence cut anew.

        A sentence met in many cuts is harder to learn by heart, and its pieces become known in more company (Kudo,
        2018). Hangs on the seed and the epoch alone, so a resumed run sees the same.
        """
        if not config.piece_sampling:
            return self.train
        sides = []
        for side, (cut, vocab) in enumerate(
            ((self.source_tokenizer, self.source_vocab), (self.target_tokenizer, self.target_vocab))
        ):
            texts = [pair[side] for pair in self.kept]
            if isinstance(cut, PieceTokenizer):
                seed = (config.seed * 1009 + epoch) * 2 + side
                tokens = cut.sample(texts, config.piece_sampling, seed)
            else:
                tokens = [cut.tokenize(text) for text in texts]
            sides.append([vocab.encode(sentence) for sentence in tokens])
        return encode_pairs(list(zip(*sides, strict=True)))


def prepare(loaded: ParallelCorpus, config: TrainConfig, report: Report = lambda _: None) -> Material:
    """Split, tokenise, build the vocabularies from the training side alone, and turn words into ids.

    loaded: as `load_corpus` or `normalized` gives it; report is told the share that is done, 0 to 1. Raises Problem
    where there are too few sentences.
    """
    split = loaded.split(config.split_seed)
    if config.pairs:
        split = replace(split, train=split.train[: config.pairs])

    def tokenizer_of(side: int) -> Tokenizer:
        name = (config.source_tokenizer, config.target_tokenizer)[side]
        if name == PieceTokenizer.name:
            return PieceTokenizer.learn((pair[side] for pair in split.train), config.max_size)
        return tokenizer(name)

    source, target = tokenizer_of(0), tokenizer_of(1)

    def cut(pairs: Sequence[Pair]) -> list[tuple[list[str], list[str]]]:
        tokens = []
        for number, (a, b) in enumerate(pairs):
            if number % 500 == 0:
                report(number / len(pairs))
            tokens.append((source.tokenize(a), target.tokenize(b)))
        return tokens

    short = [
        (pair, tokens)
        for pair, tokens in zip(split.train, cut(split.train), strict=True)
        if all(0 < len(side) <= config.max_length for side in tokens)
    ]
    train, valid = [tokens for _, tokens in short], [tokens for tokens in cut(split.valid) if all(tokens)]
    if not train or not valid:
        raise Problem(
            f"No training pair has at most {config.max_length} tokens on both sides. Raise max_length.",
            f"没有一个训练句对的两边都不超过 {config.max_length} 个词。请调大 max_length。",
        )

    def vocab_of(side: int, cut: Tokenizer) -> Vocab:
        sentences = (tokens[side] for tokens in train)
        if isinstance(cut, PieceTokenizer):
            return Vocab.of_pieces(cut.pieces, sentences)
        return Vocab.build(sentences, config.max_size, config.min_freq)

    source_vocab, target_vocab = vocab_of(0, source), vocab_of(1, target)

    def encode(pairs: list[tuple[list[str], list[str]]]) -> EncodedPairs:
        return encode_pairs([(source_vocab.encode(a), target_vocab.encode(b)) for a, b in pairs])

    return Material(
        split=split,
        source_tokenizer=source,
        target_tokenizer=target,
        source_vocab=source_vocab,
        target_vocab=target_vocab,
        kept=[pair for pair, _ in short],
        train=encode(train),
        valid=encode(valid),
        attribution=loaded.attribution,
    )
