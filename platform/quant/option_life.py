"""How an option ends: exercise by exception, settlement in shares or cash, and what is booked.

Clearing (OCC Rule 805) exercises what is at least $0.01 in the money at expiration unless told
otherwise. Standardized equity options deliver shares at the strike; index options pay the
difference. A root settles at the open (AM, by the special opening quotation, after trading ended
the day before) or at the close (PM); which one is the caller's to say, root beats date.

Amounts are counted in ten-thousandths of a dollar, so that a cent in the money is a cent, and given
back as float64 that are exact to them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal, NamedTuple

import numpy as np

from quant.arrays import BoolArray, BoolLike, FloatArray, FloatLike, IntArray

Settles = Literal["am", "pm"]
THRESHOLD: Final = 0.01
"""Dollars in the money from which an option is exercised unless told otherwise."""
INSTRUCTIONS_AFTER_CLOSE: Final = 90 * 60 * 10**9
"""Nanoseconds after a 16:00 close until which holders may instruct: 17:30 New York. Brokers' own
cut-offs are earlier (Alpaca: by the close, afterwards on a best-efforts basis)."""
_GRAIN: Final = 10_000


def settlement_instant(settles: Settles, opens: int, closes: int, at: int | None = None) -> int:
    """Return when an option's value is fixed on its last day, ns UTC.

    Parameters
    ----------
    settles : str
        "am" or "pm".
    opens, closes : int
        The underlying's regular session of that day, ns UTC, so a half day closes early. Trading
        of the option past that close does not move it.
    at : int, optional
        A fixed instant instead, as of options on futures.
    """
    if at is not None:
        return at
    return opens if settles == "am" else closes


def last_trade(settles: Settles, closes_before: int, closes: int) -> int:
    """Return when an expiring option stops trading: with the session before when settled AM."""
    return closes_before if settles == "am" else closes


def _grains(value: FloatLike) -> IntArray:
    """Return dollars as whole ten-thousandths."""
    found: IntArray = np.rint(np.asarray(value, dtype=np.float64) * _GRAIN).astype(np.int64)
    return found


def in_the_money(is_call: BoolLike, strike: FloatLike, settlement: FloatLike) -> FloatArray:
    """Return dollars in the money per share, 0 when it is not."""
    away = _grains(settlement) - _grains(strike)
    worth: FloatArray = np.maximum(np.where(is_call, away, -away), 0) / _GRAIN
    return worth


def exercised_by_exception(
    is_call: BoolLike, strike: FloatLike, settlement: FloatLike, threshold: float = THRESHOLD
) -> BoolArray:
    """Return whether clearing exercises without being told."""
    found: BoolArray = _grains(in_the_money(is_call, strike, settlement)) >= _grains(threshold)
    return found


class Settled(NamedTuple):
    """What becomes of positions at expiry, one element each.

    `exercised`, `assigned`, `expired` are contracts, at least 0, and add up to what was held;
    `shares` is what the account gets (below 0 delivers), `cash` what it gets in dollars.
    """

    exercised: IntArray
    assigned: IntArray
    expired: IntArray
    shares: IntArray
    cash: FloatArray


def settle(
    *,
    is_call: BoolLike,
    strike: FloatLike,
    quantity: FloatLike,
    settlement: FloatLike,
    multiplier: FloatLike = 100.0,
    physical: BoolLike = True,
    do_not_exercise: FloatLike = 0.0,
    exercise_anyway: FloatLike = 0.0,
    assigned: FloatLike | None = None,
) -> Settled:
    """Return what positions become.

    Parameters
    ----------
    is_call : bool, broadcast together with all that follow
    strike, settlement : float64
        The settlement value: the close, or the special opening quotation when settled AM.
    quantity : float64
        Whole contracts, below 0 when short.
    multiplier : float64
        Shares, or dollars a point.
    physical : bool
        Shares at the strike, or the difference in cash.
    do_not_exercise, exercise_anyway : float64
        Contracts held long that an instruction takes out of, or adds to, what is exercised.
    assigned : float64, optional
        Contracts held short that holders exercised; by default all that are exercised by exception.
        Others differ when instructions do: pin risk.

    Raises
    ------
    ValueError
        For contracts that are not whole, or instructions on more than is held.
    """
    call, held, size, by_shares, keep, add = np.broadcast_arrays(
        np.asarray(is_call, dtype=bool), np.asarray(quantity, dtype=np.float64),
        np.asarray(multiplier, dtype=np.float64), np.asarray(physical, dtype=bool),
        np.asarray(do_not_exercise, dtype=np.float64),
        np.asarray(exercise_anyway, dtype=np.float64),
    )  # fmt: skip
    for name, value in (("quantity", held), ("do_not_exercise", keep), ("exercise_anyway", add)):
        if not (np.isfinite(value) & (value == np.rint(value))).all():
            raise ValueError(f"{name} is not whole contracts")
    long, short = np.maximum(held, 0.0), np.maximum(-held, 0.0)
    if ((keep < 0) | (add < 0) | (keep > long) | (add > long)).any():
        raise ValueError("instructions are on more contracts than are held long")
    due = exercised_by_exception(call, strike, settlement)
    used = np.where(due, long - keep, add)
    called = np.where(due, short, 0.0) if assigned is None else np.asarray(assigned) + 0.0 * short
    if ((called < 0) | (called > short) | (called != np.rint(called))).any():
        raise ValueError("assigned is not whole contracts of those held short")
    net = used - called
    shares = np.where(by_shares, np.where(call, net, -net) * size, 0.0)
    paid = np.where(
        by_shares,
        -shares * _grains(strike),
        net * size * _grains(in_the_money(call, strike, settlement)),
    )
    left = long + short - used - called
    used, called, left = (part.astype(np.int64) for part in (used, called, left))
    return Settled(used, called, left, np.rint(shares).astype(np.int64), np.rint(paid) / _GRAIN)


class Booking(StrEnum):
    """Kinds of entries that brokers report for options, by Alpaca's names.

    `CASH` is ours for a settlement in cash; Alpaca's name for it was not confirmed.
    """

    EXERCISE = "OPEXC"
    ASSIGNMENT = "OPASN"
    EXPIRY = "OPEXP"
    TRADE = "OPTRD"
    CASH = "OPCSH"


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry: `quantity` changes the position in `symbol`, `amount` the cash."""

    kind: Booking
    day: dt.date
    symbol: str
    quantity: Decimal
    amount: Decimal
    price: Decimal | None = None


def activities(
    settled: Settled,
    *,
    option: str,
    underlying: str,
    strike: Decimal,
    held: int,
    day: dt.date,
) -> list[Activity]:
    """Return the entries for one position, as brokers report them on the next business day.

    Parameters
    ----------
    settled : Settled
        Of this position alone: every array has one element.
    option, underlying : str
        Symbols.
    strike : Decimal
    held : int
        Contracts before, below 0 when short.
    day : date
        Of the entries: assignments are known on the morning after, so the next business day.
    """
    used, called, gone = (int(np.ravel(part)[0]) for part in settled[:3])
    shares = Decimal(int(np.ravel(settled.shares)[0]))
    cash = Decimal(round(float(np.ravel(settled.cash)[0]) * _GRAIN)) / _GRAIN
    sign, made, nothing = -1 if held > 0 else 1, [], Decimal(0)
    for kind, count in ((Booking.EXERCISE, used), (Booking.ASSIGNMENT, called),
                        (Booking.EXPIRY, gone)):  # fmt: skip
        if count:
            made.append(Activity(kind, day, option, Decimal(sign * count), nothing))
    if shares:
        made.append(Activity(Booking.TRADE, day, underlying, shares, cash, strike))
    elif cash:
        made.append(Activity(Booking.CASH, day, option, nothing, cash))
    return made
