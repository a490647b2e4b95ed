"""Processes that outlive whoever started them, and the files through which they are known: a lock and what they say."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.problems import Problem

PROJECT = Path(__file__).resolve().parent.parent

# A new process imports torch before it takes its lock; on a slow disk that takes a while.
START_SECONDS = 60


def wait_briefly() -> None:
    """Let torch's threads sleep where they wait for one another; to be called before torch is imported.

    By themselves they wait in a loop, for each other's share of every product. Beside one busy process, two on two
    cores then train at less than half of their speed, and two such runs at a tenth (`BENCHMARKS.md`). Whoever has
    said how they shall wait is heard.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # asleep at once
        # On Linux torch has GNU's OpenMP, which can be told more: so many turns of the loop first, since waking takes
        # longer than most waits.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def start(command: Sequence[str], log: Path) -> None:
    """Run `python -m core COMMAND` in a process of its own, which writes into the log. Raises OSError."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    with open(log, "ab") as file:
        subprocess.Popen(
            [sys.executable, "-m", "core", *command],
            cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, **detached,
        )  # fmt: skip


def held(path: Path) -> bool:
    """True while a process holds the lock of that file: the one sure sign that it lives."""
    if not path.exists():
        return False  # acquiring would make the file, and a folder that is gone
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def unwritable(folder: Path, error: OSError) -> Problem:
    return Problem(
        f"Cannot write to {folder} ({error.strerror}). Check its permissions and that the disk is not full.",
        f"无法写入 {folder}（{error.strerror}）。请检查权限，以及磁盘是否已满。",
    )
