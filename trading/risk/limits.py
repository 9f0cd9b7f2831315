"""The limits of an account, in one table: by plan, by account class, and as its owner set them.

Paper accounts begin at their plan's column, live ones at the default. An owner may ask for less at
once, and for more up to the plan's column. Every limit is a most, so of several the least holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

from accounts.plans import FREE, PRO, PRO_PLUS
from quant.account_classes import AccountClass
from trading.ledger.book import LedgerError
from trading.scopes import KINDS, Scope

D = Decimal


class LimitError(LedgerError):
    """A limit that cannot be: `field` names it and the text the remedy."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may do at most. Shares are of equity, 0.01 for 1 %.

    Attributes
    ----------
    orders_a_second, orders_a_minute, orders_a_day : Decimal
        Orders that the gate lets pass; leaving a position is not counted by the day.
    contracts : Decimal
        Of one leg of an order; of shares a hundred count as one.
    order_loss, open_loss, underlying_loss, today_loss : Decimal
        Greatest loss of an order; of all that is open; of one underlying; of what expires today.
    reduce_loss, halt_loss : Decimal
        Loss of the day, of its first equity, from which nothing is opened; from which it halts.
    drawdown : Decimal
        Fall from the highest equity from which nothing is opened.
    repeats : Decimal
        Orders of one signature (instruments, sides, quantity) in a minute.
    refusals : Decimal
        Refusals by the broker one after the other from which it halts.
    held : Decimal
        Contracts of one underlying that are open.
    delta, gamma, vega, theta : Decimal
        $ delta; its change for a move of 1 %; $ a vol point; $ a day.
    notional : Decimal
        Times the median of the orders of 20 days.
    interest, displayed : Decimal
        Share of the open interest; times the displayed size.
    """

    orders_a_second: Decimal
    orders_a_minute: Decimal
    orders_a_day: Decimal
    contracts: Decimal
    order_loss: Decimal
    open_loss: Decimal
    underlying_loss: Decimal
    today_loss: Decimal
    reduce_loss: Decimal
    halt_loss: Decimal
    drawdown: Decimal
    repeats: Decimal
    refusals: Decimal
    held: Decimal
    delta: Decimal
    gamma: Decimal
    vega: Decimal
    theta: Decimal
    notional: Decimal
    interest: Decimal
    displayed: Decimal


class Row(NamedTuple):
    """One limit: where a live account begins, the most of each plan, and the most of all."""

    default: Decimal
    free: Decimal
    pro: Decimal
    pro_plus: Decimal
    cap: Decimal


def _row(*values: str) -> Row:
    return Row(*map(D, values))


TABLE: Final[Mapping[str, Row]] = {
    "orders_a_second": _row("1", "1", "1", "2", "5"),
    "orders_a_minute": _row("20", "20", "20", "60", "120"),
    "orders_a_day": _row("200", "200", "200", "500", "2000"),
    "contracts": _row("1", "10", "10", "25", "100"),
    "order_loss": _row("0.01", "0.01", "0.02", "0.05", "0.10"),
    "open_loss": _row("0.10", "0.10", "0.15", "0.25", "0.50"),
    "underlying_loss": _row("0.05", "0.05", "0.10", "0.15", "0.30"),
    "today_loss": _row("0.02", "0.02", "0.05", "0.10", "0.20"),
    "reduce_loss": _row("0.02", "0.02", "0.03", "0.05", "0.10"),
    "halt_loss": _row("0.03", "0.03", "0.05", "0.08", "0.10"),
    "drawdown": _row("0.10", "0.10", "0.15", "0.25", "0.50"),
    "repeats": _row("3", "3", "3", "5", "10"),
    "refusals": _row("5", "5", "5", "5", "10"),
    "held": _row("5", "50", "50", "125", "500"),
    "delta": _row("1", "2", "2", "3", "5"),
    "gamma": _row("1", "2", "3", "5", "10"),
    "vega": _row("0.005", "0.01", "0.01", "0.02", "0.05"),
    "theta": _row("0.01", "0.02", "0.02", "0.04", "0.10"),
    "notional": _row("5", "5", "5", "5", "10"),
    "interest": _row("0.05", "0.05", "0.05", "0.05", "0.10"),
    "displayed": _row("3", "3", "3", "3", "5"),
}
"""RELIABILITY's table; what it does not name (held, Greeks, concentration) is this house's."""
assert tuple(TABLE) == tuple(one.name for one in fields(Limits))  # noqa: S101 - one table, one type

_COUNTS: Final = frozenset(
    {"orders_a_second", "orders_a_minute", "orders_a_day", "contracts", "repeats", "refusals",
     "held"}
)  # fmt: skip
_COLUMN: Final = {FREE: 1, PRO: 2, PRO_PLUS: 3}


def most(name: str, plan: str) -> Decimal:
    """Return the most that somebody with a plan may set; a plan that is not known counts as Free.

    Raises
    ------
    LimitError
        When there is no such limit.
    """
    row = TABLE.get(name)
    if row is None:
        raise LimitError("limit", f"There is no limit {name!r}; choose of {', '.join(TABLE)}.")
    return min(row[_COLUMN.get(plan, 1)], row.cap)


def check(name: str, value: Decimal, plan: str) -> None:
    """Raise LimitError unless a limit may have a value under a plan."""
    largest = most(name, plan)
    if not (isinstance(value, Decimal) and value.is_finite() and value >= 0):
        raise LimitError(name, "Give a number of 0 or more.")
    if value > largest:  # before it is counted: a number of a million digits takes minutes
        raise LimitError(name, f"Give at most {largest}, which is what this plan allows.")
    if name in _COUNTS and value != int(value):
        raise LimitError(name, "Give a whole number.")


def raises(name: str, value: Decimal, before: Decimal) -> bool:
    """Return whether a value lets more pass than the one before: that needs more than lowering."""
    return value > before and name in TABLE


def effective(
    plan: str, *, live: bool, settings: Iterable[tuple[Scope, str, str]] = (), own: Scope
) -> Limits:
    """Return the limits that hold for an order.

    Parameters
    ----------
    plan : str
    live : bool
    settings : of scope, limit and value as text
        What was set for the scopes that the order is in.
    own : Scope
        The account's: the one that may also ask for more than where it begins.

    Raises
    ------
    LimitError
        When something that was set is no limit: nothing is guessed, so nothing passes.
    """
    column = 0 if live else _COLUMN.get(plan, 1)
    values = {name: row[column] for name, row in TABLE.items()}
    told = sorted(settings, key=lambda one: (one[0] != own, KINDS.index(one[0].kind)))
    for scope, name, text in told:
        largest = most(name, plan)
        try:
            value = D(text)
        except InvalidOperation as error:
            raise LimitError(name, f"{text!r} is no number; set it anew.") from error
        if not (value.is_finite() and value >= 0):
            raise LimitError(name, f"{text!r} is no limit; set it anew.")
        given = value if scope == own else min(value, values[name])
        values[name] = min(given, largest)
    return Limits(**values)


def within_class(limits: Limits, size: AccountClass) -> Limits:
    """Return limits that are no wider than what an account's class may lose."""
    risk, day = D(repr(size.risk)), D(repr(size.daily_loss))
    values = {one.name: getattr(limits, one.name) for one in fields(limits)}
    values["order_loss"] = min(limits.order_loss, risk)
    values["reduce_loss"] = min(limits.reduce_loss, day)
    return Limits(**values)
