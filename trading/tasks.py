"""Celery tasks of trading."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task
from django.utils import timezone

from record.access import SYSTEM
from record.locks import alone
from record.tasks import PulseTask, UserTask
from trading.brokers.paper import engine, following
from trading.models import Account
from trading.risk import breakers, telling, warning
from trading.risk.portfolio import portfolio_body
from trading.strategies import deciding, demo
from trading.strategies import following as strategies

log = structlog.get_logger(__name__)


@shared_task(name="trading.follow_market", base=PulseTask, entitlement=SYSTEM)
def follow_market(run_id: int, arrived: float | None = None) -> None:
    """Promise a step to each paper account for which a run's new rows matter."""
    following.follow(run_id)


class StepTask(PulseTask):
    """Base of work that is several transactions, each of which may be the last."""

    abstract = True
    atomic = False


@shared_task(name="trading.step_paper", base=StepTask, entitlement=SYSTEM)
def step_paper(account_id: int) -> None:
    """Walk a paper account along the rows that it has not seen. A repeat does nothing."""
    engine.step(account_id)


@shared_task(name="trading.follow_markets", base=PulseTask, entitlement=SYSTEM, expires=25)
def follow_markets() -> None:
    """Promise steps again that were missed."""
    following.follow_all()


@shared_task(name="trading.follow_strategies", base=PulseTask, entitlement=SYSTEM)
def follow_strategies(run_id: int, arrived: float | None = None) -> None:
    """Promise a decision to each strategy for which a run's new rows matter."""
    strategies.follow(run_id)


@shared_task(name="trading.decide", base=PulseTask, entitlement=SYSTEM)
def decide(strategy_id: int) -> None:
    """Decide on the newest row of a strategy's market. A repeat does nothing."""
    deciding.decide(strategy_id)


@shared_task(
    name="trading.portfolio", base=UserTask, entitlement="trading.paper", ignore_result=False
)
def portfolio(account_id: int, *, user_id: int) -> dict[str, Any]:
    """Return what a person's account may lose; another's is as if it did not exist."""
    account = Account.objects.filter(pk=account_id, owner=user_id).first()
    if account is None:
        return {"fault": "unknown"}
    return portfolio_body(account, timezone.now())


@shared_task(name="trading.watch_risk", base=StepTask, entitlement=SYSTEM, expires=5)
def watch_risk() -> None:
    """Look at each account's day, positions and newest fills. A repeat changes nothing.

    While one looks, the next does not: a slow one is not joined by others.
    """
    with alone("trading.watch_risk") as first:
        if first:
            breakers.watch_all()
        else:
            log.warning("watch_risk_still_runs")


@shared_task(name="trading.warn_of_expiries", base=StepTask, entitlement=SYSTEM, expires=20)
def warn_of_expiries() -> None:
    """Warn owners of what ends soon, each warning once; while one looks, the next does not."""
    with alone("trading.warn_of_expiries") as first:
        if first:
            warning.warn_all()


@shared_task(name="trading.tell_risk", base=PulseTask, entitlement=SYSTEM)
def tell_risk(account_id: int, event: str, what: str, state: str, text: str) -> None:
    """Tell an account's owner on their channel of risk, once, as the outbox runs it."""
    telling.tell_promised(account_id, event, what, state, text)


@shared_task(name="trading.seed_demo", base=PulseTask, entitlement=SYSTEM, expires=50)
def seed_demo() -> None:
    """Make the demo's strategy once its simulator has begun. A repeat does nothing."""
    demo.seed()
