"""The browser's client and the real server together, while servers are killed under them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.db import transaction
from playwright.sync_api import Page, sync_playwright

from record import streams
from tests.browser.chromium import FLAGS, REMEDY, find_chromium
from tests.browser.live_server import CSP, ScriptedServer

from .processes import LiveServer, PrivateRedis

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
T = TypeVar("T")
FOLLOW = """
(port) => {
  const tab = new T.Live(`ws://127.0.0.1:${port}/ws`);
  tab.subscribe('t_log:tab', { onEvent: (e) => T.events.push(e.data),
                               onSnapshot: (s) => T.snaps.push(s),
                               onStatus: (s) => T.statuses.push(s.state) });
}
"""


class Browser:
    """A page in a thread of its own: Django's ORM and Playwright's loop do not share one."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1)

    def do(self, work: Callable[[Page], T]) -> T:
        return self.thread.submit(lambda: work(self.page)).result(30)

    def open(self, url: str) -> None:
        path = find_chromium()
        if path is None:
            pytest.fail(REMEDY)

        def work() -> None:
            self.driver = sync_playwright().start()
            launched = self.driver.chromium.launch(executable_path=path, args=FLAGS)
            self.page = launched.new_page()
            self.page.goto(url)
            self.page.wait_for_function("() => window.T")

        self.thread.submit(work).result(60)

    def close(self) -> None:
        self.thread.submit(self.driver.stop).result(30)
        self.thread.shutdown()

    def wait(self, true: str, argument: Any = None) -> None:
        self.do(lambda page: page.wait_for_function(true, arg=argument, timeout=20_000))

    def ask(self, expression: str, argument: Any = None) -> Any:
        return self.do(lambda page: page.evaluate(expression, argument))


@pytest.fixture
def browser(server: LiveServer) -> Iterator[Browser]:
    host = ScriptedServer()
    host.csp = f"{CSP} ws://127.0.0.1:{server.port}"
    browser = Browser()
    browser.open(f"http://127.0.0.1:{host.port}/")
    browser.ask(FOLLOW, server.port)
    yield browser
    assert browser.ask("() => T.violations") == []
    browser.close()
    host.stop()


def write(first: int, last: int) -> None:
    for number in range(first, last + 1):
        with transaction.atomic():
            streams.append("t_log:tab", key=f"k{number}", data=number)


def test_a_tab_misses_nothing_while_servers_die(
    browser: Browser, server: LiveServer, private_redis: PrivateRedis
) -> None:
    browser.wait("() => T.statuses.includes('live')")
    write(1, 20)
    browser.wait("() => T.events.length === 20")
    server.stop(signal.SIGKILL)
    write(21, 120)
    server.start()
    browser.wait("() => T.events.length === 120")
    browser.wait("() => T.restored.length === 1")
    assert browser.ask("() => T.restored[0].missed") == 100
    private_redis.kill()
    write(121, 130)
    private_redis.start()
    write(131, 140)
    browser.wait("() => T.events.length === 140")
    server.stop(signal.SIGTERM)
    write(141, 145)
    server.start()
    browser.wait("() => T.events.length === 145")
    assert browser.ask("() => T.events") == list(range(1, 146))
    assert browser.ask("() => T.snaps.length") == 1
