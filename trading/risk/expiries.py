"""What the owner of options should hear before they end, or before a share pays its dividend.

Three things: short options that are in the money or near it may be assigned; long ones that
clearing exercises by itself, though the money or the shares for it are lacking, may be sold by the
broker (`quant.assignment.swept`); short calls whose time value is less than a dividend are
exercised the night before (`quant.assignment.dividend_due`). Only options on shares: where cash is
paid nothing is lacking.

Each is told on the session before the last day, and again in its last three hours.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from market import calendars
from market.clock import NEW_YORK
from quant import assignment
from trading.ledger.book import ZERO, plain
from trading.risk.facts import Instrument, Option

LAST_HOURS: Final = dt.timedelta(hours=3)
"""At least two hours before the end, however late the sweep that finds it."""
NEAR: Final = Decimal(repr(assignment.NEAR))


@dataclass(frozen=True, slots=True)
class Held:
    """An option that is held, with the price of its underlying and what it could be sold at."""

    instrument: Instrument
    terms: Option
    quantity: Decimal
    spot: Decimal
    bid: Decimal | None

    @property
    def inside(self) -> Decimal:
        """By how much it is in the money, $ a share; below zero out of it."""
        away = self.spot - self.terms.strike
        return away if self.terms.is_call else -away

    @property
    def shares(self) -> Decimal:
        """How many shares it stands for."""
        return abs(self.quantity) * self.instrument.multiplier

    @property
    def count(self) -> str:
        """The same in words."""
        return plain(self.shares)

    @property
    def price(self) -> str:
        """What they cost at the strike, in words."""
        return f"${self.shares * self.terms.strike:,.0f}"


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning; the key makes it this one, so that it is given once."""

    key: str
    title: str
    text: str


def notices(
    held: Sequence[Held],
    now: dt.datetime,
    *,
    shares: Mapping[str, Decimal],
    money: Decimal,
    dividends: Mapping[str, tuple[dt.date, Decimal]],
) -> list[Notice]:
    """Return what is to be told at an instant of the market.

    Parameters
    ----------
    held : of Held, of one account and one market's clock
    shares : Decimal by underlying
        That are held.
    money : Decimal
        That may be spent, $.
    dividends : (ex-date, $ a share) by underlying
        The next one that is known.
    """
    physical = [one for one in held if not one.terms.index and one.quantity]
    ending: dict[tuple[str, dt.datetime], list[Held]] = {}
    for one in physical:
        when = stage(one.terms, now)
        if when:
            ending.setdefault((when, one.terms.last_trade), []).append(one)
    found: list[Notice] = []
    for (when, _), parts in sorted(ending.items()):
        found += _assigned(parts, when)
        found += _lacking(parts, when, shares, money)
    return [*found, *_before_dividends(physical, now, dividends)]


def stage(option: Option, now: dt.datetime) -> str:
    """Return "day" on the session before an option's last, "hours" in its last three, else ""."""
    last = option.last_trade
    if last - LAST_HOURS <= now < last:
        return "hours"
    day = last.astimezone(NEW_YORK).date()
    opened = calendars.session(day)
    begins = last if opened is None else opened.open
    return "day" if calendars.previous_session(day).open <= now < begins else ""


def _assigned(parts: Sequence[Held], when: str) -> Iterator[Notice]:
    for one in parts:
        if one.quantity > 0 or one.inside < -NEAR * one.spot:
            continue
        goes = "go for" if one.terms.is_call else "come for"
        yield Notice(
            f"{when} {one.instrument.symbol} assigned",
            f"{one.instrument.symbol} may be assigned",
            f"{_short(one)}, strike {plain(one.terms.strike)} with {one.instrument.underlying} at "
            f"{one.spot:.2f}, ends {_clock(one.terms)}. If it ends in the money, {one.count} "
            f"shares {goes} {one.price}.",
        )


def _lacking(
    parts: Sequence[Held], when: str, shares: Mapping[str, Decimal], money: Decimal
) -> Iterator[Notice]:
    names = sorted({one.instrument.underlying for one in parts})
    goes = assignment.swept(
        is_call=np.array([one.terms.is_call for one in parts]),
        strike=np.array([float(one.terms.strike) for one in parts]),
        quantity=np.array([float(one.quantity) for one in parts]),
        spot=np.array([float(one.spot) for one in parts]),
        underlying=np.array([names.index(one.instrument.underlying) for one in parts]),
        shares=np.array([float(shares.get(name, ZERO)) for name in names]),
        buying_power=float(money),
        multiplier=np.array([float(one.instrument.multiplier) for one in parts]),
    )
    for one, swept in zip(parts, goes.tolist(), strict=True):
        if not swept or one.quantity < 0:
            continue
        own = plain(shares.get(one.instrument.underlying, ZERO))
        needs = (
            f"{one.price}, and ${money:,.0f} may be spent"
            if one.terms.is_call
            else f"{one.count} shares, and {own} are held"
        )
        yield Notice(
            f"{when} {one.instrument.symbol} lacking",
            f"{one.instrument.symbol} is exercised by itself",
            f"{plain(one.quantity)} {one.instrument.symbol} held ends {_clock(one.terms)} "
            f"and is exercised from a cent in the money on. That needs {needs}: the broker may "
            "sell it from 15:15 New York on. Sell it, or bring what it needs.",
        )


def _before_dividends(
    held: Sequence[Held], now: dt.datetime, dividends: Mapping[str, tuple[dt.date, Decimal]]
) -> Iterator[Notice]:
    day = now.astimezone(NEW_YORK).date()
    for one in held:
        known = dividends.get(one.instrument.underlying)
        if known is None or one.quantity > 0 or not one.terms.is_call or not one.terms.american:
            continue
        ex_date, amount = known
        today = calendars.session(day)
        if today is None or not day < ex_date <= calendars.next_session(day).date:
            continue
        if one.terms.expiry < ex_date or one.bid is None:
            continue
        due = assignment.dividend_due(
            float(one.bid), float(one.spot), float(one.terms.strike), float(amount)
        )
        if due:
            yield Notice(
                f"dividend {one.instrument.symbol} {ex_date}",
                f"{one.instrument.symbol} may be assigned tonight",
                f"{one.instrument.underlying} pays ${plain(amount)} a share to who holds it before "
                f"{ex_date}, more than the time value of {one.instrument.symbol}. {_short(one)}: "
                f"{one.count} shares may go for {one.price}, and the "
                "dividend with them. Buying it back by the close ends that.",
            )


def _short(one: Held) -> str:
    return f"{plain(-one.quantity)} {one.instrument.symbol} sold"


def _clock(option: Option) -> str:
    return f"{option.last_trade.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York"
