"""Which strategies a new row matters to: those are promised a decision, each on its own."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from market.models import FeedRun
from record.outbox import enqueue
from trading.brokers.paper import markets
from trading.models import Strategy, StrategyTrade

DECIDE: Final = "trading.decide"


@transaction.atomic
def follow(run_id: int) -> int:
    """Promise a decision to each strategy on a run that trades or has something open."""
    run = FeedRun.objects.get(pk=run_id)
    holds = StrategyTrade.objects.filter(strategy=OuterRef("pk"), ended_at=None)
    rows = Strategy.objects.filter(account__paper__in=markets.accounts_on(run))
    waiting = rows.filter(Q(state=Strategy.State.RUNNING) | Exists(holds)).order_by("pk")
    found = list(waiting.values_list("pk", flat=True))
    for strategy_id in found:
        enqueue(DECIDE, strategy_id)
    return len(found)
