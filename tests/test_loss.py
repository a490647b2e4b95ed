"""The output layer's loss in one pass gives what the plain formula gives."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from core.loss import ROWS, WHOLE, output_loss
from core.processes import PROJECT


def layer(count, width=7, size=19):
    torch.manual_seed(1)
    features = torch.randn(count, width, requires_grad=True)
    output = nn.Linear(width, size)
    return features, output, torch.randint(size, (count,))


def plain_loss(features, output, targets, smoothing):
    log_probabilities = output(features).log_softmax(dim=1)
    plain = nn.functional.nll_loss(log_probabilities, targets, reduction="sum")
    return (1 - smoothing) * plain - smoothing * log_probabilities.mean(dim=1).sum(), plain


@pytest.mark.parametrize("count", [1, ROWS - 1, ROWS, 2 * ROWS + 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses_and_gradients_are_the_plain_formulas(count, smoothing):
    features, output, targets = layer(count)
    results = []
    for calculate in (
        lambda: plain_loss(features, output, targets, smoothing),
        lambda: output_loss(features, output.weight, output.bias, targets, smoothing),
    ):
        loss, plain = calculate()
        gradients = torch.autograd.grad(loss / count, [features, output.weight, output.bias])
        results.append([loss.detach() / count, plain.detach() / count, *gradients])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("count", [1, ROWS // 2 + 1, ROWS])
def test_two_readings_count_by_half_and_pay_for_disagreeing(count):
    features, output, _ = layer(2 * count)
    targets = torch.randint(19, (count,))

    def plain_formula():
        p, q = (output(half).log_softmax(dim=1) for half in features.split(count))
        both = [plain_loss(half, output, targets, 0.1) for half in features.split(count)]
        apart = nn.functional.kl_div(q, p, reduction="sum", log_target=True)
        apart = apart + nn.functional.kl_div(p, q, reduction="sum", log_target=True)
        return (both[0][0] + both[1][0]) / 2 + 1.25 * apart, (both[0][1] + both[1][1]) / 2

    results = []
    for calculate in (
        plain_formula,
        lambda: output_loss(features, output.weight, output.bias, targets, 0.1, agreement=1.25),
    ):
        loss, plain = calculate()
        gradients = torch.autograd.grad(loss / count, [features, output.weight, output.bias])
        results.append([loss.detach() / count, plain.detach() / count, *gradients])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_two_equal_readings_cost_what_one_costs():
    features, output, targets = layer(5)
    once = output_loss(features, output.weight, output.bias, targets, 0.1)
    twice = output_loss(torch.cat([features, features]), output.weight, output.bias, targets, 0.1, agreement=3.0)
    assert [x.item() for x in twice] == pytest.approx([x.item() for x in once], rel=1e-5)


def test_in_bfloat16_the_loss_stays_near():
    features, output, targets = layer(500)
    exact = output_loss(features, output.weight, output.bias, targets)[0]
    with torch.autocast("cpu", torch.bfloat16):
        near = output_loss(features, output.weight, output.bias, targets)[0]
    assert near.dtype == torch.float32
    assert near.item() == pytest.approx(exact.item(), rel=0.005)


@pytest.mark.parametrize("readings", [1, 2])
@pytest.mark.parametrize("count", [1, WHOLE, WHOLE + 1, ROWS + 5])
def test_words_that_fill_up_a_block_of_bfloat16_take_no_part(count, readings):
    features, output, _ = layer(readings * count)
    targets = torch.randint(19, (count,))
    given = [features, output.weight, output.bias]
    agreement = 1.25 if readings == 2 else 0.0
    exact = torch.autograd.grad(output_loss(*given, targets, 0.1, agreement)[0] / count, given)
    with torch.autocast("cpu", torch.bfloat16):
        near = torch.autograd.grad(output_loss(*given, targets, 0.1, agreement)[0] / count, given)
    for a, b in zip(exact, near, strict=True):
        assert a.shape == b.shape
        assert (a - b).norm() < 0.02 * a.norm()


def test_a_word_thought_impossible_costs_much_and_is_still_a_number():
    features, output, targets = layer(4)
    with torch.no_grad():
        output.bias[targets[0]] = -1e4
    loss = output_loss(features, output.weight, output.bias, targets)[0]
    assert 80 < loss.item() < 1e5


def test_without_gradients_nothing_is_kept():
    features, output, targets = layer(10)
    with torch.inference_mode():
        loss, plain = output_loss(features, output.weight, output.bias, targets)
    assert loss.item() == pytest.approx(plain.item())
    assert not loss.requires_grad


def test_no_words_cost_nothing():
    features, output, targets = layer(0)
    loss, plain = output_loss(features, output.weight, output.bias, targets, 0.1)
    loss.backward()
    assert loss.item() == plain.item() == 0


MANY_SHAPES = """
import torch
from core.loss import output_loss
from core.scale import MB, memory

torch.set_num_threads(1)
output = torch.nn.Linear(512, 2000)


def learn(sizes):
    for size in sizes:
        features = torch.randn(size, 512, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16):
            loss, _ = output_loss(features, output.weight, output.bias, torch.zeros(size, dtype=torch.int64), 0.1)
        loss.backward()
        output.zero_grad()


learn(range(100, 130))
before = memory().own
learn(range(130, 330))
print((memory().own - before) / MB)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory is looked up in /proc")
def test_batches_of_ever_new_sizes_cost_no_memory():
    done = subprocess.run([sys.executable, "-c", MANY_SHAPES], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 120
