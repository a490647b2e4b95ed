"""Packed weights stay near, and a compact run still translates, is scored and travels."""

import pytest
import torch

from core.compact import compact
from core.problems import Problem
from core.runs import Run
from core.translator import Translator
from core.weights import pack, unpack


def test_a_packed_weight_moves_by_at_most_half_a_step_of_its_row():
    torch.manual_seed(1)
    weights = {"matrix": torch.randn(50, 30) * torch.rand(50, 1), "bias": torch.randn(50), "zeros": torch.zeros(3, 4)}
    back = unpack(pack(weights))
    assert set(back) == set(weights)
    assert torch.equal(back["bias"], weights["bias"])
    assert torch.equal(back["zeros"], weights["zeros"])
    step = weights["matrix"].abs().amax(dim=1, keepdim=True) / 127
    assert ((back["matrix"] - weights["matrix"]).abs() <= step * 0.5001).all()


def test_weights_that_were_never_packed_come_back_as_they_are():
    weights = {"matrix": torch.randn(5, 3), "bias": torch.randn(5)}
    assert all(torch.equal(value, weights[name]) for name, value in unpack(weights).items())


def test_a_compact_run_is_smaller_and_still_whole(finished_run):
    run = finished_run
    epochs, weights = len(run.epochs()), run.weights.stat().st_size
    done = compact(run)
    assert done.after < done.before
    assert run.weights.stat().st_size < 0.5 * weights  # 0.26 where matrices are of a usual width
    assert len(run.epochs()) == epochs
    assert Translator.load(run).trace("今天天气很好。").steps
    assert run.scores()["bleu"] == pytest.approx(done.scores.bleu)
    assert f"BLEU {done.scores.bleu:.1f}" in (run.folder / "README.md").read_text("utf-8")
    assert not run.state_file.exists()


def test_an_unfinished_run_is_left_alone(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(Problem, match="finished"):
        compact(Run(tmp_path / "empty"))
