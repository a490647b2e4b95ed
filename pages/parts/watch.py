"""A run as it learns: a window onto its folder, redrawn while its process lives."""

import math
import time
from html import escape

import streamlit as st

from core import runs
from core.problems import Problem, count_of
from core.runs import MAX_PINNED, Run, Status, list_runs
from core.text import contains_chinese
from pages.parts.fields import differences, field_value
from pages.parts.history import History, history
from pages.parts.language import language, say, t
from pages.parts.new_run import begin_from
from pages.parts.progress import bar, duration, how_far, stage_name
from pages.parts.scroll import FORM, PANEL, scroll_to
from pages.parts.slowmotion import slow_motion
from pages.parts.timemachine import curves, time_machine

REDRAW_SECONDS = 1.5
START_SECONDS = 8.0  # that importing torch takes, where no run has told yet


def state_name(state: str) -> str:
    return {
        runs.WAITING: t("starting", "正在启动"),
        runs.PREPARING: t("preparing", "准备数据"),
        runs.TRAINING: t("training", "训练中"),
        runs.MEASURING: t("training", "训练中"),
        runs.PAUSED: t("paused", "已暂停"),
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
    colour = "--mute" if state in (runs.STOPPED, runs.PAUSED) else colour
    return f'<span class="chip" style="--chip:var({colour})">{state_name(state)}</span>'


def reason(status: Status) -> str:
    return t(status.reason_en, status.reason_zh)


def watch(run: Run) -> None:
    """Draw the run; while it trains, again and again."""
    polling = run.status().alive
    st.fragment(_panel, run_every=REDRAW_SECONDS if polling else None)(run, polling, _relatives(run))
    if run.status().state != runs.DAMAGED:
        slow_motion(run)


def _relatives(run: Run) -> list[str]:
    """One line for the run that this one began from, and for each that began from it, with what was changed."""
    try:
        config = run.config
    except Problem:
        return []
    lines = []
    for other in list_runs(run.folder.parent):
        try:
            its = other.config
        except Problem:
            continue
        name = escape(other.name)
        if other.name == config.based_on and other.name != run.name:
            changed = escape(differences(its, config)) or t("nothing", "没有")
            lines.append(t(f"From <b>{name}</b>, changed: {changed}", f"基于 <b>{name}</b>，改动：{changed}"))
        elif its.based_on == run.name and other.name != run.name:
            changed = escape(differences(config, its)) or t("nothing", "没有")
            lines.append(
                t(f"<b>{name}</b> began from it, changed: {changed}", f"<b>{name}</b> 由它而来，改动：{changed}")
            )
    return lines[:6]


def _panel(run: Run, polling: bool, relatives: list[str]) -> None:
    status = run.status()
    if status.alive and not polling:
        st.rerun()  # gone on with a click in here: from now on it has to be drawn again and again
    was_alive = st.session_state.get("watching") == run.name
    st.session_state["watching"] = run.name if status.alive else None
    was_paused = st.session_state.get("watching-paused")
    st.session_state["watching-paused"] = run.name, status.state == runs.PAUSED
    if (was_alive and not status.alive) or was_paused == (run.name, status.state != runs.PAUSED):
        st.rerun()  # the rest of the page has to know too
    with st.container(border=True, key=PANEL):
        _head(run, status, relatives)
        if status.state == runs.DAMAGED:
            return
        written = history(run)
        _numbers(status, written)
        _progress(run, status)
        per_epoch = status.steps / status.epochs if status.epochs and status.steps else 1.0
        left, right = st.columns([1, 1], gap="medium")
        with left:
            note = t("pull across it to look closer, click to travel there", "横向拖动可放大，点一下就到那个时刻")
            st.html(f'<h2 class="part">{t("Loss", "损失")}<span>{note}</span></h2>')
            curves(run.name, written, status, _shown_epochs(status.epochs, status.step / per_epoch), per_epoch)
        with right:
            note = t("orange line: changed since the moment before", "橙色下划线：与前一个时刻不同")
            st.html(f'<h2 class="part">{t("Time machine", "时光机")}<span>{note}</span></h2>')
            time_machine(run.name, written, status)
            if status.alive:
                _add_sentence(run, written)
        if status.state in (runs.TRAINING, runs.MEASURING, runs.PAUSED) and status.step < status.steps:
            _change_course(run, written)


def _shown_epochs(planned: int, done: float) -> int:
    """How many epochs the picture is wide: all that are planned, of a long plan a little more than are done."""
    return max(1, min(planned, max(20, math.ceil(done * 1.25))))


def _head(run: Run, status: Status, relatives: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<h1 class="title">{escape(run.name)} {chip(status.state)}</h1>', width="content")
        st.space("stretch")
        if status.alive:
            _buttons_alive(run, status)
        else:
            _buttons_over(run, status)
    try:
        config = run.config
        pairs = status.training_pairs
        sentences = field_value("corpus", config.corpus)
        what = t(f"preset {config.preset} · {sentences}", f"预设 {config.preset} · {sentences}")
        if pairs:
            what += t(f", {pairs:,} pairs", f"，{pairs:,} 个句对")
        what += t(
            f" · teacher forcing {config.teacher_forcing:g} · seed {config.seed}",
            f" · 教师强制 {config.teacher_forcing:g} · 随机种子 {config.seed}",
        )
        sides = config.source_tokenizer, config.target_tokenizer
        if sides != ("jieba", "spacy"):
            what += t(f" · cut by {sides[0]} → {sides[1]}", f" · 分词 {sides[0]} → {sides[1]}")
        lines = "".join(f"<br>{line}" for line in relatives)
        st.html(f'<span class="mute">{escape(what)}{lines}</span>')
    except Problem as problem:
        st.html(f'<div class="reason">{escape(say(problem))}</div>')
        return
    if reason(status):
        kind = "reason fine" if status.state == runs.FINISHED else "reason"
        st.html(f'<div class="{kind}">{escape(reason(status))}</div>')


def _buttons_alive(run: Run, status: Status) -> None:
    stopping, pausing = run.stop_requested, run.control().paused
    if status.state == runs.SCORING:
        st.button(
            t("❚❚ Pause", "❚❚ 暂停"),
            key="pause",
            disabled=True,
            help=t(
                "The training is over; only the test sentences are being translated. That cannot pause.",
                "训练已经结束，只是在翻译测试句子，这一步不能暂停。",
            ),
        )
    elif status.state == runs.PAUSED:
        label = t("▶ Go on", "▶ 继续") if pausing else t("Going on …", "正在继续……")
        st.button(label, key="unpause", on_click=run.ask, kwargs={"paused": False}, disabled=stopping or not pausing)
    else:
        label = t("Pausing …", "正在暂停……") if pausing else t("❚❚ Pause", "❚❚ 暂停")
        st.button(label, key="pause", on_click=run.ask, kwargs={"paused": True}, disabled=stopping or pausing)
    label = t("Stopping …", "正在停止……") if stopping else t("■ Stop, keep the best", "■ 停止，保留最好的权重")
    st.button(
        label,
        key="stop",
        on_click=run.request_stop,
        disabled=stopping,
        help=t(
            "Kept are the weights of the epoch with the lowest validation loss.",
            "保留的是验证损失最低的那一轮的权重。",
        ),
    )


def _buttons_over(run: Run, status: Status) -> None:
    if run.resumable:
        st.button(t("▶ Go on", "▶ 继续训练"), key="resume", on_click=_go_on, args=(run,))
    if status.state in (runs.FINISHED, runs.STOPPED):
        # A key of its own, so that it closes for another run, and once a new one is begun from its settings.
        with st.popover(t("More epochs", "再训练几轮"), key=f"more-{run.name}-{st.session_state.get('more-turn', 0)}"):
            _more_epochs(run, status)
    if status.state != runs.DAMAGED:
        if st.button(
            t("Same again, one change", "只改一项再来一次"),
            key="again",
            help=t(
                "Fills the form below with this run's settings and seed: change one, and you see what it does.",
                "把这个运行的设置和随机种子填进下面的表单：只改一项，就能看出它的作用。",
            ),
        ):
            begin_from(run)
            scroll_to(FORM)
            st.rerun()
        if run.translates:
            st.page_link(
                "streamlit_app.py",
                label=t("Translate with it →", "用它翻译 →"),
                query_params={"lang": language(), "run": run.name},
            )


def _more_epochs(run: Run, status: Status) -> None:
    if not run.state_file.is_file() or not run.has_sentences:
        missing = (
            t("the sentences it was trained on", "训练用的句子")
            if not run.has_sentences
            else t("the optimiser's memory", "优化器状态")
        )
        said = t(
            f"This run is here without what going on needs: {missing}. ",
            f"这个运行缺少继续训练所需的内容：{missing}。",
        )
        if not run.shipped:
            said += t("Whoever exports it can pack that along. ", "导出的人可以把它一起打包。")
        st.caption(said + t("You can start a new run with its settings.", "你可以用同样的设置开始一个新的运行。"))
        if st.button(t("A new run from these settings", "用这些设置新建运行"), key="from-settings", type="primary"):
            st.session_state["more-turn"] = st.session_state.get("more-turn", 0) + 1
            begin_from(run)
            scroll_to(FORM)
            st.rerun()
        return
    until = st.number_input(
        t(f"Up to epoch (it has done {status.epoch})", f"训练到第几轮（已完成 {status.epoch} 轮）"),
        min_value=status.epoch + 1,
        max_value=10_000,
        value=status.epoch + 5,
        key=f"until-{run.name}-{status.epoch}",
    )
    st.caption(
        t(
            "A constant learning rate: exactly the run that had been planned so long from the start. A linear one rises "
            "to where such a run would stand, and falls to 0 again.",
            "学习率不变时，结果和一开始就计划这么多轮完全相同；线性下降时，学习率先回到那样的运行此刻的值，再降到 0。",
        )
    )
    st.button(t("▶ Go on", "▶ 继续训练"), key="extend", type="primary", on_click=_go_on, args=(run, until))


def _go_on(run: Run, epochs: int | None = None) -> None:
    try:
        if epochs is not None:
            run.plan(epochs)
        run.start(resume=True)
    except Problem as problem:
        st.toast(say(problem))
    except OSError as error:
        st.toast(str(error))


def _numbers(status: Status, written: History) -> None:
    recent, last = written.recent, written.epochs[-1] if written.epochs else {}
    rate = status.tokens_per_second or last.get("tokens_per_second")
    cells = [
        (t("training loss", "训练损失"), f"{sum(recent) / len(recent):.2f}" if recent else "–"),
        (t("validation loss", "验证损失"), f"{last['valid_loss']:.2f}" if last else "–"),
        (t("BLEU, last epoch", "BLEU（最近一轮）"), f"{last['bleu']:.1f}" if last else "–"),
        (t("words a second", "每秒词数"), f"{rate:,.0f}" if rate else "–"),
    ]
    if status.alive:
        left = seconds_left(status)
        cells.append((t("time left", "剩余时间"), "–" if left is None else duration(left)))
    else:
        cells.append((t("trained for", "训练用时"), duration(status.seconds)))
    if status.device:
        where = f"{status.device} · {status.precision}"
        if status.device == "CPU":
            where += (
                t(f" · {count_of(status.threads, 'thread')}", f" · {status.threads} 个线程") if status.alive else ""
            )
        cells.append((t("on", "设备"), where))
    html = "".join(f"<div><span>{label}</span><b>{escape(value)}</b></div>" for label, value in cells)
    st.html(f'<div class="numbers">{html}</div>')


def seconds_left(status: Status) -> float | None:
    """Until the run is over; None where nobody knows yet."""
    if status.state == runs.SCORING:
        return _stage_left(status) if status.share else status.seconds_left or None
    if status.state in (runs.TRAINING, runs.MEASURING, runs.PAUSED) and status.step:
        return status.seconds_left
    return None


def _stage_left(status: Status) -> float:
    """Of the stage that the run is in, counted on since it was last told."""
    return max(1.0, status.share_seconds_left - (time.time() - status.updated))


def _progress(run: Run, status: Status) -> None:
    share = status.step / status.steps if status.steps else 0.0
    left = duration(_stage_left(status))
    if status.state == runs.WAITING:
        waited = max(0.0, time.time() - status.updated)
        share = min(0.95, waited / START_SECONDS)
        left = duration(max(1.0, START_SECONDS - waited))
        note = t(f"starting Python and PyTorch, about {left} left", f"正在启动 Python 和 PyTorch，大约还要 {left}")
    elif status.state == runs.PREPARING:
        share = status.share
        note = stage_name(status.stage) or t("opening the sentences", "正在打开句子")
        note += how_far(share, _stage_left(status))
    elif status.state == runs.SCORING:
        share = status.share
        note = t(
            "translating the test sentences with the weights of the lowest validation loss",
            "正在用验证损失最低的权重翻译测试句子",
        )
        note += how_far(share, _stage_left(status))
    elif status.state == runs.MEASURING:
        note = t(
            f"epoch {status.epoch} is over: measuring it on unseen sentences",
            f"第 {status.epoch} 轮结束，正在用没见过的句子检验",
        )
        if status.share_seconds_left:
            note += t(f", which takes about {left}", f"，这一步约需 {left}")
    else:
        epoch = min(status.epoch + 1, status.epochs) if status.alive else status.epoch
        note = t(
            f"epoch {epoch} of {status.epochs} · step {status.step:,} of {status.steps:,}",
            f"第 {epoch} 轮，共 {status.epochs} 轮 · 第 {status.step:,} 步，共 {status.steps:,} 步",
        )
    if status.state == runs.PAUSED:
        note += t(
            " · it waits until you let it go on, even with the browser closed",
            " · 它会一直等到你点“继续”，关掉浏览器也一样",
        )
    elif status.alive:
        note += t(
            " · leave this page or close the browser: the run goes on",
            " · 离开这个页面或关掉浏览器，训练都会继续",
        )
    scores = run.scores()
    if scores:
        note += t(
            f" · final test, {scores['sentences']:,} unseen sentences: BLEU {scores['bleu_lowercase']:.1f} lowercased",
            f" · 最终测试，{scores['sentences']:,} 个没见过的句子：BLEU {scores['bleu_lowercase']:.1f}（不分大小写）",
        )
    bar(share, note)


def _add_sentence(run: Run, written: History) -> None:
    """A sentence of the visitor's own is followed from now on; the trainer translates it after the step it is at."""
    followed = {source for rows in written.frames.values() for source in rows}
    if len(followed) >= MAX_PINNED:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            t("Follow a sentence of your own", "再观察一个自己的句子"), key=f"pin-{run.name}", max_chars=200
        )
        st.button(t("+ Add", "+ 添加"), key="add-sentence", on_click=_pin, args=(run,))
    if note := st.session_state.get(f"pin-note-{run.name}"):
        st.caption(note)
    elif waiting := [sentence for sentence in run.control().pinned if sentence not in followed]:
        st.caption(t("Translated in a moment: ", "马上翻译：") + escape(" · ".join(waiting)))
    elif text and text.strip() in followed:
        st.caption(t("This sentence is followed already.", "这个句子已经在观察了。"))


def _pin(run: Run) -> None:
    text = str(st.session_state.get(f"pin-{run.name}", "")).strip()
    st.session_state[f"pin-note-{run.name}"] = None
    if not text:
        return
    try:
        if run.config.source_tokenizer == "jieba" and not contains_chinese(text):
            st.session_state[f"pin-note-{run.name}"] = t(
                "This model reads Chinese. Type a Chinese sentence.", "这个模型只读中文。请输入一个中文句子。"
            )
            return
        run.ask(pinned=tuple(dict.fromkeys((*run.control().pinned, text))))
        st.session_state[f"pin-{run.name}"] = ""
    except Problem as problem:
        st.session_state[f"pin-note-{run.name}"] = say(problem)


def _change_course(run: Run, written: History) -> None:
    """Learning rate and teacher forcing, changed from the next step on."""
    config, asked = run.config, run.control()
    changed = {row["change"]: row["to"] for row in written.changes}
    rate, forcing = (
        value if value is not None else changed.get(name, getattr(config, name))
        for name, value in (("learning_rate", asked.learning_rate), ("teacher_forcing", asked.teacher_forcing))
    )
    with st.container(border=True, key="course"):
        note = t("counts from the next step; the curve shows where", "从下一步起生效，曲线上会标出")
        st.html(
            f'<h2 class="part">{t("Change course without starting again", "不用重来，随时调整")}<span>{note}</span></h2>'
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            new_rate = st.number_input(
                t("Learning rate", "学习率"),
                min_value=0.0,
                max_value=10.0,
                value=float(rate),
                step=rate / 2 or 0.001,
                format="%g",
                key=f"rate-{run.name}",
                width=190,
                help=t(
                    "How big a step Adam takes. With the linear schedule it falls from here to 0 at the end.",
                    "Adam 每一步走多大。线性下降时，从这个值降到最后的 0。",
                ),
            )
            new_forcing = st.slider(
                t("Teacher forcing", "教师强制"),
                0.0,
                1.0,
                float(forcing),
                0.05,
                key=f"forcing-{run.name}",
                width=260,
                help=t(
                    "How often the decoder is fed the true word before, instead of its own guess.",
                    "解码器有多大比例读到正确的上一个词，而不是自己猜的词。",
                ),
            )
            st.button(
                t("Apply", "应用"),
                key="apply",
                on_click=_apply,
                args=(run, new_rate, new_forcing),
                disabled=(new_rate, new_forcing) == (rate, forcing),
            )


def _apply(run: Run, rate: float, forcing: float) -> None:
    if run.status().state not in (runs.TRAINING, runs.MEASURING, runs.PAUSED):
        st.toast(t("Too late: the last step is done. Nothing was changed.", "太晚了：最后一步已经完成，没有改动。"))
        return
    try:
        run.ask(learning_rate=rate, teacher_forcing=forcing)
    except Problem as problem:
        st.toast(say(problem))
