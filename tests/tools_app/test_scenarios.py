"""Each tool on a hand-made market: it fires, it does not once its key condition is gone, and its
score never falls as its main driver grows."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.frames import Kind, Missing
from tools_app.registry import catalogue
from tools_app.wording import explain

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
scenes = pytest.mark.parametrize("slug", list(SCENES))


def evaluate(make_frame, slug: str, changes: dict[str, object] | None = None):
    tool = catalogue().get(slug)
    return tool.evaluate(make_frame(tool.kind, ROWS, SCENES[slug].columns | (changes or {})))


def test_every_tool_has_a_scene():
    assert set(SCENES) == {tool.slug for tool in catalogue()}


@scenes
def test_it_fires_where_its_hypothesis_holds(make_frame, slug):
    answer = evaluate(make_frame, slug)
    assert answer.fires[LAST], [
        (c.label, c.degree[LAST]) for c in answer.conditions if c.degree is not None
    ]
    assert answer.side[LAST] == SCENES[slug].side


@scenes
def test_it_is_silent_without_its_key_condition(make_frame, slug):
    answer = evaluate(make_frame, slug, SCENES[slug].broken)
    assert np.isfinite(answer.score[LAST])
    assert not answer.fires[LAST]


@scenes
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pair=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)))
def test_its_score_never_falls_as_its_driver_grows(make_frame, slug, pair):
    scene = SCENES[slug]
    weakest, strongest = scene.values
    scores = []
    for share in (0.0, *sorted(pair), 1.0):
        column = np.array(np.broadcast_to(scene.columns[scene.driver], (ROWS,)), dtype=float)
        column[LAST] = weakest + share * (strongest - weakest)
        answer = evaluate(make_frame, slug, scene.more | {scene.driver: column})
        scores.append(answer.score[LAST])
    assert scores == sorted(scores)
    assert scores[0] < 0.5 <= scores[-1]


@scenes
def test_its_reasons_can_be_read(make_frame, slug):
    reasons = explain(evaluate(make_frame, slug), LAST)
    assert SCENES[slug].words in [reason["text"] for reason in reasons]
    tool = catalogue().get(slug)
    assert reasons[-1]["text"].endswith("ET" if tool.kind == Kind.INTRADAY else "-02")
    for reason in reasons:
        assert set(reason) == {"label", "value", "unit", "text"}
        assert reason["value"] is None or np.isfinite(reason["value"])


def test_a_pin_that_breaks_downward_reads_short(make_frame):
    down = {"close": late(500.0, 498.0, rows=4), "thin_below": 0.2, "heavy_below": 495.0}
    answer = evaluate(make_frame, "pinning-collapse-vacuum", down)
    assert answer.fires[LAST]
    assert answer.side[LAST] == -1


def test_a_breach_of_zero_gamma_downward_reads_short(make_frame):
    answer = evaluate(make_frame, "zero-gamma-breach", {"close": late(501.0, 498.5, rows=5)})
    assert answer.fires[LAST]
    assert answer.side[LAST] == -1


def test_a_breach_that_came_back_within_its_minutes_is_none(make_frame):
    close = late(499.0, 501.5, rows=5)
    close[-2] = 499.9
    assert not evaluate(make_frame, "zero-gamma-breach", {"close": close}).fires[LAST]


def test_a_rising_trap_reads_long_and_a_move_away_from_it_does_not_fire(make_frame):
    up = evaluate(make_frame, "speed-trap", {"speed": -1.0e9, "move_30": 1.5})
    assert (up.fires[LAST], up.side[LAST]) == (True, 1)
    assert not evaluate(make_frame, "speed-trap", {"speed": -1.0e9}).fires[LAST]


def test_lost_gamma_counts_also_when_volatility_falls(make_frame):
    fall = evaluate(make_frame, "zomma-shock", {"zomma": 3.0e8, "iv_change_10": -0.02})
    assert fall.fires[LAST]
    short = evaluate(make_frame, "zomma-shock", {"gamma": -2.0e9})
    assert short.score[LAST] == 0.0, "what was short before damped nothing"


def test_a_vacuum_tool_needs_the_heavy_strike_of_the_broken_side_alone(make_frame):
    whole = evaluate(make_frame, "pinning-collapse-vacuum", {"heavy_below": np.nan})
    assert whole.fires[LAST]
    blind = evaluate(make_frame, "pinning-collapse-vacuum", {"heavy_above": np.nan})
    assert np.isnan(blind.score[LAST])
    assert "not a finite number" in blind.missing_counts()


def test_a_reason_for_good_is_told_before_warming_up(make_frame):
    tool = catalogue().get("triple-cascade-black-swan")
    frame = make_frame(tool.kind, ROWS, SCENES[tool.slug].columns)
    reasons = {name: np.array(codes) for name, codes in frame.reasons.items()}
    reasons["iv_change_10"][:10] = Missing.WARMING_UP
    reasons["traded_30"][:5] = Missing.NO_VOLUME
    answer = tool.evaluate(replace(frame, reasons=reasons))
    assert answer.missing_counts() == {"no volume": 5, "warming up": 5}


def test_an_optional_input_is_not_blamed_while_the_window_fills(make_frame):
    answer = evaluate(make_frame, "gamma-wall-pin-collapse", {"wall_kept": np.nan})
    assert answer.missing_counts() == {"warming up": 39}


def test_the_liquidity_tool_leaves_the_spread_out_where_there_are_no_quotes(make_frame):
    unquoted = evaluate(make_frame, "liquidity-death-cross", {"spread_ratio": np.nan})
    narrow = evaluate(make_frame, "liquidity-death-cross", {"spread_ratio": 0.6})
    assert unquoted.fires[LAST]
    assert not narrow.fires[LAST]


def test_a_wall_that_rolls_away_counts_like_one_that_decays(make_frame):
    rolled = {"abs_gamma_share": 0.3, "abs_gamma_strike": late(500.0, 503.0, rows=3)}
    answer = evaluate(make_frame, "gamma-wall-pin-collapse", rolled)
    assert answer.fires[LAST]


def test_a_wall_that_customers_bought_back_counts_where_trades_are_signed(make_frame):
    for kept, fires in ((0.4, True), (1.3, False), (np.nan, False)):
        changes = {"abs_gamma_share": 0.3, "wall_kept": kept}
        answer = evaluate(make_frame, "gamma-wall-pin-collapse", changes)
        assert answer.fires[LAST] == fires, kept
        assert np.isfinite(answer.score[LAST])


def test_a_cut_grows_the_score_of_the_vol_control_tool(make_frame):
    small, large = (
        evaluate(make_frame, "vol-control-forced-selling", {"rv_short": late(0.12, rv, rows=4)})
        for rv in (0.18, 0.24)
    )
    assert 0.5 <= small.score[LAST] < large.score[LAST]


def test_an_up_trend_regime_reads_long_and_a_flat_one_has_no_side(make_frame):
    up = {"regime": late(4.0, 6.0, rows=3), "trend": 2.0, "rv_short": 0.1}
    answer = evaluate(make_frame, "regime-phase-shift", up)
    assert (answer.fires[LAST], answer.side[LAST]) == (True, 1)
    flat = {"regime": late(0.0, 4.0, rows=3), "trend": 0.1, "rv_short": 0.2}
    answer = evaluate(make_frame, "regime-phase-shift", flat)
    assert (answer.fires[LAST], answer.side[LAST]) == (True, 0)
