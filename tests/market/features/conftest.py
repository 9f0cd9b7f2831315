"""A small session and its option chain, priced without noise."""

from collections.abc import Callable

import numpy as np
import pytest

from market.clock import MINUTE
from market.features.context import MinuteBar, MinuteView, SessionContext
from quant import bsm
from quant.chain import Chain

OPEN = 1_700_058_600 * 1_000_000_000
CLOSE = OPEN + 390 * MINUTE
DAY = 1440 * MINUTE


@pytest.fixture(scope="session")
def session() -> SessionContext:
    """A session of 390 minutes."""
    return SessionContext(symbol="TEST", open=OPEN, close=CLOSE)


@pytest.fixture(scope="session")
def make_chain() -> Callable[..., Chain]:
    """Return a function that makes the chain of one minute, flat or skewed in volatility."""

    def make(
        minute: int = 60,
        *,
        spot: float = 500.0,
        days: tuple[int, ...] = (0, 7, 28, 63),
        vol: float = 0.2,
        skew: float = 0.0,
        calls: float | np.ndarray = 1000.0,
        puts: float | np.ndarray = 1000.0,
        reach: int = 60,
    ) -> Chain:
        ladder = np.arange(500.0 - reach, 501.0 + reach)
        expiry, strike, call = (
            part.ravel()
            for part in np.meshgrid(np.array(days), ladder, [True, False], indexing="ij")
        )
        settles = CLOSE + expiry * DAY
        now = OPEN + minute * MINUTE
        years = (settles - now) / (365 * DAY)
        value = bsm.price(spot, strike, years, 0.0, 0.0, vol + skew * (1.0 - strike / spot), call)
        per_strike = np.where(
            call,
            np.broadcast_to(calls, ladder.shape)[(strike - ladder[0]).astype(int)],
            np.broadcast_to(puts, ladder.shape)[(strike - ladder[0]).astype(int)],
        )
        same = np.full(strike.shape, 100.0)
        return Chain(
            time=now,
            spot=spot,
            strikes=strike,
            expiries=settles,
            is_call=call,
            bids=np.maximum(value - 0.01, 0.0),
            asks=value + 0.01,
            bid_sizes=same,
            ask_sizes=same,
            open_interest=per_strike,
            volume=np.ones(strike.shape),
            multiplier=same,
        )

    return make


@pytest.fixture(scope="session")
def make_view() -> Callable[..., MinuteView]:
    """Return a function that makes what is known at the end of a chain's minute."""

    def make(chain: Chain, **more: object) -> MinuteView:
        spot = chain.spot
        bar = MinuteBar(spot, spot + 0.2, spot - 0.1, spot, 1e5, spot - 0.01, spot + 0.01)
        return MinuteView(time=chain.time, bar=bar, chain=chain, **more)

    return make
