"""core/guess.py: nearly always right, and never in the way of what is right."""

import pytest
import torch
from torch import nn

from core.decode import greedy_trace
from core.guess import Guess
from tests.test_decode import SENTENCES, SOURCE, TARGET, make_model, read


def layer(width=128, words=3001):
    torch.manual_seed(1)
    return nn.Linear(width, words)


@pytest.mark.parametrize("width", [128, 64, 8, 100])
def test_the_guess_is_the_argmax(width):
    output = layer(width)
    guess = Guess(output)
    with torch.inference_mode():
        for row in torch.randn(200, 1, width) * 3:
            assert guess(row) == int(output(row).argmax())


def test_it_goes_with_the_weights():
    output = layer()
    guess = Guess(output)
    row = torch.randn(1, 128)
    before = guess(row)
    with torch.no_grad():
        output.weight[before] -= row[0]
        output.weight[7] += row[0]
    assert guess(row) == 7 != before


class Wrong(Guess):
    """Says the same word whatever was read; never the end."""

    def __call__(self, features):
        return 5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("attention", ["none", "dot"])
def test_a_wrong_guess_changes_nothing(seed, attention):
    model = make_model(seed, attention, 1.0)
    for words in SENTENCES:
        given = (model, "".join(words), words, SOURCE, TARGET, read)
        right = greedy_trace(*given)
        assert greedy_trace(*given, guess=Wrong(model.decoder.output)) == right
        begin = [step.chosen.id for step in right.steps[:2]]
        again = greedy_trace(*given, prefix=begin, guess=Wrong(model.decoder.output))
        assert [step.chosen for step in again.steps] == [step.chosen for step in right.steps]
