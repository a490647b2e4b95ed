"""A run's last save, `training_state.safetensors`: all that going on with the training needs, in one file.

Tensors: `model.NAME` the weights as they were, `adam.NUMBER.KEY` what the optimiser remembers of each parameter.
Header: how far the run was, as JSON under `progress`. No pickle; what comes from elsewhere is checked by `check_save`.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from core.model import Seq2Seq
from core.problems import Problem
from core.runs import GROWING, Run, write_atomically

# What a header must hold, and what only newer ones do; each with its least and greatest value.
MUST = {
    "step": (0, 1e12), "seconds": (0, 1e12), "epoch_loss": (0, 1e12), "epoch_tokens": (0, 1e12),
    "epoch_seconds": (0, 1e12), "best_epoch": (0, 1e6),
}  # fmt: skip
MAY = {
    "best_bleu": (-1, 100), "best_bleu_epoch": (0, 1e6), "patience_from": (0, 1e6), "scoring_seconds": (0, 1e12),
    "test_seconds": (0, 1e12), "epochs": (1, 1e6), "learning_rate_asked": (0, 10), "asked_at": (0, 1e12),
    "teacher_forcing": (0, 1),
}  # fmt: skip
WHOLE = ("step", "epoch_tokens", "best_epoch", "best_bleu_epoch", "patience_from", "epochs", "asked_at")
MOMENTS = ("exp_avg", "exp_avg_sq")  # what Adam remembers, beside `step`


def write_save(run: Run, weights: dict[str, Tensor], optimizer: torch.optim.Adam, progress: dict[str, Any]) -> None:
    """Replace the run's save in one atomic step."""
    tensors = {f"model.{name}": value for name, value in weights.items()}
    for i, values in optimizer.state_dict()["state"].items():
        tensors.update({f"adam.{i}.{key}": value.cpu().contiguous() for key, value in values.items()})
    write_atomically(run.state_file, save_tensors(tensors, {"progress": json.dumps(progress)}))


def load_save(run: Run, model: Seq2Seq, optimizer: torch.optim.Adam) -> dict[str, Any]:
    """Give the model and its optimiser what a run's last save holds. Returns how far the run was.

    Raises Problem where the save is missing, damaged or of another model.
    """
    path = run.state_file
    try:
        # Bytes rather than a memory map: on Windows a mapped file could not be replaced.
        content = path.read_bytes()
        tensors = load_tensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        progress: dict[str, Any] = json.loads(header["__metadata__"]["progress"])
        model.load_weights(
            {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
        )
        adam = optimizer.state_dict()
        adam["state"] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, i, key = name.split(".")
                adam["state"].setdefault(int(i), {})[key] = value
        optimizer.load_state_dict(adam)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise Problem(
            f"Run {run.name!r} has nothing to go on from: {path.name} is missing or damaged. Start a new run.",
            f"运行 {run.name!r} 无法继续：{path.name} 缺失或已损坏。请重新开始一个运行。",
        ) from error
    return progress


def check_save(path: Path, model: Seq2Seq) -> None:
    """Raise ValueError unless the file is a save of exactly this model: its tensors' names, shapes and kinds, and a
    header with nothing in it that going on would trip over. No tensor is read; the model may be on torch's `meta`."""
    wanted = {f"model.{name}": list(value.shape) for name, value in model.weights().items()}
    for i, parameter in enumerate(model.parameters()):
        wanted[f"adam.{i}.step"] = []
        wanted.update({f"adam.{i}.{key}": list(parameter.shape) for key in MOMENTS})
    with safe_open(path, framework="pt") as file:
        names = set(file.keys())
        # Before the first step the optimiser remembers nothing.
        if names != set(wanted) and names != {name for name in wanted if name.startswith("model.")}:
            raise ValueError("its tensors are not this model's")
        for name in names:
            part = file.get_slice(name)
            if list(part.get_shape()) != wanted[name] or part.get_dtype() != "F32":
                raise ValueError(f"{name} has another shape or kind")
        progress = json.loads((file.metadata() or {})["progress"])
    _check_progress(progress)


def _check_progress(progress: Any) -> None:
    if not isinstance(progress, dict):
        raise ValueError("the header says nothing of how far it is")
    for name, (low, high) in {**MUST, **MAY}.items():
        value = progress.get(name, low if name in MAY else None)
        kind = int if name in WHOLE else (int, float)
        if not isinstance(value, kind) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{name} cannot be {value!r}")
    if progress.get("asked_at", 0) > progress["step"]:
        raise ValueError("a rate was asked for later than it trained")
    best, pinned, files = progress["best_loss"], progress.get("pinned", []), progress["files"]
    if best is not None and not (isinstance(best, (int, float)) and 0 <= best <= 1e12):
        raise ValueError("best_loss is no loss")
    if (
        not isinstance(pinned, list)
        or len(pinned) > 100
        or not all(isinstance(s, str) and len(s) <= 1000 for s in pinned)
    ):
        raise ValueError("pinned holds something else than sentences")
    if not isinstance(progress.get("finished", False), bool):
        raise ValueError("finished is neither true nor false")
    if set(files) != set(GROWING) or not all(type(size) is int and 0 <= size <= 1e12 for size in files.values()):
        raise ValueError("files are the two that grow, with their sizes")
