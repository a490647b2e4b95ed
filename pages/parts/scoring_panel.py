"""Scoring a run in the background: the button, the progress, the reason where it failed."""

import streamlit as st

from core import scorer
from core.problems import Problem
from core.runs import Run
from pages.parts.language import say, t
from pages.parts.progress import bar, how_far


def scoring_panel(run: Run, why: str, again: bool = False) -> None:
    """Offer to score the run, saying why, or show how far that is; redrawn each second while it goes on."""
    polling = scorer.progress(run).alive
    st.fragment(_panel, run_every=1 if polling else None)(run, why, again, polling)


def _panel(run: Run, why: str, again: bool, polling: bool) -> None:
    progress = scorer.progress(run)
    if progress.alive != polling:
        st.rerun()  # it has begun or ended: the rest of the page has to know too
    if progress.alive:
        note = t(
            "This run is being scored on its test sentences. It goes on if you leave this page.",
            "正在用测试句子给这个运行评分。离开这个页面也会继续。",
        )
        st.html(f'<div class="mute">{note}</div>')
        at = (
            t("translating the test sentences", "正在翻译测试句子")
            if progress.share
            else t("reading the model and its sentences", "正在读取模型和句子")
        )
        bar(progress.share, at + how_far(progress.share, progress.seconds_left))
        return
    if progress.problem:
        st.warning(say(progress.problem))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            t("Score again", "重新评分") if again else t("Score it now", "现在评分"),
            key="score",
            on_click=_start,
            args=(run,),
            type="secondary" if again else "primary",
        )
        st.html(f'<span class="mute">{why}</span>', width="stretch")


def _start(run: Run) -> None:
    try:
        scorer.start(run)
    except Problem as problem:
        st.toast(say(problem))
