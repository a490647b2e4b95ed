"""A finished run's folder made small enough to ship."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save as save_tensors

from core.card import FURTHER_SCORES, score_lines
from core.evaluation import TRANSLATIONS, save_translations
from core.problems import Problem
from core.runs import FINISHED, Run, write_atomically
from core.scorer import score_and_save
from core.scoring import Evaluation
from core.translator import Translator
from core.weights import pack

STEP_ROWS = 2000  # of metrics.jsonl that a compact run keeps; its curves look the same


@dataclass(frozen=True)
class Compacted:
    """Bytes of the folder before and after, and the score measured again with the packed weights."""

    before: int
    after: int
    scores: Evaluation


def compact(run: Run) -> Compacted:
    """Pack a finished run's weights, thin the steps of its metrics, drop what going on needs, and score it again.

    Raises Problem where the run is not finished.
    """
    if run.status().state != FINISHED:
        raise Problem(
            f"Run {run.name!r} is not finished. Let it end first.", f"运行 {run.name!r} 还没有完成，请等它结束。"
        )
    before = _size(run.folder)
    write_atomically(run.weights, save_tensors(pack(Translator.load(run).model.weights())))
    for file in (run.state_file, run.added_file):
        file.unlink(missing_ok=True)
    rows = run.metrics()
    steps = [place for place, row in enumerate(rows) if "epoch" not in row and "loss" in row]
    each = max(1, -(-len(steps) // STEP_ROWS))
    dropped = {place for number, place in enumerate(steps) if number % each}
    kept = [json.dumps(_short(row), ensure_ascii=False) for place, row in enumerate(rows) if place not in dropped]
    write_atomically(run.folder / "metrics.jsonl", "".join(f"{row}\n" for row in kept).encode())
    scores = score_again(run)
    save_translations(run)
    return Compacted(before, _size(run.folder), scores)


def score_again(run: Run) -> Evaluation:
    """Score a run and write the score into its README too; a compact one keeps its translations to ship with."""
    shipped = (run.folder / TRANSLATIONS).is_file()
    scores = score_and_save(run)
    if shipped:
        save_translations(run)
    card = run.folder / "README.md"
    if card.exists():
        lines = [line for line in card.read_text("utf-8").splitlines() if not line.startswith(FURTHER_SCORES)]
        lines = [score_lines(scores) if line.startswith("- Score on its own") else line for line in lines]
        write_atomically(card, "".join(f"{line}\n" for line in lines).encode())
    return scores


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers with five digits, which is more than a curve can show."""
    return {key: float(f"{value:.5g}") if isinstance(value, float) else value for key, value in row.items()}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
