"""Runs: one folder each, which is enough to translate, explain and go on training.

    config.json                 the TrainConfig
    source_vocab.json, target_vocab.json
    source_pieces.model, target_pieces.model    for a side that is cut into pieces: sentencepiece's model
    model.safetensors           the weights that are kept: the best so far, or the last epoch's
    metrics.jsonl               a row a step (`step`, `loss`, …), a row an epoch (`epoch`, `train_loss`, …)
                                a row a change on the way (`change`, `from`, `to`, `at_step`)
    samples.jsonl               the pinned sentences' translations at each epoch, and what stood to choose from
    status.json                 how far it is, replaced while it trains
    control.json                what the person asks of it while it trains: to pause, another learning rate, …
    scores.json                 once finished: the scores on the run's own test split (core/evaluation.py)
    test_outputs.jsonl          the test sentences, their references and translations
    test_translations.jsonl     the translations alone, of a run that ships: the sentences are other people's
    README.md                   once finished: the command that makes the run again, the attributions
    train.log                   what the training process printed
    pairs.tsv                   a person's own sentence pairs, where it was trained on such
    added.tsv                   pairs learnt beside the training side, where there are such
    training_state.safetensors  what going on needs, also for more epochs once it is finished

The training process holds `run.lock` for its whole life; nothing else tells reliably whether it lives.
"""

import json
import math
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from core.config import FILES, TrainConfig
from core.problems import Problem
from core.processes import PROJECT, START_SECONDS, held, start, unwritable
from core.text import PieceTokenizer, Tokenizer, tokenizer
from core.vocab import Vocab

if TYPE_CHECKING:
    from core.corpus import Pair

# The first translates where nothing else was chosen. The twins differ in attention alone.
SHIPPED = ("tatoeba-hsk-attention", "tatoeba-hsk-pieces", "lesson", "twin-attention", "twin-no-attention")

WAITING, PREPARING, TRAINING, PAUSED = "waiting", "preparing", "training", "paused"
MEASURING, SCORING = "measuring", "scoring"  # after an epoch, on a sample; at the end, on the whole test split
FINISHED, STOPPED, FAILED, INTERRUPTED, DAMAGED = "finished", "stopped", "failed", "interrupted", "damaged"
ALIVE = (WAITING, PREPARING, TRAINING, MEASURING, PAUSED, SCORING)
STATES = (*ALIVE, FINISHED, STOPPED, FAILED, INTERRUPTED, DAMAGED)

_NAME = re.compile(r"\w[\w .+-]{0,59}")
_WINDOWS_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
MAX_PINNED = 20
MAX_ZIP = 200 * 2**20  # bytes; what the page takes as an upload
GROWING = ("metrics.jsonl", "samples.jsonl")  # files that a trainer appends to
_OWN_FILES = ("config.json", "model.safetensors", "status.json", "metrics.jsonl")


def checkpoints_folder() -> Path:
    """Where runs live: `checkpoints/` of the project, or what the variable SEQ2SEQ_CHECKPOINTS names."""
    return Path(os.environ.get("SEQ2SEQ_CHECKPOINTS") or PROJECT / "checkpoints")


@dataclass(frozen=True)
class Status:
    """How far a run is. `reason_*` say, in both languages, why a failed or damaged one is no good, or why a finished
    one ended before its last epoch."""

    state: str
    reason_en: str = ""
    reason_zh: str = ""
    created: float = 0.0  # seconds since 1970
    updated: float = 0.0
    epoch: int = 0  # finished epochs
    epochs: int = 0
    step: int = 0
    steps: int = 0  # of all epochs together
    seconds: float = 0.0  # trained so far, without preparing
    seconds_left: float = 0.0  # of the whole run
    share: float = 0.0  # of the preparing or the scoring, 0 to 1
    stage: str = ""  # what it is at while it prepares (core/material.py)
    share_seconds_left: float = 0.0
    tokens_per_second: float = 0.0
    best_epoch: int = 0  # with the lowest validation loss
    kept_epoch: int = 0  # whose weights are kept; 0: the best one's
    parameters: int = 0
    training_pairs: int = 0
    device: str = ""
    precision: str = ""
    threads: int = 0

    @property
    def alive(self) -> bool:
        return self.state in ALIVE

    @property
    def weights_epoch(self) -> int:
        """Whose weights are kept."""
        return self.kept_epoch or self.best_epoch


@dataclass(frozen=True)
class Control:
    """What the person asks of a run while it trains; the trainer looks after each step. None: as it is."""

    paused: bool = False
    learning_rate: float | None = None
    teacher_forcing: float | None = None
    pinned: tuple[str, ...] = ()  # sentences to follow beside the config's

    def __post_init__(self) -> None:
        """Raises Problem for a value that training cannot take."""
        known = {item.name: item.metadata for item in fields(TrainConfig)}
        for name in ("learning_rate", "teacher_forcing"):
            value, low, high = getattr(self, name), known[name]["low"], known[name]["high"]
            if value is not None and not (isinstance(value, (int, float)) and low <= value <= high):
                raise Problem(
                    f"{name} must be {low:g} to {high:g}, got {value!r}",
                    f"{name} 必须在 {low:g} 到 {high:g} 之间，现在是 {value!r}",
                )
        if not all(isinstance(sentence, str) for sentence in self.pinned):
            raise Problem("pinned must be sentences", "pinned 必须是句子")


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file in one step: whoever reads sees the old content or the new, never a half."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        for attempt in range(50):
            try:
                os.replace(temporary, path)
                return
            except PermissionError:
                # Windows refuses while another process reads the file; it is done in a moment.
                if attempt == 49:
                    raise
                time.sleep(0.02)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file. A last line still being written and damaged lines are left out."""
    try:
        return _rows(path.read_bytes())
    except OSError:
        return []


def _rows(content: bytes) -> list[dict[str, Any]]:
    rows = []
    for line in content.split(b"\n"):
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


class GrowingRows:
    """A JSON-lines file that a trainer appends to, read a piece at a time, so that watching a long run stays cheap."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0  # where the next piece begins
        self._before = b""  # the last bytes read: a file that no longer has them there was cut and written anew

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """The rows written since the last call, whole lines alone, and whether the file began anew: then forget the
        rows of earlier calls."""
        anew = False
        try:
            with open(self.path, "rb") as file:
                file.seek(self._end - len(self._before))
                if file.read(len(self._before)) != self._before:
                    anew, self._end, self._before = True, 0, b""
                    file.seek(0)
                piece = file.read()
        except OSError:
            anew, self._end, self._before = self._end > 0, 0, b""
            return [], anew
        whole = piece[: piece.rfind(b"\n") + 1]
        self._end += len(whole)
        self._before = (self._before + whole)[-128:]
        return _rows(whole), anew


def _with(rows: list[dict[str, Any]], numbers: tuple[str, ...], texts: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The rows that have all of these; a row of something else, or damaged, is left out."""
    return [
        row
        for row in rows
        if all(isinstance(row.get(key), (int, float)) for key in numbers)
        and all(isinstance(row.get(key), str) for key in texts)
    ]


def step_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return _with(rows, numbers=("step", "loss", "tokens_per_second"))


def epoch_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return _with(rows, numbers=("epoch", "train_loss", "valid_loss", "bleu", "train_seconds", "tokens_per_second"))


def lowest_loss(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Of the epochs' rows the first with the lowest validation loss, whose weights are kept unless the run keeps the
    last. None where no loss is a number."""
    sound = [row for row in rows if math.isfinite(row["valid_loss"])]
    return min(sound, key=lambda row: row["valid_loss"], default=None)


def change_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return _with(rows, numbers=("at_step", "from", "to"), texts=("change",))


def sample_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return _with(rows, numbers=("epoch",), texts=("source", "translation"))


def check_name(name: str) -> str:
    """The run's name, trimmed. Raises Problem for one that could not be a folder on every system."""
    name = name.strip()
    if (
        not _NAME.fullmatch(name)
        or ".." in name
        or name.endswith(".")
        or name.split(".")[0].lower() in _WINDOWS_DEVICES
    ):
        raise Problem(
            f"{name!r} cannot be a run's name. Use 1 to 60 letters, digits, blanks or - _ + . and begin with a letter.",
            f"{name!r} 不能用作运行的名称。请用 1 到 60 个文字、数字、空格或 - _ + .，并以文字或数字开头。",
        )
    return name


NEEDED = ("config.json", "source_vocab.json", "target_vocab.json", "model.safetensors")  # to translate
# A reverse model lies in a folder of its own in its run's: what it needs, and what tells where it is from.
REVERSE = "reverse"
REVERSE_FILES = (*NEEDED, "source_pieces.model", "target_pieces.model", "README.md")


class Run:
    """One run's folder. Making the object reads nothing; every call reads what is on the disk now."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def shipped(self) -> bool:
        """True for a run that came with the repository; it is not to be renamed or deleted."""
        return self.name in SHIPPED and self.folder.parent.resolve() == (PROJECT / "checkpoints").resolve()

    @classmethod
    def create(
        cls,
        folder: Path | str,
        config: TrainConfig,
        pairs: "Iterable[Pair] | None" = None,
        added: "Sequence[Pair]" = (),
    ) -> "Run":
        """Make a new run's folder with its config, and the person's own pairs if the corpus is theirs.

        added: pairs to learn beside the training side, as core/diversify.py makes them. Raises Problem where the name is no good, is taken (also by another start at the same moment) or the
        folder cannot be written.
        """
        folder = Path(folder)
        run = cls(folder.parent / check_name(folder.name))
        try:
            run.folder.parent.mkdir(parents=True, exist_ok=True)
            run.folder.mkdir()
            # Not at the top: it brings numpy and pyarrow, without which the first page is drawn sooner.
            from core.corpus import save_pairs

            if pairs is not None:
                save_pairs(pairs, run.folder / "pairs.tsv")
            if added:
                save_pairs(added, run.added_file)
            run.write_config(replace(config, added=len(added)))
            now = time.time()
            run.write_status(Status(WAITING, created=now, updated=now, epochs=config.epochs))
        except OSError as error:
            if isinstance(error, FileExistsError) and run.folder.exists():
                raise Problem(
                    f"A run named {run.name!r} exists already. Choose another name, or delete that run first.",
                    f"已经有名为 {run.name!r} 的运行。请换一个名称，或先删除那个运行。",
                ) from None
            raise unwritable(run.folder.parent, error) from error
        return run

    # What stands in the folder

    @property
    def config(self) -> TrainConfig:
        """Raises Problem if `config.json` is missing, damaged or from something else."""
        if not self.folder.is_dir():
            raise Problem(
                f"There is no run {self.name!r} in {self.folder.parent}.",
                f"{self.folder.parent} 里没有运行 {self.name!r}。",
            )
        try:
            return TrainConfig.from_dict(json.loads((self.folder / "config.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise Problem(
                f"config.json of run {self.name!r} cannot be read ({type(error).__name__}). "
                "Delete the run or copy the folder again.",
                f"读不了运行 {self.name!r} 的 config.json（{type(error).__name__}）。请删除这个运行，或重新复制整个文件夹。",
            ) from error

    def write_config(self, config: TrainConfig) -> None:
        text = json.dumps(config.to_dict(), ensure_ascii=False, indent=2)
        write_atomically(self.folder / "config.json", text.encode() + b"\n")

    @property
    def weights(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def version(self) -> tuple[str, int]:
        """What a cache of the loaded model hangs on: the folder and when its weights were replaced."""
        try:
            return str(self.folder), self.weights.stat().st_mtime_ns
        except OSError:
            return str(self.folder), 0

    @property
    def reverse(self) -> "Run":
        """The model of the other direction that reads translations back (core/read_back.py); few runs have one."""
        return Run(self.folder / REVERSE)

    @property
    def translates(self) -> bool:
        """True if all files that translating needs are there."""
        return all((self.folder / name).is_file() for name in NEEDED)

    def vocabularies(self) -> tuple[Vocab, Vocab]:
        """Source and target. Raises Problem if one cannot be read."""
        return Vocab.load(self.folder / "source_vocab.json"), Vocab.load(self.folder / "target_vocab.json")

    def tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """What cuts source and target. Raises Problem where a piece tokenizer's model is missing or damaged."""
        config = self.config
        return self._tokenizer("source", config.source_tokenizer), self._tokenizer("target", config.target_tokenizer)

    def _tokenizer(self, side: str, name: str) -> Tokenizer:
        if name != PieceTokenizer.name:
            return tokenizer(name)
        path = self.folder / f"{side}_pieces.model"
        try:
            return PieceTokenizer(path.read_bytes())
        except (OSError, RuntimeError) as error:
            raise Problem(
                f"{path.name} of run {self.name!r} cannot be read ({type(error).__name__}). "
                "Delete the run or copy the folder again.",
                f"读不了运行 {self.name!r} 的 {path.name}（{type(error).__name__}）。请删除这个运行，或重新复制整个文件夹。",
            ) from error

    def save_tokenizers(self, source: Tokenizer, target: Tokenizer) -> None:
        """Write the models of those that have one."""
        for side, cut in (("source", source), ("target", target)):
            if isinstance(cut, PieceTokenizer):
                write_atomically(self.folder / f"{side}_pieces.model", cut.model)

    def steps(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl that belong to a step."""
        return step_rows(self.metrics())

    def epochs(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl that belong to an epoch."""
        return epoch_rows(self.metrics())

    def changes(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl that tell what was changed on the way, and at which step."""
        return change_rows(self.metrics())

    def metrics(self) -> list[dict[str, Any]]:
        return read_json_lines(self.folder / "metrics.jsonl")

    def samples(self) -> list[dict[str, Any]]:
        """The rows of samples.jsonl: one pinned sentence's translation after an epoch, 0 before training, with a
        fraction inside an epoch. Rows of older runs have no `trace`."""
        return sample_rows(read_json_lines(self.folder / "samples.jsonl"))

    def scores(self) -> dict[str, Any]:
        """The score on the run's own test split; empty before it is finished."""
        try:
            content = json.loads((self.folder / "scores.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        whole = _with([content] if isinstance(content, dict) else [], numbers=("bleu", "bleu_lowercase", "sentences"))
        return whole[0] if whole else {}

    def append(self, name: str, row: dict[str, Any]) -> None:
        with open(self.folder / name, "ab") as file:
            file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    def log(self, text: str) -> None:
        """Add a line to train.log."""
        with open(self.folder / "train.log", "a", encoding="utf-8") as file:
            file.write(text + "\n")

    # Whether it lives

    def lock(self) -> FileLock:
        return FileLock(self.folder / "run.lock")

    def locked(self) -> bool:
        """True while a training process holds the run."""
        return held(self.folder / "run.lock")

    def write_status(self, status: Status) -> None:
        text = json.dumps(asdict(replace(status, updated=time.time())), ensure_ascii=False)
        write_atomically(self.folder / "status.json", text.encode())

    def status(self) -> Status:
        """How far the run is, checked against the lock: one that says it trains while nobody holds it was cut off.

        Never raises: a folder that cannot be read is `damaged`, with the reason.
        """
        try:
            self.config  # noqa: B018  # raises where it is damaged
        except Problem as problem:
            return Status(DAMAGED, problem.en, problem.zh)
        status = self._written_status()
        if status.alive and not self.locked():
            # It may have ended, or only just begun, between the two looks.
            status = self._written_status()
            just_begun = status.state == WAITING and time.time() - status.updated < START_SECONDS
            if status.alive and not just_begun:
                status = replace(
                    status,
                    state=INTERRUPTED,
                    reason_en="Its process ended without a word: killed, out of memory, or the machine went off. "
                    "What was learnt up to the last save is kept; it can go on.",
                    reason_zh="训练进程突然结束了：被终止、内存不足，或机器关机。最近一次保存之前学到的都还在，可以继续训练。",
                )
        if status.state in (FINISHED, STOPPED) and not self.translates:
            missing = "model.safetensors / source_vocab.json / target_vocab.json"
            status = Status(
                DAMAGED,
                f"One of {missing} is missing. Delete the run or copy the folder again.",
                f"缺少 {missing} 中的文件。请删除这个运行，或重新复制整个文件夹。",
            )
        return status

    def _written_status(self) -> Status:
        try:
            content = json.loads((self.folder / "status.json").read_text("utf-8"))
            status = Status(**{item.name: content[item.name] for item in fields(Status) if item.name in content})
            values = [(getattr(status, item.name), item.type) for item in fields(Status)]
            sound = all(isinstance(value, str if kind is str else (int, float)) for value, kind in values)
            if status.state not in STATES or not sound:
                raise ValueError("not a run's status")
            return status
        except (OSError, ValueError, TypeError, AttributeError):
            # A folder copied without its status still translates.
            if self.translates:
                return Status(FINISHED)
            return Status(
                DAMAGED, "status.json cannot be read. Delete the run.", "读不了 status.json。请删除这个运行。"
            )

    @property
    def state_file(self) -> Path:
        """The last save: what going on needs."""
        return self.folder / "training_state.safetensors"

    @property
    def added_file(self) -> Path:
        return self.folder / "added.tsv"

    @property
    def has_sentences(self) -> bool:
        """False for a run on somebody's own sentences, or with added ones, that came without them."""
        try:
            config = self.config
        except Problem:
            return False
        own = config.corpus != FILES or (self.folder / "pairs.tsv").is_file()
        return own and (not config.added or self.added_file.is_file())

    @property
    def resumable(self) -> bool:
        """True if it can go on and nobody is at it; one cut off before its first save begins again."""
        if not self.has_sentences:
            return False
        state = self.status().state
        if self.state_file.is_file():
            return state in (STOPPED, FAILED, INTERRUPTED)
        return state == INTERRUPTED and not self.weights.exists()

    @property
    def extendable(self) -> bool:
        """True if it is finished and can learn for more epochs."""
        return self.state_file.is_file() and self.has_sentences and self.status().state == FINISHED

    def check_resumable(self) -> None:
        """Raise Problem where going on would lose trained weights, the last save being missing, or nothing is left to do."""
        if self.weights.exists() and not self.state_file.is_file():
            raise Problem(
                f"Run {self.name!r} has nothing to go on from: there is no {self.state_file.name}. "
                "Start a new run with its settings.",
                f"运行 {self.name!r} 无法继续：缺少 {self.state_file.name}。请用它的设置开始一个新的运行。",
            )
        if not self.has_sentences:
            raise Problem(
                f"Run {self.name!r} came without the sentences it was trained on, pairs.tsv. Start a new run from your files.",
                f"运行 {self.name!r} 没有附带训练用的句子（pairs.tsv）。请用你的文件开始一个新的运行。",
            )
        status = self._written_status()
        if status.state == FINISHED and self.config.epochs <= status.epoch:
            raise Problem(
                f"Run {self.name!r} has done all its {status.epoch} epochs. Ask for more: --epochs {status.epoch + 5}.",
                f"运行 {self.name!r} 的 {status.epoch} 个训练轮次已全部完成。请要求更多轮次：--epochs {status.epoch + 5}。",
            )

    # What a person does with it

    def start(self, resume: bool = False) -> None:
        """Train in a process of its own, which outlives whoever called: `python -m core train --run FOLDER`.

        Raises Problem where it is to go on and there is nothing to go on from.
        """
        command = ["train", "--run", str(self.folder.resolve()), "--quiet"]
        if resume:
            self.check_resumable()
            command.append("--resume")
            if self.control().paused:  # a pause asked of a process that is gone: who goes on takes it back
                self.ask(paused=False)
            self.write_status(replace(self._written_status(), state=WAITING, reason_en="", reason_zh=""))
        start(command, self.folder / "train.log")

    def plan(self, epochs: int) -> None:
        """Set how many epochs a run that does not train is to have in all. Raises Problem where it has them already,
        where it trains, or where it came with the repository."""
        self._check_changeable()
        done = self.status().epoch
        if epochs <= done:
            raise Problem(
                f"Run {self.name!r} has done {done} epochs. Ask for more than that.",
                f"运行 {self.name!r} 已经完成 {done} 个训练轮次。请填更大的数。",
            )
        self.write_config(replace(self.config, epochs=epochs))

    def request_stop(self) -> None:
        """Ask the training process to stop after the step it is at; it keeps the best weights."""
        (self.folder / "stop").touch()

    @property
    def stop_requested(self) -> bool:
        return (self.folder / "stop").exists()

    def stopped_while_starting(self) -> bool:
        """True where the stop was asked for since the run was last started; an older request is a killed process's."""
        status = self._written_status()
        try:
            return status.state == WAITING and (self.folder / "stop").stat().st_mtime >= status.updated - 0.1
        except OSError:
            return False

    def control(self) -> Control:
        """What is asked of the run; nothing where there is no file or it is no good."""
        try:
            content = json.loads((self.folder / "control.json").read_text("utf-8"))
            known = {item.name: content[item.name] for item in fields(Control) if item.name in content}
            return Control(**{**known, "pinned": tuple(known.get("pinned", ()))})
        except (OSError, ValueError, TypeError, Problem):
            return Control()

    def ask(self, **changes: Any) -> None:
        """Change what is asked of the run: fields of Control. Raises Problem for a value it cannot take."""
        control = replace(self.control(), **changes)
        write_atomically(self.folder / "control.json", json.dumps(asdict(control), ensure_ascii=False).encode())

    def clear_stop(self) -> None:
        (self.folder / "stop").unlink(missing_ok=True)

    def clear_halves(self) -> None:
        """Remove what a process that was killed while it wrote has left."""
        for path in self.folder.glob(".*.*"):
            if path.name.removeprefix(".").startswith(("model.", "training_state.", "status.", "config.", "control.")):
                path.unlink(missing_ok=True)

    def rename(self, name: str) -> "Run":
        """Raises Problem where the name is no good or taken, the run trains, or it came with the repository."""
        name = check_name(name)
        self._check_changeable()
        target = self.folder.parent / name
        if target.exists() and not target.samefile(self.folder):
            raise Problem(
                f"A run named {name!r} exists already. Choose another name.",
                f"已经有名为 {name!r} 的运行。请换一个名称。",
            )
        self._on_disk(lambda: self.folder.rename(target))
        return Run(target)

    def forget_save(self) -> None:
        """Drop what going on for more epochs needs, about three times the weights. Raises Problem as `delete` does."""
        self._check_changeable()
        self._on_disk(lambda: self.state_file.unlink(missing_ok=True))

    def delete(self) -> None:
        """Remove the folder. Raises Problem where the run trains or came with the repository."""
        self._check_changeable()
        self._on_disk(lambda: shutil.rmtree(self.folder))

    def _check_changeable(self) -> None:
        if self.shipped:
            raise Problem(
                "This run came with the app and stays as it is.", "这个运行是随应用一起提供的，不能重命名或删除。"
            )
        # A run just resumed holds the lock before its status says so.
        if self.status().alive or self.locked():
            raise Problem("This run is training. Stop it first.", "这个运行正在训练。请先停止。")

    def _on_disk(self, change: Any) -> None:
        try:
            change()
        except OSError as error:
            raise Problem(
                f"Cannot change {self.folder} ({error.strerror}). Check its permissions and that no program uses it.",
                f"无法修改 {self.folder}（{error.strerror}）。请检查权限，并确认没有程序正在使用它。",
            ) from error


def list_runs(folder: Path | None = None) -> list[Run]:
    """All runs of the folder, the newest first, damaged ones included. Folders with none of a run's files are left out."""
    folder = folder or checkpoints_folder()
    try:
        children = [child for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".")]
    except OSError:
        return []
    runs = [Run(child) for child in children if any((child / name).exists() for name in _OWN_FILES)]
    return sorted(runs, key=lambda run: (-_created(run), run.name))


def _created(run: Run) -> float:
    return run._written_status().created


def find_run(name: str, folder: Path | None = None) -> Run:
    """The run of that name. Raises Problem if there is none."""
    folder = folder or checkpoints_folder()
    run = Run(folder / check_name(name))
    if not run.folder.is_dir():
        raise Problem(
            f"There is no run named {name!r}. Choose another one.", f"没有名为 {name!r} 的运行。请选择别的运行。"
        )
    return run


def free_name(stem: str, folder: Path | None = None) -> str:
    """The first of stem-1, stem-2, … that no run has."""
    folder = folder or checkpoints_folder()
    number = 1
    while (folder / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"
