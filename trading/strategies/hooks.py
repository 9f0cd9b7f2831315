"""Who wants to hear of strategies: tasks of the floors above, registered by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trading.models import Strategy

Pages = Callable[[Sequence["Strategy"]], dict[int, str]]

_versions: list[str] = []
_pages: list[Pages] = []


def subscribe_versions(task: str) -> None:
    """Have the task `task(strategy_id)` promised with every new version; once per name."""
    if task not in _versions:
        _versions.append(task)


def on_version() -> tuple[str, ...]:
    """Return the tasks to promise with a new version."""
    return tuple(_versions)


def register_records(pages: Pages) -> None:
    """Say where strategies' public records stand: the addresses of those that have one."""
    _pages[:] = [pages]


def records_of(strategies: Sequence[Strategy]) -> dict[int, str]:
    """Return the addresses of strategies' public records, by strategy."""
    return _pages[0](strategies) if _pages else {}
