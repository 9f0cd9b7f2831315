"""The platform in a folder of its own: the whole of it, or its servers alone with a database."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_START_S = 180
_STOP_S = 30


@contextmanager
def served(*options: str, ready: str = "") -> Iterator[str]:
    """Run `manage.py up` and yield its address; `ready` is a line to wait for besides."""
    with tempfile.TemporaryDirectory(prefix="pulse-bench-") as folder:
        log = Path(folder) / "up.log"
        with log.open("wb") as out:
            running = subprocess.Popen(
                [sys.executable, "-W", "ignore", "manage.py", "up", *options],
                cwd=ROOT,
                stdout=out,
                stderr=out,
                env={**os.environ, "PULSE_VAR": folder},
            )
        try:
            yield _address(log, ready)
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(_STOP_S)


@contextmanager
def databases(*, durable: bool = False, mode: str = "test") -> Iterator[Path]:
    """Run PostgreSQL and Redis in a folder that goes away, with Django set up on empty tables.

    `durable` has each transaction on the disk before it is answered, as in production.
    """
    sys.path[:0] = [str(ROOT / "platform")]
    with tempfile.TemporaryDirectory(prefix="pulse-bench-", ignore_cleanup_errors=True) as folder:
        var = Path(folder)
        os.environ |= {
            "PULSE_VAR": folder, "PULSE_MODE": mode, "DJANGO_SETTINGS_MODULE": "pulse.settings",
        }  # fmt: skip
        (var / "static").mkdir()
        from pulse.embedded import Services

        services = Services(var, durable=durable)
        services.start()
        try:
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            yield var
        finally:
            services.stop()


def _address(log: Path, ready: str) -> str:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        text = log.read_text()
        found = re.search(r"served at (http://\S+)", text)
        if found and ready in text:
            return found[1]
        time.sleep(0.2)
    raise SystemExit(log.read_text())
