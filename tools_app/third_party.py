"""Tools that other distributions bring, by the entry point group `pulse.tools`.

Nothing of theirs is imported here: a process of its own imports what an entry point names and tells
what is declared there. What cannot be imported, breaks the contract or clashes is refused with its
reason, and stops nothing.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, Final, TypeVar

from market.frames import Kind
from tools_app.contract import Origin, Param, Scope, Tier, Tool
from tools_app.isolation import Host, HostError, RemoteCompute, plain

Choice = TypeVar("Choice", bound=StrEnum)
GROUP: Final = "pulse.tools"
SWITCH: Final = "PULSE_THIRD_PARTY_TOOLS"
FIRST_ID, LAST_ID = 1000, 9999
MOST_TOOLS: Final = 100
_SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST: Final = {"slug": 50, "name": 80, "family": 80, "version": 16, "horizon_unit": 16}
_LONGEST_TEXT: Final = 2000
_WHOLE: Final = ("id", "window", "horizon", "volatility")
_TEXTS: Final = (
    "slug", "name", "family", "hypothesis", "source", "formula", "horizon_unit", "direction",
    "judged_on", "blind_spots", "version",
)  # fmt: skip
_NAMES: Final = ("inputs", "optional", "by_side")
_LONGEST_WINDOW: Final = 5000


class DeclarationError(ValueError):
    """A declaration has a field of another kind than the contract says."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A tool that is not in the catalogue: who brings it, what it is called, and why."""

    origin: Origin
    what: str
    reason: str


def brought() -> list[Tool | Refused]:
    """Return what every entry point brings, in the order of distribution and name.

    Each entry point is asked in a process of its own, all at the same time. Nothing is looked for
    where the environment says `PULSE_THIRD_PARTY_TOOLS=0`.
    """
    if os.environ.get(SWITCH, "1") == "0":
        return []
    points, unread = _points()
    found = sorted(points, key=lambda pair: pair[0])
    if not found:
        return list(unread)
    with ThreadPoolExecutor(min(8, len(found)), "entry-point") as pool:
        items = [item for items in pool.map(_brought_by, found) for item in items]
    return [*items, *unread]


def _points() -> tuple[list[tuple[Origin, EntryPoint]], list[Refused]]:
    """Return the entry points of the group, and the distributions whose cannot be read.

    Each distribution is read for itself, and of two of one name the first on the path counts.
    """
    found: list[tuple[Origin, EntryPoint]] = []
    unread: list[Refused] = []
    seen: set[str] = set()
    for dist in distributions():
        name = str(dist.name)
        if name in seen:
            continue
        seen.add(name)
        try:
            if GROUP in (dist.read_text("entry_points.txt") or ""):
                points = dist.entry_points.select(group=GROUP)
                found += [(_origin(dist, f"{p.name} = {p.value}"), p) for p in points]
        except Exception as error:  # noqa: BLE001 - a broken file of one must not stop the start
            reason = f"its entry_points.txt cannot be read: {error}"
            unread.append(Refused(_origin(dist, "entry_points.txt"), plain(name), plain(reason)))
    return found, unread


def _origin(dist: Distribution, entry: str) -> Origin:
    return Origin(plain(dist.name), plain(dist.version), plain(entry))


def _brought_by(pair: tuple[Origin, EntryPoint]) -> list[Tool | Refused]:
    origin, point = pair
    host = Host(point.value)
    try:
        declared = host.describe()
    except (HostError, OSError, ValueError) as error:
        return [Refused(origin, plain(point.name), plain(error))]
    finally:
        host.close()
    if not declared or len(declared) > MOST_TOOLS:
        reason = f"it brings {len(declared)} tools; one entry point brings 1 to {MOST_TOOLS}"
        return [Refused(origin, plain(point.name), reason)]
    return [
        _made(told, origin, RemoteCompute(point.value, place, _as_told(told)))
        for place, told in enumerate(declared)
    ]


def _as_told(told: Any) -> str:
    return json.dumps([told])


def _made(told: Any, origin: Origin, compute: RemoteCompute) -> Tool | Refused:
    what = plain(told.get("slug", "?")) if isinstance(told, dict) else "?"
    try:
        return declared_tool(told, origin, compute)
    except (ValueError, TypeError, KeyError) as error:
        reason = f"no {error} is declared" if isinstance(error, KeyError) else str(error)
        return Refused(origin, what, plain(reason))


def declared_tool(told: Mapping[str, Any], origin: Origin, compute: RemoteCompute) -> Tool:
    """Return the tool of a declaration, nothing in it believed unseen.

    Raises
    ------
    DeclarationError
        Naming the field.
    """
    if "refused" in told:
        raise DeclarationError(told["refused"])
    given: dict[str, Any] = {name: _text(name, told[name]) for name in _TEXTS}
    given |= {name: _whole(name, told[name]) for name in _WHOLE}
    given |= {name: tuple(_text(name, n) for n in _list(name, told[name])) for name in _NAMES}
    if not _SLUG.fullmatch(given["slug"]):
        raise DeclarationError(
            f"slug {given['slug']!r}: use small letters, digits and single hyphens, a letter first"
        )
    if given["window"] > _LONGEST_WINDOW:
        raise DeclarationError(f"window {given['window']}: at most {_LONGEST_WINDOW} rows")
    return Tool(
        **given,
        tier=_choice("tier", Tier, told["tier"]),
        kind=_choice("kind", Kind, told["kind"]),
        scope=_choice("scope", Scope, told["scope"]),
        params=tuple(_param(param) for param in _list("params", told["params"])),
        compute=compute,
        origin=origin,
    )


def _text(name: str, given: Any) -> str:
    longest = _LONGEST.get(name, _LONGEST_TEXT)
    if not isinstance(given, str) or len(given) > longest or not given.isprintable():
        raise DeclarationError(f"{name}: give a printable text of at most {longest} letters")
    return given


def _whole(name: str, given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or abs(given) >= 1 << 31:
        raise DeclarationError(f"{name}: give a whole number")
    if name == "volatility" and given not in (-1, 0, 1):
        raise DeclarationError("volatility: give -1, 0 or 1")
    return given


def _list(name: str, given: Any) -> list[Any]:
    if not isinstance(given, list) or len(given) > MOST_TOOLS:
        raise DeclarationError(f"{name}: give a tuple of at most {MOST_TOOLS}")
    return given


def _choice(name: str, of: type[Choice], given: Any) -> Choice:
    try:
        return of(given)
    except ValueError:
        options = ", ".join(repr(str(option)) for option in of)
        raise DeclarationError(f"{name}: {given!r} is none of {options}") from None


def _param(given: Any) -> Param:
    known = {field.name for field in fields(Param)}
    if not isinstance(given, dict) or given.keys() != known:
        raise DeclarationError("params: give a tuple of tools_app.contract.Param")
    plainly: dict[str, Any] = {n: _number(n, given[n]) for n in ("default", "low", "high")}
    plainly |= {name: _text(name, given[name]) for name in ("name", "unit", "description")}
    return Param(**plainly, integer=bool(given["integer"]))


def _number(name: str, given: Any) -> float:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not math.isfinite(given):
        raise DeclarationError(f"a parameter's {name}: give a finite number")
    return float(given)
