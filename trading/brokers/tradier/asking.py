"""What Tradier can do, and how an order of ours is written for it."""

from __future__ import annotations

from typing import Final

from trading.brokers.protocol import Abilities, RejectedError, Request
from trading.brokers.symbols import (
    asset_of,
    check_deliverables,
    check_group,
    kinds_for,
    root_of,
)
from trading.ledger.book import plain
from trading.orders.intents import Leg

_KINDS: Final = frozenset({"limit", "market", "stop", "stop_limit"})
_TIMES: Final = frozenset({"day", "gtc"})
ABILITIES: Final = Abilities(
    assets=frozenset({"equity", "option"}),
    kinds={"equity": _KINDS, "option": _KINDS},
    times={"equity": _TIMES, "option": _TIMES},
    packages=frozenset({"limit", "market"}),
    streams=True,
)
_TAG: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")


def check(request: Request) -> None:
    """Raise RejectedError for what Tradier would refuse whatever the account."""
    check_deliverables(request)
    check_group(request, ABILITIES)
    intent = request.intent
    assets = {asset_of(leg.symbol) for leg in intent.legs}
    if not assets <= ABILITIES.assets:
        raise RejectedError("Tradier trades shares and options.", "ability")
    package = len(intent.legs) > 1
    if package and (assets != {"option"} or len({root_of(leg.symbol) for leg in intent.legs}) > 1):
        raise RejectedError("Tradier takes packages of one underlying's options.", "ability")
    if intent.kind not in kinds_for(intent, ABILITIES):
        raise RejectedError(f"Tradier takes no {intent.kind} orders like this.", "ability")
    if intent.time_in_force not in _TIMES:
        raise RejectedError(f"Tradier takes no {intent.time_in_force} orders.", "ability")
    if intent.quantity != int(intent.quantity):
        raise RejectedError("Tradier trades whole shares and contracts.", "ability")
    if not set(request.client_order_id) <= _TAG:
        raise RejectedError("Tradier's tags have letters, digits and hyphens.", "ability")


def form_of(request: Request) -> dict[str, str]:
    """Return the form of an order. Our id is its tag."""
    check(request)
    intent = request.intent
    form = {
        "tag": request.client_order_id, "duration": intent.time_in_force, "type": intent.kind,
    }  # fmt: skip
    if len(intent.legs) > 1:
        return form | _package(request)
    (leg,) = intent.legs
    if intent.limit_price is not None:
        form["price"] = plain(intent.limit_price)
    if intent.stop_price is not None:
        form["stop"] = plain(intent.stop_price)
    option = asset_of(leg.symbol) == "option"
    form |= {
        "class": "option" if option else "equity", "symbol": root_of(leg.symbol),
        "side": _side(leg, request.closing[0]), "quantity": plain(intent.quantity * abs(leg.ratio)),
    }  # fmt: skip
    return form | ({"option_symbol": leg.symbol} if option else {})


def _package(request: Request) -> dict[str, str]:
    """Return legs and net price: debit and credit are kinds of order, prices without a sign."""
    intent = request.intent
    form = {"class": "multileg", "symbol": root_of(intent.legs[0].symbol)}
    price = intent.limit_price
    if price is not None:
        form["type"] = "debit" if price > 0 else "credit" if price < 0 else "even"
    if price:
        form["price"] = plain(abs(price))
    for place, (leg, closing) in enumerate(zip(intent.legs, request.closing, strict=True)):
        form[f"option_symbol[{place}]"] = leg.symbol
        form[f"side[{place}]"] = _side(leg, closing)
        form[f"quantity[{place}]"] = plain(intent.quantity * abs(leg.ratio))
    return form


def _side(leg: Leg, closing: bool) -> str:
    if asset_of(leg.symbol) == "option":
        verb = "buy" if leg.ratio > 0 else "sell"
        return f"{verb}_to_{'close' if closing else 'open'}"
    if leg.ratio > 0:
        return "buy_to_cover" if closing else "buy"
    return "sell" if closing else "sell_short"
