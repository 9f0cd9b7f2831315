"""Random but plausible markets: every column that rows are stored with, over paths and time."""

from __future__ import annotations

import numpy as np

from market.clock import MINUTE
from market.frames import FloatArray, IntArray, Kind

OPEN = 1_700_000_000 * 1_000_000_000
STEP = {Kind.INTRADAY: MINUTE, Kind.DAILY: 1440 * MINUTE}
Observations = dict[str, FloatArray]


def random_market(
    kind: Kind, rows: int, seed: int = 0, paths: tuple[int, ...] = ()
) -> tuple[IntArray, Observations]:
    """Return times (T,) and observations (..., T) of so many rows: the same of the same seed."""
    rng = np.random.default_rng(seed)
    times = OPEN + STEP[kind] * np.arange(1, rows + 1)
    build = _intraday if kind == Kind.INTRADAY else _daily
    return times, build(rng, (*paths, rows))


def _walk(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> FloatArray:
    walk: FloatArray = np.cumsum(scale * rng.standard_normal(shape), axis=-1)
    return walk


def _bars(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> Observations:
    close = 500.0 * np.exp(_walk(rng, shape, scale))
    reach = close * scale * np.abs(rng.standard_normal(shape))
    volume = 1e5 * rng.uniform(0.5, 2.0, shape)
    return {
        "open": close - 0.5 * reach,
        "high": close + reach,
        "low": close - reach,
        "close": close,
        "volume": volume,
        "dollar_volume": volume * close,
        "spread": rng.uniform(1e-5, 1e-4, shape),
    }


def _intraday(rng: np.random.Generator, shape: tuple[int, ...]) -> Observations:
    rows = _bars(rng, shape, 4e-4)
    close = rows["close"]
    iv = 0.2 * np.exp(_walk(rng, shape, 0.01))
    gross = 1e9 * rng.uniform(1.0, 2.0, shape)
    minutes = np.broadcast_to(np.arange(1.0, shape[-1] + 1.0), shape)
    strike = np.round(close / 5.0) * 5.0
    return rows | {
        "minutes_open": minutes,
        "minutes_left": np.maximum(390.0 - minutes, 0.0),
        "release_minutes": minutes + 60.0,
        "fed_minutes": np.maximum(300.0 - minutes, 0.0),
        "previous_close": np.full(shape, 499.0),
        "peer_close": 400.0 * np.exp(_walk(rng, shape, 4e-4)),
        "advancing_share": rng.uniform(0.2, 0.8, shape),
        "off_exchange_share": rng.uniform(0.3, 0.5, shape),
        "crypto_gap": np.full(shape, 0.004),
        "crypto_gap_t": np.full(shape, 3.0),
        "short_strike": strike,
        "policy_entry": np.round(rng.uniform(-1.4, 1.4, shape)),
        "option_volume": rng.uniform(1e3, 1e4, shape),
        "put_flow": 500.0 * rng.standard_normal(shape),
        "mispricing": 2.0 * rng.standard_normal(shape),
        "sabr_rho": np.clip(-0.5 + _walk(rng, shape, 0.01), -0.99, 0.99),
        "option_spread": rng.uniform(0.01, 0.05, shape),
        "option_depth": rng.uniform(100.0, 1000.0, shape),
        "quote_count": np.round(rng.uniform(20.0, 40.0, shape)),
        "iv_0dte": 2.0 * iv,
        "iv_30d": iv,
        "skew_25d": 0.03 + _walk(rng, shape, 1e-3),
        "term_slope": _walk(rng, shape, 1e-3),
        "expected_move": 5.0 * np.sqrt(np.maximum(390.0 - minutes, 1.0) / 390.0),
        "expected_move_day": 5.0 + 0.1 * rng.uniform(size=shape),
        "gamma": gross * rng.uniform(-0.5, 0.5, shape),
        "gamma_gross": gross,
        "vanna": 1e8 * rng.standard_normal(shape),
        "charm_hour": 1e8 * rng.standard_normal(shape),
        "speed": 1e9 * rng.standard_normal(shape),
        "zomma": 1e8 * rng.standard_normal(shape),
        "gamma_under_put_wall": -gross * rng.uniform(0.0, 0.3, shape),
        "zero_gamma": close + rng.standard_normal(shape),
        "vol_trigger": strike,
        "call_wall": strike + 5.0,
        "put_wall": strike - 5.0,
        "abs_gamma_strike": strike,
        "abs_gamma_share": rng.uniform(0.1, 0.3, shape),
        "gamma_0dte": gross * rng.uniform(-0.2, 0.4, shape),
        "gamma_gross_0dte": 0.6 * gross,
        "charm_hour_0dte": 1e9 * rng.standard_normal(shape),
        "thin_above": rng.uniform(0.0, 1.5, shape),
        "thin_below": rng.uniform(0.0, 1.5, shape),
        "heavy_above": strike + 5.0,
        "heavy_below": strike - 5.0,
        "magnet_strike": strike,
        "magnet_share": rng.uniform(0.05, 0.3, shape),
        "otm_call_volume": rng.uniform(500.0, 5000.0, shape),
        "otm_call_flow": _walk(rng, shape, 200.0),
        "squeeze_gamma": 1e8 * rng.standard_normal(shape),
        "squeeze_strike": close + 2.0,
        "wall_kept": 1.0 + _walk(rng, shape, 0.02),
    }


def _daily(rng: np.random.Generator, shape: tuple[int, ...]) -> Observations:
    rows = _bars(rng, shape, 0.01)
    countdown = np.broadcast_to(60.0 - np.arange(shape[-1]) % 61, shape)
    return rows | {
        "iv_30d": 0.2 * np.exp(_walk(rng, shape, 0.02)),
        "skew_25d": 0.03 + _walk(rng, shape, 3e-3),
        "term_slope": _walk(rng, shape, 3e-3),
        "gamma": 1e9 * rng.uniform(-1.0, 1.0, shape),
        "gamma_gross": 2e9 * rng.uniform(0.8, 1.2, shape),
        "expiring_interest": rng.uniform(0.1, 0.5, shape),
        "event_sessions": countdown,
        "advancing_share": rng.uniform(0.1, 0.9, shape),
        "credit": 78.0 * np.exp(_walk(rng, shape, 4e-3)),
        "bonds": 92.0 * np.exp(_walk(rng, shape, 8e-3)),
        "dollar": 28.0 * np.exp(_walk(rng, shape, 4e-3)),
        "model_cell": np.floor(rng.uniform(0.0, 27.0, shape)),
        "model_cell_probability": rng.uniform(0.2, 1.0, shape),
        "anomaly_p": rng.uniform(0.0, 1.0, shape),
        "forecast_low": rows["close"] * rng.uniform(0.97, 1.0, shape),
        "forecast_high": rows["close"] * rng.uniform(1.0, 1.03, shape),
        "report_sessions": countdown,
        "implied_report_move": rng.uniform(0.03, 0.09, shape),
        "past_report_move": np.full(shape, 0.04),
        "average_correlation": 0.4 + _walk(rng, shape, 0.01),
        "first_eigen_share": 0.5 + _walk(rng, shape, 0.01),
    }
