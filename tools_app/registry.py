"""The catalogue: every tool of `tools_app.library`, and those that third parties bring.

Ours break the start when they break the contract; a third party's is refused with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import structlog

from market.features.registry import UnknownColumnError, registry
from tools_app import library, third_party
from tools_app.contract import THRESHOLD, Tier, Tool
from tools_app.third_party import Refused

FIRST_ID, LAST_ID = 1, 52
log = structlog.get_logger("pulse.tools")


class ToolError(ValueError):
    """A tool breaks the contract, or has the id or slug of another."""


class Catalogue:
    """Tools in the order of their ids."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._by_id: dict[int, Tool] = {}
        self._by_slug: dict[str, Tool] = {}
        self.refused: list[Refused] = []
        """Third parties' tools that are not in here, each with the reason."""
        for tool in tools:
            self.add(tool)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._by_id[number] for number in sorted(self._by_id))

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, tool: Tool) -> None:
        """Take in a tool that keeps the contract and is new."""
        _check(tool)
        there = self._by_id.get(tool.id) or self._by_slug.get(tool.slug)
        if there is not None:
            whose = "" if there.origin is None else f", brought by {there.origin.distribution}"
            raise ToolError(
                f"tool {tool.id} {tool.slug!r} is there already: {there.id} {there.slug!r}{whose}"
            )
        self._by_id[tool.id] = tool
        self._by_slug[tool.slug] = tool

    def get(self, key: int | str) -> Tool:
        """Return a tool by id, by its id in digits, or by slug; LookupError when there is none."""
        numeric = isinstance(key, int) or (key.isascii() and key.isdecimal() and len(key) < 10)
        found = self._by_id.get(int(key)) if numeric else self._by_slug.get(str(key))
        if found is None:
            raise LookupError(f"no tool {key!r}")
        return found

    def opened_by(self, tier: Tier | str) -> list[Tool]:
        """Return the tools that a plan opens: its own and those of the plans before it."""
        return [tool for tool in self if Tier(tier).opens(tool.tier)]

    def offer(self, item: Tool | Refused) -> None:
        """Take in a third party's tool, or note and log why not."""
        if isinstance(item, Tool):
            try:
                self.add(item)
            except (ToolError, UnknownColumnError) as error:
                if item.origin is None:
                    raise
                item = Refused(item.origin, item.slug, str(error.args[0]))
        if isinstance(item, Refused):
            self.refused.append(item)
            log.warning(
                "tool_refused",
                distribution=item.origin.distribution,
                entry=item.origin.entry,
                tool=item.what,
                reason=item.reason,
            )


@cache
def catalogue() -> Catalogue:
    """Return the tools of this process: ours, and those that were installed when it started."""
    made = ours()
    for item in third_party.brought():
        made.offer(item)
    return made


def ours() -> Catalogue:
    """Return the tools of the library."""
    modules = (
        import_module(f"{library.__name__}.{found.name}")
        for found in iter_modules(library.__path__)
    )
    return Catalogue(tool for module in modules for tool in tools_of(module))


def tools_of(module: ModuleType) -> list[Tool]:
    """Return the tools that a module defines, in the order in which it defines them."""
    return [value for value in vars(module).values() if isinstance(value, Tool)]


def _check(tool: Tool) -> None:
    """Refuse a tool that declares what cannot hold."""
    own = tool.origin is None
    first, last = (FIRST_ID, LAST_ID) if own else (third_party.FIRST_ID, third_party.LAST_ID)
    if not first <= tool.id <= last:
        raise ToolError(f"tool {tool.id} is outside {first}..{last}")
    if THRESHOLD.name not in {param.name for param in tool.params}:
        raise ToolError(f"{tool.slug} has no parameter {THRESHOLD.name!r}")
    if len({param.name for param in tool.params}) != len(tool.params):
        raise ToolError(f"{tool.slug} names a parameter twice")
    if tool.window < 1 or tool.horizon < 1:
        raise ToolError(f"{tool.slug}: window and horizon are at least one row")
    registry().plan(tool.kind, tool.columns)
