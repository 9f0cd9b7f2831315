"""Tables of implied volatilities by expiry and strike (bid and ask vols, forward per expiry).

They are no quotes: the snapshot has the columns `iv_bid`, `iv_ask` and `forward`, and the call's
middle as `last`. The table does not name roots; SPX is read as SPXW, settled at the close.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path

from market import calendars, occ
from market.importers import fields
from market.importers.context import Context, RefusedError
from market.importers.tables import Named, Sheet, Table, contract_of, named_rows

_NEEDS = ("expiry", "texp", "strike", "bid", "ask", "fwd")
_COLUMNS = ("iv_bid", "iv_ask", "forward", "last")
_NAME = re.compile(r"([a-z]+)_ivols_(\d{4}-\d{2}-\d{2})\.csv(?:\.gz)?", re.ASCII | re.IGNORECASE)
_ROOTS = {"SPX": "SPXW"}


class Ivols(Table):
    """Importer of implied-volatility tables."""

    name = "ivols"
    help = "implied-volatility tables named SYMBOL_ivols_DATE.csv[.gz]"
    dated = True

    def read(self, path: Path, context: Context) -> None:
        """Read one evening's table."""
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise RefusedError("file", "is not named SYMBOL_ivols_DATE.csv", path.name)
        symbol, day = match[1].upper(), fields.date(match[2], "file")
        session = calendars.session(day)
        if session is None:
            raise RefusedError("file", "is dated on a day without a session", day)
        root, sheet, forwards = _ROOTS.get(symbol, symbol), Sheet(_COLUMNS), {}
        rows = 0
        for row in named_rows(path, context, needs=_NEEDS):
            try:
                expiry, forward = _row(sheet, row, root, day)
            except RefusedError as error:
                context.reject(row.line, error)
                continue
            forwards[expiry] = forward
            rows += 1
        if not rows:
            raise RefusedError("file", "has no row that can be used")
        context.instrument(symbol, "index" if occ.rule(root).index else "equity")
        nearest = forwards[min(forwards)]
        context.note("the nearest forward stands for the price of the underlying")
        at = session.close_ns
        context.snapshots([
            sheet.snapshot(symbol, self.name, time=at, known_at=at, last=nearest,
                           scalars={"forward_spot": 1.0})
        ])  # fmt: skip
        context.accept(rows)


def _row(sheet: Sheet, row: Named, root: str, day: dt.date) -> tuple[dt.date, float]:
    expiry = fields.date(row["expiry"], "expiry")
    years = fields.positive(row["texp"], "texp")
    if abs(years * 365.25 - (expiry - day).days) > 1:
        raise RefusedError("texp", "does not agree with the expiry", row["texp"])
    strike = fields.positive(row["strike"], "strike")
    bid, ask = fields.optional(row["bid"], "bid"), fields.optional(row["ask"], "ask")
    fields.quote(bid, ask)
    if math.isnan(bid) and math.isnan(ask):
        raise RefusedError("bid", "neither a bid nor an ask volatility")
    forward = fields.positive(row["fwd"], "fwd")
    values = {"iv_bid": bid, "iv_ask": ask, "forward": forward}
    values["last"] = fields.optional(row.get("callmid"), "callmid")
    sheet.add(contract_of(root, expiry, True, strike), **values)
    return expiry, forward
