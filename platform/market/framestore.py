"""Frame rows in the database: written once, read back as arrays of observations."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from market.clock import from_ns, to_ns
from market.frames import ByteArray, FloatArray, IntArray, Kind, Missing
from market.models import FeedRun, FrameRow, FrameSchema


@dataclass(frozen=True, slots=True)
class Observed:
    """One row before it is stored: values by column, NaN with a reason where missing.

    `time` is the market instant at which the row was known, ns UTC.
    """

    kind: Kind
    session_date: dt.date
    time: int
    values: Mapping[str, float]
    reasons: Mapping[str, Missing]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Stored observations of T rows, in order of time.

    Attributes
    ----------
    time : (T,) int64
        ns UTC.
    ids : tuple of int
        Of the stored rows.
    columns, reasons : mapping of (T,) float64 and (T,) uint8
    """

    time: IntArray
    ids: tuple[int, ...]
    columns: dict[str, FloatArray]
    reasons: dict[str, ByteArray]

    def __len__(self) -> int:
        return len(self.ids)

    def joined(self, later: Rows) -> Rows:
        """Return these rows and later ones; a column that either lacks is missing there."""
        return Rows(
            time=np.concatenate([self.time, later.time]),
            ids=self.ids + later.ids,
            columns=_joined(self, later, "columns", np.nan),
            reasons=_joined(self, later, "reasons", np.uint8(Missing.NO_COLUMN)),
        )

    def row(self, place: int) -> Rows:
        """Return one row alone."""
        at = slice(place, place + 1)
        return Rows(
            time=self.time[at],
            ids=self.ids[at],
            columns={name: values[at] for name, values in self.columns.items()},
            reasons={name: codes[at] for name, codes in self.reasons.items()},
        )


def _joined(first: Rows, later: Rows, part: str, absent: float | np.uint8) -> dict[str, Any]:
    one, two = getattr(first, part), getattr(later, part)
    return {
        name: np.concatenate(
            [
                one[name] if name in one else np.full(len(first), absent),
                two[name] if name in two else np.full(len(later), absent),
            ]
        )
        for name in dict.fromkeys((*one, *two))
    }


def schema_id(names: tuple[str, ...]) -> int:
    """Return the id of the stored list of column names, storing it the first time."""
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    found = _schema_ids.get(digest)
    if found is None:
        row, _ = FrameSchema.objects.get_or_create(digest=digest, defaults={"names": list(names)})
        found = _schema_ids[digest] = row.pk
    return found


_schema_ids: dict[str, int] = {}


@lru_cache(maxsize=64)
def _names(schema: int) -> tuple[str, ...]:
    return tuple(FrameSchema.objects.values_list("names", flat=True).get(pk=schema))


def forget_schemas() -> None:
    """Empty the caches, for a database that was made anew."""
    _schema_ids.clear()
    _names.cache_clear()


def write_rows(run: FeedRun, rows: list[Observed], *, snapshot: int | None = None) -> None:
    """Store rows of a run; one that has its place already is left as it is."""
    FrameRow.objects.bulk_create(
        [_stored(run, row, snapshot) for row in rows], ignore_conflicts=True, batch_size=500
    )


def _stored(run: FeedRun, row: Observed, snapshot: int | None) -> FrameRow:
    names = tuple(row.values)
    reasons = {name: int(code) for name, code in row.reasons.items() if code != Missing.OK}
    at = from_ns(row.time)
    return FrameRow(
        run=run,
        kind=row.kind.value,
        symbol=run.symbol,
        session_date=row.session_date,
        time=at,
        known_at=at,
        schema_id=schema_id(names),
        values=[float(value) for value in row.values.values()],
        reasons=reasons,
        snapshot_id=snapshot,
    )


def read_rows(
    run: int,
    kind: Kind,
    *,
    session_date: dt.date | None = None,
    after: dt.datetime | None = None,
    through: dt.datetime | None = None,
    newest: int | None = None,
) -> Rows:
    """Return the rows of a run in order of time.

    Parameters
    ----------
    session_date
        Only this session's.
    after
        Only later rows.
    through
        Only rows known then.
    newest
        At most so many, the newest ones.
    """
    query = FrameRow.objects.filter(run_id=run, kind=kind.value)
    if session_date is not None:
        query = query.filter(session_date=session_date)
    if after is not None:
        query = query.filter(time__gt=after)
    if through is not None:
        query = query.filter(known_at__lte=through)
    query = query.order_by("-time")[:newest]
    found = list(query.values_list("time", "id", "schema_id", "values", "reasons"))[::-1]
    return _arrays(found)


def _arrays(
    found: list[tuple[dt.datetime, int, int, list[float], dict[str, int]]],
) -> Rows:
    names = list(dict.fromkeys(name for row in found for name in _names(row[2])))
    place = {name: column for column, name in enumerate(names)}
    values = np.full((len(names), len(found)), np.nan)
    codes = np.full((len(names), len(found)), np.uint8(Missing.NO_COLUMN))
    for at, (_, _, schema, given, reasons) in enumerate(found):
        columns = [place[name] for name in _names(schema)]
        values[columns, at] = given
        codes[columns, at] = Missing.OK
        for name, code in reasons.items():
            codes[place[name], at] = code
    return Rows(
        time=np.array([to_ns(row[0]) for row in found], dtype=np.int64),
        ids=tuple(row[1] for row in found),
        columns={name: values[column] for name, column in place.items()},
        reasons={name: codes[column] for name, column in place.items()},
    )
