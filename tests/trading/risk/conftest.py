"""A simulated market that plays now, a paper account that is live in it, and the real gate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from market.clock import from_ns, to_ns
from market.models import FeedRun, Instrument
from market.snapshot import SnapshotData, make_layout
from market.store import write_snapshot
from trading.execution import services as execution
from trading.execution.states import EXECUTION, Standing
from trading.models import Account, PaperAccount
from trading.orders import gate
from trading.risk import markets
from trading.risk.door import risk_gate

MOMENT = dt.datetime(2026, 11, 20, 15, 30, tzinfo=dt.UTC)
"""Of the market: 10:30 in New York."""
SPEED, EVERY = 0.1, dt.timedelta(minutes=10)
"""So slow that no test waits for the next minute, however long it takes."""
EXPIRIES = (dt.date(2026, 11, 20), dt.date(2026, 12, 18))
STRIKES = tuple(range(580, 625, 5))


def snapshot(at: dt.datetime, *, spot: float = 600.0, **changes: Any) -> SnapshotData:
    """SPY with its chain: calls and puts of two expiries, $1 of time value at the money."""
    rows = [(day, strike, call) for day in EXPIRIES for strike in STRIKES for call in (1, 0)]
    days, strikes, calls = zip(*rows, strict=True)
    is_call = np.array(calls, dtype=bool)
    layout, order = make_layout(
        "SPY", roots=["SPY"] * len(rows), expiries=list(days), is_call=is_call,
        strikes=[float(one) for one in strikes],
    )  # fmt: skip
    away = np.array(strikes) - spot
    inside = np.maximum(np.where(is_call, -away, away), 0.0)
    later = np.array([day == EXPIRIES[1] for day in days])
    worth = np.round(inside + np.where(later, 8.0, 2.0) * np.exp(-np.abs(away) / 15.0), 2)
    many = np.ones(len(rows))
    columns = {
        "bids": worth - 0.01, "asks": worth + 0.01, "bid_sizes": 50 * many,
        "ask_sizes": 50 * many, "open_interest": 5_000 * many,
    } | {name: changes[name] * many for name in changes}  # fmt: skip
    return SnapshotData(
        "SPY", "simulator", to_ns(at), to_ns(at), spot - 0.01, spot + 0.01, spot, layout,
        {name: column[order] for name, column in columns.items()},
    )  # fmt: skip


class Playing:
    """A simulator's run that stands at a minute, and goes on when it is told to."""

    def __init__(self, spy: Instrument) -> None:
        now = timezone.now()
        self.minute = 0
        self.run = FeedRun.objects.create(
            symbol="SPY", underlying=spy, source="simulator", simulated=True, speed=SPEED,
            position=MOMENT, heartbeat_at=now, state="running", rows=1, session_date=MOMENT.date(),
        )  # fmt: skip
        write_snapshot(snapshot(MOMENT - dt.timedelta(minutes=1), spot=599.5), run=self.run)
        write_snapshot(snapshot(MOMENT), run=self.run)

    def goes_on(self, *, minutes: int = 1, **changes: Any) -> None:
        """Store the next minute."""
        at = self.run.position + dt.timedelta(minutes=minutes)
        self.minute += 1
        moved = {"spot": 600.0 + self.minute / 100} | changes
        write_snapshot(snapshot(at, **moved), run=self.run)
        self.set(position=at, heartbeat_at=timezone.now())

    def set(self, **changes: Any) -> None:
        FeedRun.objects.filter(pk=self.run.pk).update(**changes)
        self.run.refresh_from_db()

    def hangs(self, seconds: float) -> None:
        """Let the next minute be so late."""
        self.set(heartbeat_at=timezone.now() - EVERY - dt.timedelta(seconds=seconds))

    @property
    def now(self) -> dt.datetime:
        return from_ns(to_ns(self.run.position))


@pytest.fixture(autouse=True)
def _calendar_anew() -> None:
    markets.forget()


@pytest.fixture
def playing(db) -> Playing:
    return Playing(Instrument.objects.create(symbol="SPY", kind="equity"))


def go_live(account: Account) -> Account:
    for state in (Standing.ARMED, Standing.RECONCILING, Standing.LIVE):
        actor = EXECUTION if state == Standing.LIVE else "user 1"
        execution.step(account.pk, state, actor=actor, reason="A test begins.")
    return account


def followed(account: Account) -> Account:
    """Let a paper account follow the market that plays."""
    PaperAccount.objects.create(
        account=account, market="simulator", symbol="SPY", world={}, through=MOMENT
    )
    return account


@pytest.fixture
def ready(open_account, playing) -> Account:
    """A paper account of $100,000 that may trade in the market that plays."""
    return go_live(followed(open_account()))


@pytest.fixture
def real_gate() -> Any:
    before = gate.register(risk_gate)
    yield
    gate.register(before)


@pytest.fixture
def live_account(open_account, playing) -> Callable[..., Account]:
    def make(**more: Any) -> Account:
        return go_live(open_account(name="live", mode="live", broker="alpaca", **more))

    return make
