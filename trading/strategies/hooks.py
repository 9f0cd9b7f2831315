"""Who wants to hear of strategies: tasks of the floors above, registered by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trading.models import Strategy

Page = Callable[["Strategy"], str | None]

_versions: list[str] = []
_pages: list[Page] = []


def subscribe_versions(task: str) -> None:
    """Have the task `task(strategy_id)` promised with every new version; once per name."""
    if task not in _versions:
        _versions.append(task)


def on_version() -> tuple[str, ...]:
    """Return the tasks to promise with a new version."""
    return tuple(_versions)


def register_record(page: Page) -> None:
    """Say where a strategy's public record stands: its address, None while there is none."""
    _pages[:] = [page]


def record_of(strategy: Strategy) -> str | None:
    """Return the address of a strategy's public record, None where there is none."""
    return _pages[0](strategy) if _pages else None
