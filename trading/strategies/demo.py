"""The demo's strategy, so that a newcomer sees one trade: made once the simulator has begun."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import structlog
from django.db import transaction

from accounts import demo
from accounts.models import User
from market.models import FeedRun
from trading.brokers.paper.services import open_paper_account
from trading.ledger.book import LedgerError
from trading.models import Account, Strategy
from trading.strategies import services

log = structlog.get_logger("pulse.strategies")
NAME: Final = "Demo: six minute tools, one vertical"
ACCOUNT: Final = "Demo strategy"
CASH: Final = Decimal(100_000)
SYMBOL: Final = "SIM"
CONFIG: Final[dict[str, Any]] = {
    "symbol": SYMBOL,
    "entry": {"tools": [6, 11, 16, 17, 18, 30], "agreement": 0.1, "confidence": 0.5},
    "structure": {"kind": "debit_vertical", "days": 2.0, "least_days": 0.3, "most_days": 5.0},
    "exit": {"minutes": 90.0},
    "pace": {"rest": 10.0},
}


@transaction.atomic
def seed() -> Strategy | None:
    """Make and start the demo's strategy unless it was made before; None while that cannot be.

    Whoever ends it has ended it: it is not made again.
    """
    if not demo.is_on():
        return None
    owner = User.objects.select_for_update().filter(email=demo.DEMO_USERS[2].email).first()
    runs = FeedRun.objects.filter(symbol=SYMBOL, source=FeedRun.Source.SIMULATOR, rows__gt=0)
    if owner is None or not runs.exists():
        return None
    there = Strategy.objects.filter(owner=owner, name=NAME).first()
    if there is not None:
        return there
    try:
        account = Account.objects.filter(owner=owner, name=ACCOUNT).first() or open_paper_account(
            owner, name=ACCOUNT, cash=CASH, market=f"simulator:{SYMBOL}"
        )
        made, _ = services.create(owner, account.pk, name=NAME, given=CONFIG)
    except LedgerError as error:  # whoever tries the demo has used the plan up
        log.info("demo_strategy_not_made", why=str(error))
        return None
    return services.start(made.pk, actor=f"user {owner.pk}")
