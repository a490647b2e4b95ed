"""The training loop: a generator of what happens, which writes the run's folder as it goes."""

import json
import math
import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from core.batches import Batch, EncodedPairs, batch_rows, batches, make_batch
from core.config import FILES, NO_OPTIONS, PINNED, TrainConfig
from core.decode import DecodeTrace
from core.evaluation import GREEDY_SHARE, evaluate
from core.evaluation import save as save_evaluation
from core.loss import output_loss
from core.machine import Machine, give_back_freed_memory, keep_freed_memory
from core.material import Material, load_corpus, prepare
from core.model import Seq2Seq
from core.problems import Problem
from core.progress import Bar, Clock, Report
from core.runs import (
    FAILED,
    FINISHED,
    MAX_PINNED,
    MEASURING,
    PAUSED,
    PREPARING,
    SCORING,
    STOPPED,
    TRAINING,
    Control,
    Run,
    Status,
    write_atomically,
)
from core.scoring import Evaluation, Measures, score
from core.text import contains_chinese
from core.translator import Translator, build_model
from core.vocab import PAD

SAVE_SECONDS = 30.0  # between two saves of what resuming needs
STATUS_SECONDS = 0.5
BLEU_SENTENCES = 500  # translated after each epoch; the whole test split only at the end
SAMPLE_BATCHES = 8  # of 64 pairs: what the losses that cost more are measured on after each epoch
EARLY = (1 / 16, 1 / 8, 1 / 4, 1 / 2)  # parts of the first epoch at which the pinned sentences are translated too
KEPT_CANDIDATES, KEPT_STEPS = 5, 40  # of a pinned sentence's trace


@dataclass(frozen=True)
class Prepared:
    """Before the first step (or the next, when resumed)."""

    parameters: int
    source_words: int
    target_words: int
    pairs: int
    step: int
    steps: int
    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class Stepped:
    step: int
    loss: float  # nats per word
    tokens_per_second: float


@dataclass(frozen=True)
class Changed:
    """Something was changed on the way; `row` as in metrics.jsonl."""

    row: dict[str, Any]


@dataclass(frozen=True)
class Paused:
    """The run waits, at this step, until it is asked to go on or to stop."""

    step: int


@dataclass(frozen=True)
class EpochEnded:
    epoch: int
    row: dict[str, Any]
    best: bool


@dataclass(frozen=True)
class Ended:
    """The run is over: `stopped` on request, else finished with the score on its test split."""

    stopped: bool
    scores: Evaluation | None


Event = Prepared | Stepped | Changed | Paused | EpochEnded | Ended


# One step


def make_optimizer(model: Seq2Seq, config: TrainConfig, machine: Machine) -> torch.optim.Adam:
    return torch.optim.Adam(model.parameters(), config.learning_rate, fused=machine.device.type in ("cpu", "cuda"))


def seed_step(seed: int, step: int) -> torch.Generator:
    """Make dropout, and the coins drawn from the generator returned, hang on the seed and the step alone.

    So a resumed run needs no saved generator to go on exactly as one that was never cut off.
    """
    torch.manual_seed((seed * 1_000_003 + step) % 2**63)
    return torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)


def batch_loss(
    model: Seq2Seq, batch: Batch, forced: list[bool], label_smoothing: float, consistency: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Two sums over the real target tokens, `<eos>` included; padding takes no part.

    The first is what training minimises, with label smoothing; the second the plain cross-entropy in nats, which
    is what is shown, so that training and validation losses can be compared. With `consistency` the batch is read
    twice, each time with dropout of its own, and disagreement costs (see `output_loss`).
    """
    read = batch.twice() if consistency else batch
    memory = model.encode(read.source, read.source_lengths)
    features = model.forced(memory, read.target_in, forced)  # (T, B, width)
    real = batch.target_out != PAD
    words = torch.cat([reading[real] for reading in features.chunk(2 if consistency else 1, dim=1)])
    output = model.decoder.output
    # A quarter, so that consistency counts as the paper's alpha does beside the sum of both cross-entropies.
    return output_loss(words, output.weight, output.bias, batch.target_out[real], label_smoothing, consistency / 4)


def take_step(
    model: Seq2Seq, optimizer: torch.optim.Adam, batch: Batch, config: TrainConfig, machine: Machine, step: int
) -> tuple[float, int, float]:
    """Update the weights on one batch; `step` (from 0) and the config's seed decide all its random numbers.

    Returns the summed loss (nats), the number of words and the gradient's norm before it was cut. Raises Problem where
    the loss is no longer a number.
    """
    coins = torch.rand(batch.target_in.shape[0], generator=seed_step(config.seed, step)).tolist()
    forced = [coin < config.teacher_forcing for coin in coins]
    batch = batch.to(machine.device)
    model.train()
    optimizer.zero_grad(set_to_none=True)
    with machine.autocast():
        loss, plain = batch_loss(model, batch, forced, config.label_smoothing, config.consistency)
    tokens = int((batch.target_out != PAD).sum())
    (loss / tokens).backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip).item()
    summed = plain.item()
    if not math.isfinite(summed) or not math.isfinite(norm):
        raise Problem(
            f"The loss is no longer a number at step {step + 1}: the weights blew up. "
            "Start again with a lower learning rate.",
            f"第 {step + 1} 步的损失不再是数字：权重发散了。请调低学习率重新开始。",
        )
    optimizer.step()
    return summed, tokens, norm


@torch.inference_mode()
def sample_loss(model: Seq2Seq, pairs: EncodedPairs, device: torch.device, forced: bool) -> float:
    """Nats per real token on about `SAMPLE_BATCHES` batches of these pairs, of all lengths, always the same ones.

    forced False: the model reads its own words, as when it translates, so that a wrong one leads the next astray.
    """
    model.eval()
    by_length = batch_rows(pairs, 64, None)
    loss, tokens = 0.0, 0
    for rows in by_length[:: math.ceil(len(by_length) / SAMPLE_BATCHES)]:
        batch = make_batch(pairs, rows)
        tokens += int((batch.target_out != PAD).sum())
        loss += batch_loss(model, batch.to(device), [forced] * batch.target_in.shape[0], 0.0)[1].item()
    return loss / tokens


@torch.inference_mode()
def mean_loss(model: Seq2Seq, pairs: EncodedPairs, batch_size: int, device: torch.device) -> float:
    """Nats per real token on these pairs, teacher-forced, without dropout and without label smoothing."""
    model.eval()
    total = 0.0
    for batch in batches(pairs, batch_size):
        total += batch_loss(model, batch.to(device), [True] * batch.target_in.shape[0], 0.0)[1].item()
    return total / pairs.target_tokens


# The loop


def load_save(run: Run, model: Seq2Seq, optimizer: torch.optim.Adam) -> dict[str, Any]:
    """Give the model and its optimiser what a run's last save holds. Returns how far the run was.

    Raises Problem where the save is missing, damaged or of another model.
    """
    path = run.state_file
    try:
        # Bytes rather than a memory map: on Windows a mapped file could not be replaced.
        content = path.read_bytes()
        tensors = load_tensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        progress: dict[str, Any] = json.loads(header["__metadata__"]["progress"])
        model.load_weights(
            {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
        )
        adam = optimizer.state_dict()
        adam["state"] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, i, key = name.split(".")
                adam["state"].setdefault(int(i), {})[key] = value
        optimizer.load_state_dict(adam)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise Problem(
            f"Run {run.name!r} has nothing to go on from: {path.name} is missing or damaged. Start a new run.",
            f"运行 {run.name!r} 无法继续：{path.name} 缺失或已损坏。请重新开始一个运行。",
        ) from error
    return progress


class Training:
    """A run being trained: the model, its optimiser and how far they are. `train` drives it."""

    def __init__(self, run: Run, config: TrainConfig, bar: Bar | None = None) -> None:
        self.run = run
        keep_freed_memory()
        self.machine = Machine.for_config(config)
        # Recorded, so that resuming goes on with the same numbers.
        self.config = replace(config, precision=self.machine.precision, threads=self.machine.threads)
        cores = os.cpu_count() or 1
        self.material = prepare(load_corpus(run, cores, bar), config, cores, bar)
        give_back_freed_memory()
        torch.manual_seed(config.seed)
        self.model = build_model(config, self.material.source_vocab, self.material.target_vocab)
        self.model.to(self.machine.device)
        self.optimizer = make_optimizer(self.model, config, self.machine)
        self.steps_per_epoch = math.ceil(len(self.material.train) / config.batch_size)
        self.steps = self.steps_per_epoch * config.epochs
        self.translator = Translator(
            self.model,
            self.material.source_vocab,
            self.material.target_vocab,
            self.material.source_tokenizer,
            self.material.target_tokenizer,
        )
        # What was asked on the way: see `take_wishes`.
        self.learning_rate_asked = config.learning_rate  # the schedule falls from here
        self.asked_at = 0  # the step from which it does
        self.teacher_forcing = config.teacher_forcing
        self.pinned = self._pinned_at_first()
        self._control_seen: tuple[int, int] | None = None
        self._paused = False
        # How far: all that resuming needs beside the tensors.
        self.step = 0
        self.seconds = 0.0
        self.epoch_loss = 0.0
        self.epoch_tokens = 0
        self.epoch_seconds = 0.0
        self.best_loss = math.inf  # validation loss of the weights that are kept
        self.best_epoch = 0
        self.best_bleu = -1.0
        self.best_bleu_epoch = 0
        self.patience_from = 0  # the epoch at which a finished run went on
        self.finished = False
        self.scoring_seconds = 0.0  # of the last epoch's end; a guess at the next
        self.test_seconds = 0.0  # a guess at the final test, from how long the last epoch's sentences took

    @property
    def epoch(self) -> int:
        """Finished epochs."""
        return self.step // self.steps_per_epoch

    def learning_rate(self) -> float:
        """Today's. A linear schedule falls from where the rate was last set to 0 at the end of all planned epochs: a
        run that goes on for more epochs takes the rate that a run planned for as many has at this step."""
        if self.config.schedule == "linear":
            return self.learning_rate_asked * (1 - (self.step - self.asked_at) / (self.steps - self.asked_at))
        return self.learning_rate_asked

    @property
    def over(self) -> bool:
        return self.step >= self.steps or self.out_of_patience

    @property
    def out_of_patience(self) -> bool:
        """True where an early stop is due: nothing was better for `patience` epochs."""
        best = {"never": self.epoch, "loss": self.best_epoch, "bleu": self.best_bleu_epoch}[self.config.early_stop]
        return self.epoch - max(best, self.patience_from) >= self.config.patience

    # What is asked on the way

    def take_wishes(self) -> tuple[list[dict[str, Any]], bool]:
        """Do what the run's control.json asks for now. Returns the rows of what changed, and whether to pause.

        A change is saved before the next step, so that a run killed after it goes on with it. New sentences are
        translated at once. After the last step a new rate is left alone: `_drop_late_wishes` says so.
        """
        path = self.run.folder / "control.json"
        try:
            stat = path.stat()
        except OSError:
            return [], False
        seen = (stat.st_mtime_ns, stat.st_size)
        if seen == self._control_seen:
            return [], self._paused
        control = self.run.control()
        self._control_seen, self._paused = seen, control.paused
        rows = []
        if control.learning_rate not in (None, self.learning_rate_asked) and not self.over:
            rows.append(self._changed("learning_rate", self.learning_rate(), control.learning_rate))
            self.learning_rate_asked, self.asked_at = float(control.learning_rate or 0.0), self.step
        if control.teacher_forcing not in (None, self.teacher_forcing) and not self.over:
            rows.append(self._changed("teacher_forcing", self.teacher_forcing, control.teacher_forcing))
            self.teacher_forcing = float(control.teacher_forcing or 0.0)
        room = MAX_PINNED - len(self.pinned)
        added = self._readable(sentence for sentence in control.pinned if sentence not in self.pinned)[:room]
        self.pinned += added
        self.write_samples(added)
        if rows or added:
            self.save_state()
        return rows, control.paused

    def _changed(self, name: str, old: float, new: float | None) -> dict[str, Any]:
        row = {"change": name, "from": old, "to": new, "at_step": self.step}
        self.run.append("metrics.jsonl", row)
        return row

    def _pinned_at_first(self) -> list[str]:
        """The config's; a few unseen ones where it names none, or only ours, which are Chinese, and the corpus is not."""
        unseen = list(dict.fromkeys(source for source, _ in self.material.split.valid))
        reads_chinese = sum(map(contains_chinese, unseen)) > len(unseen) / 2
        given = () if self.config.pinned == PINNED and not reads_chinese else self.config.pinned
        return self._readable(given) or self._readable(unseen[: len(PINNED)])

    def _readable(self, sentences: Iterable[str]) -> list[str]:
        """Those that the model can read."""
        readable = []
        for sentence in dict.fromkeys(sentences):
            try:
                self.translator.check(sentence)
            except Problem:
                continue
            readable.append(sentence)
        return readable

    # Saving and going on

    def save_state(self) -> None:
        """Write all that going on from here needs, in one atomic step."""
        tensors = {f"model.{name}": value for name, value in self._weights().items()}
        for i, values in self.optimizer.state_dict()["state"].items():
            tensors.update({f"adam.{i}.{key}": value.cpu().contiguous() for key, value in values.items()})
        progress = {
            "step": self.step,
            "seconds": self.seconds,
            "epoch_loss": self.epoch_loss,
            "epoch_tokens": self.epoch_tokens,
            "epoch_seconds": self.epoch_seconds,
            "best_loss": self.best_loss if math.isfinite(self.best_loss) else None,
            "best_epoch": self.best_epoch,
            "best_bleu": self.best_bleu,
            "best_bleu_epoch": self.best_bleu_epoch,
            "patience_from": self.patience_from,
            "finished": self.finished,
            "scoring_seconds": self.scoring_seconds,
            "test_seconds": self.test_seconds,
            "epochs": self.config.epochs,
            "learning_rate_asked": self.learning_rate_asked,
            "asked_at": self.asked_at,
            "teacher_forcing": self.teacher_forcing,
            "pinned": self.pinned,
            "files": {name: self._size(name) for name in ("metrics.jsonl", "samples.jsonl")},
        }
        write_atomically(self.run.state_file, save_tensors(tensors, {"progress": json.dumps(progress)}))

    def load_state(self) -> None:
        """Go back to the last save: the weights, the optimiser, and the rows written up to then."""
        progress = load_save(self.run, self.model, self.optimizer)
        self.step, self.seconds = progress["step"], progress["seconds"]
        self.epoch_loss, self.epoch_tokens = progress["epoch_loss"], progress["epoch_tokens"]
        self.epoch_seconds, self.best_epoch = progress["epoch_seconds"], progress["best_epoch"]
        self.best_loss = math.inf if progress["best_loss"] is None else progress["best_loss"]
        for name in (
            "best_bleu",
            "best_bleu_epoch",
            "patience_from",
            "scoring_seconds",
            "test_seconds",
            "learning_rate_asked",
            "asked_at",
            "teacher_forcing",
            "pinned",
        ):
            setattr(self, name, progress.get(name, getattr(self, name)))  # older saves lack some
        for name, size in progress["files"].items():
            if self._size(name) > size:
                os.truncate(self.run.folder / name, size)
        planned = progress.get("epochs", self.config.epochs)
        if planned != self.config.epochs:
            self._changed("epochs", planned, self.config.epochs)
        if progress.get("finished"):
            self.patience_from = self.epoch
            for name in ("scores.json", "test_outputs.jsonl", "README.md"):  # of the weights as they were
                (self.run.folder / name).unlink(missing_ok=True)
        self.save_state()

    def save_weights(self) -> None:
        write_atomically(self.run.weights, save_tensors(self._weights()))

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().contiguous().clone() for name, value in self.model.weights().items()}

    def _size(self, name: str) -> int:
        path = self.run.folder / name
        return path.stat().st_size if path.exists() else 0

    # What is told

    def end_epoch(self) -> EpochEnded:
        """Validate, translate a sample, keep the weights if they are the best so far, and write it all down.

        The best are those with the lowest validation loss: BLEU on a sample of sentences is too noisy to choose by.
        """
        begin = time.perf_counter()
        material, device = self.material, self.machine.device
        valid_loss = mean_loss(self.model, material.valid, 128, device)
        sample = self.material.split.valid[:BLEU_SENTENCES]
        translating = time.perf_counter()
        scores = score(self.translator.translate([source for source, _ in sample]), [target for _, target in sample])
        each = (time.perf_counter() - translating) / max(len(sample), 1)
        self.test_seconds = each * len(material.split.test) / GREEDY_SHARE
        best = valid_loss < self.best_loss
        if best:
            self.best_loss, self.best_epoch = valid_loss, self.epoch
            self.save_weights()
        if scores.bleu > self.best_bleu:
            self.best_bleu, self.best_bleu_epoch = scores.bleu, self.epoch
        row = {
            "epoch": self.epoch,
            "train_loss": self.epoch_loss / self.epoch_tokens,  # with dropout, and its own words now and then
            "train_loss_plain": sample_loss(self.model, material.train, device, forced=True),  # as validation is
            "valid_loss": valid_loss,
            "valid_loss_free": sample_loss(self.model, material.valid, device, forced=False),
            "bleu": scores.bleu,
            "bleu_lowercase": scores.bleu_lowercase,
            "train_seconds": round(self.epoch_seconds, 3),
            "tokens_per_second": round(self.epoch_tokens / max(self.epoch_seconds, 1e-9), 1),
            "at_step": self.step,
        }
        self.run.append("metrics.jsonl", row)
        self.write_samples(self.pinned)
        self.epoch_loss, self.epoch_tokens, self.epoch_seconds = 0.0, 0, 0.0
        give_back_freed_memory()
        self.scoring_seconds = time.perf_counter() - begin
        return EpochEnded(self.epoch, row, best)

    def write_samples(self, sentences: Sequence[str]) -> None:
        """Translate these pinned sentences as the weights are now, and write what stood to choose from."""
        self.model.eval()
        epoch = self.step / self.steps_per_epoch
        for source in sentences:
            trace = self.translator.trace(source)
            row = {
                "epoch": int(epoch) if epoch.is_integer() else round(epoch, 4),
                "step": self.step,
                "source": source,
                "translation": trace.written,  # as the model wrote it
                "trace": brief(trace),
            }
            self.run.append("samples.jsonl", row)

    def status(self, state: str, created: float) -> Status:
        rate = self.epoch_tokens / self.epoch_seconds if self.epoch_seconds else 0.0
        left = self.seconds / self.step * (self.steps - self.step) if self.step else 0.0
        left += self.scoring_seconds * (self.config.epochs - self.epoch) + self.test_seconds
        return Status(
            state,
            created=created,
            epoch=self.epoch,
            epochs=self.config.epochs,
            step=self.step,
            steps=self.steps,
            seconds=round(self.seconds, 2),
            seconds_left=round(left, 1),
            tokens_per_second=round(rate, 1),
            best_epoch=self.best_epoch,
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            training_pairs=len(self.material.train),
            device=self.machine.label,
            precision=self.machine.precision,
            threads=self.machine.threads,
        )


def train(run: Run, resume: bool = False) -> Iterator[Event]:
    """Train a run from its config, writing its folder, and yield what happens.

    With `resume` it goes on from the last save, or begins again where there was none, and ends with the losses of
    a run that was never cut off. The caller holds the run's lock. Raises Problem, after writing the reason into the
    status, where it cannot go on; a finished run that is to go on stays as it is.
    """
    if resume:
        run.check_resumable()
    created = run.status().created or time.time()
    if not run.stopped_while_starting():
        run.clear_stop()
    run.clear_halves()
    if run.control().paused:
        run.ask(paused=False)
    preparing = _preparing(run, created)
    run.write_status(preparing)
    try:
        yield from _train(run, preparing, resume)
    except Problem as problem:
        run.write_status(replace(run._written_status(), state=FAILED, reason_en=problem.en, reason_zh=problem.zh))
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        run.write_status(
            replace(
                run._written_status(),
                state=FAILED,
                reason_en=f"Unexpected: {said}. The details stand in train.log.",
                reason_zh=f"意外错误：{said}。详情见 train.log。",
            )
        )
        raise


def _preparing(run: Run, created: float) -> Status:
    """What is known before the sentences are read: of a run that goes on, how far it was, so that its curves stay."""
    before, epochs = run._written_status(), run.config.epochs
    if not before.epochs or not before.step:
        return Status(PREPARING, created=created, epochs=epochs)
    steps = round(before.steps / before.epochs * epochs)
    return replace(
        before,
        state=PREPARING,
        reason_en="",
        reason_zh="",
        created=created,
        epochs=epochs,
        steps=steps,
        share=0.0,
        share_seconds_left=0.0,
    )


def _train(run: Run, preparing: Status, resume: bool) -> Iterator[Event]:
    training = Training(run, run.config, Bar(_told(run, preparing)))
    created = preparing.created
    config, material = training.config, training.material
    run.write_config(config)
    if resume and run.state_file.exists():
        training.load_state()
    else:
        for name in ("metrics.jsonl", "samples.jsonl"):
            (run.folder / name).unlink(missing_ok=True)  # of a run cut off before its first save
        run.save_tokenizers(material.source_tokenizer, material.target_tokenizer)
        material.source_vocab.save(run.folder / "source_vocab.json")
        material.target_vocab.save(run.folder / "target_vocab.json")
        training.write_samples(training.pinned)
        training.save_state()  # so that weights never stand without what going on needs
    status = training.status(TRAINING, created)
    run.write_status(status)
    yield Prepared(
        parameters=status.parameters,
        source_words=len(material.source_vocab),
        target_words=len(material.target_vocab),
        pairs=len(material.train),
        step=training.step,
        steps=training.steps,
        device=status.device,
        precision=status.precision,
        threads=status.threads,
    )
    early = {math.ceil(training.steps_per_epoch * part) for part in EARLY} - {training.steps_per_epoch}
    last_save = last_status = time.perf_counter()
    yield from _wishes(training, created)
    while not training.over:
        pairs = material.epoch_pairs(config, training.epoch)
        rows = batch_rows(pairs, config.batch_size, config.seed + 7919 * training.epoch)
        for batch_of_rows in rows[training.step % training.steps_per_epoch :]:
            begin = time.perf_counter()
            batch = make_batch(pairs, batch_of_rows)
            learning_rate = training.learning_rate()
            for group in training.optimizer.param_groups:
                group["lr"] = learning_rate
            asked = replace(config, teacher_forcing=training.teacher_forcing)
            loss, tokens, norm = take_step(
                training.model, training.optimizer, batch, asked, training.machine, training.step
            )
            taken = time.perf_counter() - begin
            training.step += 1
            training.seconds += taken
            training.epoch_seconds += taken
            training.epoch_loss += loss
            training.epoch_tokens += tokens
            row = {
                "step": training.step,
                "loss": round(loss / tokens, 5),
                "tokens_per_second": round(tokens / taken, 1),
                "learning_rate": learning_rate,
                "gradient_norm": float(f"{norm:.4g}"),
            }
            run.append("metrics.jsonl", row)
            yield Stepped(training.step, row["loss"], row["tokens_per_second"])
            if training.step in early:
                training.write_samples(training.pinned)
            now = time.perf_counter()
            if training.step % training.steps_per_epoch == 0:
                measuring = training.status(MEASURING, created)
                run.write_status(replace(measuring, share_seconds_left=round(training.scoring_seconds, 1)))
                ended = training.end_epoch()
                training.save_state()
                yield ended
                last_save = time.perf_counter()
                run.write_status(training.status(TRAINING, created))
            elif now - last_save > SAVE_SECONDS:
                training.save_state()
                last_save = time.perf_counter()
            if now - last_status > STATUS_SECONDS:
                run.write_status(training.status(TRAINING, created))
                last_status = now
            yield from _wishes(training, created)
            if run.stop_requested:
                yield _stop(training, created)
                return
    yield _finish(training, created)


def _wishes(training: Training, created: float) -> Iterator[Event]:
    """Do what is asked of the run; while it is to pause, wait here, its memory kept."""
    run = training.run
    changes, paused = training.take_wishes()
    yield from map(Changed, changes)
    if not paused:
        return
    training.save_state()
    run.write_status(training.status(PAUSED, created))
    yield Paused(training.step)
    while paused and not run.stop_requested:
        time.sleep(0.1)
        changes, paused = training.take_wishes()
        yield from map(Changed, changes)
    run.write_status(training.status(TRAINING, created))


def _told(run: Run, status: Status) -> Callable[[float, str], None]:
    """Writes how much of preparing or scoring is done into the run's status, with the time left and what it is at,
    twice a second at most."""
    clock = Clock()
    last = 0.0

    def tell(share: float, stage: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < STATUS_SECONDS:
            return
        last = now
        left = round(clock.left(share), 1)
        run.write_status(replace(status, share=round(share, 4), share_seconds_left=left, stage=stage))

    return tell


def _drop_late_wishes(training: Training) -> tuple[str, str]:
    """Forget a learning rate or teacher forcing asked for after the last step: it would act, unasked, when the run
    goes on. Returns what was dropped, in both languages; empty where nothing."""
    control = training.run.control()
    late = [
        (en, zh, f"{value:g}")
        for en, zh, value, held in (
            ("learning rate", "学习率", control.learning_rate, training.learning_rate_asked),
            ("teacher forcing", "教师强制", control.teacher_forcing, training.teacher_forcing),
        )
        if value not in (None, held)
    ]
    if control != Control():
        training.run.ask(paused=False, learning_rate=None, teacher_forcing=None)
    if not late:
        return "", ""
    return (
        f"Asked for after the last step, and dropped: {', '.join(f'{en} {value}' for en, _, value in late)}.",
        f"最后一步之后才提出，没有采用：{'、'.join(f'{zh} {value}' for _, zh, value in late)}。",
    )


def _stop(training: Training, created: float) -> Ended:
    """Keep what there is: the best weights, or today's where no epoch has ended."""
    run = training.run
    if not run.weights.exists():
        training.save_weights()
        training.write_samples(training.pinned)
    training.save_state()
    run.clear_stop()
    dropped_en, dropped_zh = _drop_late_wishes(training)
    run.write_status(replace(training.status(STOPPED, created), reason_en=dropped_en, reason_zh=dropped_zh))
    return Ended(True, None)


def _finish(training: Training, created: float) -> Ended:
    """Score the best weights on the whole test split and write the run's card."""
    run, config = training.run, training.config
    run.write_status(training.status(SCORING, created))
    translator = Translator.load(run, str(training.machine.device))
    told = _told(run, training.status(SCORING, created))
    scores, outputs = evaluate(
        translator,
        training.material.split.test,
        epoch=training.best_epoch,
        # Who asks to stop now gets the greedy score alone: beam search is left out.
        report=lambda share: told(share, "") or not run.stop_requested,
    )
    training.finished = True
    training.save_state()
    save_evaluation(run, scores, outputs)
    write_atomically(run.folder / "README.md", card(training, scores).encode())
    run.clear_stop()
    reasons = [_drop_late_wishes(training)]
    if training.step < training.steps:
        loss = config.early_stop == "loss"
        early = (
            f"Ended early: the {'validation loss' if loss else 'BLEU'} was not better for {config.patience} epochs.",
            f"提前结束：{'验证损失' if loss else 'BLEU'}连续 {config.patience} 个训练轮次没有变好。",
        )
        reasons.insert(0, early)
    run.write_status(
        replace(
            training.status(FINISHED, created),
            seconds_left=0.0,
            reason_en=" ".join(en for en, _ in reasons if en),
            reason_zh="".join(zh for _, zh in reasons if zh),
        )
    )
    return Ended(False, scores)


def brief(trace: DecodeTrace) -> dict[str, Any]:
    """What the time machine draws of a trace: the source's words and whether they are known, and for each step the
    likeliest words with their probabilities and the attention in percent. Small: a run keeps some hundred of them."""
    steps = trace.steps[:KEPT_STEPS]
    return {
        "source": [[token.text, int(token.known)] for token in trace.source],
        "top": [
            [
                [candidate.token, float(f"{candidate.probability:.2g}")]
                for candidate in step.candidates[:KEPT_CANDIDATES]
            ]
            for step in steps
        ],
        "attention": [
            None if step.attention is None else [round(100 * weight) for weight in step.attention] for step in steps
        ],
    }


def card(training: Training, scores: Evaluation) -> str:
    """The run's README: what it is, how to make it again, how good it is, and whose sentences it learnt from."""
    config, material = training.config, training.material
    status = training.status(FINISHED, 0.0)
    changes = "".join(
        f"\n- At step {row['at_step']:,} {row['change']} was changed from {row['from']:g} to {row['to']:g}."
        for row in training.run.changes()
    )
    changes = f"\nChanged on the way, so this command alone does not make it again:\n{changes}\n" if changes else ""
    return f"""# {training.run.name}

A {direction(config)}Seq2Seq model of Seq2Seq Playground, preset `{config.preset}`, {status.parameters:,} parameters.

- Trained on {status.training_pairs:,} sentence pairs ({config.corpus}), {training.epoch} epochs in \
{training.seconds / 60:.1f} minutes ({status.device}, {status.precision}, threads: {status.threads}); best epoch {training.best_epoch}.
- Vocabularies: {len(material.source_vocab):,} source and {len(material.target_vocab):,} target words, from the training side alone.
{score_lines(scores)}

Made by:

    {command_line(training.run, config)}
{changes}
{material.attribution}
"""


def score_lines(scores: Evaluation) -> str:
    """The card's lines on how good the run is."""
    greedy = (
        f"- Score on its own test split, {scores.sentences:,} pairs that training never saw, greedy: "
        f"BLEU {_scored(scores, 'bleu')}, lowercased {_scored(scores, 'bleu_lowercase')}, "
        f"chrF {_scored(scores, 'chrf')}; in brackets the 95% interval (sacreBLEU `{scores.signature}`)."
    )
    if scores.beam is None:
        return greedy
    beam = f"By beam search of width {scores.beam_width}: BLEU lowercased {_scored(scores.beam, 'bleu_lowercase')}."
    return f"{greedy}\n- {beam}"


def _scored(scores: Measures, measure: str) -> str:
    low, high = scores.intervals[measure]
    return f"{getattr(scores, measure):.1f} [{low:.1f}, {high:.1f}]"


def direction(config: TrainConfig) -> str:
    """`Chinese→English `, as far as the settings tell; own sentences in word pieces or characters may be anything."""
    named = {"jieba": "Chinese", "spacy": "English"}
    source, target = named.get(config.source_tokenizer), named.get(config.target_tokenizer)
    if config.corpus != FILES:
        source, target = "Chinese", "English"
    return f"{source}→{target} " if source and target else ""


def command_line(run: Run, config: TrainConfig) -> str:
    """The command that makes this run again; only what differs from its preset is named."""
    from core.config import preset

    base = preset(config.preset)
    words = ["python", "-m", "core", "train", "--preset", config.preset, "--run", f"checkpoints/{run.name}"]
    for key, value in config.to_dict().items():
        if key in NO_OPTIONS or value == getattr(base, key):
            continue
        if key == "corpus" and value == FILES:
            words += ["--tsv", "pairs.tsv"]
        elif isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{key.replace('_', '-')}")
        else:
            words += [f"--{key.replace('_', '-')}", str(value)]
    return shlex.join(words)


# Before the start


@dataclass(frozen=True)
class Estimate:
    """What a run would be, measured on this machine with a few real steps."""

    parameters: int
    pairs: int  # training pairs there are, at most those asked for
    source_words: int
    target_words: int
    epoch_seconds: float
    device: str
    precision: str
    threads: int


def estimate(
    material: Material, config: TrainConfig, seconds: float = 1.0, report: Report = lambda share: None
) -> Estimate:
    """Train a throw-away model for about that long and count up to one epoch.

    material: as `prepare` makes it. Raises Problem where the device is not there.
    """
    machine = Machine.for_config(config)
    model = build_model(config, material.source_vocab, material.target_vocab).to(machine.device)
    optimizer = make_optimizer(model, config, machine)
    tokens, spent = 0, 0.0
    for step, rows in enumerate(batch_rows(material.train, config.batch_size, config.seed)):
        begin = time.perf_counter()
        _, words, _ = take_step(model, optimizer, make_batch(material.train, rows), config, machine, step)
        if step:  # the first step warms up
            spent += time.perf_counter() - begin
            tokens += words
        report(spent / seconds)
        if spent > seconds:
            break
    return Estimate(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        pairs=len(material.train),
        source_words=len(material.source_vocab),
        target_words=len(material.target_vocab),
        epoch_seconds=material.train.target_tokens / tokens * spent if tokens else 0.0,
        device=machine.label,
        precision=machine.precision,
        threads=machine.threads,
    )
