"""Scores as words and tables: one run, greedy beside beam search, all runs side by side."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from core.evaluation import OUTPUTS, restorable, saved, saved_outputs
from core.problems import Problem
from core.runs import Run
from core.scoring import FEW, Compared, Evaluation, Group, Measures, compare
from pages.parts.language import t
from pages.parts.score_sentences import outputs_version

LITTLE = 2.0  # BLEU: below this everything is wrong, and differences mean nothing


def with_interval(measures: Measures, measure: str) -> str:
    """`21.9 [20.7, 23.2]`, without the brackets where no interval was counted."""
    value = f"{getattr(measures, measure):.1f}"
    interval = measures.intervals.get(measure)
    return f'{value} <span class="mute small">[{interval[0]:.1f}, {interval[1]:.1f}]</span>' if interval else value


def falls(evaluation: Evaluation) -> str:
    """What to notice in the picture by length: where it is best, where it is worst, how far it falls."""
    enough = [group for group in evaluation.by_length if group.sentences >= FEW]
    if len(enough) < 2:
        return ""
    if evaluation.bleu_lowercase < LITTLE:
        return t(
            "It has learnt too little for length to matter: all its translations are wrong.",
            "它学到的太少，还谈不上长短的影响：译文全是错的。",
        )
    best, last = max(enough, key=lambda group: group.bleu_lowercase), enough[-1]
    if best is last:
        return t(
            "Here length does not hurt: the longest sentences score best.",
            "在这里长度没有造成困难：最长的句子得分最高。",
        )
    unit = evaluation.length_unit == "characters"
    return t(
        f"From sentences of {_range(best)} {'characters' if unit else 'words'} to those of {_range(last)} BLEU falls from "
        f"{best.bleu_lowercase:.0f} to {last.bleu_lowercase:.0f}.",
        f"句子从 {_range(best)} {'字' if unit else '词'}变长到 {_range(last)} {'字' if unit else '词'}，BLEU 从 "
        f"{best.bleu_lowercase:.0f} 降到 {last.bleu_lowercase:.0f}。",
    )


def _range(group: Group) -> str:
    low = group.low + 1
    return f"{low:g}+" if group.high is None else f"{low:g}–{group.high:g}"


def greedy_and_beam(evaluation: Evaluation) -> str:
    """A sentence on what beam search changes."""
    beam = evaluation.beam
    if beam is None:
        return ""
    better = beam.bleu_lowercase - evaluation.bleu_lowercase
    verdict = (
        t(f"gains {better:.1f}", f"提高 {better:.1f}")
        if better > 0
        else t(f"loses {-better:.1f}", f"降低 {-better:.1f}")
    )
    said = t(
        f"Beam search of width {evaluation.beam_width} {verdict} BLEU: {with_interval(beam, 'bleu_lowercase')}; its translations have "
        f"{beam.length_ratio:.0%} of the references' words, greedy's {evaluation.length_ratio:.0%}.",
        f"宽度为 {evaluation.beam_width} 的集束搜索让 BLEU {verdict}：{with_interval(beam, 'bleu_lowercase')}；"
        f"它的总词数是参考译文的 {beam.length_ratio:.0%}，贪心解码是 {evaluation.length_ratio:.0%}。",
    )
    worse = t(
        f" It translates {evaluation.beam_differs:,} sentences differently; in {evaluation.beam_likelier:,} of them its "
        f"translation is more probable to the model than the greedy one, yet {evaluation.beam_likelier_worse:,} of these score worse.",
        f"有 {evaluation.beam_differs:,} 个句子译得不一样；其中 {evaluation.beam_likelier:,} 个，模型认为集束搜索的译文概率更高，"
        f"但有 {evaluation.beam_likelier_worse:,} 个分数反而更低。",
    )
    return said + worse + _read_back(evaluation)


def _read_back(evaluation: Evaluation) -> str:
    """A sentence on what the reverse model changes, where the run has one."""
    chosen, beam = evaluation.read_back, evaluation.beam
    if chosen is None or beam is None:
        return ""
    change = f"{chosen.bleu_lowercase - beam.bleu_lowercase:+.1f}".replace("-", "−")
    return t(
        f" Read back, by a reverse model that chooses among twenty, it reaches {with_interval(chosen, 'bleu_lowercase')}, {change} "
        f"against beam search, with {chosen.length_ratio:.0%} of the references' words.",
        f"再由反向模型从二十个候选里挑选（反向核对），BLEU 是 {with_interval(chosen, 'bleu_lowercase')}，比集束搜索 {change}，"
        f"总词数是参考译文的 {chosen.length_ratio:.0%}。",
    )


# All runs


def read_scores(run: Run) -> Evaluation | None:
    """None also where the file is damaged: in a list of all runs one of them breaks nothing."""
    try:
        return saved(run)
    except Problem:
        return None


@st.cache_data(max_entries=100, show_spinner=False)
def compared(first: tuple[str, int], second: tuple[str, int]) -> Compared | None:
    """The second run against the first on the sentences that both have translated; None where these are too few."""
    one, other = (
        {(output.source, output.reference): output.hypothesis for output in saved_outputs(Run(folder))}
        for folder, _ in (first, second)
    )
    both = [pair for pair in one if pair in other]
    if len(both) < FEW:
        return None
    return compare([one[pair] for pair in both], [other[pair] for pair in both], [reference for _, reference in both])


def all_runs(rows: Sequence[tuple[Run, Evaluation]], chosen: Run, beside: Sequence[str]) -> str:
    """A table of all scored runs, the best first; those beside the chosen one with whether the difference is chance."""
    test = next((evaluation.test for run, evaluation in rows if run.name == chosen.name), "")
    heads = (
        t("run", "运行"),
        t("attention", "注意力"),
        t("parameters", "参数"),
        t("pairs", "句对"),
        t("minutes", "分钟"),
        "BLEU",
        t("with case", "区分大小写"),
        "chrF",
        t("beam search", "集束搜索"),
        t("read back", "反向核对"),
        t(f"against {chosen.name}", f"与 {chosen.name} 相比"),
    )
    body = ""
    for run, evaluation in sorted(rows, key=lambda row: -row[1].bleu_lowercase):
        status = run.status()
        try:
            attention = run.config.attention
        except Problem:
            attention = "?"
        versus = ""
        if run.name == chosen.name:
            versus = "–"
        elif not (evaluation.test and test):
            versus = f'<span class="mute">{t("scored by an older version", "旧版本的评分")}</span>'
        elif run.name not in beside:
            versus = ""
        elif not all((one.folder / OUTPUTS).is_file() for one in (chosen, run)):
            # Runs that ship come without the test sentences, which are other people's: the page fetches them.
            fetched = any(map(restorable, (chosen, run)))
            versus = "…" if fetched else t("score both again to compare", "两个都重新评分后才能比")
            versus = f'<span class="mute">{versus}</span>'
        else:
            versus = difference(compared(outputs_version(chosen), outputs_version(run)), evaluation.test == test)
        cells = (
            f"<b>{escape(run.name)}</b>" if run.name == chosen.name else escape(run.name),
            t("none", "无") if attention == "none" else escape(attention),
            f"{status.parameters / 1e6:.1f} M" if status.parameters else "?",
            f"{status.training_pairs:,}" if status.training_pairs else "?",
            _minutes(status.seconds),
            with_interval(evaluation, "bleu_lowercase"),
            f"{evaluation.bleu:.1f}",
            f"{evaluation.chrf:.1f}",
            f"{evaluation.beam.bleu_lowercase:.1f}" if evaluation.beam else "–",
            f"{evaluation.read_back.bleu_lowercase:.1f}" if evaluation.read_back else "–",
            versus,
        )
        body += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f'<div class="scroll"><table class="samples scores"><tr>{head}</tr>{body}</table></div>'


def _minutes(seconds: float) -> str:
    return "?" if not seconds else "< 0.1" if seconds < 6 else f"{seconds / 60:.1f}"


def difference(result: Compared | None, same: bool) -> str:
    """In words whether chance explains it; where their tests are not the `same`, on how many sentences that both have."""
    if result is None:
        return f'<span class="mute">{t("too few test sentences in common", "共同的测试句子太少")}</span>'
    low, high = result.interval
    interval = f'<span class="mute small">[{low:+.1f}, {high:+.1f}]</span>'
    text = f"{result.difference:+.1f} {interval}".replace("-", "−")
    if not result.certain:
        text += t(" may be chance", " 可能只是偶然")
    else:
        text += t(" better", " 更好") if result.difference > 0 else t(" worse", " 更差")
    if not same:
        common = t(
            f"on the {result.sentences:,} sentences of both tests", f"在两个测试集共有的 {result.sentences:,} 句上"
        )
        text += f'<br><span class="mute small">{common}</span>'
    return text
