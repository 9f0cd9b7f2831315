"""Account classes by size: what each may trade, how, how often and how much it may lose. One table.

House rules, not a regulator's: a small account cannot diversify, pays a larger part of itself in
costs and is ruined by one contract, so it holds fewer, defined and liquid things. Kelly shares are
at most a half, since an edge is known with error (Thorp 2006; MacLean, Thorp and Ziemba 2010).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Structure(StrEnum):
    """Kinds of strategy; all but stock are options with a loss that is known beforehand."""

    LONG_OPTION = "long_option"
    DEBIT_VERTICAL = "debit_vertical"
    CREDIT_VERTICAL = "credit_vertical"
    STOCK = "stock"
    SHORT_STOCK = "short_stock"
    COVERED = "covered"
    CASH_SECURED_PUT = "cash_secured_put"
    IRON_CONDOR = "iron_condor"
    BUTTERFLY = "butterfly"
    CALENDAR = "calendar"
    LONG_STRADDLE = "long_straddle"


_FUNDS: Final = frozenset({"SPY", "QQQ", "IWM", "XSP"})
_INDEXES: Final = _FUNDS | {"SPX", "SPXW", "NDX", "RUT", "DIA", "GLD", "TLT"}
_SIMPLE: Final = frozenset({Structure.LONG_OPTION, Structure.DEBIT_VERTICAL, Structure.STOCK})
_SPREADS: Final = _SIMPLE | {
    Structure.CREDIT_VERTICAL, Structure.COVERED, Structure.IRON_CONDOR, Structure.BUTTERFLY,
}  # fmt: skip
_ALL: Final = frozenset(Structure)


@dataclass(frozen=True, slots=True)
class AccountClass:
    """What an account of some size may do.

    Attributes
    ----------
    name : str
    below : float
        $ of equity under which an account is in this class, and not in one before it.
    symbols : frozenset of str, optional
        Underlyings; None for all.
    structures : frozenset of Structure
    kelly : float
        Largest share of the full Kelly bet.
    risk : float
        Largest share of equity that one trade may lose.
    trades_a_day : int
        Openings; what closes is never counted.
    seconds_between : float
        Least time between openings.
    daily_loss : float
        Share of the day's first equity whose loss stops all openings.
    """

    name: str
    below: float
    symbols: frozenset[str] | None
    structures: frozenset[Structure]
    kelly: float
    risk: float
    trades_a_day: int
    seconds_between: float
    daily_loss: float

    def allows_symbol(self, symbol: str) -> bool:
        """Return whether an underlying may be traded."""
        return self.symbols is None or symbol in self.symbols


CLASSES: Final = (
    AccountClass("micro", 2_500.0, _FUNDS, _SIMPLE, 0.10, 0.05, 3, 900.0, 0.05),
    AccountClass("small", 25_000.0, _INDEXES, _SPREADS, 0.20, 0.03, 10, 300.0, 0.04),
    AccountClass("medium", 250_000.0, None, _ALL, 0.25, 0.02, 50, 60.0, 0.03),
    AccountClass("large", 2_500_000.0, None, _ALL, 0.35, 0.015, 200, 10.0, 0.025),
    AccountClass("institutional", math.inf, None, _ALL, 0.50, 0.01, 1_000, 1.0, 0.02),
)
"""In ascending order of size; a plan or a user may ask for less, never for more."""


def account_class(equity: float) -> AccountClass:
    """Return the class of an account with so much equity in $; none or a debt is micro.

    Raises
    ------
    ValueError
        When equity is not a finite number.
    """
    if not math.isfinite(equity):
        raise ValueError(f"equity is {equity}; give a finite number of dollars")
    return next(found for found in CLASSES if equity < found.below)
