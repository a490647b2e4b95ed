"""Decoder: the sentence goes through the model, one word at a time; every other way it could have gone can be tried."""

import time
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.problems import Problem
from pages.parts import address
from pages.parts.ask import ask_and_trace, came_by_link
from pages.parts.language import keep_option, language, say, t
from pages.parts.loading import arithmetic, beam, lanes, trace, training_words
from pages.parts.reference import ask_reference
from pages.parts.shell import heading, shell
from pages.parts.walkthrough import (
    asked,
    beam_data,
    beam_tree,
    code,
    lanes_beside,
    sentence_data,
    style,
    take_along,
    told,
    tour,
    walkthrough,
    way_data,
)
from pages.parts.walkthrough.ways import GREEDY, MOST, Way, follow, prefix, prune, read_way, write_way

if TYPE_CHECKING:
    from core.decode import DecodeTrace
    from core.unseen import TrainingWords

shell(t("Decoder", "解码器"))
heading(
    t("The decoder, one word at a time", "解码器：一次只写一个词"),
    t(
        "At each step it gives every word it knows a probability. Greedy decoding takes the largest and feeds it back in.",
        "每一步，它给词表里的每个词一个概率。贪心解码取最大的那个，再把它作为下一步的输入。",
    ),
)
by_link, arrived = came_by_link(), address.arrived("decoder")
run, sentence, automatic = ask_and_trace(arrived)
here = tour.current(f"{run.name} {run.version[1]} {sentence}", automatic.words, by_link, arrived)


MOST_SUMS = 30  # steps whose arithmetic a saved page has


def trace_of(way: Way) -> "DecodeTrace":
    """The trace of a way; the ways before it come first, as it begins with their words."""
    return trace(run, sentence, here.cut, beginning(way))


def beginning(way: Way) -> tuple[int, ...]:
    return tuple(prefix(way, trace_of(way[:-1]))) if way else ()


def chosen(way: Way, step: int) -> int | None:
    steps = trace_of(way).steps
    return steps[step - 1].chosen.id if step <= len(steps) else None


def answer() -> None:
    """Do what the visitor asked the picture for. It runs before the page is drawn again."""
    question = asked()
    tour.hear(here, question["place"])
    way = read_way(str(question.get("way") or question["place"]["way"])) or GREEDY
    here.note = None
    try:
        match question.get("kind"):
            case "follow":
                if len(here.ways) >= MOST:
                    raise Problem(
                        f"{MOST} ways stand here already. Remove one with ×, then follow another.",
                        f"这里已经有 {MOST} 条走法。请先用 × 删去一条，再试别的。",
                    )
                ways, target = follow(here.ways, way, int(question["step"]), int(question["token"]), chosen)
                here.ways, here.removed = ways, None
                stand(target, int(question["step"]))
            case "prune":
                here.removed, here.ways = here.ways, prune(here.ways, way)
                if here.place.way not in here.ways:
                    stand(way[:-1], here.place.step)
            case "open":
                here.sums = way, int(question["step"]), int(question["position"])
            case "count":
                training_words(run)
                here.counted = True
            case "save":
                save(str(question.get("file")), way, question)
            case "undo":
                here.ways, here.removed = here.removed or here.ways, None
            case "cut":
                words = question.get("words")
                cut = tuple(str(word) for word in words) if words else None
                trace(run, sentence, cut)
                here.cut, here.ways, here.removed = None if cut == tuple(automatic.words) else cut, (GREEDY,), None
                stand(GREEDY, here.place.step)
    except Problem as problem:
        here.note = say(problem)
    tour.write(here)


def move() -> None:
    """Stand where the visitor went in the browser. It runs before the page is drawn again."""
    tour.hear(here, told())


def save(kind: str, way: Way, question: dict[str, Any]) -> None:
    """Make the file that was asked for; the browser hands it over once it is drawn again."""
    name = f"{run.name}-{sentence[:20]}"
    way = way if way in here.ways else GREEDY
    if kind == "csv":
        made = take_along.file(f"{name}.csv", "text/csv", take_along.steps_table(trace_of(way), way))
    elif kind == "gif":
        frames = [str(frame) for frame in question.get("frames", [])]
        made = take_along.file(f"{name}.gif", "image/gif", take_along.animation(frames))
    else:
        steps = trace_of(way).steps[:MOST_SUMS]
        every = [found for number in range(1, len(steps) + 1) for found in sums_of(way, number, None)]
        every += [found for at in range(len(trace_of(way).source[:MOST_SUMS]) - 1) for found in sums_of(way, 1, at)]
        parts = [
            {**picture_data(), "part": "walk", "sums": every, "note": None, "undo": False},
            {
                **beam_data(beam(run, sentence, st.session_state.get("width", 5), here.cut), trace_of(GREEDY)),
                "part": "beam",
            },
        ]
        reference = st.session_state.get("reference", "").strip()
        if reference and st.session_state.get("reference-of") == sentence:
            parts.append({"part": "lanes", "lanes": lanes(run, sentence, reference, here.cut).to_dict()})
        page = take_along.page(f"{sentence} · {run.name}", parts, language(), code(), style())
        made = take_along.file(f"{name}.html", "text/html", page)
    here.file = {**made, "id": f"{here.subject} {time.monotonic_ns()}"}


def sums_of(way: Way, step: int, position: int | None) -> list[dict[str, Any]]:
    """The arithmetic of a step and of the encoder at a source position, its last if None; none where there is none."""
    last = len(trace_of(GREEDY).source) - 1
    at = last if position is None else position
    try:
        operations = arithmetic(run, sentence, here.cut, beginning(way), step, at)
    except Problem:
        return []
    numbers = [operation.to_dict() for operation in operations]
    return [{"way": write_way(way), "step": step, "position": at, "operations": numbers}]


def words_counted() -> "TrainingWords | None":
    try:
        return training_words(run) if here.counted else None
    except Problem:
        return None


def picture_data() -> dict[str, Any]:
    return {
        "identity": here.identity(),
        "place": here.place.to_dict() | {"visit": here.visit},
        **sentence_data(trace_of(GREEDY), run.config, words_counted()),
        "ways": [way_data(way, trace_of(way)) for way in here.ways],
        "cut": {
            "changed": here.cut is not None,
            "original": automatic.words,
            "sentence": automatic.sentence,
        },
    }


def stand(way: Way, step: int) -> None:
    here.place.way, here.place.step = way, step
    here.visit += 1


ways: list[Way] = []
for way in here.ways:
    try:
        trace_of(way)
        ways.append(way)
    except (Problem, IndexError):
        # A link from another run, or one that somebody typed: what fits stays.
        here.note = t(
            "A way in this address does not fit this model and was left out.",
            "地址里有一条走法不属于这个模型，已略去。",
        )
here.ways = tuple(ways)
if here.place.way not in here.ways:
    here.place.way = GREEDY
here.place.step = min(here.place.step, len(trace_of(here.place.way).steps))
walkthrough(
    {
        **picture_data(),
        "sums": sums_of(*here.sums) if here.sums and here.sums[0] in here.ways else [],
        "undo": here.removed is not None,
        "note": here.note,
        "file": here.file,
    },
    on_move=move,
    on_ask=answer,
)
here.file = None
tour.write(here)

# More to see, one at a time: each takes the model.
MORE = {
    "beam": t("Greedy against beam search", "贪心与集束搜索"),
    "lanes": t("Exposure bias: teacher forcing against free running", "曝光偏差：教师强制与自由运行"),
}
linked = address.news("more")
if linked in MORE:
    st.session_state["more"] = linked
st.session_state.setdefault("more", "beam")
more = st.segmented_control(
    t("More to see", "还可以看"), list(MORE), format_func=MORE.__getitem__, key=keep_option("more"), required=True
)
address.write("more", more or "beam")
if more == "beam":
    asked_width = address.news("width")
    if asked_width in [str(width) for width in range(1, 11)]:
        st.session_state["width"] = int(asked_width)
    st.session_state.setdefault("width", 5)
    width = st.slider(
        t("Beam width: hypotheses kept at each step", "集束宽度：每步保留几个假设"), 1, 10, key="width", width=420
    )
    address.write("width", str(width))
    beam_tree(beam(run, sentence, width, here.cut), trace_of(GREEDY))
if more == "lanes":
    reference = ask_reference(run, sentence, automatic.words, by_link)
    if reference:
        try:
            lanes_beside(lanes(run, sentence, reference, here.cut))
        except Problem as problem:
            st.warning(say(problem))
