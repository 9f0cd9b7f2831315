"""Derived columns of a daily frame: causal functions of the sessions observed so far."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from market.features import rolling
from market.features.derived import change, surge
from market.features.registry import ColumnRegistry, Compute
from market.frames import FloatArray, Kind
from quant.regime import regime_filter

Columns = Mapping[str, FloatArray]

YEAR_SESSIONS = 252.0
SHORT, LONG = 20, 60
TREND = 50
REGIME_WINDOW = 126
"""The regime filter is restarted so many sessions back for every row.

A filter that ran from the first row on would depend, in its last bits, on where the frame was
cut. Its memory is far shorter than the window.
"""
SWING_ARM = 5
"""A swing low is the lowest low of five sessions before it and five after; known only then."""
SWING_LIFE = 60
_REGIME_BLOCK = 2_000
"""Windows that are filtered at once, at 9 kB each."""


def register(registry: ColumnRegistry) -> None:
    """Register the derived columns."""

    def add(
        name: str, unit: str, inputs: tuple[str, ...], window: int, compute: Compute, text: str
    ) -> None:
        registry.add_derived(
            name,
            kind=Kind.DAILY,
            unit=unit,
            inputs=inputs,
            window=window,
            description=text,
            compute=compute,
        )

    text = "log return of the session, close to close"
    add("ret_1", "", ("close",), 2, _log_return, text)
    for name, n in (("rv_short", SHORT), ("rv_long", LONG)):
        text = f"realized volatility of daily returns over {n} sessions"
        add(name, "vol", ("ret_1",), n, _realized(n), text)
    text = f"sum of the log returns of {SHORT} sessions over its standard error"
    add("trend", "", ("ret_1",), SHORT, _trend, text)
    text = f"log of close over its mean of {TREND} sessions, in standard deviations of {TREND}"
    add("extension", "", ("close", "rv_long"), TREND, _extension, text)
    text = "Amihud: size of the session's return per billion dollars traded"
    add("illiquidity", "1/$bn", ("ret_1", "dollar_volume"), 1, _illiquidity, text)
    for name, of in (
        ("illiquidity_ratio", "illiquidity"),
        ("turnover_ratio", "dollar_volume"),
        ("spread_ratio", "spread"),
    ):
        text = f"mean of {of} over {SHORT} sessions over its mean over {LONG}"
        add(name, "", (of,), LONG, surge(of, SHORT, LONG), text)
    text = "change of skew_25d over five sessions"
    add("skew_change_5", "vol", ("skew_25d",), 6, change("skew_25d", 5), text)
    for name, of in (
        ("correlation_score", "average_correlation"),
        ("eigen_score", "first_eigen_share"),
    ):
        text = f"{of} less its mean of the {LONG} sessions before, in their standard deviations"
        add(name, "", (of,), LONG + 1, _score(of), text)
    _register_swings(registry)
    _register_regime(registry)


def _register_swings(registry: ColumnRegistry) -> None:
    for name, of, sign in (("swing_low", "low", 1.0), ("swing_high", "high", -1.0)):
        registry.add_derived(
            name,
            kind=Kind.DAILY,
            unit="price",
            inputs=(of,),
            window=2 * SWING_ARM + SWING_LIFE,
            description=f"last {name.replace('_', ' ')}, confirmed {SWING_ARM} sessions after it "
            f"and at most {SWING_LIFE} sessions ago",
            compute=_swing(of, sign),
        )


def _register_regime(registry: ColumnRegistry) -> None:
    registry.add_derived_group(
        {
            "regime": (
                "",
                "likeliest regime by the filtered posterior: 3 x trend (0 down, 1 flat, 2 up) + "
                "volatility (0 low, 1 normal, 2 high)",
            ),
            "regime_probability": ("share", "its filtered probability"),
        },
        kind=Kind.DAILY,
        inputs=("ret_1",),
        window=REGIME_WINDOW,
        compute=_regime,
    )


def _log_return(columns: Columns) -> FloatArray:
    price = rolling.log(columns["close"])
    return price - rolling.shift(price, 1)


def _realized(n: int) -> Compute:
    return lambda columns: np.sqrt(rolling.mean(columns["ret_1"] ** 2, n) * YEAR_SESSIONS)


def _trend(columns: Columns) -> FloatArray:
    returns = columns["ret_1"]
    error = np.sqrt(rolling.total(returns**2, SHORT))
    return rolling.ratio(rolling.total(returns, SHORT), error)


def _extension(columns: Columns) -> FloatArray:
    close = columns["close"]
    above = rolling.log(rolling.ratio(close, rolling.mean(close, TREND)))
    return rolling.ratio(above, columns["rv_long"] * np.sqrt(TREND / YEAR_SESSIONS))


def _illiquidity(columns: Columns) -> FloatArray:
    return rolling.ratio(1e9 * np.abs(columns["ret_1"]), columns["dollar_volume"])


def _score(of: str) -> Compute:
    def compute(columns: Columns) -> FloatArray:
        now = columns[of]
        before = rolling.shift(now, 1)
        return rolling.ratio(now - rolling.mean(before, LONG), rolling.deviation(before, LONG))

    return compute


def _swing(of: str, sign: float) -> Compute:
    """Return the newest confirmed extreme; a hole in the window makes it unknown."""

    def compute(columns: Columns) -> FloatArray:
        price = sign * columns[of]
        middle = rolling.shift(price, SWING_ARM)
        is_extreme = middle == rolling.lowest(price, 2 * SWING_ARM + 1)
        found = rolling.latest(np.where(is_extreme, middle, np.nan), SWING_LIFE)
        hole = rolling.total(np.where(np.isnan(price), 1.0, 0.0), 2 * SWING_ARM + SWING_LIFE, 0.0)
        return sign * np.where(hole > 0.0, np.nan, found)

    return compute


def _regime(columns: Columns) -> tuple[FloatArray, FloatArray]:
    """Filter the window behind each row and keep the leading state and its probability."""
    returns = columns["ret_1"]
    behind = rolling.windows(returns, REGIME_WINDOW).reshape(-1, REGIME_WINDOW)
    leading, probability = np.empty(len(behind)), np.empty(len(behind))
    for start in range(0, len(behind), _REGIME_BLOCK):
        part = slice(start, start + _REGIME_BLOCK)
        last = regime_filter(behind[part]).joint[:, -1].reshape(-1, 9)
        probability[part] = last.max(axis=1)
        leading[part] = np.where(np.isnan(last[:, 0]), np.nan, np.argmax(last, axis=1))
    return leading.reshape(returns.shape), probability.reshape(returns.shape)
