"""The course's own terms (`terms.tsv`), which are a word each although a tokenizer may cut them apart.

Everyday corpora hardly have them, and word by word nobody could tell 机器学习 from learning about machines. As one word it
is one that the model does not know, and what stands in the list is what people read in its place.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from core.text import normalize_chinese

# A term that training saw less often is read as unknown all the same: what was learnt of it is worth less than the list.
WELL_KNOWN = 20

_FILE = Path(__file__).with_name("terms.tsv")


@functools.cache
def terms() -> dict[str, str]:
    """English by Chinese term, both spelt as a sentence is. A line that begins with `#` or has not two columns is
    passed over, and so is what stands in further ones."""
    lines = _FILE.read_text("utf-8-sig").splitlines()
    rows = ([*map(str.strip, line.split("\t")), ""] for line in lines if not line.startswith("#"))
    return {normalize_chinese(chinese): english for chinese, english, *_ in rows if chinese and english}


def join_terms(words: Sequence[str]) -> list[str]:
    """The same sentence with each term one word, the longest first: 机器 学习 → 机器学习. A word is never cut."""
    longest = max(map(len, terms()), default=0)
    joined: list[str] = []
    start = 0
    while start < len(words):
        end, text, found = start, "", start + 1
        while end < len(words) and len(text) < longest:
            text += words[end]
            end += 1
            if text in terms():
                found = end
        joined.append("".join(words[start:found]))
        start = found
    return joined
