"""How quick the app feels, in a real Chromium: `python -m tests.benchmarks.app_speed`, on a machine that does nothing else.

Prints the first paint on a server that nobody has visited, the switch to each page, what the server costs while a run is
watched, and what a watching page costs the run. Not a test: a busy machine would make it fail.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from core.config import preset
from core.runs import PROJECT, Run
from tests.browser.conftest import Server, Visit
from tests.conftest import find_chromium

os.environ.pop("OMP_NUM_THREADS", None)  # tests have one thread; here it is as people have it

# Label in the bar, and words that stand in the page's text once it is drawn.
PAGES = (
    ("Decoder", "one word at a time"),
    ("Train", "Train a model of your own"),
    ("Scores", "How good is it"),
    ("Compare", "Which change did what"),
    ("Corpus", "The sentences a model learns from"),
    ("Translate", "small model you can take apart"),
)
ROUNDS = 5
WATCHED = 30.0  # seconds of each stretch with and without a page


def loaded(server: Server, library: str) -> bool:
    """Whether the server's process has that library's code in its memory (Linux)."""
    return library in Path(f"/proc/{server.process.pid}/maps").read_text()


def processor_seconds(pid: int) -> float:
    """What a process has used so far, all threads together (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_paint(browser, folder: Path) -> None:
    times, early = [], []
    for turn in range(ROUNDS):
        server = Server(PROJECT / "checkpoints", folder / f"first{turn}.log")
        context = browser.new_context(locale="en-US")
        page = context.new_page()
        begin = time.perf_counter()
        page.goto(server.url, wait_until="commit")
        page.get_by_text("small model you can take apart").first.wait_for()
        page.locator(".st-key-sentence input").wait_for()
        times.append(time.perf_counter() - begin)
        early.append([name for name in ("libtorch", "spacy") if loaded(server, name)])
        context.close()
        server.end()
    print(f"first paint, fresh server: median {statistics.median(times):.2f} s of {[round(t, 2) for t in times]}")
    print(
        f"  imported by then: {', '.join(sorted({name for names in early for name in names})) or 'neither torch nor spaCy'}"
    )


def page_switches(browser, folder: Path) -> None:
    server = Server(PROJECT / "checkpoints", folder / "switch.log")
    page = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 1000}).new_page()
    visit = Visit(page, server.url).go("/")
    times: dict[str, list[float]] = {}
    for turn in range(ROUNDS + 1):  # the first fills what is cached
        for label, words in PAGES:
            link = visit.key("bar").get_by_text(label, exact=True)
            begin = time.perf_counter()
            link.click()
            page.get_by_text(words).first.wait_for()
            if turn:
                times.setdefault(label, []).append(time.perf_counter() - begin)
            visit.settle()
    for label, values in times.items():
        print(
            f"switch to {label}: median {statistics.median(values) * 1e3:.0f} ms of {[round(v * 1e3) for v in values]}"
        )
    server.end()


def watching(browser, folder: Path) -> None:
    """Stretches alone and watched take turns, so that a slow minute of the machine meets both."""
    runs = folder / "runs"
    run = Run.create(runs / "watched", preset("attention", corpus="tatoeba+hsk", epochs=100))
    with (folder / "trainer.log").open("wb") as log:
        trainer = subprocess.Popen(
            [sys.executable, "-m", "core", "train", "--resume", "--run", str(run.folder)],
            cwd=PROJECT,
            stdout=log,
            stderr=log,
        )
    server = Server(runs, folder / "watch.log")
    page = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 1000}).new_page()
    while run.status().step < 100:
        time.sleep(0.5)
    rates: dict[str, list[float]] = {"alone": [], "watched": []}
    shares = []
    for turn in range(2 * ROUNDS):
        watched = turn % 2 == 1
        if watched:
            Visit(page, server.url).go("/train?run=watched")
        else:
            page.goto("about:blank")
        time.sleep(3)
        used, step, begin = processor_seconds(server.process.pid), run.status().step, time.perf_counter()
        time.sleep(WATCHED)
        seconds = time.perf_counter() - begin
        speeds = [row["tokens_per_second"] for row in run.steps() if row["step"] > step]
        rates["watched" if watched else "alone"].append(statistics.median(speeds))
        if watched:
            shares.append((processor_seconds(server.process.pid) - used) / seconds)
    trainer.terminate()
    trainer.wait()
    server.end()
    alone, seen = (statistics.median(rates[key]) for key in ("alone", "watched"))
    pairs = [watched / single - 1 for single, watched in zip(rates["alone"], rates["watched"], strict=True)]
    print(
        f"training alone {alone:,.0f} words/s, watched {seen:,.0f}: {statistics.median(pairs):+.1%} (median of pairs)"
    )
    print(f"the server while watched: median {statistics.median(shares):.1%} of a core")


def main() -> None:
    path = find_chromium()
    assert path, "no Chromium found"
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for measure in (first_paint, page_switches, watching):
            measure(browser, Path(folder))
        browser.close()


if __name__ == "__main__":
    main()
