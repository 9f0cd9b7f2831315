"""The worked numbers of the rules' page, each from the function that ranks."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import numpy as np
from scipy.special import ndtri

from leaderboard.boards.filters import TIERS, WINDOWS
from leaderboard.claims import Leg
from leaderboard.ranking import skill
from leaderboard.ranking.cells import CAPITAL, stated_capital
from leaderboard.ranking.groups import NAMES
from leaderboard.ranking.metrics import DAYS_PER_YEAR
from leaderboard.ranking.skill import RULE, Record
from leaderboard.rules import RULE as CHECK
from leaderboard.running import SHORT_MARGIN, Run, Step
from leaderboard.services import PLACE_KEPT
from quant.performance import Sharpe, sharpe, wilson

DAYS: Final = 250
PROFIT, AT_WORK = Decimal(1_250), Decimal(40_000)
TRIES: Final = (1, 5, 25, 100)
IDLE: Final = (15, 30, 60, 90)
SECTIONS: Final = (
    ("entries", "Entries and boards"), ("profit", "Profit"), ("capital", "Capital and return"),
    ("windows", "Windows"), ("skill", "Skill"), ("groups", "Who is ranked"),
    ("uncertainty", "How sure a figure is"), ("cheats", "What does not help"),
    ("check", "Check it yourself"), ("appeal", "When a figure looks wrong"),
)  # fmt: skip
WINS: Final = ((28, 50), (280, 500))
_MEAN, _SPREAD, _SEED = 0.0019, 0.01, 20
_NOON: Final = dt.datetime(2026, 3, 2, 17, tzinfo=dt.UTC)


@lru_cache(maxsize=1)
def examples() -> dict[str, Any]:
    """Return everything that the page computes; it is the same for everybody."""
    record = example_record()
    return {
        "sections": SECTIONS,
        "rule": RULE,
        "check": CHECK,
        "tiers": list(TIERS.items())[::-1],
        "windows": list(WINDOWS.items()),
        "capital": CAPITAL,
        "kept_days": PLACE_KEPT.days,
        "days_per_year": DAYS_PER_YEAR,
        "lots": lots(),
        "returns": returns(),
        "tiny": PROFIT / stated_capital({"capital": 1}),
        "margin": margin(),
        "skill": worked_skill(record),
        "z": float(ndtri(RULE.confidence)),
        "decay": [(days, skill.decayed(1.2, days)) for days in IDLE],
        "wins": [(hits, tries, *wilson(hits, tries)) for hits, tries in WINS],
        "cheats": cheats(record),
    }


def example_record() -> Record:
    """Return an invented record: 250 days of 0.19 % on average, 1 % up and down, 400 trades.

    Costs took a tenth of the average.
    """
    drawn = np.random.default_rng(_SEED).standard_normal(DAYS)
    drawn = _MEAN + _SPREAD * (drawn - drawn.mean()) / drawn.std(ddof=1)
    return Record(
        net=sharpe(drawn),
        gross=sharpe(drawn + 0.1 * _MEAN),
        profit=float(drawn.sum()),
        periods_per_year=DAYS_PER_YEAR,
        active_days=DAYS,
        trades=400,
        closings=200,
        best_share=0.04,
        idle_days=0.0,
        below_share=0.0,
    )


def worked_skill(record: Record) -> dict[str, Any]:
    """Return how a bound comes about, step by step, and what it is after more tries."""
    net = record.net
    root = math.sqrt(DAYS_PER_YEAR)
    year: Sharpe = net.annual(DAYS_PER_YEAR)
    return {
        "days": net.observations,
        "per_day": net.ratio,
        "root": root,
        "year": year.ratio,
        "error": year.error,
        "skewness": net.skewness,
        "kurtosis": net.kurtosis,
        "rows": [
            {
                "tries": tries,
                "luck": skill.luck(net.observations, tries) * root,
                "bound": judged.bound,
                "skilled": judged.skilled,
            }
            for tries in TRIES
            for judged in (skill.judge(record, tries),)
        ],
    }


def _leg(action: str, quantity: int, price: str, symbol: str = "SPY") -> Leg:
    kind = "equity" if symbol == "SPY" else "option"
    return Leg(action, symbol, kind, Decimal(quantity), Decimal(price))  # type: ignore[arg-type]


def _unknown(name: str, at: dt.datetime) -> Decimal | None:
    return None


def lots() -> dict[str, Any]:
    """Return three trades of one share and the midnight after them, as a book takes them."""
    steps: list[Step] = []
    run = Run(_unknown, steps.append, lambda name, at: Decimal(515))
    told = (("BUY", 100, "500"), ("BUY", 100, "510"), ("SELL", 150, "520"))
    for number, (action, quantity, price) in enumerate(told):
        at = _NOON + dt.timedelta(minutes=number)
        run.trade(at, [_leg(action, quantity, price)], Decimal("1.50"))
    run.until(_NOON + dt.timedelta(days=1))
    names = [f"{action.capitalize()} {quantity} at {price}" for action, quantity, price in told]
    realised = Decimal(0)
    rows = []
    for name, step in zip([*names, "Midnight, the server's price is 515"], steps, strict=True):
        realised += step.realised
        rows.append({"name": name, "fee": step.fee, "realised": realised, "equity": step.equity})
    return {"rows": rows, "committed": run.committed, "left": run.book.positions()[0]}


def returns() -> list[dict[str, Any]]:
    """Return what a profit of 1,250 dollars is of different capitals, 40,000 at work at most."""
    made = []
    for config in ({}, {"capital": 25_000}, {"capital": 500_000}, {"capital": 1}):
        stated = stated_capital(config)
        used = max(stated, AT_WORK)
        written = str(config.get("capital", ""))
        made.append({"written": written, "stated": stated, "used": used, "share": PROFIT / used})
    return made


def margin() -> dict[str, Any]:
    """Return what two written puts tie up."""
    run = Run(_unknown, lambda step: None)
    run.trade(_NOON, [_leg("SELL_PUT", 2, "3.10", "SPY261218P00500000")], Decimal(0))
    return {"share": SHORT_MARGIN, "committed": run.committed}


def cheats(record: Record) -> dict[str, Any]:
    """Return what the rules make of a few tricks on the example's record."""
    lucky = skill.judge(record._replace(best_share=0.8), 1)
    absurd = skill.judge(record._replace(net=_with_ratio(record.net, 12.0)), 1)
    hidden = skill.judge(record._replace(below_share=0.2), 1)
    stopped = skill.judge(record._replace(idle_days=60.0), 1)
    short = skill.judge(record._replace(active_days=12, trades=30), 1)
    fresh = skill.judge(record, 1)
    many = skill.judge(record, 100)
    return {
        "fresh": fresh.bound,
        "many": many.bound,
        "stopped": stopped.bound,
        "lucky": _group(lucky),
        "absurd": _group(absurd),
        "hidden": _group(hidden),
        "short": _group(short),
    }


def _with_ratio(found: Sharpe, year: float) -> Sharpe:
    """Return a record's ratio set to one of a year."""
    return found._replace(ratio=year / math.sqrt(DAYS_PER_YEAR))


def _group(judged: skill.Judged) -> str:
    return NAMES[judged.group]
