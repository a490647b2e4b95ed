"""Scores a run from its folder alone: here, or in a process of its own, `python -m core evaluate --save`.

That process holds `scoring.lock` and says in `scoring.json` how far it is; a page only looks.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from filelock import FileLock, Timeout

from core.config import FILES
from core.corpus import Pair
from core.evaluation import BEAM_WIDTH, evaluate, restorable, restore, save
from core.problems import Problem
from core.processes import START_SECONDS, held, unwritable
from core.processes import start as start_process
from core.progress import Bar, Clock, Report
from core.runs import Run, write_atomically
from core.scoring import Evaluation, Output

PROGRESS, LOCK = "scoring.json", "scoring.lock"


def evaluate_run(
    run: Run, beam: int = BEAM_WIDTH, report: Report = lambda share: None
) -> tuple[Evaluation, list[Output]]:
    """Score a run's weights on its own test split. Raises Problem where it cannot be read."""
    from core.material import load_corpus
    from core.translator import Translator

    translator = Translator.load(run)
    pairs = load_corpus(run).split(run.config.split_seed).test
    return evaluate(translator, pairs, beam, run.status().weights_epoch, report)


def restore_sentences(runs: Sequence[Run], bar: Bar | None = None) -> None:
    """Put the test sentences back into the folders of runs that came without them: they lie in the corpus' package.

    A run stays as it is where it is damaged, or where the package holds other sentences today.
    """
    from core.material import named_corpus

    tests: dict[tuple[str, ...], Sequence[Pair]] = {}
    for run in runs:
        try:
            config = run.config
            if config.corpus == FILES or not restorable(run):
                continue
            key = config.corpus, str(config.split_seed), config.source_tokenizer, config.target_tokenizer
            if key not in tests:
                tests[key] = named_corpus(config, None if tests else bar).split(config.split_seed).test
            restore(run, tests[key])
        except (Problem, OSError):
            continue


def score_and_save(run: Run, beam: int = BEAM_WIDTH, report: Report = lambda share: None) -> Evaluation:
    """Score a run and write both files, saying in `scoring.json`, and to `report`, how far it is.

    Raises Problem where somebody else is at it, the run trains, or it cannot be read.
    """
    _check_idle(run)
    try:
        lock = FileLock(run.folder / LOCK).acquire(timeout=5)
    except Timeout:
        raise Problem(f"Run {run.name!r} is being scored already.", f"运行 {run.name!r} 已经在评分。") from None
    except OSError as error:
        raise unwritable(run.folder, error) from error
    clock = Clock()

    def told(share: float) -> None:
        _write_progress(run, share, left=clock.left(share))
        report(share)

    with lock:
        try:
            _write_progress(run, 0.0)
            evaluation, outputs = evaluate_run(run, beam, told)
            save(run, evaluation, outputs)
        except OSError as error:
            raise unwritable(run.folder, error) from error
        except Problem as problem:
            _write_progress(run, 0.0, problem)
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            _write_progress(run, 0.0, Problem(f"Unexpected: {said}", f"意外错误：{said}"))
            raise
        (run.folder / PROGRESS).unlink(missing_ok=True)
    return evaluation


def _check_idle(run: Run) -> None:
    if run.locked():
        raise Problem("This run is training. It is scored at its end.", "这个运行正在训练，训练结束时会自动评分。")


# In the background


@dataclass(frozen=True)
class Progress:
    """How far the process is that scores a run; `problem` says why the last one ended without a score."""

    alive: bool
    share: float = 0.0
    seconds_left: float = 0.0  # 0 while nobody knows
    problem: Problem | None = None


def progress(run: Run) -> Progress:
    """What `scoring.json` says, checked against the lock."""
    try:
        content = json.loads((run.folder / PROGRESS).read_text("utf-8"))
        share, updated, left = (float(content.get(key, 0.0)) for key in ("share", "updated", "seconds_left"))
        problem = content["problem"] and Problem(str(content["problem"][0]), str(content["problem"][1]))
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return Progress(False)
    if problem:
        return Progress(False, problem=problem)
    just_begun = share == 0 and time.time() - updated < START_SECONDS
    if just_begun or held(run.folder / LOCK):
        return Progress(True, share, max(1.0, left - (time.time() - updated)) if left else 0.0)
    return Progress(
        False,
        problem=Problem(
            "Scoring ended without a word: its process was killed, or the machine went off. Start it again.",
            "评分进程突然结束了：被终止，或机器关机。请重新开始。",
        ),
    )


def _write_progress(run: Run, share: float, problem: Problem | None = None, left: float = 0.0) -> None:
    said = problem and [problem.en, problem.zh]
    content = {"share": round(share, 4), "seconds_left": round(left, 1), "updated": time.time(), "problem": said}
    write_atomically(run.folder / PROGRESS, json.dumps(content, ensure_ascii=False).encode())


def start(run: Run) -> None:
    """Score a run in a process of its own, which outlives whoever called. Raises Problem where that cannot begin."""
    _check_idle(run)
    command = ["evaluate", "--run", str(run.folder.resolve()), "--save", "--quiet"]
    try:
        _write_progress(run, 0.0)
        start_process(command, run.folder / "train.log")
    except OSError as error:
        raise unwritable(run.folder, error) from error
