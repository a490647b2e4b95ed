"""The form that starts a run."""

import dataclasses
import os
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import streamlit as st

from core import corpus
from core.config import FILES, PRESETS, TrainConfig, preset
from core.corpus import Pair
from core.problems import Problem
from core.runs import Run, check_name, checkpoints_folder, free_name, list_runs
from pages.parts.estimates import drop_waiting, measure
from pages.parts.language import keep_option, say, t
from pages.parts.prepared import prepared, tokenizers

if TYPE_CHECKING:
    from core.train import Estimate

MAX_UPLOAD = 200 * 2**20  # bytes; Streamlit's own limit is checked in the browser alone


def new_run() -> Run | None:
    """Draw the form. Returns the run just started, None while there is none."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox(
            t("Preset", "预设"),
            list(PRESETS),
            index=1,
            format_func=_preset_label,
            key=keep_option("preset"),
            help=t("Where all settings begin; change any under “Advanced”.", "所有设置的起点，可在“高级设置”里改。"),
        )
        source = st.selectbox(
            t("Sentences", "语料"),
            ["tatoeba", "hsk", "tatoeba+hsk", FILES],
            format_func=_corpus_label,
            key=keep_option("corpus"),
        )
        pairs = st.number_input(
            t("Training pairs, at most", "最多用多少个训练句对"),
            min_value=20,
            max_value=10_000_000,
            value=PRESETS[kind].get("pairs", 10_000),
            step=1000,
            key=f"pairs-{kind}",
        )
        epochs = st.number_input(
            t("Epochs", "训练轮次"),
            min_value=1,
            max_value=1000,
            value=PRESETS[kind].get("epochs", 10),
            key=f"epochs-{kind}",
            help=t(
                "Once through all training pairs is one epoch. Too few and it has learnt little; too many and it "
                "learns the training sentences by heart.",
                "把全部训练句对学一遍叫一个训练轮次。太少学不会，太多会死记硬背训练句子。",
            ),
        )
    own: list[Pair] | None = None
    if source == FILES:
        own = own_files()
        if own is None:
            return None
    changes = {"corpus": source, "pairs": int(pairs), "epochs": int(epochs), **advanced(kind)}
    if own is not None:
        changes = {**changes, **tokenizers(own, kind)}
    try:
        config = preset(kind, **changes)
    except Problem as problem:
        st.warning(say(problem))
        return None

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state.setdefault("name", free_name(kind))
        if st.session_state.get("named-for") != kind:
            st.session_state["name"], st.session_state["named-for"] = free_name(kind), kind
        name = st.text_input(t("Name of the run", "运行的名称"), key="name", width=260)
        pressed = st.button(t("Start training", "开始训练"), type="primary", key="start")
    if any(run.status().alive for run in list_runs()):
        st.caption(
            t(
                "Another run is training, and two at once slow each other down. "
                "How long this one would take is measured when that has ended.",
                "另一个运行正在训练，同时训练两个会互相拖慢。等它结束后，再测这一个要多久。",
            )
        )
    else:
        mine = tuple(own) if own else None
        st.fragment(_estimate, run_every=None if _ask(config, mine).done() else 1)(config, mine)
    if not pressed:
        return None
    try:
        if own is not None:
            corpus.ParallelCorpus(FILES, own, "").split(config.split_seed)  # too few sentences: said before the start
        run = Run.create(checkpoints_folder() / check_name(name), config, own)
        drop_waiting()
        run.start()
    except Problem as problem:
        st.warning(say(problem))
        return None
    st.session_state.pop("named-for", None)
    return run


def _preset_label(name: str) -> str:
    return {
        "lesson": t("lesson: the lesson's sizes", "lesson：与课程相同"),
        "attention": t("attention: better and quicker", "attention：更好也更快"),
        "tiny": t("tiny: a first look, in seconds", "tiny：几秒钟看个大概"),
    }.get(name, name)


def _corpus_label(name: str) -> str:
    return {
        "tatoeba": t("Tatoeba: everyday sentences", "Tatoeba：日常句子"),
        "hsk": t("HSK 1–6: graded sentences", "HSK 1–6：分级句子"),
        "tatoeba+hsk": t("Tatoeba + HSK", "Tatoeba + HSK"),
        FILES: t("My own files", "我自己的文件"),
    }.get(name, name)


@st.cache_data(max_entries=2, show_spinner=False)
def _read(files: tuple[tuple[str, bytes], ...]) -> list[Pair]:
    return corpus.from_files(files)


def own_files() -> list[Pair] | None:
    """What the page Corpus handed over, else two line-aligned files as in the lesson, or one table. None until they
    can be read."""
    handed = prepared()
    if handed is not None:
        return handed.pairs
    uploads = st.file_uploader(
        t(
            "Two files that match line by line (train_1w.zh and train_1w.en), or one table (CSV, TSV, JSON lines). "
            "To choose columns and languages, and to look for bad pairs first, take the page Corpus.",
            "两个逐行对应的文件（如 train_1w.zh 和 train_1w.en），或一个表格（CSV、TSV、JSON Lines）。"
            "要选择列和语言，或先检查有没有问题句对，请到“语料”页。",
        ),
        accept_multiple_files=True,
        key="files",
    )
    if not uploads:
        return None
    try:
        for upload in uploads:
            if upload.size > MAX_UPLOAD:
                raise Problem(
                    f"{upload.name} is larger than 200 MB. Use a part of it, or the command line.",
                    f"{upload.name} 超过 200 MB。请只取一部分，或使用命令行。",
                )
        pairs = _read(tuple((upload.name, upload.getvalue()) for upload in uploads))
    except Problem as problem:
        st.warning(say(problem))
        return None
    st.text(
        t(f"{len(pairs):,} sentence pairs. The first:", f"共 {len(pairs):,} 个句对，第一个：")
        + f" {pairs[0][0]} → {pairs[0][1]}"
    )
    return pairs


def advanced(kind: str) -> dict[str, Any]:
    """The rest of the settings, each beginning at the preset's value."""
    base = preset(kind)
    values: dict[str, Any] = {}

    def number(name: str, label: str, step: float, help: str | None = None) -> None:
        item = next(item for item in dataclasses.fields(TrainConfig) if item.name == name)
        form: Any = type(item.default)
        values[name] = form(
            st.number_input(
                label,
                min_value=form(item.metadata["low"]),
                max_value=form(item.metadata["high"]),
                value=form(getattr(base, name)),
                step=form(step),
                format="%g" if form is float else None,
                key=f"{name}-{kind}",
                help=help,
            )
        )

    def choice(name: str, label: str, help: str | None = None) -> None:
        options = [*next(item for item in dataclasses.fields(TrainConfig) if item.name == name).metadata["choices"]]
        values[name] = st.selectbox(label, options, options.index(getattr(base, name)), key=f"{name}-{kind}", help=help)

    def tick(name: str, label: str) -> None:
        values[name] = st.checkbox(label, getattr(base, name), key=f"{name}-{kind}")

    # A new label, in the other language, would close it: it is told again whether it stands open.
    opened = bool(st.session_state.get("advanced-open"))
    panel = st.expander(t("Advanced", "高级设置"), expanded=opened, key="advanced", on_change="rerun")
    st.session_state["advanced-open"] = panel.open
    with panel:
        model, words, learning = st.columns(3)
        with model:
            st.markdown(t("**The model**", "**模型**"))
            choice("cell", t("Recurrent cell", "循环单元"))
            number("embedding", t("Embedding size", "词向量维度"), 64)
            number("hidden", t("Hidden size", "隐藏层维度"), 64)
            number("layers", t("Layers", "层数"), 1)
            number("dropout", "Dropout", 0.1)
            choice("attention", t("Attention", "注意力"))
            tick("bidirectional", t("Encoder reads in both directions", "编码器双向阅读"))
            tick("tied_output", t("Output shares the target embedding", "输出层与目标词向量共享权重"))
        with words:
            st.markdown(t("**Words and sentences**", "**词与句子**"))
            number("max_size", t("Vocabulary size, at most", "词表大小上限"), 1000)
            number(
                "min_freq",
                t("Least count of a word", "词的最低出现次数"),
                1,
                t("A word that training sees less often is unknown.", "训练中出现次数更少的词算未登录词。"),
            )
            number("max_length", t("Longest sentence, in words", "句子最长词数"), 5)
            pinned = st.text_area(
                t("Sentences to watch, one a line", "训练时观察的句子，每行一句"),
                "\n".join(base.pinned),
                key=f"pinned-{kind}",
                height=190,
            )
            values["pinned"] = tuple(line.strip() for line in pinned.splitlines() if line.strip())[:20]
        with learning:
            st.markdown(t("**Learning**", "**学习**"))
            number(
                "teacher_forcing",
                t("Teacher forcing", "教师强制"),
                0.1,
                t(
                    "How often the decoder is fed the true word before, instead of its own guess.",
                    "解码器有多大比例读到正确的上一个词，而不是自己猜的词。",
                ),
            )
            number("batch_size", t("Batch size", "批大小"), 16)
            number("learning_rate", t("Learning rate", "学习率"), 0.001)
            choice("schedule", t("Learning rate over time", "学习率怎样变化"))
            number("label_smoothing", t("Label smoothing", "标签平滑"), 0.05)
            number("seed", t("Seed", "随机种子"), 1)
            number("threads", t("CPU threads (0: all but one)", "CPU 线程数（0：留一个核）"), 1)
            choice("device", t("Device", "设备"))
            choice("precision", t("Precision", "精度"))
    return values


def _ask(config: TrainConfig, own: tuple[Pair, ...] | None) -> "Future[Estimate]":
    # The watched sentences and the number of epochs do not change the measurement.
    return measure(dataclasses.replace(config, epochs=1, pinned=()), own)


def _estimate(config: TrainConfig, own: tuple[Pair, ...] | None) -> None:
    """One line: how big, how long here. Asked each second until the page is next drawn: st.rerun() at the moment
    when it is known would end the asking, but also undo a click on a link made in that moment."""
    future = _ask(config, own)
    if not future.done():
        st.caption(
            t("Counting words and timing a few steps on this machine …", "正在统计词表，并在这台机器上试跑几步……")
        )
        return
    try:
        found = future.result()
    except Problem as problem:
        st.warning(say(problem))
        return
    short = (
        t(f" (there are only {found.pairs:,})", f"（总共只有 {found.pairs:,} 个）")
        if found.pairs < config.pairs * 0.98
        else ""
    )
    cores = os.cpu_count() or 1
    on = f"{found.device}, {found.precision}"
    if found.device == "CPU":
        on += t(f", {found.threads} of {cores} cores", f"，用 {cores} 个核中的 {found.threads} 个")
    each, whole = duration(found.epoch_seconds), duration(found.epoch_seconds * config.epochs)
    st.caption(
        t(
            f"**{found.parameters:,}** parameters · {found.pairs:,} training pairs{short} · {found.source_words:,} source "
            f"and {found.target_words:,} target words · about **{each}** an epoch here, {whole} in all · {on}",
            f"**{found.parameters:,}** 个参数 · {found.pairs:,} 个训练句对{short} · 词表：原文 {found.source_words:,}、"
            f"译文 {found.target_words:,} · 在这台机器上每个训练轮次约 **{each}**，共约 {whole} · {on}",
        )
    )


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
