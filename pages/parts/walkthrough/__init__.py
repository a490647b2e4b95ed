"""The walkthrough: a sentence taken apart in the browser. A step, k and temperature cost no trip to the server."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.config import Architecture
from pages.parts.component import component, script
from pages.parts.language import language
from pages.parts.walkthrough.ways import GREEDY, Way, write_way
from pages.parts.walkthrough.wording import texts

if TYPE_CHECKING:
    from core.beam import BeamTrace
    from core.decode import Candidate, DecodeStep, DecodeTrace
    from core.lanes import Lanes
    from core.unseen import TrainingWords

_HERE = Path(__file__).parent
SCRIPTS = [
    "common.js",
    "bars.js",
    "heat.js",
    "picture.js",
    "ways.js",
    "cut.js",
    "sums.js",
    "save.js",
    "walk.js",
    "beam.js",
    "lanes.js",
    "main.js",
]
KEY = "walkthrough"


def code() -> str:
    """The scripts as one module, common.js the first and main.js the last; the others stand in any order."""
    return script(_HERE / file for file in SCRIPTS)


def style() -> str:
    return (_HERE / "walkthrough.css").read_text("utf-8")


_component = component("walkthrough", "walk", style(), [_HERE / file for file in SCRIPTS])


def walkthrough(data: dict[str, Any], on_move: Any, on_ask: Any) -> None:
    """Draw it. on_move is called where the visitor went elsewhere; `told()` says where.

    on_ask is called where the visitor asked for something that takes the model; `asked()` says what.
    """
    _component(
        data=data | {"part": "walk", "texts": texts(language())},
        key=KEY,
        default={"place": data["place"] | {"identity": data["identity"]}},
        on_place_change=on_move,
        on_ask_change=on_ask,
    )


def beam_tree(beam: "BeamTrace", greedy: "DecodeTrace") -> None:
    """Draw what beam search did for a sentence, greedy's way marked in it."""
    _component(data=beam_data(beam, greedy) | {"part": "beam", "texts": texts(language())}, key="beam-tree")


def beam_data(beam: "BeamTrace", greedy: "DecodeTrace") -> dict[str, Any]:
    return {
        "beam": beam.to_dict(),
        "greedy": {
            "ids": [step.chosen.id for step in greedy.steps],
            "sentence": greedy.sentence,
            "log_probability": greedy.log_probability,
        },
    }


def lanes_beside(lanes: "Lanes") -> None:
    """Draw teacher-forced and free-running decoding beside each other."""
    _component(data={"part": "lanes", "lanes": lanes.to_dict(), "texts": texts(language())}, key="lanes")


def asked() -> dict[str, Any]:
    """Inside on_ask: the question, with its `kind` and where the visitor stood."""
    return dict(st.session_state[KEY].get("ask") or {})


def told() -> dict[str, Any]:
    """Inside on_move: where the visitor stands: identity, visit, number, way, step, k, temperature."""
    return dict(st.session_state[KEY].get("place") or {})


def sentence_data(trace: "DecodeTrace", shape: Architecture, words: "TrainingWords | None" = None) -> dict[str, Any]:
    """What the picture needs of the source and the encoder, as plain numbers.

    shape: the model's, of which the run's config is one; words: the run's, if they were counted.
    """
    last = len(trace.source) - 1
    return {
        "vocabulary": trace.vocabulary,
        "hidden": shape.hidden,
        "states": shape.layers * (2 if shape.cell == "lstm" else 1),
        "bidirectional": shape.bidirectional,
        "attends": trace.steps[0].attention is not None,
        "source": [
            {
                "text": token.text,
                "known": token.known,
                "count": token.count,
                "end": index == last,
                "seen": asdict(words.seen(token.text)) if words and not token.known else None,
            }
            for index, token in enumerate(trace.source)
        ],
        "encoder": trace.encoder_states,
        "context": trace.context,
    }


def way_data(way: Way, trace: "DecodeTrace") -> dict[str, Any]:
    """A way for the browser: only the steps that it does not share with the way it leaves."""
    first = way[-1][0] - 1 if way != GREEDY else 0
    return {
        "id": write_way(way),
        "steps": [_step(step) for step in trace.steps[first:]],
        "log_probability": round(trace.log_probability, 4),
        "finished": trace.finished,
        "sentence": trace.sentence,
    }


def _step(step: "DecodeStep") -> dict[str, Any]:
    return {
        "input": step.input_token,
        "candidates": [_word(candidate) for candidate in step.candidates],
        "chosen": _word(step.chosen),
        "rank": step.rank,
        "log_probability": round(step.log_probability, 4),
        "entropy": round(step.entropy, 3),
        "log_sums": [round(value, 5) for value in step.log_sums],
        "state": step.state,
        "attention": step.attention and [round(weight, 4) for weight in step.attention],
    }


def _word(candidate: "Candidate") -> list[Any]:
    return [candidate.token, candidate.id, round(candidate.logit, 5)]
