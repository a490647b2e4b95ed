"""Loaded models and finished traces, kept in memory. Torch is imported only when the first is asked for."""

import importlib
import sys
import threading
import time
from typing import TYPE_CHECKING

import streamlit as st

from core.runs import Run

if TYPE_CHECKING:
    from core.arithmetic import Operation
    from core.beam import BeamTrace
    from core.decode import DecodeTrace
    from core.lanes import Lanes
    from core.read_back import Reread
    from core.translator import Translator
    from core.unseen import TrainingWords

FLUSH = 0.6  # seconds in which Streamlit sends what a script has drawn, and the browser paints it


# What the other pages import first of all, 0.4 s together: read while nobody waits, once the first model is loaded.
SOON = ("altair", "core.comparison", "core.scoring")


@st.cache_resource(show_spinner=False)
def _import_soon() -> threading.Thread:
    def read() -> None:
        for name in SOON:
            time.sleep(FLUSH)  # the page and its first translation come first
            importlib.import_module(name)

    thread = threading.Thread(target=read, name="import", daemon=True)
    thread.start()
    return thread


@st.cache_resource(max_entries=4, show_spinner=False)
def _translator(folder: str, version: int) -> "Translator":
    if "torch" not in sys.modules:
        # Its import stops every thread of the server for a second. What the page drew before is sent first.
        time.sleep(FLUSH)
    from core.translator import Translator

    _import_soon()
    return Translator.load(Run(folder))


@st.cache_resource(max_entries=200, show_spinner=False)
def _trace(
    folder: str, version: int, text: str, words: tuple[str, ...] | None, prefix: tuple[int, ...]
) -> "DecodeTrace":
    return _translator(folder, version).trace(text, words, prefix)


def trace(run: Run, text: str, words: tuple[str, ...] | None = None, prefix: tuple[int, ...] = ()) -> "DecodeTrace":
    """The run's translation of the text with all its steps; the model runs once for each text and its weights.

    words: the person's own cut; prefix: target ids that the first steps are made to choose. Raises Problem where the
    run is damaged or the text cannot be translated.
    """
    return _trace(*run.version, text, words, prefix)


@st.cache_resource(max_entries=50, show_spinner=False)
def _beam(folder: str, version: int, text: str, width: int, words: tuple[str, ...] | None) -> "BeamTrace":
    return _translator(folder, version).beam(text, width, words)


def beam(run: Run, text: str, width: int, words: tuple[str, ...] | None = None) -> "BeamTrace":
    """All that beam search of that width did for the text; words and problems as with `trace`."""
    return _beam(*run.version, text, width, words)


@st.cache_resource(max_entries=50, show_spinner=False)
def _read_back(folder: str, version: int, reverse: int, text: str) -> "list[Reread]":
    from core.read_back import read_back_one

    return read_back_one(_translator(folder, version), text).best


def read_back(run: Run, text: str) -> "list[Reread]":
    """What beam search finds for the text, the best for both directions first. Raises Problem where the run has no
    reverse model that can be read."""
    return _read_back(*run.version, run.reverse.version[1], text)


@st.cache_resource(max_entries=8, show_spinner=False)
def _references(folder: str, written: int) -> dict[str, str]:
    from core.evaluation import saved_outputs

    return {output.source.replace(" ", ""): output.reference for output in saved_outputs(Run(folder))}


def reference_of(run: Run, words: list[str]) -> str | None:
    """A person's translation, where the sentence of these words is one of those that the run was scored on."""
    from core.evaluation import OUTPUTS

    try:
        written = (run.folder / OUTPUTS).stat().st_mtime_ns
    except OSError:
        return None
    return _references(str(run.folder), written).get("".join(words))


@st.cache_resource(max_entries=50, show_spinner=False)
def _lanes(folder: str, version: int, text: str, reference: str, words: tuple[str, ...] | None) -> "Lanes":
    return _translator(folder, version).lanes(text, reference, words)


def lanes(run: Run, text: str, reference: str, words: tuple[str, ...] | None = None) -> "Lanes":
    """Decoding fed the reference's words and fed its own; raises Problem for the reference too."""
    return _lanes(*run.version, text, reference, words)


@st.cache_resource(max_entries=50, show_spinner=False)
def _arithmetic(
    folder: str,
    version: int,
    text: str,
    words: tuple[str, ...] | None,
    prefix: tuple[int, ...],
    step: int,
    position: int,
) -> "list[Operation]":
    return _translator(folder, version).arithmetic(text, words, prefix, step, position)


def arithmetic(
    run: Run, text: str, words: tuple[str, ...] | None, prefix: tuple[int, ...], step: int, position: int
) -> "list[Operation]":
    """Every operation of a step of a trace and of the encoder at a source position."""
    return _arithmetic(*run.version, text, words, prefix, step, position)


@st.cache_resource(max_entries=4, show_spinner=False)
def _training_words(folder: str) -> "TrainingWords":
    from core.unseen import training_words

    return training_words(Run(folder))


def training_words(run: Run) -> "TrainingWords":
    """The source words of the run's training sentences, counted once; raises Problem where they are gone."""
    return _training_words(str(run.folder))
