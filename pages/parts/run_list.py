"""All past runs: open, translate with, rename, delete."""

import time
from html import escape

import streamlit as st

from core import runs
from core.problems import Problem
from core.runs import Run, list_runs, lowest_loss
from pages.parts.fields import field_value
from pages.parts.history import history
from pages.parts.language import language, say, t
from pages.parts.share import export_button, import_box
from pages.parts.watch import chip, reason


def run_list() -> str | None:
    """Draw the list. Returns the name of the run that the visitor wants to open, if any."""
    imported = import_box()
    asked = imported.name if imported else None
    found = list_runs()
    if not found:
        st.caption(t("No runs yet.", "还没有运行。"))
    for run in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            if _row(run):
                asked = run.name
    return asked


def _row(run: Run) -> bool:
    status = run.status()
    st.fragment(_facts, run_every=3 if status.alive else None)(run, status.alive)
    opened = st.button(t("Open", "打开"), key=f"open-{run.name}")
    if run.translates and status.state != runs.DAMAGED:
        st.page_link(
            "streamlit_app.py", label=t("Translate", "翻译"), query_params={"lang": language(), "run": run.name}
        )
        export_button(run, "list")
    if not run.shipped and not status.alive:
        _change(run)
    return opened


def _facts(run: Run, alive: bool) -> None:
    """The run in one line, kept up to date while it trains; once that ends, the page is drawn anew."""
    status = run.status()
    if alive and not status.alive:
        st.rerun()
    epochs = history(run).epochs
    facts = []
    if status.state != runs.DAMAGED:
        try:
            config = run.config
            facts = [
                f"{config.preset} · {field_value('corpus', config.corpus)}",
            ]
            if status.epochs:
                facts.append(t(f"{status.epoch} of {status.epochs} epochs", f"{status.epoch}/{status.epochs} 轮"))
        except Problem:
            pass
    if (kept := lowest_loss(epochs)) is not None:
        epoch, bleu = f"{kept['epoch']:g}", f"{kept['bleu']:.1f}"
        facts.append(
            t(f"lowest loss after epoch {epoch}, BLEU {bleu} there", f"第 {epoch} 轮损失最低，那时 BLEU {bleu}")
        )
    if status.created:
        facts.append(time.strftime("%Y-%m-%d %H:%M", time.localtime(status.created)))
    if run.shipped:
        facts = [*facts[:-1], t("came with the app", "随应用提供")]
    why = f'<div class="mute small">{escape(reason(status))}</div>' if reason(status) else ""
    st.html(
        f'<div><b>{escape(run.name)}</b> {chip(status.state)} <span class="mute small">{escape(" · ".join(facts))}</span>{why}</div>'
    )


def _change(run: Run) -> None:
    with st.popover("⋯", help=t("Rename or delete", "重命名或删除"), key=f"change-{run.name}"):
        name = st.text_input(t("New name", "新名称"), run.name, key=f"new-name-{run.name}")
        if st.button(t("Rename", "重命名"), key=f"rename-{run.name}"):
            _do(lambda: run.rename(name), run)
        if run.extendable:
            st.divider()
            size = run.state_file.stat().st_size / 2**20
            st.caption(
                t(
                    "Kept so that it can learn for more epochs. Without it the run translates as before.",
                    "留着它，以后还能再训练几轮。删掉它不影响翻译。",
                )
            )
            if st.button(
                t(f"Free {size:,.0f} MB", f"释放 {size:,.0f} MB"),
                key=f"forget-{run.name}",
            ):
                _do(run.forget_save, run)
        st.divider()
        st.caption(t("Deleting cannot be undone.", "删除后无法恢复。"))
        if st.button(t("Delete this run", "删除这个运行"), key=f"delete-{run.name}", type="primary"):
            _do(run.delete, run)


def _do(change: object, run: Run) -> None:
    try:
        renamed = change()  # type: ignore[operator]
    except Problem as problem:
        st.warning(say(problem))
        return
    if st.session_state.get("watched") == run.name:
        st.session_state["watched"] = renamed.name if isinstance(renamed, Run) else None
    st.rerun()
