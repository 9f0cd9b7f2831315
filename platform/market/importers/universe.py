"""LEAN universe files: the chain of one day with prices, volume, open interest, vendor Greeks.

The file's name is its date; it is taken as known at that session's close. The rows' closing
prices are trades or quote middles, the vendor does not say which, so they are `last` and never a
bid or an ask. The first row, without an expiry, is the underlying; in some files it is missing,
in others it is a bar of another minute or day, so the chain's own parity decides.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path

from market import calendars, occ
from market.importers import fields
from market.importers.context import Context, RefusedError
from market.importers.parity import checked_spot
from market.importers.tables import (
    GREEKS,
    VENDOR,
    Named,
    Sheet,
    Table,
    contract_of,
    named_rows,
    vendor,
    zero_is_missing,
)

_NEEDS = ("expiry", "strike", "right", "close", "volume", "open_interest")
_COLUMNS = ("last", "volume", "open_interest", *VENDOR)


class LeanUniverse(Table):
    """Importer of LEAN universe files."""

    name = "lean-universe"
    help = "QuantConnect LEAN universe CSV: one chain a day with open interest"
    dated = True

    def subject(self, path: Path) -> str:
        """Return the folders that say market and symbol, and the name that says the date."""
        return "/".join(path.resolve().parts[-4:])

    def read(self, path: Path, context: Context) -> None:
        """Read one day's chain."""
        match = re.fullmatch(r"(\d{8})\.csv", path.name, re.ASCII)
        if match is None:
            raise RefusedError("file", "is not named by its date", path.name)
        session = _session(fields.date(match[1], "file"))
        root = path.resolve().parent.name.upper()
        if re.fullmatch(r"\d{6}", root):  # futures options: symbol/contract month/date.csv
            root = path.resolve().parent.parent.name.upper()
        sheet, spot, rows = Sheet(_COLUMNS), math.nan, 0
        for row in named_rows(path, context, needs=_NEEDS):
            try:
                if row["expiry"].strip():
                    _contract(sheet, row, root, session)
                else:
                    spot = fields.positive(row["close"], "close")
            except RefusedError as error:
                context.reject(row.line, error)
            else:
                rows += 1
        if not len(sheet):
            raise RefusedError("file", "has no contract that can be used")
        rule, at = occ.rule(root), session.close_ns
        context.instrument(rule.underlying, _kind(path, rule))
        data = sheet.snapshot(rule.underlying, self.name, time=at, known_at=at, last=spot)
        data, remark = checked_spot(data)
        if remark:
            context.note(remark)
        elif math.isnan(data.spot):
            context.note("no price of the underlying, and too few pairs to imply one")
        context.snapshots([data])
        context.accept(rows)


def _kind(path: Path, rule: occ.RootRule) -> str:
    if "futureoption" in (part.lower() for part in path.resolve().parts):
        return "future"
    return "index" if rule.index else "equity"


def _session(day: dt.date) -> calendars.Session:
    found = calendars.session(day)
    if found is None:
        raise RefusedError("file", "is dated on a day without a session", day)
    return found


def _contract(sheet: Sheet, row: Named, root: str, session: calendars.Session) -> None:
    expiry = fields.date(row["expiry"], "expiry")
    if calendars.settlement(root, expiry) < session.open:
        raise RefusedError("expiry", "is before the file's date", expiry)
    strike = fields.positive(row["strike"], "strike")
    values = {
        "last": zero_is_missing(fields.not_negative(row["close"], "close")),
        "volume": fields.optional(row["volume"], "volume"),
        "open_interest": fields.optional(row["open_interest"], "open_interest"),
        **vendor(row.get("implied_volatility"), **{name: row.get(name) for name in GREEKS}),
    }
    sheet.add(contract_of(root, expiry, fields.right(row["right"]), strike), **values)
