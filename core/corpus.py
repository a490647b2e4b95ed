"""Parallel sentences: the corpora that come with `pip install`, a person's own files, and the honest split."""

import importlib.metadata
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO

import numpy as np

from core.encoded import StoredPairs
from core.problems import Problem, count_of
from core.progress import Bar, Report, counted
from core.split import Hashes, split_rows
from core.tables import Table, decode_text, encoding_of, guess_columns, lines, read_table
from core.text import contains_chinese, normalize_chinese, normalize_english

Pair = tuple[str, str]


@dataclass(frozen=True)
class Split:
    """Three sequences of (source, target) pairs; no sentence of either language stands in two of them."""

    train: Sequence[Pair]
    valid: Sequence[Pair]
    test: Sequence[Pair]


@dataclass(frozen=True)
class ParallelCorpus:
    """Named sentence pairs with the attribution that their licence asks for."""

    name: str
    pairs: Sequence[Pair]
    attribution: str

    def split(self, seed: int = 1) -> Split:
        """Training, validation and test pairs, as `split_rows` cuts them. Raises Problem as it does."""
        hashed = None
        if isinstance(self.pairs, StoredPairs) and self.pairs.stored.notes.get("split_seed") == str(seed).encode():
            hashed = Hashes(*(self.pairs.numbers(f"{name}_hash") for name in Hashes._fields))
        rows = split_rows(self.pairs, seed, hashed)
        return Split(*(in_rows(self.pairs, side) for side in (rows.train, rows.valid, rows.test)))


def in_rows(pairs: Sequence[Pair], rows: np.ndarray) -> Sequence[Pair]:
    """The pairs in these rows, in their order."""
    return pairs.take(rows) if isinstance(pairs, StoredPairs) else [pairs[row] for row in rows.tolist()]


# Corpora by name


PACKAGES = {"tatoeba": ("hsg", "tatoeba.tsv"), "hsk": ("hsk-sentences-audio", "sentences.json")}
ATTRIBUTIONS = {
    "tatoeba": "Sentences from Tatoeba (https://tatoeba.org), CC BY 2.0 FR; snapshot of 2021 from the package hsg "
    "1.0.0. Converted to simplified characters.",
    "hsk": "Graded sentences HSK 1 to 6 from the package hsk-sentences-audio 1.0.0, CC BY-SA 4.0.",
}


def package_file(package: str, name: str) -> Path:
    try:
        for file in importlib.metadata.files(package) or []:
            if file.name == name:
                return Path(str(file.locate()))
    except importlib.metadata.PackageNotFoundError:
        pass
    raise Problem(
        f"The corpus package {package!r} is not installed. Run: pip install -r requirements.txt",
        f"没有安装语料包 {package!r}。请运行：pip install -r requirements.txt",
    )


def clean(pairs: Sequence[Pair], report: Report = lambda share: None) -> list[Pair]:
    """Normalised Chinese–English pairs, each once, without empty sides or Chinese in the English."""
    seen: dict[Pair, None] = {}
    for chinese, english in counted(pairs, report):
        pair = normalize_chinese(chinese), normalize_english(english)
        if all(pair) and contains_chinese(pair[0]) and not contains_chinese(pair[1]):
            seen[pair] = None
    return list(seen)


def _tatoeba(report: Report) -> ParallelCorpus:
    lines = package_file(*PACKAGES["tatoeba"]).read_text("utf-8-sig").splitlines()
    rows = (line.split("\t") for line in lines)
    return ParallelCorpus(
        "tatoeba", clean([(row[1], row[3]) for row in rows if len(row) == 4], report), ATTRIBUTIONS["tatoeba"]
    )


def _hsk(report: Report) -> ParallelCorpus:
    path = package_file(*PACKAGES["hsk"])
    rows = json.loads(path.read_text("utf-8"))
    placeholder = re.compile(r"\bplaceholder\b|\bPH\b", re.IGNORECASE)
    pairs = [(row["chinese"], row["translation"]["en"]) for row in rows]
    return ParallelCorpus(
        "hsk", clean([pair for pair in pairs if not placeholder.search(pair[1])], report), ATTRIBUTIONS["hsk"]
    )


CORPORA: dict[str, Callable[[Report], ParallelCorpus]] = {"tatoeba": _tatoeba, "hsk": _hsk}


def load(name: str, report: Report = lambda share: None) -> ParallelCorpus:
    """The corpus of that name; several are joined by `+`, as in `tatoeba+hsk`. Raises Problem for unknown names."""
    parts = _parts(name)
    sizes = [file.stat().st_size for file in files_of(name)]
    bar = Bar(lambda share, _: report(share))
    corpora = [CORPORA[part](bar.stage(part, sizes[i], sum(sizes[i + 1 :]))) for i, part in enumerate(parts)]
    pairs = dict.fromkeys(pair for corpus in corpora for pair in corpus.pairs)
    return ParallelCorpus(name, list(pairs), attribution(name))


def attribution(name: str) -> str:
    """What the licences of the corpus of that name ask for. Raises Problem for unknown names."""
    return " ".join(ATTRIBUTIONS[part] for part in _parts(name))


def files_of(name: str) -> list[Path]:
    """The installed files that `load` reads for this name. Raises Problem for unknown names."""
    return [package_file(*PACKAGES[part]) for part in _parts(name)]


def _parts(name: str) -> list[str]:
    parts = list(dict.fromkeys(name.split("+")))
    unknown = [part for part in parts if part not in CORPORA]
    if unknown:
        known = ", ".join(CORPORA)
        raise Problem(
            f"unknown corpus {unknown[0]!r}; known: {known}, joined by +",
            f"没有名为 {unknown[0]!r} 的语料，可用的有：{known}（可用 + 连接）",
        )
    return parts


# A person's own files


def from_aligned(source: bytes, target: bytes, source_name: str = "source", target_name: str = "target") -> list[Pair]:
    """Pairs from two line-aligned files, as in the lesson: line n of one translates line n of the other.

    A pair with an empty line on either side is left out. Raises Problem where the line counts differ.
    """
    rows = aligned_rows(source, target, source_name, target_name)
    return sift(rows, f"{source_name} / {target_name}").pairs


def aligned_rows(source: bytes, target: bytes, source_name: str, target_name: str) -> list[Pair]:
    """The lines of two files side by side, empty ones too. Raises Problem where the line counts differ."""
    sides = lines(decode_text(source, source_name)), lines(decode_text(target, target_name))
    for side, other in (sides, sides[::-1]):
        # Empty lines at the end of one file alone mean nothing.
        while len(side) > len(other) and not side[-1].strip("\x00 \t"):
            side.pop()
    _check_counts([len(side) for side in sides], [source_name, target_name])
    return list(zip(*sides, strict=True))


def _check_counts(counts: Sequence[int], names: Sequence[str]) -> None:
    if counts[0] != counts[1]:
        raise Problem(
            f"{names[0]} has {count_of(counts[0], 'line')} and {names[1]} has {counts[1]:,}. "
            "Each line must be the translation of the same line in the other file: mend the files and try again.",
            f"{names[0]} 有 {counts[0]:,} 行，{names[1]} 有 {counts[1]:,} 行。两个文件必须逐行对应，请修正后再试。",
        )


def from_tsv(content: bytes, name: str = "file") -> list[Pair]:
    """The pairs alone of `sifted_tsv`."""
    return sifted_tsv(content, name).pairs


def sifted_tsv(content: bytes, name: str) -> "Sifted":
    """Pairs from a file with two tab-separated columns, source first. Further columns are ignored; a line without a tab
    counts as one with an empty side, a blank line not at all.

    Raises Problem where no line has two columns.
    """
    rows = [line.split("\t") for line in lines(decode_text(content, name))]
    filled = [row for row in rows if any(cell.strip("\x00 ") for cell in row)]
    if filled and not any(len(row) >= 2 for row in filled):
        raise _one_column(name)
    return sift(((row[0], "".join(row[1:2])) for row in filled), name)


def from_table(table: Table, source: int, target: int) -> list[Pair]:
    """Pairs from two columns of a table. Raises Problem where there is one column, or no row has both."""
    if len(table.columns) < 2:
        raise _one_column(table.name)
    return sift(((row[source], row[target]) for row in table.rows), table.name).pairs


def _one_column(name: str) -> Problem:
    return Problem(
        f"{name} has one column. Put source and target on one line with a tab between them, or give two files.",
        f"{name} 只有一列。请把原文和译文放在同一行并用制表符隔开，或提供两个文件。",
    )


def from_files(files: Sequence[tuple[str, bytes]], report: Report = lambda share: None) -> list[Pair]:
    """Pairs from a person's files, (name, content) each: one table, or two line-aligned files in either order.

    Where one side is Chinese and the other is not, the Chinese becomes the source.
    """
    if len(files) == 1:
        (name, content), *_ = files
        table = read_table(content, name, report=report)
        pairs = from_table(table, *guess_columns(table))
    elif len(files) == 2:
        (name, content), (other_name, other) = files
        pairs = from_aligned(content, other, name, other_name)
    else:
        raise Problem(
            "Give one file with two columns, or two files that match line by line.",
            "请提供一个两列的文件，或两个逐行对应的文件。",
        )
    chinese = [sum(contains_chinese(pair[side]) for pair in pairs[:1000]) for side in (0, 1)]
    return [(target, source) for source, target in pairs] if chinese[1] > chinese[0] else pairs


@dataclass(frozen=True)
class Sifted:
    """Each pair once, and how many rows of the file gave none: a side was empty, or the pair stood there before."""

    pairs: list[Pair]
    empty: int
    repeated: int


def sift(rows: Iterable[Iterable[str]], name: str) -> Sifted:
    """The rows' two cells as clean pairs. Raises Problem, which names the file, where none is left."""
    kept: dict[Pair, None] = {}
    empty = read = 0
    for source, target in rows:
        pair = " ".join(source.replace("\x00", " ").split()), " ".join(target.replace("\x00", " ").split())
        read += 1
        if all(pair):
            kept[pair] = None
        else:
            empty += 1
    if not kept:
        raise Problem(
            f"{name} holds no sentence pairs. Choose a file with one pair a line.",
            f"{name} 里没有句对。请选择每行一个句对的文件。",
        )
    return Sifted(list(kept), empty, read - empty - len(kept))


def save_pairs(pairs: Iterable[Pair], path: Path) -> None:
    """Write pairs as `from_tsv` reads them."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{source}\t{target}\n" for source, target in pairs)


class LinePairs(Iterable[Pair]):
    """Pairs read from UTF-8 files line by line, however many: of one file as `save_pairs` writes it, or of two that
    match line by line. Cells are as they stand there. Raises OSError where a file is gone."""

    def __init__(self, *paths: Path) -> None:
        self.paths = paths
        self.share = 0.0  # of the first file that has been read, by bytes

    def __iter__(self) -> Iterator[Pair]:
        if len(self.paths) == 1:
            for line in self._first():
                source, tab, rest = line.partition("\t")
                if tab:
                    yield source, rest.partition("\t")[0]
        else:
            others = map(_lines_of, self.paths[1:])
            yield from zip(self._first(), *others, strict=False)  # empty lines at one file's end mean nothing

    def _first(self) -> Iterator[str]:
        """The first file's lines; what has been read of it is kept in `share`."""
        size = max(1, self.paths[0].stat().st_size)
        with open(self.paths[0], "rb") as bytes_read, _text(bytes_read) as file:
            for number, line in enumerate(file):
                if number % 1000 == 0:
                    self.share = bytes_read.tell() / size
                yield line.removesuffix("\n")
        self.share = 1.0


def _text(file: IO[bytes]) -> TextIOWrapper:
    return TextIOWrapper(file, encoding="utf-8-sig", errors="replace")


def _lines_of(path: Path) -> Iterator[str]:
    with open(path, "rb") as bytes_read, _text(bytes_read) as file:
        for line in file:
            yield line.removesuffix("\n")


def from_large_files(*paths: Path) -> LinePairs:
    """Pairs of one tab-separated file or two aligned ones that are too large to be held in memory.

    Raises Problem where a file is not UTF-8, where one file has one column, or where line counts differ.
    """
    for path in paths:
        with open(path, "rb") as file:
            head = file.read(2**20)
        if encoding_of(head[: head.rfind(b"\n") + 1] or head, path.name) != "utf-8-sig":
            raise Problem(
                f"{path.name} is too large to be read in an encoding other than UTF-8. Save it as UTF-8 and try again.",
                f"{path.name} 太大，只能按 UTF-8 读取。请另存为 UTF-8 再试。",
            )
    pairs = LinePairs(*paths)
    if len(paths) == 1 and next(iter(pairs), None) is None:
        raise _one_column(paths[0].name)
    if len(paths) == 2:
        counts = [
            max((n for n, line in enumerate(_lines_of(path), 1) if line.strip("\x00 \t")), default=0) for path in paths
        ]
        _check_counts(counts, [path.name for path in paths])
    return pairs
