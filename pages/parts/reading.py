"""A person's files, as they were uploaded, read in the background: a large one takes a while, and a page must not wait."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

from core.problems import Problem
from core.progress import Bar
from core.tables import encoding_of
from pages.parts.language import language, say, t
from pages.parts.progress import Task

_worker = ThreadPoolExecutor(max_workers=2, thread_name_prefix="reading")

LOOKED_AT = 2**16  # bytes that tell whether a file is text

A = TypeVar("A")


@dataclass(frozen=True)
class File:
    name: str
    content: bytes
    digest: str  # of the content

    @classmethod
    def of(cls, upload: Any) -> "File":
        """upload: as Streamlit's upload box gives it."""
        content = upload.getvalue()
        return cls(upload.name, content, hashlib.blake2b(content, digest_size=12).hexdigest())


def texts(files: Sequence[File]) -> tuple[File, ...]:
    """Of several files those that are text: one that was refused may still stand in the upload box when the next is
    added, and it is named and left aside. One alone is left to whoever reads it."""
    if len(files) < 2:
        return tuple(files)
    kept = []
    for file in files:
        try:
            encoding_of(file.content[:LOOKED_AT], file.name)
            kept.append(file)
        except Problem as problem:
            aside = t("It is left aside; × takes it away.", "这个文件没有使用，可以点 × 移除。")
            st.warning(f"{say(problem)} {aside}" if language() == "en" else say(problem) + aside)
    return tuple(kept)


def too_many(files: Sequence[File]) -> Problem:
    """What to say of more than two."""
    names = [file.name for file in files]
    return Problem(
        f"There are {len(files)} files: {', '.join(names)}. One table is taken, or two files that match line by line: "
        "take the others away with ×.",
        f"现在有 {len(files)} 个文件：{'、'.join(names)}。只需要一个表格，或两个逐行对应的文件，请点 × 移除其余的。",
    )


def read_in_background(slot: str, key: object, read: Callable[[Bar], A]) -> Task[A]:
    """What `read` gives, read once a visit as long as the key stays; each slot keeps the last."""
    known: tuple[object, Task[A]] | None = st.session_state.get(f"read-{slot}")
    if known is None or known[0] != key:
        if known is not None:
            known[1].cancel()
        known = st.session_state[f"read-{slot}"] = (key, Task(_worker, read))
    return known[1]
