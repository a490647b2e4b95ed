"""The machine: what is asked for is taken, what is not there is said."""

import sys

import pytest
import torch

from core.machine import choose_device, choose_precision, give_back_freed_memory, keep_freed_memory
from core.problems import Problem
from core.scale import MB, memory


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


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps and gives back when asked")
def test_freed_memory_is_kept_until_it_is_given_back():
    keep_freed_memory()
    blocks = [torch.ones(MB // 4) for _ in range(100)]
    held = memory().own
    del blocks
    assert held - memory().own < 20 * MB
    give_back_freed_memory()
    assert held - memory().own > 80 * MB
