"""Market data over REST: shares under /v2, options under /v1beta1, coins under /v1beta3."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Callable
from typing import Any, Final

from sandbox.alpaca.clock import NEW_YORK, stamp
from sandbox.alpaca.errors import Refusal
from sandbox.alpaca.routes import chain, wanted
from sandbox.alpaca.venue import Venue

_ROOTS: Final = ("/v2/stocks/", "/v1beta1/options/", "/v1beta3/crypto/us/")
_MOST: Final = 1000
Shape = Callable[[Venue, str], dict[str, Any]]


def answer(venue: Venue, method: str, path: str, query: dict[str, str]) -> tuple[int, Any] | None:
    """Return status and body of a question for prices; None when it is none."""
    root = next((one for one in _ROOTS if path.startswith(one)), None)
    if root is None:
        return None
    if method != "GET":
        raise Refusal(405, 40510000, "method not allowed")
    what = path.removeprefix(root)
    symbols = [one for one in query.get("symbols", "").split(",") if one]
    if what.startswith("snapshots/"):
        return 200, _chain(venue, what.removeprefix("snapshots/"), query)
    shapes: dict[str, tuple[str, Shape]] = {
        "quotes/latest": ("quotes", quote), "latest/quotes": ("quotes", quote),
        "trades/latest": ("trades", trade), "latest/trades": ("trades", trade),
        "bars/latest": ("bars", bar), "latest/bars": ("bars", bar),
        "snapshots": ("snapshots", snapshot),
    }  # fmt: skip
    if what == "bars" and root == "/v2/stocks/" and query.get("timeframe") == "1Day":
        told = {one: days(venue, one, query) for one in symbols}
        return 200, {"bars": told, "next_page_token": None}
    if what not in shapes:
        raise Refusal(404, 40410000, "endpoint not found")
    name, shape = shapes[what]
    found = {one: shape(venue, one) for one in symbols}
    if root == "/v2/stocks/" and what == "snapshots":
        return 200, found
    return 200, {name: found, "next_page_token": None}


def _chain(venue: Venue, root: str, query: dict[str, str]) -> dict[str, Any]:
    """Return a page of the snapshots of a root's contracts."""
    names = sorted(one["symbol"] for one in chain(venue, root) if wanted(one, query))
    after = query.get("page_token", "")
    names = [one for one in names if one > after]
    limit = min(int(query.get("limit", 100)), _MOST)
    page = names[:limit]
    return {
        "snapshots": {one: snapshot(venue, one) for one in page},
        "next_page_token": page[-1] if len(names) > limit else None,
    }


def quote(venue: Venue, symbol: str) -> dict[str, Any]:
    """Return a quote as Alpaca shows it."""
    one = venue.prices.get(symbol)
    return {
        "t": stamp(one.at), "bp": float(one.bid), "bs": float(one.bid_size), "bx": "Q",
        "ap": float(one.ask), "as": float(one.ask_size), "ax": "Q", "c": [], "z": "C",
    }  # fmt: skip


def trade(venue: Venue, symbol: str) -> dict[str, Any]:
    """Return a trade at the middle as Alpaca shows it."""
    one = venue.prices.get(symbol)
    return {"t": stamp(one.at), "p": float(one.mid), "s": 1, "x": "Q", "i": 1, "c": [], "z": "C"}


def bar(venue: Venue, symbol: str) -> dict[str, Any]:
    """Return a minute without movement."""
    one = venue.prices.get(symbol)
    minute = one.at.replace(second=0, microsecond=0) - dt.timedelta(minutes=1)
    price = float(one.mid)
    return {"t": stamp(minute), "o": price, "h": price, "l": price, "c": price, "v": 100, "n": 1,
            "vw": price}  # fmt: skip


def days(venue: Venue, symbol: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """Return the daily bars of days asked for: a walk that a seed decides, back from the price."""
    first, last = (
        dt.datetime.fromisoformat(query[end].replace("Z", "+00:00")).date()
        for end in ("start", "end")
    )
    walk = random.Random(f"days {symbol}")
    close, found = float(venue.prices.get(symbol).mid), []
    day = venue.clock.local().date()
    while (day := day - dt.timedelta(days=1)) >= first:
        if venue.clock.session(day) is None:
            continue
        opened = close * math.exp(walk.gauss(0, 0.01))
        wide = 1 + abs(walk.gauss(0, 0.003))
        ends = (max(opened, close) * wide, min(opened, close) / wide)
        at = dt.datetime.combine(day, dt.time(), NEW_YORK)
        prices = (round(one, 2) for one in (opened, *ends, close))
        shown = dict(zip("ohlc", prices, strict=True))
        if day <= last:
            found.append({"t": stamp(at), **shown, "v": 1_000_000, "n": 9_000, "vw": shown["c"]})
        close = opened
    return found[::-1]


def snapshot(venue: Venue, symbol: str) -> dict[str, Any]:
    """Return quote, trade and bars of a symbol."""
    latest = bar(venue, symbol)
    return {
        "latestQuote": quote(venue, symbol), "latestTrade": trade(venue, symbol),
        "minuteBar": latest, "dailyBar": latest, "prevDailyBar": latest,
    }  # fmt: skip
