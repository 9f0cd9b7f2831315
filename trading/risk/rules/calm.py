"""Whether this is a time to open anything: no event at hand, no breaker open, data in order."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

from trading.risk.facts import Facts, Ground
from trading.risk.findings import Answer, need, passed, refused, warned

D = Decimal
WINDOWS: Final = {
    "earnings": (dt.timedelta(hours=24), dt.timedelta(hours=1)),
    "macro": (dt.timedelta(minutes=15), dt.timedelta(minutes=5)),
}
"""Before and after an event in which nothing is opened."""
JUMP: Final = D("0.03")
"""Move of the underlying from one snapshot to the next from which its data is not believed."""
QUOTED: Final = D("0.5")
"""Share of the contracts quoted before that must be quoted still."""


def breakers(facts: Facts) -> Answer:
    """No breaker may be open; one that is half open lets a single order try.

    It must lower risk, unless nothing is held that could be.
    """
    for one in facts.breakers:
        if one.state == "reducing" and facts.picture.reducing:
            continue
        if one.state == "half-open" and (facts.picture.reducing or not facts.positions):
            continue
        return refused(f"The breaker {one.what} is {one.state}: {one.reason}", one.what, "closed")
    return passed("closed", "closed")


def earnings(facts: Facts) -> Answer:
    """Nothing is opened a day before earnings and an hour after."""
    return _blackout(facts, "earnings")


def macro(facts: Facts) -> Answer:
    """Nothing is opened a quarter of an hour before a release and five minutes after."""
    return _blackout(facts, "macro")


def anomaly(facts: Facts) -> Answer:
    """Since the snapshot before: no jump of the underlying, no loss of quotes, and something moved.

    A connection that is alive may carry dead data: a market that is open ticks.
    """
    for name in facts.underlyings:
        ground = facts.picture.ground(name)
        jump, quoted = need(ground.jump, f"the move of {name}"), ground.quoted
        if not abs(jump) <= JUMP:
            return refused(f"{name} jumped from one snapshot to the next.", abs(jump), JUMP)
        if need(ground.frozen, f"whether {name} moves"):
            return refused(f"Nothing moves in the market of {name}.", "frozen", "moving")
        optioned = any(
            leg.instrument.option is not None and leg.instrument.underlying == name
            for leg in facts.legs
        )
        if optioned and not need(quoted, f"the quoted share of {name}") >= QUOTED:
            return refused(f"The chain of {name} lost its quotes.", quoted, QUOTED)
    return passed()


def _blackout(facts: Facts, kind: str) -> Answer:
    before, after = WINDOWS[kind]
    for name in facts.underlyings:
        ground = facts.picture.ground(name)
        if ground.events is None:
            answer = _nothing_known(facts, ground)
            if answer is not None:
                return answer
            continue
        for event in ground.events:
            if event.kind == kind and event.at - before <= ground.now < event.at + after:
                text = f"{event.name} of {name if kind == 'earnings' else 'the market'} is at hand."
                return refused(text, f"{event.at:%Y-%m-%d %H:%M}", kind)
    return passed()


def _nothing_known(facts: Facts, ground: Ground) -> Answer | None:
    """Without a calendar real money opens nothing; on paper it is said."""
    if ground.synthetic:
        return None
    text = f"The calendar holds no events of these days for {ground.symbol}."
    return refused(text, "no events") if facts.account.live else warned(text, "no events")
