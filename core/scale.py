"""How memory grows with a corpus: the same sentences again and again, encoded and trained on in processes of their own."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import corpus
from core.config import FILES, preset
from core.processes import PROJECT
from core.runs import Run

STEPS = 5  # real training steps after an epoch's batches
SAMPLED_EVERY = 0.05  # seconds
MB = 2**20


# What a process needs


@dataclass(frozen=True)
class Memory:
    """Bytes of a process and those it started, together."""

    own: int  # what stands in memory alone
    mapped: int  # pages of files, which the system takes back where it needs room


def memory() -> Memory:
    """Today's, on Linux; elsewhere all of it at its highest, as `own`."""
    sizes = [_sizes(pid) for pid in _family(os.getpid())]
    if not any(sizes):
        return Memory(_highest(), 0)
    return Memory(*(sum(size.get(key, 0) for size in sizes) for key in ("RssAnon", "RssFile")))


def _sizes(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended, or this is not Linux
        return {}
    rows = (line.partition(":") for line in lines)
    return {key: int(rest.split()[0]) * 1024 for key, _, rest in rows if key in ("RssAnon", "RssFile")}


def _family(pid: int) -> list[int]:
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        children = []
    return [pid, *(other for child in children for other in _family(child))]


def _highest() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


class Watched:
    """Looks at the memory again and again while a block runs: `start`, `own` and `mapped` are then known."""

    def __enter__(self) -> "Watched":
        self.start = memory()
        self.own, self.mapped = self.start.own, self.start.mapped
        self.begin = time.perf_counter()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(SAMPLED_EVERY):
            now = memory()
            self.own, self.mapped = max(self.own, now.own), max(self.mapped, now.mapped)

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.begin
        self._over.set()
        self._thread.join()

    def row(self, **more: Any) -> dict[str, Any]:
        return {"seconds": self.seconds, "start": self.start.own, "own": self.own, "mapped": self.mapped, **more}


# What is measured


def write_repeated(pairs: Sequence[corpus.Pair], count: int, path: Path) -> None:
    """So many pairs: these, then these with the number of the round on both sides, so that each is another."""

    def repeated() -> Iterator[corpus.Pair]:
        for row in range(count):
            source, target = pairs[row % len(pairs)]
            number = row // len(pairs)
            yield (f"{number} {source}", f"{number} {target}") if number else (source, target)

    corpus.save_pairs(repeated(), path)


def encode(run: Run) -> dict[str, Any]:
    """From the file of sentences to what a run trains on, on all cores."""
    from core.cutting import cores
    from core.material import load_corpus, prepare

    processes = cores(sum(1 for _ in corpus.LinePairs(run.folder / "pairs.tsv")), os.cpu_count() or 1)
    with Watched() as watched:
        material = prepare(load_corpus(run, processes), run.config, processes=processes)
    return watched.row(rows=len(material.train) + len(material.valid), cores=processes)


def epoch(run: Run) -> dict[str, Any]:
    """Open what was made, put an epoch's batches together, and train on a few of them."""
    import torch

    from core.batches import batches
    from core.machine import Machine, keep_freed_memory
    from core.material import load_corpus, prepare
    from core.step import make_optimizer, take_step
    from core.translator import build_model

    keep_freed_memory()
    config = run.config
    with Watched() as watched:
        begin = time.perf_counter()
        material = prepare(load_corpus(run), config)
        opened = time.perf_counter() - begin
        rows = 0
        for batch in batches(material.train, config.batch_size, config.seed):
            rows += batch.source.shape[1]
        seconds = time.perf_counter() - begin - opened
        own = watched.own
        machine = Machine.for_config(config)
        torch.manual_seed(config.seed)
        model = build_model(config, material.source_vocab, material.target_vocab).to(machine.device)
        optimizer = make_optimizer(model, config, machine)
        for step, batch in zip(range(STEPS), batches(material.train, config.batch_size, config.seed), strict=False):
            take_step(model, optimizer, batch, config, machine, step)
    return watched.row(rows=rows, cores=1) | {"seconds": seconds, "opened": opened, "own_batches": own}


def child(what: str, folder: str) -> None:
    """One measurement in this process, printed as JSON."""
    print(json.dumps({"encode": encode, "epoch": epoch}[what](Run(folder))))


def measure(sizes: Sequence[int]) -> Iterator[str]:
    """Encode each number of pairs, then go through an epoch of them; yield the lines of the report."""
    pairs = list(corpus.load("tatoeba").pairs)
    yield f"Tatoeba's {len(pairs):,} pairs again and again, a number added; jieba and spaCy; {os.cpu_count()} cores"
    yield ""
    yield f"{'':<10}{'pairs':>11}{'seconds':>9}{'pairs/s':>10}{'cores':>7}{'MB before':>11}{'MB at most':>12}{'mapped MB':>11}"
    peaks: dict[str, list[float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="seq2seq-scale-", ignore_cleanup_errors=True) as folder:
            run = Run.create(Path(folder) / "run", preset("attention", corpus=FILES))
            write_repeated(pairs, size, run.folder / "pairs.tsv")
            for what in ("encode", "epoch"):
                row = _in_process(what, run, Path(folder) / "cache")
                peaks.setdefault(what, []).append(row["own"] / MB)
                yield (
                    f"{what:<10}{size:>11,}{row['seconds']:>9.1f}{row['rows'] / row['seconds']:>10,.0f}{row['cores']:>7}"
                    f"{row['start'] / MB:>11,.0f}{row['own'] / MB:>12,.0f}{row['mapped'] / MB:>11,.0f}"
                )
            yield (
                f"{'':<10}an epoch's batches alone: {row['own_batches'] / MB:,.0f} MB at most; "
                f"opening what was encoded before: {row['opened']:.1f} s"
            )
    yield ""
    if len(sizes) > 1:
        for what, values in peaks.items():
            more = (values[-1] - values[0]) * MB / (sizes[-1] - sizes[0])
            yield f"{what}: {values[-1] / values[0]:.2f} times the memory for {sizes[-1] / sizes[0]:g} times the pairs, {more:,.0f} bytes a pair"
    yield "MB: memory of the process's own, those it started included. Mapped pages of files can be taken back at any time."


def _in_process(what: str, run: Run, cache: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", f"from core.scale import child; child({what!r}, {str(run.folder)!r})"]
    environment = {**os.environ, "SEQ2SEQ_CACHE": str(cache)}
    done = subprocess.run(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, check=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row
