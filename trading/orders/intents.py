"""What somebody wants to trade, and whether it is an order at all. Whether it may: the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import gcd
from typing import Any, Final

from trading.ledger.book import LedgerError, fits, plain

KINDS: Final = {
    "limit": {"limit_price"},
    "market": set(),
    "stop": {"stop_price"},
    "stop_limit": {"limit_price", "stop_price"},
    "trailing_stop": {"trail"},
}
"""Which prices each kind of order has."""
TIMES: Final = ("day", "gtc", "ioc", "fok")
MOST_LEGS: Final = 4
LONGEST_INTENT: Final = 80
LONGEST_SYMBOL: Final = 32


class OrderError(LedgerError):
    """An order that cannot be: `field` names the part and the text the remedy."""


@dataclass(frozen=True, slots=True)
class Leg:
    """An instrument and how many of it a unit buys (above zero) or sells."""

    symbol: str
    ratio: int
    multiplier: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wanted: units of one leg, or of a package of legs that fill together or not at all.

    A package has a net price: above zero it is paid, below zero received.
    """

    intent_id: str
    legs: tuple[Leg, ...]
    quantity: Decimal
    kind: str = "limit"
    time_in_force: str = "day"
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    origin: str = "user"

    def as_json(self) -> dict[str, Any]:
        """Return it with exact numbers as text."""
        prices = {name: getattr(self, name) for name in ("limit_price", "stop_price", "trail")}
        return {
            "legs": [[one.symbol, one.ratio, plain(one.multiplier)] for one in self.legs],
            "quantity": plain(self.quantity), "kind": self.kind,
            "time_in_force": self.time_in_force, "origin": self.origin,
        } | {name: plain(value) for name, value in prices.items() if value is not None}  # fmt: skip


def of_json(intent_id: str, body: Mapping[str, Any]) -> Intent:
    """Return the intent that `as_json` gave."""
    prices = ("limit_price", "stop_price", "trail")
    return Intent(
        intent_id,
        tuple(Leg(symbol, ratio, Decimal(many)) for symbol, ratio, many in body["legs"]),
        Decimal(body["quantity"]), body["kind"], body["time_in_force"], origin=body["origin"],
        **{name: Decimal(body[name]) for name in prices if name in body},
    )  # fmt: skip


def check(intent: Intent) -> None:
    """Raise OrderError when an intent is no order."""
    if not 0 < len(intent.intent_id) <= LONGEST_INTENT:
        raise OrderError("intent_id", f"Give 1 to {LONGEST_INTENT} characters.")
    fits("quantity", intent.quantity)
    if intent.quantity <= 0:
        raise OrderError("quantity", "Give a quantity above 0; legs say whether they are sold.")
    if intent.kind not in KINDS:
        raise OrderError("kind", f"Give one of {', '.join(KINDS)}.")
    if intent.time_in_force not in TIMES:
        raise OrderError("time_in_force", f"Give one of {', '.join(TIMES)}.")
    _check_legs(intent)
    _check_prices(intent)


def _check_legs(intent: Intent) -> None:
    legs = intent.legs
    if not 1 <= len(legs) <= MOST_LEGS:
        raise OrderError("legs", f"Give 1 to {MOST_LEGS} legs.")
    for place, leg in enumerate(legs):
        _check_leg(f"legs/{place}", leg)
    if len({leg.symbol for leg in legs}) != len(legs):
        raise OrderError("legs", "Name each instrument once.")
    if gcd(*(leg.ratio for leg in legs)) != 1:
        raise OrderError("legs", "Give the smallest whole ratios, and the rest as quantity.")
    if len(legs) > 1 and intent.quantity != int(intent.quantity):
        raise OrderError("quantity", "A package is traded in whole units.")


def _check_leg(where: str, leg: Leg) -> None:
    fits(f"{where}/multiplier", leg.multiplier)
    if not leg.symbol or leg.ratio == 0 or leg.multiplier <= 0:
        raise OrderError(where, "Give a symbol, a ratio and a multiplier above 0.")
    if len(leg.symbol) > LONGEST_SYMBOL:
        raise OrderError(f"{where}/symbol", f"A symbol has at most {LONGEST_SYMBOL} characters.")


def _check_prices(intent: Intent) -> None:
    needed = KINDS[intent.kind]
    for name in ("limit_price", "stop_price", "trail"):
        value = getattr(intent, name)
        if (value is not None) != (name in needed):
            verb = "needs a" if name in needed else "has no"
            words = f"A {intent.kind} order {verb} {name}.".replace("_", " ")
            raise OrderError(name, words)
        if value is None:
            continue
        fits(name, value)
        if value <= 0 and (len(intent.legs) == 1 or name == "trail"):
            raise OrderError(name, "Give a price above 0.")
