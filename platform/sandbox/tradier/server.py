"""The stand-in's server: Tradier's addresses, token, rates, forms and errors, and its stream."""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import orjson

from sandbox.alpaca.base import BrokerStandIn, same
from sandbox.alpaca.errors import Refusal
from sandbox.alpaca.orders import Order
from sandbox.alpaca.sockets import Socket
from sandbox.server import Received, Reply, json_reply
from sandbox.tradier.shapes import body_of, shape, wrong

_RATE: Final = 60
_BEAT_S: Final = 1.0


class Tradier(BrokerStandIn):
    """One account, `key`, at Tradier. Takes the token in `secret`."""

    key = "VA00000001"
    secret = "standin-token-that-opens-nothing-but-itself"  # noqa: S105 - says it itself
    orders_path = f"/v1/accounts/{key}/orders"

    def __init__(
        self, port: int = 0, *, start: dt.datetime | None = None, seed: int = 1,
        rate: int = _RATE, always: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(port, start=start, seed=seed, rate=rate, always=always)
        self._numbers: dict[str, int] = {}
        self._by_number: dict[int, Order] = {}
        self.tags: dict[str, str] = {}
        """What clients called their orders, by the order's id on the market."""
        self._sessions: set[str] = set()
        self._sockets: list[Socket] = []
        self._told: list[bytes] = []
        self._lock = threading.Lock()
        self.venue.tell = self._tell
        self.begin()
        threading.Thread(target=self._beat, daemon=True).start()

    def answer(self, request: Received) -> Reply:
        """Answer as Tradier does."""
        left, reset = self.count()
        limits = {
            "X-Ratelimit-Allowed": str(self.rate or _RATE), "X-Ratelimit-Used": "0",
            "X-Ratelimit-Available": str(max(left, 0)), "X-Ratelimit-Expiry": str(reset * 1000),
        }  # fmt: skip
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not same(given, self.secret):
            return json_reply(401, {"fault": {"faultstring": "Invalid Access Token"}}, **limits)
        if left < 0:
            return json_reply(429, {"fault": {"faultstring": "Quota Violation"}}, **limits)
        try:
            return json_reply(200, self._do(request), **limits)
        except Refusal as refusal:
            errors = {"errors": {"error": [str(refusal)]}}
            status = refusal.status if refusal.status in (401, 404) else 400
            return json_reply(status, errors, **limits)

    def _do(self, request: Received) -> Any:
        path = urlsplit(request.path).path
        if path == "/v1/accounts/events/session" and request.method == "POST":
            return self._session()
        if path == "/v1/user/profile":
            return self._profile()
        place = path.removeprefix(f"/v1/accounts/{self.key}/")
        reads = {"orders": self._orders, "positions": self._positions,
                 "balances": self._balances, "history": self._history}  # fmt: skip
        if request.method == "GET" and place in reads:
            return reads[place]()
        if request.method == "POST" and place == "orders":
            return self._submit(dict(parse_qsl(request.body.decode(), keep_blank_values=True)))
        if place.startswith("orders/"):
            return self._order(request.method, place.removeprefix("orders/"))
        raise Refusal(404, 0, "not found")

    # --- orders ---------------------------------------------------------------------------------
    def _submit(self, form: dict[str, str]) -> Any:
        try:
            body = body_of(form)
        except (ValueError, ArithmeticError):
            raise wrong("Invalid parameter.") from None
        order = self.venue.submit(body)
        self.tags[order.id] = form.get("tag", "")
        return {"order": {"id": self._number(order), "status": "ok", "partner_id": "standin"}}

    def _number(self, order: Order) -> int:
        if order.id not in self._numbers:
            self._numbers[order.id] = len(self._numbers) + 1001
            self._by_number[self._numbers[order.id]] = order
        return self._numbers[order.id]

    def _shape(self, order: Order) -> dict[str, Any]:
        return shape(order, self._number(order), self.tags.get(order.id, ""))

    def _seen(self, order: Order) -> bool:
        return not self.lost or time.monotonic() - order.history[0][0] >= self.lost

    def _orders(self) -> Any:
        """Return the orders of the day, and those that are open."""
        today = self.clock.local().date()
        found = [
            self._shape(one) for one in self.venue.roots()
            if self._seen(one) and (one.open or one.created.astimezone(
                self.clock.local().tzinfo).date() == today)
        ]  # fmt: skip
        if not found:
            return {"orders": "null"}
        return {"orders": {"order": found if len(found) > 1 else found[0]}}

    def _order(self, method: str, name: str) -> Any:
        order = self._by_number.get(int(name)) if name.isdecimal() else None
        if order is None or not self._seen(order):
            raise Refusal(404, 0, "order not found")
        if method == "GET":
            return {"order": self._shape(order)}
        if method != "DELETE":
            raise wrong("Orders are changed by their own page alone.")
        if not order.open:
            raise wrong("order already in finalized state")
        self.venue.cancel(order)
        return {"order": {"id": self._number(order), "status": "ok"}}

    # --- the account ----------------------------------------------------------------------------
    def _profile(self) -> Any:
        account = self.venue.account
        return {"profile": {"id": "id-standin", "name": "Stand-in", "account": {
            "account_number": self.key, "classification": "individual",
            "option_level": account.level, "type": "margin",
            "status": "closed" if account.blocked else "active",
        }}}  # fmt: skip

    def _balances(self) -> Any:
        account = self.venue.account
        shares, options = account.power([one for one in self.venue.roots() if one.open])
        return {"balances": {
            "account_number": self.key, "account_type": "margin",
            "total_equity": float(account.equity), "total_cash": float(account.cash),
            "margin": {"option_buying_power": float(options), "stock_buying_power": float(shares),
                       "fed_call": 0, "maintenance_call": 0},
        }}  # fmt: skip

    def _positions(self) -> Any:
        found = [
            {"symbol": symbol, "quantity": float(held.quantity), "cost_basis": float(held.cost),
             "id": place, "date_acquired": "2026-11-18T15:00:00.000Z"}
            for place, (symbol, held) in enumerate(self.venue.account.positions.items())
        ]  # fmt: skip
        if not found:
            return {"positions": "null"}
        return {"positions": {"position": found if len(found) > 1 else found[0]}}

    def _history(self) -> Any:
        """Return what happened, without ids, as Tradier does."""
        found = [_event(one) for one in reversed(self.venue.account.activities)]
        if not found:
            return {"history": "null"}
        return {"history": {"event": found if len(found) > 1 else found[0]}}

    # --- the stream -----------------------------------------------------------------------------
    def _session(self) -> Any:
        name = self.venue.make_id()
        self._sessions.add(name)
        return {"stream": {"url": "wss://ws.tradier.com/v1/accounts/events", "sessionid": name}}

    def upgrade(self, request: Received, link: socket.socket) -> None:
        """Serve the stream of account events until it ends; a second one is refused."""
        made = Socket(request, link)
        with self._lock:
            taken = bool(self._sockets)
            if not taken:
                self._sockets.append(made)
        if taken:
            made.refuse(429, "one session at a time")
            return
        try:
            made.accept()
            for message in made.messages():
                if orjson.loads(message).get("sessionid") not in self._sessions:
                    made.send(b'{"error":"Session not found"}', text=True)
                    made.break_off()
        finally:
            with self._lock:
                self._sockets.remove(made)

    def _tell(self, event: dict[str, Any]) -> None:
        order = self.venue.orders[event["data"]["order"]["id"]]
        if order.parent is not None:
            return
        shown = self._shape(order)
        body = orjson.dumps({
            "event": "order", "id": shown["id"], "status": shown["status"], "type": shown["type"],
            "price": shown.get("price", 0.0), "avg_fill_price": shown["avg_fill_price"],
            "executed_quantity": shown["exec_quantity"], "last_fill_quantity": 0.0,
            "remaining_quantity": shown["remaining_quantity"], "account": self.key,
            "transaction_date": shown["transaction_date"], "create_date": shown["create_date"],
        })  # fmt: skip
        with self._lock:
            for one in self._sockets:
                self.stream_faults.send(one, body, self._told)
        self._told.append(body)

    def _beat(self) -> None:
        while not self._stopped.wait(_BEAT_S):
            with self._lock:
                for one in self._sockets:
                    if not self.stream_faults.mute:
                        one.send(b'{"event":"heartbeat","status":"active"}', text=True)

    def cut(self) -> None:
        """Cut the stream of whoever listens."""
        with self._lock:
            for one in self._sockets:
                one.close()


_OPTION_EVENTS: Final = {"OPEXP": "OPTEXP", "OPEXC": "OPTEXC", "OPASN": "OPTASN"}


def _event(activity: dict[str, Any]) -> dict[str, Any]:
    kind = activity["activity_type"]
    day = activity.get("date") or activity["transaction_time"][:10]
    many = float(activity.get("qty", 0))
    shown: dict[str, Any] = {
        "amount": float(activity.get("net_amount", 0)), "date": f"{day}T00:00:00Z",
        "symbol": activity.get("symbol", ""),
    }  # fmt: skip
    if kind in _OPTION_EVENTS:
        detail = {"option_type": _OPTION_EVENTS[kind], "description": activity["description"],
                  "quantity": many}  # fmt: skip
        return shown | {"type": "option", "option": detail}
    trade = {"commission": 0.0, "description": activity.get("description", ""),
             "price": float(activity.get("price", 0)), "quantity": many,
             "symbol": activity.get("symbol", ""), "trade_type": "Equity"}  # fmt: skip
    return shown | {"type": "trade", "trade": trade}
