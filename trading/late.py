"""What follows from quotes of now, for whoever's plan sees the market late.

One rule: until the plan's delay has passed, numbers that the live market went into are left out,
and a word says why. What is somebody's own is told at once: their orders, fills, fees and cash.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils import timezone

from market.reach import Reach

WHY: Final = "Its figures follow from quotes of then, which your plan sees {} minutes late."
_TOLD: Final = frozenset({
    "all rules", "plan", "opt in", "account state", "switches", "order kind", "broker", "symbol",
    "structure", "session", "contract", "last trade", "last hour", "quote age", "underlying age",
    "chain age", "future", "order size", "orders a second", "orders a minute", "orders a day",
    "duplicate", "openings a day", "seconds between openings", "broker refusals", "uncovered",
    "position", "earnings", "macro", "wash sale", "gate",
})  # fmt: skip
"""Rules that compare no price; one that is new is taken to do so."""
_NUMBER: Final = re.compile(r"(?<![\w.])(?<!rder )\d[\d,]*(?:\.\d+)?(?!\w)")
"""A number that stands alone: neither part of a symbol nor an order's."""


def held(at: dt.datetime | None, reach: Reach) -> bool:
    """Return whether what was seen at an instant (now, for None) is too new for a reach."""
    if not reach.delay_s:
        return False
    return at is None or timezone.now() - at < dt.timedelta(seconds=reach.delay_s)


def why(reach: Reach) -> str:
    """Return the sentence that stands for what is held back."""
    return WHY.format(reach.delay_s // 60)


def words(text: str, at: dt.datetime | None, reach: Reach) -> str:
    """Return a sentence without its numbers while they are too new."""
    return _NUMBER.sub("…", text) if held(at, reach) else text


def decision(told: Mapping[str, Any], at: dt.datetime | None, reach: Reach) -> dict[str, Any]:
    """Return what a gate's rule said (`rule`, `text`, `value`, `limit`) as a reach may see it."""
    if not held(at, reach):
        return {**told, "late": ""}
    text = words(told["text"], at, reach)
    if told["rule"] in _TOLD:
        return {**told, "text": text, "late": ""}
    return {**told, "text": text, "value": "", "limit": "", "late": why(reach)}


def rules(rows: Iterable[list[str]], at: dt.datetime | None, reach: Reach) -> list[list[str]]:
    """Return rows of rules (name, answer, value, limit, words) as a reach may see them."""
    if not held(at, reach):
        return list(rows)
    return [
        [name, answer, *((value, limit) if name in _TOLD else ("", "")),
         *(words(one, at, reach) for one in more)]
        for name, answer, value, limit, *more in rows
    ]  # fmt: skip
