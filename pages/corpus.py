"""Corpus: the sentences a model learns from, named ones or a person's own, and what a vocabulary makes of them."""

from html import escape

import streamlit as st

from core import corpus
from core.config import FILES
from core.corpus import Pair
from core.problems import Problem, count_of
from pages.parts import address
from pages.parts.corpus_charts import coverage_chart, length_chart
from pages.parts.language import keep_option, language, say, t
from pages.parts.own_files import Own, language_name, own_files
from pages.parts.prepared import hand_over
from pages.parts.progress import wait_for
from pages.parts.shell import heading, shell
from pages.parts.surveys import Survey, survey

NAMED = ["hsk", "tatoeba", "tatoeba+hsk"]
TRAINING_PAIRS = [1000, 2000, 5000, 10_000, 20_000, 50_000, 0]
SIZES = [500, 1000, 2000, 5000, 10_000, 20_000, 50_000]
SHOWN = 8


def chosen_corpus() -> tuple[str, Own | None]:
    """The picker, in the address; for own files also what they hold, None while there is nothing."""
    options = [*NAMED, FILES]
    linked = address.news("corpus")
    if linked in options:
        st.session_state["shown-corpus"] = linked
    st.session_state.setdefault("shown-corpus", NAMED[0])
    name: str = st.segmented_control(  # type: ignore[assignment]  # one is required
        t("Sentences", "语料"),
        options,
        required=True,
        format_func=lambda name: {
            "hsk": t("HSK 1–6: graded", "HSK 1–6：分级句子"),
            "tatoeba": t("Tatoeba: everyday", "Tatoeba：日常句子"),
            "tatoeba+hsk": "Tatoeba + HSK",
            FILES: t("My own files", "我自己的文件"),
        }[name],
        key=keep_option("shown-corpus"),
        label_visibility="collapsed",
        persist_state="session",
    )
    address.write("corpus", name)
    return name, own_files() if name == FILES else None


def number_from_address(key: str, options: list[int], default: int) -> None:
    """Let a link set a slider; a number that the slider does not have is ignored."""
    linked = address.news(key)
    if linked and linked.isascii() and linked.isdecimal() and len(linked) < 9 and int(linked) in options:
        st.session_state[key] = int(linked)
    st.session_state.setdefault(key, default)


def preview(pairs: list[Pair], languages: tuple[str, str]) -> None:
    """A few pairs, others at a click, and a search."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input(
            t("Find sentences with …", "查找含有……的句子"), key="find", placeholder=t("喜欢, coffee", "喜欢、coffee")
        ).strip()
        turn = st.session_state.setdefault("preview-turn", 0)
        if st.button(t("Show others", "换一批"), key="others"):
            turn = st.session_state["preview-turn"] = turn + 1
    found = pairs
    if wanted:
        folded = wanted.casefold()
        found = [pair for pair in pairs if folded in pair[0].casefold() or folded in pair[1].casefold()]
        share = len(found) / max(1, len(pairs))
        st.caption(
            t(f"In {count_of(len(found), 'pair')} ({share:.2%})", f"出现在 {len(found):,} 个句对里（{share:.2%}）")
        )
    stride = max(1, len(found) // SHOWN)
    rows = [found[(turn * 7919 + i * stride) % len(found)] for i in range(min(SHOWN, len(found)))] if found else []
    st.html(pair_table(rows, wanted))


def pair_table(rows: list[Pair], wanted: str = "") -> str:
    """Pairs as a table; text is escaped, what was searched for is bold."""

    def cell(text: str) -> str:
        text = text if len(text) <= 160 else text[:160] + " …"
        at = text.casefold().find(wanted.casefold()) if wanted else -1
        if at < 0:
            return escape(text)
        end = at + len(wanted)
        return f"{escape(text[:at])}<b>{escape(text[at:end])}</b>{escape(text[end:])}"

    body = "".join(f"<tr><td>{cell(a)}</td><td>{cell(b)}</td></tr>" for a, b in rows)
    return f'<table class="samples"><tr><th>{t("source", "原文")}</th><th>{t("target", "译文")}</th></tr>{body}</table>'


def numbers(found: Survey) -> None:
    text = found.cut()
    cells = [
        (t("pairs", "句对"), len(text.pairs)),
        (t("to train on", "用于训练"), text.training),
        (t("to validate", "用于验证"), text.validation),
        (t("to test", "用于测试"), text.test),
        (t("sources with several translations", "有多个译文的原文"), text.several),
    ]
    html = "".join(f"<div><span>{label}</span><b>{value:,}</b></div>" for label, value in cells)
    st.html(f'<div class="numbers">{html}</div>')
    st.caption(
        t(
            "The split keeps a sentence and all its translations on one side, so the test is honest.",
            "划分时，同一个句子和它的全部译文都在同一份里，所以测试是公平的。",
        )
    )


def vocabulary(found: Survey) -> tuple[int, int]:
    """The two limits, what they let in, and what unseen sentences lose. Returns min_freq and max_size."""
    note = t("what the model will be able to read and write", "模型能读写哪些词")
    st.html(f'<h2 class="part">{t("Vocabulary", "词表")}<span>{note}</span></h2>')
    number_from_address("pairs", TRAINING_PAIRS, 10_000)
    number_from_address("min_freq", list(range(1, 11)), 2)
    number_from_address("max_size", SIZES, 10_000)
    training = found.cut().training
    usable = [size for size in TRAINING_PAIRS if size < training]
    if st.session_state["pairs"] not in usable:
        st.session_state["pairs"] = 0
    # Of few sentences all are taken: then there is nothing to slide.
    *one, two, three = st.columns(3 if len(usable) > 1 else 2)
    pairs = one[0].select_slider(
        t("Training pairs", "训练句对"), usable, format_func=lambda n: f"{n:,}" if n else t(f"all {training:,}", f"全部 {training:,}"),
        key=keep_option("pairs"), persist_state="session",
    ) if one else 0  # fmt: skip
    min_freq = two.slider(
        "min_freq", 1, 10, key="min_freq", persist_state="session",
        help=t("A word that training sees less often than this is left out.", "训练中出现次数比这少的词不进词表。"),
    )  # fmt: skip
    max_size = three.select_slider(
        "max_size", SIZES, format_func=lambda n: f"{n:,}", key="max_size", persist_state="session",
        help=t("The vocabulary keeps the most frequent words, at most so many.", "词表最多保留这么多个最常见的词。"),
    )  # fmt: skip
    for key, value in (("pairs", pairs), ("min_freq", min_freq), ("max_size", max_size)):
        address.write(key, str(value))
    source, target = found.sides(pairs)
    kept = source.kept(min_freq, max_size), target.kept(min_freq, max_size)
    lost = tuple(1 - side.whole_sentences(size) for side, size in zip((source, target), kept, strict=True))
    st.html(
        '<p class="lead">'
        + t(
            f"<b>{lost[0]:.0%}</b> of the sentences it has never seen hold a source word it cannot read, and "
            f"<b>{lost[1]:.0%}</b> need a target word it cannot write.",
            f"在没见过的句子里，<b>{lost[0]:.0%}</b> 的原文含有它读不懂的词，<b>{lost[1]:.0%}</b> 的译文需要它写不出的词。",
        )
        + "</p>"
    )
    left, right = st.columns([1.1, 1])
    with left:
        st.altair_chart(coverage_chart(source, target, kept), key="coverage")
        st.caption(
            t(
                "Measured on held-out sentences; the dots are your limits. Most words are rare, so a larger vocabulary and "
                "more sentences help, but ever more slowly.",
                "在留出的句子上测得，圆点是当前的设置。大多数词都很少见，所以加大词表、增加句子都有用，但见效越来越慢。",
            )
        )
    with right:
        for side, size, label, tone in (
            (source, kept[0], t("source", "原文"), ""),
            (target, kept[1], t("target", "译文"), " target"),
        ):
            st.html(_border(side, size, label, min_freq) + _examples(side, size, tone))
    return min_freq, max_size


def _border(side, size: int, label: str, min_freq: int) -> str:  # type: ignore[no-untyped-def]
    rare = len(side.words) - side.kept(min_freq, 10**9)
    cut = len(side.words) - rare - size
    why = t(f"{rare:,} too rare", f"{rare:,} 个太少见")
    if cut:
        why += t(f", {cut:,} past max_size", f"，{cut:,} 个超出 max_size")
    return f'<p class="words-kept"><b>{label}</b> ' + t(
        f"keeps <b>{size:,}</b> of {len(side.words):,} words seen in training ({why}).",
        f"训练中见过的 {len(side.words):,} 个词，保留 <b>{size:,}</b> 个（{why}）。",
    ) + "</p>"  # fmt: skip


def _examples(side, size: int, tone: str, count: int = 3) -> str:  # type: ignore[no-untyped-def]
    """Unseen sentences as the model would read or write them, those with an unknown word first; text is escaped."""
    picked = sorted(side.examples, key=lambda example: max(example.places) < size)[:count]
    lines = ""
    for example in picked:
        words = ""
        for word, place in zip(example.words[:30], example.places, strict=False):
            if place < size:
                hint = t(
                    f"Training saw it {count_of(side.counts[place], 'time')}", f"训练中出现过 {side.counts[place]:,} 次"
                )
                words += f'<span class="word{tone}" title="{hint}">{escape(word)}</span>'
            else:
                seen = side.counts[place] if place < len(side.counts) else 0
                hint = t(f"Unknown: training saw it {count_of(seen, 'time')}", f"未登录词：训练中出现过 {seen:,} 次")
                words += f'<span class="word unknown" title="{hint}">{escape(word)}</span>'
        lines += f'<div class="words little">{words}</div>'
    return lines


def suspicious(found: Survey) -> list[int]:
    """The pairs that look wrong, by kind. Returns the places of those that are to be left out."""
    text = found.cut()
    names = {
        "same": t("the same text on both sides", "两边文字相同"),
        "language": t("one side is in another language", "有一边不是所选的语言"),
        "ratio": t("one side far longer than the other", "两边长度相差悬殊"),
    }
    total = sum(map(len, text.suspicious.values()))
    share = total / len(text.pairs)
    note = t(f"{count_of(total, 'pair')}, {share:.1%}", f"{total:,} 个句对，占 {share:.1%}")
    st.html(f'<h2 class="part">{t("Worth a look", "值得检查")}<span>{note}</span></h2>')
    if not total:
        st.caption(t("Nothing looks wrong.", "没有发现可疑的句对。"))
    out: list[int] = []
    for kind, places in text.suspicious.items():
        if not places:
            continue
        with st.container(border=True):
            leave = st.checkbox(
                t(f"Leave out {len(places):,}: {names[kind]}", f"去掉 {len(places):,} 个：{names[kind]}"),
                key=f"leave-{kind}",
            )
            st.html(pair_table([text.pairs[place] for place in places[:: max(1, len(places) // 4)][:4]]))
        if leave:
            out += places
    return out


shell(t("Corpus", "语料"))
heading(
    t("The sentences a model learns from", "模型从哪些句子里学习"),
    t(
        "What is in them, what a vocabulary leaves out, what looks wrong. Bring your own, in any pair of languages.",
        "看看里面有什么，词表会漏掉什么，哪些句对可疑。也可以用你自己的句子，任何两种语言都行。",
    ),
)
name, own = chosen_corpus()
if name == FILES and own is None:
    st.stop()
key, languages = (own.key, own.languages) if own else (name, ("chinese", "english"))
given = own.pairs if own else None
found = survey(key, languages, lambda report: list(corpus.load(name, report).pairs) if given is None else given)

try:
    if wait_for(found.task, t("reading the sentences", "正在读取句子")):
        found.cut()
    elif not found.pairs:
        st.stop()
except Problem as problem:
    st.warning(say(problem))
    st.stop()

with st.container(border=True):
    left, right = st.columns([1.25, 1])
    with left:
        pair = f"{language_name(languages[0])} → {language_name(languages[1])}"
        st.html(f'<h2 class="part">{t("The pairs", "句对")}<span>{escape(pair)}</span></h2>')
        preview(found.pairs, languages)
    with right:
        if found.task.done:
            numbers(found)
            st.html(f'<h2 class="part">{t("How long they are", "句子有多长")}</h2>')
            source, target = found.sides(0)
            st.altair_chart(length_chart(source, target), key="lengths")
    st.caption(
        corpus.attribution(name)
        if own is None
        else t(
            "Your own sentences stay on this computer, in the folders of the runs that are trained on them. "
            "Before you give such a run away, see whether their licence allows it and whom to name.",
            "你的句子只保存在这台电脑上，放在用它们训练的运行的文件夹里。把这样的运行交给别人之前，请先确认句子的许可和署名要求。",
        )
    )

if found.task.done:
    with st.container(border=True):
        min_freq, max_size = vocabulary(found)
    with st.container(border=True):
        left_out = suspicious(found)
    label = t("Train with these →", "用这些句子训练 →")
    if st.button(label, type="primary", key="train-with"):
        from core.survey import without

        text = found.cut()
        pairs_left = without(text.pairs, left_out) if own or left_out else None
        title = own.name if own else name
        hand_over(FILES if pairs_left is not None else name, min_freq, max_size, title, pairs_left, languages)
        st.switch_page("pages/train.py", query_params={"lang": language()})
