"""A pytest plugin: private embedded servers for the run, up before Django reads its settings.

Loaded by `-p pulse.testing`, for conftest files come too late for that.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import quote

from pulse import embedded


def _start_private_servers() -> None:
    """Start a PostgreSQL and a Redis for this run alone, unless the environment names others.

    xdist workers inherit the folder from their controller and start nothing. Each has a database
    of Redis to itself: a switch that one presses stops no other.
    """
    os.environ["PULSE_MODE"] = "test"
    # What a developer has installed is not under test; a test that brings a tool says so.
    os.environ["PULSE_THIRD_PARTY_TOOLS"] = "0"
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None:
        socket = embedded.Redis(Path(os.environ["PULSE_VAR"])).socket
        os.environ.setdefault("REDIS_URL", f"unix://{quote(str(socket))}?db={worker[2:]}")
        return
    var = Path(tempfile.mkdtemp(prefix="pulse-test-"))
    os.environ["PULSE_VAR"] = str(var)
    (var / "static").mkdir()
    services = embedded.Services(var)
    services.start()
    atexit.register(shutil.rmtree, var, ignore_errors=True)
    atexit.register(services.stop)


_start_private_servers()
