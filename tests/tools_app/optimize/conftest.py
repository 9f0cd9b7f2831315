"""Stored bars with a known answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from market.bars import BarRow, Bars, write_bars
from market.clock import from_ns
from market.models import Instrument


@pytest.fixture
def store() -> Callable[..., None]:
    """Return a function that stores bars of a symbol, 5 minutes each unless said otherwise."""

    def keep(symbol: str, bars: Bars, *, interval: int = 300, kind: str = "crypto") -> None:
        one, _ = Instrument.objects.get_or_create(symbol=symbol, defaults={"kind": kind})
        write_bars(
            BarRow(one.pk, "trade", interval, from_ns(time), from_ns(time), *prices, "test")
            for time, *prices in zip(
                bars.times.tolist(),
                *(
                    getattr(bars, name).tolist()
                    for name in ("open", "high", "low", "close", "volume")
                ),
                strict=True,
            )
        )

    return keep
