"""The decoder fed the truth and fed its own words."""

import json

import pytest

from core.lanes import Lanes, lanes
from core.problems import Problem
from core.translator import Translator
from core.vocab import EOS
from tests.test_decode import SENTENCES, SHAPES, SOURCE, TARGET, all_logits, make_model, trace


def run(model, words, reference):
    return lanes(model, "".join(words), words, reference, SOURCE, TARGET)


@pytest.mark.parametrize("shape", [{"attention": "none"}, *SHAPES])
@pytest.mark.parametrize("reference", [["a"], ["b", "<unk>", "麒麟", "z"], [*"abcdefgh"] * 5])
def test_each_lane_is_fed_what_it_says_and_has_the_models_losses(shape, reference):
    for seed in range(4):
        model, words = make_model(seed, eos=1.0, **shape), SENTENCES[2]
        made = run(model, words, reference)
        truth = [*TARGET.encode(reference), EOS]
        assert [word.text for word in made.reference] == [*reference, "<eos>"]
        assert [word.known for word in made.reference] == [word in TARGET for word in reference] + [True]
        assert [word.id for word in made.reference] == truth

        assert [step.fed for step in made.forced] == ["<sos>", *(TARGET.tokens[i] for i in truth[:-1])]
        shares = all_logits(model, words, truth).log_softmax(dim=1)
        assert [step.loss for step in made.forced] == pytest.approx(
            [-row[i].item() for row, i in zip(shares, truth, strict=True)]
        )
        assert made.forced_loss == pytest.approx(
            -sum(row[i].item() for row, i in zip(shares, truth, strict=True)) / len(truth)
        )

        greedy = trace(model, words)
        assert [step.fed for step in made.free] == [step.input_token for step in greedy.steps]
        assert [step.argmax for step in made.free] == [step.chosen.token for step in greedy.steps]
        assert [step.probability for step in made.free] == pytest.approx(
            [step.chosen.probability for step in greedy.steps]
        )
        shares = all_logits(model, words, [step.chosen.id for step in greedy.steps]).log_softmax(dim=1)
        losses = [-row[i].item() for row, i in zip(shares, truth, strict=False)]
        assert [step.loss for step in made.free] == pytest.approx(losses + [None] * (len(made.free) - len(losses)))

        for lane in (made.forced, made.free):
            for step, word in zip(lane, made.reference, strict=False):
                assert step.right == (step.argmax == TARGET.tokens[word.id])
        same = min(len(made.forced), len(made.free)) if made.parts_at is None else made.parts_at
        assert made.forced[:same] != [] and same > 0
        assert [step.fed for step in made.forced[:same]] == [step.fed for step in made.free[:same]]
        if made.parts_at is not None and same < min(len(made.forced), len(made.free)):
            assert made.forced[same].fed != made.free[same].fed
            assert not made.forced[same - 1].right


def test_a_reference_that_is_the_greedy_translation_never_parts():
    for seed in range(6):
        model = make_model(seed, eos=2.0)
        greedy = trace(model, SENTENCES[0])
        if not greedy.finished:
            continue
        made = run(model, SENTENCES[0], [step.chosen.token for step in greedy.steps[:-1]])
        assert made.parts_at is None
        assert [step.loss for step in made.forced] == pytest.approx([step.loss for step in made.free], rel=1e-4)
        assert all(step.right for step in made.free)


def test_they_part_where_the_first_wrong_word_is_fed():
    model = make_model(2, eos=2.0)
    greedy = [step.chosen.token for step in trace(model, SENTENCES[0]).steps[:-1]]
    for at in range(len(greedy)):
        other = "q" if greedy[at] != "q" else "r"
        assert run(model, SENTENCES[0], [*greedy[:at], other, *greedy[at + 1 :]]).parts_at == at + 1


def test_lanes_survive_json():
    made = run(make_model(1), SENTENCES[0], ["a", "麒麟"])
    assert Lanes.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_a_run_puts_a_reference_beside_its_translation(finished_run):
    translator = Translator.load(finished_run)
    made = translator.lanes("我喜欢苹果。", "I like red apples.")
    assert [(word.text, word.known) for word in made.reference] == [
        ("I", True), ("like", True), ("red", False), ("apples", True), (".", True), ("<eos>", True),
    ]  # fmt: skip
    assert made.words == translator.trace("我喜欢苹果。").words
    for reference in ("", "  ", "a" * 501):
        with pytest.raises(Problem, match="Type the right translation"):
            translator.lanes("我喜欢苹果。", reference)
