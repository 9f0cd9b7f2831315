"""The supervisor behind `make up`: starts every process, restarts what dies, stops it all.

Children run in sessions of their own, so that Ctrl-C reaches the supervisor alone and it can stop
them in order; the kernel tells them when the supervisor itself is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulse import embedded

BACK_OFF_FIRST = 0.5
BACK_OFF_LAST = 30.0
STABLE_AFTER = 60.0  # a child that lived this long starts its back-off anew
GRACE_APPS = 5.5
GRACE_SERVERS = 3.5
POLL = 0.1


class AlreadyRunningError(RuntimeError):
    """Another supervisor holds this checkout's lock."""


class StepFailedError(RuntimeError):
    """A preparation command failed; the message ends with its last lines."""


def say(name: str, text: str) -> None:
    """Print one status line."""
    sys.stdout.write(f"{datetime.now():%H:%M:%S}  {name:<9} {text}\n")
    sys.stdout.flush()


def free_port(preferred: int) -> int:
    """Return `preferred` when it can be bound on loopback, else the next port that can."""
    for port in (*range(preferred, preferred + 50), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise RuntimeError("no free port on loopback")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the kernel frees it however this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError from error
        yield


@dataclass
class Child:
    """One supervised process and its restarts."""

    name: str
    argv: Sequence[str]
    log: Path
    cwd: Path
    stop_signal: int = signal.SIGTERM
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started: float = 0.0
    back_off: float = BACK_OFF_FIRST
    retry_at: float = 0.0
    last_exit: int | None = None

    def start(self) -> None:
        """Start the process; its output goes to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own argv
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.cwd,
                env={**os.environ, "PULSE_SUPERVISED": "1"},
                user=self.user,
                start_new_session=True,
                preexec_fn=embedded.die_with_parent(self.stop_signal),  # noqa: PLW1509
            )
        self.started = time.monotonic()
        self.retry_at = 0.0

    def running(self) -> bool:
        """Return whether the process is alive now."""
        return self.process is not None and self.process.poll() is None

    def tend(self) -> None:
        """Restart the process when it died and its back-off has passed."""
        if self.running() or self.process is None:
            return
        now = time.monotonic()
        if not self.retry_at:
            self.last_exit = self.process.returncode
            if now - self.started > STABLE_AFTER:
                self.back_off = BACK_OFF_FIRST
            self.retry_at = now + self.back_off
            say(self.name, f"died (exit {self.last_exit}); restarting in {self.back_off:.1f} s")
            for line in self.last_lines(3):
                say(self.name, f"  {line}")
            self.back_off = min(self.back_off * 2, BACK_OFF_LAST)
        elif now >= self.retry_at:
            self.restarts += 1
            self.start()
            say(self.name, f"restarted (pid {self.process.pid})")

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines of the log."""
        with contextlib.suppress(OSError):
            return self.log.read_text(errors="replace").splitlines()[-count:]
        return []

    def signal(self, number: int) -> None:
        """Send a signal to the whole session of the process."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if number == self.stop_signal:
                    self.process.send_signal(number)
                else:
                    os.killpg(self.process.pid, number)

    def state(self) -> dict[str, Any]:
        """Return what the status page shows."""
        alive = self.running()
        return {
            "pid": self.process.pid if alive and self.process else None,
            "state": "running" if alive else "restarting",
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "uptime_s": round(time.monotonic() - self.started) if alive else 0,
        }


def stop_all(children: Sequence[Child], grace: float) -> None:
    """Ask all children to stop, wait at most `grace` seconds, then kill what is left."""
    for child in children:
        child.signal(child.stop_signal)
    deadline = time.monotonic() + grace
    while any(child.running() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    for child in children:
        # The leader may be gone while helpers of its session are not.
        if child.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait(2)


_TAIL = 12  # lines of a log that an error shows


class Supervisor:
    """Runs the embedded servers first, then a preparation step, then the applications."""

    def __init__(self, var: Path, root: Path) -> None:
        self.var = var
        self.root = root
        self.servers: list[Child] = []
        self.apps: list[Child] = []
        self.address = ""
        self._stop = False
        self._state_written = 0.0
        self.state_file = var / "run" / "supervisor.json"

    def request_stop(self, *_: object) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stop = True

    def start_servers(self) -> None:
        """Start the embedded servers that the environment does not replace."""
        for server in embedded.Services(self.var, durable=True).servers:
            server.prepare()
            command = server.command()
            child = Child(
                name=type(server).__name__.lower(),
                argv=command.argv,
                log=server.log,
                cwd=self.var,
                stop_signal=command.stop_signal,
                user=command.user,
            )
            self.servers.append(child)
            if server.ready():
                raise AlreadyRunningError
            child.start()
            if child.process is not None:
                embedded.wait_ready(server, child.process)
            say(child.name, "ready")

    def add(self, name: str, *argv: str) -> None:
        """Start one application process."""
        child = Child(name=name, argv=argv, log=self.var / "log" / f"{name}.log", cwd=self.root)
        child.start()
        self.apps.append(child)

    def watch(self) -> None:
        """Tend the children until a stop is requested."""
        while not self._stop:
            for child in (*self.servers, *self.apps):
                child.tend()
            self._write_state()
            time.sleep(POLL)

    def wait_for(self, answer: Callable[[], bool], seconds: float) -> bool:
        """Tend the children until `answer()` is true, a stop is requested or time is up."""
        deadline = time.monotonic() + seconds
        while not self._stop and time.monotonic() < deadline:
            if answer():
                return True
            for child in (*self.servers, *self.apps):
                child.tend()
            time.sleep(POLL)
        return False

    def run_through(self, name: str, *argv: str, seconds: float) -> None:
        """Run a command to its end while the children are tended.

        A stop that is requested meanwhile stops the command too.

        Raises
        ------
        StepFailedError
            With the last lines of its log.
        """
        began = time.monotonic()
        path = self.var / "log" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own argv
                argv,
                cwd=self.root,
                env={**os.environ, "PULSE_SUPERVISED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        ended = self.wait_for(lambda: process.poll() is not None, seconds)
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(2)
        took = f"{time.monotonic() - began:.1f} s"
        if ended and process.returncode == 0:
            say(name, f"done in {took}")
        elif not self._stop:
            lines = path.read_text(errors="replace").splitlines()[-_TAIL:]
            raise StepFailedError(f"{name} failed after {took}:\n" + "\n".join(lines))

    @property
    def stopping(self) -> bool:
        """Whether a stop has been requested."""
        return self._stop

    def _write_state(self) -> None:
        now = time.monotonic()
        if now - self._state_written < 1.0:
            return
        self._state_written = now
        body = {
            "pid": os.getpid(),
            "address": self.address,
            "written": datetime.now(UTC).isoformat(),
            "children": {c.name: c.state() for c in (*self.servers, *self.apps)},
        }
        temporary = self.state_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(body))
        temporary.replace(self.state_file)

    def stop(self) -> None:
        """Stop the applications, then the servers."""
        say("up", "stopping")
        stop_all(self.apps, GRACE_APPS)
        stop_all(self.servers[::-1], GRACE_SERVERS)
        self.state_file.unlink(missing_ok=True)
        say("up", "stopped")


def read_state(var: Path) -> dict[str, Any] | None:
    """Return the supervisor's last state, or None when none runs here."""
    path = var / "run" / "supervisor.json"
    try:
        state: dict[str, Any] = json.loads(path.read_text())
        os.kill(int(state["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return state
