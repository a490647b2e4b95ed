"""Files as strangers have them: from Excel, from Windows, from the web, and those that are no text at all."""

import io
import json
import zipfile

import pytest

from core import tables
from core.problems import Problem
from core.tables import encoding_of, guess_columns, read_table

PAIRS = [("你好，世界。", "Hello, world."), ("他说：“好”。", 'He said "fine".'), ("再见；明天见。", "Bye; see you.")]


def sheet(separator: str, rows=PAIRS, end: str = "\r\n") -> str:
    """As Excel writes it: quotation marks where they are needed, and doubled inside."""

    def cell(text: str) -> str:
        needs = any(mark in text for mark in (separator, '"', "\n"))
        return '"' + text.replace('"', '""') + '"' if needs else text

    return "".join(separator.join(map(cell, row)) + end for row in rows)


def pairs_of(table):
    source, target = guess_columns(table)
    return [(row[source], row[target]) for row in table.rows]


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_sheet_is_read_whatever_saved_it(encoding, separator, end):
    table = read_table(sheet(separator, end=end).encode(encoding), "my.csv")
    assert pairs_of(table) == PAIRS
    assert (table.separator, table.ragged, table.headed) == (separator, 0, False)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "sentences",
    [
        ["一个人来了。", "我们开始吧！", "他是最好的学生。", "你有一本书吗？", "不，我没有。"],
        ["這是一個很難的問題。", "你會來嗎？", "我們說好了。"],
        ["I like it.", "Where are you?", "Don’t go."],
    ],
)
def test_utf_16_without_its_mark_is_read_also_in_chinese_or_english_alone(order, end, sentences):
    content = "".join(sentence + end for sentence in sentences).encode(order)
    assert encoding_of(content, "a.zh") == order
    assert tables.lines(tables.decode_text(content * 40, "a.zh")) == sentences * 40


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "big5", "cp1252"])
def test_a_few_empty_bytes_make_no_text_utf_16(encoding):
    text = (
        "a caf\xe9 that I like \x00\n\x00\nIt\x92s here\n"
        if encoding == "cp1252"
        else "你好\x00\n\x00\n我是一個人\n的\n"
    )
    content = text.encode("latin-1" if encoding == "cp1252" else encoding, "replace") * 30
    assert not encoding_of(content, "a.txt").startswith("utf-16")


def test_traditional_chinese_from_taiwan_is_read():
    rows = [
        ("我們說好了。", "We agreed."),
        ("這個問題很難。", "This question is hard."),
        ("你會來嗎？", "Will you come?"),
    ]
    content = sheet("\t", rows).encode("big5")
    assert encoding_of(content, "a.txt").startswith("big5")
    assert pairs_of(read_table(content, "a.txt")) == rows


def test_curly_quotes_of_windows_do_not_become_chinese():
    rows = [("Don’t you know?", "“No,” he said."), ("It’s a café.", "I can’t see it.")]
    assert pairs_of(read_table(sheet("\t", rows).encode("cp1252"), "a.txt")) == rows


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_a_damaged_byte_costs_one_character_and_not_the_file(encoding):
    content = (sheet("\t") * 50).encode(encoding) + "好".encode(encoding)[:-1] + b"\tGood\n"
    table = read_table(content, "a.tsv")
    assert pairs_of(table)[:150] == PAIRS * 50
    assert len(table.rows) == 151


@pytest.mark.parametrize(
    ("begin", "kind"),
    [(b"PK\x03\x04", "Excel"), (b"\xd0\xcf\x11\xe0", "Excel"), (b"%PDF-1.7", "PDF"), (b"\x89PNG\r\n", "picture"),
     (b"\x1f\x8b\x08", "gzip"), (b"PAR1", "Parquet")],
)  # fmt: skip
def test_another_kind_of_file_is_named(begin, kind):
    with pytest.raises(Problem, match=f"{kind}.*not text") as error:
        read_table(begin + bytes(range(256)) * 20, "my.csv")
    assert "my.csv" in error.value.zh


def test_a_real_workbook_is_refused_in_words():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(Problem, match="CSV UTF-8"):
        read_table(stream.getvalue(), "book.xlsx")


def test_bytes_without_a_magic_number_are_no_text_either():
    with pytest.raises(Problem, match=r"weights\.bin"):
        read_table(bytes(range(256)) * 400, "weights.bin")


def test_the_size_is_bounded(monkeypatch):
    monkeypatch.setattr(tables, "MAX_FILE", 100)
    with pytest.raises(Problem, match="larger than"):
        read_table(b"a\tb\n" * 100, "big.tsv")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"[]", b"{}", b"zh,en\r\n"])
def test_a_file_without_rows_is_a_problem_that_names_it(content):
    with pytest.raises(Problem, match=r"mine\.csv"):
        read_table(content, "mine.csv")


# Separators, quotation marks, ragged rows


def test_excels_own_line_on_the_separator_is_obeyed_and_left_out():
    assert pairs_of(read_table(("sep=;\r\n" + sheet(";")).encode("utf-8-sig"), "a.csv")) == PAIRS


def test_a_separator_inside_quotation_marks_cuts_nothing():
    table = read_table(b'"Hello, you","a ""b"", c"\r\n"x, y",z\r\n', "a.csv")
    assert table.rows == [("Hello, you", 'a "b", c'), ("x, y", "z")]


def test_a_line_break_inside_quotation_marks_is_a_blank():
    assert read_table('"你\n好",Hello\r\n再见,Bye\r\n'.encode(), "a.csv").rows[0] == ("你 好", "Hello")


def test_a_quotation_mark_that_is_never_closed_costs_its_row_and_not_the_rest():
    rows = ['"你好,Hello', *(f"第{i}句,Sentence {i}" for i in range(500))]
    table = read_table("\n".join(rows).encode(), "a.csv")
    assert len(table.rows) == 501
    assert table.rows[-1] == ("第499句", "Sentence 499")


def test_rows_that_nobody_can_cut_are_counted_and_left_out():
    table = read_table("你好,Hello\n好,Well, well\n再见,Bye\n只有一个\n谢谢,Thanks\n".encode(), "a.csv")
    assert [row[1] for row in table.rows] == ["Hello", "Bye", "Thanks"]
    assert table.ragged == 2


def test_a_comma_in_every_sentence_of_a_tab_file_is_text():
    table = read_table("好，好。\tWell, well.\n不，不。\tNo, no.\n".encode(), "a.csv")
    assert table.rows == [("好，好。", "Well, well."), ("不，不。", "No, no.")]


def test_a_row_of_a_million_characters_is_read():
    assert len(read_table(("好" * 10**6 + ",Good\n").encode(), "a.csv").rows[0][0]) == 10**6


# Which column is which


@pytest.mark.parametrize(
    ("head", "expected"),
    [("zh,en", (0, 1)), ("en,zh", (1, 0)), ("id,Question,Answer", (1, 2)), ("编号,英文,中文", (2, 1)),
     ("source,target", (0, 1)), ("Target,Source", (1, 0)), ("原文,译文,score", (0, 1))],
)  # fmt: skip
def test_names_in_the_first_row_say_which_is_which(head, expected):
    width = head.count(",") + 1
    table = read_table(f"{head}\r\n".encode() + b",".join([b"words here"] * width) + b"\r\n", "a.csv")
    assert table.headed
    assert table.columns == tuple(head.split(","))
    assert guess_columns(table) == expected


def test_the_first_row_is_a_pair_unless_it_names_columns_and_a_person_may_say_so():
    content = sheet(",", [("Katze", "cat"), ("Hund", "dog")]).encode()
    assert read_table(content, "a.csv").rows == [("Katze", "cat"), ("Hund", "dog")]
    headed = read_table(content, "a.csv", headed=True)
    assert (headed.columns, headed.rows) == (("Katze", "cat"), [("Hund", "dog")])
    assert read_table(b"zh,en\r\na,b\r\n", "a.csv", headed=False).rows[0] == ("zh", "en")


def test_numbers_and_languages_are_no_sentences():
    rows = [(str(i), "cmn", f"第{i}句。", str(900 + i), "eng", f"Sentence {i}.") for i in range(40)]
    table = read_table(sheet("\t", rows).encode(), "tatoeba.tsv")
    assert pairs_of(table)[3] == ("第3句。", "Sentence 3.")


# JSON


def json_lines(rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@pytest.mark.parametrize(
    "shape",
    [
        lambda a, b: {"zh": a, "en": b},
        lambda a, b: {"id": 7, "translation": {"zh": a, "en": b}},
        lambda a, b: [a, b],
        lambda a, b: {"question": a, "answer": b, "tags": ["x"], "score": None},
        lambda a, b: {"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}]},
        lambda a, b: {"conversations": [{"from": "human", "value": a}, {"from": "gpt", "value": b}]},
        lambda a, b: {"instruction": a, "input": "", "output": b},
    ],
)
def test_json_of_many_shapes_is_read_as_lines_as_a_list_and_with_a_name_around_it(shape):
    rows = [shape(a, b) for a, b in PAIRS * 10]
    whole = json.dumps(rows, ensure_ascii=False, indent=1).encode()
    named = json.dumps({"version": 1, "data": rows}).encode()
    for content in (json_lines(rows), whole, named):
        assert pairs_of(read_table(content, "a.json")) == PAIRS * 10


def test_lines_that_are_no_json_are_counted():
    content = json_lines([{"zh": a, "en": b} for a, b in PAIRS]) + b'{"zh": "cut off\nnull\n'
    table = read_table(content, "a.jsonl")
    assert len(table.rows) == 3
    assert table.unreadable == 1


def test_deep_or_hostile_json_is_no_traceback():
    for content in (b"[" * 100_000, b'{"a":' * 100_000, b'{"a": 1' + b"0" * 10_000 + b"}", b"[1, 2, 3]", b'["a"]'):
        try:
            read_table(content, "a.json")
        except Problem:
            continue


def test_a_sentence_that_begins_like_json_is_a_sentence():
    table = read_table("[笑] 你好\t[laughs] Hello\n再见\tBye\n".encode(), "a.txt")
    assert table.rows[0] == ("[笑] 你好", "[laughs] Hello")
