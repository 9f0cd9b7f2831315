"""Each tool on a hand-made market: it fires, it does not once its key condition is gone, and its
score never falls as its main driver grows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.frames import Kind, Missing
from tools_app.registry import catalogue
from tools_app.wording import explain

from .scenes import LAST, ROWS, SCENES, late

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
