"""Alpaca's trading routes under /v2, on a venue."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from sandbox.alpaca.clock import NEW_YORK, stamp
from sandbox.alpaca.errors import Refusal, missing
from sandbox.alpaca.expiry import Expiries
from sandbox.alpaca.orders import Order
from sandbox.alpaca.symbols import asset_id, contract, exists, kind, text
from sandbox.alpaca.venue import Venue

Answer = tuple[int, Any]
Query = dict[str, str]
_MOST_ORDERS = 500
_MOST_ACTIVITIES = 100
_FLAGS = {"suspend_trade", "no_shorting", "fractional_trading"}


class Routes:
    """Answers requests by method and path. `stale` and `lost` are seconds, of faults in reading."""

    def __init__(self, venue: Venue, expiries: Expiries) -> None:
        self._venue = venue
        self._expiries = expiries
        self._options: dict[str, Any] = {
            "fractional_trading": True, "max_margin_multiplier": "4", "no_shorting": False,
            "suspend_trade": False, "trade_confirm_email": "all", "ptp_no_exception_entry": False,
            "max_options_trading_level": None,
        }  # fmt: skip
        self.stale = 0.0
        self.lost = 0.0
        self._fixed: dict[tuple[str, str], Callable[[Query, Any], Answer]] = {
            ("POST", "orders"): self._submit,
            ("GET", "orders"): self._orders,
            ("DELETE", "orders"): self._cancel_all,
            ("GET", "orders:by_client_order_id"): self._by_client,
            ("GET", "positions"): self._positions,
            ("DELETE", "positions"): self._close_all,
            ("GET", "account"): self._account,
            ("GET", "account/configurations"): lambda q, b: (200, self._options),
            ("PATCH", "account/configurations"): self._configure,
            ("GET", "account/activities"): lambda q, b: self._activities("", q),
            ("GET", "account/portfolio/history"): self._history,
            ("GET", "clock"): self._clock,
            ("GET", "calendar"): self._calendar,
            ("GET", "assets"): self._assets,
            ("GET", "options/contracts"): self._contracts,
        }

    def answer(self, method: str, path: str, query: Query, body: Any) -> Answer:
        """Return status and body of the answer, or raise Refusal."""
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed(query, body)
        place, _, name = path.partition("/")
        if place == "orders":
            return self._order(method, name, query, body)
        if place == "positions":
            return self._position(method, unquote(name), query)
        if method == "GET" and place == "assets":
            return 200, self._asset(unquote(name))
        if method == "GET" and path.startswith("options/contracts/"):
            return 200, _contract(name.removeprefix("contracts/"))
        if method == "GET" and path.startswith("account/activities/"):
            return self._activities(name.removeprefix("activities/"), query)
        raise missing("endpoint not found")

    # --- orders ---------------------------------------------------------------------------------
    def _submit(self, query: Query, body: Any) -> Answer:
        if not isinstance(body, dict):
            raise Refusal(400, 40010000, "request body format is invalid")
        return 200, self._venue.submit(body).shape()

    def _seen(self, order: Order) -> dict[str, Any] | None:
        """Return an order as it is to be read now; None while it is not."""
        history = (order.parent or order).history
        if self.lost and time.monotonic() - history[0][0] < self.lost:
            return None
        if not self.stale:
            return order.shape()
        then = time.monotonic() - self.stale
        shown = [shape for at, shape in history if at <= then]
        if not shown or order.parent is None:
            return shown[-1] if shown else None
        return next((one for one in shown[-1]["legs"] if one["id"] == order.id), None)

    def _orders(self, query: Query, body: Any) -> Answer:
        wanted = query.get("status", "open")
        found = []
        for one in self._venue.roots():
            shape = self._seen(one)
            if shape is None or not _between(shape["submitted_at"], query):
                continue
            if query.get("symbols") and one.symbol not in query["symbols"].split(","):
                continue
            nested = one.package or (_true(query, "nested") and _is(shape, wanted))
            found += [shape] if nested else [_alone(shape), *(shape["legs"] or ())]
        found = [shape for shape in found if _is(shape, wanted)]
        if query.get("direction", "desc") == "desc":
            found.reverse()
        return 200, found[: min(int(query.get("limit", 50)), _MOST_ORDERS)]

    def _by_client(self, query: Query, body: Any) -> Answer:
        return 200, self._shown(self._venue.by_client(query.get("client_order_id", "")), query)

    def _shown(self, order: Order, query: Query) -> dict[str, Any]:
        seen = self._seen(order)
        if seen is None:
            raise missing("order not found")
        return seen if order.package or _true(query, "nested") else _alone(seen)

    def _order(self, method: str, name: str, query: Query, body: Any) -> Answer:
        order = self._venue.find(name)
        if method == "GET":
            return 200, self._shown(order, query)
        if method == "PATCH":
            return 200, self._venue.replace(order, body or {}).shape()
        self._venue.cancel(order)
        return 204, None

    def _cancel_all(self, query: Query, body: Any) -> Answer:
        answers = []
        for order in self._venue.live():
            if not order.open:
                continue  # it went with another of its group
            try:
                self._venue.cancel(order)
                answers.append({"id": order.id, "status": 200, "body": None})
            except Refusal as refusal:
                answers.append({"id": order.id, "status": refusal.status, "body": refusal.body()})
        return 207, answers

    # --- positions and account ------------------------------------------------------------------
    def _positions(self, query: Query, body: Any) -> Answer:
        account = self._venue.account
        there = [one for one in self._venue.roots() if one.open]
        return 200, [account.position(symbol, there) for symbol in sorted(account.positions)]

    def _position(self, method: str, name: str, query: Query) -> Answer:
        symbol, _, act = name.partition("/")
        symbol = next(
            (one for one in self._venue.account.positions
             if symbol in (one, one.replace("/", ""), asset_id(one))), symbol,
        )  # fmt: skip
        if act == "exercise":
            self._expiries.exercise(symbol)
            return 200, None
        if act == "do-not-exercise":
            self._expiries.refuse(symbol)
            return 200, None
        if symbol not in self._venue.account.positions:
            raise missing("position does not exist")
        if method == "GET":
            there = [one for one in self._venue.roots() if one.open]
            return 200, self._venue.account.position(symbol, there)
        return 200, self._close(symbol, query).shape()

    def _close(self, symbol: str, query: Query) -> Order:
        held = self._venue.account.quantity(symbol)
        return self._venue.submit({
            "symbol": symbol, "qty": query.get("qty") or text(abs(held)), "type": "market",
            "side": "sell" if held > 0 else "buy",
            "time_in_force": "gtc" if kind(symbol) == "crypto" else "day",
        })  # fmt: skip

    def _close_all(self, query: Query, body: Any) -> Answer:
        if _true(query, "cancel_orders"):
            self._cancel_all(query, body)
        answers = []
        for symbol in sorted(self._venue.account.positions):
            order = self._close(symbol, {})
            answers.append({"symbol": symbol, "status": 200, "body": order.shape()})
        return 207, answers

    def _account(self, query: Query, body: Any) -> Answer:
        there = [one for one in self._venue.roots() if one.open]
        return 200, self._venue.account.shape(there, self._venue.clock.now())

    def _configure(self, query: Query, body: Any) -> Answer:
        self._options |= {name: value for name, value in body.items() if name in self._options}
        self._venue.account.suspended = bool(self._options["suspend_trade"])
        self._venue.account.shorting = not self._options["no_shorting"]
        return 200, self._options

    def _activities(self, kinds: str, query: Query) -> Answer:
        wanted = set(filter(None, (kinds or query.get("activity_types", "")).split(",")))
        found = [
            one for one in self._venue.account.activities
            if (not wanted or one["activity_type"] in wanted) and _between(_when(one), query)
        ]  # fmt: skip
        if query.get("direction", "desc") == "desc":
            found.reverse()
        token = query.get("page_token")
        if token:
            ids = [one["id"] for one in found]
            found = found[ids.index(token) + 1 :] if token in ids else []
        return 200, found[: min(int(query.get("page_size", 100)), _MOST_ACTIVITIES)]

    def _history(self, query: Query, body: Any) -> Answer:
        equity = float(self._venue.account.equity)
        at = int(self._venue.clock.now().timestamp())
        return 200, {
            "timestamp": [at], "equity": [equity], "profit_loss": [0.0], "profit_loss_pct": [0.0],
            "base_value": equity, "timeframe": query.get("timeframe", "1D"),
        }  # fmt: skip

    # --- the market -----------------------------------------------------------------------------
    def _clock(self, query: Query, body: Any) -> Answer:
        clock = self._venue.clock
        return 200, {
            "timestamp": clock.local().isoformat(), "is_open": clock.is_open(),
            "next_open": clock.next_open().isoformat(),
            "next_close": clock.next_close().isoformat(),
        }  # fmt: skip

    def _calendar(self, query: Query, body: Any) -> Answer:
        today = self._venue.clock.local().date()
        day = dt.date.fromisoformat(query.get("start", today.isoformat())[:10])
        last = dt.date.fromisoformat(query.get("end", (day + dt.timedelta(30)).isoformat())[:10])
        found = []
        while day <= last:
            hours = self._venue.clock.session(day)
            if hours is not None:
                found.append({"date": day.isoformat(), "open": f"{hours[0]:%H:%M}",
                              "close": f"{hours[1]:%H:%M}"})  # fmt: skip
            day += dt.timedelta(days=1)
        return 200, found

    def _asset(self, symbol: str) -> dict[str, Any]:
        if not exists(symbol):
            raise missing(f"asset not found for {symbol}")
        share = kind(symbol) == "us_equity"
        return {
            "id": asset_id(symbol), "class": kind(symbol), "exchange": "NASDAQ" if share else "",
            "symbol": symbol, "name": symbol, "status": "active", "tradable": True,
            "marginable": share, "shortable": share, "easy_to_borrow": share,
            "fractionable": kind(symbol) != "us_option", "attributes": [],
        }  # fmt: skip

    def _assets(self, query: Query, body: Any) -> Answer:
        names = ("AAPL", "MSFT", "SPY", "QQQ", "BTC/USD", "ETH/USD")
        wanted = query.get("asset_class")
        return 200, [self._asset(one) for one in names if wanted in (None, kind(one))]

    def _contracts(self, query: Query, body: Any) -> Answer:
        made = [
            shown for root in filter(None, query.get("underlying_symbols", "").split(","))
            for shown in chain(self._venue, root) if wanted(shown, query)
        ]  # fmt: skip
        first = int(query.get("page_token") or 0)
        limit = int(query.get("limit", 100))
        more = str(first + limit) if first + limit < len(made) else None
        page = made[first : first + limit]
        return 200, {"option_contracts": page, "next_page_token": more}


def chain(venue: Venue, root: str) -> list[dict[str, Any]]:
    """Return the contracts of a root: strikes around its price, today and on the next Fridays."""
    spot = venue.prices.get(root).mid
    step = 1 if spot < 50 else 5
    middle = int(spot) // step * step
    day = venue.clock.local().date()
    fridays = {day + dt.timedelta((4 - day.weekday()) % 7 + 7 * week) for week in range(4)}
    days = sorted(fridays | ({day} if venue.clock.session(day) else set()))
    return [
        _contract(f"{root}{expiry:%y%m%d}{right}{(middle + step * place) * 1000:08d}")
        for expiry in days for right in "CP" for place in range(-10, 11)
        if middle + step * place > 0
    ]  # fmt: skip


def _contract(symbol: str) -> dict[str, Any]:
    option = contract(symbol)
    if option is None:
        raise missing(f"option contract not found for {symbol}")
    return {
        "id": asset_id(symbol), "symbol": symbol, "name": symbol, "status": "active",
        "tradable": True, "expiration_date": option.expiry.isoformat(), "size": "100",
        "root_symbol": option.root, "underlying_symbol": option.underlying,
        "underlying_asset_id": asset_id(option.underlying),
        "type": "call" if option.right == "C" else "put", "style": "american",
        "strike_price": text(option.strike), "multiplier": "100", "open_interest": "1000",
    }  # fmt: skip


def wanted(shown: dict[str, Any], query: Query) -> bool:
    """Return whether a contract lies within what is asked for."""
    day, strike = shown["expiration_date"], float(shown["strike_price"])
    first, last = query.get("expiration_date_gte", day), query.get("expiration_date_lte", day)
    low, high = (float(query.get(f"strike_price_{end}", strike)) for end in ("gte", "lte"))
    return (
        query.get("expiration_date", day) == day
        and first <= day <= last
        and low <= strike <= high
        and query.get("type", shown["type"]) == shown["type"]
    )


def _is(shape: dict[str, Any], wanted: str) -> bool:
    over = shape["status"] in {"filled", "canceled", "expired", "rejected", "replaced"}
    return wanted == "all" or (wanted == "open") != over


def _alone(shape: dict[str, Any]) -> dict[str, Any]:
    """Return an order of a group as it is shown by itself."""
    return {**shape, "legs": None}


def _when(activity: dict[str, Any]) -> str:
    if "transaction_time" in activity:
        return str(activity["transaction_time"])
    noon = dt.datetime.combine(dt.date.fromisoformat(activity["date"]), dt.time(), NEW_YORK)
    return stamp(noon)


def _between(at: str, query: Query) -> bool:
    when = _instant(at)
    after, until = query.get("after"), query.get("until")
    return (after is None or when > _instant(after)) and (until is None or when <= _instant(until))


def _instant(text_: str) -> dt.datetime:
    read = dt.datetime.fromisoformat(text_)
    return read if read.tzinfo else read.replace(tzinfo=dt.UTC)


def _true(query: Query, name: str) -> bool:
    return query.get(name, "").lower() == "true"
