"""People with bots, and a market whose quotes the server has stored."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from leaderboard import services
from leaderboard.models import Bot
from market.clock import to_ns
from market.models import FeedRun, Instrument
from market.snapshot import SnapshotData, make_layout
from market.store import write_snapshot, write_snapshots

CALL, PUT = "SPY261218C00500000", "SPY261218P00500000"
NOON = dt.datetime(2026, 11, 20, 17, 0, 30, tzinfo=dt.UTC)
"""A Friday, 12:00:30 in New York; the newest snapshot is of 12:00:00."""
CONFIG = {"strategy": "gamma scalp", "limits": {"delta": 40, "loss": 250.5}, "symbols": ["SPY"]}


@pytest.fixture(autouse=True)
def _own_cache(settings) -> Iterator[None]:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": uuid.uuid4().hex,
        }
    }
    yield
    cache.clear()


@pytest.fixture
def person(db) -> Callable[..., User]:
    def make(name: str, plan: str = "pro") -> User:
        return User.objects.create_user(f"{name}@bots.example", plan=plan)

    return make


@pytest.fixture
def ana(person) -> User:
    return person("ana")


@pytest.fixture
def bot(ana) -> Bot:
    return services.register(ana, name="gamma-otter", config=CONFIG)[0]


@pytest.fixture
def as_(client) -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        made = Client()
        made.force_login(user)
        return made

    return sign_in


@pytest.fixture
def api(as_, ana) -> Client:
    return as_(ana)


def snapshot(
    at: dt.datetime, *, source: str = "test", spot: float = 500.0, call: float = 4.95
) -> SnapshotData:
    """A quote of SPY with volume, and two contracts with displayed sizes."""
    layout, order = make_layout(
        "SPY",
        roots=["SPY", "SPY"],
        expiries=[dt.date(2026, 12, 18)] * 2,
        is_call=[True, False],
        strikes=[500.0, 500.0],
    )
    columns = {
        "bids": np.array([round(call - 0.05, 2), 5.10]),
        "asks": np.array([round(call + 0.05, 2), 5.30]),
        "bid_sizes": np.array([12.0, 7.0]), "ask_sizes": np.array([20.0, 9.0]),
    }  # fmt: skip
    return SnapshotData(
        "SPY", source, to_ns(at), to_ns(at), spot - 0.01, spot + 0.01, spot, layout,
        {name: column[order] for name, column in columns.items()}, {"volume": 5000.0},
    )  # fmt: skip


@pytest.fixture
def spy(db) -> Instrument:
    return Instrument.objects.create(symbol="SPY", kind="equity")


@pytest.fixture
def real_market(spy) -> None:
    write_snapshots([snapshot(NOON.replace(second=0))])


@pytest.fixture
def run_of(spy) -> Callable[..., FeedRun]:
    """Return a function that makes a run which stands at noon of another day, at a speed."""

    def make(source: str = "simulator", *, speed: float = 60.0, **more: Any) -> FeedRun:
        noon = dt.datetime(2025, 3, 5, 17, 0, tzinfo=dt.UTC)
        run = FeedRun.objects.create(
            symbol="SPY", underlying=spy, source=source, simulated=source == "simulator",
            speed=speed, position=noon, heartbeat_at=NOON, state="running", rows=1, **more,
        )  # fmt: skip
        data = snapshot(noon, source="simulator" if source == "simulator" else "test")
        if source == "simulator":
            write_snapshot(data, run=run)
        else:
            write_snapshots([data])
        return run

    return make


def trade(number: int = 1, **more: Any) -> dict[str, Any]:
    """A trade that the rule checks at noon, unless it is changed."""
    made = {
        "client_trade_id": f"t-{number}", "action": "BUY_CALL", "symbol": CALL, "quantity": "2",
        "price": "4.95",
    }  # fmt: skip
    return {key: value for key, value in (made | more).items() if value is not None}
