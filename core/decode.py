"""From a model to words: greedy decoding, as ids for many sentences or as a full record for one."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d

from core.batches import pad_columns
from core.machine import one_thread
from core.model import Memory, Seq2Seq, State
from core.quick import Output
from core.vocab import EOS, SOS, SPECIALS, UNK, Vocab

MAX_CANDIDATES = 20
TEMPERATURES = tuple(tenths / 10 for tenths in range(1, 21))
STATE_NUMBERS = 64  # a state in a trace is drawn as a strip: more numbers than this nobody sees
_CHUNK = 32  # steps whose logits are summed up in one call


@dataclass(frozen=True)
class SourceToken:
    """A source word as the model saw it. An unknown one was replaced by `<unk>`."""

    text: str
    id: int
    known: bool
    count: int | None  # how often training saw it; None where the vocabulary does not tell (unknown words)
    at_most: int | None = None  # for an unknown word: training saw it no more often than this
    kept_by: str | None = None  # the setting that, chosen wider, would have kept it: min_freq or max_size


@dataclass(frozen=True)
class Candidate:
    token: str
    id: int
    probability: float
    logit: float


@dataclass(frozen=True)
class DecodeStep:
    """One step of the decoder. Plain numbers; `entropy` in bits, over the whole vocabulary.

    The probability of a candidate at temperature `TEMPERATURES[i]` is `exp(logit / TEMPERATURES[i] - log_sums[i])`,
    exactly: no other word's logit is needed.
    """

    input_token: str
    candidates: list[Candidate]  # the most probable first; the first is the argmax
    chosen: Candidate
    rank: int  # of the choice among all words, 1 for the argmax
    log_probability: float  # of the choice, natural logarithm
    forced: bool  # True where the choice was given from outside, False where it is the argmax
    entropy: float
    log_sums: list[float]  # for each of TEMPERATURES, the logarithm of the sum of exp(logit / temperature)
    state: list[float]  # the top decoder layer's state after this step, thinned
    attention: list[float] | None  # a weight for each source token, summing to 1; None without attention


# What people read in place of an `<unk>`: the source word's gloss in CC-CEDICT or in the course's list of terms, the
# source word itself, or a mere sign of a gap.
LOOKED_UP, TERM, COPIED, GAP = "looked up", "term", "copied", "gap"


@dataclass(frozen=True)
class Replacement:
    """Stands in a sentence for people where the model wrote `<unk>`; the model did not translate it."""

    step: int  # the step that chose <unk>, from 0
    source: int | None  # the position of the source word that it looked at most; None without attention
    text: str
    how: str  # LOOKED_UP, TERM, COPIED or GAP
    start: int  # of the text in the sentence


@dataclass(frozen=True)
class DecodeTrace:
    """Everything that happened while one sentence was translated; drawing it needs no model."""

    text: str
    words: list[str]  # how the sentence was cut; `source` has them with <eos>
    source: list[SourceToken]  # ends with <eos>
    encoder_states: list[list[float]]  # one for each source token, thinned
    context: list[float]  # the decoder's first state, top layer, thinned
    steps: list[DecodeStep]
    sentence: str  # put together for people, `<unk>` replaced
    replacements: list[Replacement]  # in the sentence's order
    log_probability: float  # natural logarithm, of the chosen words together
    finished: bool  # False where the length limit cut the sentence before <eos>
    vocabulary: int  # target words the decoder chose from

    @property
    def written(self) -> str:
        """The sentence with a bare `<unk>` wherever the model wrote one: nothing stands in its place."""
        parts, end = [], 0
        for replacement in self.replacements:
            parts += [self.sentence[end : replacement.start], SPECIALS[UNK]]
            end = replacement.start + len(replacement.text)
        return "".join([*parts, self.sentence[end:]])

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DecodeTrace":
        steps = [
            DecodeStep(
                **{
                    **step,
                    "candidates": [Candidate(**candidate) for candidate in step["candidates"]],
                    "chosen": Candidate(**step["chosen"]),
                }
            )
            for step in values["steps"]
        ]
        source = [SourceToken(**token) for token in values["source"]]
        replacements = [Replacement(**replacement) for replacement in values["replacements"]]
        return cls(**{**values, "source": source, "steps": steps, "replacements": replacements})


@dataclass(frozen=True)
class Writing:
    """What a decoder wrote for one sentence."""

    ids: list[int]  # target words, without <sos> and <eos>
    looked_at: list[int] | None  # for each the position of the source word with most attention; None without attention


def step_limit(source_length: int) -> int:
    """How many words a translation may have: twice the source and a few, as no real one is longer."""
    return 2 * source_length + 10


# Makes of what was written for these source words a sentence for people.
Reader = Callable[[Writing, Sequence[str]], tuple[str, list[Replacement]]]


def most_attended(attention: Tensor, mask: Tensor) -> Tensor:
    """For each row of attention (B, S) the position of the word looked at most (B,), the closing `<eos>` left aside.

    mask (B, S), or (1, S) for rows that are steps of one sentence.
    """
    ends = (mask.sum(dim=1, keepdim=True) - 1).expand(len(attention), 1)
    return attention.scatter(1, ends, -1.0).argmax(dim=1)


def encode_sources(model: Seq2Seq, sources: Sequence[np.ndarray]) -> Memory:
    """What the decoder looks back at for these sentences, arrays as `source_ids` makes them."""
    device = next(model.parameters()).device
    return model.encode(pad_columns(sources).to(device), torch.tensor([len(ids) for ids in sources]))


def begin(model: Seq2Seq, sources: Sequence[np.ndarray]) -> tuple[Memory, State, Tensor]:
    """`encode_sources`, the decoder's first state, and the word that each translation begins with (1, B)."""
    memory = encode_sources(model, sources)
    return memory, memory.context, torch.full((1, len(sources)), SOS, device=memory.context[0].device)


@torch.inference_mode()
def greedy_batch(model: Seq2Seq, sources: Sequence[np.ndarray]) -> list[Writing]:
    """Translate several encoded sentences at once: at each step each takes its most probable word.

    sources: arrays as `source_ids` makes them. The padding that shorter sentences get changes nothing in the output.
    """
    memory, state, tokens = begin(model, sources)
    attends = model.config.attention != "none"
    written = [Writing([], [] if attends else None) for _ in sources]
    rows = list(range(len(sources)))  # the sentence in each column; finished ones leave
    step = 0
    while rows:
        logits, state, attention = model.decode(tokens, memory, state)
        tokens = logits.argmax(dim=2)
        looked_at = None if attention is None else most_attended(attention[0], memory.mask).tolist()
        step += 1
        going = []
        for column, (row, token) in enumerate(zip(rows, tokens[0].tolist(), strict=True)):
            if token != EOS:
                writing = written[row]
                writing.ids.append(token)
                if writing.looked_at is not None and looked_at is not None:
                    writing.looked_at.append(looked_at[column])
                if step < step_limit(len(sources[row])):
                    going.append(column)
        if len(going) < len(rows):
            # One sentence that goes round in circles would else keep the whole batch at work.
            kept = torch.tensor(going, dtype=torch.int64, device=tokens.device)
            memory, state, tokens = memory.select(kept), tuple(part[:, kept] for part in state), tokens[:, kept]
            rows = [rows[column] for column in going]
    return written


def source_tokens(words: Sequence[str], vocab: Vocab) -> list[SourceToken]:
    """The words as the model sees them, and the `<eos>` that ends them."""
    tokens = [
        SourceToken(word, i, i != UNK, None if i == UNK else vocab.counts[i])
        for word, i in zip(words, vocab.encode(words), strict=True)
    ]
    return [*tokens, SourceToken(vocab.tokens[EOS], EOS, True, 0)]


def thinned(states: Tensor) -> list[list[float]]:
    """States (N, H) as lists of at most STATE_NUMBERS numbers each: neighbours averaged, three digits."""
    states = states.float()
    if states.shape[1] > STATE_NUMBERS:
        states = adaptive_avg_pool1d(states.unsqueeze(0), STATE_NUMBERS)[0]
    rounded: list[list[float]] = states.cpu().double().numpy().round(3).tolist()
    return rounded


@one_thread()
@torch.inference_mode()
def greedy_trace(
    model: Seq2Seq,
    text: str,
    words: Sequence[str],
    source_vocab: Vocab,
    target_vocab: Vocab,
    read: Reader,
    prefix: Sequence[int] = (),
    output: Output | None = None,
) -> DecodeTrace:
    """Translate one sentence, one pass through the decoder a word, and keep what was on offer at each step.

    read: puts words together for people. prefix: target ids that the first steps are made to choose; after them each step takes its most probable word.
    output: the model's output layer, where the caller keeps one; it changes nothing but the time.
    Steps whose choices agree with another trace's have the same numbers as there.
    """
    source = source_tokens(words, source_vocab)
    memory, state, first = begin(model, [np.array([token.id for token in source], dtype=np.int64)])
    output = output or Output(model.decoder.output)
    limit = step_limit(len(source))
    chosen: list[int] = []
    features_of: list[Tensor] = []
    states_after: list[State] = []
    attention_of: list[Tensor] = []
    settled = len(prefix)  # so many choices are given or found to be the most probable words
    while True:
        while len(chosen) < limit and (not chosen or chosen[-1] != EOS):
            token = chosen[-1] if chosen else SOS
            features, state, attention = model.decoder.features(torch.full_like(first, token), memory, state)
            chosen.append(prefix[len(chosen)] if len(chosen) < len(prefix) else output.likeliest(features[0]))
            features_of.append(features[0, 0])
            states_after.append(state)
            if attention is not None:
                attention_of.append(attention[0, 0])
        # Guessing on, and all logits in one go, read the output layer's weights once instead of at each step.
        logits = output.logits(torch.stack(features_of))
        likeliest = logits.argmax(dim=1).tolist()
        wrong = next((step for step in range(settled, len(chosen)) if chosen[step] != likeliest[step]), None)
        if wrong is None:
            break
        settled = wrong + 1
        chosen[wrong:] = [likeliest[wrong]]
        state = states_after[wrong]
        for kept in (features_of, states_after, attention_of):
            del kept[settled:]
    weights = torch.stack(attention_of) if attention_of else None
    steps: list[DecodeStep] = []
    for start in range(0, len(chosen), _CHUNK):
        part = slice(start, start + _CHUNK)
        steps += _steps(
            chosen[part],
            logits[part],
            thinned(torch.stack([after[0][-1, 0] for after in states_after[part]])),
            None if weights is None else weights[part].tolist(),
            target_vocab,
            input_id=SOS if start == 0 else chosen[start - 1],
            forced=len(prefix) - start,
        )
    finished = chosen[-1] == EOS
    ids = chosen[:-1] if finished else chosen
    looked_at = None if weights is None else most_attended(weights, memory.mask).tolist()
    sentence, replacements = read(Writing(ids, looked_at), words)
    return DecodeTrace(
        text=text,
        words=list(words),
        source=source,
        encoder_states=thinned(memory.outputs[0]),
        context=thinned(memory.context[0][-1])[0],
        steps=steps,
        sentence=sentence,
        replacements=replacements,
        log_probability=sum(step.log_probability for step in steps),
        finished=finished,
        vocabulary=len(target_vocab),
    )


def _sums_at_temperatures(below: Tensor) -> Tensor:
    """For logits (T, V), at most 0, the sums of exp(logit / temperature) at each of TEMPERATURES: (T, temperatures).

    At half a temperature each exponential is the square of what it was: half of them need no exp, and all share one
    buffer, which is ten times as quick as a tensor of its own for each.
    """
    sums = {}
    buffer = torch.empty_like(below)
    for tenths in range(len(TEMPERATURES) // 2 + 1, len(TEMPERATURES) + 1):
        torch.mul(below, 10 / tenths, out=buffer).exp_()
        sums[tenths] = buffer.sum(dim=1)
        while tenths % 2 == 0:
            tenths //= 2
            sums[tenths] = buffer.mul_(buffer).sum(dim=1)
    return torch.stack([sums[tenths] for tenths in range(1, len(TEMPERATURES) + 1)], dim=1)


def _steps(
    chosen: Sequence[int],
    logits: Tensor,
    states: list[list[float]],
    attention: list[list[float]] | None,
    vocab: Vocab,
    input_id: int,
    forced: int,
) -> list[DecodeStep]:
    """The records of T steps from their logits (T, V), float32; the first `forced` of them had no choice."""
    top = logits.topk(min(MAX_CANDIDATES, logits.shape[1]), dim=1)
    highest = top.values[:, :1]
    below = logits - highest  # (T, V), at most 0: no exponential overflows
    sums = _sums_at_temperatures(below).log_()
    log_sums = sums + highest / torch.tensor(TEMPERATURES, device=logits.device)  # (T, temperatures)
    log_probabilities = below - sums[:, TEMPERATURES.index(1.0)].unsqueeze(1)
    entropies = -(log_probabilities.exp() * log_probabilities).sum(dim=1) / math.log(2)
    columns = torch.tensor(chosen, device=logits.device).unsqueeze(1)
    chosen_logits = logits.gather(1, columns)
    ranks = (logits > chosen_logits).sum(dim=1) + 1
    rows = zip(
        chosen,
        top.indices.tolist(),
        top.values.tolist(),
        log_probabilities.gather(1, top.indices).exp().tolist(),
        chosen_logits[:, 0].tolist(),
        log_probabilities.gather(1, columns)[:, 0].tolist(),
        ranks.tolist(),
        entropies.tolist(),
        log_sums.tolist(),
        states,
        strict=True,
    )
    steps = []
    for number, (token, ids, values, shares, logit, log_probability, rank, entropy, row_sums, state) in enumerate(rows):
        candidates = [
            Candidate(vocab.tokens[i], i, share, value) for i, share, value in zip(ids, shares, values, strict=True)
        ]
        offered = next((candidate for candidate in candidates if candidate.id == token), None)
        steps.append(
            DecodeStep(
                input_token=vocab.tokens[input_id],
                candidates=candidates,
                chosen=offered or Candidate(vocab.tokens[token], token, math.exp(log_probability), logit),
                rank=rank,
                log_probability=log_probability,
                forced=number < forced,
                entropy=entropy,
                log_sums=row_sums,
                state=state,
                attention=attention[number] if attention else None,
            )
        )
        input_id = token
    return steps
