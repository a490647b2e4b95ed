"""A real server and a real Chromium. No test here may leave a traceback in the server's log or an error on a page."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.processes import PROJECT
from core.runs import SHIPPED, list_runs

pytestmark = pytest.mark.browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # A browser, a server and a trainer share the machine with the other test process: what a slow moment broke
            # is tried once more, and the log says so. What is broken fails twice.
            item.add_marker(pytest.mark.flaky(reruns=1))


def harmless(traceback: str) -> bool:
    """Whether it is of a script that Streamlit had replaced already by a newer one of the same visitor.

    The two share what the session holds, each with a lock of its own, so that the old one may find it changed while it
    reads the whole of it (Streamlit 1.67, `SessionState.filtered_state`). What it ends with nobody sees: `AppSession`
    ignores whatever comes from a script that is no longer the current one.
    """
    return "in filtered_state" in traceback and "dictionary changed size during iteration" in traceback


class Server:
    """The app as `make app` starts it, on a port of its own."""

    def __init__(self, checkpoints: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.checkpoints = checkpoints
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "streamlit", "run", "streamlit_app.py",
                    "--server.headless=true", f"--server.port={self.port}",
                ],
                cwd=PROJECT,
                env={**os.environ, "SEQ2SEQ_CHECKPOINTS": str(checkpoints)},
                stdout=output,
                stderr=output,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"the server did not start:\n{log.read_text()}") from None
                time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Stop it, and fail if anything went wrong inside."""
        self.process.terminate()
        self.process.wait(timeout=20)
        said = self.log.read_text("utf-8", errors="replace")
        assert not [part for part in said.split("Traceback")[1:] if not harmless(part)], said


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoints folder with the runs that ship."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in SHIPPED:
        shutil.copytree(PROJECT / "checkpoints" / name, folder / name)
    return folder


@pytest.fixture(autouse=True)
def runs_end_with_their_test(checkpoints: Path) -> Iterator[None]:
    """Stops and deletes what a test trained: a second try finds its name free, and no trainer slows the next test."""
    before = {run.name for run in list_runs(checkpoints)}
    yield
    made = [run for run in list_runs(checkpoints) if run.name not in before]
    for run in made:
        run.request_stop()
    deadline = time.monotonic() + 60
    while any(run.status().alive or run.locked() for run in made) and time.monotonic() < deadline:
        time.sleep(0.1)
    for run in made:
        shutil.rmtree(run.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(checkpoints, tmp_path_factory.mktemp("log") / "server.log")
    yield running
    running.end()


@pytest.fixture(scope="session")
def browser(chromium_path: str):
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=flags)
        yield chromium
        chromium.close()


class Visit:
    """One visitor's tab."""

    def __init__(self, page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def go(self, address: str = "/"):
        self.page.goto(self.url + address)
        self.page.wait_for_selector(".st-key-bar", timeout=60_000)
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until the script has run and nothing says that it goes on."""
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
        self.page.wait_for_timeout(150)
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)

    def key(self, key: str):
        """The element that a key names, as `sentence` or `start`."""
        return self.page.locator(f".st-key-{key}")

    def type(self, sentence: str) -> None:
        box = self.key("sentence").locator("input")
        box.fill(sentence)
        box.press("Enter")
        self.page.wait_for_timeout(300)
        self.settle()

    @property
    def translation(self) -> str:
        return self.key("translation").inner_text().strip()

    def text(self) -> str:
        return self.page.locator('[data-testid="stMain"]').inner_text()

    def wait_for_text(self, text: str, timeout: float = 60_000) -> None:
        self.page.get_by_text(text).first.wait_for(timeout=timeout)


Visitor = Callable[..., Visit]


@contextmanager
def visiting(browser, url: str) -> Iterator[Visitor]:
    """Makes visitors of that server; at the end none may have seen an error."""
    made: list[Visit] = []

    def visit(locale: str = "en-US", scheme: str = "light", width: int = 1280) -> Visit:
        viewport = {"width": width, "height": 1800}
        context = browser.new_context(locale=locale, color_scheme=scheme, viewport=viewport)
        context.set_default_timeout(20_000)
        made.append(Visit(context.new_page(), url))
        return made[-1]

    yield visit
    for one in made:
        assert not one.errors, one.errors
        assert one.page.locator('[data-testid="stException"]').count() == 0, one.text()
        one.page.context.close()


@pytest.fixture
def visitor(browser, server: Server) -> Iterator[Visitor]:
    with visiting(browser, server.url) as visit:
        yield visit


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where a test leaves its pictures: the folder that SEQ2SEQ_SCREENSHOTS names, for who wants to look at them."""
    folder = Path(os.environ.get("SEQ2SEQ_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def fresh_server(checkpoints: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that nobody has visited yet."""
    running = Server(checkpoints, tmp_path / "server.log")
    yield running
    if running.process.poll() is None:
        running.end()
