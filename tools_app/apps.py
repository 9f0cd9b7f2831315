"""App configuration."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.conf import settings

if TYPE_CHECKING:
    from accounts.alerts.tools import ListedTool
    from record.job_kinds import JobContext

TIERS = ("free", "pro", "pro_plus")


class ToolsAppConfig(AppConfig):
    """The tools."""

    name = "tools_app"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Ask the feed for new rows, register the channels of signals, bound foreign tools."""
        from accounts.alerts import tools
        from market.feed import subscribers
        from record import jobs
        from record.live import topics
        from tools_app import limits

        limits.configure(
            limits.Limits(
                answer_s=settings.TOOL_ANSWER_S,
                start_s=settings.TOOL_START_S,
                memory_mb=settings.TOOL_MEMORY_MB,
                faults=settings.TOOL_FAULTS,
                pause_s=settings.TOOL_PAUSE_S,
            )
        )
        subscribers.subscribe("tools_app.evaluate_run")
        jobs.register("tools.validate", _validate, slice_s=60.0, lease_s=300.0, limit_s=900.0)
        tools.register(_listed_tools)
        jobs.register("tools.optimize", _optimize, slice_s=60.0, lease_s=300.0, limit_s=900.0)
        for tier in TIERS:
            topics.register(
                f"signals:{tier}",
                kind="log",
                entitlement=f"tools.{tier}",
                snapshot=_newest_signals,
            )


def _validate(context: "JobContext") -> Any:
    # Numerics are loaded where they run, which the web process never does.
    from tools_app.validation.services import run_lane

    return run_lane(context)


def _listed_tools() -> "list[ListedTool]":
    from accounts.alerts.tools import ListedTool
    from tools_app.registry import catalogue

    return [ListedTool(tool.id, tool.name, tool.tier.value) for tool in catalogue()]


def _optimize(context: "JobContext") -> Any:
    # As above: the search is loaded by the worker that runs it.
    from tools_app.optimize.services import run_lane

    return run_lane(context)


def _newest_signals(channel: str) -> Mapping[str, Any]:
    # Selectors import the tools, which the web process needs only when somebody asks.
    from tools_app.selectors import newest_signals

    return newest_signals(channel)
