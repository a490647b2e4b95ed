"""The course's own terms (`terms.tsv`), which are a word each although a tokenizer may cut them apart.

No everyday corpus has 机器学习, and word by word nobody could tell it from learning about machines. As one word it is one
that the model does not know, and what stands in the list is what people read in its place.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

_FILE = Path(__file__).with_name("terms.tsv")


@functools.cache
def terms() -> dict[str, str]:
    """English by Chinese term. A line without a tab, or that begins with `#`, is passed over."""
    lines = _FILE.read_text("utf-8-sig").splitlines()
    rows = (line.partition("\t") for line in lines if not line.startswith("#"))
    return {chinese.strip(): english.strip() for chinese, _, english in rows if chinese.strip() and english.strip()}


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
