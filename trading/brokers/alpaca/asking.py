"""What Alpaca can do, and how an order of ours is written for it."""

from __future__ import annotations

from typing import Any, Final

from trading.brokers.protocol import Abilities, NativeGroups, RejectedError, Request
from trading.brokers.symbols import asset_of, check_deliverables, check_group, kinds_for
from trading.ledger.book import plain
from trading.orders.intents import Intent, Leg

ABILITIES: Final = Abilities(
    assets=frozenset({"equity", "option", "crypto"}),
    kinds={
        "equity": frozenset({"limit", "market", "stop", "stop_limit", "trailing_stop"}),
        "option": frozenset({"limit", "market"}),
        "crypto": frozenset({"limit", "market", "stop_limit"}),
    },
    times={
        "equity": frozenset({"day", "gtc", "ioc", "fok"}),
        "option": frozenset({"day", "gtc"}),
        "crypto": frozenset({"gtc", "ioc"}),
    },
    packages=frozenset({"limit", "market"}),
    native_groups={
        "equity": NativeGroups(
            forms=frozenset({"bracket", "oto", "oco"}),
            entries=frozenset({"limit", "market"}),
            exits=frozenset({"limit", "stop", "stop_limit"}),
            times=frozenset({"day", "gtc"}),
        )
    },
    fractions=frozenset({"equity", "crypto"}),
    streams=True,
)


def check(request: Request) -> None:
    """Raise RejectedError for what Alpaca would refuse whatever the account."""
    check_deliverables(request)
    check_group(request, ABILITIES)
    intent = request.intent
    assets = {asset_of(leg.symbol) for leg in intent.legs}
    if len(intent.legs) > 1 and assets != {"option"}:
        raise RejectedError("Alpaca takes packages of options alone.", "ability")
    (asset,) = assets
    if intent.kind not in kinds_for(intent, ABILITIES):
        raise RejectedError(f"Alpaca takes no {intent.kind} orders on {asset}.", "ability")
    if intent.time_in_force not in ABILITIES.times[asset]:
        taken = " or ".join(sorted(ABILITIES.times[asset]))
        raise RejectedError(
            f"Alpaca takes no {intent.time_in_force} orders on {asset}: {taken}.", "ability"
        )
    if intent.quantity == int(intent.quantity):
        return
    if asset not in ABILITIES.fractions:
        raise RejectedError("Alpaca trades whole contracts.", "ability")
    if asset == "equity" and (intent.time_in_force != "day" or intent.kind == "trailing_stop"):
        raise RejectedError("Fractions of shares are day orders, without a trail.", "ability")


def body_of(request: Request) -> dict[str, Any]:
    """Return the body of an order; exact numbers are text."""
    check(request)
    intent = request.intent
    body: dict[str, Any] = {
        "client_order_id": request.client_order_id, "type": intent.kind,
        "time_in_force": intent.time_in_force, **_prices(intent),
    }  # fmt: skip
    if len(intent.legs) > 1:
        legs = [
            {"symbol": leg.symbol, "ratio_qty": str(abs(leg.ratio)), "side": _side(leg),
             "position_intent": _purpose(leg, closing)}
            for leg, closing in zip(intent.legs, request.closing, strict=True)
        ]  # fmt: skip
        return body | {"order_class": "mleg", "qty": plain(intent.quantity), "legs": legs}
    (leg,) = intent.legs
    body |= {"symbol": leg.symbol, "side": _side(leg),
             "qty": plain(intent.quantity * abs(leg.ratio))}  # fmt: skip
    if asset_of(leg.symbol) == "option":
        body["position_intent"] = _purpose(leg, request.closing[0])
    group = _group_of(request)
    if group.get("order_class") == "oco":
        del body["limit_price"]  # it is the target's
    return body | group


def _group_of(request: Request) -> dict[str, Any]:
    """Return what makes an order a group: its class, and its exits by what they are."""
    exits = {"take_profit" if one.kind == "limit" else "stop_loss": _prices(one)
             for one in request.exits}  # fmt: skip
    if not exits:
        return {}
    intent = request.intent
    if request.exits[0].legs == intent.legs:  # both leave: the order itself is the target
        return {"order_class": "oco", "take_profit": _prices(intent), **exits}
    return {"order_class": "bracket" if len(exits) == 2 else "oto", **exits}


def change_of(request: Request) -> dict[str, Any]:
    """Return the body that changes an order into another."""
    check(request)
    intent = request.intent
    prices = _prices(intent)
    if "trail_price" in prices:
        prices["trail"] = prices.pop("trail_price")
    if request.prices_only:
        return {"client_order_id": request.client_order_id, **prices}
    return {
        "client_order_id": request.client_order_id, "time_in_force": intent.time_in_force,
        "qty": plain(intent.quantity * (abs(intent.legs[0].ratio) if len(intent.legs) == 1 else 1)),
        **prices,
    }  # fmt: skip


def _prices(intent: Intent) -> dict[str, str]:
    named = {"limit_price": intent.limit_price, "stop_price": intent.stop_price,
             "trail_price": intent.trail}  # fmt: skip
    return {name: plain(value) for name, value in named.items() if value is not None}


def _side(leg: Leg) -> str:
    return "buy" if leg.ratio > 0 else "sell"


def _purpose(leg: Leg, closing: bool) -> str:
    return f"{_side(leg)}_to_{'close' if closing else 'open'}"
