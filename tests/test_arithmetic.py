"""The operations of one step: they give what the model gives."""

import json

import pytest
import torch

from core.arithmetic import (
    ATTENTION,
    CHOICE,
    CONTEXT,
    DECODER_CELL,
    ENCODER_CELL,
    MIX,
    OUTPUT,
    SHOWN,
    SOFTMAX,
    arithmetic,
)
from core.batches import source_ids
from core.problems import Problem
from core.translator import Translator
from core.vocab import SOS
from tests.test_decode import SENTENCES, SOURCE, TARGET, all_logits, make_model

SHAPES = [
    {"attention": attention, "cell": cell, "layers": layers, "bidirectional": both, "tied_output": tied}
    for attention in ("none", "dot", "general", "additive")
    for cell, layers, both, tied in [("gru", 2, False, False), ("lstm", 2, True, False), ("rnn", 1, True, True)]
]


def first(tensor):
    return pytest.approx(tensor.flatten()[:SHOWN].tolist(), abs=2e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_numbers_are_those_of_the_model(shape):
    model, words, written = make_model(3, **shape), SENTENCES[2], [5, 9]
    for position in (0, 3, len(words)):
        made = arithmetic(model, words, written, SOURCE, TARGET, position)
        parts = {}
        for operation in made:
            parts.setdefault(operation.part, []).append(operation)

        ids = torch.from_numpy(source_ids(SOURCE.encode(words))).unsqueeze(1)
        with torch.inference_mode():
            memory = model.encode(ids, torch.tensor([len(ids)]))
            logits, state, attention = model.decode(torch.tensor([SOS, *written]).unsqueeze(1), memory, memory.context)

        cells = parts[ENCODER_CELL]
        assert len(cells) == shape["layers"] * (2 if shape["bidirectional"] else 1)
        top = [cell.outputs[0] for cell in cells if cell.layer == shape["layers"]]
        assert [cell.direction for cell in cells[:2]] == (
            ["→", "←"] if shape["bidirectional"] else ["→"] * len(cells[:2])
        )
        for half, quantity in zip(memory.outputs[0, position].chunk(len(top)), top, strict=True):
            assert quantity.numbers == first(half)
            assert quantity.norm == pytest.approx(half.norm().item(), abs=1e-3)

        assert parts[CONTEXT][0].outputs[0].numbers == first(memory.context[0])
        assert [cell.layer for cell in parts[DECODER_CELL]] == list(range(1, shape["layers"] + 1))
        for cell in parts[DECODER_CELL]:
            for part, quantity in zip(state, cell.outputs, strict=True):
                assert quantity.numbers == first(part[cell.layer - 1, 0])
            gates = {"gru": "rzn", "lstm": "ifgo", "rnn": ""}[shape["cell"]]
            assert "".join(gate.name for gate in cell.gates) == gates
            for gate in cell.gates:
                low = -1 if gate.name in "ng" else 0
                assert all(low <= number <= 1 for number in [*gate.numbers, gate.mean])
        assert (ATTENTION in parts) == (attention is not None)
        if attention is not None:
            assert parts[ATTENTION][0].outputs[0].numbers == first(attention[-1, 0])
        assert (MIX in parts) == (shape["attention"] != "none" or shape["tied_output"])
        assert parts[OUTPUT][0].outputs[0].numbers == first(logits[-1, 0])
        assert parts[SOFTMAX][0].outputs[0].numbers == first(logits[-1, 0].softmax(dim=0))
        assert parts[CHOICE][0].formula == f"argmax_i p_i = {int(logits[-1, 0].argmax())}"
        json.dumps([operation.to_dict() for operation in made])


def test_the_shapes_are_those_of_the_model():
    model = make_model(1, hidden=16, embedding=12, attention="none", layers=2)
    made = arithmetic(model, SENTENCES[0], [], SOURCE, TARGET, 0)
    shapes = {operation.part: operation.shapes for operation in made}
    assert shapes[OUTPUT] == f"fc_out: (1, 16) × (16, {len(TARGET)}) → (1, {len(TARGET)})"
    assert shapes[CONTEXT] == "context: (2, 1, 16) → (2, 1, 16)"
    # The first layer reads an embedding, the second the first one's state.
    assert [operation.shapes for operation in made if operation.part == DECODER_CELL] == [
        "decoder cell: (1, 12) × (12, 48) + (1, 16) × (16, 48) → (1, 16)",
        "decoder cell: (1, 16) × (16, 48) + (1, 16) × (16, 48) → (1, 16)",
    ]


def test_watching_leaves_the_model_as_it_was():
    model = make_model(1)
    before = all_logits(model, SENTENCES[0], [4, 5])
    arithmetic(model, SENTENCES[0], [4], SOURCE, TARGET, 0)
    assert not any(part._forward_hooks for part in model.modules())
    assert torch.equal(all_logits(model, SENTENCES[0], [4, 5]), before)


def test_a_run_shows_the_step_of_a_branch(finished_run):
    translator = Translator.load(finished_run)
    branch = translator.trace("我喜欢苹果。", prefix=[translator.target_vocab.id("You")])
    for step in (1, 2, len(branch.steps)):
        made = translator.arithmetic("我喜欢苹果。", prefix=[branch.steps[0].chosen.id], step=step)
        softmax = next(operation for operation in made if operation.part == SOFTMAX)
        assert softmax.inputs[0].shape == [len(translator.target_vocab)]
        choice = made[-1]
        assert choice.outputs[0].numbers[0] == pytest.approx(branch.steps[step - 1].candidates[0].probability, abs=1e-4)
    for step, position in ((0, 0), (len(branch.steps) + 1, 0), (1, -1), (1, 99)):
        with pytest.raises(Problem, match="Choose one of them"):
            translator.arithmetic("我喜欢苹果。", prefix=[branch.steps[0].chosen.id], step=step, position=position)
