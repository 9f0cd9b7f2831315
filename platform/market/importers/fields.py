"""Strict parsing of single fields. Each function returns a value or raises RefusedError."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from market.clock import NEW_YORK, to_ns
from market.importers.context import RefusedError

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_LIMIT: Final = 1e15
MILLISECONDS_A_DAY: Final = 86_400_000


def number(text: str, name: str) -> float:
    """Return a finite float; thousands separators are understood."""
    plain = text.strip()
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        raise RefusedError(name, "is not a finite number", text)
    value = float(plain)
    if not math.isfinite(value) or abs(value) > _LIMIT:
        raise RefusedError(name, "is out of range", text)
    return value


def positive(text: str, name: str) -> float:
    """Return a finite float above zero."""
    value = number(text, name)
    if value <= 0:
        raise RefusedError(name, "is not above zero", text)
    return value


def not_negative(text: str, name: str) -> float:
    """Return a finite float of zero or more."""
    value = number(text, name)
    if value < 0:
        raise RefusedError(name, "is negative", text)
    return value


def optional(text: str, name: str) -> float:
    """Return a finite float of zero or more, NaN when the field is empty."""
    return not_negative(text, name) if text.strip() else math.nan


def decimal(text: str, name: str) -> Decimal:
    """Return an exact finite decimal."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation as error:
        raise RefusedError(name, "is not a number", text) from error
    if not value.is_finite() or abs(value) > Decimal(_LIMIT):
        raise RefusedError(name, "is not a finite number in range", text)
    return value


def date(text: str, name: str) -> dt.date:
    """Return a date written 2018-01-05, 20180105 or 1/5/2018 (month first)."""
    plain = text.strip()
    try:
        if re.fullmatch(r"\d{8}|\d{4}-\d{2}-\d{2}", plain, re.ASCII):
            return dt.date.fromisoformat(plain)
        if match := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", plain, re.ASCII):
            return dt.date(int(match[3]), int(match[1]), int(match[2]))
    except ValueError as error:
        raise RefusedError(name, "is not a date that exists", text) from error
    raise RefusedError(name, "is not a date", text)


def instant(text: str, name: str, zone: dt.tzinfo = NEW_YORK) -> int:
    """Return an ISO 8601 instant, ns UTC; without an offset it is read in `zone`."""
    plain = text.strip()
    try:
        at = dt.datetime.fromisoformat(plain)
    except ValueError as error:
        raise RefusedError(name, "is not a date and time", text) from error
    if len(plain) <= 10:
        raise RefusedError(name, "has no time of day", text)
    return to_ns(at if at.tzinfo else at.replace(tzinfo=zone))


def milliseconds(text: str, name: str = "time") -> int:
    """Return milliseconds since midnight."""
    value = number(text, name)
    if not value.is_integer() or not 0 <= value < MILLISECONDS_A_DAY:
        raise RefusedError(name, "is not a time of the day in milliseconds", text)
    return int(value)


def right(text: str, name: str = "right") -> bool:
    """Return whether the option is a call."""
    known = {"c": True, "call": True, "p": False, "put": False}
    found = known.get(text.strip().lower())
    if found is None:
        raise RefusedError(name, "is neither call nor put", text)
    return found


def quote(bid: float, ask: float) -> None:
    """Refuse a crossed quote; a side that is NaN is no quote."""
    if bid > ask:
        raise RefusedError("bid", "is above the ask (crossed quote)", f"{bid} > {ask}")


def bar(opened: float, high: float, low: float, close: float, *, of: str = "") -> None:
    """Refuse a bar whose high or low does not enclose the other prices."""
    if high < max(opened, close, low):
        raise RefusedError(f"{of}high", "is below another price of the bar", high)
    if low > min(opened, close):
        raise RefusedError(f"{of}low", "is above another price of the bar", low)


def width(row: Sequence[str], expected: int) -> None:
    """Refuse a row that has not the expected number of fields."""
    if len(row) < expected:
        raise RefusedError("row", f"has {len(row)} fields instead of {expected}", ",".join(row))
    if len(row) > expected:
        raise RefusedError("row", f"has {len(row)} fields, {expected} expected", ",".join(row))
