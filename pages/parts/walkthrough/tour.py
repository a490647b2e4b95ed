"""A visitor's tour of one sentence: where they stand, the ways they opened, how they cut it. The address carries it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.parts.language import t
from pages.parts.walkthrough.ways import GREEDY, MOST, Way, all_read, read_way, read_ways, write_way, write_ways

KEYS = ("step", "k", "temperature", "way", "ways", "cut")
_TEMPERATURES = {str(tenths / 10): tenths / 10 for tenths in range(1, 21)} | {"1": 1.0, "2": 2.0}


@dataclass
class Place:
    step: int = 1
    k: int = 10
    temperature: float = 1.0
    way: Way = GREEDY
    number: int = 0  # grows with each move in the browser, so that an older message is told from a newer one

    def to_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "k": self.k,
            "temperature": self.temperature,
            "way": write_way(self.way),
            "number": self.number,
        }


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

    def identity(self) -> str:
        """What the browser shows: a message that names another comes from before it."""
        return f"{self.subject} {self.cut}"


def current(subject: str, words: Sequence[str], by_link: bool, arrived: bool) -> Tour:
    """The tour of this sentence: as it was, or as the address says, where a link or the browser's Back brought it.

    A sentence that was typed begins at its first step with greedy alone; k and the temperature stay.
    arrived: whether the visitor comes from another page.
    """
    tour: Tour | None = st.session_state.get("tour")
    # With each message Streamlit sends the address that the server wrote last, which may be some steps old: on this
    # page only Back makes news of it, and Back changes branches, as a step gets no entry in the history.
    changed = {key for key in KEYS if _read()[key] != _written().get(key, "")}
    moved = "step" in st.query_params and bool(changed if arrived else changed & {"ways", "cut"})
    if tour is not None and tour.subject != subject and not (by_link or moved):
        place = Place(k=tour.place.k, temperature=tour.place.temperature, number=tour.place.number)
        tour = Tour(subject, tour.visit + 1, place)
    elif tour is None or tour.subject != subject or moved:
        tour = Tour(
            subject,
            tour.visit + 1 if tour else 1,
            _place(tour.place.number if tour else 0),
            read_ways(_read()["ways"]),
            _cut(words),
            note=_unread(words),
        )
    st.session_state["tour"] = tour
    return tour


def hear(tour: Tour, told: Mapping[str, Any]) -> None:
    """Stand where the browser says, unless its message is older than what is known; the address follows at once.

    To be called before the page is drawn: the address that came with the message may be older than the message.
    """
    number = int(told.get("number", 0))
    if told.get("identity") == tour.identity() and told.get("visit") == tour.visit and number >= tour.place.number:
        way = read_way(str(told["way"])) or GREEDY
        tour.place = Place(int(told["step"]), int(told["k"]), float(told["temperature"]), way, number)
    write(tour)


def write(tour: Tour) -> None:
    """Put the tour into the address: what is as usual is left out, but for the step."""
    place = tour.place.to_dict()
    usual = Place().to_dict()
    del place["number"]
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


def _unread(words: Sequence[str]) -> str | None:
    """What to say of a cut or of branches in the address that cannot be opened."""
    values = _read()
    if values["cut"] and _cut(words) is None:
        return t(
            "This link's cut does not fit the sentence: it is cut as usual.",
            "链接里的切法和句子对不上，已按默认方式切分。",
        )
    if all_read(values["ways"], values["way"]):
        return None
    return t(
        f"This link's branches cannot all be opened: they are cut off or written wrongly, or are more than {MOST - 1}. Those that can be read stand below.",
        f"链接里的走法没能全部打开：可能被截断、写错了，或者超过 {MOST - 1} 条。能读出的都列在下面。",
    )


def _place(number: int) -> Place:
    """Where the address says to stand; as usual where it says nothing or nonsense."""
    values = _read()
    step = int(values["step"]) if values["step"].isdecimal() and len(values["step"]) < 5 else 1
    k = int(values["k"]) if values["k"].isdecimal() and len(values["k"]) < 3 else 10
    temperature = _TEMPERATURES.get(values["temperature"], 1.0)
    return Place(max(1, step), min(max(k, 3), 20), temperature, read_way(values["way"]) or GREEDY, number)


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
