"""Whether the account may trade at all, and such an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from accounts.plans import PLANS
from trading.execution.states import Standing
from trading.ledger.book import total
from trading.risk.facts import Asset, Facts
from trading.risk.findings import Answer, need, passed, refused
from trading.risk.structures import Piece
from trading.risk.structures import structure as structure_of

_STOPS: Final = frozenset({"stop", "trailing_stop"})
LENDERS: Final = frozenset({"paper"})
"""Brokers of which it is known here that they lend any share. Others say it share by share, and
nobody asks them yet."""


def plan(facts: Facts) -> Answer:
    """Live trading needs a plan that has it; paper trading one that has paper accounts."""
    account = facts.account
    found = PLANS.get(account.plan)
    if found is None:
        return refused("The owner has no plan that is known.", account.plan)
    if account.live and not found.limits.live_trading:
        return refused(f"Live trading is not in the {found.title} plan.", found.name)
    if not account.live and found.limits.paper_accounts < 1:
        return refused(f"Paper accounts are not in the {found.title} plan.", found.name)
    return passed(found.name)


def opt_in(facts: Facts) -> Answer:
    """Live trading is off until the operator and the owner turned it on."""
    if not facts.account.live:
        return passed("paper")
    if not facts.account.live_enabled:
        return refused("Live trading is off on this server.", "off", "on")
    if not facts.account.opted_in:
        return refused("Live trading is off: its risks are not accepted yet.", "off", "on")
    return passed("on", "on")


def state(facts: Facts) -> Answer:
    """Live lets everything pass, reducing what lowers risk, everything else nothing."""
    now = facts.account.state
    if now == Standing.LIVE:
        return passed(now)
    why = facts.account.state_reason or "no reason is known"
    if now == Standing.REDUCING and facts.picture.reducing:
        return passed(now)
    needed = "an order that lowers risk" if now == Standing.REDUCING else Standing.LIVE
    return refused(f"The account is {now}: {why}", now, needed)


def switches(facts: Facts) -> Answer:
    """No switch may be set in a scope of the order; reducing ones let pass what lowers risk."""
    for stop in facts.stops:
        if stop.state == "reducing" and facts.picture.reducing:
            continue
        return refused(
            f"The switch of {stop.what} is {stop.state}: {stop.reason}", stop.what, "off"
        )
    return passed("off", "off")


def kind(facts: Facts) -> Answer:
    """Limit orders by default. What trades at the market needs leave, or protects a position."""
    wanted = facts.intent.kind
    if facts.intent.limit_price is not None or facts.account.market_orders:
        return passed(wanted)
    if wanted in _STOPS and facts.picture.reducing:
        return passed(wanted)
    return refused("Market orders are off for this account: give a limit price.", wanted, "limit")


def broker(facts: Facts) -> Answer:
    """What the broker takes from nobody is not asked of it."""
    name = facts.account.broker
    return refused(facts.objection, name) if facts.objection else passed(name)


def symbol(facts: Facts) -> Answer:
    """Accounts of some sizes trade some underlyings; a simulated market is open to all."""
    size = need(facts.size, "the equity")
    for name in facts.underlyings:
        ground = facts.picture.ground(name)
        if not (ground.synthetic or size.allows_symbol(name)):
            return refused(f"A {size.name} account does not trade {name}.", name, size.name)
    return passed(", ".join(facts.underlyings), size.name)


def structure(facts: Facts) -> Answer:
    """What the order opens must be a structure that accounts of this size trade."""
    size = need(facts.size, "the equity")
    if not facts.opening:
        return passed("leaves a position", size.name)
    pieces = []
    for leg in facts.opening:
        option = leg.instrument.option
        pieces.append(
            Piece(leg.ratio) if option is None
            else Piece(leg.ratio, option.is_call, option.strike, option.expiry)
        )  # fmt: skip
    names = {leg.instrument.underlying for leg in facts.opening}
    shares = total(
        one.units for one in facts.positions
        if one.instrument.underlying in names and one.instrument.asset == Asset.EQUITY
    )  # fmt: skip
    found = structure_of(pieces, shares=shares, bare=_leaves_to_cash(facts, pieces))
    if found is None:
        return refused("The order opens nothing that this house knows the risk of.", "none")
    if found not in size.structures:
        words = found.value.replace("_", " ")
        return refused(f"A {size.name} account does not open a {words}.", found, size.name)
    return passed(found, size.name)


def _leaves_to_cash(facts: Facts, pieces: Sequence[Piece]) -> bool:
    """Return whether a single short put stands over cash."""
    one = pieces[0]
    lone = len(pieces) == 1 and one.is_call is False and one.ratio < 0
    return lone and facts.picture.cover.bares_puts


def short_sale(facts: Facts) -> Answer:
    """Shares are sold short in accounts with credit alone, where the broker lends them."""
    sold = [leg.instrument for leg in facts.opening if leg.instrument.option is None
            and leg.ratio < 0]  # fmt: skip
    if not sold:
        return passed("none")
    for one in sold:
        if one.asset != Asset.EQUITY:
            return refused(f"{one.symbol} is not sold short.", one.asset, Asset.EQUITY)
    if facts.credit <= 0:
        text = "Shares are sold short in an account with credit alone (Regulation T, 220.8)."
        return refused(text, facts.credit, "above 0")
    if facts.account.broker not in LENDERS:
        text = "Whether this broker lends the shares is not known here."
        return refused(text, facts.account.broker, ", ".join(sorted(LENDERS)))
    return passed(facts.account.broker)
