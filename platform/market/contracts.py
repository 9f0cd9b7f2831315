"""Greeks of contracts that somebody gives as a table: read strictly, computed together.

A column may go by the field's long name or by its letter in the formulas. A row that cannot be
read is named with its field and the remedy; the others are computed all the same.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from market import calendars, occ
from market.clock import NEW_YORK, to_ns
from quant import american, bsm
from quant.arrays import BoolArray, ByteArray, FloatArray
from quant.chain import NANOSECONDS_PER_YEAR
from quant.implied_vol import implied_vol
from quant.status import Status

ALIASES: Final[Mapping[str, str]] = {
    "S": "spot", "K": "strike", "T": "years", "r": "rate", "q": "yield", "sigma": "iv",
    "is_call": "right", "dividend_yield": "yield", "vol": "iv", "type": "right",
}  # fmt: skip
COLUMNS: Final[Mapping[str, str]] = {
    "spot": "price of the underlying, $",
    "strike": "$",
    "right": "call or put",
    "expiry": "date, or instant with its offset, of settlement",
    "years": "time to settlement in years of 365 days, instead of expiry",
    "iv": "volatility per square root of a year, 0.20 for 20 %",
    "price": "of the option, $, instead of iv",
    "rate": "continuously compounded, per year; 0 when left out",
    "yield": "dividends and borrow, continuously compounded, per year; 0 when left out",
    "style": "european or american; that of the root, else european, when left out",
    "occ": "OCC symbol, instead of right, strike and expiry",
    "root": "option root, which says when an expiry date settles",
    "at": "instant at which time is measured; now when left out",
}
_RIGHTS = {"c": True, "call": True, "p": False, "put": False, True: True, False: False}
_STYLES = {"european": False, "american": True}


class RowError(NamedTuple):
    """Why a row is not computed; `row` counts from 0."""

    row: int
    field: str
    message: str


class TableError(ValueError):
    """The table as a whole cannot be read; says which part and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


@dataclass(eq=False)
class Contracts:
    """A table's contracts as arrays of n; rows with an error hold NaN."""

    spot: FloatArray
    strike: FloatArray
    years: FloatArray
    rate: FloatArray
    carry: FloatArray
    iv: FloatArray
    price: FloatArray
    is_call: BoolArray
    american: BoolArray
    errors: list[RowError] = field(default_factory=list)

    def __len__(self) -> int:
        return int(self.spot.size)


def known_columns(names: Sequence[str]) -> list[str]:
    """Return the columns' own names.

    Raises
    ------
    TableError
        For a column that is not known, or given twice.
    """
    out: list[str] = []
    for name in names:
        plain = name.strip()
        spelled = plain.lower().replace(" ", "_")
        own = ALIASES.get(plain) or ALIASES.get(spelled, spelled)
        if own not in COLUMNS:
            raise TableError(plain or "header", f"is no column; choose from {', '.join(COLUMNS)}")
        if own in out:
            raise TableError(plain, f"gives {own} twice")
        out.append(own)
    return out


def read(columns: Mapping[str, Sequence[Any]], now: dt.datetime) -> Contracts:
    """Read a table of equally long columns by their own names.

    Parameters
    ----------
    columns
        Values as they came: numbers, or their text. None and "" are missing.
    now
        For time to settlement where no `at` is given.

    Raises
    ------
    TableError
        When the columns cannot make contracts at all.
    """
    size = _size(columns)
    reader = _Reader(columns, size)
    need(list(columns))
    reader.refuse_nested()
    given = _from_symbols(reader) if "occ" in columns else {}
    spot, strike = reader.positive("spot"), given.get("strike", None)
    strike = reader.positive("strike") if strike is None else strike
    is_call = given["right"] if "right" in given else reader.chosen("right", _RIGHTS)
    rules = given.get("rules") or _rules(reader)
    years = reader.number("years") if "years" in columns else np.full(size, np.nan)
    if "expiry" in columns or "occ" in columns:
        dated = _years(reader, given.get("expiry"), rules, now)
        years = np.where(np.isnan(years), dated, years)
    rate, carry = reader.number("rate", missing=0.0), reader.number("yield", missing=0.0)
    iv, price = reader.not_negative("iv"), reader.not_negative("price")
    reader.refuse(np.isnan(iv) & np.isnan(price), "iv", "is missing; give iv or price")
    reader.refuse(np.isnan(years), "expiry", "is missing; give expiry or years")
    style = reader.chosen("style", _STYLES, missing=None)
    rooted = np.array([rule is not None and rule.american for rule in rules], dtype=np.bool_)
    exercise = np.where(reader.told("style"), style, rooted)
    for row in {error.row for error in reader.errors}:
        for values in (spot, strike, years, rate, carry, iv, price):
            values[row] = np.nan
    errors = sorted(reader.errors)
    return Contracts(spot, strike, years, rate, carry, iv, price, is_call, exercise, errors)


class Computed(NamedTuple):
    """Fields asked for by name, NaN where not known; `iv`; a `Status` byte per contract."""

    values: dict[str, FloatArray]
    iv: FloatArray
    status: ByteArray


def compute(given: Contracts, names: Sequence[str], *, raw: bool) -> Computed:
    """Return price and Greeks, implied volatilities first where a price was given."""
    iv, status = given.iv.copy(), np.zeros(len(given), dtype=np.uint8)
    values = {name: np.full(len(given), np.nan) for name in names}
    with np.errstate(invalid="ignore"):
        priced = np.isnan(iv) & np.isfinite(given.price)
    for early, pick in ((False, ~given.american), (True, given.american)):
        invert: Callable[..., Any] = american.implied_vol if early else implied_vol
        value: Callable[..., bsm.Greeks] = american.greeks if early else bsm.greeks
        asked = np.flatnonzero(priced & pick)
        if asked.size:
            found = invert(given.price[asked], *_terms(given, asked), given.is_call[asked])
            iv[asked], status[asked] = found.iv, found.status
        own = np.flatnonzero(pick)
        if own.size:
            done = value(*_terms(given, own), iv[own], given.is_call[own], names=names)
            shown = done if raw else done.quoted()
            for name in names:
                values[name][own] = shown.values[name]
            status[own] = np.where(status[own] == Status.OK, done.status, status[own])
    return Computed(values, iv, status)


def _terms(given: Contracts, rows: np.ndarray[Any, Any]) -> tuple[FloatArray, ...]:
    every = (given.spot, given.strike, given.years, given.rate, given.carry)
    return tuple(column[rows] for column in every)


def _size(columns: Mapping[str, Sequence[Any]]) -> int:
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        raise TableError("columns", f"are not equally long: {sizes}")
    size = next(iter(sizes.values()), 0)
    if not size:
        raise TableError("contracts", "are none")
    return size


def need(columns: Sequence[str]) -> None:
    """Raise TableError unless the columns say what every contract needs."""
    if "spot" not in columns:
        raise TableError("spot", "is missing: give a column of it")
    if "occ" not in columns:
        for name in ("strike", "right"):
            if name not in columns:
                raise TableError(name, "is missing: give a column of it, or of occ")
        if not {"expiry", "years"} & set(columns):
            raise TableError("expiry", "is missing: give a column of it, of years, or of occ")
    if not {"iv", "price"} & set(columns):
        raise TableError("iv", "is missing: give a column of it, or of price")


class _Reader:
    """Reads columns, and keeps why rows cannot be read. The first reason of a row stands."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], size: int) -> None:
        self.columns, self.size = columns, size
        self.errors: list[RowError] = []
        self._bad: set[int] = set()

    def refuse(self, rows: BoolArray, name: str, message: str) -> None:
        """Refuse the rows of a mask."""
        for row in np.flatnonzero(rows).tolist():
            self.error(row, name, message)

    def is_refused(self, row: int) -> bool:
        """Return whether a row has an error already."""
        return row in self._bad

    def error(self, row: int, name: str, message: str) -> None:
        """Refuse one row."""
        if row not in self._bad:
            self._bad.add(row)
            self.errors.append(RowError(row, name, message))

    def refuse_nested(self) -> None:
        """Refuse rows with a list or an object where one value belongs, and take it out."""
        kinds = (dict, list, tuple)
        for name, values in self.columns.items():
            if set(kinds) & set(map(type, values)):
                nested = [isinstance(value, kinds) for value in values]
                self.refuse(np.array(nested), name, "is a list or an object; give one value")
                plain = [None if bad else v for bad, v in zip(nested, values, strict=True)]
                self.columns = {**self.columns, name: plain}

    def values(self, name: str) -> Sequence[Any]:
        """Return a column as it came."""
        return self.columns.get(name) or [None] * self.size

    def told(self, name: str) -> BoolArray:
        """Return where a column has a value."""
        return np.array([value not in (None, "") for value in self.values(name)], dtype=np.bool_)

    def number(self, name: str, missing: float = math.nan) -> FloatArray:
        """Return a column of finite numbers; `missing` where there is none."""
        values = self.columns.get(name)
        if values is None:
            return np.full(self.size, missing)
        # At once where every cell is a plain number or its text, else cell by cell.
        if set(map(type, values)) <= {float, int, str}:
            with contextlib.suppress(ValueError, OverflowError):
                out = np.array(values, dtype=np.float64)
                if np.isfinite(out).all():
                    return out
        return np.array([self._one(row, name, v, missing) for row, v in enumerate(values)])

    def _one(self, row: int, name: str, value: Any, missing: float) -> float:
        if value is None or (isinstance(value, str) and not value.strip()):
            return missing
        try:
            found = float(value)
        except (TypeError, ValueError, OverflowError):
            found = math.nan
        if not math.isfinite(found) or isinstance(value, bool):
            self.error(row, name, f"{str(value)[:40]!r} is not a finite number")
            return math.nan
        return found

    def not_negative(self, name: str) -> FloatArray:
        """Return a column of numbers of at least 0, NaN where missing."""
        out = self.number(name)
        with np.errstate(invalid="ignore"):
            self.refuse(out < 0.0, name, "is below 0")
        return out

    def positive(self, name: str) -> FloatArray:
        """Return a column of numbers above 0; a missing one is an error."""
        out = self.number(name)
        with np.errstate(invalid="ignore"):
            self.refuse(out <= 0.0, name, "is not above 0")
        self.refuse(np.isnan(out), name, "is missing")
        return out

    def chosen(
        self, name: str, known: Mapping[Any, bool], missing: str | None = "is missing"
    ) -> BoolArray:
        """Return a column of one of two words."""
        out = np.zeros(self.size, dtype=np.bool_)
        if name not in self.columns and missing is None:
            return out
        # At once where every cell is a word that is known, else cell by cell.
        given = self.values(name)
        if set(map(type, given)) <= {str}:
            meant = {word: known.get(word.strip().lower()) for word in set(given)}
            if None not in meant.values():
                return np.array([meant[word] for word in given], dtype=np.bool_)
        for row, value in enumerate(self.values(name)):
            key = value.strip().lower() if isinstance(value, str) else value
            found = known.get(key) if isinstance(key, (str, bool)) else None
            if found is not None:
                out[row] = found
            elif key in (None, ""):
                if missing is not None:
                    self.error(row, name, missing)
            else:
                words = " nor ".join(
                    word for word in known if isinstance(word, str) and len(word) > 1
                )
                self.error(row, name, f"{str(value)[:40]!r} is neither {words}")
        return out


def _from_symbols(reader: _Reader) -> dict[str, Any]:
    """Return strike, right, expiry and rule of each OCC symbol."""
    strike, right = np.full(reader.size, np.nan), np.zeros(reader.size, dtype=np.bool_)
    expiry: list[Any] = [None] * reader.size
    rules: list[occ.RootRule | None] = [None] * reader.size
    for row, value in enumerate(reader.values("occ")):
        try:
            found = occ.parse(str(value).strip())
        except occ.OccError as error:
            reader.error(row, "occ", str(error))
            continue
        strike[row], right[row] = found.strike_thousandths / 1000.0, found.right == "C"
        expiry[row], rules[row] = (found.root, found.expiry), occ.rule(found.root)
    return {"strike": strike, "right": right, "expiry": expiry, "rules": rules}


def _rules(reader: _Reader) -> list[occ.RootRule | None]:
    if "root" not in reader.columns:
        return [None] * reader.size
    names = [str(value or "").strip().upper() for value in reader.values("root")]
    known = {name: occ.is_root(name) for name in set(names) if name}
    for row, name in enumerate(names):
        if not known.get(name, True):
            reader.error(row, "root", f"{name[:40]!r} is no option root")
    return [occ.rule(name) if known.get(name) else None for name in names]


def _years(
    reader: _Reader,
    contracts: Sequence[tuple[str, dt.date] | None] | None,
    rules: Sequence[occ.RootRule | None],
    now: dt.datetime,
) -> FloatArray:
    """Return years to settlement, NaN where no expiry is given or it cannot be read."""
    known: dict[Any, int] = {}
    instants: dict[str, int] = {}
    out = np.full(reader.size, np.nan)
    roots = reader.values("root")
    for row, (text, at) in enumerate(
        zip(contracts or reader.values("expiry"), reader.values("at"), strict=True)
    ):
        if text in (None, "") or reader.is_refused(row):
            continue
        key = (text if isinstance(text, tuple) else str(text), str(roots[row] or ""))
        since = "" if at is None else str(at)
        try:
            if key not in known:
                known[key] = _settles(*key)
            if since not in instants:
                instants[since] = _instant(since) if since else to_ns(now)
        except ValueError as error:
            reader.error(row, "at" if key in known else "expiry", str(error))
            continue
        out[row] = (known[key] - instants[since]) / NANOSECONDS_PER_YEAR
    return out


def _settles(text: Any, root: str) -> int:
    """Return the settlement instant of a contract's date, of a date, or of an instant; ns UTC."""
    if isinstance(text, tuple):
        return to_ns(calendars.settlement(*text))
    plain = str(text).strip()
    try:
        day = dt.date.fromisoformat(plain)
    except ValueError:
        return _instant(plain)
    try:
        return to_ns(calendars.settlement(root.strip().upper(), day))
    except (LookupError, OverflowError) as error:
        raise ValueError(f"{plain} is outside the calendar") from error


def _instant(text: Any) -> int:
    """Return an ISO 8601 instant, ns UTC; without an offset it is New York's."""
    try:
        found = dt.datetime.fromisoformat(str(text).strip())
        return to_ns(found if found.tzinfo else found.replace(tzinfo=NEW_YORK))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{str(text)[:40]!r} is neither a date nor an instant") from error
