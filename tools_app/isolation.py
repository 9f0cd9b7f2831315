"""Third parties' tools, each in a process of its own.

The process is started once, asked again and again, and ended when it does not answer in time; the
next question starts a new one. So a tool that hangs, crashes or takes all memory costs its callers
one time-out and nothing else. A tool that fails several times in a row rests, each time longer.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from market.frames import FloatArray
from tools_app import wire
from tools_app.contract import Condition, Inputs, Settings, Verdict
from tools_app.limits import limits
from tools_app.nonsense import sideways

MOST_CONDITIONS = 64
LONGEST_TEXT = 200
_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE", "TMPDIR", "TZ")
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
log = structlog.get_logger("pulse.tools")


class HostError(Exception):
    """The process of a tool did not answer: it hung, ended, or said what is no message."""


class RemoteFaultError(Exception):
    """The tool itself raised, or answered what no tool may answer; the text is its own."""


class Host:
    """One process with what one entry point names; a question at a time.

    Parameters
    ----------
    entry : str
        `module:attribute`.
    """

    def __init__(self, entry: str) -> None:
        self.entry = entry
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self.declared: list[dict[str, Any]] = []

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return None if self._process is None else self._process.pid

    def describe(self) -> list[dict[str, Any]]:
        """Return what the entry point declares; start the process where none runs."""
        with self._its_turn(limits().start_s):
            self._started()
        return self.declared

    def ask(
        self, head: wire.Head, arrays: Sequence[FloatArray], most: int
    ) -> tuple[wire.Head, bytes]:
        """Return the answer to a question, its body of at most so many bytes.

        Raises
        ------
        HostError
            When there is none; the process is then ended, and the next question starts another.
        """
        allowed = limits().answer_s
        with self._its_turn(allowed):
            link = self._started()
            until = time.monotonic() + allowed
            return self._exchange(
                lambda: self._talk(link, {**head, "seconds": allowed}, arrays, most, until),
                f"no answer within {allowed:g} s",
            )

    def close(self) -> None:
        """End the process and all that it started."""
        link, process = self._link, self._process
        self._link = self._process = None
        if link is not None:
            link.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @contextlib.contextmanager
    def _its_turn(self, within: float) -> Any:
        if not self._turn.acquire(timeout=within):
            raise HostError(f"busy with another question for {within:g} s")
        try:
            yield
        finally:
            self._turn.release()

    @staticmethod
    def _talk(
        link: socket.socket,
        head: wire.Head,
        arrays: Sequence[FloatArray],
        most: int,
        until: float,
    ) -> tuple[wire.Head, bytes]:
        wire.send(link, head, arrays, until)
        return wire.receive(link, most, until)

    def _started(self) -> socket.socket:
        if self._link is not None:
            return self._link
        allowed = limits()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "tools_app.tool_host", str(theirs.fileno()),
                 self.entry, str(allowed.memory_mb), str(allowed.start_s)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()], env=_environment(), cwd="/", start_new_session=True,
            )  # fmt: skip
        self._link = ours
        until = time.monotonic() + allowed.start_s
        head, _ = self._exchange(
            lambda: wire.receive(ours, 0, until), f"not imported within {allowed.start_s:g} s"
        )
        declared = head.get("declared")
        if not isinstance(declared, list):
            self.close()
            raise HostError(
                f"it cannot be imported: {plain(head.get('fault', 'it tells nothing'))}"
            )
        self.declared = declared
        return ours

    def _exchange(
        self, talk: Callable[[], tuple[wire.Head, bytes]], late: str
    ) -> tuple[wire.Head, bytes]:
        try:
            return talk()
        except TimeoutError:
            why = f"{late}; its process was ended"
        except wire.MessageError as error:
            why = f"its process answered no message: {error}"
        except (EOFError, OSError):
            why = self._ending()
        except BaseException:
            # Cut short, as by a task's time limit: the answer on its way is nobody's any more.
            self.close()
            raise
        self.close()
        log.warning("tool_host_ended", entry=self.entry, why=why)
        raise HostError(why)

    def _ending(self) -> str:
        """Return how the process ended, once its socket is closed."""
        process = self._process
        if process is None:
            return "its process ended"
        try:
            code = process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "its process closed its connection"
        if code >= 0:
            return f"its process ended with exit code {code}"
        with contextlib.suppress(ValueError):
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process was ended by signal {-code}"


def _environment() -> dict[str, str]:
    """Return what a tool's process may know of ours: where code lies, and no secret."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    paths = [os.path.abspath(path) for path in sys.path]
    one = dict.fromkeys(_ONE_THREAD, "1")
    return kept | one | {"PYTHONPATH": os.pathsep.join(paths), "LANG": "C.UTF-8"}


_hosts: dict[tuple[str, int], Host] = {}
_hosts_lock = [threading.Lock()]


def host_of(entry: str, place: int) -> Host:
    """Return the process of one tool of an entry point; it starts when it is asked."""
    with _hosts_lock[0]:
        return _hosts.setdefault((entry, place), Host(entry))


def close_all() -> None:
    """End the processes of all tools."""
    with _hosts_lock[0]:
        for host in _hosts.values():
            host.close()
        _hosts.clear()


def _forget_hosts() -> None:
    """A forked worker asks no process of its parent: answers would cross."""
    for host in _hosts.values():
        if host._link is not None:
            host._link.close()
    _hosts_lock[0] = threading.Lock()
    _hosts.clear()
    _breakers.clear()


atexit.register(close_all)
os.register_at_fork(after_in_child=_forget_hosts)


@dataclass(frozen=True, slots=True)
class RemoteCompute:
    """The function of a third party's tool, as its `Tool` carries it here."""

    entry: str
    place: int
    declared: str = field(repr=False)
    """What was declared at the start, as JSON: what the process runs must be the same."""

    def __call__(self, inputs: Inputs, settings: Settings) -> Verdict:
        """Return what the tool answers in its process.

        Raises
        ------
        HostError, RemoteFaultError
        """
        shape = next(iter(inputs.values())).shape
        rows = 8 * int(next(iter(inputs.values())).size)
        host = host_of(self.entry, self.place)
        here = host.describe()
        if json.dumps(here[self.place : self.place + 1]) != self.declared:
            raise HostError("its package was changed since the start; start Pulse again")
        head, body = host.ask(
            {
                "place": self.place,
                "names": list(inputs),
                "shape": list(shape),
                "settings": dict(settings),
            },
            list(inputs.values()),
            (2 * MOST_CONDITIONS + 2) * rows,
        )
        if "fault" in head:
            raise RemoteFaultError(plain(head["fault"]))
        return _verdict(head, body, shape)


def _verdict(head: wire.Head, body: bytes, shape: tuple[int, ...]) -> Verdict:
    """Return the verdict that a message tells, nothing in it believed unseen."""
    heads = head.get("conditions")
    if not isinstance(heads, list) or len(heads) > MOST_CONDITIONS:
        raise RemoteFaultError(f"it answers no list of at most {MOST_CONDITIONS} conditions")
    graded = [bool(told.get("degree")) for told in heads]
    count = len(heads) + sum(graded) + 1 + bool(head.get("volatility"))
    try:
        arrays = iter(wire.split(body, shape, count))
    except wire.MessageError as error:
        raise RemoteFaultError(str(error)) from error
    conditions = tuple(
        Condition(
            label=plain(told.get("label")),
            value=next(arrays),
            unit=plain(told.get("unit")),
            degree=next(arrays) if has_degree else None,
            limit=_limit(told.get("limit")),
            relation=plain(told.get("relation")),
        )
        for told, has_degree in zip(heads, graded, strict=True)
    )
    side = next(arrays)
    verdict = Verdict(conditions, side, next(arrays) if head.get("volatility") else None)
    wrong = sideways(verdict)
    if wrong is not None:
        raise RemoteFaultError(wrong)
    return verdict


def _limit(given: Any) -> float | None:
    return float(given) if isinstance(given, int | float) else None


def plain(text: Any) -> str:
    """Return a foreign text as tables and pages can hold it: printable, and not too long."""
    return "".join(c if c.isprintable() else " " for c in str(text))[:LONGEST_TEXT]


@dataclass(slots=True)
class Breaker:
    """Lets a tool rest that failed several times in a row, each time twice as long.

    After a rest one trial is let through; the others rest on until it passed.
    """

    clock: Callable[[], float] = time.monotonic
    in_a_row: int = 0
    _pause: float = 0.0
    _until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rests(self) -> float:
        """Return the seconds that it still rests; 0 lets the caller try."""
        with self._lock:
            if self._pause == 0.0:
                return 0.0
            left = self._until - self.clock()
            if left > 0.0:
                return left
            self._until = self.clock() + self._pause
            return 0.0

    def passed(self) -> None:
        """Note an answer: it is well."""
        with self._lock:
            self.in_a_row, self._pause = 0, 0.0

    def failed(self) -> float:
        """Note a fault; return for how many seconds it rests now, 0 where it does not."""
        allowed = limits()
        with self._lock:
            self.in_a_row += 1
            if self.in_a_row < allowed.faults:
                return 0.0
            longer = 2.0 * self._pause if self._pause else allowed.pause_s
            self._pause = min(longer, allowed.longest_pause_s)
            self._until = self.clock() + self._pause
            return self._pause


_breakers: dict[str, Breaker] = {}


def breaker_of(slug: str) -> Breaker:
    """Return a tool's breaker in this process."""
    return _breakers.setdefault(slug, Breaker())
