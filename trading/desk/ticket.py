"""The order ticket as it stands in an address or a form: legs by expiry and strike."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from market import occ
from trading.brokers.symbols import asset_of, usual_time
from trading.desk.bracket import BRACKET, NAMES, OCO, Exits, exits_of
from trading.desk.marks import Marks
from trading.ledger.book import LedgerError, fits
from trading.orders.intents import MOST_LEGS, OrderError

SHAPES: Final = {
    "shares": "Shares",
    "call": "Call",
    "put": "Put",
    "debit": "Debit call spread",
    "credit": "Credit put spread",
    "straddle": "Straddle",
    "condor": "Iron condor",
}
_LEGS: Final = {
    "shares": (("buy", "share", 0),),
    "call": (("buy", "call", 0),),
    "put": (("buy", "put", 0),),
    "debit": (("buy", "call", 0), ("sell", "call", 2)),
    "credit": (("sell", "put", -1), ("buy", "put", -3)),
    "straddle": (("buy", "call", 0), ("buy", "put", 0)),
    "condor": (("buy", "put", -5), ("sell", "put", -3), ("sell", "call", 3), ("buy", "call", 5)),
}
"""Side, right, and how many strikes from the spot, of each shape."""
_DAYS: Final = 7
"""A shape takes the first expiry that is so many days away, where there is one."""
_FIELDS: Final = ("account", "underlying", "quantity", "kind", "time_in_force", "limit_price",
                  "stop_price", "trail", "intent_id", "exits", "take_profit", "stop_loss",
                  "stop_trail")  # fmt: skip
EXITS: Final = {"": "None", BRACKET: "Once it is filled", OCO: "A stop beside it"}
"""What may go with an order."""
EXIT_FIELDS: Final = {"take_profit": "take_profit", "stop_loss": "stop_loss", "trail": "stop_trail"}
"""The field of each exit's price."""
_LEG_FIELDS: Final = ("side", "right", "expiry", "strike", "ratio")
_LONGEST: Final = 80


@dataclass(slots=True)
class Ticket:
    """What was typed, as text. A leg without a side is not there."""

    fields: dict[str, str]
    legs: list[dict[str, str]] = field(default_factory=list)

    @property
    def filled(self) -> list[tuple[int, dict[str, str]]]:
        """The legs that are there, with their places."""
        return [(place, leg) for place, leg in enumerate(self.legs) if leg["side"]]


def read(given: Mapping[str, str]) -> Ticket:
    """Return the ticket of an address or a form."""

    def text(name: str) -> str:
        return str(given.get(name, ""))[:_LONGEST].replace("\x00", "").strip()

    legs = [{name: text(f"{name}{place}") for name in _LEG_FIELDS} for place in range(MOST_LEGS)]
    made = {name: text(name) for name in _FIELDS}
    made["underlying"] = made["underlying"].upper()
    defaults = {
        "quantity": "1", "kind": "limit", "time_in_force": usual_time(made["underlying"]),
    }  # fmt: skip
    return Ticket({**made, **{k: v for k, v in defaults.items() if not made[k]}}, legs)


def shaped(shape: str, ticket: Ticket, marks: Marks, today: dt.date) -> Ticket:
    """Return a ticket with the legs of a shape around the spot; as it was where there is none."""
    name = ticket.fields["underlying"]
    spot, ladder = marks.spot(name), strikes_of(marks.listed(name))
    wanted = _LEGS[shape]
    legs = []
    expiry = _usual(list(ladder), today)
    for side, right, steps in wanted:
        leg = {"side": side, "right": right, "expiry": "", "strike": "", "ratio": "1"}
        if right != "share":
            if spot is None or expiry is None:
                return ticket
            leg |= {"expiry": expiry.isoformat(), "strike": _strike(ladder[expiry], spot, steps)}
        legs.append(leg)
    empty = {"side": "", "right": "call", "expiry": "", "strike": "", "ratio": "1"}
    return Ticket(ticket.fields, [*legs, *(dict(empty) for _ in range(MOST_LEGS - len(legs)))])


def moved(ticket: Ticket, drawn: str, marks: Marks, today: dt.date) -> Ticket:
    """Return a ticket that was drawn of one underlying, as it is of another.

    What was typed stays where it can be meant: an expiry that is not listed gives way to the usual
    one, a strike to none, options of coins to coins, and the usual time to the usual time.
    """
    name = ticket.fields["underlying"]
    ladder = strikes_of(marks.listed(name))
    fields = dict(ticket.fields)
    if fields["time_in_force"] == usual_time(drawn):
        fields["time_in_force"] = usual_time(name)
    return Ticket(fields, [_moved_leg(leg, name, ladder, today) for leg in ticket.legs])


def _moved_leg(
    leg: Mapping[str, str], name: str, ladder: Mapping[dt.date, list[Decimal]], today: dt.date
) -> dict[str, str]:
    if is_coins(name) or leg["right"] == "share":
        return {**leg, "right": "share", "expiry": "", "strike": ""}
    listed = {day.isoformat(): day for day in ladder}
    usual = _usual(list(ladder), today)
    day = listed.get(leg["expiry"], usual)
    if day is None:
        return dict(leg)
    known = leg["strike"] in {f"{one:f}" for one in ladder[day]}
    return {**leg, "expiry": day.isoformat(), "strike": leg["strike"] if known else ""}


def is_coins(name: str) -> bool:
    """Return whether an underlying is a pair of coins, which has no options here."""
    return asset_of(name) == "crypto"


def shapes_of(name: str) -> dict[str, str]:
    """Return the shapes of an underlying, with what they are called."""
    return {"shares": "Coins"} if is_coins(name) else SHAPES


def strikes_of(listed: Sequence[occ.Contract]) -> dict[dt.date, list[Decimal]]:
    """Return the strikes of each expiry, both rising."""
    found: dict[dt.date, set[Decimal]] = {}
    for one in listed:
        found.setdefault(one.expiry, set()).add(one.strike)
    return {day: sorted(strikes) for day, strikes in sorted(found.items())}


def _usual(expiries: Sequence[dt.date], today: dt.date) -> dt.date | None:
    later = [day for day in expiries if (day - today).days >= _DAYS]
    return next(iter(later), expiries[-1] if expiries else None)


def _strike(ladder: Sequence[Decimal], spot: Decimal, steps: int) -> str:
    place = bisect_left(ladder, spot)
    if place and (place == len(ladder) or spot - ladder[place - 1] < ladder[place] - spot):
        place -= 1
    return f"{ladder[min(max(place + steps, 0), len(ladder) - 1)]:f}"


def wanted(ticket: Ticket, marks: Marks) -> dict[str, Any]:
    """Return the ticket as `asking.intent_of` takes it.

    Raises
    ------
    OrderError
        Naming the field, of a leg as `legs/2/strike`.
    """
    fields = ticket.fields
    if not ticket.filled:
        raise OrderError("legs", "Choose a side for one leg at least.")
    legs = [_leg(place, leg, fields["underlying"], marks) for place, leg in ticket.filled]
    prices = {
        name: _number(name, fields[name])
        for name in ("limit_price", "stop_price", "trail") if fields[name]
    }  # fmt: skip
    return {
        "legs": legs, "quantity": _number("quantity", fields["quantity"]), "kind": fields["kind"],
        "time_in_force": fields["time_in_force"], **prices,
    }  # fmt: skip


def exits(ticket: Ticket) -> Exits | None:
    """Return the exits that the ticket asks for; nothing that was typed is left out unsaid.

    Raises
    ------
    OrderError
        Naming the field of the ticket.
    """
    kind = ticket.fields["exits"]
    typed = {
        name: _number(field_name, ticket.fields[field_name])
        for name, field_name in EXIT_FIELDS.items() if ticket.fields[field_name]
    }  # fmt: skip
    if kind not in NAMES:
        if typed or kind:
            raise OrderError("exits", "Choose when they leave, or empty their prices.")
        return None
    if kind == OCO and "take_profit" in typed:
        raise OrderError("take_profit", "The order's own limit takes the profit: leave this empty.")
    return exits_of({kind: typed})


def field_of(path: str) -> str:
    """Return the ticket's field of a fault: `bracket/trail` is `stop_trail`."""
    kind, _, name = path.partition("/")
    if kind not in NAMES:
        return path
    return EXIT_FIELDS.get(name, "exits")


def _leg(place: int, leg: Mapping[str, str], name: str, marks: Marks) -> tuple[str, int]:
    where = f"legs/{place}"
    if leg["side"] not in ("buy", "sell"):
        raise OrderError(f"{where}/side", "Choose buy or sell.")
    ratio = leg["ratio"] or "1"
    if not (ratio.isascii() and ratio.isdecimal() and 0 < len(ratio) <= 3 and int(ratio)):
        raise OrderError(f"{where}/ratio", "Give a whole number above 0.")
    sign = 1 if leg["side"] == "buy" else -1
    if not name:
        raise OrderError("underlying", "Say of what.")
    if leg["right"] == "share":
        return name, sign * int(ratio)
    return _option(where, leg, name, marks), sign * int(ratio)


def _option(where: str, leg: Mapping[str, str], name: str, marks: Marks) -> str:
    if leg["right"] not in ("call", "put"):
        raise OrderError(f"{where}/right", "Choose shares, call or put.")
    try:
        expiry = dt.date.fromisoformat(leg["expiry"])
    except ValueError:
        raise OrderError(f"{where}/expiry", "Choose an expiry.") from None
    strike = _number(f"{where}/strike", leg["strike"])
    right = "C" if leg["right"] == "call" else "P"
    for one in marks.listed(name):
        if (one.expiry, one.strike, one.right) == (expiry, strike, right):
            return one.symbol
    try:
        return occ.from_parts(name, expiry, right, strike).symbol
    except occ.OccError as error:
        raise OrderError(f"{where}/strike", f"There is no such contract: {error}.") from None


def _number(field_name: str, text: str) -> Decimal:
    try:
        found = Decimal(text.replace(",", "").replace("\N{MINUS SIGN}", "-"))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise LedgerError(field_name, "Give a number.")
    fits(field_name, found)
    return found
