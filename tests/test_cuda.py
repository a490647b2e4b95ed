"""What training does on a GPU; skipped, and said to be, where there is none."""

import pytest
import torch

from core.benchmark import measure
from core.machine import Machine
from core.train import train
from core.translator import Translator
from tests.conftest import tiny_config

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")


def test_a_run_trains_and_translates_on_the_gpu(new_run):
    run = new_run(device="cuda", precision="bfloat16", epochs=2)
    list(train(run))
    assert run.status().state == "finished"
    assert Translator.load(run, "cuda").translate(["今天天气很好。"])


def test_the_first_losses_are_the_cpus(new_run):
    losses = []
    for device in ("cpu", "cuda"):
        run = new_run(name=device, device=device, epochs=1, dropout=0.0)
        list(train(run))
        losses.append(run.steps()[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_bfloat16_is_chosen_where_it_is_faster():
    machine = Machine.for_config(tiny_config(device="cuda", precision="auto"))
    assert machine.precision in ("bfloat16", "float32")
    assert torch.get_float32_matmul_precision() == "high"


def test_the_benchmark_tells_how_busy_the_gpu_was():
    report = list(measure(pairs=500, rounds=1, threads=1, device="cuda", lesson_steps=1, our_sentences=128))
    assert any("GPU was busy" in line for line in report)
