"""The catalogue: every tool of `tools_app.library`, found by itself, by id, slug and tier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from market.features.registry import registry
from tools_app import library
from tools_app.contract import THRESHOLD, Tier, Tool

FIRST_ID, LAST_ID = 1, 52


class ToolError(ValueError):
    """A tool breaks the contract, or has the id or slug of another."""


class Catalogue:
    """Tools in the order of their ids."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._by_id: dict[int, Tool] = {}
        self._by_slug: dict[str, Tool] = {}
        for tool in tools:
            self.add(tool)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._by_id[number] for number in sorted(self._by_id))

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, tool: Tool) -> None:
        """Take in a tool that keeps the contract and is new."""
        _check(tool)
        if tool.id in self._by_id or tool.slug in self._by_slug:
            raise ToolError(f"tool {tool.id} {tool.slug!r} is there already")
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


@cache
def catalogue() -> Catalogue:
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
    if not FIRST_ID <= tool.id <= LAST_ID:
        raise ToolError(f"tool {tool.id} is outside {FIRST_ID}..{LAST_ID}")
    if THRESHOLD.name not in {param.name for param in tool.params}:
        raise ToolError(f"{tool.slug} has no parameter {THRESHOLD.name!r}")
    if len({param.name for param in tool.params}) != len(tool.params):
        raise ToolError(f"{tool.slug} names a parameter twice")
    if tool.window < 1 or tool.horizon < 1:
        raise ToolError(f"{tool.slug}: window and horizon are at least one row")
    registry().plan(tool.kind, tool.columns)
