"""What happens to the browser's tests where there is no browser."""

import os
import subprocess
import sys

from core.processes import PROJECT


def run_browser_tests(required):
    environment = {**os.environ, "CHROMIUM": "nowhere-to-be-found", "REQUIRE_BROWSER": required}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/browser"]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, encoding="utf-8", check=False)


def test_they_are_skipped_and_the_last_line_says_so_and_what_to_do():
    done = run_browser_tests(required="")
    assert done.returncode == 0
    last = done.stdout.splitlines()[-1]
    assert "browser tests were skipped" in last
    assert "apt install chromium" in last
    assert "CHROMIUM=" in last


def test_where_a_browser_is_required_they_fail():
    done = run_browser_tests(required="1")
    assert done.returncode == 1
    assert "no Chromium found" in done.stdout
    assert "were skipped" not in done.stdout
