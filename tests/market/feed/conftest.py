"""A recorded day in the store, and a count of what subscribers were told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from market import framestore, store
from market.models import Instrument
from tests.market.feed.recorded import DAY, recorded


@pytest.fixture
def day(transactional_db: None) -> dt.date:
    """Store the day and return its date."""
    framestore.forget_schemas()
    store.forget_layouts()
    Instrument.objects.create(symbol="TEST", kind="equity", name="Test")
    store.write_snapshots(recorded())
    return DAY


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return how often the subscribers were told of rows."""
    from market.feed import runner

    calls: list[int] = []
    real = runner.rows_stored
    monkeypatch.setattr(
        runner, "rows_stored", lambda run, **more: (calls.append(run), real(run, **more))
    )
    return lambda: len(calls)
