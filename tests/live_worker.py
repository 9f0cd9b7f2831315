"""A worker in a thread that answers calls of the web: the real tasks, without a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import connection

from record import broker, remote


@pytest.fixture
def live_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Answer calls; the list names the tasks that were called."""
    called: list[str] = []
    threads: list[threading.Thread] = []

    def work(args: tuple) -> None:
        try:
            remote.answer(*args)
        finally:
            connection.close()

    def send(task: str, args: tuple, *, queue: str, expires: float) -> None:
        assert (task, queue) == ("record.answer", "live")
        called.append(args[1])
        threads.append(threading.Thread(target=work, args=(args,)))
        threads[-1].start()

    monkeypatch.setattr(broker, "send", send)
    # The first of these calls loads what a worker of the platform has loaded at its start.
    monkeypatch.setattr(remote, "WITHIN_S", 60.0)
    yield called
    for thread in threads:
        thread.join(10)
