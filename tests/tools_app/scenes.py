"""Hand-made markets: for each tool one in which it fires at the last row."""

from dataclasses import dataclass, field

import numpy as np

ROWS = 80
LAST = ROWS - 1


def late(before: float, after: float, rows: int = 1) -> np.ndarray:
    """Return a column that stands at one value and takes another in its last rows."""
    column = np.full(ROWS, float(before))
    column[ROWS - rows :] = after
    return column


def ramp(*points: tuple[int, float]) -> np.ndarray:
    """Return a column that runs in straight lines through (row, value) points."""
    rows, values = zip(*points, strict=True)
    return np.interp(np.arange(ROWS), rows, values)


@dataclass(frozen=True)
class Scene:
    """A market in which a tool fires at the last row, and what takes that away."""

    columns: dict[str, object]
    side: int
    broken: dict[str, object]
    driver: str
    values: tuple[float, float]
    """From the weakest to the strongest value of the driver at the last row."""
    words: str
    more: dict[str, object] = field(default_factory=dict)


PIN = {
    "close": late(500.0, 502.0, rows=4),
    "abs_gamma_strike": 500.0,
    "gamma": 2.0e9,
}
SCENES = {
    "regime-phase-shift": Scene(
        columns={
            "regime": late(7.0, 2.0, rows=3),
            "regime_probability": 0.8,
            "trend": -2.0,
            "rv_short": 0.30,
            "rv_long": 0.20,
        },
        side=-1,
        broken={"regime": 2.0},
        driver="regime_probability",
        values=(0.3, 1.0),
        words="regime now: down trend with high volatility",
    ),
    "earnings-crash-detector": Scene(
        columns={
            "report_sessions": 1.0,
            "implied_report_move": 0.09,
            "past_report_move": 0.05,
            "extension": 2.0,
            "skew_change_5": 0.02,
        },
        side=-1,
        broken={"implied_report_move": 0.03},
        driver="implied_report_move",
        values=(0.02, 0.12),
        words="sessions before the report 1 (at most 3)",
    ),
    "liquidity-death-cross": Scene(
        columns={
            "illiquidity_ratio": ramp((0, 0.8), (LAST - 8, 0.9), (LAST, 1.4)),
            "turnover_ratio": 0.8,
            "spread_ratio": 1.2,
        },
        side=-1,
        broken={"illiquidity_ratio": ramp((0, 0.8), (LAST - 8, 1.2), (LAST, 0.9))},
        driver="turnover_ratio",
        values=(1.2, 0.5),
        words="20- over 60-session turnover 0.8 (at most 0.98)",
    ),
    "vol-control-forced-selling": Scene(
        columns={"rv_short": late(0.12, 0.24, rows=4), "rv_long": 0.13},
        side=-1,
        broken={"rv_short": 0.12},
        driver="rv_short",
        values=(0.12, 0.6),
        words="fall of implied exposure in 5 sessions 45.8 % (at least 20 %)",
    ),
    "market-structure-fracture": Scene(
        columns={
            "close": late(105.0, 98.0, rows=2),
            "swing_low": 100.0,
            "swing_high": 110.0,
            "correlation_score": 3.0,
            "eigen_score": 2.5,
        },
        side=-1,
        broken={"close": 105.0},
        driver="correlation_score",
        values=(0.5, 5.0),
        words="co-movement beyond its band 3 sd (at least 2 sd)",
        more={"eigen_score": 0.0},
    ),
    "gamma-wall-pin-collapse": Scene(
        columns=PIN
        | {
            "abs_gamma_share": late(0.3, 0.15, rows=4),
            "rv_10": 0.30,
            "rv_30": late(0.15, 0.20, rows=4),
        },
        side=1,
        broken={"abs_gamma_share": 0.3},
        driver="abs_gamma_share",
        values=(0.35, 0.05),
        words="half hour spent pinned 100 % (at least 70 %)",
    ),
    "charm-flow-nuclear-breach": Scene(
        columns={
            "close": 500.0,
            "charm_hour_0dte": -4.0e8,
            "traded_30": 1.0e9,
            "rv_30": 0.20,
            "move_5": 0.8,
        },
        side=1,
        broken={"charm_hour_0dte": -2.0e7},
        driver="charm_hour_0dte",
        values=(-1.0e6, -1.0e9),
        words="today's charm exposure -400 mn $/h",
    ),
    "vanna-shock-reversal": Scene(
        columns={
            "iv_30d": ramp((0, 0.20), (LAST - 40, 0.20), (LAST - 20, 0.24), (LAST, 0.22)),
            "iv_change_10": -0.01,
            "vanna": 5.0e7,
            "traded_30": 1.5e9,
        },
        side=1,
        broken={"iv_30d": ramp((0, 0.20), (LAST - 40, 0.20), (LAST, 0.24))},
        driver="vanna",
        values=(1.0e5, 1.0e9),
        words="part of it retraced 50 % (at least 25 %)",
    ),
    "vol-trigger-cascade": Scene(
        columns={
            "close": late(502.0, 498.0, rows=8),
            "vol_trigger": 500.0,
            "gamma": -1.9e9,
            "gamma_balance": -0.3,
            "expected_move_day": 5.0,
            "iv_change_10": 0.01,
        },
        side=-1,
        broken={"close": 502.0},
        driver="iv_change_10",
        values=(0.0, 0.03),
        words="net gamma -1.9 bn $/1 %",
    ),
    "dealer-short-gamma-forced": Scene(
        columns={
            "gamma": -1.9e9,
            "gamma_balance": -0.4,
            "expected_move_day": 5.0,
            "move_5": -2.0,
        },
        side=-1,
        broken={"gamma": 1.9e9, "gamma_balance": 0.4},
        driver="move_5",
        values=(-0.1, -5.0),
        words="net gamma -1.9 bn $/1 %",
    ),
    "pinning-collapse-vacuum": Scene(
        columns=PIN
        | {
            "thin_above": 0.2,
            "thin_below": 1.0,
            "expected_move_day": 5.0,
            "heavy_above": 505.0,
            "heavy_below": 499.0,
        },
        side=1,
        broken={"thin_above": 1.4},
        driver="thin_above",
        values=(1.5, 0.0),
        words="next heavy strike 505.00",
    ),
    "0dte-magnet-charm": Scene(
        columns={
            "close": 501.0,
            "magnet_strike": 500.0,
            "magnet_share": 0.3,
            "expected_move": 1.5,
            "minutes_left": 45.0,
            "gamma_balance_0dte": 0.5,
            "charm_hour_0dte": 2.0e8,
            "traded_30": 1.0e9,
        },
        side=-1,
        broken={"gamma_balance_0dte": -0.5},
        driver="magnet_share",
        values=(0.01, 0.6),
        words="minutes to the close 45 min",
    ),
    "triple-cascade-black-swan": Scene(
        columns={
            "gamma": -1.0e9,
            "gamma_balance": -0.3,
            "vanna": 5.0e7,
            "iv_change_10": 0.01,
            "traded_30": 1.5e9,
            "vol_of_vol_rank": 0.98,
        },
        side=-1,
        broken={"vol_of_vol_rank": 0.5},
        driver="vol_of_vol_rank",
        values=(0.5, 1.0),
        words="part of two hours with lower vol of vol 98 % (at least 90 %)",
    ),
    "silence-before-the-storm": Scene(
        columns={
            "rv_30_rank": 0.05,
            "range_30_rank": 0.05,
            "iv_0dte_drift_30": 0.0,
            "gamma_balance": 0.05,
            "rv_30": 0.08,
            "iv_0dte": 0.25,
        },
        side=0,
        broken={"iv_0dte_drift_30": -0.2},
        driver="rv_30_rank",
        values=(0.9, 0.0),
        words="0DTE implied volatility 25 vol pt",
    ),
    "hidden-gamma-squeeze-ignition": Scene(
        columns={
            "close": 501.0,
            "squeeze_gamma": -3.0e8,
            "squeeze_strike": 502.0,
            "gamma_gross": 2.0e9,
            "otm_call_surge": 1.6,
            "otm_call_flow": 20_000.0,
            "expected_move_day": 5.0,
            "move_30": late(0.3, 0.9),
            "move_5": 0.6,
        },
        side=1,
        broken={"squeeze_gamma": 3.0e8},
        driver="squeeze_gamma",
        values=(-1.0e6, -2.0e9),
        words="dealers' gamma sold in calls above -300 mn $/1 %",
    ),
    "zero-gamma-breach": Scene(
        columns={
            "close": late(499.0, 501.5, rows=5),
            "zero_gamma": 500.0,
            "expected_move_day": 5.0,
            "rv_30": 0.2,
        },
        side=1,
        broken={"close": 501.5},
        driver="close",
        values=(500.01, 503.0),
        words="least distance beyond it in 5 minutes, over the day's expected move 0.3 "
        "(at least 0.08)",
    ),
    "gamma-flip-whipsaw": Scene(
        columns={
            "close": 500.0 + np.cos(np.pi * (np.arange(ROWS) - LAST) / 5.0),
            "zero_gamma": 500.0,
            "expected_move_day": 5.0,
        },
        side=-1,
        broken={"zero_gamma": 499.5 - 2.0 * np.arange(ROWS) / ROWS},
        driver="expected_move_day",
        values=(1.0, 10.0),
        words="crossings of it in the hour 12 (at least 6)",
    ),
    "afternoon-charm-avalanche": Scene(
        columns={
            "charm_hour_0dte": 4.0e8,
            "charm_growth_15": 1.0e8,
            "charm_growth_rank": 0.98,
            "gamma_balance_0dte": 0.5,
            "traded_30": 1.0e9,
            "minutes_left": 60.0,
        },
        side=-1,
        broken={"charm_growth_15": -1.0e8},
        driver="charm_growth_15",
        values=(0.0, 2.0e8),
        words="its growth in 15 minutes over dollars traded an hour 5 % (at least 2 %)",
    ),
    "last-hour-gamma-squeeze": Scene(
        columns={
            "close": 500.0,
            "abs_gamma_strike": 501.0,
            "abs_gamma_share": 0.4,
            "expected_move": 2.0,
            "minutes_left": 40.0,
            "move_5": 0.5,
            "rv_30": 0.15,
        },
        side=1,
        broken={"abs_gamma_share": 0.1},
        driver="abs_gamma_share",
        values=(0.05, 0.8),
        words="its share of all gamma 40 % (at least 35 %)",
    ),
    "put-wall-break": Scene(
        columns={
            "close": late(500.0, 498.0, rows=3),
            "put_wall": 499.0,
            "gamma_under_put_wall": -4.0e8,
            "gamma_gross": 2.0e9,
            "expected_move_day": 5.0,
        },
        side=-1,
        broken={"gamma_under_put_wall": 2.0e8},
        driver="close",
        values=(499.5, 495.0),
        words="net gamma beneath the wall over all gross gamma -20 % (at most -10 %)",
    ),
    "call-wall-chase": Scene(
        columns={
            "close": late(499.0, 502.0, rows=6),
            "call_wall": late(500.0, 505.0, rows=3),
            "expected_move_day": 5.0,
        },
        side=1,
        broken={"call_wall": 500.0},
        driver="close",
        values=(500.0, 504.0),
        words="lowest close of 5 minutes above it, over the day's expected move 0.4 "
        "(at least 0.03)",
    ),
    "0dte-vol-crush-fade": Scene(
        columns={
            "release_minutes": 60.0,
            "iv_0dte_drift_30": -0.3,
            "iv_0dte": 0.12,
            "rv_30": 0.15,
        },
        side=0,
        broken={"iv_0dte_drift_30": 0.0},
        driver="iv_0dte_drift_30",
        values=(0.0, -0.6),
        words="minutes since the scheduled release 60 min (at most 90 min)",
    ),
    "straddle-breakeven-breach": Scene(
        columns={
            "close": 505.0,
            "opening_price": 500.0,
            "opening_straddle": 4.0,
            "minutes_open": 100.0,
            "move_30": 1.0,
        },
        side=1,
        broken={"close": 502.0},
        driver="close",
        values=(502.0, 508.0),
        words="move since over that straddle 1.25 (at least 1)",
    ),
    "speed-trap": Scene(
        columns={
            "close": 500.0,
            "gamma": 2.0e8,
            "gamma_balance": 0.1,
            "speed": 1.0e9,
            "expected_move_day": 5.0,
            "move_30": -1.5,
        },
        side=-1,
        broken={"speed": 1.0e8},
        driver="speed",
        values=(5.0e7, 4.0e9),
        words="way to where it turns, over the day's expected move 0.2 (at most 0.25)",
    ),
    "zomma-shock": Scene(
        columns={"gamma": 2.0e8, "zomma": -3.0e8, "iv_change_10": 0.02},
        side=0,
        broken={"zomma": 3.0e8},
        driver="zomma",
        values=(0.0, -9.0e8),
        words="part of net gamma that it took 75 % (at least 50 %)",
    ),
}
