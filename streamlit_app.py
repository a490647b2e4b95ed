"""Translate: the page people land on."""

import streamlit as st

from core.problems import Problem
from pages.parts import address
from pages.parts.ask import ask_and_trace, came_by_link
from pages.parts.decodings import (
    GREEDILY,
    READ_BACK,
    bleu_of,
    choose_decoding,
    chosen_trace,
    label,
    steps_of,
)
from pages.parts.language import language, say, t
from pages.parts.readings import show_readings
from pages.parts.shell import heading, shell
from pages.parts.side_by_side import compare
from pages.parts.words import cut_by, replacements_note, sentence_words, source_words, sure_words

shell(t("Translate", "翻译"))
heading(
    t("Chinese → English, by a small model you can take apart", "中文 → 英文：一个可以拆开看的小模型"),
    t(
        "A Seq2Seq model reads the whole sentence, then writes English one word at a time.",
        "Seq2Seq 模型先读完整个句子，再一个词一个词地写出英文。",
    ),
)
by_link = came_by_link()
run, sentence, greedy = ask_and_trace(address.arrived("translate"))

with st.container(border=True):
    decoding = choose_decoding(run)
    try:
        result = chosen_trace(run, sentence, decoding, greedy)
    except Problem as problem:  # the reverse model is damaged
        st.warning(say(problem) + t(" Below is what greedy decoding writes.", "下面是贪心解码的译文。"))
        decoding, result = GREEDILY, greedy
    with st.container(key="translation"):
        st.html(sentence_words(result.sentence, result.replacements, result.source))
    if result.replacements:
        st.caption(replacements_note(result.replacements))
    if not result.finished:
        st.caption(
            t(
                "The model never wrote <eos> and was cut off: it went round in circles.",
                "模型一直没有写出结束标记 <eos>，被强制截断：它在原地打转。",
            )
        )
    with st.container(key="to-decoder"):
        st.page_link(
            "pages/decode.py",
            label=t("Watch the decoder write this, step by step →", "一步一步看解码器怎样写出这句话 →"),
            query_params={
                "lang": language(),
                "run": run.name,
                "sentence": sentence,
                **steps_of(run, sentence, result),
            },
        )
compared = st.container()

left, right = st.columns(2)
with left.container(border=True, height="stretch"):
    note = cut_by(run.config.source_tokenizer, result.words)
    st.html(f'<h2 class="part">{t("What the model read", "模型读到的词")}<span>{note}</span></h2>')
    st.html(source_words(result))
    unknown = sum(not token.known for token in result.source)
    if unknown:
        note = t(
            f"Dotted: unknown, {unknown} here. Training never or hardly saw such words; the model reads each as &lt;unk&gt;.",
            f"虚线框里的是未登录词，这里有 {unknown} 个：训练时没见过或很少见，模型一律读成 &lt;unk&gt;。",
        )
        st.html(f'<p class="mute small">{note}</p>')
with right.container(border=True, height="stretch"):
    note = t("probability of each word when it was chosen", "选中每个词时的概率")
    st.html(f'<h2 class="part">{t("How sure it was", "模型有多大把握")}<span>{note}</span></h2>')
    st.html(sure_words(result))

with compared:
    if decoding == READ_BACK:
        show_readings(run, sentence, greedy.source)
    else:
        compare(run, sentence, greedy, by_link)

scores = run.scores()
if scores:
    how = decoding if bleu_of(run, decoding) is not None else GREEDILY
    bleu = bleu_of(run, how) or 0.0
    measured = t(
        f"Honestly: on {scores['sentences']:,} sentences it never saw, this run scores BLEU "
        f"{bleu:.1f} (0 to 100; lowercased, {label(how).lower()}, one reference).",
        f"实话实说：在 {scores['sentences']:,} 个没见过的句子上，这个运行的 BLEU 是 {bleu:.1f}"
        f"（0 到 100，不分大小写，{label(how).lower()}，一个参考译文）。",
    )
    if bleu < 12:
        meaning = t("It has learnt little; most sentences come out wrong.", "它学到的还很少，大多数句子会译错。")
    else:
        meaning = t(
            "Short everyday sentences often come out right; long ones, names and rare words often do not.",
            "日常短句常常译得对；长句、人名和生僻词常常译错。",
        )
    st.caption(f"{measured} {meaning}")
