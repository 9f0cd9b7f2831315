"""Chains for the numeric tests: the hand-made fixture, synthetic ones, recorded ones."""

import csv
import gzip
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from quant import bsm
from quant.chain import Chain

MINUTE = 60 * 10**9
NOW = 1_515_166_200 * 10**9


def make_chain(
    strikes,
    is_call,
    *,
    minutes=60.0,
    spot=6000.0,
    r=0.045,
    q=0.013,
    mids=None,
    half_spread=0.0,
    open_interest=np.nan,
    multiplier=100.0,
    american=False,
) -> Chain:
    """Build a chain from the few things a test is about; everything else is not known."""
    strikes = np.asarray(strikes, dtype=float)

    def full(value):
        return np.broadcast_to(np.asarray(value, dtype=float), strikes.shape).copy()

    middle = full(np.nan if mids is None else mids)
    return Chain(
        time=NOW,
        spot=spot,
        strikes=strikes,
        expiries=NOW + np.rint(full(minutes) * MINUTE).astype(np.int64),
        is_call=np.asarray(is_call, dtype=bool),
        bids=middle - half_spread,
        asks=middle + half_spread,
        bid_sizes=full(np.nan),
        ask_sizes=full(np.nan),
        open_interest=full(open_interest),
        volume=full(np.nan),
        multiplier=full(multiplier),
        r=r,
        q=q,
        american=american,
    )


def smile(strikes, spot):
    """Return a skewed, curved volatility for each strike."""
    k = np.log(np.asarray(strikes) / spot)
    return 0.15 - 0.2 * k + 0.6 * k * k


@pytest.fixture(scope="session")
def chain_of() -> Callable[..., Chain]:
    return make_chain


@pytest.fixture(scope="session")
def spy_chain() -> Chain:
    """SPY-like: spot 600, 81 strikes a side, eight expiries, quotes in whole cents."""
    days = np.array([0.25, 1, 2, 3, 7, 14, 30, 60])
    grid = np.meshgrid(days, np.arange(560.0, 641.0), [True, False], indexing="ij")
    day, strikes, is_call = (axis.ravel() for axis in grid)
    fair = bsm.price(600.0, strikes, day / 365, 0.045, 0.013, smile(strikes, 600.0), is_call)
    half = np.maximum(0.01, 0.02 * np.sqrt(fair))
    rng = np.random.default_rng(3)
    chain = make_chain(
        strikes,
        is_call,
        minutes=day * 1440,
        spot=600.0,
        open_interest=rng.integers(1, 5000, strikes.size),
    )
    bids = np.maximum(np.floor((fair - half) * 100) / 100, 0.0)
    asks = np.ceil((fair + half) * 100) / 100
    parts = {name: getattr(chain, name) for name in chain.__slots__}
    return Chain(**(parts | {"bids": bids, "asks": asks}))


@pytest.fixture(scope="session")
def recorded_spxw(shared) -> Callable[[str], tuple[Chain, np.ndarray]]:
    """Return a reader of SPXW on 2018-01-05: the chain of a minute, and the vendor's vols."""

    def read(moment: str):
        path = shared / "data" / "spxw_0dte_minute" / "spxw_2018-01-05_exp2018-01-05_am.csv.gz"
        with gzip.open(path, "rt", newline="") as source:
            rows = [row for row in csv.DictReader(source) if row["quote_datetime"] == moment]
        zone = ZoneInfo("America/New_York")
        start = datetime.fromisoformat(moment).replace(tzinfo=zone)
        close = start.replace(hour=16, minute=0, second=0)
        column = {
            name: np.array([float(row[name]) for row in rows])
            for name in ("strike", "bid", "ask", "underlying_bid", "underlying_ask")
        }
        count = len(rows)
        unknown = np.full(count, np.nan)
        chain = Chain(
            time=int(start.timestamp()) * 10**9,
            spot=float(column["underlying_bid"][0] + column["underlying_ask"][0]) / 2,
            strikes=column["strike"],
            expiries=np.full(count, int(close.timestamp()) * 10**9),
            is_call=np.array([row["option_type"][0].upper() == "C" for row in rows]),
            bids=column["bid"],
            asks=column["ask"],
            bid_sizes=unknown,
            ask_sizes=unknown,
            open_interest=unknown,
            volume=unknown,
            multiplier=np.full(count, 100.0),
            r=0.014,
            q=0.018,
        )
        return chain, np.array([float(row["implied_volatility"]) for row in rows])

    return read
