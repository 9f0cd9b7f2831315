"""Sessions that the simulator has walked, kept in the database: a start takes up where they end.

Floats pass through JSON as their shortest decimal text, which gives back every bit.
"""

from __future__ import annotations

import dataclasses
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from market import simulator
from market.models import SimulatedDay
from market.simulator import DailyBar, SimulatorConfig, WalkedSession
from market.simulator.daily import DailyState

_DTYPES = {"trend": np.int8, "stress": np.bool_}


def digest(config: SimulatorConfig) -> str:
    """Return what tells a market from every other: its configuration and the code that walks it."""
    said = sorted(dataclasses.asdict(config).items())
    return hashlib.sha256(f"{_code()} {said!r}".encode()).hexdigest()


@cache
def _code() -> str:
    found = hashlib.sha256(np.__version__.encode())
    for path in sorted(Path(simulator.__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def load(config: SimulatorConfig) -> list[WalkedSession]:
    """Return the first sessions of a market as far as they are kept without a gap."""
    rows = SimulatedDay.objects.filter(market=digest(config)).order_by("index")
    found: list[WalkedSession] = []
    for index, payload in rows.values_list("index", "payload"):
        if index != len(found):
            break
        found.append(_unpacked(payload))
    return found


def keep(config: SimulatorConfig, index: int, walked: WalkedSession) -> None:
    """Keep a session; one that is kept already stays."""
    row = SimulatedDay(
        market=digest(config), symbol=config.symbol, index=index, payload=_packed(walked)
    )
    SimulatedDay.objects.bulk_create([row], ignore_conflicts=True)


def forget_others(config: SimulatorConfig) -> None:
    """Drop the sessions of other markets of the symbol."""
    SimulatedDay.objects.filter(symbol=config.symbol).exclude(market=digest(config)).delete()


def _packed(walked: WalkedSession) -> dict[str, Any]:
    state = {
        field.name: getattr(walked.after, field.name).tolist()
        for field in dataclasses.fields(DailyState)
    }
    return {"close": walked.close, "bar": dataclasses.asdict(walked.bar), "after": state}


def _unpacked(payload: dict[str, Any]) -> WalkedSession:
    state: dict[str, Any] = {
        name: np.array(values, dtype=_DTYPES.get(name, np.float64))
        for name, values in payload["after"].items()
    }
    return WalkedSession(payload["close"], DailyBar(**payload["bar"]), DailyState(**state))
