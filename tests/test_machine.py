"""The machine: what is asked for is taken, what is not there is said."""

import pytest
import torch

from core.machine import choose_device, choose_precision
from core.problems import Problem


def test_a_device_that_is_not_there_is_a_problem():
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    for name, there in present.items():
        if not there:
            with pytest.raises(Problem, match=f"no {name.upper()} device"):
                choose_device(name)
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == next((name for name, there in present.items() if there), "cpu")


def test_the_precision_asked_for_is_taken_and_auto_is_one_of_the_two():
    cpu = torch.device("cpu")
    assert [choose_precision(name, cpu) for name in ("float32", "bfloat16")] == ["float32", "bfloat16"]
    assert choose_precision("auto", cpu) in ("float32", "bfloat16")
