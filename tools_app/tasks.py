"""Celery tasks of the tools."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_init

from record.access import SYSTEM
from record.tasks import PulseTask, UserTask
from tools_app import execution, scoring, services
from tools_app.consensus import Rules
from tools_app.registry import catalogue


@worker_init.connect
def _load_tools(sender: Any, **_: Any) -> None:
    """Find third parties' tools before the worker that runs tools takes its first task."""
    if "live" in sender.app.amqp.queues.consume_from:
        catalogue()


@shared_task(name="tools_app.evaluate_run", base=PulseTask, entitlement=SYSTEM)
def evaluate_run(run_id: int, arrived: float | None = None) -> None:
    """Evaluate the new rows of a run. Repeating it makes no second signal."""
    services.evaluate_run(run_id, arrived=arrived)


@shared_task(
    name="tools_app.execute", base=UserTask, entitlement="execute.run", ignore_result=False
)
def execute(
    tool_id: int, symbol: str | None, data: dict[str, Any] | None, *, user_id: int
) -> dict[str, Any]:
    """Run a tool on the newest frame of a symbol, or on rows given by the caller."""
    return execution.execute(tool_id, symbol=symbol, data=data)


@shared_task(
    name="tools_app.consensus", base=UserTask, entitlement="execute.run", ignore_result=False
)
def consensus(given: dict[str, Any], *, user_id: int) -> dict[str, Any]:
    """Let several tools vote on the newest frame of a symbol, or on rows given by the caller."""
    return execution.consensus(
        given["tool_ids"],
        symbol=given["symbol"],
        data=given["data"],
        weights=dict(given["weights"]),
        vetoes=given["vetoes"],
        rules=Rules(given["agreement"], given["confidence"]),
    )


@shared_task(name="tools_app.score", base=PulseTask, entitlement=SYSTEM, expires=55)
def score() -> None:
    """Bring the scorecards up to the sessions that ended. Repeating it changes nothing."""
    scoring.score_due()
