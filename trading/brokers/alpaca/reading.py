"""What Alpaca says, in our words. Unknown words are kept and told, never dropped or guessed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import structlog

from trading.brokers.protocol import (
    Activity,
    OutcomeUnknownError,
    VenueAccount,
    VenueOrder,
    VenuePosition,
)
from trading.brokers.symbols import multiplier_of
from trading.orders.machine import News, exit_id
from trading.orders.venue import Event, Execution
from trading.scopes import underlying

SOURCE: Final = "alpaca"
log = structlog.get_logger(__name__)

STATES: Final[Mapping[str, News]] = {
    **dict.fromkeys(
        ("accepted", "pending_new", "accepted_for_bidding", "held", "pending_review"),
        News.ACCEPTED,
    ),
    **dict.fromkeys(
        ("new", "partially_filled", "filled", "pending_cancel", "pending_replace", "stopped",
         "suspended", "calculated", "done_for_day", "restated"),
        News.WORKING,
    ),
    "canceled": News.CANCELED, "expired": News.EXPIRED, "rejected": News.REJECTED,
    "replaced": News.REPLACED,
}  # fmt: skip
"""News of each status of an order."""
ENDED: Final = frozenset({"canceled", "expired", "rejected", "replaced", "filled"})
_END_TIMES: Final = {
    "canceled": "canceled_at", "expired": "expired_at", "rejected": "failed_at",
    "replaced": "replaced_at",
}  # fmt: skip
_QUOTED_IN: Final = ("USDT", "USDC", "USD", "BTC")
Payload = Mapping[str, Any]


GROUPS: Final = frozenset({"bracket", "oto", "oco"})
"""Classes of orders that have exits as orders of their own."""
EXIT: Final = "exit_of_group"
"""Mark of an exit, under the id that is ours."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is needed of an order to say whose a fill is."""

    client_order_id: str
    venue_order_id: str
    """Of the whole order, where the fill is a leg's."""
    symbol: str = ""
    """Of the leg, as orders write it: other lists write coins in other ways."""
    exit: bool = False
    """Whether it is an exit that came with another order."""


def number(given: Any, name: str) -> Decimal:
    """Return a number, which Alpaca writes as text; raise OutcomeUnknownError for none."""
    if isinstance(given, str | int | float) and not isinstance(given, bool):
        try:
            read = Decimal(str(given))
        except InvalidOperation:
            read = Decimal("NaN")
        if read.is_finite():
            return read
    raise OutcomeUnknownError(f"The broker's {name} is no number.")


def instant(given: Any, name: str) -> dt.datetime:
    """Return an instant; raise OutcomeUnknownError for none."""
    try:
        read = dt.datetime.fromisoformat(str(given))
    except ValueError:
        raise OutcomeUnknownError(f"The broker's {name} is no time.") from None
    return read if read.tzinfo else read.replace(tzinfo=dt.UTC)


def words(given: Payload, name: str) -> str:
    """Return a text that must be there; raise OutcomeUnknownError when it is not."""
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise OutcomeUnknownError(f"The broker's answer has no {name}.")
    return value


def rows(given: Any) -> list[Payload]:
    """Return a list of objects; raise OutcomeUnknownError for anything else."""
    if isinstance(given, list) and all(isinstance(one, dict) for one in given):
        return given
    raise OutcomeUnknownError("The broker's answer is no list.")


def thing(given: Any) -> Payload:
    """Return an object; raise OutcomeUnknownError for anything else."""
    if isinstance(given, dict):
        return given
    raise OutcomeUnknownError("The broker's answer is no object.")


# --- orders -------------------------------------------------------------------------------------
def legs_of(order: Payload) -> list[Payload]:
    """Return the legs of a package; exits of a bracket are orders of their own."""
    if order.get("order_class") != "mleg":
        return []
    return rows(order.get("legs") or [])


def lone(order: Payload) -> bool:
    """Return whether an order is of a group and does not say whose, or which exits it has."""
    return order.get("order_class") in GROUPS and not order.get("legs") and EXIT not in order


def family(order: Payload) -> list[Payload]:
    """Return an order and the exits nested in it, each under the id that is ours.

    Exits have ids of the broker's own, but for one that took another's place at our wish.
    """
    found = [order]
    if order.get("order_class") in GROUPS:
        lead = words(order, "client_order_id")
        for one in rows(order.get("legs") or []):
            kind = "limit" if one.get("stop_price") is None else "stop"
            name = words(one, "client_order_id") if one.get("replaces") else exit_id(lead, kind)
            found.append({**one, "client_order_id": name, EXIT: True})
    return found


def parts(order: Payload) -> list[Payload]:
    """Return what fills of an order: itself, or the legs of a package."""
    return legs_of(order) or [order]


def filled(order: Payload) -> Decimal:
    """Return how much is filled of an order, all its legs together."""
    sums = (number(one.get("filled_qty") or "0", "filled_qty") for one in parts(order))
    return sum(sums, Decimal(0))


def owners(order: Payload) -> dict[str, Known]:
    """Return whose the fills of an order are, by the id that they name."""
    client, ident = words(order, "client_order_id"), words(order, "id")
    return {
        words(one, "id"): Known(client, ident, str(one.get("symbol") or ""), EXIT in order)
        for one in parts(order)
    }


def state_event(order: Payload) -> Event:
    """Return what an order's status says.

    A status that is not known here says that the order is there; a person is told. An exit that
    is filled ends: the broker takes from one exit what another filled, so it may be less than
    was asked for.
    """
    status = words(order, "status")
    news = News.CANCELED if status == "filled" and EXIT in order else STATES.get(status)
    if news is None:
        log.warning("unknown_order_status", broker=SOURCE, status=status, order=order["id"])
        news = News.ACCEPTED
    at = order.get(_END_TIMES.get(status, "")) or order.get("updated_at")
    ident = words(order, "id")
    reason = {
        "rejected": "The broker rejected it after taking it.",
        "filled": "It filled, and the broker keeps nothing more of it." if EXIT in order else "",
    }.get(status, "")
    return Event(
        SOURCE, f"{ident}:{news}", news, instant(at, "time"),
        client_order_id=words(order, "client_order_id"), venue_order_id=ident, reason=reason,
    )  # fmt: skip


def order_of(order: Payload, fills: Iterable[Event]) -> VenueOrder:
    """Return an order with all its news.

    Its end is told once all its fills are: they may be listed later than it ends.
    """
    told = list(fills)
    state = state_event(order)
    listed = sum((abs(one.execution.quantity) for one in told if one.execution), Decimal(0))
    complete = listed >= filled(order)
    ended = words(order, "status") in ENDED
    if ended and not complete:
        state = state_event({**order, "status": "new"})
    symbols = tuple(str(one.get("symbol")) for one in parts(order))
    news = (*told, state) if ended else (state, *told)
    return VenueOrder(
        words(order, "id"), words(order, "client_order_id"), symbols,
        open=not (ended and complete), news=news,
    )  # fmt: skip


def fill_of(activity: Payload, known: Known | None) -> Event:
    """Return a fill out of an activity: its own quantity and price, under the activity's id."""
    order_id = words(activity, "order_id")
    symbol = (known.symbol if known else "") or words(activity, "symbol")
    sign = {"buy": 1, "sell": -1, "sell_short": -1}.get(str(activity.get("side")))
    if sign is None:
        raise OutcomeUnknownError("A fill of the broker has no side that is known here.")
    ident = words(activity, "id")
    return Event(
        SOURCE, ident, News.FILL, instant(activity.get("transaction_time"), "transaction_time"),
        client_order_id=known.client_order_id if known else "",
        venue_order_id=known.venue_order_id if known else order_id,
        execution=Execution(
            ident, symbol, sign * abs(number(activity.get("qty"), "qty")),
            number(activity.get("price"), "price"), multiplier_of(symbol),
        ),
    )  # fmt: skip


# --- the account --------------------------------------------------------------------------------
def position_of(given: Payload) -> VenuePosition:
    """Return a position."""
    symbol = words(given, "symbol")
    if given.get("asset_class") == "crypto" and "/" not in symbol:
        symbol = _with_slash(symbol)
    size = abs(number(given.get("qty"), "qty"))
    side = given.get("side")
    if side not in ("long", "short"):
        raise OutcomeUnknownError("A position of the broker is neither long nor short.")
    price = number(given.get("avg_entry_price"), "avg_entry_price")
    return VenuePosition(symbol, size if side == "long" else -size, price)


def _with_slash(symbol: str) -> str:
    for coin in _QUOTED_IN:
        if symbol.endswith(coin) and symbol != coin:
            return f"{symbol.removesuffix(coin)}/{coin}"
    return symbol


def account_of(given: Payload) -> VenueAccount:
    """Return the account. The smaller buying power counts; fields may be missing."""
    powers = [number(given[name], name) for name in ("buying_power", "options_buying_power")
              if given.get(name) is not None]  # fmt: skip
    obstacles = []
    if given.get("status") != "ACTIVE":
        obstacles.append(f"the account is {given.get('status')}")
    for name in ("trading_blocked", "account_blocked", "trade_suspended_by_user"):
        if given.get(name):
            obstacles.append(name.replace("_", " "))
    level = given.get("options_trading_level")
    return VenueAccount(
        number(given.get("cash"), "cash"), number(given.get("equity"), "equity"),
        min(powers, default=Decimal(0)), int(number(level or 0, "options_trading_level")),
        tuple(obstacles), str(given.get("account_number") or ""),
    )  # fmt: skip


# --- what happened without an order -------------------------------------------------------------
_KINDS: Final = {
    "OPEXP": "expiry", "OPEXC": "exercise", "OPASN": "assignment", "OPCSH": "settlement",
    "DIV": "dividend", "DIVCGL": "dividend", "DIVCGS": "dividend", "DIVNRA": "dividend",
    "DIVROC": "dividend", "DIVTXEX": "dividend", "DIVWH": "dividend", "INT": "interest",
    "FEE": "fee", "PTC": "fee", "CSD": "deposit", "CSW": "withdrawal", "CFEE": "adjustment",
}  # fmt: skip
"""Kinds of journal entry of Alpaca's kinds of activity. CFEE takes a fee in the coin itself."""
_MOVING: Final = frozenset({"OPEXP", "OPEXC", "OPASN", "OPTRD", "CFEE"})


def activities_of(given: Iterable[Payload]) -> list[Activity]:
    """Return activities in our words.

    The shares that an exercise or assignment traded have its kind and its group.
    """
    read = [one for one in given if one.get("activity_type") != "FILL"]
    kinds = {_group(one): _KINDS[str(one["activity_type"])] for one in read
             if one.get("activity_type") in ("OPEXC", "OPASN")}  # fmt: skip
    return [_activity(one, kinds) for one in read]


def _activity(given: Payload, kinds: Mapping[str, str]) -> Activity:
    kind = words(given, "activity_type")
    group = _group(given) if kind.startswith("OP") else ""
    cash = number(given.get("net_amount") or "0", "net_amount")
    meant = kinds.get(group, "") if kind == "OPTRD" else _KINDS.get(kind, "")
    if kind == "JNLC":
        meant = "deposit" if cash > 0 else "withdrawal"
    if given.get("status") not in (None, "executed"):
        meant = ""
    moves = kind in _MOVING or not meant
    quantity = number(given.get("qty") or "0", "qty") if moves else Decimal(0)
    price = number(given["price"], "price") if given.get("price") else None
    symbol = str(given.get("symbol") or "")
    text = " ".join(filter(None, (kind, str(given.get("description") or ""), symbol)))
    return Activity(
        words(given, "id"), meant, _when(given), symbol, quantity,
        Decimal(0) if price is None and quantity and meant else price, cash, group, text,
    )  # fmt: skip


def _group(given: Payload) -> str:
    """Return what joins an option with the shares that it traded: a group, else day and name."""
    if given.get("group_id"):
        return str(given["group_id"])
    return f"{given.get('date')} {underlying(str(given.get('symbol') or ''))}"


def _when(given: Payload) -> dt.datetime:
    if given.get("transaction_time"):
        return instant(given["transaction_time"], "transaction_time")
    return instant(given.get("date"), "date")
