"""What the words on the pages mean, in a sentence or two: the one place that says it to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the field as a heading and what it means here."""

    title: str
    text: str


TERMS: Final[Mapping[str, Term]] = MappingProxyType(
    {
        "net_gamma": Term(
            "Net gamma per 1%",
            "Dollars of delta that dealers gain when spot rises by 1%, over all contracts, under "
            "the stated assumption on their positions. They hedge by trading the opposite amount.",
        ),
        "zero_gamma": Term(
            "Zero gamma",
            "The spot at which net gamma, computed again at that spot with every volatility left "
            "at its strike, changes sign. Where several levels do, the nearest is shown.",
        ),
        "call_wall": Term("Call wall", "The strike with the largest gamma of calls."),
        "put_wall": Term("Put wall", "The strike with the largest gamma of puts."),
        "vol_trigger_proxy": Term(
            "Vol trigger, proxy",
            "Our own definition: at or below zero gamma and within one and a half standard "
            "deviations, the strike with the largest net gamma of either sign.",
        ),
        "abs_gamma_strike": Term(
            "Largest gamma", "The strike at which the gammas of calls and of puts sum to the most."
        ),
        "max_pain": Term(
            "Max pain",
            "The strike at which all open contracts together would pay out least if they settled "
            "there. It says nothing of where dealers stand.",
        ),
        "net_vanna": Term(
            "Net vanna per vol point",
            "Dollars of delta that dealers gain when every implied volatility rises by one point.",
        ),
        "net_charm": Term(
            "Net charm per day",
            "Dollars of delta that dealers gain as a day passes with all else unchanged. On the "
            "last day it changes by the minute, so the figure per minute stands beside it.",
        ),
        "sign_robust": Term(
            "Under every assumption",
            "A level carries a tick when it lies within half a strike step whichever assumption on "
            "the dealers' side is made. Where calls are taken to be sold as well, all gamma is "
            "short and there is no zero gamma, so that level can have no tick.",
        ),
        "pins": Term(
            "Where it may settle",
            "The chance of settling near each strike, from the volatility at the money: the "
            "market's price of it, not a forecast. The score weighs it by the strike's share of "
            "gamma, because hedging of dealers who are long gamma pulls towards the strike.",
        ),
        "fit_error": Term(
            "Error of a fit",
            "The root mean square distance between the fit and the middles of the quotes: in "
            "volatility points, and in half-spreads, where 1 means that the fit is as far away "
            "as the quote itself.",
        ),
        "good_fit": Term(
            "Good fit",
            "A smile free of butterfly arbitrage that meets its quotes within the limits that the "
            "conventions name. One that does not says why, and is not used silently.",
        ),
        "arbitrage": Term(
            "Arbitrage",
            "Butterfly: a strike at which the smile implies a negative probability. Calendar: a "
            "strike at which a later expiry has less total variance than an earlier one.",
        ),
        "skew": Term(
            "25-delta skew",
            "Volatility of the put with a delta of -0.25 less that of the call with 0.25, in "
            "points, of the expiry nearest to thirty days.",
        ),
        "rows_scored": Term(
            "Scored rows",
            "Rows on which every input that the tool needs was there. On the others it says "
            "nothing, and the reason is counted.",
        ),
        "score": Term(
            "Score",
            "From 0 to 1: how far the weakest of the tool's conditions is met, 0.5 meaning just "
            "met. It is no probability until its calibration has been measured.",
        ),
        "badge": Term(
            "Badge",
            "Proven: at a review after a fixed number of sessions the tool showed more than a "
            "random tool would, and had earned its costs. All reviews together call a random tool "
            "proven in 4% of cases at most, so of 52 such tools about two would be. Retired: it "
            "was proven and its record since speaks against it. Unproven: all others.",
        ),
        "base_rate": Term(
            "Base rate",
            "How often the same reading over the same horizon won anyway, on every row that was "
            "seen. A hit rate says nothing until it is held against it.",
        ),
        "deflated_sharpe": Term(
            "Deflated Sharpe",
            "The probability that the Sharpe ratio is above what the best of 52 tools without an "
            "edge would show by luck.",
        ),
        "half_life": Term(
            "Half-life",
            "Rows after a signal by which half of its edge is gained, from the gains of the four "
            "quarters of the horizon. Given only where the record tells it.",
        ),
        "calibration": Term(
            "Calibration",
            "Whether a score of 0.8 wins 80% of the time. The error is the mean distance between "
            "score and hit rate; even a perfect score shows some with few signals.",
        ),
        "reliability": Term(
            "Reliability",
            "The probability that the tool beats its base rate, from its signals and a neutral "
            "prior worth 40 of them. 0.5 says nothing. Votes are weighed with it.",
        ),
        "family_p": Term(
            "Luck of the best",
            "Hansen's test of superior predictive ability over all tools with a side at once. With "
            "many tools tried, one looks good by luck: a small probability says that the best one "
            "is better than that.",
        ),
        "win_base": Term(
            "Interval and base rate",
            "Signals of one path are alike, so the interval counts paths and not signals. The "
            "base rate shows what the same reading wins without the tool's choice of moment.",
        ),
        "skill": Term(
            "Skill",
            "The Sharpe ratio of a year less what the best of all the owner's tries would show by "
            "luck, and less 1.645 standard errors. Whoever is above 0 is good beyond what chance "
            "explains. It is of the whole record and decays in idle time.",
        ),
        "deflated": Term(
            "Deflated Sharpe ratio",
            "The probability that the ratio is above what the best of as many worthless tools "
            "would show. From 0.95 on, luck of the draw is beaten.",
        ),
    }
)


def anchor(name: str) -> str:
    """Return the id of a term's element on a page."""
    return "def-" + name.replace("_", "-")
