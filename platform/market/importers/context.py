"""What an importer is given and what it gives back."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, Protocol

from market.snapshot import SnapshotData


class RefusedError(ValueError):
    """A row (or a whole file, line 0) is refused; says which field and why."""

    def __init__(self, field: str, reason: str, value: object = "") -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.value = field, reason, str(value)


class Reject(NamedTuple):
    """One refusal as it is reported. Line 0 is the whole file or member."""

    file: str
    line: int
    field: str
    reason: str
    value: str


class RawBar(NamedTuple):
    """A bar as an importer reads it; `time` is its end, both instants ns UTC."""

    time: int
    known_at: int
    open: float | None
    high: float | None
    low: float | None
    close: float
    volume: float | None
    price: str = "trade"


@dataclass
class Tally:
    """Rows of a file that were read and wait to be stored."""

    rows: int = 0


class RawTrade(NamedTuple):
    """A row of recorded trading."""

    kind: str
    time: dt.datetime
    symbol: str
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal | None
    closed_at: dt.datetime | None
    close_price: Decimal | None
    detail: Mapping[str, str]
    identity: str


@dataclass(frozen=True)
class Options:
    """What the person said on the command line."""

    symbol: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)

    def spoken(self) -> list[str]:
        """Return what makes a second reading of a file a different one, in short."""
        if not (self.symbol or self.columns or self.constants):
            return []
        text = repr((sorted(self.columns.items()), sorted(self.constants.items())))
        return [self.symbol, hashlib.sha256(text.encode()).hexdigest()[:12]]


class Reporter(Protocol):
    """What reading lines needs."""

    def reject(self, line: int, error: RefusedError, *, file: str = "") -> None:
        """Report a refusal; `file` names a member inside the file."""

    def progress(self, done: int) -> None:
        """Say how many bytes of the file have been read."""


class Context(Reporter, Protocol):
    """The engine as an importer sees it. Rows count as accepted only once they are stored."""

    @property
    def options(self) -> Options:
        """What the person said on the command line."""

    def skip(self, rows: int, why: str) -> None:
        """Count rows that are left out though nothing is wrong with them."""

    def note(self, text: str) -> None:
        """Tell the person something about the file."""

    def instrument(self, symbol: str, kind: str, *, currency: str = "USD") -> None:
        """Make the instrument when there is none."""

    def bars(self, symbol: str, rows: Iterable[RawBar], *, interval: int) -> None:
        """Store bars of `interval` seconds."""

    def snapshots(self, stream: Iterable[SnapshotData]) -> None:
        """Store snapshots of one underlying, merged with what is there for the same instants."""

    def accept(self, rows: int) -> None:
        """Count rows of the file that are stored now."""

    def trades(self, rows: Iterable[RawTrade]) -> None:
        """Store recorded trading."""

    def underlying_bars(
        self, symbol: str, day: dt.date, price: str
    ) -> Mapping[int, tuple[float, float, float, float, float]]:
        """Return stored minute bars by their end: open, high, low, close, volume."""


class Importer(Protocol):
    """One format."""

    name: str
    suffixes: tuple[str, ...]
    help: str
    dated: bool
    """Whether the file's name, not its rows, says the date: equal bytes are then a stale copy."""

    def jobs(self, paths: list[Path]) -> Iterator[list[Path]]:
        """Yield groups of files that are read together, in the order to read them."""

    def subject(self, path: Path) -> str:
        """Return what tells a file from another with the same bytes."""

    def run(self, paths: list[Path], contexts: Mapping[Path, Context]) -> None:
        """Read one group; each file reports to its own context."""
