"""The latch: a file on the execution host that stops sending when nothing else works.

Plain files and no framework, so that it can be set without a database, Redis or workers. It is
read at the last hop before every send. Whatever is wrong with it closes it: a missing file, a
broken one, one that cannot be read.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from trading.scopes import EVERYTHING, KINDS, Scope

_EMPTY: Final = '{"stops": {}}\n'


class LatchError(RuntimeError):
    """The latch cannot be read or written; it counts as closed."""


@dataclass(frozen=True, slots=True)
class Catch:
    """One scope that is stopped: who, why, since when (ISO 8601).

    `turn` is the id of the switch's turn in the database that says the same, 0 while it is not
    known there.
    """

    actor: str
    reason: str
    at: str
    turn: int = 0


class Latch:
    """The latch in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Make an open latch where there is no file; whatever is there stays."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), self.path.open("x") as file:
            file.write(_EMPTY)

    def read(self) -> Mapping[Scope, Catch]:
        """Return what is stopped; raise LatchError when that cannot be read."""
        try:
            stops = json.loads(self.path.read_text())["stops"]
            return {_scope(name): Catch(**one) for name, one in stops.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise LatchError(f"The latch cannot be read: {_why(error)}") from error

    def hindrance(self, scopes: Iterable[Scope]) -> str:
        """Return in words what stops any of the scopes, empty when nothing does; never raises."""
        try:
            stops = self.read()
        except LatchError as error:
            return str(error)
        for scope in (EVERYTHING, *scopes):
            if scope in stops:
                return f"the latch stops {scope}: {stops[scope].reason}"
        return ""

    def set(self, scope: Scope, *, actor: str, reason: str) -> None:
        """Stop a scope.

        Raises
        ------
        LatchError
            When the file could not be written. It is removed then, which stops everything; the
            text says whether even that failed.
        """
        at = dt.datetime.now(dt.UTC).isoformat()
        try:
            with self._locked():
                self._write({**self._known(), scope: Catch(actor, reason, at)})
        except OSError as error:
            raise LatchError(f"{_why(error)}; {self._shut()}") from error

    def clear(self, scope: Scope) -> bool:
        """Let a scope pass again; return whether it was stopped. LatchError when unreadable."""
        return self._change(scope, lambda stops: stops.pop(scope))

    def note(self, scope: Scope, turn: int) -> None:
        """Note under which turn of its switch the database knows a stop."""
        self._change(scope, lambda stops: stops.update({scope: replace(stops[scope], turn=turn)}))

    def reset(self) -> None:
        """Open it whatever it says: the answer to a file that cannot be read."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._write({})
        except OSError as error:
            raise LatchError(f"The latch cannot be written: {_why(error)}") from error

    def _change(self, scope: Scope, change: Callable[[dict[Scope, Catch]], object]) -> bool:
        try:
            with self._locked():
                stops = dict(self.read())
                if scope not in stops:
                    return False
                change(stops)
                self._write(stops)
        except OSError as error:
            raise LatchError(f"The latch cannot be written: {_why(error)}") from error
        return True

    def _known(self) -> Mapping[Scope, Catch]:
        """Return what is stopped; what cannot be read stops everything."""
        if not self.path.exists():
            return {}
        try:
            return self.read()
        except LatchError as error:
            return {EVERYTHING: Catch("latch", str(error), dt.datetime.now(dt.UTC).isoformat())}

    def _shut(self) -> str:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            return f"nor could it be removed: {_why(error)}"
        return "it is removed, which stops everything on this host"

    def _write(self, stops: Mapping[Scope, Catch]) -> None:
        body = {"stops": {str(scope): asdict(one) for scope, one in stops.items()}}
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            with beside.open("w") as file:
                file.write(json.dumps(body, indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one writer at a time; the kernel frees the lock of a process that dies."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _why(error: Exception) -> str:
    """Return what is wrong without where: people read it who have no business on this host."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def _scope(name: str) -> Scope:
    kind, _, target = name.partition(":")
    if kind not in KINDS or (kind == "global") != (not target):
        raise ValueError(f"{name!r} is no scope")
    return Scope(kind, target)
