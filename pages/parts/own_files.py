"""A person's own files: which columns, which languages, and what could not be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeVar

import streamlit as st

from core import corpus
from core.problems import Problem, count_of
from core.progress import Bar, counted
from core.survey import guess_language
from core.tables import Table, encoding_of, guess_columns, read_table
from pages.parts.language import keep_option, say, t
from pages.parts.progress import Task, wait_for
from pages.parts.reading import File, read_in_background, texts, too_many

Files = tuple[File, ...]
A = TypeVar("A")


@dataclass(frozen=True)
class Own:
    """Pairs as they stand in a person's files, and how each side is to be cut."""

    key: str  # changes with the contents, the columns and what else decides the pairs
    name: str
    pairs: list[corpus.Pair]
    languages: tuple[str, str]


def language_name(language: str) -> str:
    return {
        "chinese": t("Chinese (words by jieba)", "中文（用 jieba 分词）"),
        "english": t("English (words by spaCy)", "英文（用 spaCy 分词）"),
        "other": t("another language (characters)", "其他语言（按字符）"),
    }[language]


def own_files() -> Own | None:
    """Draw the upload and the choices that the files ask for. None while there is nothing to show."""
    files = _files()
    if not files:
        st.caption(
            t(
                "Two files that match line by line (train_1w.zh and train_1w.en), or one table: CSV, TSV, JSON lines. "
                "UTF-8, UTF-16, GBK, Big5; from Excel too. The sentences stay on this computer.",
                "两个逐行对应的文件（如 train_1w.zh 和 train_1w.en），或一个表格：CSV、TSV、JSON Lines。"
                "支持 UTF-8、UTF-16、GBK、Big5，也支持 Excel 导出的文件。句子只保存在这台电脑上。",
            )
        )
        return None
    try:
        if len(files) == 1:
            return _from_table(files[0])
        if len(files) == 2:
            return _from_two(files[0], files[1])
        raise too_many(files)
    except Problem as problem:
        st.warning(say(problem))
        if len(files) == 2:
            st.caption(
                t(
                    "The two were read as one text and its translation. To use one of them alone, press “Other files”.",
                    "这两个文件是当作原文和译文来读的。如果只想用其中一个，请点“换文件”。",
                )
            )
        return None


def _files() -> Files:
    """What was uploaded; kept for the visit, since an upload box forgets when the page changes."""
    kept: Files = st.session_state.get("own-files", ())
    if kept:
        with st.container(horizontal=True, vertical_alignment="center"):
            names = "  +  ".join(f"{file.name} ({len(file.content) / 1024:,.0f} KB)" for file in kept)
            st.html(f'<span class="mute">{escape(names)}</span>', width="content")
            if st.button(t("Other files", "换文件"), key="other-files"):
                st.session_state["own-files"] = ()
                st.session_state["own-turn"] = st.session_state.get("own-turn", 0) + 1
                st.rerun()
        return kept
    uploads = st.file_uploader(
        t("Your sentences", "你的句子"),
        accept_multiple_files=True,
        key=f"own-upload-{st.session_state.get('own-turn', 0)}",
        label_visibility="collapsed",
    )
    files = texts([File.of(upload) for upload in uploads or ()])
    if len(files) == 2:
        _keep(files)
    return files


def _keep(files: Files) -> None:
    """From now on the files stand in a line in place of the upload box."""
    if st.session_state.get("own-files", ()) != files:
        st.session_state["own-files"] = files
        st.rerun()


def _read(task: "Task[A]") -> A | None:
    """None, under a bar, until it is read."""
    return task.result() if wait_for(task, t("reading the files", "正在读取文件")) else None


def _sifted(
    key: tuple[object, ...], rows: Sequence[tuple[str, ...]], sides: tuple[int, int], name: str
) -> "corpus.Sifted | None":
    """The pairs of two columns of the rows. key: what they are, changed where they change."""

    def sift(bar: Bar) -> corpus.Sifted:
        told = counted(rows, bar.stage("reading"))
        return corpus.sift(((row[sides[0]], row[sides[1]]) for row in told), name)

    return _read(read_in_background("own-pairs", (*key, *sides), sift))


def _from_table(file: File) -> Own | None:
    name, digest = file.name, file.digest
    headed = st.session_state.get(f"headed-{digest}")
    if headed == st.session_state.get(f"headed-guess-{digest}"):
        headed = None  # as it was read
    table = _read(
        read_in_background(
            "own-table",
            (name, digest, headed),
            lambda bar: read_table(file.content, name, headed, bar.stage("reading")),
        )
    )
    if table is None:
        return None
    if len(table.columns) < 2:
        st.info(
            t(
                f"{name} has one column. Add the second file, whose lines are the translations of this one's; "
                "or choose a table with two columns.",
                f"{name} 只有一列。请再添加第二个文件（逐行对应的译文），或选择有两列的表格。",
            )
        )
        return None
    if headed is None:
        st.session_state[f"headed-guess-{digest}"] = table.headed
    _keep((file,))
    guess = guess_columns(table)
    places = list(range(len(table.columns)))

    def label(place: int) -> str:
        example = next((row[place] for row in table.rows if row[place].strip()), "")
        return f"{table.columns[place]} · {example[:24]}"

    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.selectbox(
            t("Source: what the model reads", "原文：模型读的一列"), places, guess[0], format_func=label,
            key=keep_option(f"column-source-{digest}"),
        )  # fmt: skip
        target = st.selectbox(
            t("Target: what it writes", "译文：模型写的一列"), places, guess[1], format_func=label,
            key=keep_option(f"column-target-{digest}"),
        )  # fmt: skip
        if table.separator:
            st.checkbox(t("The first row holds names", "第一行是列名"), table.headed, key=f"headed-{digest}")
    if source == target:
        st.warning(t("Source and target are the same column. Choose two.", "原文和译文选了同一列，请选两列。"))
        return None
    sifted = _sifted((digest, table.headed), table.rows, (source, target), name)
    if sifted is None:
        return None
    languages = _languages(f"{digest}-{source}-{target}", sifted.pairs)
    _read_as(table.encoding, sifted, table)
    return Own(f"{digest} {source} {target} {table.headed}", name, sifted.pairs, languages)


def _from_two(*files: File) -> Own | None:
    digests, names = [file.digest for file in files], [file.name for file in files]
    contents = [file.content for file in files]
    read = _read(
        read_in_background(
            "own-table",
            tuple(digests),
            lambda _: (
                corpus.aligned_rows(contents[0], contents[1], *names),
                list(dict.fromkeys(encoding_of(file.content, file.name) for file in files)),
            ),
        )
    )
    if read is None:
        return None
    rows, encodings = read
    guesses = [guess_language([row[side] for row in rows[:1000]]) for side in (0, 1)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # As in the lesson: where one file is Chinese, it is read and the other is written.
        begin = 1 if guesses[1] == "chinese" != guesses[0] else 0
        source = st.selectbox(
            t("Source: what the model reads", "原文：模型读的文件"), [0, 1], begin, format_func=names.__getitem__,
            key=keep_option(f"file-source-{'-'.join(digests)}"),
        )  # fmt: skip
    sifted = _sifted(tuple(digests), rows, (source, 1 - source), " / ".join(names))
    if sifted is None:
        return None
    languages = _languages(f"{'-'.join(digests)}-{source}", sifted.pairs)
    _read_as(" + ".join(encodings), sifted)
    return Own(f"{' '.join(digests)} {source}", " + ".join(names), sifted.pairs, languages)


def _languages(key: str, pairs: list[corpus.Pair]) -> tuple[str, str]:
    """Two pickers that begin with what the sentences look like."""
    from core.survey import LANGUAGES

    options = list(LANGUAGES)
    chosen = []
    labels = (t("Source language", "原文语言"), t("Target language", "译文语言"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for side, label in enumerate(labels):
            guess = guess_language([pair[side] for pair in pairs[:1000]])
            chosen.append(
                st.selectbox(
                    label,
                    options,
                    options.index(guess),
                    format_func=language_name,
                    key=keep_option(f"language-{side}-{key}"),
                )
            )
    return chosen[0], chosen[1]


def _read_as(encoding: str, sifted: corpus.Sifted, table: Table | None = None) -> None:
    """One line on how the file was read and what of it could not be used."""
    names = {"utf-8-sig": "UTF-8", "gb18030": "GBK", "big5hkscs": "Big5", "cp1252": "Windows-1252"}
    shown = " + ".join(names.get(one, one.upper()) for one in encoding.split(" + "))
    separators = {
        "\t": t("tabs", "制表符"), ",": t("commas", "逗号"), ";": t("semicolons", "分号"), "|": t("bars", "竖线"),
        "": "JSON",
    }  # fmt: skip
    facts = [t(f"read as {shown}", f"按 {shown} 读取")]
    if table is not None:
        separator = separators.get(table.separator, table.separator)
        facts.append(separator if not table.separator else t(f"columns cut at {separator}", f"以{separator}分列"))
    facts.append(t(count_of(len(sifted.pairs), "pair"), f"{len(sifted.pairs):,} 个句对"))
    if sifted.repeated:
        facts.append(
            t(f"{count_of(sifted.repeated, 'repeated one')} counted once", f"{sifted.repeated:,} 个重复的只算一次")
        )
    if sifted.empty:
        facts.append(t(f"{sifted.empty:,} with an empty side left out", f"{sifted.empty:,} 个缺一边的已去掉"))
    if table is not None and table.ragged:
        facts.append(
            t(
                f"{count_of(table.ragged, 'row')} with too many or too few cells left out (a separator inside a sentence needs "
                "quotation marks around it)",
                f"{table.ragged:,} 行的列数不对，已去掉（句子里含有分隔符时，要用引号括起来）",
            )
        )
    if table is not None and table.unreadable:
        facts.append(
            t(f"{count_of(table.unreadable, 'line')} left out: not JSON", f"{table.unreadable:,} 行不是 JSON，已去掉")
        )
    st.caption(" · ".join(facts))
