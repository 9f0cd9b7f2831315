"""Celery tasks of the tools."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from record.access import SYSTEM
from record.tasks import PulseTask, UserTask
from tools_app import execution, services


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
