"""A run's tokenizers, vocabularies and model behind one call."""

import sys
from collections.abc import Sequence
from dataclasses import replace

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from core.arithmetic import Operation, arithmetic
from core.batches import batch_rows, encode_pairs, make_batch, source_ids
from core.beam import BeamTrace, beam_batch, beam_trace
from core.config import Architecture
from core.decode import (
    COPIED,
    GAP,
    LOOKED_UP,
    TERM,
    DecodeTrace,
    Replacement,
    SourceToken,
    Writing,
    greedy_batch,
    greedy_trace,
    step_limit,
)
from core.dictionary import look_up
from core.lanes import Lanes, lanes
from core.model import ModelConfig, Seq2Seq
from core.problems import Problem
from core.quick import Output, quicken
from core.runs import Run
from core.terms import WELL_KNOWN, join_terms, terms
from core.text import JiebaTokenizer, PieceTokenizer, SpacyTokenizer, Tokenizer, contains_chinese, mostly_chinese
from core.vocab import EOS, PAD, SOS, UNK, Vocab
from core.weights import unpack

MAX_CHARACTERS = 500
# Put in place of `<unk>` while words are joined to a sentence: a letter, as words have, that no text has.
_STAND_IN = "\ua66e"


def build_model(architecture: Architecture, source_vocab: Vocab, target_vocab: Vocab) -> Seq2Seq:
    """A model of that shape for these vocabularies, its weights drawn from torch's generator."""
    shape = {key: getattr(architecture, key) for key in Architecture.__dataclass_fields__}
    return Seq2Seq(ModelConfig(**shape, source_size=len(source_vocab), target_size=len(target_vocab)))


class Translator:
    """Translates with a model; `load` makes one from a run's folder."""

    def __init__(
        self,
        model: Seq2Seq,
        source_vocab: Vocab,
        target_vocab: Vocab,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        min_freq: int = 1,
        max_size: int = sys.maxsize,
    ) -> None:
        self.model = model
        self._output = Output(model.decoder.output)
        # Only attention tells which word an `<unk>` is of, and so which term stands for it; pieces know no `<unk>`.
        self._has_terms = (
            model.decoder.attention is not None
            and source_tokenizer.name == JiebaTokenizer.name
            and target_tokenizer.name == SpacyTokenizer.name
        )
        self.source_vocab = source_vocab
        if self._has_terms:
            self.source_vocab = source_vocab.without(
                term for term in terms() if source_vocab.counts[source_vocab.id(term)] < WELL_KNOWN
            )
        self.target_vocab = target_vocab
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        # How the source vocabulary was cut: why a word is unknown.
        self.min_freq = min_freq
        self.max_size = max_size
        pieces = [token for token in source_vocab.tokens if not token.startswith("<")]  # neither specials nor bytes
        self._reads_chinese = source_tokenizer.name == JiebaTokenizer.name or (
            source_tokenizer.name == PieceTokenizer.name and mostly_chinese(pieces)
        )
        self._run: Run | None = None
        self._reverse: Translator | None = None

    @classmethod
    def load(cls, run: Run, device: str = "cpu") -> "Translator":
        """Read a run's folder. Raises Problem where a file is missing, truncated or does not fit the others."""
        config = run.config
        source_vocab, target_vocab = run.vocabularies()
        model = build_model(config, source_vocab, target_vocab)
        try:
            # Bytes rather than a memory map: on Windows a mapped file could not be replaced.
            model.load_weights(unpack(load_tensors(run.weights.read_bytes())))
        except FileNotFoundError:
            raise Problem(
                f"Run {run.name!r} has no trained weights yet. Wait for its first epoch, or choose another run.",
                f"运行 {run.name!r} 还没有训练好的权重。请等第一个训练轮次结束，或选择别的运行。",
            ) from None
        except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
            raise Problem(
                f"model.safetensors of run {run.name!r} is damaged or belongs to another run. "
                "Delete the run or copy the folder again.",
                f"运行 {run.name!r} 的 model.safetensors 已损坏，或属于别的运行。请删除这个运行，或重新复制整个文件夹。",
            ) from error
        model.to(device).eval()
        translator = cls(model, source_vocab, target_vocab, *run.tokenizers(), config.min_freq, config.max_size)
        if next(model.parameters()).device.type == "cpu":
            translator._output = quicken(model)
        translator._run = run
        return translator

    @property
    def reverse(self) -> "Translator | None":
        """The run's reverse model, loaded when it is first asked for. Raises Problem where it is damaged."""
        if self._reverse is None and self._run is not None and self._run.reverse.folder.is_dir():
            try:
                self._reverse = Translator.load(self._run.reverse, str(next(self.model.parameters()).device))
            except Problem as problem:
                raise Problem(
                    f"The reverse model of run {self._run.name!r}, its folder `reverse`, is damaged. Copy the folder again, "
                    "or delete it: greedy decoding and beam search work without it.",
                    f"运行 {self._run.name!r} 的反向模型（文件夹 `reverse`）已损坏。请重新复制这个文件夹，或把它删掉：贪心解码和集束搜索不需要它。",
                ) from problem
        return self._reverse

    def cut(self, text: str) -> list[str]:
        """The text's words as the model is given them: the tokenizer's, and terms of the course whole."""
        words = self.source_tokenizer.tokenize(text)
        return join_terms(words) if self._has_terms else words

    def check(self, text: str) -> list[str]:
        """Raise Problem, saying what to do, if the text cannot be translated. Returns its words."""
        if not text.strip():
            raise Problem("Type a sentence first.", "请先输入一个句子。")
        if len(text) > MAX_CHARACTERS:
            raise Problem(
                f"This text has {len(text):,} characters; the model reads one sentence of at most {MAX_CHARACTERS}. "
                "Shorten it, or take one sentence of it.",
                f"这段文字有 {len(text):,} 个字符，模型一次只读一个句子，最多 {MAX_CHARACTERS} 个字符。请缩短，或只取其中一句。",
            )
        if self._reads_chinese and not contains_chinese(text):
            raise Problem(
                "There is no Chinese in this text, and this model reads Chinese. Type a Chinese sentence.",
                "这段文字里没有中文，而这个模型只读中文。请输入一个中文句子。",
            )
        words = self.cut(text)
        if not words:
            raise Problem("There are no words in this text. Type a sentence.", "这段文字里没有词。请输入一个句子。")
        return words

    def trace(self, text: str, words: Sequence[str] | None = None, prefix: Sequence[int] = ()) -> DecodeTrace:
        """Translate one sentence and keep every step.

        words: the person's own cut of the sentence, in place of the tokenizer's. prefix: target ids that the first
        steps are made to choose. Raises Problem for a text that cannot be translated, words that are not the
        sentence's, or a prefix that no sentence of this model can begin with.
        """
        words = self.words(text, words)
        self._check_prefix(prefix, len(words))
        trace = greedy_trace(
            self.model, text, words, self.source_vocab, self.target_vocab, self.read, prefix, self._output
        )
        return replace(trace, source=[token if token.known else self._why_unknown(token) for token in trace.source])

    def _why_unknown(self, token: SourceToken) -> SourceToken:
        """The token with what can be told of a word that the vocabulary lacks: why, and how rare it must have been."""
        if self.source_tokenizer.name == PieceTokenizer.name:
            return token  # pieces are not chosen by how often they stand in the text
        if self._has_terms and token.text in terms():
            return token  # whatever training saw of it, the list goes before that
        if len(self.source_vocab) >= self.max_size:
            # Of the words seen as often as the last one kept, some found no room any more.
            return replace(token, at_most=self.source_vocab.counts[-1], kept_by="max_size")
        return replace(token, at_most=self.min_freq - 1, kept_by="min_freq" if self.min_freq > 1 else None)

    def words(self, text: str, words: Sequence[str] | None = None) -> list[str]:
        """The sentence cut into words: by the tokenizer, or as the person cut it, which must leave the text as it is.

        Raises Problem for a text that cannot be translated and for words that do not join to it.
        """
        cut = self.check(text)
        if words is None:
            return cut
        if not all(words) or _letters(words) != _letters(cut):
            raise Problem(
                f"These words do not make up the sentence: {' '.join(words)[:80]!r}. "
                "Cut the sentence elsewhere, but keep all its characters.",
                f"这些词拼起来不是原来的句子：{' '.join(words)[:80]!r}。可以换地方切分，但不要增减文字。",
            )
        return list(words)

    def _check_prefix(self, prefix: Sequence[int], source_words: int) -> None:
        if (
            any(not 0 <= token < len(self.target_vocab) for token in prefix)
            or EOS in prefix[:-1]
            or len(prefix) > step_limit(source_words + 1)
        ):
            raise Problem(
                "This beginning of a translation does not belong to this model. Choose the words again.",
                "这个译文开头不属于这个模型。请重新选择。",
            )

    def beam(self, text: str, width: int = 5, words: Sequence[str] | None = None) -> BeamTrace:
        """Translate one sentence by beam search and keep every hypothesis. Raises Problem as `trace` does."""
        words = self.words(text, words)
        return beam_trace(self.model, text, words, self.source_vocab, self.target_vocab, self.read, width)

    def lanes(self, text: str, reference: str, words: Sequence[str] | None = None) -> Lanes:
        """Decode fed the reference's words and fed its own. Raises Problem as `trace` does, and for the reference."""
        words = self.words(text, words)
        truth = self.target_tokenizer.tokenize(reference)
        if not truth or len(reference) > MAX_CHARACTERS:
            raise Problem(
                f"Type the right translation, one sentence of at most {MAX_CHARACTERS} characters.",
                f"请输入正确的译文：一个句子，最多 {MAX_CHARACTERS} 个字符。",
            )
        return lanes(self.model, text, words, truth, self.source_vocab, self.target_vocab)

    def arithmetic(
        self,
        text: str,
        words: Sequence[str] | None = None,
        prefix: Sequence[int] = (),
        step: int = 1,
        position: int | None = None,
    ) -> list[Operation]:
        """What the model computes at a step (from 1) of the trace that begins with `prefix`, and the encoder at a
        source position (from 0; its last one if None). Raises Problem as `trace` does, and for a step it has not."""
        trace = self.trace(text, words, prefix)
        position = len(trace.source) - 1 if position is None else position
        if not (1 <= step <= len(trace.steps) and 0 <= position < len(trace.source)):
            raise Problem(
                f"This translation has {len(trace.steps)} steps and {len(trace.source)} source words. Choose one of them.",
                f"这次翻译有 {len(trace.steps)} 步、{len(trace.source)} 个原文词。请从中选择。",
            )
        written = [done.chosen.id for done in trace.steps[: step - 1]]
        return arithmetic(self.model, trace.words, written, self.source_vocab, self.target_vocab, position)

    def translate(self, texts: Sequence[str], batch_size: int = 128, beam: int = 1) -> list[str]:
        """Translate many sentences, in their order; `beam` is the width of the search, 1 is greedy decoding.

        A text without words gives an empty one.
        """
        cut = [self.cut(text) for text in texts]
        written = self.write(cut, batch_size, beam)
        return [self.read(writing, words)[0] for writing, words in zip(written, cut, strict=True)]

    def write(self, cut: Sequence[Sequence[str]], batch_size: int = 128, beam: int = 1) -> list[Writing]:
        """What the decoder writes for many sentences given as words, in their order."""
        sources = [source_ids(self.source_vocab.encode(words)) for words in cut]
        order = sorted((i for i, source in enumerate(sources) if len(source) > 1), key=lambda i: len(sources[i]))
        writings = [Writing([], None) for _ in cut]
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = [sources[row] for row in rows]
            written: Sequence[Writing]
            if beam == 1:
                written = greedy_batch(self.model, batch)
            else:
                written = [hypotheses[0] for hypotheses in beam_batch(self.model, batch, beam)]
            for row, writing in zip(rows, written, strict=True):
                writings[row] = writing
        return writings

    @torch.inference_mode()
    def log_probabilities(
        self, cut: Sequence[Sequence[str]], written: Sequence[Writing], batch_size: int = 32
    ) -> list[float]:
        """How probable the model finds each writing, `<eos>` included: its words' natural logarithms together."""
        device = next(self.model.parameters()).device
        pairs = encode_pairs(
            [(self.source_vocab.encode(words), writing.ids) for words, writing in zip(cut, written, strict=True)]
        )
        sums = [0.0] * len(pairs)
        for rows in batch_rows(pairs, batch_size, None):
            batch = make_batch(pairs, rows.tolist()).to(device)
            memory = self.model.encode(batch.source, batch.source_lengths)
            features = self.model.forced(memory, batch.target_in, [True] * len(batch.target_in))
            real = batch.target_out != PAD
            each = self.model.decoder.output(features[real]).float().log_softmax(dim=1)
            spread = torch.zeros(real.shape, device=device)
            spread[real] = each.gather(1, batch.target_out[real].unsqueeze(1))[:, 0]
            for row, value in zip(rows.tolist(), spread.sum(dim=0).tolist(), strict=True):
                sums[row] = value
        return sums

    def read(self, writing: Writing, words: Sequence[str]) -> tuple[str, list[Replacement]]:
        """What was written for these source words as a sentence for people, with all that stands in for `<unk>`.

        With attention that is the gloss of the source word looked at most, in the list of terms or in the dictionary,
        or the word itself where neither has it; without attention nobody knows which word it was, and a sign of a gap stands there.
        """
        tokens = [
            _STAND_IN if i == UNK else self.target_vocab.tokens[i].replace(_STAND_IN, "�")
            for i in writing.ids
            if i not in (EOS, PAD, SOS)
        ]
        parts = self.target_tokenizer.detokenize(tokens).split(_STAND_IN)
        sentence, replacements = parts[0], []
        steps = [step for step, i in enumerate(writing.ids) if i == UNK]
        for step, part in zip(steps, parts[1:], strict=True):
            source = None if writing.looked_at is None else writing.looked_at[step]
            text, how = ("…", GAP) if source is None else self._stands_for(words[source])
            if not sentence and how in (TERM, LOOKED_UP):
                text = text[:1].upper() + text[1:]  # as a sentence begins
            replacements.append(Replacement(step, source, text, how, len(sentence)))
            sentence += text + part
        return sentence, replacements

    def _stands_for(self, word: str) -> tuple[str, str]:
        """What people read for a source word that the model did not translate, and how it was found."""
        word = word.replace("▁", "")
        # Glosses are English; a target that is not cut as English words are is another language's.
        english = self.target_tokenizer.name in (SpacyTokenizer.name, PieceTokenizer.name)
        if english and contains_chinese(word):
            if term := terms().get(word):
                return term, TERM
            if gloss := look_up(word):
                return gloss, LOOKED_UP
        return word, COPIED


def _letters(words: Sequence[str]) -> str:
    """What a cut leaves as it is: all characters but blanks, and the mark that stands for them in some tokens."""
    return "".join("".join(words).replace("▁", "").split())
