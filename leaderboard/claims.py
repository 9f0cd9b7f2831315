"""What a bot says it traded: read field by field, and held against what it said before."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from django.utils.dateparse import parse_datetime

from market import occ

Kind = Literal["option", "equity", "crypto"]
OPTION_ACTIONS: Final = ("BUY_CALL", "SELL_CALL", "BUY_PUT", "SELL_PUT")
UNIT_ACTIONS: Final = ("BUY", "SELL", "SHORT", "COVER")
SPREAD: Final = "SPREAD"
ACTIONS: Final = (*OPTION_ACTIONS, *UNIT_ACTIONS, SPREAD)
FIELDS: Final = (
    "client_trade_id", "action", "symbol", "quantity", "price", "legs", "fee", "executed_at",
    "pnl", "execution",
)  # fmt: skip
MOST_LEGS: Final = 8
MULTIPLIER: Final = {"option": 100, "equity": 1, "crypto": 1}
_EQUITY = re.compile(r"[A-Z][A-Z0-9.\-]{0,11}", re.ASCII)
_PAIR = re.compile(r"[A-Z0-9]{2,10}/[A-Z0-9]{2,10}", re.ASCII)
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,64}")
_PLACES: Final = {"quantity": (18, 12), "price": (12, 8), "fee": (12, 8), "pnl": (16, 8)}
"""Digits before and behind the point of each number."""
_YEARS: Final = (2000, 2100)


class ClaimError(ValueError):
    """Fields that cannot be read, each with what is wrong and what to give."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in faults.items()))
        self.faults = dict(faults)


@dataclass(frozen=True, slots=True)
class Leg:
    """One contract, share or coin that was bought or sold."""

    action: str
    symbol: str
    kind: Kind
    quantity: Decimal
    price: Decimal

    @property
    def signed(self) -> Decimal:
        """The quantity, below zero when it was sold."""
        return self.quantity if self.action.startswith(("BUY", "COVER")) else -self.quantity

    @property
    def underlying(self) -> str:
        """Whose snapshots hold its quote."""
        if self.kind != "option":
            return self.symbol
        return occ.rule(occ.parse(self.symbol).root).underlying

    def stored(self) -> dict[str, str]:
        """Return the leg as JSON keeps it."""
        return {
            "action": self.action,
            "symbol": self.symbol,
            "kind": self.kind,
            "quantity": plain(self.quantity),
            "price": plain(self.price),
        }


@dataclass(frozen=True, slots=True)
class Execution:
    """Names an execution that a source inside the house or at a broker can confirm."""

    source: str
    reference: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One trade as a bot reports it."""

    client_trade_id: str
    action: str
    symbol: str
    legs: tuple[Leg, ...]
    fee: Decimal
    executed_at: dt.datetime | None
    pnl: Decimal | None
    execution: Execution | None


def plain(value: Decimal) -> str:
    """Return a number without exponent and needless zeros."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "0") else text


def _behind(value: Decimal) -> int:
    """Return the digits behind the point, zeros at the end not counted."""
    digits, exponent = value.as_tuple().digits, int(value.as_tuple().exponent)
    zeros = next((place for place, digit in enumerate(reversed(digits)) if digit), len(digits))
    return max(0, -exponent - zeros)


def fee_counted(said: Decimal, seen: str | None) -> Decimal:
    """Return the fee that a trade is ranked with: no less than what a source saw it cost."""
    return said if seen is None else max(said, Decimal(seen))


def leg_of(stored: Mapping[str, str]) -> Leg:
    """Return a leg that was stored."""
    return Leg(
        stored["action"],
        stored["symbol"],
        stored["kind"],  # type: ignore[arg-type]
        Decimal(stored["quantity"]),
        Decimal(stored["price"]),
    )


def read(body: Any) -> Claim:
    """Return the claim that a body makes; ClaimError names every field that is wrong."""
    if not isinstance(body, Mapping):
        raise ClaimError({"": "give an object with the fields of a trade"})
    faults = {
        str(name)[:60]: f"there is no such field; there are {', '.join(FIELDS)}"
        for name in body
        if name not in FIELDS
    }
    reader = _Reader(body, faults)
    claim = Claim(
        client_trade_id=reader.client_id(),
        action=reader.action(ACTIONS),
        symbol="",
        legs=(),
        fee=reader.number("fee", default=Decimal(0)) or Decimal(0),
        executed_at=reader.instant("executed_at"),
        pnl=reader.number("pnl", default=None),
        execution=reader.execution(),
    )
    symbol, legs = reader.legs(claim.action)
    if faults:
        raise ClaimError(faults)
    return Claim(
        claim.client_trade_id, claim.action, symbol, legs, claim.fee, claim.executed_at,
        claim.pnl, claim.execution,
    )  # fmt: skip


class _Reader:
    """Reads fields of one object and notes what is wrong with them."""

    def __init__(self, body: Mapping[str, Any], faults: dict[str, str], prefix: str = "") -> None:
        self.body, self.faults, self.prefix = body, faults, prefix

    def fault(self, name: str, text: str) -> None:
        self.faults.setdefault(f"{self.prefix}{name}", text)

    def text(self, name: str) -> str:
        value = self.body.get(name)
        if not isinstance(value, str) or not value.strip():
            self.fault(name, "give a text" if value is not None else "is missing")
            return ""
        return value.strip()

    def client_id(self) -> str:
        value = self.text("client_trade_id")
        if value and not _CLIENT_ID.fullmatch(value):
            self.fault("client_trade_id", "give 1 to 64 visible ASCII characters without spaces")
        return value

    def action(self, known: Sequence[str]) -> str:
        value = self.text("action").upper()
        if value and value not in known:
            self.fault("action", f"{value[:20]!r} is unknown; give one of {', '.join(known)}")
        return value

    def number(
        self, name: str, *, default: Decimal | None, above: bool = False, least: bool = False
    ) -> Decimal | None:
        value = self.body.get(name)
        if value is None:
            return default
        whole, behind = _PLACES[name]
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise InvalidOperation
            found = Decimal(str(value).strip())
            if not found.is_finite():
                raise InvalidOperation
        except InvalidOperation:
            self.fault(name, 'give a number, best as text such as "1.25"')
            return default
        found = found or Decimal(0)  # one zero, without the digits that it came with
        if (above and found <= 0) or (least and found < 0):
            self.fault(name, "give a number above 0" if above else "give 0 or more")
        elif found and (found.adjusted() >= whole or _behind(found) > behind):
            self.fault(name, f"give at most {whole} digits before the point and {behind} behind it")
        return found

    def instant(self, name: str) -> dt.datetime | None:
        value = self.body.get(name)
        if value is None:
            return None
        try:
            found = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            self.fault(name, "give an instant with its zone, such as 2026-11-20T14:31:05Z")
            return None
        if not _YEARS[0] <= found.year < _YEARS[1]:
            self.fault(name, f"give a year from {_YEARS[0]} to {_YEARS[1] - 1}")
            return None
        return found.astimezone(dt.UTC)

    def execution(self) -> Execution | None:
        value = self.body.get("execution")
        if value is None:
            return None
        given = value if isinstance(value, Mapping) else {}
        source, reference = given.get("source"), given.get("reference")
        fits = all(isinstance(one, str) and 0 < len(one) <= 120 for one in (source, reference))
        if not fits:
            self.fault("execution", "give source and reference as texts of up to 120 characters")
            return None
        return Execution(str(source), str(reference))

    def legs(self, action: str) -> tuple[str, tuple[Leg, ...]]:
        if action != SPREAD:
            if self.body.get("legs") is not None:
                self.fault("legs", f"only {SPREAD} has legs")
            leg = self.leg()
            return (leg.symbol, (leg,)) if leg else ("", ())
        for name in ("quantity", "price"):
            if self.body.get(name) is not None:
                self.fault(name, "a spread has it in each of its legs")
        return self.spread()

    def spread(self) -> tuple[str, tuple[Leg, ...]]:
        given = self.body.get("legs")
        if not isinstance(given, list) or not 2 <= len(given) <= MOST_LEGS:
            self.fault("legs", f"give a list of 2 to {MOST_LEGS} legs")
            return "", ()
        found = []
        for index, part in enumerate(given):
            if not isinstance(part, Mapping):
                self.fault(f"legs/{index}", "give an object with action, symbol, quantity, price")
                continue
            reader = _Reader(part, self.faults, f"legs/{index}/")
            reader.action((*OPTION_ACTIONS, *UNIT_ACTIONS))
            leg = reader.leg()
            if leg is not None:
                found.append(leg)
        if len(found) != len(given):
            return "", ()
        if len({(leg.symbol, leg.signed > 0) for leg in found}) != len(found):
            self.fault("legs", "one contract stands twice on the same side; add its quantities up")
        underlyings = {leg.underlying for leg in found}
        if len(underlyings) > 1:
            self.fault(
                "legs", f"all legs have one underlying, not {', '.join(sorted(underlyings))}"
            )
        return found[0].underlying, tuple(found)

    def leg(self) -> Leg | None:
        before = len(self.faults)
        action = str(self.body.get("action", "")).strip().upper()
        symbol, kind = self.instrument(action)
        quantity = self.number("quantity", default=None, above=True)
        price = self.number("price", default=None, least=True)
        for name, value in (("quantity", quantity), ("price", price)):
            if value is None:
                self.fault(name, "is missing")
        if quantity is not None and kind == "option" and quantity != quantity.to_integral_value():
            self.fault("quantity", "give whole contracts")
        if len(self.faults) > before or quantity is None or price is None or not symbol:
            return None
        return Leg(action, symbol, kind, quantity, price)

    def instrument(self, action: str) -> tuple[str, Kind]:
        text = self.text("symbol").upper()
        if action in OPTION_ACTIONS:
            return self.option(action, text), "option"
        if "/" in text:
            if not _PAIR.fullmatch(text):
                self.fault("symbol", "give a pair such as BTC/USD")
            return text, "crypto"
        if text and action in UNIT_ACTIONS and not _EQUITY.fullmatch(text):
            self.fault("symbol", "give a symbol such as SPY, or a pair such as BTC/USD")
        return text, "equity"

    def option(self, action: str, text: str) -> str:
        if not text:
            return ""
        try:
            contract = occ.parse(text)
        except occ.OccError:
            self.fault("symbol", "give the contract's OCC symbol, such as SPY261218C00500000")
            return ""
        if contract.right != ("C" if action.endswith("CALL") else "P"):
            self.fault("symbol", f"{contract.symbol} is no {action.partition('_')[2].lower()}")
        return contract.symbol


def differing(stored: Mapping[str, Any], claim: Claim) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which a claim is not what was stored under its id: (stored, given)."""
    given = facts(claim)
    return {name: (stored[name], given[name]) for name in given if stored[name] != given[name]}


def facts(claim: Claim) -> dict[str, Any]:
    """Return what a claim says, as JSON that can be compared."""
    return {
        "action": claim.action,
        "symbol": claim.symbol,
        "legs": [leg.stored() for leg in claim.legs],
        "fee": plain(claim.fee),
        "executed_at": None if claim.executed_at is None else claim.executed_at.isoformat(),
        "pnl": None if claim.pnl is None else plain(claim.pnl),
    }
