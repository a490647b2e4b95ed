"""Work that takes a while: done in the background, and drawn as a bar with what it is at and the time left."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, TypeVar

import streamlit as st

from core.progress import Bar, Clock
from pages.parts.language import t

AT_ONCE = 0.4  # seconds that a page waits for a result before it draws a bar

A = TypeVar("A")


class Task(Generic[A]):
    """Work on a thread of this worker's, begun when those asked for before are done, and how far it is."""

    def __init__(self, worker: ThreadPoolExecutor, work: Callable[[Bar], A]) -> None:
        self.share = 0.0
        self.stage = ""
        self._clock: Clock | None = None  # None before it begins
        self._future = worker.submit(self._run, work)

    def _run(self, work: Callable[[Bar], A]) -> A:
        self._clock = Clock()
        return work(Bar(self._tell))

    def _tell(self, share: float, stage: str) -> None:
        self.share, self.stage = share, stage

    @property
    def done(self) -> bool:
        return self._future.done()

    def done_soon(self) -> bool:
        """Whether it is done, waiting for that a moment."""
        wait([self._future], AT_ONCE)
        return self.done

    @property
    def begun(self) -> bool:
        return self._clock is not None

    def cancel(self) -> bool:
        """False where it has begun."""
        return self._future.cancel()

    @property
    def cancelled(self) -> bool:
        return self._future.cancelled()

    @property
    def seconds_left(self) -> float | None:
        """None while that cannot be told."""
        return None if self._clock is None or self.share < 0.05 else self._clock.left(self.share)

    def result(self) -> A:
        """Waits for it. Raises what the work raised."""
        return self._future.result()


def stage_name(stage: str) -> str:
    """What is done in a stage of `core/material.py` and others; a stage without a name of its own says nothing."""
    return {
        "reading": t("reading the sentences", "正在读取句子"),
        "learning": t("learning word pieces, timed by the size of the text", "正在学习子词（进度按文本大小估计）"),
        "cutting": t("cutting the sentences into words", "正在分词"),
        "counting": t("cutting the sentences into words and counting them", "正在分词并统计"),
        "timing": t("timing a few steps on this machine", "正在这台机器上试跑几步"),
        "scoring": t("scoring", "正在评分"),
    }.get(stage, "")


def bar(share: float, note: str) -> None:
    """note: HTML."""
    st.html(f'<div class="progress"><i style="width:{share:.1%}"></i></div><div class="mute small">{note}</div>')


def how_far(share: float, left: float | None) -> str:
    """`: 40%, about 20 s left`; empty while nobody knows."""
    if not share:
        return ""
    if not left:
        return t(f": {share:.0%}", f"：{share:.0%}")
    return t(f": {share:.0%}, about {duration(left)} left", f"：{share:.0%}，大约还要 {duration(left)}")


def task_bar(task: "Task[A]", note: str) -> None:
    """How far the work is; note: what is done, where its stage does not say it."""
    if not task.begun:
        note = t("waiting for other work of this page to end", "正在等这个页面的其他工作结束")
    bar(task.share, (stage_name(task.stage) or note) + how_far(task.share, task.seconds_left))


def wait_for(task: "Task[A]", note: str) -> bool:
    """True if the work is done. Else draws how far it is, each moment again, and then the whole page."""
    if task.done_soon():
        return True
    st.fragment(_waiting, run_every=0.7)(task, note)
    return False


def _waiting(task: "Task[A]", note: str) -> None:
    if task.done:
        st.rerun()
    task_bar(task, note)


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = max(1, round(seconds))
    if whole < 60:
        return t(f"{whole} s", f"{whole} 秒")
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return t(f"{minutes} min {rest} s", f"{minutes} 分 {rest} 秒")
    hours, rest = divmod(whole // 60, 60)
    return t(f"{hours} h {rest} min", f"{hours} 小时 {rest} 分")
