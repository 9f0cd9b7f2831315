"""Whether the whole book stays within its bounds, whichever open orders fill."""

from __future__ import annotations

from decimal import Decimal

from trading.ledger.book import ZERO
from trading.risk.facts import Facts, Sensitivity
from trading.risk.findings import Answer, at_most, need


def held(facts: Facts) -> Answer:
    """Contracts that are open in one underlying."""
    worst = max(facts.picture.held_contracts(name) for name in facts.underlyings)
    return at_most(worst, facts.limits.held, "Too many contracts of one underlying would be open.")


def delta(facts: Facts) -> Answer:
    """$ delta as a share of equity."""
    return _within(facts, "delta", facts.limits.delta)


def gamma(facts: Facts) -> Answer:
    """Change of the $ delta for a move of 1 %, as a share of equity."""
    return _within(facts, "gamma", facts.limits.gamma)


def vega(facts: Facts) -> Answer:
    """$ for a vol point, as a share of equity."""
    return _within(facts, "vega", facts.limits.vega)


def theta(facts: Facts) -> Answer:
    """$ for a day, as a share of equity."""
    return _within(facts, "theta", facts.limits.theta)


def _within(facts: Facts, name: str, limit: Decimal) -> Answer:
    """Take each open order to fill where that is worse, on either side."""
    equity = max(need(facts.equity, "the equity"), ZERO)
    parts = (need(facts.greeks_held, "the Greeks of what is held"),
             need(facts.greeks_order, "the Greeks of the order"))  # fmt: skip
    base = sum((_of(one, name) for one in parts), ZERO)
    others = [
        [ZERO, *(_of(way, name) for way in ways)]
        for ways in need(facts.greeks_pending, "the Greeks of open orders")
    ]
    high = base + sum(map(max, others), ZERO)
    low = base + sum(map(min, others), ZERO)
    return at_most(max(high, -low), limit * equity, f"The {name} of all that is open is too large.")


def _of(one: Sensitivity, name: str) -> Decimal:
    found: Decimal = getattr(one, name)
    return found
