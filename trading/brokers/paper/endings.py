"""How an option at the paper venue ends: what is exercised, assigned, settled, and what expires.

Plain rules over `quant.option_life` and `quant.assignment`. Draws are given, so that the same
night always ends alike.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple

import numpy as np
import scipy  # loads `stats` when it is first used: half a second of every start

from market import calendars, occ
from market.clock import local_date, to_ns
from quant import assignment, option_life
from quant.deliveries import PIN_WIDTH
from trading.ledger.book import ZERO, Move

EXERCISED_SHARE: Final = 0.9
"""Of holders who exercise early when that pays; the others forget (Pool, Stoll and Whaley 2008
find many): an assumption."""
NIGHT_VOLATILITY: Final = 0.05
"""Per root year, of the price from the close to the cut-off for instructions, which is quiet: an
assumption."""
_NIGHT_YEARS: Final = option_life.INSTRUCTIONS_AFTER_CLOSE / (365 * 86_400 * 10**9)
_GRAIN: Final = Decimal(10_000)

EndKind = Literal["exercise", "assignment", "settlement", "expiry"]


@dataclass(frozen=True, slots=True)
class Held:
    """An option position: contracts below zero when short."""

    symbol: str
    quantity: int
    multiplier: Decimal

    @property
    def contract(self) -> occ.Contract:
        """What the symbol says."""
        return occ.parse(self.symbol)

    @property
    def rule(self) -> occ.RootRule:
        """How its root settles."""
        return occ.rule(self.contract.root)

    @property
    def is_call(self) -> bool:
        """Whether it is a call."""
        return self.contract.right == "C"

    @property
    def physical(self) -> bool:
        """Whether it delivers shares."""
        return not self.rule.index

    @property
    def settles_on(self) -> dt.date:
        """The session with which its value is fixed."""
        contract = self.contract
        return local_date(to_ns(calendars.settlement(contract.root, contract.expiry)))


class Ending(NamedTuple):
    """One way in which contracts of a position end, as the books take it."""

    kind: EndKind
    option: Move
    deliverable: Move | None
    text: str


def at_expiry(
    held: Held,
    settlement: float,
    *,
    keep: int = 0,
    anyway: int = 0,
    uniform: float,
    pinned: float = PIN_WIDTH,
) -> list[Ending]:
    """Return how a position ends with its expiry.

    Long contracts are exercised by exception, but for `keep` of them; `anyway` are exercised out
    of the money. Of short ones all are assigned that are in the money; when the price is pinned
    at the strike of a contract that delivers, holders decide after the close, and each contract
    is assigned with the chance that it is in the money at the cut-off.

    Parameters
    ----------
    settlement : float
        The underlying's price that counts, $.
    keep, anyway : int
        Instructions; beyond what is held they count as all.
    uniform : float
        A draw from [0, 1).
    pinned : float
        Share of the strike, either side, within which short contracts are not sure.
    """
    strike = float(held.contract.strike)
    long, short = max(held.quantity, 0), max(-held.quantity, 0)
    called = None
    if short and held.physical and abs(settlement - strike) <= pinned * strike:
        called = _assigned_at_a_pin(held, settlement, strike, short, uniform)
    done = option_life.settle(
        is_call=held.is_call, strike=strike, quantity=held.quantity, settlement=settlement,
        multiplier=float(held.multiplier), physical=held.physical,
        do_not_exercise=min(keep, long), exercise_anyway=min(anyway, long), assigned=called,
    )  # fmt: skip
    used, assigned, gone = (int(part) for part in (done.exercised, done.assigned, done.expired))
    at = f"settled at {settlement:.4f}"
    made = []
    if not held.physical and used + assigned:
        worth = option_life.in_the_money(held.is_call, strike, settlement)
        price = Decimal(round(float(worth) * 10_000)) / _GRAIN
        change = Decimal(assigned - used)
        made.append(Ending("settlement", _closed(held, change, price), None, at))
    elif used:
        made.append(_delivered(held, "exercise", used, f"exercised, {at}"))
    elif assigned:
        made.append(_delivered(held, "assignment", assigned, f"assigned, {at}"))
    if gone:
        change = Decimal(-gone if held.quantity > 0 else gone)
        made.append(Ending("expiry", _closed(held, change, ZERO), None, f"expired, {at}"))
    return made


def assigned_tonight(
    held: Held,
    *,
    bid: float,
    spot: float,
    rate: float,
    days: int,
    dividend: float,
    uniform: float,
) -> Ending | None:
    """Return how much of a short American position is assigned before its expiry, None for none.

    Parameters
    ----------
    bid, spot : float
        At the close; NaN when not known, and nobody exercises then.
    rate : float
        Per year, continuously compounded.
    days : int
        Calendar days to the next session.
    dividend : float
        $ a share, paid to who holds it before the next session.
    uniform : float
        A draw from [0, 1).
    """
    strike = float(held.contract.strike)
    if held.is_call:
        due = assignment.dividend_due(bid, spot, strike, dividend)
        why = f"assigned before a dividend of {dividend:.4f}"
    else:
        due = assignment.put_due(bid, spot, strike, rate, days, dividend)
        why = "assigned early: deep in the money, the interest is worth more than the time left"
    count = int(assignment.assigned_early(due, -held.quantity, uniform, EXERCISED_SHARE))
    return _delivered(held, "assignment", count, why) if count else None


def exercised_tonight(held: Held, contracts: int) -> Ending:
    """Return the exercise of long American contracts that their holder asked for."""
    count = min(contracts, held.quantity)
    return _delivered(held, "exercise", count, "exercised as instructed")


def _assigned_at_a_pin(
    held: Held, settlement: float, strike: float, short: int, uniform: float
) -> int:
    risk = assignment.pin_risk(
        is_call=held.is_call, spot=settlement, strike=strike, quantity=held.quantity,
        sigma=NIGHT_VOLATILITY, years=_NIGHT_YEARS, half_width=strike * PIN_WIDTH,
    )  # fmt: skip
    drawn = scipy.stats.binom.ppf(uniform, short, float(risk.in_money))
    return int(np.clip(drawn, 0, short))


def _closed(held: Held, change: Decimal, price: Decimal) -> Move:
    return Move(held.symbol, change, price, held.multiplier)


def _delivered(held: Held, kind: EndKind, count: int, text: str) -> Ending:
    """Return contracts that deliver: the option goes at 0, the shares at the strike."""
    change = Decimal(-count if held.quantity > 0 else count)
    comes = held.is_call == (held.quantity > 0)
    shares = count * held.multiplier * (1 if comes else -1)
    strike = held.contract.strike
    return Ending(
        kind, _closed(held, change, ZERO), Move(held.rule.underlying, shares, strike), text
    )
