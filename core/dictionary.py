"""Chinese words in CC-CEDICT, for what a model has no word for."""

import functools
import re

from core.corpus import package_file
from core.problems import Problem
from core.terms import terms

ATTRIBUTION = "CC-CEDICT (https://cc-cedict.org), CC BY-SA 4.0; snapshot of 2022-09-24 from the package hsg 1.0.0."
# A longer gloss explains a word rather than translates it: the first short one is taken, else the shortest.
SHORT_WORDS, MAX_WORDS = 4, 8
MAX_COMPOUND, MAX_PARTS = 6, 3  # characters and parts of a word that is looked up part by part

_CHINESE = r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
# What stands in a gloss beside the word itself: (notes), pinyin in brackets, measure words.
_NOTES = re.compile(r"\([^()]*\)|\[[^\]]*\]|\bCL:\S*")
# Glosses that tell of a word rather than what it means.
_ABOUT = re.compile(
    r"\b(variant|form|abbr|erhua|surname|see also|see|same as|used in|used to|radical in|equivalent of|particle|"
    r"classifier|prefix|suffix|euphemism|euphemistic|onom|interj|also written|also pr|Taiwan pr|old name|character)\b|=",
    re.IGNORECASE,
)
# `Boston, capital of Massachusetts`, `Jingmen prefecture-level city in Hubei`: the name is enough.
_NAME = re.compile(
    r"[A-Z][\w'-]*(?: [A-Z][\w'-]*)*(?= ?,| County\b| (?:[a-z]+[ -])?(?:city|town|district|province|prefecture|level)\b)"
)
_VARIANT = re.compile(rf"\bvariant of (?:\S+\|)?({_CHINESE}+)")
_SHORT_FOR = re.compile(rf"^(?:\S+ )?abbr\. for .*?{_CHINESE}[^,]*, *", re.IGNORECASE)


@functools.cache
def _dictionary() -> tuple[bytes, dict[bytes, tuple[int, ...]]]:
    """The file as it is, and where in it each word's entries begin; read in a tenth of a second when first needed."""
    try:
        content = package_file("hsg", "cedict_ts.u8").read_bytes()
    except (Problem, OSError):
        return b"", {}  # without a dictionary no word is found in it; a translation does not fail for that
    starts: dict[bytes, tuple[int, ...]] = {}
    for entry in re.finditer(rb"^[^# ]\S* (\S+) \[", content, re.MULTILINE):
        starts[entry[1]] = (*starts.get(entry[1], ()), entry.start())
    return content, starts


def _glosses(word: str) -> list[str]:
    """All glosses of a word. An entry reads `繁 简 [pin1 yin1] /gloss; gloss (note)/gloss/`."""
    content, starts = _dictionary()
    entries = []
    for start in starts.get(word.encode(errors="replace"), ()):
        head, _, glosses = content[start : content.find(b"\n", start)].decode().partition("/")
        # Names come with a capital in their pinyin, and before the common word: 李 is a plum, and also a surname.
        is_name = head.partition("[")[2][:1].isupper()
        entries.append((is_name, glosses.strip().strip("/").split("/")))
    return [gloss for _, glosses in sorted(entries, key=lambda entry: entry[0]) for gloss in glosses]


@functools.lru_cache(maxsize=20_000)
def look_up(word: str) -> str | None:
    """The word's first short English gloss, as it could stand in a sentence; None where the dictionary has none.

    word: simplified characters. A word of which the dictionary only says that it is a variant of another has that
    one's gloss. A compound that it lacks, as tokenizers make many, is put together from the glosses of its parts
    (东京银行, Tokyo bank).
    """
    if gloss := _gloss(word):
        return gloss
    variant = next(filter(None, map(_VARIANT.search, _glosses(word))), None)
    return (variant and _gloss(variant[1])) or _by_parts(word)


def _gloss(word: str) -> str | None:
    candidates = [short for gloss in _glosses(word) if (short := shorten(gloss))]
    best = next((short for short in candidates if len(short.split()) <= SHORT_WORDS), None)
    best = best or min(candidates, key=lambda short: len(short.split()), default=None)
    return best if best and len(best.split()) <= MAX_WORDS else None


def _by_parts(word: str) -> str | None:
    """The glosses of the fewest parts that the word can be cut into, where all are in the dictionary and are short.

    One of them at least is longer than a character: what single characters mean tells little of a name (小明).
    """
    if len(word) > MAX_COMPOUND:
        return None
    best: list[list[str] | None] = [[]]  # for each length of the word's beginning the glosses of its parts
    for end in range(1, len(word) + 1):
        ways = [
            [*before, gloss]
            for start in range(end)
            if (before := best[start]) is not None
            and (gloss := terms().get(word[start:end]) or _gloss(word[start:end]))
            and len(gloss.split()) <= SHORT_WORDS // 2
        ]
        best.append(min(ways, key=len, default=None))
    parts = best[-1]
    return " ".join(parts) if parts and len(parts) <= MAX_PARTS and len(parts) < len(word) else None


def shorten(gloss: str) -> str:
    """A gloss without what is not the word: `to go shopping (coll.)` → `go shopping`. Empty where nothing is left."""
    gloss = _SHORT_FOR.sub("", gloss)
    while (without := _NOTES.sub("", gloss)) != gloss:
        gloss = without
    for part in re.split(r"[;:]", gloss):
        part = " ".join(part.split())
        if name := _NAME.match(part):
            return name[0]
        if _ABOUT.search(part) or re.search(_CHINESE, part):
            continue
        part = re.sub(r"\bsb\b", "somebody", re.sub(r"\bsth\b", "something", part.split(" or ")[0]))
        part = re.sub(r"^(to be|to|a|an|the|lit\.|fig\.|i\.e\.) ", "", part).strip(" ,.")
        if re.search("[A-Za-z0-9]", part):
            return part
    return ""
