"""The engine of `import_market`: each file once, its good rows stored, each refusal on record."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import structlog
from django.utils import timezone

from market import bars, services, store
from market.clock import from_ns, midnight_ns, to_ns
from market.importers.context import Importer, Options, RawBar, RawTrade, RefusedError, Reject
from market.models import ImportBatch, ImportReject, Instrument, TradeRecord
from market.snapshot import SnapshotData

_CHUNK = 1 << 20
_REJECTS = 500
_TRADES = 2_000
_SHOWN = 160
_DAY = 86_400 * 1_000_000_000
log = structlog.get_logger("pulse.imports")


@dataclass
class Outcome:
    """What became of one run of the command."""

    files: int = 0
    repeated: int = 0
    accepted: int = 0
    rejected: int = 0
    rejected_before: int = 0
    skipped: int = 0
    failed: int = 0

    @property
    def exit_status(self) -> int:
        """0 all accepted, 3 some refused, 1 nothing imported or a failure."""
        if self.failed or not (self.accepted or self.repeated):
            return 1
        return 3 if self.rejected or self.rejected_before else 0


class RejectFile:
    """The rejects report, a CSV file that exists only once something was refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0

    def write(self, rows: Sequence[Reject]) -> None:
        """Append refusals."""
        if not rows:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file)
            if not self.rows:
                writer.writerow(Reject._fields)
            writer.writerows(rows)
        self.rows += len(rows)


class FileContext:
    """One file's side of the engine; see `importers.context.Context`."""

    def __init__(self, path: Path, batch: ImportBatch, engine: Engine, *, told: bool) -> None:
        self.options = engine.options
        self._path, self._batch, self._engine = path, batch, engine
        self._told = told  # the file was imported before and is read again for its group
        self._pending: list[Reject] = []
        self._ids: dict[str, int] = {}
        self._skipped: dict[str, int] = {}
        self._notes: dict[str, None] = {}
        self.accepted = self.rejected = 0

    def reject(self, line: int, error: RefusedError, *, file: str = "") -> None:
        """Report a refusal."""
        if self._told:
            return
        name = f"{self._path.name}!{file}" if file else self._path.name
        value = error.value.replace("\0", "\\0")[:_SHOWN]
        self._pending.append(Reject(name[-240:], line, error.field[:64], error.reason[:160], value))
        self.rejected += 1
        if len(self._pending) >= _REJECTS:
            self.flush()

    def skip(self, rows: int, why: str) -> None:
        """Count rows that are left out though nothing is wrong with them."""
        self._skipped[why] = self._skipped.get(why, 0) + rows

    def note(self, text: str) -> None:
        """Keep a remark for the report and the person."""
        self._notes[text] = None

    def progress(self, done: int) -> None:
        """Pass on how far the file has been read."""
        self._engine.progress(self._path, done)

    def instrument(self, symbol: str, kind: str, *, currency: str = "USD") -> None:
        """Make the instrument when there is none."""
        services.ensure_instrument(symbol, kind=kind, currency=currency)

    def bars(self, symbol: str, rows: Iterable[RawBar], *, interval: int) -> None:
        """Store bars of `interval` seconds."""
        pk, source = Instrument.objects.get(symbol=symbol).pk, self._engine.importer.name
        written = bars.write_bars(
            bars.BarRow(
                pk, row.price, interval, from_ns(row.time), from_ns(row.known_at),
                row.open, row.high, row.low, row.close, row.volume, source,
            )
            for row in rows
        )  # fmt: skip
        if written.stored < written.given:
            self.note(f"{written.given - written.stored} bars were stored already")

    def snapshots(self, stream: Iterable[SnapshotData]) -> None:
        """Store snapshots, merged with what is there for the same instants."""
        store.write_snapshots(stream)

    def accept(self, rows: int) -> None:
        """Count rows of the file that are stored now."""
        if not self._told:
            self.accepted += rows

    def trades(self, rows: Iterable[RawTrade]) -> None:
        """Store recorded trading; a row that is there already stays."""
        stream = iter(rows)
        while batch := list(islice(stream, _TRADES)):
            TradeRecord.objects.bulk_create(
                [self._record(row) for row in batch], ignore_conflicts=True
            )

    def _record(self, row: RawTrade) -> TradeRecord:
        values = row._asdict()
        key = hashlib.sha256(values.pop("identity").encode()).hexdigest()
        return TradeRecord(batch=self._batch, book=self._path.name[:80], key=key, **values)

    def underlying_bars(
        self, symbol: str, day: dt.date, price: str
    ) -> Mapping[int, tuple[float, float, float, float, float]]:
        """Return the stored minute bars of a New York day by their end."""
        start = midnight_ns(day)
        found = bars.read_bars(
            symbol, interval=60, price=price, start=from_ns(start), end=from_ns(start + _DAY)
        )
        columns = (found.open, found.high, found.low, found.close, found.volume)
        values = zip(*(column.tolist() for column in columns), strict=True)
        return dict(zip(found.times.tolist(), values, strict=True))

    def flush(self) -> None:
        """Put waiting refusals on record."""
        self._engine.rejects.write(self._pending)
        ImportReject.objects.bulk_create(
            ImportReject(batch=self._batch, **row._asdict()) for row in self._pending
        )
        self._pending = []

    def close(self, error: str = "") -> None:
        """Put the file's result on record and add it to the run's."""
        self.flush()
        if self._told:
            return
        batch, outcome = self._batch, self._engine.outcome
        batch.state = ImportBatch.State.FAILED if error else ImportBatch.State.DONE
        batch.accepted, batch.rejected = self.accepted, self.rejected
        batch.report = {"skipped": self._skipped, "notes": list(self._notes), "error": error}
        batch.finished_at = timezone.now()
        batch.save()
        outcome.accepted += self.accepted
        outcome.rejected += self.rejected
        outcome.skipped += sum(self._skipped.values())
        outcome.failed += bool(error)
        self._engine.say(self._line(error))

    def _line(self, error: str) -> str:
        if error:
            return f"{self._path.name}: FAILED, {error}"
        parts = [f"{self._path.name}: {self.accepted} rows accepted, {self.rejected} refused"]
        parts += [f"{count} left out ({why})" for why, count in self._skipped.items()]
        return "; ".join([*parts, *self._notes])


@dataclass
class Engine:
    """One run of `import_market`."""

    importer: Importer
    options: Options
    rejects: RejectFile
    say: Callable[[str], None]
    progress: Callable[[Path, int], None]
    force: bool = False

    def __post_init__(self) -> None:
        self.outcome = Outcome()

    def run(self, paths: Iterable[Path]) -> Outcome:
        """Import every file; nothing but an interrupt ends the run early."""
        for group in self.importer.jobs(list(self._files(paths))):
            self._run_group(group)
        return self.outcome

    def _files(self, paths: Iterable[Path]) -> Iterator[Path]:
        """Yield the files named, and of a folder those that end like the format's, sorted."""
        for path in paths:
            if path.is_dir():
                inside = (p for p in path.rglob("*") if p.name.endswith(self.importer.suffixes))
                yield from sorted(p.resolve() for p in inside if p.is_file())
            elif path.is_file():
                yield path.resolve()
            else:
                self.outcome.failed += 1
                self.say(f"{path}: there is no such file")

    def _run_group(self, group: list[Path]) -> None:
        contexts: dict[Path, FileContext] = {}
        fresh = False
        for path in group:
            self.outcome.files += 1
            batch, told = self._batch(path)
            fresh = fresh or not told
            if batch is not None:
                contexts[path] = FileContext(path, batch, self, told=told)
        error = ""
        if fresh and contexts:
            error = self._read([path for path in group if path in contexts], contexts)
        for context in contexts.values():
            context.close(error)

    def _read(self, group: list[Path], contexts: Mapping[Path, FileContext]) -> str:
        """Read a group; return what went wrong in our own house, for the file it is at."""
        try:
            self.importer.run(group, contexts)
        except Exception as error:  # the log has the traceback, the person a line
            log.exception("import_failed", files=[path.name for path in group])
            return f"{type(error).__name__}: {error}"[:_SHOWN]
        return ""

    def _batch(self, path: Path) -> tuple[ImportBatch | None, bool]:
        """Return the file's batch, and whether it was imported before; None: do not read it."""
        digest, size = _digest(path)
        subject = " ".join([self.importer.subject(path), *self.options.spoken()])[-160:]
        same = ImportBatch.objects.filter(
            format=self.importer.name,
            sha256=digest,
            state=ImportBatch.State.DONE,
            accepted__gt=0,
        )
        done = same.filter(name=subject).first()
        if done is not None and not self.force:
            self.outcome.repeated += 1
            self.outcome.rejected_before += done.rejected
            self.say(f"{path.name}: imported before ({done.accepted} accepted, "
                     f"{done.rejected} refused)")  # fmt: skip
            return done, True
        batch = ImportBatch.objects.create(
            format=self.importer.name, name=subject, sha256=digest, bytes=size
        )
        other = same.exclude(name=subject).first()
        if other is not None and self.importer.dated:
            context = FileContext(path, batch, self, told=False)
            reason = "has the same bytes as a file of another date: a stale copy"
            context.reject(0, RefusedError("file", reason, other.name))
            context.close()
            return None, False
        return batch, False


def _digest(path: Path) -> tuple[str, int]:
    sha, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
            size += len(chunk)
    return sha.hexdigest(), size


def reject_path(folder: Path, name: str) -> Path:
    """Return where this run's rejects report goes."""
    stamp = timezone.now()
    return folder / "rejects" / f"{stamp:%Y%m%d-%H%M%S}-{to_ns(stamp) % 10**9:09d}-{name}.csv"
