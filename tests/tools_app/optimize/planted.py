"""Bars with a known answer: breakouts that go on only on very high volume, and pure noise."""

from __future__ import annotations

import numpy as np

from market.bars import Bars
from market.clock import DAY, MINUTE
from tools_app.optimize.bars import BarRows, resample

START = 18_000 * DAY
SCENE = 110
CALM = 76
SHORT, SHORT_CALM = 76, 44


def bars_of(close: np.ndarray, reach: np.ndarray, volume: np.ndarray, step: int = 5) -> Bars:
    """Return bars of `step` minutes with these closes, and highs and lows around them."""
    opened = np.concatenate([close[:1], close[:-1]])
    return Bars(
        times=START + step * MINUTE * np.arange(1, close.size + 1),
        open=opened,
        high=np.maximum(opened, close) * np.exp(reach),
        low=np.minimum(opened, close) * np.exp(-reach),
        close=close,
        volume=volume,
    )


def planted(scenes: int, seed: int, *, strength: float = 1.0) -> Bars:
    """Return calm stretches that break on usual or on very high volume.

    After volume of six times the mean the move goes on, after twice the mean it turns back; a
    `strength` of 0 leaves only the breaks. The default takes both, so it gains little; a setting
    that asks for more volume takes the good ones alone.
    """
    rng = np.random.default_rng(seed)
    steps = 2e-4 * rng.standard_normal((scenes, SCENE))
    # Calm: what moved is taken back, so that the range stays tight.
    steps[:, 1:CALM] -= 0.9 * steps[:, : CALM - 1]
    side = rng.choice([-1.0, 1.0], scenes)
    loud = rng.random(scenes) < 0.5
    steps[:, CALM] = side * 2e-3
    drift = np.where(loud, 1.0, -1.0) * side * 4e-4 * strength
    steps[:, CALM + 1 : CALM + 31] += drift[:, None]
    volume = rng.uniform(0.9, 1.1, (scenes, SCENE))
    volume[:, CALM] = np.where(loud, 6.0, 2.0)
    close = 100.0 * np.exp(np.cumsum(steps.ravel()))
    reach = 5e-5 * np.abs(rng.standard_normal(close.size))
    return bars_of(close, reach, volume.ravel())


def noise(scenes: int, seed: int) -> Bars:
    """Return calm stretches whose breaks, weak to very strong, lead nowhere.

    The tool fires often and each setting takes other breaks, yet none can be better than another.
    """
    rng = np.random.default_rng(seed)
    steps = 2e-4 * rng.standard_normal((scenes, SHORT))
    steps[:, 1:SHORT_CALM] -= 0.9 * steps[:, : SHORT_CALM - 1]
    steps[:, SHORT_CALM] = rng.choice([-1.0, 1.0], scenes) * rng.uniform(1e-3, 3e-3, scenes)
    volume = rng.uniform(0.9, 1.1, (scenes, SHORT))
    volume[:, SHORT_CALM] = rng.uniform(2.0, 14.0, scenes)
    close = 100.0 * np.exp(np.cumsum(steps.ravel()))
    reach = 5e-5 * np.abs(rng.standard_normal(close.size))
    return bars_of(close, reach, volume.ravel())


def rows(source: Bars, timeframe: str = "5m", interval: int = 300) -> BarRows:
    """Return crypto rows of bars."""
    return resample("TEST", source, interval=interval, timeframe=timeframe, round_the_clock=True)
