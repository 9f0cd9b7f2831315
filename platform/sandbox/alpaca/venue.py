"""The stand-in's broker: takes orders, fills them, and tells whoever listens."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from sandbox.alpaca import checks
from sandbox.alpaca.account import Account
from sandbox.alpaca.clock import Clock, stamp
from sandbox.alpaca.errors import Refusal, invalid, missing
from sandbox.alpaca.matching import Match, match
from sandbox.alpaca.orders import ZERO, Order
from sandbox.alpaca.prices import Prices
from sandbox.alpaca.symbols import kind, text

Tell = Callable[[dict[str, Any]], None]
_DUPLICATE: Final = 40010001


@dataclass(frozen=True, slots=True)
class Fill:
    """An execution; the quantity below zero when sold."""

    execution_id: str
    order_id: str
    client_order_id: str
    symbol: str
    quantity: Decimal
    price: Decimal
    at: str


class Venue:
    """Orders, fills and one account; from one seed. Events go to `tell`."""

    def __init__(self, clock: Clock, seed: int = 1) -> None:
        self.clock = clock
        self.prices = Prices(clock, seed)
        self._dice = random.Random(f"venue {seed}")
        self.account = Account(self.make_id(), f"PA{seed:010d}", self.prices)
        self.orders: dict[str, Order] = {}
        self.fills: list[Fill] = []
        self.tell: Tell = lambda _: None
        self.filling = True
        """Whether orders fill by themselves; else only by `fill`."""
        self.unfinished_cancels = False
        """Whether cancels wait for `finish_cancels`."""
        self._by_client: dict[str, Order] = {}
        self._live: dict[str, Order] = {}

    def make_id(self) -> str:
        """Return a new id out of the seed."""
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))

    # --- orders ---------------------------------------------------------------------------------
    def submit(self, body: dict[str, Any]) -> Order:
        """Take an order, or raise Refusal."""
        client = str(body.get("client_order_id") or "")
        if client and client in self._by_client:
            raise Refusal(422, _DUPLICATE, "client_order_id must be unique")
        order = checks.read(body, self.clock, self.make_id)
        order.reserve = checks.allow(order, self.account, self._live.values())
        self._keep(order)
        self._begin(order)
        return order

    def _keep(self, order: Order) -> None:
        self.orders[order.id] = self._live[order.id] = order
        self._by_client[order.client_order_id] = order
        for leg in order.legs:
            self.orders[leg.id] = leg
            self._by_client[leg.client_order_id] = leg
            if not order.package:
                self._live[leg.id] = leg

    def _begin(self, order: Order) -> None:
        awake = self._awake(order)
        self._become(order, "new" if awake else "accepted", "new" if awake else "accepted")
        if awake:
            self._try(order)
        if order.open and order.time_in_force in ("ioc", "fok"):
            self._become(order, "canceled", "canceled")

    def _awake(self, order: Order) -> bool:
        return self.clock.is_open() or (not order.package and kind(order.symbol) == "crypto")

    def find(self, order_id: str) -> Order:
        """Return an order by its id, or raise Refusal."""
        try:
            return self.orders[order_id]
        except KeyError:
            raise missing("order not found") from None

    def by_client(self, client_order_id: str) -> Order:
        """Return an order by the id that its client gave it, or raise Refusal."""
        try:
            return self._by_client[client_order_id]
        except KeyError:
            raise missing("order not found") from None

    def roots(self) -> Iterator[Order]:
        """Give all orders but the legs of others, oldest first."""
        return (one for one in self.orders.values() if one.parent is None)

    def live(self) -> list[Order]:
        """Return what is open, oldest first."""
        return list(self._live.values())

    def cancel(self, order: Order) -> None:
        """Cancel an order, or raise Refusal when it is too late."""
        if order.parent is not None and order.parent.package:
            raise invalid("a leg cannot be canceled by itself")
        if not order.open:
            raise invalid(f'order is already in "{order.status}" state')
        if order.status == "pending_replace":
            raise invalid("cannot cancel an order in pending_replace status")
        self._become(order, "pending_cancel", "pending_cancel")
        if not self.unfinished_cancels:
            self._end(order, "canceled")

    def finish_cancels(self) -> None:
        """End what waits for its cancel."""
        for order in list(self._live.values()):
            if order.status == "pending_cancel":
                self._end(order, "canceled")

    def replace(self, order: Order, body: dict[str, Any]) -> Order:
        """Put a changed order in the place of one and return the new one."""
        if order.package or (order.parent is not None and order.parent.package):
            raise invalid("only simple orders and exits can be replaced")
        if not order.open or order.status.startswith("pending"):
            raise invalid(f"cannot replace order in {order.status} status")
        given = {"symbol": order.symbol, "side": order.side, "type": order.type,
                 "qty": text(order.quantity), "time_in_force": order.time_in_force,
                 "limit_price": order.limit, "stop_price": order.stop,
                 "trail_price": order.trail_price, "trail_percent": order.trail_percent,
                 "position_intent": order.intent}  # fmt: skip
        if "trail" in body:
            name = "trail_price" if order.trail_price is not None else "trail_percent"
            given[name] = body["trail"]
        changed = {k: v for k, v in body.items() if v is not None and k != "trail"}
        client = str(changed.get("client_order_id") or "")
        if client in self._by_client:
            raise Refusal(422, _DUPLICATE, "client_order_id must be unique")
        if order.order_class != "simple":
            return self._replace_exit(order, changed, client or self.make_id())
        made = checks.read(given | changed, self.clock, self.make_id)
        made.replaces = order.id
        others = [one for one in self._live.values() if one is not order]
        made.reserve = checks.allow(made, self.account, others)
        order.replaced_by = made.id
        self._keep(made)
        self._end(order, "replaced")
        self._begin(made)
        return made

    def _replace_exit(self, order: Order, changed: dict[str, Any], client: str) -> Order:
        """Change the prices of an exit of a group, which stays in it."""
        if order not in order.exits or set(changed) - {
            "client_order_id", "limit_price", "stop_price",
        }:  # fmt: skip
            raise invalid("of a group only limit_price and stop_price of its exits can be replaced")
        limit, stop = checks.number(changed, "limit_price"), checks.number(changed, "stop_price")
        made = replace(
            order, id=self.make_id(), client_order_id=client, created=self.clock.now(),
            limit=limit or order.limit, stop=stop or order.stop, quantity=order.left, filled=ZERO,
            paid=ZERO, replaces=order.id, times={}, history=[], legs=[], status="new",
        )  # fmt: skip
        checks.check_prices(made)
        order.replaced_by = made.id
        status = order.status
        if order.parent is None:  # the target of an OCO leads it
            made.legs, order.legs = order.legs, []
            for leg in made.legs:
                leg.parent = made
        else:
            order.parent.legs.append(made)
        self.orders[made.id] = self._live[made.id] = made
        self._by_client[client] = made
        self._become(order, "replaced", "replaced")
        self._live.pop(order.id, None)
        self._become(made, status, status)
        return made

    # --- what becomes of them -------------------------------------------------------------------
    def tick(self) -> None:
        """Let prices walk a step and fill what can be."""
        self.prices.step()
        for order in list(self._live.values()):
            if not self._awake(order):
                continue
            if order.status == "accepted":
                self._become(order, "new", "new")
            self._try(order)

    def expire_day(self) -> None:
        """End the day's orders."""
        for order in list(self._live.values()):
            if order.time_in_force == "day" and order.open:
                self._end(order, "expired")

    def _try(self, order: Order) -> None:
        if not self.filling or not _ready(order):
            return
        waited = not order.triggered
        found = match(order, self.account, self._dice)
        if waited and order.triggered and order.parent is not None:
            self._become(order, "new", "new")
            self._end_others(order)
        if found is not None:
            self.fill(order, found)

    def fill(self, order: Order, done: Match) -> None:
        """Execute a part of an order, whatever its state: a venue may fill what it had ended."""
        now = self.clock.now()
        ended = not order.open
        paid = ZERO
        for leg in order.legs if order.package else [order]:
            quantity = done.quantity * leg.ratio
            price = done.prices[leg.symbol]
            paid += leg.sign * quantity * price if order.package else quantity * price
            self._execute(leg, quantity, price)
        if order.package:
            order.filled += done.quantity
            order.paid += paid
        whole = order.left <= 0
        status = order.status if ended else ("filled" if whole else "partially_filled")
        if status != order.status or not ended:
            order.become(status, now)
        self._remember(order)
        signed = self.fills[-1]
        self._say(
            "fill" if whole else "partial_fill", order, price=text(paid / done.quantity),
            qty=text(done.quantity), execution_id=signed.execution_id,
            position_qty=text(self.account.quantity(order.symbol)) if order.symbol else "",
        )  # fmt: skip
        self._after_fill(order, whole)

    def _execute(self, leg: Order, quantity: Decimal, price: Decimal) -> None:
        now, ident = self.clock.now(), self.make_id()
        short = leg.side == "sell" and self.account.quantity(leg.symbol) <= 0
        self.account.trade(leg.symbol, leg.sign * quantity, price)
        leg.filled += quantity
        leg.paid += quantity * price
        root = leg.parent if leg.parent and leg.parent.package else leg
        self.fills.append(Fill(
            ident, leg.id, root.client_order_id, leg.symbol, leg.sign * quantity, price, stamp(now)
        ))  # fmt: skip
        self.account.note(
            "FILL", now, ident, transaction_time=stamp(now), price=text(price), qty=text(quantity),
            type="fill" if leg.left <= 0 else "partial_fill",
            side="sell_short" if short and kind(leg.symbol) == "us_equity" else leg.side,
            symbol=leg.symbol, leaves_qty=text(max(leg.left, ZERO)), order_id=leg.id,
            cum_qty=text(leg.filled),
            order_status="filled" if leg.left <= 0 else "partially_filled",
        )  # fmt: skip

    def _after_fill(self, order: Order, whole: bool) -> None:
        """Wake the exits of an entry that is filled; end the other exits of one that filled."""
        if whole:
            self._live.pop(order.id, None)
        if order.package:
            return
        if order not in order.exits:
            if whole:
                self._wake(order.exits)
        elif whole or order.stop is not None:
            self._end_others(order)
        else:  # the stop is adjusted to what the target leaves
            for other in order.exits:
                if other is not order and other.open:
                    other.quantity = order.left
                    self._remember(other)

    def _wake(self, exits: list[Order]) -> None:
        """Let the exits of an entry into the market: a stop waits behind a target."""
        target = any(one.stop is None for one in exits)
        for one in exits:
            if one.open and not (target and one.stop is not None):
                self._become(one, "new", "new")

    def _end_others(self, order: Order) -> None:
        """End the other exits of a group."""
        for other in order.exits:
            if other is not order and other.open:
                self._become(other, "canceled", "canceled")
                self._live.pop(other.id, None)

    def bust(self, execution_id: str) -> None:
        """Take an execution back, as an exchange may."""
        found = next(one for one in self.fills if one.execution_id == execution_id)
        self.account.trade(found.symbol, -found.quantity, found.price)
        self.fills.remove(found)
        order = self.orders[found.order_id]
        order.filled -= abs(found.quantity)
        order.paid -= abs(found.quantity) * found.price
        self._remember(order)
        self._say(
            "trade_bust", order, execution_id=execution_id, price=text(found.price),
            qty=text(abs(found.quantity)),
        )  # fmt: skip

    def _end(self, order: Order, status: str) -> None:
        """End an order, and what is open of its group with it."""
        for one in [order, *order.family]:
            if one.open:
                self._become(one, status, status)
                self._live.pop(one.id, None)

    def _become(self, order: Order, status: str, event: str) -> None:
        order.become(status, self.clock.now())
        self._remember(order)
        self._say(event, order)

    def _remember(self, order: Order) -> None:
        top = order.parent or order
        top.history.append((time.monotonic(), top.shape()))

    def _say(self, event: str, order: Order, **more: str) -> None:
        now = stamp(self.clock.now())
        self.tell({
            "stream": "trade_updates",
            "data": {"event": event, "event_id": self.make_id(), "at": now, "timestamp": now,
                     "order": order.shape(), **more},
        })  # fmt: skip

    # --- the oracle -----------------------------------------------------------------------------
    def truth(self) -> dict[str, Any]:
        """Return everything as it really is."""
        return {
            "orders": [one.shape() for one in self.roots()],
            "fills": [
                {"execution_id": one.execution_id, "order_id": one.order_id,
                 "client_order_id": one.client_order_id, "symbol": one.symbol,
                 "qty": text(one.quantity), "price": text(one.price), "at": one.at}
                for one in self.fills
            ],
            "positions": {
                name: text(held.quantity) for name, held in self.account.positions.items()
            },
            "cash": text(self.account.cash),
            "activities": self.account.activities,
        }  # fmt: skip


def _ready(order: Order) -> bool:
    """Return whether an order may fill: a stop is `held` beside the other exit until it is due."""
    if order.status == "held" and order.parent is not None:
        return order.parent.order_class == "oco" or order.parent.status == "filled"
    return order.status in ("new", "partially_filled")
