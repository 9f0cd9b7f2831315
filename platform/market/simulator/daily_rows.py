"""What daily tools read of many simulated paths of sessions at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from market.features.daily import BASKET_RETURNS
from market.frames import ByteArray, Missing
from market.simulator.basket import basket_closes
from market.simulator.companions import proxy_closes
from market.simulator.config import SimulatorConfig
from market.simulator.daily import DailyPaths, simulate_history
from quant.arrays import FloatArray, IntArray

BASKET_NAMES = 20


def daily_columns(config: SimulatorConfig, paths: IntArray) -> dict[str, FloatArray]:
    """Return the observed columns of n paths of `config.history_sessions` sessions, (n, d).

    Bars, a basket and three proxies, to the cent as sessions show them; no chains and no company
    reports. NaN while the basket's window fills.
    """
    history, _ = simulate_history(config, paths)
    bars = {name: np.round(getattr(history, name), 2) for name in ("open", "high", "low", "close")}
    typical = (bars["high"] + bars["low"] + bars["close"]) / 3.0
    volume = np.rint(history.volume)
    returns = _returns(history)
    return {
        **bars,
        "volume": volume,
        "dollar_volume": volume * typical,
        "spread": history.spread,
        **_basket(config, paths, history, returns),
        **_proxies(config, paths, history, returns),
    }


def daily_reasons(columns: dict[str, FloatArray]) -> dict[str, ByteArray]:
    """Return why values are missing: there is not enough history of the basket yet."""
    return {
        name: np.where(np.isfinite(columns[name]), np.uint8(Missing.OK), np.uint8(code))
        for name, code in (
            ("average_correlation", Missing.NO_HISTORY),
            ("first_eigen_share", Missing.NO_HISTORY),
            ("advancing_share", Missing.NO_BASKET),
        )
    }


def _returns(history: DailyPaths) -> FloatArray:
    """Return log returns, close to close, the first from its open."""
    first = np.log(history.close[:, :1] / history.open[:, :1])
    returns: FloatArray = np.concatenate([first, np.diff(np.log(history.close), axis=1)], axis=1)
    return returns


def _basket(
    config: SimulatorConfig, paths: IntArray, history: DailyPaths, returns: FloatArray
) -> dict[str, FloatArray]:
    from quant.kernels.togetherness import together_kernel

    closes = basket_closes(
        config,
        paths,
        returns=returns,
        variances=history.variance,
        stress=history.stress,
        names=BASKET_NAMES,
        anchor=config.history_sessions - 1,
    )
    closes = np.round(closes, 2)
    moves = np.ascontiguousarray(np.diff(np.log(closes), axis=2))
    average, share = np.full_like(returns, np.nan), np.full_like(returns, np.nan)
    found = np.full((2, *moves.shape[::2]), np.nan)
    together_kernel(moves, BASKET_RETURNS, found[0], found[1])
    average[:, 1:], share[:, 1:] = found
    advancing = np.full_like(returns, np.nan)
    advancing[:, 1:] = np.mean(np.diff(closes, axis=2) > 0.0, axis=1)
    return {
        "average_correlation": average,
        "first_eigen_share": share,
        "advancing_share": advancing,
    }


def _proxies(
    config: SimulatorConfig, paths: IntArray, history: DailyPaths, returns: FloatArray
) -> dict[str, FloatArray]:
    closes = np.stack(
        [
            proxy_closes(replace(config, path=path), returns[row], history.stress[row])
            for row, path in enumerate(paths.tolist())
        ]
    )
    names = ("credit", "bonds", "dollar")
    return {name: np.ascontiguousarray(closes[:, at]) for at, name in enumerate(names)}
