"""Compare: runs over one another, in what they differ, and what each writes."""

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.comparison import (
    Facts,
    comparable_losses,
    comparable_scores,
    differing,
    facts,
    lesson_bleu,
    measured_sentences,
    only_change,
    same_sentences,
)  # fmt: skip
from core.runs import Run, list_runs
from pages.parts import address
from pages.parts.baselines import baselines
from pages.parts.compare_charts import EPOCHS, MINUTES, curves, run_colour
from pages.parts.fields import course_value, field_label
from pages.parts.language import keep_option, t
from pages.parts.progress import duration, how_far
from pages.parts.share import export_button
from pages.parts.shell import heading, shell

if TYPE_CHECKING:
    from core.baselines import Baselines

MOST = 20
BESIDE = 4  # so many runs' sentences stand in columns; more of them in lines


def part(title: str, note: str = "") -> None:
    st.html(f'<h2 class="part">{title}<span>{note}</span></h2>')


def choose(known: dict[str, Facts]) -> list[Facts]:
    """The runs to compare, in the address; at first the newest with the one it began from, else the newest three."""
    linked = address.news("runs")
    names = list(known)
    if linked is not None:
        st.session_state["compared"] = [name for name in linked.split(",") if name in known][:MOST]
        st.session_state["compared-missing"] = [name for name in linked.split(",") if name and name not in known]
    elif "compared" not in st.session_state:
        newest = known[names[0]].config.based_on
        st.session_state["compared"] = [names[0], newest] if newest in known else names[:3]
    st.session_state["compared"] = [name for name in st.session_state["compared"] if name in known]
    if missing := ", ".join(st.session_state.get("compared-missing", ()))[:200]:
        st.warning(t(f"There is nothing to compare yet of: {missing}", f"还没有可以对比的内容：{missing}"))
    chosen = st.multiselect(
        t("Runs", "运行"), names, key="compared", max_selections=MOST, persist_state="session", on_change=_forget_missing,
        placeholder=t("Choose runs", "选择运行"), label_visibility="collapsed",
    )  # fmt: skip
    address.write("runs", ",".join(chosen))
    return [known[name] for name in chosen]


def _forget_missing() -> None:
    st.session_state["compared-missing"] = []


def verdict(runs: Sequence[Facts]) -> None:
    """In one sentence what the comparison says, and what it cannot say."""
    same_test = comparable_scores(runs)
    scored = sorted((one for one in runs if one.bleu is not None), key=lambda one: -(one.bleu or 0))
    if len(runs) == 2:
        first, second = runs if runs[0].status.created <= runs[1].status.created else (runs[1], runs[0])
        change = only_change(first, second)
        if change:
            before, after = (_course(one, change) for one in (first, second))
            name = f"<b>{field_label(change)}</b>"
            # A course with an arrow of its own would run into the other's.
            between = t("against", "对比") if len(first.course(change)) + len(second.course(change)) > 2 else "→"
            text = t(
                f"One change: {name} {escape(before)} {between} {escape(after)}.",
                f"只改了一处：{name} {escape(before)} {between} {escape(after)}。",
            )
            if first.bleu is not None and second.bleu is not None and same_test:
                text += f" BLEU {first.bleu:.1f} → <b>{second.bleu:.1f}</b> ({round(second.bleu, 1) - round(first.bleu, 1):+.1f})"
                text += _chance(first, second)
            elif comparable_losses(runs) and first.valid_loss and second.valid_loss:
                text += t(" Validation loss", " 验证损失") + f" {first.valid_loss:.2f} → <b>{second.valid_loss:.2f}</b>"
            st.html(f'<p class="lead">{text}</p>')
        elif not [name for name in differing(runs) if name not in ("pinned", "based_on")]:
            st.html(
                f'<p class="lead">{t("The same settings: only chance and the machine set them apart.", "设置完全相同，差别只来自偶然和机器。")}</p>'
            )
    if len(scored) > 1 and len(runs) > 2 and same_test:
        best = scored[0]
        said = t(
            f"Best on the test sentences: <b>{escape(best.name)}</b>, BLEU {best.bleu:.1f}.",
            f"在测试句子上最好的是 <b>{escape(best.name)}</b>，BLEU {best.bleu:.1f}。",
        )
        st.html(f'<p class="lead">{said}</p>')
    if not same_sentences(runs):
        st.caption(
            t(
                "BLEU is on different sentences in these runs, so it says little about which is better.",
                "这些运行的 BLEU 是在不同的句子上算的，不能直接比出高下。",
            )
        )
    if not comparable_losses(runs):
        st.caption(
            t(
                "Their vocabularies differ, so their losses do too: a loss counts the words that this run knows.",
                "它们的词表不同，损失也就不能直接比：损失只按各自词表里的词计算。",
            )
        )


def _chance(first: Facts, second: Facts) -> str:
    """A warning where the difference is no larger than other test sentences would make it."""
    if not first.interval or not second.interval:
        return ""
    if first.interval[1] < second.interval[0] or second.interval[1] < first.interval[0]:
        return ""
    return t(
        "; other test sentences could turn this round: their 95% intervals overlap",
        "；换一批测试句子，结果可能反过来：两者的 95% 区间有重叠",
    )


def references(runs: Sequence[Facts]) -> tuple[list[tuple[str, float, str]], str]:
    """Lines that need no model, and the lesson's run. Returns them, and why some are left out, if any."""
    lines: list[tuple[str, float, str]] = []
    found, missing = _measured(runs)
    if found is not None:
        sentence = found.sentence[:60]
        copy, always = t("copying the source", "照抄原文"), t("always the same sentence", "永远同一句")
        meaning = t(
            f"Always “{sentence}”, the most frequent sentence in training",
            f"永远写“{sentence}”，训练中最常见的一句",
        )
        lines = [(copy, found.copying, copy), (always, found.frequent, meaning)]
        if abs(found.copying - found.frequent) < 0.5:
            # One line, or their names would lie over each other.
            both = t("copying, or always the same sentence", "照抄原文，或永远同一句")
            values = f"{copy} {found.copying:.1f} · {meaning} {found.frequent:.1f}"
            lines = [(both, max(found.copying, found.frequent), values)]
    lesson = lesson_bleu(runs)
    if lesson is not None:
        meaning = t(
            "The lesson's sizes and settings on 10,000 pairs of Tatoeba: the epoch of its lowest loss, on the same validation sentences",
            "课程的模型大小和设置，10,000 个 Tatoeba 句对：损失最低的一轮，在同样的验证句子上",
        )
        lines.append((t("the lesson's model", "课程的模型"), lesson, meaning))
    else:
        why = t(
            "The line of the lesson's model is left out: not all of these runs are measured on its sentences",
            "“课程的模型”参照线没有画：不是所有运行都用它的句子来测",
        )
        missing = " · ".join(text for text in (missing, why) if text)
    return lines, missing


def _measured(runs: Sequence[Facts]) -> "tuple[Baselines | None, str]":
    """What copying and one sentence for all would reach on the test sentences of these runs; else why nobody knows."""
    finished = [one for one in runs if not one.status.alive]
    if not finished:
        why = t("once one of these runs has ended", "其中一个运行结束后才有")
    elif not same_sentences(runs):
        why = t("left out: these runs have different test sentences", "没有画：这些运行的测试句子不同")
    else:
        task = baselines(finished[0].run)
        if task.done and (found := task.result()) is not None:
            return found, ""
        why = (
            t("left out: the run's sentences are not on this computer", "没有画：这台电脑上没有这个运行的句子")
            if task.done
            else t("being measured", "正在测量") + how_far(task.share, task.seconds_left)
        )
    name = t("The lines for copying and for always the same sentence", "“照抄原文”和“永远同一句”两条参照线")
    return None, f"{name}{t(': ', '：')}{why}"


def pictures(runs: Sequence[Facts]) -> None:
    along = st.segmented_control(
        t("Along", "横轴"), [EPOCHS, MINUTES], required=True, default=EPOCHS, key=keep_option("along"), label_visibility="collapsed",
        format_func=lambda kind: t("by epoch", "按轮次") if kind == EPOCHS else t("by minutes of training", "按训练时间"),
    )  # fmt: skip
    left, right = st.columns(2)
    with left:
        part(
            t("Validation loss", "验证损失"),
            t("on sentences it has never seen; lower is better", "在没见过的句子上，越低越好"),
        )
        st.altair_chart(curves(runs, "valid_loss", along or EPOCHS), key="compare-loss")
    with right:
        part("BLEU", _measured_on(runs))
        lines, missing = references(runs)
        st.altair_chart(curves(runs, "bleu", along or EPOCHS, lines), key="compare-bleu")
        if missing:
            st.caption(missing)
    if len(runs) <= 9 and len(runs) > 1:
        st.caption(t("Click a name to see that run alone.", "点一下名称，只看那一个运行。"))


def _measured_on(runs: Sequence[Facts]) -> str:
    """On how many of the validation sentences BLEU was measured, and what the dashed lines are."""
    counts = measured_sentences(runs)
    if counts is None:
        share = t("on at most 500 of them", "最多取其中 500 句")
    elif counts[0] == counts[1]:
        share = t(f"on {counts[0]:,} of them", f"取其中 {counts[0]:,} 句")
    else:
        share = t(f"on {counts[0]:,} to {counts[1]:,} of them", f"取其中 {counts[0]:,} 到 {counts[1]:,} 句")
    return share + t("; higher is better; dashed: to measure against", "，越高越好；虚线是参照")


def dot(number: int) -> str:
    hollow = "" if number < 10 else " hollow"
    return f'<i class="dot{hollow}" style="--dot:{run_colour(number)}"></i>'


def differences(runs: Sequence[Facts]) -> None:
    """What came of each run and the settings that differ; the best of each result is green where it can be compared.

    A few runs stand in columns, as one reads a change; many in lines.
    """
    part(
        t("What differs, and what came of it", "有什么不同，结果怎样"),
        t("settings that all share are not shown", "相同的设置不显示"),
    )
    results, settings = _results(runs), _settings(runs)
    rows = [*settings, *results] if len(settings) <= 5 else [*results, *settings]
    names = [f"{dot(number)}{escape(one.name)}" for number, one in enumerate(runs)]
    if len(runs) <= BESIDE + 1:
        head = "<th></th>" + "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            f'<tr><td class="mute" title="{hint}">{label}</td>{"".join(cells)}</tr>' for label, hint, cells in rows
        )
    else:
        head = f"<th>{t('run', '运行')}</th>" + "".join(f'<th title="{hint}">{label}</th>' for label, hint, _ in rows)
        body = "".join(
            f"<tr><td>{name}</td>{''.join(cells[number] for _, _, cells in rows)}</tr>"
            for number, name in enumerate(names)
        )
    st.html(f'<div class="scroll"><table class="samples compare"><tr>{head}</tr>{body}</table></div>')


Row = tuple[str, str, list[str]]  # label, what it means, a cell for each run; all HTML


def _results(runs: Sequence[Facts]) -> list[Row]:
    scores, losses = comparable_scores(runs), comparable_losses(runs)
    on_test = t("on the run's own test sentences, lowercased, greedy", "在自己的测试句子上，不分大小写，贪心解码")
    asked: list[tuple[str, str, list[Any], Callable[[Any], str], Callable[[list[Any]], Any] | None]] = [
        (t("BLEU, test", "BLEU（测试）"), on_test, [one.bleu for one in runs], lambda value: f"{value:.1f}", max if scores else None),
        (t("chrF, test", "chrF（测试）"), t("letters in common instead of words", "按字母而不是按词比较"), [one.chrf for one in runs],
         lambda value: f"{value:.1f}", max if scores else None),
        (t("validation loss", "验证损失"), t("the lowest", "最低值"), [one.valid_loss for one in runs],
         lambda value: f"{value:.2f}", min if losses else None),
        (t("epoch of the lowest loss", "损失最低的轮次"), t("its weights are kept, unless a run keeps the last", "保留的是这一轮的权重，除非设为保留最后一轮"), [one.status.best_epoch or None for one in runs], str, None),
        (t("trained for", "训练用时"), "", [one.seconds for one in runs], duration, None),
        (t("parameters", "参数"), "", [one.status.parameters or None for one in runs], lambda n: f"{n:,}", None),
        (t("pairs trained on", "训练句对"), "", [one.status.training_pairs or None for one in runs], lambda n: f"{n:,}", None),
    ]  # fmt: skip
    rows = []
    for label, hint, values, show, best_of in asked:
        there = [value for value in values if value is not None]
        best = best_of(there) if best_of and len(set(there)) > 1 else None
        cells = [
            f'<td class="best">{show(value)}</td>' if value is not None and value == best
            else f"<td>{'–' if value is None else show(value)}</td>"
            for value in values
        ]  # fmt: skip
        rows.append((label, escape(hint), cells))
    return rows


def _settings(runs: Sequence[Facts]) -> list[Row]:
    return [
        (
            escape(field_label(name)),
            escape(name),
            [f"<td>{escape(_setting(one, name))}</td>" for one in runs],
        )
        for name in differing(runs)
    ]


def _course(one: Facts, name: str) -> str:
    """The setting's value, with those it was changed to on the way."""
    return course_value(name, one.course(name))


def _setting(one: Facts, name: str) -> str:
    if name == "pinned" and one.followed:
        return t(f"{len(one.followed)} sentences", f"{len(one.followed)} 句")
    value = _course(one, name)
    done = one.status.epoch or len(one.epochs)
    if name == "epochs" and done < one.config.epochs:
        return t(f"{done:,} of {value}", f"{value} 轮中的 {done:,} 轮")
    return value


def sentences(runs: Sequence[Facts]) -> None:
    """The followed sentences as each run translates them after the chosen epoch."""
    rows = {one.name: one.run.samples() for one in runs}
    last = max((int(row["epoch"]) for found in rows.values() for row in found), default=0)
    shared = [dict.fromkeys(row["source"] for row in found) for found in rows.values() if found]
    part(t("What they write", "它们写出来的句子"), t("the sentences that the runs follow", "训练时观察的句子"))
    if not shared:
        st.caption(t("There are no translations yet.", "还没有译文。"))
        return
    sources = list(dict.fromkeys(source for found in shared for source in found))
    # Those that all runs follow first.
    sources.sort(key=lambda source: -sum(source in found for found in shared))
    epoch = last
    if last > 0:
        st.session_state["compare-epoch"] = min(st.session_state.get("compare-epoch", last), last)
        epoch = st.slider(
            t("After epoch (0: before training). A run that has ended earlier shows its last.", "第几轮之后（0 是训练前）。已经结束的运行显示最后一轮。"),
            0, last, key="compare-epoch",
        )  # fmt: skip
    written = {
        (one.name, row["source"]): row["translation"]
        for one in runs
        for row in sorted(rows[one.name], key=lambda row: float(row["epoch"]))
        if row["epoch"] <= epoch
    }

    def cell(one: Facts, source: str) -> str:
        text = written.get((one.name, source))
        if text is None:
            return "–"
        shown = escape(text[:160] + (" …" if len(text) > 160 else "")) or "…"
        hint = t("The model wrote a word that it does not know", "模型写出了一个它不认识的词")
        return shown.replace("&lt;unk&gt;", f'<span class="unknown" title="{hint}">&lt;unk&gt;</span>')

    if len(runs) <= BESIDE:
        head = "".join(f"<th>{dot(number)}{escape(one.name)}</th>" for number, one in enumerate(runs))
        body = "".join(
            f"<tr><td>{escape(source)}</td>{''.join(f'<td>{cell(one, source)}</td>' for one in runs)}</tr>"
            for source in sources[:12]
        )
        st.html(f'<table class="samples"><tr><th>{t("source", "原文")}</th>{head}</tr>{body}</table>')
        return
    source = st.selectbox(t("Sentence", "句子"), sources[:40], key="compare-sentence")
    body = "".join(
        f"<tr><td>{dot(number)}{escape(one.name)}</td><td>{cell(one, source)}</td></tr>"
        for number, one in enumerate(runs)
    )
    st.html(f'<table class="samples">{body}</table>')


def comparison(names: list[str], polling: bool) -> None:
    """All of it; while a run trains, or the baselines are being measured, drawn again every few seconds."""
    known = {run.name: facts(run) for run in list_runs() if run.name in names}
    runs = [found for name in names if (found := known.get(name)) is not None]
    if not runs:
        return
    if polling and not _unsettled(runs):
        st.rerun()
    with st.container(border=True):
        verdict(runs)
        pictures(runs)
    with st.container(border=True):
        differences(runs)
    with st.container(border=True):
        sentences(runs)


def _unsettled(runs: Sequence[Facts]) -> bool:
    finished = [one for one in runs if not one.status.alive]
    waits = bool(finished) and same_sentences(runs) and not baselines(finished[0].run).done
    return waits or any(one.status.alive for one in runs)


def exports(runs: Sequence[Facts]) -> None:
    with st.expander(t("Give these runs to somebody: export", "把这些运行交给别人：导出")):
        for one in runs:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(one.name, width="content")
                export_button(Run(one.run.folder), "compare")


shell(t("Compare", "对比"))
heading(
    t("Which change did what?", "哪个改动起了什么作用？"),
    t(
        "Curves over one another, only what differs in a table, and the same sentences side by side.",
        "把曲线叠在一起，用表格只列出不同之处，把同样的句子放在一起看。",
    ),
)
known = {run.name: found for run in list_runs() if (found := facts(run)) is not None}
if not known:
    st.info(
        t(
            "There is no run with a finished epoch yet. Train two on the page Train, with one setting changed.",
            "还没有完成过一轮的运行。请到“训练”页训练两个，只改一个设置。",
        )
    )
    st.stop()
chosen = choose(known)
if not chosen:
    st.info(t("Choose the runs to compare.", "请选择要对比的运行。"))
    st.stop()
polling = _unsettled(chosen)
st.fragment(comparison, run_every=3 if polling else None)([one.name for one in chosen], polling)
exports(chosen)
