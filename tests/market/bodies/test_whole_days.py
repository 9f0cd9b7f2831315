"""Recorded days and a simulated one, minute by minute through every body: finite and flagged."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from market import calendars, store
from market.bodies.chain import chain_body
from market.bodies.contract import contract_body
from market.bodies.exposure import exposure_body
from market.bodies.surface import surface_body
from market.clock import MINUTE
from market.simulator import SimulatedMarket, SimulatorConfig
from market.snapshot import SnapshotData
from quant.chain import Chain
from tests.market.bodies.leaves import HEAD, assert_finite, assert_honest
from tests.market.importing import run

GOOG = ("option", "usa", "minute", "goog")
EVERY = 29
"""Minutes between those that are tried; the first and the last ones are tried whatever it says."""
LAST = 3


def tried(minutes: list[SnapshotData]) -> list[SnapshotData]:
    return [*minutes[::EVERY], *minutes[-LAST:]]


def day_of(symbol: str, day: dt.date) -> list[SnapshotData]:
    session = calendars.session(day)
    assert session is not None
    found = store.snapshots_between(symbol, start=session.open, end=session.close)
    return [data for data in found if len(data.layout)]


def try_minute(chain: Chain, symbols: list[str], tick: float) -> tuple[int, int]:
    """Make every body of one minute; return contracts with Greeks, and smiles that are good."""
    body = chain_body(chain, symbols, head=HEAD)
    exposure = exposure_body(chain, time=chain.time, head=HEAD)
    assert exposure["status"] == "ok" or exposure["totals"]["gamma"] is None
    surface = surface_body(chain, time=chain.time, head=HEAD, tick=tick)
    for one in surface["expiries"]:
        assert (one["vol"] is None) == (one["model"] is None)
        assert one["model"] is not None or one["fault"]
    nearest = np.flatnonzero(chain.expiries == chain.expiries.min())
    middle = nearest[np.argmin(np.abs(chain.strikes[nearest] - chain.spot))]
    contract = contract_body(chain, symbols, symbols[middle], head=HEAD, greek="gamma")
    for made in (body, exposure, surface, contract):
        assert_finite(made)
    return assert_honest(body), surface["good"]


@pytest.mark.slow
@pytest.mark.django_db
def test_every_body_of_a_recorded_0dte_day_is_finite(shared: Path) -> None:
    run("datashop", shared / "data" / "spxw_0dte_minute")
    minutes = day_of("SPX", dt.date(2018, 1, 5))
    assert len(minutes) == 390
    found = [try_minute(data.chain(), data.layout.symbols(), 0.05) for data in tried(minutes)]
    assert min(whole for whole, _ in found[:-LAST]) > 40
    assert max(good for _, good in found) == 2


@pytest.mark.slow
@pytest.mark.django_db
def test_every_body_of_a_recorded_half_day_is_finite(shared: Path) -> None:
    folder = shared / "data" / "lean" / "Data"
    run("lean", folder.joinpath(*GOOG, "20151224_quote_american.zip"))
    minutes = day_of("GOOG", dt.date(2015, 12, 24))
    assert len(minutes) == 210
    assert minutes[-1].chain().american
    found = [try_minute(data.chain(), data.layout.symbols(), 0.01) for data in tried(minutes)]
    assert min(whole for whole, _ in found[:-LAST]) > 10


def test_the_last_minutes_of_a_simulated_0dte_day_are_finite() -> None:
    days = [
        (day.date, day.open_ns, day.close_ns)
        for day in calendars.sessions(dt.date(2026, 3, 2), dt.date(2026, 6, 30))
    ]
    market = SimulatedMarket(SimulatorConfig(seed=3), days)
    chains = [shot.chain for shot in market.session(0).snapshots() if shot.chain is not None]
    left = [(chain.expiries.min() - chain.time) / MINUTE for chain in chains[-3:]]
    assert left == [2.0, 1.0, 0.0]
    for chain in chains[-3:]:
        try_minute(chain, _symbols(chain), 0.01)
    # One clock, to the second: theta of the straddle at the money grows as 1 / sqrt(time left),
    # it does not halt at a floor.
    four, one = (_middle_theta(chain) for chain in (chains[-5], chains[-2]))
    assert one / four == pytest.approx(2.0, rel=0.35)
    after = chain_body(chains[-1], _symbols(chains[-1]), head=HEAD)
    assert after["minutes_left"] > 0, "after its settlement the nearest expiry is the next one"


def _symbols(chain: Chain) -> list[str]:
    return [f"C{place}" for place in range(len(chain))]


def _middle_theta(chain: Chain) -> float:
    body = chain_body(chain, _symbols(chain), head=HEAD)
    row = min(body["rows"], key=lambda row: abs(row["strike"] - body["spot"]))
    return float(row["call"]["theta"] + row["put"]["theta"])
