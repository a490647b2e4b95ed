"""The figures of `benchmark --scale` are of the process and its children, and belong to what was asked."""

import mmap
import subprocess
import sys

import pytest

from core.corpus import LinePairs
from core.processes import PROJECT
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
    # In a process of its own: the one that runs the tests frees and takes memory as it likes, browsers among its children.
    grown = subprocess.run(
        [sys.executable, "-c", GROWN_BY], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert 60 * MB < int(grown) < 120 * MB


GROWN_BY = """
import subprocess, sys
from core.scale import MB, memory

before = memory().own
held = "held = b'x' * (60 * 2**20); print(len(held), flush=True); input()"
with subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
    child.stdout.readline()
    print(memory().own - before)
    child.kill()
"""


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
