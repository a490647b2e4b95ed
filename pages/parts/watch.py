"""A run as it learns: a window onto its folder, redrawn each second while its process lives."""

import os
from html import escape
from itertools import pairwise
from typing import Any

import streamlit as st

from core import runs
from core.problems import Problem
from core.runs import Run, Status
from pages.parts.charts import bleu_chart, loss_chart, shown_epochs
from pages.parts.language import language, say, t
from pages.parts.new_run import duration


def state_name(state: str) -> str:
    return {
        runs.WAITING: t("starting", "正在启动"),
        runs.PREPARING: t("preparing", "准备数据"),
        runs.TRAINING: t("training", "训练中"),
        runs.SCORING: t("scoring", "评分中"),
        runs.FINISHED: t("finished", "已完成"),
        runs.STOPPED: t("stopped", "已停止"),
        runs.FAILED: t("failed", "失败"),
        runs.INTERRUPTED: t("cut off", "意外中断"),
        runs.DAMAGED: t("damaged", "已损坏"),
    }[state]


def chip(state: str) -> str:
    """The state as a coloured word."""
    colour = "--encoder" if state in runs.ALIVE else "--chosen" if state == runs.FINISHED else "--context"
    colour = "--mute" if state == runs.STOPPED else colour
    return f'<span class="chip" style="--chip:var({colour})">{state_name(state)}</span>'


def reason(status: Status) -> str:
    return t(status.reason_en, status.reason_zh)


def watch(run: Run) -> None:
    """Draw the run; while it trains, again each second."""
    polling = run.status().alive
    st.fragment(_panel, run_every=1 if polling else None)(run, polling)


def _panel(run: Run, polling: bool) -> None:
    status = run.status()
    if status.alive and not polling:
        st.rerun()  # gone on with a click in here: from now on it has to be drawn each second
    was_alive = st.session_state.get("watching") == run.name
    st.session_state["watching"] = run.name if status.alive else None
    if was_alive and not status.alive:
        st.rerun()  # the rest of the page has to know too
    with st.container(border=True, key="panel"):
        _head(run, status)
        if status.state == runs.DAMAGED:
            return
        steps, epochs = run.steps(), run.epochs()
        _numbers(status, steps, epochs)
        _progress(run, status)
        per_epoch = status.steps / status.epochs if status.epochs and status.steps else 1.0
        left, right = st.columns([1.05, 1])
        with left:
            note = t(
                "grey: sentences it learns from · blue: ones it has never seen",
                "灰色：正在学的句子 · 蓝色：从没见过的句子",
            )
            st.html(f'<h2 class="part">{t("Loss", "损失")}<span>{note}</span></h2>')
            width = shown_epochs(status.epochs, status.step / per_epoch)
            st.altair_chart(loss_chart(steps, epochs, status.best_epoch, width, per_epoch), key="loss-chart")
            note = t("how close to the reference translations, 0 to 100", "与参考译文有多接近，0 到 100")
            st.html(f'<h2 class="part">BLEU<span>{note}</span></h2>')
            st.altair_chart(bleu_chart(epochs, status.best_epoch, width), key="bleu-chart")
        with right:
            note = t("orange line: changed since the column before", "橙色下划线：与前一列不同")
            st.html(f'<h2 class="part">{t("What it writes", "它写出来的句子")}<span>{note}</span></h2>')
            st.html(samples_table(run.samples()))


def _head(run: Run, status: Status) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<h1 class="title">{escape(run.name)} {chip(status.state)}</h1>', width="content")
        st.space("stretch")
        if status.alive:
            stopping = run.stop_requested
            label = t("Stopping …", "正在停止……") if stopping else t("■ Stop, keep the best", "■ 停止，保留最好的权重")
            st.button(label, key="stop", on_click=run.request_stop, disabled=stopping)
        else:
            if run.resumable:
                st.button(t("▶ Go on", "▶ 继续训练"), key="resume", on_click=_resume, args=(run,))
            if run.translates and status.state != runs.DAMAGED:
                st.page_link(
                    "streamlit_app.py",
                    label=t("Translate with it →", "用它翻译 →"),
                    query_params={"lang": language(), "run": run.name},
                )
    try:
        config = run.config
        pairs = f"{status.training_pairs:,}" if status.training_pairs else "…"
        what = t(
            f"preset {config.preset} · {config.corpus}, {pairs} pairs · teacher forcing {config.teacher_forcing:g} · seed {config.seed}",
            f"预设 {config.preset} · {config.corpus}，{pairs} 个句对 · 教师强制 {config.teacher_forcing:g} · 随机种子 {config.seed}",
        )
        st.html(f'<span class="mute">{escape(what)}</span>')
    except Problem as problem:
        st.html(f'<div class="reason">{escape(say(problem))}</div>')
        return
    if reason(status):
        st.html(f'<div class="reason">{escape(reason(status))}</div>')


def _resume(run: Run) -> None:
    try:
        run.start(resume=True)
    except OSError as error:
        st.toast(str(error))


def _numbers(status: Status, steps: list[dict[str, Any]], epochs: list[dict[str, Any]]) -> None:
    recent = [row["loss"] for row in steps[-50:]]
    last = epochs[-1] if epochs else {}
    rate = status.tokens_per_second or last.get("tokens_per_second")
    cells = [
        (t("training loss", "训练损失"), f"{sum(recent) / len(recent):.2f}" if recent else "–"),
        (t("validation loss", "验证损失"), f"{last['valid_loss']:.2f}" if last else "–"),
        ("BLEU", f"{last['bleu']:.1f}" if last else "–"),
        (t("words a second", "每秒词数"), f"{rate:,.0f}" if rate else "–"),
    ]
    if status.alive:
        left = duration(status.seconds_left) if status.step else "–"
        cells.append((t("time left", "剩余时间"), left))
    else:
        cells.append((t("trained for", "训练用时"), duration(status.seconds)))
    if status.device:
        where = f"{status.device} · {status.precision}"
        if status.device == "CPU":
            cores = os.cpu_count() or 1
            where += (
                t(f" · {status.threads} of {cores} cores", f" · {cores} 核用 {status.threads}") if status.alive else ""
            )
        cells.append((t("on", "设备"), where))
    html = "".join(f"<div><span>{label}</span><b>{escape(value)}</b></div>" for label, value in cells)
    st.html(f'<div class="numbers">{html}</div>')


def _progress(run: Run, status: Status) -> None:
    share = status.step / status.steps if status.steps else 0.0
    if status.state in (runs.WAITING, runs.PREPARING):
        note = t("reading and cutting the sentences, a few seconds", "正在读取语料并分词，几秒钟就好")
    else:
        note = t(
            f"epoch {min(status.epoch + 1, status.epochs) if status.alive else status.epoch} of {status.epochs} · "
            f"step {status.step:,} of {status.steps:,}",
            f"第 {min(status.epoch + 1, status.epochs) if status.alive else status.epoch} 轮，共 {status.epochs} 轮 · "
            f"第 {status.step:,} 步，共 {status.steps:,} 步",
        )
    if status.alive:
        note += t(
            " · leave this page or close the browser: the run goes on",
            " · 离开这个页面或关掉浏览器，训练都会继续",
        )
    scores = run.scores()
    if scores:
        note += t(
            f" · on {scores['sentences']:,} unseen test sentences: BLEU {scores['bleu_lowercase']:.1f} lowercased",
            f" · 在 {scores['sentences']:,} 个没见过的测试句子上：BLEU {scores['bleu_lowercase']:.1f}（不分大小写）",
        )
    st.html(f'<div class="progress"><i style="width:{share:.1%}"></i></div><div class="mute small">{note}</div>')


def samples_table(rows: list[dict[str, Any]], columns: int = 3) -> str:
    """The pinned sentences by epoch, the first, some between and the last, changed words underlined. Text is escaped."""
    epochs = sorted({row["epoch"] for row in rows})
    if not epochs:
        return f'<p class="mute">{t("The first translations come in a moment.", "第一批译文马上就来。")}</p>'
    picked = sorted({epochs[round(i * (len(epochs) - 1) / (columns - 1))] for i in range(columns)})
    by_place = {(row["epoch"], row["source"]): row["translation"] for row in rows}
    head = "".join(
        f"<th>{t('before training', '训练前') if epoch == 0 else t(f'epoch {epoch}', f'第 {epoch} 轮')}</th>"
        for epoch in picked
    )
    body = ""
    for source in dict.fromkeys(row["source"] for row in rows):
        texts = [str(by_place.get((epoch, source), "")) for epoch in picked]
        cells = f"<td>{_clip(texts[0])}</td>" + "".join(
            f"<td>{_changed(old, new)}</td>" for old, new in pairwise(texts)
        )
        body += f"<tr><td>{escape(source)}</td>{cells}</tr>"
    return f'<table class="samples"><tr><th>{t("source", "原文")}</th>{head}</tr>{body}</table>'


def _clip(text: str, words: int = 7) -> str:
    """An untrained model goes round in circles; a few words show that."""
    parts = text.split()
    return escape(" ".join(parts[:words])) + (" …" if len(parts) > words else "")


def _changed(old: str, new: str) -> str:
    known = set(old.split())
    parts = new.split()[:30]
    return " ".join(escape(word) if word in known else f'<span class="new">{escape(word)}</span>' for word in parts)
