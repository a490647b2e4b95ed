"""What the Train page keeps of a run: nothing is lost by reading piece by piece, nothing false is drawn."""

import itertools
import json
import random

import pytest

from core.runs import GrowingRows, read_json_lines
from pages.parts.history import POINTS, Curve, History


def row(step, **more):
    return {"step": step, "loss": step / 10, "tokens_per_second": 1.0, **more}


@pytest.mark.parametrize("count", [1, POINTS, POINTS + 1, 5 * POINTS + 3])
def test_a_curve_has_few_points_and_none_of_its_values_is_lost(count):
    curve = Curve()
    values = [random.Random(1).uniform(0, 9) for _ in range(count)]
    for step, value in enumerate(values, start=1):
        curve.add(step, value)
    rows = curve.rows()
    assert len(rows) <= POINTS
    assert rows[-1][0] == count
    assert [step for step, *_ in rows] == sorted(step for step, *_ in rows)
    assert min(low for _, _, low, _ in rows) == pytest.approx(min(values), rel=1e-3)
    assert max(high for *_, high in rows) == pytest.approx(max(values), rel=1e-3)
    sizes = [rows[0][0], *(b[0] - a[0] for a, b in itertools.pairwise(rows))]
    mean = sum(mean * size for (_, mean, *_), size in zip(rows, sizes, strict=True)) / count
    assert mean == pytest.approx(sum(values) / count, rel=1e-3)


def test_a_file_that_grows_is_read_once_whatever_the_pieces(tmp_path):
    path, chance = tmp_path / "metrics.jsonl", random.Random(2)
    content = b"".join(json.dumps(row(step)).encode() + b"\n" for step in range(300))
    growing, rows = GrowingRows(path), []
    assert growing.read() == ([], False)
    with path.open("wb") as file:
        while content:
            size = chance.randint(1, 400)
            file.write(content[:size])
            file.flush()
            content = content[size:]
            new, anew = growing.read()
            assert not anew
            rows += new
    assert rows == read_json_lines(path)
    assert growing.read() == ([], False)


def test_a_file_cut_off_and_written_anew_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(row(step)) + "\n" for step in range(50)))
    growing = GrowingRows(path)
    growing.read()
    # Resumed: the last rows are written again, with other times, and more than there were.
    path.write_text("".join(json.dumps(row(step, tokens_per_second=step * 2.0)) + "\n" for step in range(80)))
    rows, anew = growing.read()
    assert anew
    assert rows == read_json_lines(path)
    path.unlink()
    assert growing.read() == ([], True)


def test_only_whole_traces_and_finite_numbers_are_drawn(new_run):
    run = new_run()
    good = {"source": [["我", 1], ["<eos>", 1]], "top": [[["I", 0.5]]], "attention": [[90, 10]]}
    bad = [
        None, 3, {}, {**good, "top": []}, {**good, "top": [[]]}, {**good, "top": [["I"]]}, {**good, "attention": [[9]]},
        {**good, "attention": [["a", "b"]]}, {**good, "source": [1, 2]}, {**good, "top": [[["I", "much"]]]},
    ]  # fmt: skip
    for number, trace in enumerate([good, {**good, "attention": [None]}, *bad]):
        run.append("samples.jsonl", {"epoch": number, "source": "我", "translation": "I", "trace": trace})
    run.append("metrics.jsonl", row(1, gradient_norm=float("nan"), learning_rate="fast"))
    epoch = {"epoch": 1, "train_loss": 1.0, "valid_loss": 1.0, "bleu": 1.0, "train_seconds": 1, "tokens_per_second": 1}
    run.append("metrics.jsonl", {**epoch, "valid_loss_free": "x"})
    run.append("metrics.jsonl", {**epoch, "epoch": 2, "valid_loss": float("inf")})
    history = History(run)
    history.refresh()
    traces = [rows["我"]["trace"] for _, rows in history.shown_frames()]
    assert [trace is not None for trace in traces] == [True, True, *[False] * len(bad)]
    assert not history.curves["gradient_norm"].rows()
    assert not history.curves["learning_rate"].rows()
    assert [row["epoch"] for row in history.epochs] == [1]
    assert history.epochs[0]["valid_loss_free"] is history.epochs[0]["train_loss_plain"] is None


def test_of_very_many_epochs_few_are_stopped_at_the_last_among_them(new_run):
    run = new_run()
    for epoch in [0, 0.125, 0.5, *range(1, 402)]:
        run.append("samples.jsonl", {"epoch": epoch, "step": epoch * 8, "source": "我", "translation": "I"})
    history = History(run)
    history.refresh()
    shown = [epoch for (epoch, _), _ in history.shown_frames()]
    assert shown[:4] == [0, 0.125, 0.5, 1]
    assert shown[-1] == 401
    assert len(shown) < 70
