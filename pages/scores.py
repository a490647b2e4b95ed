"""Scores: how good a run is, how sure that is, and where it fails."""

from html import escape

import streamlit as st

from core.evaluation import restorable, saved
from core.problems import Problem
from core.runs import Run, list_runs
from core.scoring import FEW, Evaluation, Scores, findings
from pages.parts import address
from pages.parts.ask import choose_run
from pages.parts.language import say, t
from pages.parts.progress import wait_for
from pages.parts.score_charts import length_chart, made_of, meaning, ruler, unknown_chart
from pages.parts.score_sentences import outputs_of, restoring, sentences
from pages.parts.score_tables import LITTLE, all_runs, falls, greedy_and_beam, read_scores, with_interval
from pages.parts.scoring_panel import scoring_panel
from pages.parts.shell import heading, shell

shell(t("Scores", "评分"))
heading(
    t("How good is it, and how sure is that?", "它译得怎么样？这个分数有多可靠？"),
    t(
        "BLEU counts how many words, and runs of two, three and four words, of the translations also stand in what a person wrote: 0 none, 100 all.",
        "BLEU 看译文里的词和连续两个、三个、四个词有多少也出现在人写的译文里：0 是一个都没有，100 是全部相同。",
    ),
)

MOST_BESIDE = 4


def part(title: str, note: str = "") -> None:
    st.html(f'<h2 class="part">{title}<span>{note}</span></h2>')


def has_attention(run: Run) -> bool:
    try:
        return run.config.attention != "none"
    except Problem:
        return False


def _likeness(scored: dict[str, Evaluation], name: str, other: str, runs: dict[str, Run]) -> tuple[bool, bool]:
    """Sorts first what shows most beside a run: scored on the same sentences, and with attention where it has none or
    without where it has."""
    one, two = scored.get(name), scored[other]
    return one is None or one.test != two.test, has_attention(runs[name]) == has_attention(runs[other])


def choose_beside(run: Run, scored: dict[str, Evaluation], runs: dict[str, Run]) -> list[str]:
    """The other runs that are drawn beside the chosen one: as the address says, else those that show most."""
    others = [name for name in scored if name != run.name]
    linked = address.news("with")
    if linked is not None:
        wanted = linked.split(",")
    elif st.session_state.get("beside-of") == run.name and "beside" in st.session_state:
        wanted = st.session_state["beside"]
    else:
        # A first try at the bottom of the picture shows nothing beside a real run.
        little = run.name in scored and scored[run.name].bleu_lowercase < LITTLE
        fit = [name for name in others if little or scored[name].bleu_lowercase >= LITTLE]
        wanted = sorted(fit, key=lambda name: _likeness(scored, run.name, name, runs))[:2]
    st.session_state["beside-of"] = run.name
    st.session_state["beside"] = [name for name in wanted if name in others][:MOST_BESIDE]
    chosen = st.multiselect(
        t("Beside it", "对比的运行"),
        others,
        key="beside",
        max_selections=MOST_BESIDE,
        placeholder=t("Choose other runs", "选择别的运行") if others else t("No other run is scored", "没有别的已评分的运行"),
        persist_state="session",
    )  # fmt: skip
    address.write("with", ",".join(chosen))
    return list(chosen)


def verdict(evaluation: Evaluation) -> None:
    """The score in words and on a ruler, and what it is made of."""
    value = evaluation.bleu_lowercase
    interval = evaluation.intervals.get("bleu_lowercase")
    left, right = st.columns([1.25, 1])
    with left.container(border=True, height="stretch"):
        st.html(
            f'<div class="verdict"><b>BLEU {value:.1f}</b><span>{escape(meaning(value))}</span>'
            f'<span class="mute small">{t("a rule of thumb", "经验说法")}</span></div>{ruler(evaluation)}'
        )
        sure = (
            t(
                f"Scored on {evaluation.sentences:,} sentences that training never saw. With other sentences of the same kind it would "
                f"lie between {interval[0]:.1f} and {interval[1]:.1f}, 95 times of 100: the band.",
                f"在训练时没见过的 {evaluation.sentences:,} 个句子上评分。换一批同类句子，100 次里有 95 次会落在 {interval[0]:.1f} 到 {interval[1]:.1f} 之间，即图中的色带。",
            )
            if interval
            else t(
                f"Scored on {evaluation.sentences:,} sentences that training never saw.",
                f"在训练时没见过的 {evaluation.sentences:,} 个句子上评分。",
            )
        )
        st.html(f'<p class="small">{sure}</p>')
        cells: list[tuple[str, str, Scores]] = [
            (t("BLEU, case ignored", "BLEU（不分大小写）"), "bleu_lowercase", evaluation)
        ]
        if evaluation.beam:
            name = t(f"beam {evaluation.beam_width}", f"集束宽度 {evaluation.beam_width}")
            cells.append((name, "bleu_lowercase", evaluation.beam))
        if evaluation.read_back:
            cells.append((t("read back", "反向核对"), "bleu_lowercase", evaluation.read_back))
        cells += [
            (t("with case", "区分大小写"), "bleu", evaluation),
            (t("chrF, by letters", "chrF（按字母）"), "chrf", evaluation),
        ]
        html = "".join(
            f"<div><span>{name}</span><b>{with_interval(scores, measure)}</b></div>" for name, measure, scores in cells
        )
        st.html(f'<div class="numbers">{html}</div>')
    with right.container(border=True, height="stretch"):
        part(
            t("What BLEU is made of", "BLEU 是怎样算出来的"),
            t("share that also stands in the reference", "也出现在参考译文里的比例"),
        )
        if evaluation.precisions:
            st.html(made_of(evaluation))
        else:
            st.html(f'<p class="small mute">{t("Score it again to see this.", "重新评分后显示。")}</p>')
        said = greedy_and_beam(evaluation)
        if said:
            st.html(f'<p class="small">{said}</p>')
        with st.popover(t("How exactly it was counted", "具体怎样计算"), type="tertiary"):
            st.caption(
                t(
                    "By sacreBLEU, on sentences as people write them, with one reference each. These signatures name every detail; "
                    "scores with other signatures cannot be compared.",
                    "由 sacreBLEU 计算，用的是正常书写的句子，每句一个参考译文。下面的签名写明了全部细节，签名不同的分数不能比较。",
                )
            )
            signatures = (evaluation.signature_lowercase, evaluation.signature, evaluation.signature_chrf)
            st.code("\n".join(dict.fromkeys(signature for signature in signatures if signature)), language=None)


def pictures(run: Run, evaluation: Evaluation, beside: dict[str, Evaluation], runs: dict[str, Run]) -> None:
    """BLEU by length, with the other runs, and by share of unknown words."""
    left, right = st.columns([1.5, 1])
    with left.container(border=True, height="stretch"):
        part(
            t("By length of the sentence", "按句子长度"),
            t(f"bars: 95% interval; faint: fewer than {FEW} sentences", f"竖线：95% 区间；浅色：不到 {FEW} 句"),
        )
        lines = [(run.name, has_attention(run), evaluation)]
        lines += [(name, has_attention(runs[name]), other) for name, other in beside.items()]
        st.altair_chart(length_chart(lines), key="length-chart")
        said = [falls(evaluation)]
        if len({attention for _, attention, _ in lines}) == 2:
            said.append(
                t(
                    "Purple runs have attention and look back at the source at every word. Red ones have only the context vector, of the same "
                    "size for five words as for fifty: see what happens to long sentences.",
                    "紫色的运行有注意力，写每个词都能回看原文；红色的只有上下文向量，五个字和五十个字都装进同样大小的向量里：看看长句会怎样。",
                )
            )
        elif not lines[0][1]:
            said.append(
                t(
                    "It has no attention: the whole sentence must fit into the context vector.",
                    "它没有注意力：整句话都要装进一个上下文向量。",
                )
            )
        if any(other.test != evaluation.test for other in beside.values()):
            said.append(
                t(
                    "Each run was scored on its own test sentences; the table at the end compares them on those that both have.",
                    "每个运行都在自己的测试句子上评分；最后的表格在共有的句子上比较。",
                )
            )
        st.html(f'<p class="small">{" ".join(said)}</p>')
    with right.container(border=True, height="stretch"):
        part(t("By unknown words in the source", "按原文里的未登录词"))
        st.altair_chart(unknown_chart(evaluation), key="unknown-chart")
        signs = evaluation.signs
        if signs is not None:
            note = (
                t("Nothing is unknown: words are cut into pieces.", "没有未登录词：词都切成了子词。")
                if not (signs.unknown_source or signs.unknown_target)
                else t(
                    f"{signs.unknown_source:.1%} of the source words are not in the vocabulary, and {signs.unknown_target:.1%} of the references' "
                    "words are not in the target vocabulary, so it can never write them.",
                    f"原文有 {signs.unknown_source:.1%} 的词不在词表里；参考译文有 {signs.unknown_target:.1%} 的词不在目标词表里，模型永远写不出来。",
                )
            )
            if any(group.high and group.high <= 0.1 for group in evaluation.by_unknown):
                note += t(
                    " Less than a tenth unknown: that can only be a sentence of more than ten words, and long ones score lower.",
                    "不到一成未登录的，只可能是十个词以上的句子，而长句得分本来就低。",
                )
            st.html(f'<p class="small">{note}</p>')
        if evaluation.model_alone is not None:
            alone = evaluation.model_alone.bleu_lowercase
            bare = t(f"With a bare <unk> BLEU would be {alone:.1f}.", f"如果直接显示 <unk>，BLEU 是 {alone:.1f}。")
            note = (
                (
                    t(
                        "Where it writes <unk>, people read “…”: without attention nobody knows which word it meant.",
                        "它写出 <unk> 的地方，页面显示“…”：没有注意力，看不出对应哪个词。",
                    )
                    if not has_attention(run)
                    else t(
                        "Where it writes <unk>, people read the source word looked up in a dictionary, or copied.",
                        "它写出 <unk> 的地方，页面会显示词典里查到的词，或照抄原词。",
                    )
                )
                + t(" ", "")
                + bare
            )
            st.html(f'<p class="small">{escape(note)}</p>')


def to_be_scored(run: Run, evaluation: Evaluation | None) -> str:
    """Why the run should be scored, or scored again; empty where all is there."""
    if evaluation is None:
        return t(
            "Translates its test sentences, which training never saw, in the background: a minute or so.",
            "在后台翻译训练时没见过的测试句子，大约一分钟。",
        )
    if not evaluation.by_length:
        return t(
            "This score is of an older version: score it again to see intervals, lengths and sentences.",
            "这个分数来自旧版本：重新评分后能看到区间、长度和句子。",
        )
    if evaluation.epoch < run.status().weights_epoch:
        return t(
            f"The run has learnt on since: scored were the weights of epoch {evaluation.epoch}.",
            f"评分之后又继续训练过：评分用的是第 {evaluation.epoch} 轮的权重。",
        )
    if not outputs_of(run):
        return t(
            "Its test sentences are not in its folder: score it again to see them.",
            "运行文件夹里没有测试句子：重新评分后能看到。",
        )
    return ""


def fetch_sentences(runs: list[Run]) -> bool:
    """Fetch the test sentences of runs that came without them, drawing how far that is. True once it is tried."""
    task = restoring(runs)
    if task is None or task.done:
        return True
    if wait_for(task, t("fetching the test sentences", "正在取回测试句子")):
        st.rerun()
    return False


def page() -> None:
    picker, others = st.columns([1, 2], vertical_alignment="bottom")
    with picker:
        run = choose_run()
    if run is None:
        return
    runs = {one.name: one for one in list_runs()}
    scored = {name: scores for name, one in runs.items() if (scores := read_scores(one)) is not None}
    with others:
        names = choose_beside(run, scored, runs)
    try:
        evaluation = saved(run)
    except Problem as problem:
        st.warning(say(problem))
        evaluation = None
    if evaluation is not None:
        verdict(evaluation)
    signs, count = (evaluation.signs, evaluation.sentences) if evaluation else (None, 0)
    for finding in findings(signs, count, run.epochs()):
        st.html(f'<div class="reason">{escape(say(finding))}</div>')
    fetched = fetch_sentences([run, *(runs[name] for name in names)])
    if run.status().alive:
        st.info(t("This run is training. It is scored at its end.", "这个运行正在训练，训练结束时会自动评分。"))
    elif (fetched or not restorable(run)) and (why := to_be_scored(run, evaluation)):
        scoring_panel(run, why, again=evaluation is not None)
    if evaluation is not None and evaluation.by_length:
        pictures(run, evaluation, {name: scored[name] for name in names}, runs)
        if outputs_of(run):
            with st.container(border=True):
                part(t("Its sentences", "它译的句子"))
                sentences(run)
    if scored:
        with st.container(border=True):
            part(
                t("All runs side by side", "全部运行"),
                t("BLEU: case ignored, greedy; in brackets the 95% interval", "BLEU：不分大小写，贪心解码；方括号里是 95% 区间"),
            )  # fmt: skip
            st.html(all_runs([(runs[name], scores) for name, scores in scored.items()], run, names))


page()
