"""The form that starts a run."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import streamlit as st

from core import corpus
from core.comparison import CHANGED_ON_THE_WAY, course
from core.config import AUTO, FILES, PINNED, PRESETS, TrainConfig, preset
from core.corpus import Pair
from core.problems import Problem, count_of
from core.progress import Bar
from core.runs import MAX_PINNED, PAUSED, Run, check_name, checkpoints_folder, find_run, free_name, list_runs
from core.text import contains_chinese
from pages.parts.estimates import OwnPairs, drop_waiting, measure
from pages.parts.fields import course_value, differences, field_label, field_value
from pages.parts.history import history
from pages.parts.language import keep_option, say, t
from pages.parts.prepared import prepared, tokenizers
from pages.parts.progress import Task, duration, task_bar, wait_for
from pages.parts.reading import File, read_in_background, texts, too_many

if TYPE_CHECKING:
    from core.estimate import Estimate

MAX_UPLOAD = 200 * 2**20  # bytes; Streamlit's own limit is checked in the browser alone
TRIED = 20_000  # pairs that are split before the start, to see whether they are enough; more would take seconds


def begin_from(run: Run | None) -> None:
    """Fill the form with this run's settings, or with a preset's again."""
    st.session_state["begin-from"] = None if run is None else run.name


def _parent() -> Run | None:
    """The run whose settings the form begins with; None where it begins with a preset."""
    name = st.session_state.get("begin-from")
    if name is None:
        return None
    try:
        run = find_run(name)
        run.config  # noqa: B018  # raises where it is damaged
        return run
    except Problem as problem:
        st.warning(say(problem))
        begin_from(None)
        return None


def new_run() -> Run | None:
    """Draw the form. Returns the run just started, None while there is none."""
    parent = _parent()
    if parent is not None:
        try:
            base = replace(parent.config, based_on=parent.name, pinned=_followed(parent), precision=AUTO, threads=0)
            return _form(base, parent)
        except Problem as problem:  # deleted from another tab while the form is drawn
            st.warning(say(problem))
            begin_from(None)
            return None
    kind = st.selectbox(
        t("Preset", "预设"),
        list(PRESETS),
        index=1,
        format_func=_preset_label,
        key=keep_option("preset"),
        help=t("Where all settings begin; change any under “Advanced”.", "所有设置的起点，可在“高级设置”里改。"),
        width=330,
    )
    return _form(preset(kind, pairs=PRESETS[kind].get("pairs", 10_000)), None)


def _followed(run: Run) -> tuple[str, ...]:
    """The sentences of its settings; where some were added as it learnt, all that it followed then."""
    config, added = run.config, run.control().pinned
    if not added:
        return config.pinned
    translated = [source for rows in history(run).frames.values() for source in rows]
    return tuple(dict.fromkeys((*(translated or config.pinned), *added)))[:MAX_PINNED]


def _form(base: TrainConfig, parent: Run | None) -> Run | None:
    """The form with every setting beginning at base's."""
    suffix = parent.name if parent else base.preset
    if parent:
        with st.container(horizontal=True, vertical_alignment="center", key="from"):
            st.html(
                t(
                    f"The settings and the seed of <b>{escape(parent.name)}</b>. Change one, and the two curves show what it does.",
                    f"这里是 <b>{escape(parent.name)}</b> 的设置和随机种子。只改一项，两条曲线就能说明它的作用。",
                ),
                width="content",
            )
            st.button(t("✕ Begin from a preset", "✕ 从预设开始"), key="from-preset", on_click=begin_from, args=(None,))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        corpora = ["tatoeba", "hsk", "tatoeba+hsk", FILES]
        source = st.selectbox(
            t("Sentences", "语料"),
            corpora,
            index=corpora.index(base.corpus) if base.corpus in corpora else 0,
            format_func=_corpus_label,
            key=keep_option(f"corpus-{suffix}" if parent else "corpus"),
        )
        pairs = st.number_input(
            t("Training pairs, at most (0: all)", "最多用多少个训练句对（0：全部）"),
            min_value=0,
            max_value=10_000_000,
            value=base.pairs,
            step=1000,
            key=f"pairs-{suffix}",
        )
        epochs = st.number_input(
            t("Epochs", "训练轮次"),
            min_value=1,
            max_value=1000,
            value=base.epochs,
            key=f"epochs-{suffix}",
            help=t(
                "Once through all training pairs is one epoch. Too few and it has learnt little; too many and it "
                "learns the training sentences by heart.",
                "把全部训练句对学一遍叫一个训练轮次。太少学不会，太多会死记硬背训练句子。",
            ),
        )
    own: OwnPairs | None = None
    if source == FILES:
        own = _pairs_of(parent) if parent and base.corpus == FILES else own_files()
        if own is None:
            return None
        if not parent:
            cut = tokenizers(own.pairs, base.preset)
            base = TrainConfig.from_dict(base.to_dict() | cut | {"pinned": PINNED if _chinese(own.pairs) else ()})
    # Pairs that were added come from the command line alone: this run begins without them, and says so.
    changes = {"corpus": source, "pairs": int(pairs), "epochs": int(epochs), "added": 0, **advanced(base, suffix)}
    try:
        config = TrainConfig.from_dict({**base.to_dict(), **changes})
    except Problem as problem:
        st.warning(say(problem))
        return None
    if parent:
        _say_what_changed(parent, config)

    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.session_state.get("named-for") != suffix or "name" not in st.session_state:
            st.session_state["name"], st.session_state["named-for"] = free_name(suffix), suffix
        name = st.text_input(t("Name of the run", "运行的名称"), key="name", width=260)
        pressed = st.button(t("Start training", "开始训练"), type="primary", key="start")
    if any(run.status().alive and run.status().state != PAUSED for run in list_runs()):
        st.caption(
            t(
                "Another run is training, and two at once slow each other down. "
                "How long this one would take is measured when that has ended.",
                "另一个运行正在训练，同时训练两个会互相拖慢。等它结束后，再测这一个要多久。",
            )
        )
    else:
        st.fragment(_estimate, run_every=None if _ask(config, own).done else 1)(config, own)
    if not pressed:
        return None
    try:
        if own is not None and len(own.pairs) <= TRIED:
            corpus.ParallelCorpus(FILES, own.pairs, "").split(config.split_seed)  # too few: said before the start
        run = Run.create(checkpoints_folder() / check_name(name), config, own.pairs if own else None)
        drop_waiting()
        run.start()
    except Problem as problem:
        st.warning(say(problem))
        return None
    st.session_state.pop("named-for", None)
    begin_from(None)
    return run


def _say_what_changed(parent: Run, new: TrainConfig) -> None:
    old = parent.config
    changed, on_the_way = old.differences(new), _changed_on_the_way(parent)
    if on_the_way:
        st.caption(
            t(
                f"“{parent.name}” was changed on the way: **{on_the_way}**. This run would begin without that, so its "
                "losses would not be the same.",
                f"“{parent.name}”在训练途中调整过：**{on_the_way}**。新的运行不带这些调整，所以损失不会相同。",
            )
        )
    if not changed:
        if on_the_way:
            return
        st.caption(
            t(
                "Nothing is changed yet: it would give the same losses once more.",
                "还没有改动：会得到完全相同的损失。",
            )
        )
        return
    words = differences(old, new)
    if len(changed) == 1:
        st.caption(t(f"One change: **{words}**", f"只改一项：**{words}**"))
    else:
        st.caption(
            t(
                f"{len(changed)} changes: **{words}**. With more than one, nobody can tell which of them made the difference.",
                f"改了 {len(changed)} 项：**{words}**。改动不止一项时，就说不清差别是哪一项造成的。",
            )
        )


def _changed_on_the_way(run: Run) -> str:
    """`learning rate 0.005 → 0.001`, …: what a run that begins from this one's settings does without."""
    config, changes = run.config, history(run).changes
    courses = {name: course(config, changes, name) for name in CHANGED_ON_THE_WAY}
    if config.schedule == "linear":  # towards another end the rate falls otherwise
        planned = [row for row in changes if row["change"] == "epochs"]
        courses["epochs"] = tuple(
            value for row in planned[:1] for value in (row["from"], *(row["to"] for row in planned))
        )
    return " · ".join(
        f"{field_label(name)} {course_value(name, values)}" for name, values in courses.items() if len(values) > 1
    )


def _pairs_of(run: Run) -> OwnPairs | None:
    """The person's own sentences, as a run keeps them."""
    path = run.folder / "pairs.tsv"
    try:
        key = f"{path} {path.stat().st_mtime_ns}"
        return _own(key, lambda bar: corpus.from_tsv(path.read_bytes(), path.name))
    except OSError:
        st.warning(
            t(
                f"pairs.tsv of run “{run.name}” is missing. Give your files again.",
                f"运行“{run.name}”缺少 pairs.tsv。请重新提供文件。",
            )
        )
        return own_files()
    except Problem as problem:
        st.warning(say(problem))
        return None


def _chinese(pairs: Sequence[Pair]) -> bool:
    """Whether most sources are Chinese; the first few hundred tell."""
    part = [source for source, _ in pairs[:300]]
    return sum(map(contains_chinese, part)) > len(part) / 2


def _preset_label(name: str) -> str:
    return {
        "lesson": t("lesson: the lesson's sizes", "lesson：与课程相同"),
        "attention": t("attention: better and quicker", "attention：更好也更快"),
        "pieces": t("pieces: the best here, given time", "pieces：效果最好，但要更久"),
        "tiny": t("tiny: a first look, in seconds", "tiny：几秒钟看个大概"),
    }.get(name, name)


def _corpus_label(name: str) -> str:
    return {
        "tatoeba": t("Tatoeba: everyday sentences", "Tatoeba：日常句子"),
        "hsk": t("HSK 1–6: graded sentences", "HSK 1–6：分级句子"),
        "tatoeba+hsk": t("Tatoeba + HSK", "Tatoeba + HSK"),
        FILES: t("My own files", "我自己的文件"),
    }.get(name, name)


def _own(key: str, read: Callable[[Bar], list[Pair]]) -> OwnPairs | None:
    """Pairs read in the background, once a visit for each key; None, under a bar, until they are there."""
    task = read_in_background("train-pairs", key, read)
    return OwnPairs(key, task.result()) if wait_for(task, t("reading the files", "正在读取文件")) else None


def own_files() -> OwnPairs | None:
    """What the page Corpus handed over, else two line-aligned files as in the lesson, or one table. None until they
    can be read."""
    handed = prepared()
    if handed is not None:
        return OwnPairs(handed.key, handed.pairs)
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
        files = texts([File.of(upload) for upload in uploads])
        if not files:
            return None
        if len(files) > 2:
            raise too_many(files)
        own = _own(
            " ".join(file.digest for file in files),
            lambda bar: corpus.from_files([(file.name, file.content) for file in files], bar.stage("reading")),
        )
    except Problem as problem:
        st.warning(say(problem))
        return None
    if own is not None:
        count, first = len(own.pairs), own.pairs[0]
        st.text(
            t(f"{count_of(count, 'sentence pair')}. The first:", f"共 {count:,} 个句对，第一个：")
            + f" {first[0]} → {first[1]}"
        )
    return own


def advanced(base: TrainConfig, suffix: str) -> dict[str, Any]:
    """The rest of the settings, each beginning at base's. suffix: told apart by it, forms keep their values."""
    values: dict[str, Any] = {}

    def label(name: str) -> str:
        words = field_label(name)
        return words[0].upper() + words[1:]

    def number(name: str, step: float, help: str | None = None) -> None:
        item = next(item for item in dataclasses.fields(TrainConfig) if item.name == name)
        form: Any = type(item.default)
        values[name] = form(
            st.number_input(
                label(name),
                min_value=form(item.metadata["low"]),
                max_value=form(item.metadata["high"]),
                value=form(getattr(base, name)),
                step=form(step),
                format="%g" if form is float else None,
                key=f"{name}-{suffix}",
                help=help,
            )
        )

    def choice(name: str, help: str | None = None) -> None:
        options = [*next(item for item in dataclasses.fields(TrainConfig) if item.name == name).metadata["choices"]]
        values[name] = st.selectbox(
            label(name),
            options,
            options.index(getattr(base, name)),
            format_func=lambda value: field_value(name, value),
            # Another language of one's own files begins anew.
            key=keep_option(f"{name}-{suffix}-{getattr(base, name)}"),
            help=help,
        )

    def tick(name: str, text: str | None = None) -> None:
        values[name] = st.checkbox(label(name), getattr(base, name), key=f"{name}-{suffix}", help=text)

    # A new label, in the other language, would close it: it is told again whether it stands open.
    opened = bool(st.session_state.get("advanced-open"))
    panel = st.expander(t("Advanced", "高级设置"), expanded=opened, key="advanced", on_change="rerun")
    st.session_state["advanced-open"] = panel.open
    with panel:
        model, words, learning = st.columns(3)
        with model:
            st.markdown(t("**The model**", "**模型**"))
            choice("cell")
            number("embedding", 64)
            number("hidden", 64)
            number("layers", 1)
            number("dropout", 0.1)
            number(
                "word_dropout",
                0.05,
                t(
                    "While training, so many words are hidden from the model as a whole, and it must go by the others. "
                    "Harder to learn by heart. 0: off.",
                    "训练时按这个比例把整个词藏起来，模型只能靠其余的词，因此更难死记硬背。0：关闭。",
                ),
            )
            choice("attention")
            tick("bidirectional")
            tick("tied_output")
        with words:
            st.markdown(t("**Words and sentences**", "**词与句子**"))
            choice(
                "source_tokenizer",
                t(
                    "jieba for Chinese, spacy for English and languages like it, characters or pieces for any.",
                    "中文用 jieba，英文等用 spacy，任何语言都可以用 characters（逐字）或 pieces（子词）。",
                ),
            )
            choice("target_tokenizer")
            if "pieces" in (values["source_tokenizer"], values["target_tokenizer"]):
                number(
                    "piece_sampling",
                    0.05,
                    t(
                        "Each epoch cuts the training sentences into other pieces, which makes learning by heart harder. "
                        "The smaller above 0, the wilder; 0 is off.",
                        "每一轮把训练句子切成不同的子词，更难死记硬背。大于 0 时越小变化越大，0 表示不用。",
                    ),
                )
            number("max_size", 1000)
            number(
                "min_freq",
                1,
                t("A word that training sees less often is unknown.", "训练中出现次数更少的词算未登录词。"),
            )
            number("max_length", 5)
            pinned = st.text_area(
                t("Sentences to watch, one a line", "训练时观察的句子，每行一句"),
                "\n".join(base.pinned),
                key=f"pinned-{suffix}-{len(base.pinned)}",
                height=190,
                help=t(
                    "Translated after each epoch. Empty: a few unseen sentences of the corpus.",
                    "每个训练轮次后翻译一次。留空则从语料里取几个没见过的句子。",
                ),
            )
            values["pinned"] = tuple(line.strip() for line in pinned.splitlines() if line.strip())[:20]
        with learning:
            st.markdown(t("**Learning**", "**学习**"))
            number(
                "teacher_forcing",
                0.1,
                t(
                    "How often the decoder is fed the true word before, instead of its own guess.",
                    "解码器有多大比例读到正确的上一个词，而不是自己猜的词。",
                ),
            )
            number("batch_size", 16)
            tick(
                "even_batches",
                t(
                    "Batches by words in place of sentences: many short ones or few long ones. The batch size is then the mean.",
                    "按词数而不是句数分批：短句多放几个，长句少放几个。这时批大小是平均每批的句数。",
                ),
            )
            number("learning_rate", 0.001)
            choice("schedule")
            number("label_smoothing", 0.05)
            number(
                "consistency",
                1.0,
                t(
                    "Read each batch twice, with different dropout, and make disagreement between the two cost this "
                    "much (R-Drop). Better with few sentences; twice the work. 0: off.",
                    "每批句子读两遍，两遍的 dropout 不同，结果不一致就要加损失（R-Drop），数字越大加得越多。"
                    "句子少时效果更好，但计算量翻倍。0：关闭。",
                ),
            )
            choice(
                "keep",
                t(
                    "The weights of the epoch with the lowest loss on unseen sentences, or of the last one. Where the learning "
                    "rate falls to 0, BLEU is often highest at the end, though the loss no longer falls.",
                    "保留没见过的句子损失最低那一轮的权重，或最后一轮的权重。学习率降到 0 时，即使损失不再下降，BLEU 也往往是最后最高。",
                ),
            )
            choice(
                "early_stop",
                t(
                    "End before the last epoch once the loss on unseen sentences no longer falls, or BLEU no longer rises.",
                    "没见过的句子损失不再下降，或 BLEU 不再上升时，提前结束训练。",
                ),
            )
            if values["early_stop"] != "never":
                number("patience", 1)
            number("seed", 1)
            number("threads", 1, t("0: one for each core.", "0：每个核一个线程。"))
            choice("device")
            choice("precision")
    return values


def _ask(config: TrainConfig, own: OwnPairs | None) -> "Task[Estimate]":
    # The watched sentences and the number of epochs do not change the measurement.
    return measure(replace(config, epochs=1, pinned=(), based_on="", early_stop="never"), own)


def _estimate(config: TrainConfig, own: OwnPairs | None) -> None:
    """One line: how big, how long here. Asked each second until the page is next drawn: st.rerun() at the moment
    when it is known would end the asking, but also undo a click on a link made in that moment."""
    task = _ask(config, own)
    if not task.done:
        st.caption(
            t(
                "How big it is and how long it takes here is being measured. You need not wait to start.",
                "正在测量模型大小和在这台机器上的用时。不用等，可以直接开始。",
            )
        )
        task_bar(task, t("opening the sentences", "正在打开句子"))
        return
    try:
        found = task.result()
    except Problem as problem:
        st.warning(say(problem))
        return
    short = (
        t(f" (there are only {found.pairs:,})", f"（总共只有 {found.pairs:,} 个）")
        if found.pairs < config.pairs * 0.98
        else ""
    )
    on = f"{found.device}, {found.precision}"
    if found.device == "CPU":
        on += t(f", {count_of(found.threads, 'thread')}", f"，{found.threads} 个线程")
    each, whole = duration(found.epoch_seconds), duration(found.epoch_seconds * config.epochs)
    st.caption(
        t(
            f"**{found.parameters:,}** parameters · {found.pairs:,} training pairs{short} · {found.source_words:,} source "
            f"and {found.target_words:,} target words · about **{each}** an epoch here, {whole} in all · {on}",
            f"**{found.parameters:,}** 个参数 · {found.pairs:,} 个训练句对{short} · 词表：原文 {found.source_words:,}、"
            f"译文 {found.target_words:,} · 在这台机器上每个训练轮次约 **{each}**，共约 {whole} · {on}",
        )
    )
