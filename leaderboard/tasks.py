"""Celery tasks of the bots."""

from __future__ import annotations

import datetime as dt

from celery import shared_task
from django.utils import timezone

from leaderboard import hosted, services
from leaderboard.ranking import selectors as boards
from leaderboard.ranking import services as ranking
from leaderboard.trusting import services as trusting
from record.access import SYSTEM
from record.tasks import PulseTask


@shared_task(name="leaderboard.publish_heads", base=PulseTask, entitlement=SYSTEM, expires=590)
def publish_heads() -> None:
    """Publish where each chain ended with yesterday, UTC. Repeating it changes nothing."""
    services.publish_heads(timezone.now().astimezone(dt.UTC).date() - dt.timedelta(days=1))


@shared_task(
    name="leaderboard.rank", base=PulseTask, entitlement=SYSTEM, expires=2, ignore_result=True
)
def rank() -> None:
    """Fold new trades and bring the boards up to now. Runs beside this one return at once."""
    ranking.refresh()


@shared_task(name="leaderboard.note_places", base=PulseTask, entitlement=SYSTEM, expires=590)
def note_places() -> None:
    """Note everybody's place of this moment, against which tomorrow shows the change."""
    boards.note_places()


@shared_task(
    name="leaderboard.find_likenesses",
    base=PulseTask,
    entitlement=SYSTEM,
    expires=3_600,
    acks_late=False,  # it takes longer than a message waits; a crash leaves it to the next night
    soft_time_limit=840,
    time_limit=900,
)
def find_likenesses() -> None:
    """Compare all bots for the trust queue. Repeating it changes nothing."""
    trusting.find()


@shared_task(name="leaderboard.host_strategy", base=PulseTask, entitlement=SYSTEM)
def host_strategy(strategy_id: int) -> None:
    """Bring a strategy's bot up to its versions and orders. Repeating it changes nothing."""
    hosted.sync(strategy_id)


@shared_task(name="leaderboard.report_order", base=PulseTask, entitlement=SYSTEM)
def report_order(order_id: int) -> None:
    """Report an order of a strategy that runs here, and whatever came before it."""
    hosted.sync_order(order_id)
