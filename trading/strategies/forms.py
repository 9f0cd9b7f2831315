"""The form that makes a strategy: a few of its numbers, the rest by their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from trading.strategies.config import (
    STRUCTURES,
    EntryRules,
    ExitRules,
    SizingRules,
    StructureRules,
)


class Field(NamedTuple):
    """One number of the form: where it stands in the configuration, its label and its help."""

    path: str
    label: str
    help: str
    initial: str
    percent: bool = False

    @property
    def name(self) -> str:
        """Its name in the form."""
        return self.path.replace("/", "-")


_S, _Z, _X, _E = StructureRules(), SizingRules(), ExitRules(), EntryRules(())


def _share(value: float | None) -> str:
    return "" if value is None else f"{value * 100:g}"


FIELDS: Final = (
    Field("entry/agreement", "Tools that agree, %", "Of those chosen.", _share(_E.agreement), True),
    Field("entry/confidence", "Confidence, %", "Of the reading that leads.",
          _share(_E.confidence), True),
    Field("structure/near", "Delta nearer to the money", "From 0.02 to 0.98.", f"{_S.near:g}"),
    Field("structure/far", "Delta farther out", "Verticals alone; below the other.",
          f"{_S.far:g}"),
    Field("structure/days", "Days to settlement", f"From {_S.least_days:g} to {_S.most_days:g}.",
          f"{_S.days:g}"),
    Field("sizing/share", "Risk a trade, % of equity", "Rounded down to whole units.",
          _share(_Z.share), True),
    Field("exit/stop", "Stop, % of the risk", "Never off.", _share(_X.stop), True),
    Field("exit/trail", "Trailing stop, % of the risk", "Empty: off.", _share(_X.trail), True),
    Field("exit/take", "Take profit, % of the risk", "Empty: off.", _share(_X.take), True),
    Field("exit/minutes", "Minutes at most", "Empty: off.", f"{_X.minutes or 0:g}"),
    Field("exit/before_close", "Minutes before the close", "It is left then at the latest.",
          f"{_X.before_close:g}"),
)  # fmt: skip
NEW: Final = "new"
"""In place of an account: open one."""
INITIAL: Final = {
    "name": "", "account": NEW, "structure": STRUCTURES[0].value,
    **{one.name: one.initial for one in FIELDS},
}  # fmt: skip


def config_of(given: Mapping[str, str], tools: list[str], symbol: str) -> dict[str, Any]:
    """Return the configuration that a filled form asks for, to be read like any other.

    A number that is none stays a text, which the reader names.
    """
    made: dict[str, Any] = {
        "symbol": symbol, "entry": {"tools": [_whole(one) for one in tools]},
        "structure": {"kind": given["structure"]}, "sizing": {}, "exit": {},
    }  # fmt: skip
    for one in FIELDS:
        part, name = one.path.split("/")
        made[part][name] = _number(given[one.name], percent=one.percent)
    return made


def faults_by_name(faults: Mapping[str, str]) -> dict[str, str]:
    """Return faults of a configuration by the form's names; what it has no field for is first."""
    names = {one.path: one.name for one in FIELDS} | {
        "entry/tools": "tools", "structure/kind": "structure", "symbol": "account",
    }  # fmt: skip
    return {names.get(path, "whole"): f"{text[:1].upper()}{text[1:]}."
            for path, text in faults.items()}  # fmt: skip


def _number(text: str, *, percent: bool) -> float | str | None:
    text = text.strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        return text
    return round(value / 100, 6) if percent else value


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else text
