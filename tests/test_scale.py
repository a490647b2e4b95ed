"""The figures of `benchmark --scale` are of the process and its children, and belong to what was asked."""

import mmap
import multiprocessing
import sys

import pytest

from core.corpus import LinePairs
from core.scale import MB, Watched, measure, memory, write_repeated


@pytest.mark.skipif(sys.platform == "win32", reason="private maps are Unix's")
def test_memory_is_seen_at_its_highest():
    # Not malloc's: it might give memory that an earlier test freed and the process kept.
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with Watched() as watched, mmap.mmap(-1, 60 * MB, flags=private) as held:
        held.write(b"x" * (60 * MB))
        now = memory()
    assert now.own - watched.start.own > 50 * MB
    assert watched.own >= watched.start.own
    assert watched.seconds > 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere children count once they have ended")
def test_processes_started_here_count():
    context = multiprocessing.get_context("spawn")
    before = memory()
    process = context.Process(target=sleep_with, args=(60 * MB,))
    process.start()
    try:
        for _ in range(600):
            if memory().own - before.own > 60 * MB:
                break
            process.join(0.1)
        assert memory().own - before.own > 60 * MB
    finally:
        process.kill()
        process.join()


def sleep_with(size):
    import time

    held = b"x" * size
    time.sleep(100)
    return held


def test_repeated_pairs_all_differ(pairs, tmp_path):
    write_repeated(pairs, 200, tmp_path / "pairs.tsv")
    repeated = list(LinePairs(tmp_path / "pairs.tsv"))
    assert repeated[: len(pairs)] == pairs
    assert len(set(repeated)) == len(repeated) == 200


@pytest.mark.timeout(900)  # two processes that import all of torch
def test_the_table_has_a_row_for_encoding_and_one_for_the_epoch():
    lines = list(measure([300]))
    rows = {line.split()[0]: line.split() for line in lines if line.startswith(("encode ", "epoch "))}
    assert {row[1] for row in rows.values()} == {"300"}
    for row in rows.values():
        before, most = (float(number.replace(",", "")) for number in row[5:7])
        assert 0 < before <= most
