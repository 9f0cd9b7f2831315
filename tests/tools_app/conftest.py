"""Frames for the tools' tests: hand-made rows, and random but plausible markets."""

from collections.abc import Callable, Mapping
from urllib.parse import quote

import numpy as np
import pytest
from django.db import connection

from market.frames import Frame, Kind
from tests.live_worker import live_worker
from tools_app.checks import market
from tools_app.checks.market import OPEN, STEP

__all__ = ["live_worker"]


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., Frame]:
    """Return a function that makes a frame of some rows, numbers standing for constant columns."""

    def make(kind: Kind, rows: int, columns: Mapping[str, object]) -> Frame:
        return Frame(
            kind=kind,
            symbol="TEST",
            time=OPEN + STEP[kind] * np.arange(1, rows + 1),
            columns={n: np.broadcast_to(c, (rows,)) * np.ones(rows) for n, c in columns.items()},
            reasons={},
        )

    return make


@pytest.fixture(scope="session")
def random_market() -> Callable[..., tuple]:
    """Return a function that makes times and observations of (..., T) random rows."""
    return market.random_market


@pytest.fixture
def same_database(monkeypatch) -> None:
    """Let processes started here work on the database of the tests."""
    given = connection.settings_dict
    host = quote(given["HOST"], safe="")
    url = f"postgres://{given['USER']}@/{given['NAME']}?host={host}"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "pulse.settings")
