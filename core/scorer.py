"""Scores a run from its folder alone: here, or in a process of its own, `python -m core evaluate --save`.

That process holds `scoring.lock` and says in `scoring.json` how far it is; a page only looks.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from filelock import FileLock, Timeout

from core.evaluation import BEAM_WIDTH, Report, evaluate, save
from core.problems import Problem
from core.runs import PROJECT, START_SECONDS, Run, write_atomically
from core.scoring import Evaluation, Output

PROGRESS, LOCK = "scoring.json", "scoring.lock"


def evaluate_run(
    run: Run, beam: int = BEAM_WIDTH, report: Report = lambda share: None
) -> tuple[Evaluation, list[Output]]:
    """Score a run's best weights on its own test split. Raises Problem where it cannot be read."""
    from core.material import load_corpus
    from core.translator import Translator

    translator = Translator.load(run)
    pairs = load_corpus(run).split(run.config.split_seed).test
    return evaluate(translator, pairs, beam, run.status().best_epoch, report)


def score_and_save(run: Run, beam: int = BEAM_WIDTH) -> Evaluation:
    """Score a run and write both files, saying in `scoring.json` how far it is.

    Raises Problem where somebody else is at it, the run trains, or it cannot be read.
    """
    _check_idle(run)
    try:
        lock = FileLock(run.folder / LOCK).acquire(timeout=5)
    except Timeout:
        raise Problem(f"Run {run.name!r} is being scored already.", f"运行 {run.name!r} 已经在评分。") from None
    except OSError as error:
        raise _unwritable(run, error) from error
    with lock:
        try:
            _write_progress(run, 0.0)
            evaluation, outputs = evaluate_run(run, beam, lambda share: _write_progress(run, share))
            save(run, evaluation, outputs)
        except OSError as error:
            raise _unwritable(run, error) from error
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


def _unwritable(run: Run, error: OSError) -> Problem:
    return Problem(
        f"Cannot write to {run.folder} ({error.strerror}). Give this folder write permission.",
        f"无法写入 {run.folder}（{error.strerror}）。请给这个文件夹写权限。",
    )


# In the background


@dataclass(frozen=True)
class Progress:
    """How far the process is that scores a run; `problem` says why the last one ended without a score."""

    alive: bool
    share: float = 0.0
    problem: Problem | None = None


def progress(run: Run) -> Progress:
    """What `scoring.json` says, checked against the lock."""
    try:
        content = json.loads((run.folder / PROGRESS).read_text("utf-8"))
        share, updated = float(content["share"]), float(content["updated"])
        problem = content["problem"] and Problem(str(content["problem"][0]), str(content["problem"][1]))
    except (OSError, ValueError, TypeError, LookupError):
        return Progress(False)
    if problem:
        return Progress(False, problem=problem)
    just_begun = share == 0 and time.time() - updated < START_SECONDS
    if just_begun or _held(run):
        return Progress(True, share)
    return Progress(
        False,
        problem=Problem(
            "Scoring ended without a word: its process was killed, or the machine went off. Start it again.",
            "评分进程突然结束了：被终止，或机器关机。请重新开始。",
        ),
    )


def _held(run: Run) -> bool:
    if not (run.folder / LOCK).exists():
        return False
    lock = FileLock(run.folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _write_progress(run: Run, share: float, problem: Problem | None = None) -> None:
    said = problem and [problem.en, problem.zh]
    content = {"share": round(share, 4), "updated": time.time(), "problem": said}
    write_atomically(run.folder / PROGRESS, json.dumps(content, ensure_ascii=False).encode())


def start(run: Run) -> None:
    """Score a run in a process of its own, which outlives whoever called. Raises Problem where that cannot begin."""
    _check_idle(run)
    command = [sys.executable, "-m", "core", "evaluate", "--run", str(run.folder.resolve()), "--save", "--quiet"]
    # One core is left to the page that watches, and threads that wait do not spin.
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONIOENCODING": "utf-8"}
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 2) - 1)))
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    try:
        _write_progress(run, 0.0)
        with open(run.folder / "train.log", "ab") as log:
            subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **detached
            )
    except OSError as error:
        raise _unwritable(run, error) from error
