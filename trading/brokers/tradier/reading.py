"""What Tradier says, in our words. One of a list may come alone, none as the text "null"."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import structlog

from trading.brokers.protocol import (
    Activity,
    OutcomeUnknownError,
    VenueAccount,
    VenueOrder,
    VenuePosition,
)
from trading.brokers.symbols import adjusted, multiplier_of, root_of
from trading.brokers.tradier.slices import Slice, Sum
from trading.orders.machine import News
from trading.orders.venue import Event, Execution

SOURCE: Final = "tradier"
log = structlog.get_logger(__name__)
STATES: Final[Mapping[str, News]] = {
    **dict.fromkeys(("pending", "held", "accepted_for_bidding"), News.ACCEPTED),
    **dict.fromkeys(("open", "partially_filled", "filled", "calculated"), News.WORKING),
    "canceled": News.CANCELED, "expired": News.EXPIRED, "rejected": News.REJECTED,
    "error": News.REJECTED,
}  # fmt: skip
ENDED: Final = frozenset({"filled", "canceled", "expired", "rejected", "error"})
Payload = Mapping[str, Any]


def thing(given: Any, name: str) -> Payload:
    """Return an object of an answer; raise OutcomeUnknownError for none."""
    found = given.get(name) if isinstance(given, dict) else None
    if not isinstance(found, dict):
        raise OutcomeUnknownError(f"The broker's answer has no {name}.")
    return found


def rows(given: Any, outer: str, inner: str) -> list[Payload]:
    """Return a list of an answer; raise OutcomeUnknownError when it is none."""
    found = given.get(outer) if isinstance(given, dict) else None
    if found in ("null", None) and isinstance(given, dict) and outer in given:
        return []
    some = found.get(inner) if isinstance(found, dict) else None
    if isinstance(some, dict):
        return [some]
    if isinstance(some, list) and all(isinstance(one, dict) for one in some):
        return some
    raise OutcomeUnknownError(f"The broker's answer has no {outer}.")


def number(given: Payload, name: str) -> Decimal:
    """Return a number; raise OutcomeUnknownError for none."""
    value = given.get(name)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        read = Decimal(value)
        if read.is_finite():
            return read
    raise OutcomeUnknownError(f"The broker's {name} is no number.")


def words(given: Payload, name: str) -> str:
    """Return a text or a whole number as text; raise OutcomeUnknownError when it is missing."""
    value = given.get(name)
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return str(value)
    raise OutcomeUnknownError(f"The broker's answer has no {name}.")


def instant(given: Payload, name: str) -> dt.datetime:
    """Return an instant; raise OutcomeUnknownError for none."""
    try:
        read = dt.datetime.fromisoformat(words(given, name))
    except ValueError:
        raise OutcomeUnknownError(f"The broker's {name} is no time.") from None
    return read if read.tzinfo else read.replace(tzinfo=dt.UTC)


# --- orders -------------------------------------------------------------------------------------
def parts(order: Payload) -> list[Payload]:
    """Return what fills of an order: itself, or its legs."""
    legs = order.get("leg")
    if legs is None:
        return [order]
    return [legs] if isinstance(legs, dict) else list(legs)


def symbol_of(part: Payload) -> str:
    """Return the instrument of an order or a leg."""
    return str(part.get("option_symbol") or words(part, "symbol"))


def sums_of(order: Payload) -> dict[str, Sum]:
    """Return how much is filled of each instrument."""
    found = {}
    for part in parts(order):
        quantity = number(part, "exec_quantity")
        average = number(part, "avg_fill_price") if quantity else Decimal(0)
        found[symbol_of(part)] = Sum(quantity, quantity * average)
    return found


def order_of(order: Payload, slices: Mapping[str, list[Slice]]) -> VenueOrder:
    """Return an order with its news; fills before its end."""
    ident, tag = words(order, "id"), str(order.get("tag") or "")
    status = words(order, "status")
    news = STATES.get(status)
    if news is None:
        log.warning("unknown_order_status", broker=SOURCE, status=status, order=ident)
        news = News.ACCEPTED
    at = instant(order, "transaction_date" if order.get("transaction_date") else "create_date")
    state = Event(
        SOURCE, f"{ident}:{news}", news, at, client_order_id=tag, venue_order_id=ident,
        reason=str(order.get("reason_description") or "")[:200],
    )  # fmt: skip
    fills = [
        _fill(ident, tag, at, part, one) for part in parts(order)
        for one in slices.get(symbol_of(part), ())
    ]  # fmt: skip
    symbols = tuple(symbol_of(part) for part in parts(order))
    ended = status in ENDED
    told = (*fills, state) if ended else (state, *fills)
    return VenueOrder(ident, tag, symbols, open=not ended, news=told)


def _fill(ident: str, tag: str, at: dt.datetime, part: Payload, one: Slice) -> Event:
    symbol = symbol_of(part)
    side = words(part, "side")
    if not side.startswith(("buy", "sell")):
        raise OutcomeUnknownError("An order of the broker has no side that is known here.")
    sign = 1 if side.startswith("buy") else -1
    name = f"{ident}:{symbol}:{one.start.quantity.normalize():f}"
    return Event(
        SOURCE, name, News.FILL, at, client_order_id=tag, venue_order_id=ident,
        execution=Execution(name, symbol, sign * one.quantity, one.price, multiplier_of(symbol)),
    )  # fmt: skip


# --- the account --------------------------------------------------------------------------------
def position_of(given: Payload) -> VenuePosition:
    """Return a position."""
    symbol, quantity = words(given, "symbol"), number(given, "quantity")
    if not quantity:
        raise OutcomeUnknownError("A position of the broker has no quantity.")
    cost = number(given, "cost_basis")
    return VenuePosition(symbol, quantity, abs(cost / quantity) / multiplier_of(symbol))


def account_of(balances: Payload, profile: Payload, name: str) -> VenueAccount:
    """Return the account; the smaller buying power counts."""
    margin = balances.get("margin") or balances.get("pdt")
    if isinstance(margin, dict):
        powers = [number(margin, one) for one in ("option_buying_power", "stock_buying_power")]
    else:
        powers = [number(thing(balances, "cash"), "cash_available")]
    accounts = profile.get("account")
    listed = [accounts] if isinstance(accounts, dict) else list(accounts or ())
    mine = next((one for one in listed if one.get("account_number") == name), None)
    if mine is None:
        obstacles: tuple[str, ...] = ("the token does not open this account",)
        level = Decimal(0)
    else:
        active = mine.get("status") == "active"
        obstacles = () if active else (f"the account is {mine.get('status')}",)
        level = number(mine, "option_level") if mine.get("option_level") else Decimal(0)
    return VenueAccount(
        number(balances, "total_cash"), number(balances, "total_equity"), min(powers), int(level),
        obstacles, name,
    )  # fmt: skip


# --- what happened without an order -------------------------------------------------------------
_OPTION: Final = {
    "OPTEXP": "expiry", "OPTEXC": "exercise", "OPTASN": "assignment",
    "expiration": "expiry", "exercise": "exercise", "assignment": "assignment",
}  # fmt: skip
_CASH: Final = {"dividend": "dividend", "interest": "interest", "fee": "fee"}
_MONEY: Final = frozenset({"ach", "wire", "check", "journal", "transfer"})


def activities_of(given: Iterable[Payload]) -> list[Activity]:
    """Return what happened without an order, oldest first.

    Tradier gives no ids: an event's is a hash of what it says and of how many said so before it.
    A trade of the right shares at the strike on the day of an exercise or assignment belongs to it.
    """
    told = list(given)[::-1]
    seen: Counter[str] = Counter()
    trades = [one for one in told if one.get("type") == "trade"]
    found = []
    for one in told:
        text = json.dumps(one, sort_keys=True, default=str)
        seen[text] += 1
        if one.get("type") == "trade":
            continue
        name = hashlib.sha256(f"{seen[text]} {text}".encode()).hexdigest()[:32]
        activity = _activity(one, name)
        found.append(activity)
        if activity.kind in ("exercise", "assignment"):
            found.extend(_shares_of(activity, trades))
    return found


def _shares_of(option: Activity, trades: list[Payload]) -> list[Activity]:
    """Take the trade that an exercise or assignment made out of the list of trades."""
    strike = Decimal(option.symbol[-8:]) / 1000
    for trade in trades:
        said = thing(trade, "trade")
        symbol = str(trade.get("symbol") or said.get("symbol") or "")
        quantity, price = number(said, "quantity"), number(said, "price")
        if (
            symbol == root_of(option.symbol) and instant(trade, "date") == option.at
            and abs(quantity) == 100 * abs(option.quantity) and price == strike
        ):  # fmt: skip
            trades.remove(trade)
            return [Activity(
                f"{option.activity_id}-shares", option.kind, option.at, symbol, quantity, price,
                -quantity * price, option.group, f"shares of {option.text}",
            )]  # fmt: skip
    return []


def _activity(given: Payload, name: str) -> Activity:
    kind = words(given, "type")
    detail = given.get(kind)
    said: Payload = detail if isinstance(detail, dict) else {}
    cash = number(given, "amount")
    meant = _CASH.get(kind, "")
    if kind in _MONEY:
        meant = "deposit" if cash > 0 else "withdrawal"
    symbol = str(given.get("symbol") or said.get("symbol") or "")
    quantity = Decimal(0)
    if kind == "option":
        quantity = number(said, "quantity")
        # Without a symbol nobody can say what expired, nor what an adjusted contract delivered: a
        # person must look.
        meant = _OPTION.get(str(said.get("option_type")), "") if symbol else ""
        meant = "" if adjusted(symbol) and meant != "expiry" else meant
    text = " ".join(filter(None, (kind, str(said.get("description") or ""), symbol)))
    group = f"{str(given.get('date'))[:10]} {root_of(symbol)}" if kind == "option" else ""
    price = Decimal(0) if kind == "option" and meant else None
    return Activity(
        name, meant, instant(given, "date"), symbol, quantity, price, cash, group, text
    )  # fmt: skip
