"""One site for all browser tests, and one Chromium for each module.

Playwright's loop runs in the test's thread, where Django then refuses its database; so the browser
lives no longer than a module, and the site is a process of its own.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from .chromium import FLAGS, REMEDY, find_chromium

HERE = Path(__file__).resolve().parent
START_WITHIN_S = 60.0
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@dataclass
class Site:
    """The running site: where it is, who is signed in, what the labs ran, what it is told."""

    address: str
    cookie: str
    sessions: dict[str, str]
    lab: dict[str, int]
    searches: dict[str, int]
    state: Path
    commands: IO[str]

    def says(self, **state: bool) -> None:
        """Make the market empty, stale or away; without arguments it is well."""
        self.state.write_text(json.dumps(state))

    def append(self, channel: str, key: str, data: dict[str, Any]) -> None:
        """Publish one event of a log channel."""
        self._tell({"channel": channel, "key": key, "data": data})

    def work(self, run: int, lab: str = "lab") -> None:
        """Let a worker take the jobs of a validation, or of a search."""
        self._tell({"work": run, "lab": lab})

    def sell(self, **values: str) -> None:
        """Let billing use a stand-in for Stripe; without values it is off again."""
        self._tell({"stripe": values})

    def rank(self) -> None:
        """Let a worker bring the boards up to now."""
        self._tell({"rank": True})

    def do_promised(self) -> None:
        """Let a worker do what billing has promised."""
        self._tell({"outbox": True})

    def _tell(self, command: dict[str, Any]) -> None:
        self.commands.write(json.dumps(command) + "\n")
        self.commands.flush()

    def sign_in(self, context: BrowserContext, who: str) -> None:
        """Give a browser the session of `who`; "anon" has none."""
        context.clear_cookies()
        if who != "anon":
            context.add_cookies(
                [{"name": self.cookie, "value": self.sessions[who], "url": self.address}]
            )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_served(address: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + START_WITHIN_S
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail("the site of the browser tests ended while it started")
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2):
            return
        time.sleep(0.1)
    pytest.fail("the site of the browser tests did not start in time")


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    port = free_port()
    address = f"http://localhost:{port}"
    log = (Path(os.environ["PULSE_VAR"]) / f"browser-site-{WORKER}.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(HERE / "site.py"), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told = process.stdout.readline()
    if not told:
        pytest.fail(f"the site did not start: {Path(log.name).read_text()[-2000:]}")
    wait_until_served(address, process)
    state = Path(os.environ["PULSE_VAR"]) / f"browser-state-{WORKER}.json"
    yield Site(address, state=state, commands=process.stdin, **json.loads(told))
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()
    log.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.fail(REMEDY)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """A browser in each theme; the dark one has a touch screen."""
    made = {
        theme: browser.new_context(
            color_scheme=theme, has_touch=theme == "dark", reduced_motion="reduce"
        )
        for theme in ("dark", "light")
    }
    yield made
    for context in made.values():
        context.close()


@pytest.fixture(autouse=True)
def quiet() -> None:
    """No state channel holds what an earlier test, of whatever folder, published."""
    from record.hints import client

    for key in client().scan_iter("state:*"):
        client().delete(key)


@pytest.fixture
def market(site: Site) -> Iterator[Site]:
    """The site, whose market is well again after the test."""
    yield site
    site.says()
