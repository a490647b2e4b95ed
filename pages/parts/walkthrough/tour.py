"""A visitor's tour of one sentence: where they stand, the ways they opened, how they cut it. The address carries it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.parts.walkthrough.ways import GREEDY, Way, read_way, read_ways, write_way, write_ways

KEYS = ("step", "k", "temperature", "way", "ways", "cut")
_TEMPERATURES = {str(tenths / 10): tenths / 10 for tenths in range(1, 21)} | {"1": 1.0, "2": 2.0}


@dataclass
class Place:
    step: int = 1
    k: int = 10
    temperature: float = 1.0
    way: Way = GREEDY

    def to_dict(self) -> dict[str, Any]:
        return {"step": self.step, "k": self.k, "temperature": self.temperature, "way": write_way(self.way)}


@dataclass
class Tour:
    """`visit` goes up whenever the server, not the visitor, decides where to stand."""

    subject: str
    visit: int
    place: Place
    ways: tuple[Way, ...] = (GREEDY,)
    cut: tuple[str, ...] | None = None  # the visitor's own words; None for the tokenizer's
    removed: tuple[Way, ...] | None = None  # the tree before the last pruning
    note: str | None = None
    counted: bool = False  # whether unknown words are looked for in the training sentences
    file: dict[str, str] | None = None  # made and not yet handed over
    sums: tuple[Way, int, int] | None = None  # the way, step and source position whose arithmetic was asked for


def current(subject: str, words: Sequence[str], by_link: bool) -> Tour:
    """The tour of this sentence: as it was, or as the address says, where a link or the browser's Back brought it.

    A sentence that was typed begins at its first step with greedy alone; k and the temperature stay.
    """
    tour: Tour | None = st.session_state.get("tour")
    moved = "step" in st.query_params and _read() != _written()
    if tour is not None and tour.subject != subject and not (by_link or moved):
        place = Place(k=tour.place.k, temperature=tour.place.temperature)
        tour = Tour(subject, tour.visit + 1, place)
    elif tour is None or tour.subject != subject or moved:
        tour = Tour(subject, tour.visit + 1 if tour else 1, _place(), read_ways(_read()["ways"]), _cut(words))
    st.session_state["tour"] = tour
    return tour


def write(tour: Tour) -> None:
    """Put the tour into the address: what is as usual is left out, but for the step."""
    place = tour.place.to_dict()
    usual = Place().to_dict()
    values = {key: str(value) if key == "step" or value != usual[key] else "" for key, value in place.items()}
    values["ways"] = write_ways(tour.ways).replace("0", "", 1) if len(tour.ways) == 1 else write_ways(tour.ways)
    values["cut"] = ".".join(str(len(word)) for word in tour.cut or ())
    changed = {**st.query_params.to_dict(), **values}
    st.session_state["tour:address"] = values
    st.query_params.from_dict({key: value for key, value in changed.items() if value})


def _read() -> dict[str, str]:
    return {key: st.query_params.get(key) or "" for key in KEYS}


def _written() -> dict[str, str]:
    return dict(st.session_state.get("tour:address", {}))


def _place() -> Place:
    """Where the address says to stand; as usual where it says nothing or nonsense."""
    values = _read()
    step = int(values["step"]) if values["step"].isdecimal() and len(values["step"]) < 5 else 1
    k = int(values["k"]) if values["k"].isdecimal() and len(values["k"]) < 3 else 10
    temperature = _TEMPERATURES.get(values["temperature"], 1.0)
    return Place(max(1, step), min(max(k, 3), 20), temperature, read_way(values["way"]) or GREEDY)


def _cut(words: Sequence[str]) -> tuple[str, ...] | None:
    """The visitor's own cut, from the lengths of its words; None where they do not fit the sentence."""
    parts = _read()["cut"].split(".")
    text = "".join(words)
    if not all(part.isdecimal() and 0 < len(part) < 4 for part in parts):
        return None
    lengths = [int(part) for part in parts]
    if sum(lengths) != len(text) or 0 in lengths:
        return None
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    return tuple(text[start : start + length] for start, length in zip(starts, lengths, strict=True))
