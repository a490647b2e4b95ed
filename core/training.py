"""A run being trained: the model, its optimiser, how far they are, and how that is saved and taken up again."""

import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from safetensors.torch import save as save_tensors
from torch import Tensor

from core.config import PINNED, TrainConfig
from core.corpus import LinePairs
from core.decode import DecodeTrace
from core.evaluation import BEAM_WIDTH, OUTPUTS, SCORES, TRANSLATIONS, parts
from core.machine import Machine, give_back_freed_memory, keep_freed_memory
from core.material import load_corpus, prepare
from core.problems import Problem
from core.progress import Bar
from core.runs import GROWING, MAX_PINNED, Run, Status, write_atomically
from core.saves import load_save, write_save
from core.scoring import score
from core.step import make_optimizer, mean_loss, sample_loss
from core.text import contains_chinese
from core.translator import Translator, build_model

BLEU_SENTENCES = 500  # translated after each epoch; the whole test split only at the end
KEPT_CANDIDATES, KEPT_STEPS = 5, 40  # of a pinned sentence's trace


class Training:
    """A run being trained: the model, its optimiser and how far they are. `core/train.py` drives it."""

    def __init__(self, run: Run, config: TrainConfig, bar: Bar | None = None) -> None:
        self.run = run
        keep_freed_memory()
        self.machine = Machine.for_config(config)
        # Recorded, so that resuming goes on with the same numbers.
        self.config = replace(config, precision=self.machine.precision, threads=self.machine.threads)
        cores = os.cpu_count() or 1
        added = list(LinePairs(run.added_file)) if config.added else ()
        self.material = prepare(load_corpus(run, cores, bar), config, cores, bar, added)
        give_back_freed_memory()
        torch.manual_seed(config.seed)
        self.model = build_model(config, self.material.source_vocab, self.material.target_vocab)
        self.model.to(self.machine.device)
        self.optimizer = make_optimizer(self.model, config, self.machine)
        self.steps_per_epoch = math.ceil(self.material.learnt / config.batch_size)
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
    def kept_epoch(self) -> int:
        """Whose weights are kept."""
        return self.epoch if self.config.keep == "last" else self.best_epoch

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
            "files": {name: self._size(name) for name in GROWING},
        }
        write_save(self.run, self._weights(), self.optimizer, progress)

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
        for name in GROWING:
            if self._size(name) > progress["files"][name]:
                os.truncate(self.run.folder / name, progress["files"][name])
        planned = progress.get("epochs", self.config.epochs)
        if planned != self.config.epochs:
            self._changed("epochs", planned, self.config.epochs)
        if progress.get("finished"):
            self.patience_from = self.epoch
            for name in (SCORES, OUTPUTS, TRANSLATIONS, "README.md"):  # of the weights as they were
                (self.run.folder / name).unlink(missing_ok=True)
        self.save_state()

    def save_weights(self) -> None:
        write_atomically(self.run.weights, save_tensors(self._weights()))

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self.model.weights().items()}

    def _size(self, name: str) -> int:
        path = self.run.folder / name
        return path.stat().st_size if path.exists() else 0

    # What is told

    def end_epoch(self) -> tuple[dict[str, Any], bool]:
        """Validate, translate a sample, keep the weights if they are those to keep, and write it all down. Returns
        the row of metrics.jsonl, and whether they are the best so far.

        The best are those with the lowest validation loss: BLEU on a sample of sentences is too noisy to choose by.
        """
        begin = time.perf_counter()
        material, device = self.material, self.machine.device
        valid_loss = mean_loss(self.model, material.valid, 128, device)
        sample = self.material.split.valid[:BLEU_SENTENCES]
        translating = time.perf_counter()
        scores = score(self.translator.translate([source for source, _ in sample]), [target for _, target in sample])
        each = (time.perf_counter() - translating) / max(len(sample), 1)
        scoring = sum(parts(BEAM_WIDTH, self.run.reverse.translates))
        self.test_seconds = each * len(material.split.test) * scoring
        best = valid_loss < self.best_loss
        if best:
            self.best_loss, self.best_epoch = valid_loss, self.epoch
        if best or self.config.keep == "last":
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
            "bleu_sentences": len(sample),
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
        return row, best

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
            kept_epoch=self.kept_epoch,
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            training_pairs=self.material.learnt,
            device=self.machine.label,
            precision=self.machine.precision,
            threads=self.machine.threads,
        )


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
