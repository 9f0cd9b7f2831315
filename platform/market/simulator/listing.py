"""Which contracts are listed in a session: expiries by the calendar, strikes around the open."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from market.simulator.config import MULTIPLIER, SimulatorConfig
from quant.arrays import BoolArray, FloatArray, IntArray

DAILY_SESSIONS = 3
WEEKLY_DAYS = 42
HORIZON_DAYS = 60
NEAR_DAYS = 21  # up to here strikes have the narrow step


class MarketSession(NamedTuple):
    """One trading day of the calendar that the caller gives; instants in ns UTC."""

    date: dt.date
    open_ns: int
    close_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Contracts:
    """The n contracts of a session, by expiry, strike, call before put.

    Attributes
    ----------
    expiry_dates : tuple of date
        The e distinct expiries, ascending.
    expiry : (n,) int64
        Position in `expiry_dates`.
    settlements : (n,) int64
        Close of the expiry's session, ns UTC.
    sessions_left : (n,) int64
        Sessions from this one to the expiry's; 0 expires at this session's close.
    strikes, multipliers : (n,) float64
    is_call : (n,) bool
    """

    expiry_dates: tuple[dt.date, ...]
    expiry: IntArray
    settlements: IntArray
    sessions_left: IntArray
    strikes: FloatArray
    multipliers: FloatArray
    is_call: BoolArray

    def __len__(self) -> int:
        return int(self.strikes.size)


def listed_expiries(calendar: Sequence[MarketSession], index: int) -> list[int]:
    """Return the positions in the calendar of the expiries listed in one of its sessions.

    The next sessions day by day, the last session of each week for six weeks, and the last
    session of each month's third week up to 60 days. What is listed stays so until it expires.
    """
    today = calendar[index].date
    found = []
    for at in range(index, len(calendar)):
        days = (calendar[at].date - today).days
        if days > HORIZON_DAYS:
            break
        near = at - index < DAILY_SESSIONS
        ends_week = _ends_week(calendar, at)
        if near or (ends_week and (days <= WEEKLY_DAYS or third_week(calendar[at].date))):
            found.append(at)
    return found


def _ends_week(calendar: Sequence[MarketSession], at: int) -> bool:
    """Return whether no later session falls into the same week."""
    if at + 1 == len(calendar):
        return calendar[at].date.weekday() == 4
    return calendar[at + 1].date.isocalendar()[:2] != calendar[at].date.isocalendar()[:2]


def third_week(day: dt.date) -> bool:
    """Return whether the Friday of the week is the third of its month."""
    friday = day + dt.timedelta(days=4 - day.weekday())
    return 15 <= friday.day <= 21


def list_contracts(
    config: SimulatorConfig,
    calendar: Sequence[MarketSession],
    index: int,
    opening: float,
) -> Contracts:
    """Return the contracts of a session whose first price is `opening` ($)."""
    today = calendar[index].date
    expiries = listed_expiries(calendar, index)
    strikes, places = [], []
    for place, at in enumerate(expiries):
        near = (calendar[at].date - today).days <= NEAR_DAYS
        step = config.strike_step if near else config.wide_step
        half = config.strikes_a_side
        row = (np.rint(opening / step) + np.arange(-half, half + 1.0)) * step
        row = row[row > 0.0]
        strikes.append(np.repeat(row, 2))
        places.append(np.full(2 * row.size, place, dtype=np.int64))
    expiry = np.concatenate(places)
    positions = np.array(expiries, dtype=np.int64)
    closes = np.array([calendar[at].close_ns for at in expiries], dtype=np.int64)
    return Contracts(
        expiry_dates=tuple(calendar[at].date for at in expiries),
        expiry=expiry,
        settlements=closes[expiry],
        sessions_left=positions[expiry] - index,
        strikes=np.concatenate(strikes),
        multipliers=np.full(expiry.size, MULTIPLIER),
        is_call=np.arange(expiry.size) % 2 == 0,
    )
