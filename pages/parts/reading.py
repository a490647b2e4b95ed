"""A person's files, as they were uploaded, read in the background: a large one takes a while, and a page must not wait."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

from core.progress import Bar
from pages.parts.progress import Task

_worker = ThreadPoolExecutor(max_workers=2, thread_name_prefix="reading")

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


def read_in_background(slot: str, key: object, read: Callable[[Bar], A]) -> Task[A]:
    """What `read` gives, read once a visit as long as the key stays; each slot keeps the last."""
    known: tuple[object, Task[A]] | None = st.session_state.get(f"read-{slot}")
    if known is None or known[0] != key:
        if known is not None:
            known[1].cancel()
        known = st.session_state[f"read-{slot}"] = (key, Task(_worker, read))
    return known[1]
