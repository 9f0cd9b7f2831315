"""A Redis and a live server in processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pulse import embedded


class PrivateRedis:
    """A Redis of one test, which may be stopped and started at will."""

    def __init__(self, folder: Path) -> None:
        self.server = embedded.Redis(folder)
        self.url = f"unix://{quote(str(self.server.socket))}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.server.prepare()
        with self.server.log.open("ab") as log:
            self.process = subprocess.Popen(self.server.command().argv, stdout=log, stderr=log)
        wait_until(self.server.ready)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class LiveServer:
    """Pulse's server in a process of its own."""

    def __init__(self, database: str, redis_url: str, log: Path) -> None:
        self.database, self.redis_url, self.log = database, redis_url, log
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def start(self) -> None:
        script = Path(__file__).with_name("serve.py")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", str(script), str(self.port), self.database],
                env={**os.environ, "REDIS_URL": self.redis_url},
                stdout=log,
                stderr=log,
            )
        wait_until(self._listens, 30)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, sign: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(10)
            self.process = None


def wait_until(true: Callable[[], Any], seconds: float = 15) -> None:
    """Wait for something to become true, or fail."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.02)
