"""What tests share: a small corpus, quick runs, the real corpora, and where a browser is."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Models as small as here are slower on several threads, much slower beside other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What one test run has cut into words serves it to its end, and no other.
if "SEQ2SEQ_CACHE" not in os.environ:
    _cache = tempfile.TemporaryDirectory(prefix="seq2seq-cache-", ignore_cleanup_errors=True)
    os.environ["SEQ2SEQ_CACHE"] = _cache.name

from core.config import FILES, TrainConfig
from core.corpus import ParallelCorpus, load
from core.runs import Run

SUBJECTS = {"我": "I", "你": "You", "我们": "We", "他们": "They", "老师们": "Teachers", "孩子们": "Children"}
VERBS = {"喜欢": "like", "想要": "want", "看见": "see"}
THINGS = {"苹果": "apples", "书": "books", "花": "flowers", "自行车": "bicycles"}

# 72 sentences without a word that stands in one of them alone.
PAIRS = [
    (f"{subject}{verb}{thing}。", f"{SUBJECTS[subject]} {VERBS[verb]} {THINGS[thing]}.")
    for subject in SUBJECTS
    for verb in VERBS
    for thing in THINGS
]

# Small enough to train in a second. One thread and float32 give the same numbers on every run.
TINY = {
    "preset": "tiny",
    "corpus": FILES,
    "embedding": 16,
    "hidden": 16,
    "layers": 1,
    "attention": "dot",
    "min_freq": 1,
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 0.01,
    "teacher_forcing": 0.5,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
}


def tiny_config(**changes):
    return TrainConfig.from_dict(TINY | changes)


@pytest.fixture
def pairs():
    return list(PAIRS)


@pytest.fixture
def new_run(tmp_path):
    """Makes a run on the small corpus, not yet trained: `new_run("name", epochs=3)`."""

    def make(name="run", sentences=PAIRS, **changes):
        return Run.create(tmp_path / "checkpoints" / name, tiny_config(**changes), sentences)

    return make


@pytest.fixture(scope="session")
def _finished(tmp_path_factory):
    from core.train import train

    run = Run.create(
        tmp_path_factory.mktemp("checkpoints") / "finished", tiny_config(epochs=15, teacher_forcing=1.0), PAIRS
    )
    list(train(run))
    return run


@pytest.fixture
def finished_run(_finished, tmp_path):
    """A trained run, the test's own copy: it may be damaged."""
    return Run(shutil.copytree(_finished.folder, tmp_path / "checkpoints" / "finished"))


@pytest.fixture(scope="session")
def _turned(tmp_path_factory):
    from core.train import train

    config = tiny_config(epochs=15, teacher_forcing=1.0, source_tokenizer="spacy", target_tokenizer="jieba")
    run = Run.create(tmp_path_factory.mktemp("checkpoints") / "turned", config, [(one, two) for two, one in PAIRS])
    list(train(run))
    return run


@pytest.fixture
def reading_run(finished_run, _turned):
    """The finished run with a reverse model, which learnt the same pairs the other way; it is not scored with it."""
    shutil.copytree(_turned.folder, finished_run.reverse.folder)
    return finished_run


@pytest.fixture(scope="session")
def real_corpus() -> ParallelCorpus:
    """Tatoeba and HSK as they are installed."""
    return load("tatoeba+hsk")


# Tests that drive a browser


def find_chromium() -> str | None:
    """Chromium or Chrome: what the variable CHROMIUM names, else where each system has it."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    for command in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(command):
            return found
    places = [f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Chromium", "Google Chrome")]
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        folder = os.environ.get(variable, "")
        places += [f"{folder}/{name}/Application/chrome.exe" for name in ("Google/Chrome", "Chromium")]
    return next((place for place in places if Path(place).is_file()), None)


CHROMIUM = find_chromium()
HOW_TO_GET_ONE = "apt install chromium fonts-noto-cjk, or set CHROMIUM=/path/to/chromium"


def without_browser():
    reason = f"no Chromium found: {HOW_TO_GET_ONE}"
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return CHROMIUM or without_browser()


def pytest_runtest_setup(item):
    if CHROMIUM is None and item.get_closest_marker("browser"):
        without_browser()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    # Counted from the reports: where several processes test, only they reach this one.
    skipped = sum("browser" in report.keywords for report in reporter.stats.get("skipped", [])) if reporter else 0
    if reporter and CHROMIUM is None and skipped:
        reporter.write_line(f"{skipped} browser tests were skipped. To run them: {HOW_TO_GET_ONE}")
