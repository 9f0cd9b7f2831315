"""Greeks of the contracts of a request: the answer in the shape of the question."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from market.contracts import (
    Computed,
    Contracts,
    TableError,
    compute,
    known_columns,
    read,
)
from quant import american, fields
from quant.status import Status

MOST = 10_000
MOST_EFFORT = 2_000
"""Contracts of one request; early exercise takes a millisecond each, and 200 times that where
rate and yield are below zero so that it pays between two boundaries."""
OPTIONS = ("contracts", "defaults", "names", "units", "at")


def greeks_body(body: bytes, now: dt.datetime) -> bytes:
    """Return the JSON answer to a JSON request.

    `contracts` is a list of objects, or an object of equally long lists; `defaults` holds what
    is the same for all; `names` chooses fields; `units` is "quoted" or "raw"; `at` the instant
    at which time is measured.

    Raises
    ------
    TableError
        Naming the part of the request that cannot be read.
    """
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise TableError("body", f"is not JSON: {error}") from None
    if not isinstance(asked, dict):
        raise TableError("body", "is not an object with the field contracts")
    unknown = sorted(set(asked) - set(OPTIONS))
    if unknown:
        raise TableError(unknown[0], f"is not known; give {', '.join(OPTIONS)}")
    columns, in_rows = _columns(asked.get("contracts"))
    defaults = asked.get("defaults") or {}
    if not isinstance(defaults, dict):
        raise TableError("defaults", "is not an object")
    names, raw = _names(asked.get("names")), _raw(asked.get("units"))
    if asked.get("at") is not None:
        defaults = {"at": asked["at"]} | defaults
    size = len(next(iter(columns.values()), ()))
    if size > MOST:
        raise TableError("contracts", f"are {size}; give at most {MOST} a call")
    same = dict(zip(known_columns(list(defaults)), defaults.values(), strict=True))
    given = read(_filled(columns, same, size), now)
    effort = _effort(given)
    if effort > MOST_EFFORT:
        raise TableError("style", f"american contracts take {effort:.0f} ms; ask for fewer a call")
    done = compute(given, names, raw=raw)
    answer = {
        "units": {name: _unit(name, raw) for name in names} | {"iv": "per sqrt(year)"},
        "count": len(given),
        "errors": [error._asdict() for error in given.errors],
        "contracts": _rows(done, given) if in_rows else _table(done, given),
    }
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _columns(given: Any) -> tuple[dict[str, Sequence[Any]], bool]:
    """Return columns by their own names, and whether they came as rows."""
    if isinstance(given, dict):
        if not all(isinstance(values, list) for values in given.values()):
            raise TableError("contracts", "is an object with a field that is not a list")
        return dict(zip(known_columns(list(given)), given.values(), strict=True)), False
    if not isinstance(given, list) or not set(map(type, given)) <= {dict}:
        raise TableError("contracts", "is neither a list of objects nor an object of lists")
    names = list(dict.fromkeys(name for row in given for name in row))
    own = known_columns(names)
    return {
        column: [row.get(name) for row in given] for name, column in zip(names, own, strict=True)
    }, True


def _filled(
    columns: dict[str, Sequence[Any]], same: Mapping[str, Any], size: int
) -> dict[str, Sequence[Any]]:
    """Return the columns with what is the same for all where a cell is missing."""
    filled = dict(columns)
    for name, value in same.items():
        own = columns.get(name)
        if own is None:
            filled[name] = [value] * size
        else:
            filled[name] = [value if cell in (None, "") else cell for cell in own]
    return filled


def _effort(given: Contracts) -> float:
    """Return what early exercise costs in all, in times of one contract."""
    rows = given.american & np.isfinite(given.spot)
    if not rows.any():
        return 0.0
    each = american.effort(given.years[rows], given.rate[rows], given.carry[rows],
                           given.is_call[rows])  # fmt: skip
    return float(each.sum())


def _names(asked: Any) -> list[str]:
    if asked is None:
        return list(fields.FIELDS)
    if not isinstance(asked, list) or not asked:
        raise TableError("names", "is not a list of fields")
    for name in asked:
        if name not in fields.FIELDS:
            raise TableError(
                "names", f"{name!r} is no field; choose from {', '.join(fields.FIELDS)}"
            )
    return list(dict.fromkeys(asked))


def _raw(asked: Any) -> bool:
    if asked not in (None, "quoted", "raw"):
        raise TableError("units", f"is {asked!r}; give quoted or raw")
    return bool(asked == "raw")


def _unit(name: str, raw: bool) -> str:
    quote = fields.QUOTES[name]
    return quote.raw if raw else quote.unit


def _table(done: Computed, given: Contracts) -> Mapping[str, Any]:
    words = [Status(code).name.lower() for code in range(len(Status))]
    return {
        **done.values,
        "iv": done.iv,
        "years": given.years,
        "status": [words[code] for code in done.status.tolist()],
    }


def _rows(done: Computed, given: Contracts) -> list[dict[str, Any]]:
    table = _table(done, given)
    names = list(table)
    cells = (values if isinstance(values, list) else values.tolist() for values in table.values())
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
