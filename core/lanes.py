"""Exposure bias in two lanes: the decoder fed the true words, as in training, and fed its own, as in use."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.decode import encode_sources, source_tokens, step_limit
from core.machine import one_thread
from core.model import Seq2Seq
from core.vocab import EOS, SOS, UNK, Vocab


@dataclass(frozen=True)
class ReferenceWord:
    """A word of the true translation, as typed. An unknown one can only be fed and scored as `<unk>`."""

    text: str
    id: int
    known: bool


@dataclass(frozen=True)
class LaneStep:
    """One step of one lane; `loss` in nats, of the true word at this step."""

    fed: str  # the word that went in
    loss: float | None  # None where the reference has ended already
    argmax: str  # the word that it finds most probable
    probability: float  # of that word
    right: bool  # that word is the true one


@dataclass(frozen=True)
class Lanes:
    """Both lanes of one sentence. They are one as long as the decoder's own words are the true ones."""

    text: str
    words: list[str]
    reference: list[ReferenceWord]  # ends with <eos>
    forced: list[LaneStep]  # fed the true words: a step for each word of the reference
    free: list[LaneStep]  # fed its own words: until it writes <eos> or the length limit
    parts_at: int | None  # the first step, from 0, that is fed different words; None where they never part
    forced_loss: float  # nats a true word, over the steps that have one
    free_loss: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Lanes":
        parts = {
            "reference": [ReferenceWord(**word) for word in values["reference"]],
            "forced": [LaneStep(**step) for step in values["forced"]],
            "free": [LaneStep(**step) for step in values["free"]],
        }
        return cls(**{**values, **parts})


@one_thread()
@torch.inference_mode()
def lanes(
    model: Seq2Seq,
    text: str,
    words: Sequence[str],
    reference: Sequence[str],
    source_vocab: Vocab,
    target_vocab: Vocab,
) -> Lanes:
    """Run the decoder along the reference and on its own, and compare both with the reference, word by word."""
    device = next(model.parameters()).device
    source = np.array([token.id for token in source_tokens(words, source_vocab)], dtype=np.int64)
    memory = encode_sources(model, [source])
    truth = [*target_vocab.encode(reference), EOS]

    fed = [SOS, *truth[:-1]]
    logits, _, _ = model.decode(torch.tensor(fed, device=device).unsqueeze(1), memory, memory.context)
    forced = _steps(fed, logits[:, 0], truth, target_vocab)

    state, own = memory.context, [SOS]
    rows: list[Tensor] = []
    while len(rows) < step_limit(len(source)):
        logits, state, _ = model.decode(torch.tensor([[own[-1]]], device=device), memory, state)
        rows.append(logits[0, 0])
        token = int(logits.argmax())
        if token == EOS:
            break
        own.append(token)
    own = own[: len(rows)]
    free = _steps(own, torch.stack(rows), truth, target_vocab)
    return Lanes(
        text=text,
        words=list(words),
        reference=[
            *(ReferenceWord(word, i, i != UNK) for word, i in zip(reference, truth, strict=False)),
            ReferenceWord(target_vocab.tokens[EOS], EOS, True),
        ],
        forced=forced,
        free=free,
        # Where one lane is longer than the other, they part at its first step more.
        parts_at=next(
            (step for step in range(max(len(fed), len(own))) if fed[step : step + 1] != own[step : step + 1]), None
        ),
        forced_loss=_mean_loss(forced),
        free_loss=_mean_loss(free),
    )


def _steps(fed: Sequence[int], logits: Tensor, truth: Sequence[int], vocab: Vocab) -> list[LaneStep]:
    """The steps of one lane from its logits (T, V)."""
    shares = logits.float().log_softmax(dim=1)
    best = logits.argmax(dim=1)
    highest = shares.gather(1, best.unsqueeze(1))[:, 0].exp().tolist()
    count = min(len(truth), len(logits))
    of_truth = shares[:count].gather(1, torch.tensor(truth[:count], device=logits.device).unsqueeze(1))[:, 0]
    losses: list[float | None] = [-share for share in of_truth.tolist()]
    return [
        LaneStep(
            fed=vocab.tokens[fed[step]],
            loss=losses[step] if step < count else None,
            argmax=vocab.tokens[guess],
            probability=highest[step],
            right=step < count and truth[step] == guess,
        )
        for step, guess in enumerate(best.tolist())
    ]


def _mean_loss(steps: Sequence[LaneStep]) -> float:
    losses = [step.loss for step in steps if step.loss is not None]
    return sum(losses) / len(losses)
