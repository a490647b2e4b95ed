"""The training loop: a generator of what happens, which writes the run's folder as it goes."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.batches import batch_rows, make_batch
from core.card import card
from core.evaluation import evaluate
from core.evaluation import save as save_evaluation
from core.problems import Problem
from core.progress import Bar, Clock
from core.runs import (
    FAILED,
    FINISHED,
    GROWING,
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
from core.scoring import Evaluation
from core.step import take_step
from core.training import Training
from core.translator import Translator

SAVE_SECONDS = 30.0  # between two saves of what resuming needs
STATUS_SECONDS = 0.5
EARLY = (1 / 16, 1 / 8, 1 / 4, 1 / 2)  # parts of the first epoch at which the pinned sentences are translated too


# What happens


@dataclass(frozen=True)
class Prepared:
    """Before the first step (or the next, when resumed)."""

    parameters: int
    source_words: int
    target_words: int
    pairs: int  # an epoch, the added ones among them
    added: int
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


# The loop


Tell = Callable[[float, str], object]  # is told a share that is done, 0 to 1, and of what


def train(run: Run, resume: bool = False, tell: Tell = lambda share, stage: None) -> Iterator[Event]:
    """Train a run from its config, writing its folder, and yield what happens.

    With `resume` it goes on from the last save, or begins again where there was none, and ends with the losses of
    a run that was never cut off. tell: hears of the preparing and the scoring, during which no event comes. The caller
    holds the run's lock. Raises Problem, after writing the reason into the
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
        yield from _train(run, preparing, resume, tell)
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


def _train(run: Run, preparing: Status, resume: bool, tell: Tell) -> Iterator[Event]:
    training = Training(run, run.config, Bar(_told(run, preparing, tell)))
    created = preparing.created
    config, material = training.config, training.material
    run.write_config(config)
    if resume and run.state_file.exists():
        training.load_state()
    else:
        for name in GROWING:
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
        pairs=material.learnt,
        added=len(material.added),
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
        rows = batch_rows(pairs, config.batch_size, config.seed + 7919 * training.epoch, config.even_batches)
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
                row, best = training.end_epoch()
                training.save_state()
                yield EpochEnded(training.epoch, row, best)
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
    yield _finish(training, created, tell)


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


def _told(run: Run, status: Status, tell: Tell) -> Callable[[float, str], None]:
    """Writes how much of preparing or scoring is done into the run's status, with the time left and what it is at,
    twice a second at most, and passes it on."""
    clock = Clock()
    last = 0.0

    def told(share: float, stage: str) -> None:
        nonlocal last
        tell(share, stage)
        now = time.monotonic()
        if now - last < STATUS_SECONDS:
            return
        last = now
        left = round(clock.left(share), 1)
        run.write_status(replace(status, share=round(share, 4), share_seconds_left=left, stage=stage))

    return told


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
    """Keep what there is: the weights of an epoch, or today's where no epoch has ended."""
    run = training.run
    if not run.weights.exists():
        training.save_weights()
        training.write_samples(training.pinned)
    training.save_state()
    run.clear_stop()
    dropped_en, dropped_zh = _drop_late_wishes(training)
    run.write_status(replace(training.status(STOPPED, created), reason_en=dropped_en, reason_zh=dropped_zh))
    return Ended(True, None)


def _finish(training: Training, created: float, tell: Tell) -> Ended:
    """Score the weights that are kept on the whole test split and write the run's card."""
    run, config = training.run, training.config
    run.write_status(training.status(SCORING, created))
    translator = Translator.load(run, str(training.machine.device))
    told = _told(run, training.status(SCORING, created), tell)
    scores, outputs = evaluate(
        translator,
        training.material.split.test,
        epoch=training.kept_epoch,
        # Who asks to stop now gets the greedy score alone: beam search is left out.
        report=lambda share: told(share, "scoring") or not run.stop_requested,
    )
    training.finished = True
    training.save_state()
    save_evaluation(run, scores, outputs)
    write_atomically(run.folder / "README.md", card(training, scores).encode())
    run.clear_stop()
    reasons = [_drop_late_wishes(training)]
    if training.step < training.steps:
        loss = config.early_stop == "loss"
        epochs = "1 epoch" if config.patience == 1 else f"{config.patience} epochs"
        early = (
            f"Ended early: {'the validation loss' if loss else 'BLEU'} was not better for {epochs}.",
            f"提前结束：{'验证损失' if loss else 'BLEU'}连续 {config.patience} 个训练轮次没有变好。",
        )
        if config.keep == "last":
            early = (
                f"{early[0]} The weights kept are those of the last epoch, {training.epoch}.",
                f"{early[1]}保留的是最后一轮（第 {training.epoch} 轮）的权重。",
            )
        elif training.best_epoch:  # 0 where no loss was a number
            early = (
                f"{early[0]} The weights kept are those of epoch {training.best_epoch}, where the validation loss was lowest.",
                f"{early[1]}保留的是第 {training.best_epoch} 轮的权重，那时验证损失最低。",
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
