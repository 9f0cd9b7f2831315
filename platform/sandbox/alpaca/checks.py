"""Whether Alpaca takes an order: its form, the rules of its asset, and what the account may do."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from math import gcd
from typing import Any, Final

from sandbox.alpaca.account import UNBOUNDED, Account, worst
from sandbox.alpaca.clock import Clock
from sandbox.alpaca.errors import Refusal, forbidden, invalid
from sandbox.alpaca.orders import ZERO, Order
from sandbox.alpaca.symbols import contract, exists, kind

_TYPES: Final = {
    "us_equity": {"market", "limit", "stop", "stop_limit", "trailing_stop"},
    "us_option": {"market", "limit"},
    "crypto": {"market", "limit", "stop_limit"},
}
_TIMES: Final = {
    "us_equity": {"day", "gtc", "opg", "cls", "ioc", "fok"},
    "us_option": {"day", "gtc"},
    "crypto": {"gtc", "ioc"},
}
_PRICES: Final = {"limit": {"limit_price"}, "stop": {"stop_price"},
                  "stop_limit": {"limit_price", "stop_price"}}  # fmt: skip
_LONGEST: Final = 128
Body = dict[str, Any]


def number(body: Body, name: str) -> Decimal | None:
    """Return a number of a request; None when it has none."""
    value = body.get(name)
    if value in (None, ""):
        return None
    try:
        read = Decimal(str(value))
    except InvalidOperation:
        raise Refusal(400, 40010000, f"request body format is invalid: {name}") from None
    if not read.is_finite():
        raise Refusal(400, 40010000, f"request body format is invalid: {name}")
    return read


def read(body: Body, clock: Clock, make_id: Callable[[], str]) -> Order:
    """Return the order that a request asks for, with its legs; raise Refusal for none."""
    quantity = number(body, "qty")
    if quantity is None:
        raise invalid("qty is required")
    if quantity <= 0:
        raise invalid("qty must be > 0")
    client = str(body.get("client_order_id") or uuid.UUID(make_id()))
    if len(client) > _LONGEST:
        raise invalid(f"client_order_id must be at most {_LONGEST} characters")
    order = Order(
        make_id(), client, clock.now(), str(body.get("symbol") or ""), str(body.get("side") or ""),
        quantity, str(body.get("type") or ""), str(body.get("time_in_force") or ""),
        str(body.get("order_class") or "simple"), number(body, "limit_price"),
        number(body, "stop_price"), number(body, "trail_price"), number(body, "trail_percent"),
        str(body.get("position_intent") or ""), bool(body.get("extended_hours")),
    )  # fmt: skip
    if order.package:
        _read_legs(order, body, make_id)
        return order
    if order.order_class == "oco" and order.limit is None:
        order.limit = number(body.get("take_profit") or {}, "limit_price")
    _check_simple(order)
    if order.order_class in ("bracket", "oto", "oco"):
        _read_exits(order, body, make_id)
    elif order.order_class != "simple":
        raise invalid(f"invalid order_class: {order.order_class}")
    return order


def _check_simple(order: Order) -> None:
    if not exists(order.symbol):
        raise invalid(f'asset "{order.symbol}" not found')
    if order.side not in ("buy", "sell"):
        raise invalid("side must be buy or sell")
    asset = kind(order.symbol)
    if order.type not in _TYPES[asset]:
        if asset == "us_option":
            raise invalid(f"invalid options order_type: {order.type}")
        raise invalid(f"invalid order type for {asset}: {order.type}")
    if order.time_in_force not in _TIMES[asset]:
        raise invalid(f"invalid time_in_force for {asset}: {order.time_in_force}")
    check_prices(order)
    if asset == "us_option" and order.order_class != "simple":
        raise invalid("complex orders not supported for options trading")
    if order.quantity == int(order.quantity):
        return
    if asset == "us_option":
        raise invalid("options contracts must be traded in whole numbers")
    if asset == "us_equity" and order.time_in_force != "day":
        raise invalid("fractional orders must be DAY orders")
    if order.type == "trailing_stop" or order.order_class != "simple":
        raise invalid("fractional orders must be simple orders")


def check_prices(order: Order) -> None:
    """Raise Refusal when an order's prices are not those that its type has."""
    needed = _PRICES.get(order.type, set())
    for name, value in (("limit_price", order.limit), ("stop_price", order.stop)):
        if (name in needed) != (value is not None):
            raise invalid(f"{order.type} order {'requires' if name in needed else 'has no'} {name}")
        if value is None:
            continue
        if value <= 0:
            raise invalid(f"{name} must be > 0")
        _check_ticks(name, value, order.symbol)
    trailing = [one for one in (order.trail_price, order.trail_percent) if one is not None]
    if (order.type == "trailing_stop") != (len(trailing) == 1) or any(one <= 0 for one in trailing):
        raise invalid("trailing_stop order requires one of trail_price and trail_percent > 0")


def _check_ticks(name: str, value: Decimal, symbol: str) -> None:
    most = {"us_option": 2, "crypto": 9, "us_equity": 2 if value >= 1 else 4}[kind(symbol)]
    if -int(value.normalize().as_tuple().exponent) > most:
        raise invalid(
            f"invalid {name} {value}. sub-penny increment does not fulfill minimum pricing criteria"
        )


def _read_legs(order: Order, body: Body, make_id: Callable[[], str]) -> None:
    given = body.get("legs") or []
    if not 2 <= len(given) <= 4:
        raise invalid("mleg orders require 2 to 4 legs")
    if order.type not in ("market", "limit") or order.time_in_force not in _TIMES["us_option"]:
        raise invalid("mleg orders are market or limit orders, day or gtc")
    if order.type == "limit" and order.limit is None:
        raise invalid("limit order requires limit_price")
    if order.quantity != int(order.quantity):
        raise invalid("options contracts must be traded in whole numbers")
    for leg in given:
        ratio = number(leg, "ratio_qty") or ZERO
        symbol = str(leg.get("symbol"))
        if contract(symbol) is None or ratio <= 0 or ratio != int(ratio):
            raise invalid("a leg has an option's symbol and a whole ratio_qty")
        made = Order(
            make_id(), str(uuid.UUID(make_id())), order.created, symbol, str(leg.get("side")),
            order.quantity * ratio, order.type, order.time_in_force, "mleg",
            intent=str(leg.get("position_intent") or ""), ratio=int(ratio), parent=order,
        )  # fmt: skip
        if made.side not in ("buy", "sell"):
            raise invalid("a leg's side must be buy or sell")
        order.legs.append(made)
    if len({leg.symbol for leg in order.legs}) != len(order.legs):
        raise invalid("all legs must have unique symbols")
    if gcd(*(leg.ratio for leg in order.legs)) != 1:
        raise invalid("leg ratio quantities should be relatively prime")
    order.symbol, order.side = "", ""


def _read_exits(order: Order, body: Body, make_id: Callable[[], str]) -> None:
    """Make the exits of a bracket, OTO or OCO: held until it is their turn."""
    profit, loss = body.get("take_profit") or {}, body.get("stop_loss") or {}
    target, stop = number(profit, "limit_price"), number(loss, "stop_price")
    both = order.order_class in ("bracket", "oco")
    if (both and (target is None or stop is None)) or (target is None and stop is None):
        raise invalid(f"{order.order_class} orders require take_profit and stop_loss")
    oco = order.order_class == "oco"
    if order.type not in (("limit",) if oco else ("market", "limit")):
        raise invalid(
            f"{order.order_class} orders must be {'' if oco else 'market or '}limit orders"
        )
    if order.time_in_force not in ("day", "gtc") or order.extended:
        raise invalid(f"{order.order_class} orders must be day or gtc, in regular hours")
    _check_sides(order, target, stop)
    side = order.side if oco else ("sell" if order.side == "buy" else "buy")
    plans: list[tuple[str, Decimal | None, Decimal | None]] = []
    if target is not None and not oco:
        plans.append(("limit", target, None))
    if stop is not None:
        limit = number(loss, "limit_price")
        plans.append(("stop" if limit is None else "stop_limit", limit, stop))
    for kind_, limit_, stop_ in plans:
        made = Order(
            make_id(), str(uuid.UUID(make_id())), order.created, order.symbol, side,
            order.quantity, kind_, order.time_in_force, order.order_class, limit_, stop_,
            parent=order, status="held",
        )  # fmt: skip
        check_prices(made)
        order.legs.append(made)


def _check_sides(order: Order, target: Decimal | None, stop: Decimal | None) -> None:
    """Refuse a target that is not beyond the stop, and a stop that is beyond the entry."""
    sign = -order.sign if order.order_class == "oco" else order.sign
    if target is not None and stop is not None and (target - stop) * sign <= 0:
        raise invalid("take_profit.limit_price must be beyond stop_loss.stop_price")
    if order.order_class == "oco" or order.limit is None or stop is None:
        return
    if (order.limit - stop) * sign < Decimal("0.01"):
        raise invalid("stop_loss.stop_price must be at least 0.01 from base_price")


# --- what the account may do --------------------------------------------------------------------
def allow(order: Order, account: Account, orders: Iterable[Order]) -> Decimal:
    """Return the money that an order keeps from others; raise Refusal when it may not be."""
    if account.status != "ACTIVE" or account.blocked or account.suspended:
        raise forbidden("trading is not allowed on this account")
    there = [one for one in orders if one.open]
    if order.package:
        return _for_package(order, account, there)
    asset = kind(order.symbol)
    if asset == "us_option":
        return _for_option(order, account, there)
    price = order.limit or order.stop or account.prices.get(order.symbol).ask
    closing = _closes(order, account, there)
    if order.order_class == "oco" and not closing:
        raise forbidden("oco orders leave a position, and there is none")
    if asset == "us_equity":
        _no_wash(order, there)
    fraction = order.quantity != int(order.quantity)
    no_short = asset == "crypto" or fraction or not account.shorting
    if not closing and order.side == "sell" and no_short:
        raise forbidden(
            f"insufficient qty available for order (requested: {order.quantity}, available: 0)"
        )
    if closing:
        return ZERO
    return _enough(order.quantity * price, account.power(there)[asset == "crypto"])


def _closes(order: Order, account: Account, there: list[Order]) -> bool:
    """Return whether an order leaves a position, and refuse one that leaves more than there is."""
    held = account.quantity(order.symbol)
    if held * order.sign >= 0:
        return False
    active = [leg for one in there if one.status != "held"
              for leg in (one.legs if one.package else [one])]  # fmt: skip
    bound = sum((leg.left for leg in active if leg.symbol == order.symbol
                 and leg.sign == order.sign and leg is not order), ZERO)  # fmt: skip
    free = abs(held) - bound
    if order.quantity > free:
        raise forbidden(
            f"insufficient qty available for order (requested: {order.quantity}, available: {free})"
        )
    return True


def _no_wash(order: Order, there: list[Order]) -> None:
    for one in there:
        if one.symbol != order.symbol or one.side == order.side or order.order_class != "simple":
            continue
        if one.limit is None or order.limit is None:
            text = "opposite side market/stop order exists"
        elif (order.limit - one.limit) * order.sign >= 0:
            text = "potential wash trade detected. use complex orders"
        else:
            continue
        raise forbidden(text, existing_order_id=one.id, reject_reason=text)


def _for_option(order: Order, account: Account, there: list[Order]) -> Decimal:
    option = contract(order.symbol)
    assert option is not None  # noqa: S101 - told the type checker
    closing = _closes(order, account, there)
    expected = f"{order.side}_to_{'close' if closing else 'open'}"
    if order.intent and order.intent != expected:
        raise invalid(f"position intent mismatch, inferred: {expected}, specified: {order.intent}")
    order.intent = expected
    if closing:
        return ZERO
    if account.level < (2 if order.side == "buy" else 1):
        raise forbidden("account not eligible to trade this option contract at its options level")
    if order.side == "buy":
        price = order.limit or account.prices.get(order.symbol).ask
        return _enough(order.quantity * price * 100, account.power(there)[1])
    if option.right == "C":
        if account.quantity(option.underlying) < order.quantity * 100:
            raise forbidden("account not eligible to trade uncovered option contracts")
        return ZERO
    return _enough(order.quantity * option.strike * 100, account.power(there)[1])


def _for_package(order: Order, account: Account, there: list[Order]) -> Decimal:
    if account.level < 3:
        raise forbidden("account not eligible to trade multi-leg option orders")
    for leg in order.legs:
        held = account.quantity(leg.symbol)
        closing = held * leg.sign < 0 and leg.quantity <= abs(held)
        expected = f"{leg.side}_to_{'close' if closing else 'open'}"
        if leg.intent and leg.intent != expected:
            raise invalid(
                f"position intent mismatch, inferred: {expected}, specified: {leg.intent}"
            )
        leg.intent = expected
    price = order.limit if order.limit is not None else net_quote(order, account)
    opened = {leg.symbol: leg.sign * leg.quantity for leg in order.legs if "open" in leg.intent}
    risk = worst(opened)
    if opened and risk == UNBOUNDED:
        raise forbidden("account not eligible to trade uncovered option contracts")
    cost = order.quantity * price * 100 + (risk if opened else ZERO)
    return _enough(max(cost, ZERO), account.power(there)[1])


def net_quote(order: Order, account: Account) -> Decimal:
    """Return what a unit of a package costs at once: asks of what it buys less bids it sells."""
    quotes = [(leg, account.prices.get(leg.symbol)) for leg in order.legs]
    return sum(
        (leg.sign * leg.ratio * (one.ask if leg.side == "buy" else one.bid) for leg, one in quotes),
        ZERO,
    )


def _enough(needed: Decimal, free: Decimal) -> Decimal:
    if needed > free:
        raise forbidden(
            "insufficient buying power", buying_power=f"{free:.2f}", cost_basis=f"{needed:.2f}"
        )
    return needed
