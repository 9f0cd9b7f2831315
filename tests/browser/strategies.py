"""A strategy of the site with a trade open and decisions of each kind, and one that is new."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal


def make_strategies(email: str) -> None:
    """Store them for the person with this address, on their first account; they are 1 and 2."""
    from accounts.models import User
    from market.models import FeedRun
    from tests.browser.trading import MOMENT, SYMBOL, option
    from trading.models import Account, Order, Strategy, StrategyDecision, StrategyTrade
    from trading.strategies import demo, services

    owner = User.objects.get(email=email)
    account = Account.objects.filter(owner=owner).earliest("pk")
    made, _ = services.create(owner, account.pk, name="Morning crypto", given=demo.CONFIG)
    services.create(owner, account.pk, name="Paused one", given=demo.CONFIG)
    Strategy.objects.filter(pk=made.pk).update(state="running", reason="started")
    version = services.newest(made)
    entry = Order.objects.get(account=account, intent_id="working")
    trade = StrategyTrade.objects.create(
        strategy=made, version=version, number=1, reading="long", kind="long_option",
        legs=[[option("C", 605), 1, "100"]], settles=MOMENT + dt.timedelta(days=1),
        loss=Decimal(608), entry=entry, asked_at=MOMENT, entered_at=MOMENT, best=0.12, now=-0.08,
    )  # fmt: skip
    said = (
        ("stay_out", False, ["Stay out: no tool with a vote fires.", "Below their thresholds: A."]),
        ("enter", True, ["Enter long: Crypto Lead agree.", "A long option buys 605 call.",
                         "1 can lose $608.00 of $50,000.00."]),
        ("hold", False, ["Stay: -8% of what it can lose, +12% at best."]),
    )  # fmt: skip
    run = FeedRun.objects.get(symbol=SYMBOL)
    for row, (kind, taken, reasons) in enumerate(said):
        StrategyDecision.objects.create(
            strategy=made, version=version, run=run, row=row, session=MOMENT.date(), kind=kind,
            at=MOMENT + dt.timedelta(minutes=row), taken=taken, reasons=reasons,
            order=entry if taken else None, trade=trade if row else None,
        )  # fmt: skip
