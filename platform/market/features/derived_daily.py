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
BREADTH, MOVE, MONTH = 10, 5, 21
HAR_ROWS = 160
LEAST_FORECAST = 0.2
"""A forecast below this part of the last month's variance is the fit's error, not calm."""
LEAST_RANKED = 15
REGIME_WINDOW = 126
"""The regime filter is restarted so many sessions back for every row.

A filter that ran from the first row on would depend, in its last bits, on where the frame was
cut. Its memory is far shorter than the window.
"""
SWING_ARM = 5
"""A swing low is the lowest low of five sessions before it and five after; known only then."""
SWING_LIFE = 60


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
    text = "net gamma over gross gamma after the close, -1 to 1"
    add("gamma_balance", "", ("gamma", "gamma_gross"), 1, _balance, text)
    text = f"mean of advancing_share over {BREADTH} sessions"
    add("breadth", "share", ("advancing_share",), BREADTH, _breadth, text)
    text = f"volatility forecast of the next {MONTH} sessions: HAR on {HAR_ROWS} sessions behind"
    add("har_vol", "vol", ("ret_1",), HAR_ROWS + 2 * MONTH, _har_vol, text)
    text = "implied variance of 30 days less the HAR forecast's"
    add("variance_premium", "var", ("iv_30d", "har_vol"), 1, _premium, text)
    text = f"share of the last {LONG} sessions in which variance_premium was lower"
    add("variance_premium_rank", "share", ("variance_premium",), LONG, _premium_rank, text)
    text = "joint score of five-session moves: credit down, bonds up, dollar up"
    add("proxy_stress", "sd", ("credit", "bonds", "dollar"), LONG + MOVE + 1, _stress, text)
    text = "five-session log return in its standard deviations"
    add("move_score", "sd", ("close",), LONG + MOVE + 1, _move_score, text)
    text = "highest less lowest price of ten sessions, as a share of the last"
    add("range_10", "share", ("high", "low", "close"), BREADTH, _range_10, text)
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


def _balance(columns: Columns) -> FloatArray:
    return rolling.ratio(columns["gamma"], columns["gamma_gross"])


def _breadth(columns: Columns) -> FloatArray:
    return rolling.mean(columns["advancing_share"], BREADTH)


def _har_vol(columns: Columns) -> FloatArray:
    """Corsi (2009): a month's mean variance on the day's, the week's and the month's before it.

    Least squares over the rows whose month has passed, by rolling sums, so that each row's answer
    depends on its window alone.
    """
    square = 1e4 * columns["ret_1"] ** 2
    known = [np.ones(square.shape), square, rolling.mean(square, 5), rolling.mean(square, MONTH)]
    came = rolling.mean(square, MONTH)
    before = [rolling.shift(part, MONTH) for part in known]
    shape = (*square.shape, 4, 4)
    left, right = np.empty(shape), np.empty(shape[:-1])
    for i, one in enumerate(before):
        right[..., i] = rolling.total(one * came, HAR_ROWS)
        for j in range(i, 4):
            left[..., i, j] = left[..., j, i] = rolling.total(one * before[j], HAR_ROWS)
    solvable = np.isfinite(left).all(axis=(-1, -2)) & np.isfinite(right).all(axis=-1)
    left += 1e-9 * np.eye(4)
    beta = np.full(right.shape, np.nan)
    if solvable.any():
        beta[solvable] = np.linalg.solve(left[solvable], right[solvable][..., None])[..., 0]
    forecast = beta[..., 0] + beta[..., 1] * known[1]
    forecast = forecast + beta[..., 2] * known[2] + beta[..., 3] * known[3]
    floor = LEAST_FORECAST * known[3]
    vol: FloatArray = np.sqrt(1e-4 * YEAR_SESSIONS * np.maximum(forecast, floor))
    return vol


def _premium(columns: Columns) -> FloatArray:
    return columns["iv_30d"] ** 2 - columns["har_vol"] ** 2


def _premium_rank(columns: Columns) -> FloatArray:
    return rolling.rank(columns["variance_premium"], LONG, LEAST_RANKED)


def _scored_move(price: FloatArray) -> FloatArray:
    level = rolling.log(price)
    steps = rolling.shift(level - rolling.shift(level, 1), MOVE)
    noise = rolling.deviation(steps, LONG) * float(np.sqrt(MOVE))
    return rolling.ratio(level - rolling.shift(level, MOVE), noise)


def _stress(columns: Columns) -> FloatArray:
    credit, bonds, dollar = (_scored_move(columns[n]) for n in ("credit", "bonds", "dollar"))
    return (bonds + dollar - credit) / float(np.sqrt(3.0))


def _move_score(columns: Columns) -> FloatArray:
    return _scored_move(columns["close"])


def _range_10(columns: Columns) -> FloatArray:
    high, low = rolling.highest(columns["high"], BREADTH), rolling.lowest(columns["low"], BREADTH)
    return rolling.ratio(high - low, columns["close"])


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
    joint = regime_filter(columns["ret_1"], window=REGIME_WINDOW).joint
    last = joint.reshape(*joint.shape[:-2], 9)
    leading = np.where(np.isnan(last[..., 0]), np.nan, np.argmax(last, axis=-1))
    return leading, last.max(axis=-1)
