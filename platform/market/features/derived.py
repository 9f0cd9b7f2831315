"""Derived columns of an intraday frame: causal functions of the minutes observed so far.

Volatilities here are on the calendar clock of 525,600 minutes a year, the clock of `iv_0dte`, so
that realized and implied can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from market.features import rolling
from market.features.registry import ColumnRegistry, Compute
from market.frames import FloatArray, Kind

Columns = Mapping[str, FloatArray]

YEAR_MINUTES = 525_600.0
RANK_WINDOW, RANK_LEAST = 120, 45
"""Ranks within the session look back two hours, and need three quarters of an hour."""
VOL_OF_VOL = 20
LONGEST_SESSION = 390
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
    text = "contracts traded in calls above spot: mean of 15 minutes over mean of 60"
    add("otm_call_surge", "", ("otm_call_volume",), 60, surge("otm_call_volume", 15, 60), text)


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


def _range(columns: Columns) -> FloatArray:
    spread = rolling.highest(columns["high"], 30) - rolling.lowest(columns["low"], 30)
    return rolling.ratio(spread, columns["close"])


def _vol_of_vol(columns: Columns) -> FloatArray:
    level = columns["iv_30d"]
    return rolling.deviation(level - rolling.shift(level, 1), VOL_OF_VOL)
