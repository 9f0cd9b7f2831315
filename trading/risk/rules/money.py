"""Whether the account can bear the order: its loss, its margin, its cover."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from quant.account_classes import Structure
from trading.ledger.book import ZERO
from trading.risk.facts import Facts
from trading.risk.findings import Answer, at_least, at_most, need, passed, refused, warned

D = Decimal
OLD_RULE_BELOW: Final = D(25_000)
OLD_RULE_MOST: Final = 3
"""Day trades in five sessions under the rule that FINRA gave up in 2026."""


def uncovered(facts: Facts) -> Answer:
    """Never a short option that neither shares nor a long option covers, whichever orders fill.

    Puts may stand over cash, where accounts of this size trade that: see `secured`.
    """
    text = "A short option would be uncovered, if not now then when other open orders fill."
    if facts.picture.reducing:
        return at_most(facts.picture.cover.uncovered, facts.picture.cover.uncovered_before, text)
    over_cash = _over_cash(facts)
    return at_most(facts.picture.cover.bare(is_call=True) + (ZERO if over_cash else
                   facts.picture.cover.bare(is_call=False)), ZERO, text)  # fmt: skip


def secured(facts: Facts) -> Answer:
    """The whole strike in cash for each put that nothing else covers, whichever orders fill.

    Cboe's margin manual asks for the strike less the premium, which is in the cash.
    """
    if not _over_cash(facts) or not facts.picture.cover.strikes_over_cash:
        return passed(ZERO)
    text = "The cash does not secure the short puts that nothing else covers."
    return at_most(facts.picture.cover.strikes_over_cash, facts.picture.cash_at_worst, text)


def _over_cash(facts: Facts) -> bool:
    return facts.size is not None and Structure.CASH_SECURED_PUT in facts.size.structures


def order_loss(facts: Facts) -> Answer:
    """The most that the order loses, as a share of equity."""
    return _share(
        facts, facts.picture.loss, facts.limits.order_loss, "The order may lose too much."
    )


def open_loss(facts: Facts) -> Answer:
    """The most that everything open loses with it."""
    losses = list(facts.picture.losses.values())
    worst = None if None in losses else sum((max(one or ZERO, ZERO) for one in losses), ZERO)
    text = "All that is open may lose too much with it."
    return _share(facts, worst, facts.limits.open_loss, text)


def underlying_loss(facts: Facts) -> Answer:
    """The most that one underlying loses with it."""
    mine = [facts.picture.losses[name] for name in facts.underlyings]
    worst = None if None in mine else max((one or ZERO for one in mine), default=ZERO)
    text = "Too much would hang on one underlying."
    return _share(facts, worst, facts.limits.underlying_loss, text)


def today_loss(facts: Facts) -> Answer:
    """The most that what expires today loses with it."""
    if not any(facts.picture.ends_today(leg.as_holding()) for leg in facts.opening):
        return passed(ZERO, facts.limits.today_loss)
    text = "Too much would hang on what expires today."
    return _share(facts, facts.picture.today_loss, facts.limits.today_loss, text)


def power(facts: Facts) -> Answer:
    """Buying power once this and every open order filled: 0 or more."""
    return at_least(facts.picture.power_after, ZERO, "There is not enough buying power.")


def day_trading(facts: Facts) -> Answer:
    """What holds at the broker: no intraday deficit, or the day trades of the old rule."""
    if facts.day_rule == "legacy_pdt":
        return _counted(facts)
    if facts.day_rule != "intraday_margin":
        return refused(f"There is no rule {facts.day_rule!r} for day trades.", facts.day_rule)
    if facts.picture.reducing:
        return passed("leaves a position")
    left = facts.picture.power_after
    if left < ZERO:  # what must be kept is never more than what opening asks for
        left = facts.picture.power(after=True, maintenance=True)
    return at_least(left, ZERO, "The order would leave an intraday margin deficit.")


def _counted(facts: Facts) -> Answer:
    """FINRA 4210(f)(8)(B) as it was: leaving a position is never refused, so a person is told."""
    text = "This broker still counts day trades, and the account has no more in these five days."
    made = facts.day_trades
    if facts.picture.reducing:
        if made is not None and made < OLD_RULE_MOST:
            return passed(made, OLD_RULE_MOST)
        return warned(text, made, OLD_RULE_MOST)
    equity, made = need(facts.equity, "the equity"), need(made, "the day trades")
    if equity >= OLD_RULE_BELOW or made < OLD_RULE_MOST:
        return passed(made, OLD_RULE_MOST)
    return refused(text, made, OLD_RULE_MOST)


def _share(facts: Facts, amount: Decimal | None, limit: Decimal, text: str) -> Answer:
    """Compare a loss with a share of equity; without equity nothing may be lost."""
    equity = max(need(facts.equity, "the equity"), ZERO)
    if amount is None:
        return refused(text, "unlimited", limit * equity)
    return at_most(amount, limit * equity, text)
