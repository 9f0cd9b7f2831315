"""Orders as Tradier reads and shows them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import gcd
from typing import Any, Final

from sandbox.alpaca.clock import stamp
from sandbox.alpaca.errors import Refusal
from sandbox.alpaca.orders import Order
from sandbox.alpaca.symbols import contract

_SIDES: Final = {
    "buy": "buy", "buy_to_cover": "buy", "sell": "sell", "sell_short": "sell",
    "buy_to_open": "buy", "buy_to_close": "buy", "sell_to_open": "sell", "sell_to_close": "sell",
}  # fmt: skip
_STATUSES: Final = {"new": "open", "accepted": "pending", "pending_cancel": "open",
                    "replaced": "canceled", "held": "held"}  # fmt: skip
_TYPES: Final = {"debit": "limit", "credit": "limit", "even": "limit"}
Form = Mapping[str, str]


def wrong(message: str) -> Refusal:
    """Return the refusal of an order that cannot be."""
    return Refusal(400, 0, message)


def body_of(form: Form) -> dict[str, Any]:
    """Return an order for the market out of a form, or raise Refusal."""
    kind = form.get("class", "")
    if kind not in ("equity", "option", "multileg"):
        raise wrong(f"Invalid parameter, class: {kind!r}.")
    body: dict[str, Any] = {
        "type": _TYPES.get(form.get("type", ""), form.get("type", "")),
        "time_in_force": form.get("duration", ""), "qty": form.get("quantity"),
        "limit_price": form.get("price"), "stop_price": form.get("stop"),
    }  # fmt: skip
    if kind == "multileg":
        return body | _package(form)
    side = form.get("side", "")
    if side not in _SIDES:
        raise wrong(f"Invalid parameter, side: {side!r}.")
    symbol = form.get("option_symbol" if kind == "option" else "symbol", "")
    if kind == "option":
        body["position_intent"] = side
    return body | {"symbol": symbol, "side": _SIDES[side]}


def _package(form: Form) -> dict[str, Any]:
    """Return legs and net price: Tradier has each leg's quantity, and credits without a sign."""
    legs, place = [], 0
    while f"option_symbol[{place}]" in form:
        legs.append((form[f"option_symbol[{place}]"], form.get(f"side[{place}]", ""),
                     Decimal(form.get(f"quantity[{place}]", "0"))))  # fmt: skip
        place += 1
    if len(legs) < 2 or any(side not in _SIDES or many <= 0 for _, side, many in legs):
        raise wrong("Invalid legs.")
    units = gcd(*(int(many) for _, _, many in legs))
    price = Decimal(form.get("price") or 0)
    signed = {"credit": -price, "even": Decimal(0), "debit": price}.get(form.get("type", ""))
    return {
        "order_class": "mleg", "qty": str(units),
        "limit_price": None if signed is None else str(signed),
        "legs": [{"symbol": symbol, "side": _SIDES[side], "position_intent": side,
                  "ratio_qty": str(int(many) // units)} for symbol, side, many in legs],
    }  # fmt: skip


def shape(order: Order, ident: int, tag: str) -> dict[str, Any]:
    """Return an order as Tradier shows it: numbers are numbers, legs have sums of their own."""
    shown = _part(order, ident) | {
        "class": "multileg" if order.package else "option" if contract(order.symbol) else "equity",
        "tag": tag,
    }  # fmt: skip
    if order.package:
        option = contract(order.legs[0].symbol)
        shown |= {
            "symbol": option.underlying if option else "", "num_legs": len(order.legs),
            "type": _net(order), "price": abs(float(order.limit or 0)),
            "leg": [_part(leg, ident * 10 + place) for place, leg in enumerate(order.legs, 1)],
        }  # fmt: skip
    return {name: value for name, value in shown.items() if value is not None}


def _net(order: Order) -> str:
    if order.limit is None:
        return "market"
    return "even" if not order.limit else "debit" if order.limit > 0 else "credit"


def _part(order: Order, ident: int) -> dict[str, Any]:
    option = contract(order.symbol)
    average = float(order.paid / order.filled) if order.filled else 0.0
    return {
        "id": ident, "type": order.type, "side": order.intent or order.side,
        "symbol": option.underlying if option else order.symbol,
        "option_symbol": order.symbol if option else None, "quantity": float(order.quantity),
        "status": _STATUSES.get(order.status, order.status), "duration": order.time_in_force,
        "price": None if order.limit is None else float(order.limit),
        "avg_fill_price": average, "exec_quantity": float(order.filled),
        "remaining_quantity": float(order.left), "create_date": stamp(order.created),
        "transaction_date": stamp(order.updated or order.created),
    }  # fmt: skip
