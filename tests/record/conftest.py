"""Real child processes to kill, and a Redis of one's own to stop."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from urllib.parse import quote

import pytest
from django.db import connection

from pulse import embedded
from record import broker, hints

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = """
import sys, time
sys.path[:0] = [{root!r}, {platform!r}]
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {database!r}
django.setup()
from django.db import transaction

def say(text):
    print(text, flush=True)

def wait():
    time.sleep(60)

"""


class Child:
    """A process that runs some Python against the test's database."""

    def __init__(self, code: str) -> None:
        prelude = PRELUDE.format(
            root=str(ROOT),
            platform=str(ROOT / "platform"),
            database=connection.settings_dict["NAME"],
        )
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", prelude + textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        self.said: list[str] = []
        self._lines: Queue[str | None] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line.strip())
        self._lines.put(None)

    def until(self, text: str, seconds: float = 30) -> None:
        """Wait until the child says `text`."""
        while text not in self.said:
            try:
                line = self._lines.get(timeout=seconds)
            except Empty:
                line = None
            assert line is not None, f"the child did not say {text!r}:\n" + "\n".join(self.said)
            self.said.append(line)

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def ends(self, seconds: float = 30) -> None:
        """Wait for its own end."""
        assert self.process.wait(seconds) == 0, "\n".join(self.said)


@pytest.fixture
def child() -> Iterator[Callable[[str], Child]]:
    """Start children with the code given; all are killed in the end."""
    started: list[Child] = []

    def start(code: str) -> Child:
        started.append(Child(code))
        return started[-1]

    yield start
    for one in started:
        one.kill()


class OwnRedis:
    """A Redis that this test alone may stop."""

    def __init__(self, folder: Path) -> None:
        self.server = embedded.Redis(folder)
        self.url = f"unix://{quote(str(self.server.socket))}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = embedded.launch(self.server)
        embedded.wait_ready(self.server, self._process)

    def stop(self) -> None:
        """Stop it as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self.server.socket.unlink(missing_ok=True)


@pytest.fixture
def own_redis(tmp_path: Path, settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnRedis]:
    """A started Redis that hints, states and Celery messages of this test go to."""
    server = OwnRedis(tmp_path)
    server.start()
    settings.REDIS_URL = server.url
    broker_url = server.url.replace("unix://", "redis+socket://", 1)
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", broker_url)
    monkeypatch.setenv("REDIS_URL", server.url)  # for children
    for breaker in (hints.breaker, broker.breaker):
        breaker.reset()
    yield server
    server.stop()
    for breaker in (hints.breaker, broker.breaker):
        breaker.reset()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple, str]]:
    """Messages that would have gone to Celery: (task, arguments, queue)."""
    messages: list[tuple[str, tuple, str]] = []
    monkeypatch.setattr(
        broker, "send", lambda task, args, *, queue, **_: messages.append((task, args, queue))
    )
    return messages
