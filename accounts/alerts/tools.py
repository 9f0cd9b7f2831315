"""The tools that rules may name, given by the floor above: alerts import nothing from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class ListedTool(NamedTuple):
    """A tool as the pages name it."""

    id: int
    name: str
    tier: str


_listings: list[Callable[[], list[ListedTool]]] = []


def register(listing: Callable[[], list[ListedTool]]) -> None:
    """Set who lists the tools."""
    _listings[:] = [listing]


def listed() -> list[ListedTool]:
    """Return the tools in the order of their numbers; empty when nobody lists any."""
    return _listings[0]() if _listings else []
