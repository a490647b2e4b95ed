"""A person's file as rows of text: whatever encoding, separator and line ends it was saved with."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from core.problems import Problem
from core.progress import Report, counted

MAX_FILE = 200 * 2**20  # bytes; a browser's own limit is checked in the browser alone
MAX_COLUMNS = 50
LOOKED_AT = 2000  # rows from which separators and names are guessed
# A cell with more lines than this is no sentence: a quotation mark was opened and never closed.
MAX_CELL_LINES = 20

# How a person calls the column that is read, and the one that is written, lower case.
SOURCE_NAMES = (
    "source", "src", "source_text", "zh", "cn", "zh-cn", "zh_cn", "cmn", "chinese", "中文", "汉语", "原文", "源语言",
    "question", "query", "input", "prompt", "instruction", "问题", "问", "上句", "上联",
)  # fmt: skip
TARGET_NAMES = (
    "target", "tgt", "trg", "target_text", "en", "eng", "english", "英文", "英语", "译文", "翻译", "目标语言",
    "translation", "answer", "output", "response", "completion", "答案", "回答", "答", "下句", "下联",
)  # fmt: skip
OTHER_NAMES = ("id", "no", "no.", "index", "编号", "序号", "score", "lang", "language", "source_lang", "target_lang")

csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Table:
    """Rows of cells, all as wide as `columns`. The counts say what could not be used."""

    name: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    encoding: str = "utf-8"
    separator: str = ""  # "" for JSON
    ragged: int = 0  # rows with fewer cells, or with so many that nobody can say which is which
    unreadable: int = 0  # lines that are no JSON
    headed: bool = False  # the first row gave the names


# Bytes to text


def decode_text(content: bytes, name: str) -> str:
    """A text file's bytes as text: UTF-8, UTF-16, GBK (GB 18030), Big5 or, for English, Windows' code page.

    A few damaged bytes in UTF-8 become `�`. Raises Problem where it is too large, no text, or none of these.
    """
    return content.decode(encoding_of(content, name), "replace").removeprefix("\ufeff")


def encoding_of(content: bytes, name: str) -> str:
    """The encoding that `decode_text` reads these bytes with. Raises Problem as `decode_text` does."""
    _check_bytes(content, name)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if content.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if wide := _unmarked_utf_16(content):
        return wide
    if _damaged(content) == 0:
        return "utf-8-sig"
    if wide := _unmarked_chinese_utf_16(content):
        return wide
    if _damaged(content) < 0.02:
        return "utf-8-sig"
    if _is_western(content):
        return "cp1252"
    readings = {}
    for encoding in ("gb18030", "big5hkscs"):
        text = content.decode(encoding, "replace")
        if text.count("\ufffd") < 0.02 * sum(not character.isascii() for character in text):
            readings[encoding] = _commonness(text)
    if not readings:
        raise Problem(
            f"{name} is neither UTF-8 nor GBK text. Save it as UTF-8 and try again.",
            f"{name} 既不是 UTF-8 也不是 GBK 文本。请另存为 UTF-8 再试。",
        )
    return max(readings, key=lambda encoding: readings[encoding])


# What other kinds of file begin with.
_MAGIC = (
    (b"PK\x03\x04", "an Excel, Word or zip file", "Excel、Word 或 zip 文件"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "旧版 Excel 或 Word 文件"),
    (b"%PDF", "a PDF file", "PDF 文件"),
    (b"\x1f\x8b", "a packed (gzip) file", "gzip 压缩文件"),
    (b"BZh", "a packed (bzip2) file", "bzip2 压缩文件"),
    (b"\xfd7zXZ", "a packed (xz) file", "xz 压缩文件"),
    (b"7z\xbc\xaf", "a packed (7z) file", "7z 压缩文件"),
    (b"Rar!", "a packed (rar) file", "rar 压缩文件"),
    (b"\x89PNG", "a picture", "图片"),
    (b"\xff\xd8\xff", "a picture", "图片"),
    (b"GIF8", "a picture", "图片"),
    (b"PAR1", "a Parquet file", "Parquet 文件"),
    (b"SQLite format 3", "a database", "数据库文件"),
)


def _check_bytes(content: bytes, name: str) -> None:
    if len(content) > MAX_FILE:
        raise Problem(
            f"{name} is larger than {MAX_FILE // 2**20} MB. Use a part of it, or the command line.",
            f"{name} 超过 {MAX_FILE // 2**20} MB。请只取一部分，或使用命令行。",
        )
    for magic, kind, kind_zh in _MAGIC:
        if content.startswith(magic):
            raise Problem(
                f"{name} is {kind}, not text. Save or export it as text: CSV UTF-8, or one sentence a line.",
                f"{name} 是{kind_zh}，不是文本。请另存为文本：CSV UTF-8，或每行一个句子。",
            )
    begin = content[: 2**16]
    controls = sum(begin.count(code) for code in range(1, 32) if code not in b"\t\n\x0b\x0c\r\x1a\x1b\x1c\x1d\x1e\x1f")
    if (
        controls > 20
        and controls > len(begin) / 100
        and not content.startswith((b"\xff\xfe", b"\xfe\xff"))
        and not _unmarked_utf_16(content)
        and not _unmarked_chinese_utf_16(content)
    ):
        raise Problem(
            f"{name} is no text file. Choose a file with one sentence pair a line.",
            f"{name} 不是文本文件。请选择每行一个句对的文件。",
        )


def _damaged(content: bytes) -> float:
    """The share of damaged places among what is not ASCII, if this were UTF-8."""
    try:
        content.decode("utf-8")
        return 0.0
    except UnicodeDecodeError:
        text = content.decode("utf-8", "replace")
        bad = text.count("\ufffd")
        return bad / (bad + sum(not character.isascii() for character in text) - bad)


def _unmarked_utf_16(content: bytes) -> str:
    """UTF-16 without its byte order mark, by the empty bytes beside Latin letters, blanks and line ends; else ""."""
    begin = content[: 2**16]
    if len(begin) < 8 or begin.count(0) < len(begin) / 10:
        return ""
    even, odd = begin[0::2].count(0), begin[1::2].count(0)
    if odd > 20 * even:
        return "utf-16-le"
    return "utf-16-be" if even > 20 * odd else ""


def _unmarked_chinese_utf_16(content: bytes) -> str:
    """The same where Chinese stands alone, as in one of two aligned files: empty bytes are few, and 一 has one on the
    other side. What is read must be everyday Chinese in lines; swapped, or in another encoding, it is not."""
    begin = content[: 2**16]
    readings = {}
    for encoding in ("utf-16-le", "utf-16-be"):
        text = begin.decode(encoding, "replace")
        if "\n" in text or "\r" in text:
            readings[encoding] = _commonness(text)
    best = max(readings, key=lambda encoding: readings[encoding], default="")
    return best if best and readings[best] > 0.1 else ""


def _is_western(content: bytes) -> bool:
    """True for Windows' Western code page: single bytes such as ’ or é among English, where Chinese comes in pairs."""
    runs = re.findall(rb"[\x80-\xff]+", content[: 2**20])
    return sum(len(run) == 1 for run in runs) > 0.8 * len(runs)


_COMMON = set(
    "的一是不了我有在人他这这個这个那们你她们大中来上为个到说们就也地得要以会着和去好对没很吗什么时想看做過还還為個們來說會著對沒麼時這國學"
)


def _commonness(text: str) -> float:
    """How many of the characters that are not ASCII are everyday Chinese ones: tells GBK from Big5."""
    counts = Counter(text)
    foreign = sum(n for character, n in counts.items() if not character.isascii())
    return sum(n for character, n in counts.items() if character in _COMMON) / max(1, foreign)


def lines(text: str) -> list[str]:
    """Lines by LF, CRLF or CR alone: splitlines would also cut at U+2028 and misalign two files."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


# Text to rows


def read_table(content: bytes, name: str, headed: bool | None = None, report: Report = lambda share: None) -> Table:
    """A TSV, CSV or JSON-lines file as a table; what it is, its content says, not its name.

    headed: whether the first row holds the columns' names; None guesses from the names. report: is told the share
    that is read, 0 to 1. Raises Problem for what is no text or has no rows.
    """
    encoding = encoding_of(content, name)
    text = content.decode(encoding, "replace").removeprefix("\ufeff").replace("\x00", " ")
    table = _from_json(text, name, report) if re.match(r"\s*[\[{]", text) else None
    table = table or _from_cells(text, name, headed, report)
    if not table.rows:
        raise Problem(
            f"{name} holds no sentence pairs. Choose a file with one pair a line.",
            f"{name} 里没有句对。请选择每行一个句对的文件。",
        )
    return Table(
        table.name, table.columns, table.rows, encoding, table.separator, table.ragged, table.unreadable, table.headed
    )


def _from_cells(text: str, name: str, headed: bool | None, report: Report) -> Table:
    separator = ""
    if found := re.match(r"\ufeff?sep=(.)\r?\n", text):  # how a CSV tells Excel
        separator, text = found.group(1), text[found.end() :]
    separator = separator or guess_separator(text)
    rows = list(_cells(text, separator, report))
    if headed is None:
        headed = bool(rows) and _names_columns(rows[0])
    first = rows.pop(0) if headed and rows else []
    width = len(first) or _usual_width(rows)
    width = min(MAX_COLUMNS, max(width, 1))
    # Further tabs end in columns nobody asked for; a further comma may stand in either sentence.
    whole = [row for row in rows if len(row) >= width and (separator == "\t" or len(row) == width)]
    names = [cell.strip() for cell in first[:width]]
    return Table(
        name,
        tuple(names[i] if i < len(names) and names[i] else f"{i + 1}" for i in range(width)),
        [tuple(row[:width]) for row in whole],
        separator=separator,
        ragged=len(rows) - len(whole),
        headed=headed,
    )


def _cells(text: str, separator: str, report: Report) -> Iterator[list[str]]:
    """The rows that are not empty. With tabs, quotation marks are text; else they may hold a separator, as in CSV."""
    if separator != "\t":
        told = _told_lines(text, report)
        rows = [row for row in csv.reader(told, delimiter=separator) if any(map(str.strip, row))]
        if not any(cell.count("\n") > MAX_CELL_LINES for row in rows for cell in row if len(cell) > 200):
            yield from ([" ".join(cell.split("\n")) for cell in row] for row in rows)
            return
    for line in counted(lines(text), report):
        if line.strip():
            yield [_unquoted(cell) for cell in line.split(separator)]


def _told_lines(text: str, report: Report) -> Iterator[str]:
    """The lines as a CSV reader wants them."""
    read = 0
    for number, line in enumerate(io.StringIO(text, newline="")):
        if number % 1000 == 0:
            report(read / len(text))
        read += len(line)
        yield line


def _unquoted(cell: str) -> str:
    """Excel's Unicode text marks a cell with quotation marks in it by doubling them all: `"He said ""fine""."`."""
    inside = cell[1:-1]
    if cell[:1] == cell[-1:] == '"' and '""' in inside and '"' not in inside.replace('""', ""):
        return inside.replace('""', '"')
    return cell


def guess_separator(text: str) -> str:
    """Tab, comma, semicolon or bar: the one that cuts most lines into the same number of cells; tab where none does."""
    sample = [line for line in lines(text[: 2**20])[:LOOKED_AT] if line.strip()]
    best, best_share = "\t", 0.5
    # A tab is hardly ever part of a sentence: where half of the lines have one, it is meant.
    if sum("\t" in line for line in sample) > len(sample) / 2:
        return best
    for separator in (";", ",", "|"):
        rows = [row for row in csv.reader(sample, delimiter=separator) if row]
        if len(rows) < len(sample) / 2:  # a quotation mark that is never closed
            rows = [line.split(separator) for line in sample]
        width, count = Counter(map(len, rows)).most_common(1)[0] if rows else (1, 0)
        if width > 1 and count / len(sample) > best_share:
            best, best_share = separator, count / len(sample)
    return best


def _usual_width(rows: Iterable[list[str]]) -> int:
    widths = Counter(len(row) for _, row in zip(range(LOOKED_AT), rows, strict=False))
    return widths.most_common(1)[0][0] if widths else 0


def _names_columns(row: list[str]) -> bool:
    known = {*SOURCE_NAMES, *TARGET_NAMES, *OTHER_NAMES}
    named = sum(cell.strip().casefold() in known for cell in row)
    return named >= 2 and not any(cell.strip().isdecimal() for cell in row)


def _from_json(text: str, name: str, report: Report) -> Table | None:
    """Objects a line, or one list of them. None where it only looked like JSON: a sentence may begin with `[`."""
    values: list[Any] = []
    unreadable = 0
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        for line in counted(lines(text), report):
            if line.strip():
                try:
                    values.append(json.loads(line))
                except (ValueError, RecursionError):
                    unreadable += 1
    else:
        lists = [value for value in whole.values() if isinstance(value, list)] if isinstance(whole, dict) else []
        values = whole if isinstance(whole, list) else lists[0] if len(lists) == 1 else [whole]
        if isinstance(whole, list) and all(isinstance(value, (str, int, float)) for value in whole):
            values = [whole]
    objects = [_flat(value) for value in values if isinstance(value, (dict, list))]
    if not objects or unreadable > len(objects):
        return None
    counts = Counter(key for item in objects for key in item)
    columns = [key for key in dict.fromkeys(key for item in objects[:LOOKED_AT] for key in item)]
    columns = [key for key in columns if counts[key] * 2 >= len(objects)][:MAX_COLUMNS] or columns[:2]
    rows = [tuple(item.get(key, "") for key in columns) for item in objects]
    missing = sum(not any(row) for row in rows)
    return Table(
        name, tuple(columns), [row for row in rows if any(row)], ragged=missing, unreadable=unreadable, headed=True
    )


def _flat(value: Any, path: str = "", depth: int = 0) -> dict[str, str]:
    """Texts and numbers by their path: `{"translation": {"zh": …}}` gives `translation.zh`, a list `messages.1`."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return {path: " ".join(str(value).split())}
    parts = value.items() if isinstance(value, dict) else enumerate(value, 1) if isinstance(value, list) else ()
    found: dict[str, str] = {}
    for key, part in parts:
        if depth > 4 or len(found) >= MAX_COLUMNS:
            break
        found.update(_flat(part, f"{path}.{key}" if path else str(key), depth + 1))
    return found


# Rows to columns


def guess_columns(table: Table) -> tuple[int, int]:
    """Which columns are most likely source and target: by their names, else the first two that hold sentences."""
    names = [column.casefold().split(".")[-1] for column in table.columns]
    source = next((i for i, name in enumerate(names) if name in SOURCE_NAMES), None)
    target = next((i for i, name in enumerate(names) if name in TARGET_NAMES and i != source), None)
    texts = [i for i in range(len(names)) if _holds_sentences([row[i] for row in table.rows[:LOOKED_AT]])]
    rest = [*texts, *(i for i in range(len(names)) if i not in texts)]
    if source is None:
        source = next((i for i in rest if i != target), 0)
    if target is None:
        target = next((i for i in rest if i != source), source)
    return source, target


def _holds_sentences(cells: list[str]) -> bool:
    """False for numbers, dates, codes and words that repeat, as a language's name."""
    worded = sum(any(character.isalpha() for character in cell) for cell in cells)
    return worded > len(cells) / 2 and (len(set(cells)) > max(1, len(cells) / 20) or len(cells) == 1)
