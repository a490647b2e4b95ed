"""Train: start a run and watch it learn."""

import streamlit as st

from core.problems import Problem
from core.runs import Run, find_run, list_runs
from pages.parts import address
from pages.parts.language import say, t
from pages.parts.new_run import new_run
from pages.parts.run_list import run_list
from pages.parts.scroll import FORM, PANEL, scroll_to, scroll_where_asked
from pages.parts.shell import heading, shell
from pages.parts.watch import watch

shell(t("Train", "训练"))
heading(
    t("Train a model of your own", "训练一个自己的模型"),
    t(
        "Start, and watch the loss fall and the translations take shape. It runs on its own, whatever happens to this page.",
        "点击开始，看着损失下降、译文渐渐成形。训练独立进行，关掉页面也不受影响。",
    ),
)


def watched_run() -> Run | None:
    """The run in the address, else the one opened before, else one that is training now."""
    name = address.news("watch") or st.session_state.get("watched")
    if name:
        try:
            return find_run(name)
        except Problem as problem:
            st.warning(say(problem))
            st.session_state["watched"] = None
    return next((run for run in list_runs() if run.status().alive), None)


run = watched_run()
if run is not None:
    st.session_state["watched"] = run.name
    address.write("watch", run.name)
    watch(run)

with st.container(border=True, key=FORM):
    st.html(f'<h2 class="part">{t("A new run", "新的运行")}</h2>')
    started = new_run()

st.html(f'<h2 class="part">{t("All runs", "全部运行")}</h2>')
asked = started.name if started else run_list()
if asked:
    st.session_state["watched"] = asked
    address.write("watch", asked)
    scroll_to(PANEL)
    st.rerun()
scroll_where_asked()
