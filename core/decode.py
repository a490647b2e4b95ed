"""From a model to words: greedy decoding, as ids for many sentences or as a full record for one."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from core.batches import pad_columns, source_ids
from core.model import Seq2Seq
from core.vocab import EOS, PAD, SOS, Vocab

MAX_CANDIDATES = 20


@dataclass(frozen=True)
class SourceToken:
    """A source word as the model saw it. An unknown one was replaced by `<unk>`; `count` is how often training saw it."""

    text: str
    id: int
    known: bool
    count: int


@dataclass(frozen=True)
class Candidate:
    token: str
    id: int
    probability: float


@dataclass(frozen=True)
class DecodeStep:
    """One step of the decoder. Plain numbers; `entropy` in bits, over the whole vocabulary."""

    input_token: str
    candidates: list[Candidate]  # the most probable first; the first is the argmax
    chosen: Candidate
    log_probability: float  # of the choice, natural logarithm
    forced: bool  # True where the choice was given from outside, False where it is the argmax
    entropy: float
    attention: list[float] | None  # a weight for each source token, summing to 1; None without attention


@dataclass(frozen=True)
class DecodeTrace:
    """Everything that happened while one sentence was translated; drawing it needs no model."""

    text: str
    source: list[SourceToken]  # ends with <eos>
    steps: list[DecodeStep]
    sentence: str  # put together for people
    log_probability: float  # natural logarithm, of the chosen words together
    finished: bool  # False where the length limit cut the sentence before <eos>
    vocabulary: int  # target words the decoder chose from

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
        return cls(**{**values, "source": [SourceToken(**token) for token in values["source"]], "steps": steps})


def step_limit(source_length: int) -> int:
    """How many words a translation may have: twice the source and a few, as no real one is longer."""
    return 2 * source_length + 10


@torch.inference_mode()
def greedy_batch(model: Seq2Seq, sources: Sequence[np.ndarray]) -> list[list[int]]:
    """Translate several encoded sentences at once: at each step each takes its most probable word.

    sources: arrays as `source_ids` makes them. Returns target ids without `<sos>` and `<eos>`. The padding that
    shorter sentences get changes nothing in the output.
    """
    device = next(model.parameters()).device
    lengths = torch.tensor([len(ids) for ids in sources])
    memory = model.encode(pad_columns(sources).to(device), lengths)
    state = memory.context
    tokens = torch.full((1, len(sources)), SOS, device=device)
    written: list[list[int]] = [[] for _ in sources]
    rows = list(range(len(sources)))  # the sentence in each column; finished ones leave
    step = 0
    while rows:
        logits, state, _ = model.decode(tokens, memory, state)
        tokens = logits.argmax(dim=2)
        step += 1
        going = []
        for column, (row, token) in enumerate(zip(rows, tokens[0].tolist(), strict=True)):
            if token != EOS:
                written[row].append(token)
                if step < step_limit(len(sources[row])):
                    going.append(column)
        if len(going) < len(rows):
            # One sentence that goes round in circles would else keep the whole batch at work.
            kept = torch.tensor(going, dtype=torch.int64, device=device)
            memory, state, tokens = memory.select(kept), tuple(part[:, kept] for part in state), tokens[:, kept]
            rows = [rows[column] for column in going]
    return written


@torch.inference_mode()
def greedy_trace(
    model: Seq2Seq, text: str, words: Sequence[str], source_vocab: Vocab, target_vocab: Vocab
) -> tuple[list[SourceToken], list[DecodeStep], list[str], bool]:
    """Translate one sentence, one forward pass a word, and keep what was on offer at each step.

    Returns the source tokens, the steps with their 20 most probable candidates, the words written, and whether
    `<eos>` was reached.
    """
    device = next(model.parameters()).device
    ids = source_vocab.encode(words)
    source = [
        SourceToken(word, i, word in source_vocab, source_vocab.counts[i] if word in source_vocab else 0)
        for word, i in zip(words, ids, strict=True)
    ] + [SourceToken(source_vocab.tokens[EOS], EOS, True, 0)]
    encoded = source_ids(ids)
    memory = model.encode(torch.from_numpy(encoded).unsqueeze(1).to(device), torch.tensor([len(encoded)]))
    state = memory.context
    token = SOS
    steps: list[DecodeStep] = []
    for _ in range(step_limit(len(encoded))):
        logits, state, attention = model.decode(torch.tensor([[token]], device=device), memory, state)
        log_probabilities = logits[0, 0].float().log_softmax(dim=0)
        top = log_probabilities.topk(min(MAX_CANDIDATES, len(target_vocab)))
        candidates = [
            Candidate(target_vocab.tokens[i], i, math.exp(value))
            for value, i in zip(top.values.tolist(), top.indices.tolist(), strict=True)
        ]
        nats = -(log_probabilities.exp() * log_probabilities).sum().item()
        weights = None if attention is None else attention[0, 0].tolist()
        steps.append(
            DecodeStep(
                input_token=target_vocab.tokens[token],
                candidates=candidates,
                chosen=candidates[0],
                log_probability=top.values[0].item(),
                forced=False,
                entropy=nats / math.log(2),
                attention=weights,
            )
        )
        token = candidates[0].id
        if token == EOS:
            break
    written = [step.chosen.token for step in steps if step.chosen.id not in (EOS, PAD, SOS)]
    return source, steps, written, token == EOS
