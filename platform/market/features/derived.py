"""Derived columns of an intraday frame: causal functions of the minutes observed so far.

Volatilities here are on the calendar clock of 525,600 minutes a year, the clock of `iv_0dte`, so
that realized and implied can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from market.features import rolling
from market.features.registry import ColumnRegistry, Compute
from market.frames import FloatArray, Kind

Columns = Mapping[str, FloatArray]
Add = Callable[[str, str, tuple[str, ...], int, Compute, str], None]

YEAR_MINUTES = 525_600.0
RANK_WINDOW, RANK_LEAST = 120, 45
"""Ranks within the session look back two hours, and need three quarters of an hour."""
VOL_OF_VOL = 20
LONGEST_SESSION = 390
QUARTER = 15
HOUR, NOW = 60, 5
OPENING = 5
"""The open is the first minute, up to the fifth where the first has no quote."""


def register(registry: ColumnRegistry) -> None:
    """Register the derived columns."""

    def add(
        name: str, unit: str, inputs: tuple[str, ...], window: int, compute: Compute, text: str
    ) -> None:
        registry.add_derived(
            name,
            kind=Kind.INTRADAY,
            unit=unit,
            inputs=inputs,
            window=window,
            description=text,
            compute=compute,
        )

    add("ret_1", "", ("close",), 2, _log_change("close", 1), "log return over one minute")
    for n in (5, 30):
        text = f"price change over {n} minutes"
        add(f"move_{n}", "$", ("close",), n + 1, change("close", n), text)
        text = f"dollars traded in {n} minutes"
        add(f"traded_{n}", "$", ("dollar_volume",), n, _total("dollar_volume", n), text)
    for n in (10, 30):
        text = f"realized volatility of one-minute returns over {n} minutes, calendar clock"
        add(f"rv_{n}", "vol", ("ret_1",), n, _realized(n), text)
    text = "highest less lowest price of 30 minutes, as a share of the last"
    add("range_30", "share", ("high", "low", "close"), 30, _range, text)
    text = "change of iv_30d over 10 minutes"
    add("iv_change_10", "vol", ("iv_30d",), 11, change("iv_30d", 10), text)
    text = "change of the logarithm of iv_0dte over 30 minutes"
    add("iv_0dte_drift_30", "", ("iv_0dte",), 31, _log_change("iv_0dte", 30), text)
    text = "standard deviation of one-minute changes of iv_30d over 20 minutes"
    add("vol_of_vol", "vol", ("iv_30d",), VOL_OF_VOL + 1, _vol_of_vol, text)
    for name in ("rv_30", "range_30", "vol_of_vol"):
        text = f"share of the last two hours in which {name} was lower"
        add(f"{name}_rank", "share", (name,), RANK_WINDOW, _rank(name), text)
    text = "net gamma over gross gamma, -1 to 1"
    add("gamma_balance", "", ("gamma", "gamma_gross"), 1, _ratio("gamma", "gamma_gross"), text)
    today = ("gamma_0dte", "gamma_gross_0dte")
    text = "net over gross gamma of today's expiry, -1 to 1"
    add("gamma_balance_0dte", "", today, 1, _ratio(*today), text)
    text = "change of charm_hour_0dte over 15 minutes"
    add("charm_growth_15", "$/h", ("charm_hour_0dte",), 16, change("charm_hour_0dte", 15), text)
    text = "share of the last two hours in which the size of charm_growth_15 was lower"
    add("charm_growth_rank", "share", ("charm_growth_15",), RANK_WINDOW, _charm_rank, text)
    first = ("minutes_open", "open")
    text = "first price of the session known in its first five minutes"
    add("opening_price", "price", first, LONGEST_SESSION, _opening("open"), text)
    first = ("minutes_open", "expected_move")
    text = "at-the-money straddle of the open: sqrt(2/pi) of the move then expected to the close"
    add("opening_straddle", "$", first, LONGEST_SESSION, _opening_straddle, text)
    _register_shocks(add)
    text = "contracts traded in calls above spot: mean of 15 minutes over mean of 60"
    add("otm_call_surge", "", ("otm_call_volume",), 60, surge("otm_call_volume", 15, 60), text)


def _register_shocks(add: Add) -> None:
    """Register changes measured in the column's own recent noise, and what is bought and sold."""
    for name, of in (
        ("spread_score", "spread"),
        ("option_spread_score", "option_spread"),
        ("option_depth_score", "option_depth"),
        ("quote_count_score", "quote_count"),
        ("off_exchange_score", "off_exchange_share"),
    ):
        text = f"mean of {of} over {NOW} minutes less that of the hour before, in its deviations"
        add(name, "sd", (of,), HOUR + NOW, _score(of), text)
    text = f"change of skew_25d over 30 minutes, in deviations of its changes over {RANK_WINDOW}"
    add("skew_shock", "sd", ("skew_25d",), RANK_WINDOW + 1, _shock("skew_25d", 30), text)
    text = "change of the SABR correlation over 10 minutes, in deviations of its changes"
    add("rho_shock", "sd", ("sabr_rho",), RANK_WINDOW + 1, _shock("sabr_rho", 10), text)
    text = "volatility by bipower variation of one-minute returns over 60 minutes, calendar clock"
    add("bipower_60", "vol", ("ret_1",), HOUR, _bipower, text)
    text = "log of bipower_60 over iv_0dte"
    add("realized_gap", "", ("bipower_60", "iv_0dte"), 1, _log_ratio("bipower_60", "iv_0dte"), text)
    text = "realized_gap less its mean of two hours, in its deviations"
    add("realized_gap_score", "sd", ("realized_gap",), RANK_WINDOW, _standing("realized_gap"), text)
    text = "where close lies within the range of two hours: 0 its low, 1 its high"
    add("range_place", "share", ("high", "low", "close"), RANK_WINDOW, _place, text)
    traded = ("put_flow", "option_volume")
    text = "puts that customers bought net over all contracts traded, 30 minutes"
    add("put_flow_share", "share", traded, 30, _put_share, text)
    text = "share of the last two hours in which put_flow_share was lower"
    add("put_flow_rank", "share", ("put_flow_share",), RANK_WINDOW, _rank("put_flow_share"), text)
    pressure = ("high", "low", "close", "volume")
    text = "volume signed by where each close lies in its minute's range, over volume, 15 minutes"
    add("signed_volume_15", "share", pressure, 15, _signed_volume(15), text)
    text = text.replace("15 minutes", "30 minutes")
    add("signed_volume_30", "share", pressure, 30, _signed_volume(30), text)
    text = "mean volume of 10 minutes over that of the last hour"
    add("volume_surge", "", ("volume",), HOUR, surge("volume", 10, HOUR), text)
    first = ("minutes_open", "signed_volume_15")
    text = "signed_volume_15 at the end of the first quarter hour"
    add("opening_drive", "share", first, LONGEST_SESSION, _first_quarter("signed_volume_15"), text)
    span = ("minutes_open", "high", "low")
    text = "highest less lowest price of the first quarter hour"
    add("opening_range", "$", span, LONGEST_SESSION, _opening_range, text)
    text = "highest less lowest price of the paired index over 30 minutes, as a share"
    add("peer_range_30", "share", ("peer_close",), 30, _peer_range, text)
    text = "share of the last two hours in which peer_range_30 was lower"
    add("peer_range_rank", "share", ("peer_range_30",), RANK_WINDOW, _rank("peer_range_30"), text)


def change(of: str, n: int) -> Compute:
    """Return the function that takes a column's change over n rows."""
    return lambda columns: columns[of] - rolling.shift(columns[of], n)


def _log_change(of: str, n: int) -> Compute:
    def compute(columns: Columns) -> FloatArray:
        level = rolling.log(columns[of])
        return level - rolling.shift(level, n)

    return compute


def _total(of: str, n: int) -> Compute:
    return lambda columns: rolling.total(columns[of], n)


def _rank(of: str) -> Compute:
    return lambda columns: rolling.rank(columns[of], RANK_WINDOW, RANK_LEAST)


def _ratio(part: str, whole: str) -> Compute:
    return lambda columns: rolling.ratio(columns[part], columns[whole])


def surge(of: str, short: int, long: int) -> Compute:
    """Return the function that divides a column's short mean by its long mean."""
    return lambda columns: rolling.ratio(
        rolling.mean(columns[of], short), rolling.mean(columns[of], long)
    )


def _charm_rank(columns: Columns) -> FloatArray:
    return rolling.rank(np.abs(columns["charm_growth_15"]), RANK_WINDOW, RANK_LEAST)


def _opening(of: str) -> Compute:
    """Return the function that carries a column's first value of the session forward."""

    def compute(columns: Columns) -> FloatArray:
        opening = np.where(columns["minutes_open"] <= OPENING, columns[of], np.nan)
        return rolling.earliest(opening, LONGEST_SESSION)

    return compute


def _opening_straddle(columns: Columns) -> FloatArray:
    move: FloatArray = _opening("expected_move")(columns)
    return float(np.sqrt(2.0 / np.pi)) * move


def _realized(n: int) -> Compute:
    """Zero-mean volatility: over minutes the drift is noise."""
    return lambda columns: np.sqrt(rolling.mean(columns["ret_1"] ** 2, n) * YEAR_MINUTES)


def _score(of: str) -> Compute:
    def compute(columns: Columns) -> FloatArray:
        now, before = columns[of], rolling.shift(columns[of], NOW)
        away = rolling.mean(now, NOW) - rolling.mean(before, HOUR)
        noise = rolling.deviation(before, HOUR)
        still = (noise == 0.0) & (away == 0.0)
        return np.where(still, 0.0, rolling.ratio(away, noise))

    return compute


def _shock(of: str, n: int) -> Compute:
    """Return the function that measures a change in what chance changes would add up to."""

    def compute(columns: Columns) -> FloatArray:
        now = columns[of]
        steps = now - rolling.shift(now, 1)
        noise = rolling.deviation(steps, RANK_WINDOW) * float(np.sqrt(n))
        return rolling.ratio(now - rolling.shift(now, n), noise)

    return compute


def _standing(of: str) -> Compute:
    def compute(columns: Columns) -> FloatArray:
        now = columns[of]
        away = now - rolling.mean(now, RANK_WINDOW)
        return rolling.ratio(away, rolling.deviation(now, RANK_WINDOW))

    return compute


def _bipower(columns: Columns) -> FloatArray:
    """Barndorff-Nielsen and Shephard (2004): pi/2 times the mean product of neighbours' sizes."""
    size = np.abs(columns["ret_1"])
    product = size * rolling.shift(size, 1)
    mean: FloatArray = rolling.mean(product, HOUR - 1)
    return np.sqrt(0.5 * np.pi * mean * YEAR_MINUTES)


def _log_ratio(part: str, whole: str) -> Compute:
    return lambda columns: rolling.log(columns[part]) - rolling.log(columns[whole])


def _place(columns: Columns) -> FloatArray:
    top = rolling.highest(columns["high"], RANK_WINDOW)
    bottom = rolling.lowest(columns["low"], RANK_WINDOW)
    return rolling.ratio(columns["close"] - bottom, top - bottom)


def _put_share(columns: Columns) -> FloatArray:
    bought = rolling.total(columns["put_flow"], 30)
    return rolling.ratio(bought, rolling.total(columns["option_volume"], 30))


def _signed_volume(n: int) -> Compute:
    """Return the function that signs volume by the close's place in its minute."""

    def compute(columns: Columns) -> FloatArray:
        high, low = columns["high"], columns["low"]
        up = (columns["close"] - low) - (high - columns["close"])
        span = high - low
        sign = np.where(span > 0.0, up / np.where(span > 0.0, span, 1.0), 0.0 * span)
        bought = rolling.total(sign * columns["volume"], n)
        return rolling.ratio(bought, rolling.total(columns["volume"], n))

    return compute


def _first_quarter(of: str) -> Compute:
    """Return the function that carries forward what a column was at the quarter hour's end."""

    def compute(columns: Columns) -> FloatArray:
        minutes = columns["minutes_open"]
        there = (minutes >= QUARTER) & (minutes < QUARTER + OPENING)
        return rolling.earliest(np.where(there, columns[of], np.nan), LONGEST_SESSION)

    return compute


def _opening_range(columns: Columns) -> FloatArray:
    minutes = columns["minutes_open"]
    inside = minutes <= QUARTER
    high = np.where(inside, columns["high"], -np.inf)
    low = np.where(inside, columns["low"], np.inf)
    top = rolling.highest_from(high, LONGEST_SESSION, -np.inf)
    bottom = rolling.lowest_from(low, LONGEST_SESSION, np.inf)
    span: FloatArray = top - bottom
    return np.where((minutes >= QUARTER) & np.isfinite(span), span, np.nan)


def _peer_range(columns: Columns) -> FloatArray:
    price = columns["peer_close"]
    return rolling.ratio(rolling.highest(price, 30) - rolling.lowest(price, 30), price)


def _range(columns: Columns) -> FloatArray:
    spread = rolling.highest(columns["high"], 30) - rolling.lowest(columns["low"], 30)
    return rolling.ratio(spread, columns["close"])


def _vol_of_vol(columns: Columns) -> FloatArray:
    level = columns["iv_30d"]
    return rolling.deviation(level - rolling.shift(level, 1), VOL_OF_VOL)
