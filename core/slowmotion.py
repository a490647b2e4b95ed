"""One batch in slow motion: everything that a training step does with a few sentences, with the numbers that flow."""

import copy
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.batches import Batch, batch_rows, encode_pairs, make_batch
from core.config import TrainConfig
from core.corpus import Pair
from core.decode import thinned
from core.machine import Machine, one_thread
from core.material import load_corpus
from core.model import Seq2Seq
from core.problems import Problem
from core.progress import Bar
from core.runs import Run
from core.saves import load_save
from core.step import batch_loss, make_optimizer, seed_step
from core.text import Tokenizer
from core.translator import Translator, build_model
from core.vocab import PAD, Vocab

SENTENCES = 4  # in the batch: as many as one can look at
POOL = 400  # training pairs to choose them from
WORDS = 10  # that a sentence has at most, where there are such
BETAS, EPSILON = (0.9, 0.999), 1e-8  # Adam's, as torch sets them


@dataclass(frozen=True)
class Word:
    text: str
    id: int


@dataclass(frozen=True)
class Place:
    """One decoder step of one sentence. `loss` in nats, None on padding, where nothing is learnt."""

    fed: str
    guess: str  # the most probable word
    guess_probability: float
    probability: float  # of the true word
    loss: float | None


@dataclass(frozen=True)
class Lane:
    """The decoder over the whole batch, fed in one way. forced: for each step, whether it was fed the true word."""

    name: str  # "forced", "free" or "coin"
    forced: list[bool]
    places: list[list[Place]]  # a row a sentence, a column a step
    loss: float  # nats a word


@dataclass(frozen=True)
class Layer:
    """What a part of the model takes from the step. Norms: all its numbers as one vector, its length."""

    name: str
    shape: list[int]
    numbers: int
    weight: float
    gradient: float  # before it is cut
    update: float


@dataclass(frozen=True)
class Number:
    """One weight, through Adam's arithmetic: m and v remember past gradients and their squares."""

    name: str
    word: str  # whose likelihood it raises
    before: float
    gradient: float  # after it is cut
    m: float
    v: float
    m_hat: float  # m and v, set right for how few steps there were
    v_hat: float
    change: float
    after: float


@dataclass(frozen=True)
class SlowMotion:
    step: int  # that this one would be, from 1
    remembers: bool  # False where Adam begins anew, the run having come without its save
    parts: dict[str, list[int]]  # the shapes of what flows
    pairs: list[Pair]
    source: list[list[Word]]  # a row a sentence, padded
    target_in: list[list[Word]]
    target_out: list[list[Word]]
    encoder: list[list[float | None]]  # the length of the encoder's state at each position; None on padding
    context: list[list[float]]  # a sentence's context vector, its neighbours averaged to at most 64 numbers
    lanes: list[Lane]
    teacher_forcing: float
    padding: int  # target places on which nothing is learnt
    words: int  # those on which something is
    smoothing: float
    smoothed_loss: float  # what is minimised, of the lane "coin"
    layers: list[Layer]
    norm: float  # of all gradients together, before the cut
    clip: float
    learning_rate: float
    resting: bool  # True where the run's rate had fallen to 0 and the one it began with is taken
    number: Number
    loss_after: float  # of the same batch and lane, once more after the update

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def training_pairs(run: Run, bar: Bar | None = None) -> list[Pair]:
    """Some of the sentence pairs that the run learns from; it takes a few seconds, so keep them."""
    config = run.config
    train = load_corpus(run, bar=bar).split(config.split_seed).train
    return list(train[: min(config.pairs or POOL, POOL)])


@one_thread()
def slow_motion(run: Run, pairs: Sequence[Pair], number: int = 0) -> SlowMotion:
    """A training step on a small batch of these pairs, by the run's weights as they are now. The run is only read.

    pairs: as `training_pairs` gives them. number: which batch of them. Dropout is off, so that the same weights give
    the same numbers. Raises Problem where the run has no weights yet or is damaged.
    """
    config = run.config
    source_vocab, target_vocab = run.vocabularies()
    model = build_model(config, source_vocab, target_vocab)
    optimizer = make_optimizer(model, config, Machine(torch.device("cpu"), "float32", 1))
    progress = _load(run, model, optimizer)
    model.eval()
    chosen, batch = _choose(config, pairs, number, run.tokenizers(), (source_vocab, target_vocab))
    step = progress.get("step", run.status().step)
    teacher_forcing = progress.get("teacher_forcing", config.teacher_forcing)
    coins = torch.rand(batch.target_in.shape[0], generator=seed_step(config.seed, step)).tolist()
    coin = [coin < teacher_forcing for coin in coins]
    length = batch.target_in.shape[0]
    lanes = [
        _lane(model, batch, target_vocab, name, forced)
        for name, forced in (("forced", [True] * length), ("free", [False] * length), ("coin", coin))
    ]
    with torch.inference_mode():
        memory = model.encode(batch.source, batch.source_lengths)

    loss, _ = batch_loss(model, batch, coin, config.label_smoothing, config.consistency)
    words = int((batch.target_out != PAD).sum())
    loss = loss / words
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {name: _norm(parameter.grad) for name, parameter in model.named_parameters()}
    norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip).item()
    rate = _rate(config, progress, step, run.status().steps)
    for group in optimizer.param_groups:
        group["lr"] = rate or config.learning_rate
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    memory_before = copy.deepcopy(optimizer.state_dict()["state"])
    optimizer.step()
    parameters = dict(model.named_parameters())
    layers = [
        Layer(
            name=name,
            shape=list(parameter.shape),
            numbers=parameter.numel(),
            weight=_norm(before[name]),
            gradient=gradients[name],
            update=_norm(parameter.detach() - before[name]),
        )
        for name, parameter in parameters.items()
    ]
    with torch.inference_mode():
        after = batch_loss(model, batch, coin, 0.0)[1].item() / words
    return SlowMotion(
        step=step + 1,
        remembers=bool(memory_before),
        parts=_shapes(model, batch, len(target_vocab)),
        pairs=chosen,
        source=_words(batch.source, source_vocab),
        target_in=_words(batch.target_in, target_vocab),
        target_out=_words(batch.target_out, target_vocab),
        encoder=[
            [round(state.norm().item(), 2) if real else None for state, real in zip(states, mask, strict=True)]
            for states, mask in zip(memory.outputs, memory.mask, strict=True)
        ],
        context=thinned(memory.context[0][-1]),
        lanes=lanes,
        teacher_forcing=teacher_forcing,
        padding=int((batch.target_out == PAD).sum()),
        words=words,
        smoothing=config.label_smoothing,
        smoothed_loss=loss.item(),
        layers=layers,
        norm=norm,
        clip=config.clip,
        learning_rate=rate or config.learning_rate,
        resting=not rate,
        number=_number(optimizer, parameters, before, target_vocab),
        loss_after=after,
    )


def _load(run: Run, model: Seq2Seq, optimizer: torch.optim.Adam) -> dict[str, Any]:
    """The weights as they are now, with Adam's memory; of a run without a save the best weights alone."""
    if run.state_file.is_file():
        return load_save(run, model, optimizer)
    model.load_weights(Translator.load(run).model.weights())
    return {}


def _choose(
    config: TrainConfig,
    pairs: Sequence[Pair],
    number: int,
    tokenizers: tuple[Tokenizer, Tokenizer],
    vocabs: tuple[Vocab, Vocab],
) -> tuple[list[Pair], Batch]:
    """A few pairs of about the same length, as training puts them together, and their batch."""
    cut = [(pair, [side.tokenize(text) for side, text in zip(tokenizers, pair, strict=True)]) for pair in pairs]
    fitting = [item for item in cut if all(0 < len(side) <= config.max_length for side in item[1])]
    short = [item for item in fitting if all(3 <= len(side) <= WORDS for side in item[1])]
    pool = short if len(short) >= SENTENCES else fitting
    if not pool:
        raise Problem(
            "None of the first training sentences is short enough to be shown.", "前面的训练句子都太长，无法展示。"
        )
    encoded = encode_pairs([(vocabs[0].encode(a), vocabs[1].encode(b)) for _, (a, b) in pool])
    batches = [rows for rows in batch_rows(encoded, SENTENCES, config.seed) if len(rows) == min(SENTENCES, len(pool))]
    # Sentences of exactly one length show no padding: those that differ come first.
    batches.sort(key=lambda rows: len({len(encoded.targets[row]) for row in rows}) < 2)
    rows = batches[number % len(batches)]
    return [pool[row][0] for row in rows], make_batch(encoded, rows)


@torch.inference_mode()
def _lane(model: Seq2Seq, batch: Batch, vocab: Vocab, name: str, forced: list[bool]) -> Lane:
    memory = model.encode(batch.source, batch.source_lengths)
    features = model.forced(memory, batch.target_in, forced)
    probabilities = model.decoder.output(features).float().softmax(dim=2)  # (T, B, V)
    best, guesses = probabilities.max(dim=2)
    true = probabilities.gather(2, batch.target_out.unsqueeze(2)).squeeze(2)
    places: list[list[Place]] = []
    total, words = 0.0, 0
    for column in range(batch.target_in.shape[1]):
        row = []
        for t in range(batch.target_in.shape[0]):
            fed = batch.target_in[t, column] if t == 0 or forced[t] else guesses[t - 1, column]
            probability = true[t, column].item()
            real = batch.target_out[t, column].item() != PAD
            loss = -math.log(max(probability, 1e-38)) if real else None
            total, words = total + (loss or 0.0), words + real
            row.append(
                Place(
                    vocab.tokens[int(fed)],
                    vocab.tokens[int(guesses[t, column])],
                    round(best[t, column].item(), 4),
                    round(probability, 4),
                    None if loss is None else round(loss, 3),
                )
            )
        places.append(row)
    return Lane(name, forced, places, total / words)


def _rate(config: TrainConfig, progress: dict[str, Any], step: int, steps: int) -> float:
    """The learning rate of the next step, 0 where the plan is at its end."""
    asked, at = progress.get("learning_rate_asked", config.learning_rate), progress.get("asked_at", 0)
    if config.schedule == "linear":
        return float(asked * max(0.0, 1 - (step - at) / max(1, steps - at)))
    return float(asked)


def _words(ids: Tensor, vocab: Vocab) -> list[list[Word]]:
    """ids (length, B) as a row a sentence."""
    return [[Word(vocab.tokens[i], i) for i in row] for row in ids.T.tolist()]


def _shapes(model: Seq2Seq, batch: Batch, vocabulary: int) -> dict[str, list[int]]:
    config = model.config
    (S, B), T = batch.source.shape, batch.target_in.shape[0]
    return {
        "source": [S, B],
        "target": [T, B],
        "embedded": [S, B, config.embedding],
        "outputs": [B, S, config.hidden],
        "context": [config.layers, B, config.hidden],
        "logits": [T, B, vocabulary],
    }


def _norm(tensor: Tensor | None) -> float:
    return 0.0 if tensor is None else float(f"{tensor.norm().item():.4g}")


def _number(
    optimizer: torch.optim.Adam, parameters: dict[str, nn.Parameter], before: dict[str, Tensor], vocab: Vocab
) -> Number:
    """Of the output layer's offsets, one a word, the one with the largest gradient."""
    name = "decoder.output.bias"
    parameter = parameters[name]
    assert parameter.grad is not None
    place = int(parameter.grad.abs().argmax())
    state = optimizer.state[parameter]
    count, m, v = state["step"].item(), state["exp_avg"][place].item(), state["exp_avg_sq"][place].item()
    old, new = before[name][place].item(), parameter[place].item()
    return Number(
        name=f"{name}[{place}]",
        word=vocab.tokens[place],
        before=old,
        gradient=parameter.grad[place].item(),
        m=m,
        v=v,
        m_hat=m / (1 - BETAS[0] ** count),
        v_hat=v / (1 - BETAS[1] ** count),
        change=new - old,
        after=new,
    )
