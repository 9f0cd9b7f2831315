"""Who is skilled: a Sharpe ratio less what luck explains, and what an entry is on a board.

Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio": the best of N tries without any
skill is expected at sqrt(V) E[max of N], V the variance of a try's ratio. Here V is 1/(n - 1), that
of n periods without skill, and N counts every entry that the owner ever made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from scipy.special import ndtri

from leaderboard.ranking.groups import Group
from quant.performance import Sharpe, expected_maximum


@dataclass(frozen=True, slots=True)
class Rule:
    """Every number of the ranking.

    Attributes
    ----------
    confidence : float
        Of the lower bound by which entries are ordered, one-sided.
    chance : float
        Of an entry without skill to be called skilled, at most.
    least_days, least_trades : int
        Days with a trade or a change of equity, and trades, below which an entry is provisional.
    half_life_days : float
        Idle days that halve a bound above 0.
    idle_days : float
        Days without a trade from which an entry is idle.
    absurd_sharpe : float
        A year's ratio above which nobody is believed.
    one_trade : float
        Share of all gains that one closing may have.
    below_share : float
        Share of an entry's trades that may be below a board's tier.
    """

    confidence: float = 0.95
    chance: float = 0.04
    least_days: int = 30
    least_trades: int = 50
    half_life_days: float = 30.0
    idle_days: float = 90.0
    absurd_sharpe: float = 10.0
    one_trade: float = 0.5
    below_share: float = 0.05


RULE: Final = Rule()
FLAGS: Final = {
    "absurd_sharpe": f"A Sharpe ratio above {RULE.absurd_sharpe:.0f} is rarely real.",
    "one_trade": f"More than {RULE.one_trade:.0%} of its gains come from one closing.",
    "copies": "Copies another owner's bot, as an operator confirmed.",
    "mirrors": "Trades the opposite of another owner's bot, as an operator confirmed.",
}


class Record(NamedTuple):
    """What an entry's whole record says, as far as the rules ask.

    `net` and `gross` are Sharpe ratios per period, after costs and before them (fees, and the
    spread where the server knows it); `best_share` is the share of all gains that one closing
    has; `idle_days` those since its last trade; `alike` the flags of the trust queue.
    """

    net: Sharpe
    gross: Sharpe
    profit: float
    periods_per_year: float
    active_days: int
    trades: int
    closings: int
    best_share: float
    idle_days: float
    below_share: float
    alike: tuple[str, ...] = ()


class Judged(NamedTuple):
    """What the rules make of a record; `bound` is None where there is no ratio."""

    bound: float | None
    skilled: bool
    group: Group
    flags: tuple[str, ...]


def luck(observations: int, trials: int) -> float:
    """Return the ratio per period that the best of `trials` without skill is expected to have."""
    if observations < 2:
        return math.inf
    return expected_maximum(trials) / math.sqrt(observations - 1)


def bound(sharpe: Sharpe, trials: int, confidence: float) -> float:
    """Return the lower bound of a ratio per period after luck; NaN where there is none."""
    error = sharpe.error
    return sharpe.ratio - luck(sharpe.observations, trials) - float(ndtri(confidence)) * error


def decayed(value: float, idle_days: float, rule: Rule = RULE) -> float:
    """Return a bound after idle days: one above 0 is halved every half-life."""
    return value * 0.5 ** (max(idle_days, 0.0) / rule.half_life_days) if value > 0 else value


def judge(record: Record, trials: int, rule: Rule = RULE) -> Judged:
    """Return bound (for a year), whether it is skilled, group and flags of a record.

    The bound is the lower one of after costs and before them, which is lower where the record was
    paid what others pay: the difference to the middle of the quotes.
    """
    root = math.sqrt(record.periods_per_year)
    # Nobody lives on buying below the middle and selling above it: that is not believed.
    both = (bound(one, trials, rule.confidence) for one in (record.net, record.gross))
    value = min(both) * root
    flags = _flags(record, root, rule)
    group = _group(record, flags, rule)
    tested = bound(record.gross, trials, 1.0 - rule.chance)
    skilled = group == Group.RANKED and record.profit > 0 and tested > 0
    known = None if math.isnan(value) else decayed(value, record.idle_days, rule)
    return Judged(known, skilled, group, flags)


def _flags(record: Record, root: float, rule: Rule) -> tuple[str, ...]:
    found = list(record.alike)
    if record.active_days >= rule.least_days and record.net.ratio * root > rule.absurd_sharpe:
        found.append("absurd_sharpe")
    if record.trades >= rule.least_trades and record.best_share > rule.one_trade:
        found.append("one_trade")
    return tuple(found)


def _group(record: Record, flags: tuple[str, ...], rule: Rule) -> Group:
    if record.below_share > rule.below_share:
        return Group.EXCLUDED
    if record.idle_days > rule.idle_days:
        return Group.IDLE
    if flags:
        return Group.FLAGGED
    if record.active_days < rule.least_days or record.trades < rule.least_trades:
        return Group.PROVISIONAL
    return Group.RANKED
