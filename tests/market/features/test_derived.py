"""Derived columns: hand-computed values, honest reasons, and only what was asked for."""

import numpy as np
import pytest

from market.clock import MINUTE
from market.features.assembly import assemble
from market.features.derived import YEAR_MINUTES
from market.features.derived_daily import REGIME_WINDOW, SWING_ARM
from market.features.registry import UnknownColumnError, registry
from market.frames import Kind, Missing
from quant.regime import regime_filter

ROWS = 200


def times(rows: int) -> np.ndarray:
    return MINUTE * np.arange(1, rows + 1)


def intraday(names, **columns):
    return assemble(Kind.INTRADAY, "TEST", times(ROWS), columns, None, names).columns


def daily(names, rows=ROWS, **columns):
    return assemble(Kind.DAILY, "TEST", times(rows), columns, None, names).columns


@pytest.fixture
def prices() -> np.ndarray:
    return 100.0 * np.exp(np.random.default_rng(2).normal(0.0, 0.01, ROWS).cumsum())


def test_realized_volatility_is_on_the_clock_of_0dte_volatility(prices):
    frame = intraday(["rv_10", "move_5", "traded_30"], close=prices, dollar_volume=prices)
    returns = np.diff(np.log(prices))[-10:]
    assert frame["rv_10"][-1] == pytest.approx(np.sqrt(np.mean(returns**2) * YEAR_MINUTES))
    assert frame["move_5"][-1] == prices[-1] - prices[-6]
    assert frame["traded_30"][-1] == pytest.approx(prices[-30:].sum())


def test_ranges_and_ranks(prices):
    frame = intraday(
        ["range_30", "range_30_rank"], close=prices, high=prices + 1.0, low=prices - 1.0
    )
    reach = prices[-30:].max() - prices[-30:].min() + 2.0
    assert frame["range_30"][-1] == pytest.approx(reach / prices[-1])
    before = frame["range_30"][-120:-1]
    assert frame["range_30_rank"][-1] == pytest.approx(np.mean(before < frame["range_30"][-1]))


def test_changes_of_volatility(prices):
    level = prices / 500.0
    frame = intraday(
        ["iv_change_10", "vol_of_vol", "iv_0dte_drift_30"], iv_30d=level, iv_0dte=level
    )
    assert frame["iv_change_10"][-1] == pytest.approx(level[-1] - level[-11])
    assert frame["vol_of_vol"][-1] == pytest.approx(np.std(np.diff(level)[-20:], ddof=1))
    assert frame["iv_0dte_drift_30"][-1] == pytest.approx(np.log(level[-1] / level[-31]))


def test_the_open_is_its_first_known_price_and_its_straddle():
    minutes = np.arange(1.0, ROWS + 1.0)
    opens, move = 500.0 + minutes, 10.0 / minutes
    opens[0] = np.nan  # no price in the first minute: the second is the open
    frame = intraday(
        ["opening_price", "opening_straddle"], minutes_open=minutes, open=opens, expected_move=move
    )
    assert np.isnan(frame["opening_price"][0])
    assert (frame["opening_price"][1:] == 502.0).all()
    np.testing.assert_allclose(frame["opening_straddle"], np.sqrt(2.0 / np.pi) * 10.0, rtol=1e-15)
    late = intraday(["opening_price"], minutes_open=minutes + 5.0, open=opens)
    assert np.isnan(late["opening_price"]).all(), "a frame that begins later knows no open"


def test_the_growth_of_charm_is_ranked_by_its_size(prices):
    frame = intraday(["charm_growth_15", "charm_growth_rank"], charm_hour_0dte=prices)
    growth = prices[15:] - prices[:-15]
    np.testing.assert_array_equal(frame["charm_growth_15"][15:], growth)
    sizes = np.abs(growth[-120:])
    assert frame["charm_growth_rank"][-1] == pytest.approx(np.mean(sizes[:-1] < sizes[-1]))


def test_gamma_is_balanced_by_its_gross(prices):
    frame = intraday(["gamma_balance"], gamma=-prices, gamma_gross=4.0 * prices)
    np.testing.assert_allclose(frame["gamma_balance"], -0.25)


def test_a_window_that_is_not_full_warms_up_and_a_hole_tells_its_reason(prices):
    codes = np.zeros(ROWS, dtype=np.uint8)
    codes[100] = Missing.STALE_QUOTE
    frame = assemble(
        Kind.INTRADAY, "TEST", times(ROWS), {"iv_30d": prices}, {"iv_30d": codes}, ["iv_change_10"]
    )
    why = frame.reasons["iv_change_10"]
    assert set(why[:10]) == {Missing.WARMING_UP}
    assert why[10] == Missing.OK
    assert why[100] == Missing.STALE_QUOTE
    assert why[110] == Missing.WARMING_UP
    assert why[111] == Missing.OK


def test_only_what_is_asked_for_and_what_it_needs_is_there(prices):
    frame = assemble(
        Kind.INTRADAY, "TEST", times(ROWS), {"close": prices, "gamma": prices}, None, ["rv_10"]
    )
    assert set(frame.columns) == {"close", "ret_1", "rv_10"}
    empty = assemble(Kind.INTRADAY, "TEST", times(3), {}, None, ["gamma_balance"])
    assert set(empty.reasons["gamma_balance"]) == {Missing.NO_COLUMN}
    with pytest.raises(UnknownColumnError, match="gama"):
        assemble(Kind.INTRADAY, "TEST", times(3), {}, None, ["gama"])


def test_every_column_can_be_assembled_and_a_given_one_is_taken_as_it_is(prices):
    for kind in Kind:
        observed = dict.fromkeys(registry().observed_names(kind), prices)
        frame = assemble(kind, "TEST", times(ROWS), observed)
        assert set(frame.columns) == {c.name for c in registry().columns(kind)}
    given = intraday(["ret_1", "rv_10"], close=prices, ret_1=np.full(ROWS, 0.5))
    assert given["ret_1"][0] == 0.5
    assert given["rv_10"][-1] == pytest.approx(0.5 * np.sqrt(YEAR_MINUTES))


def test_ratios_of_short_to_long_daily_windows(prices):
    volume = np.linspace(1.0, 2.0, ROWS)
    frame = daily(
        ["turnover_ratio", "illiquidity", "rv_short"], close=prices, dollar_volume=1e9 * volume
    )
    assert frame["turnover_ratio"][-1] == pytest.approx(volume[-20:].mean() / volume[-60:].mean())
    size = abs(np.log(prices[-1] / prices[-2]))
    assert frame["illiquidity"][-1] == pytest.approx(size / 2.0)
    returns = np.diff(np.log(prices))[-20:]
    assert frame["rv_short"][-1] == pytest.approx(np.sqrt(252.0 * np.mean(returns**2)))


def test_the_score_of_co_movement_compares_with_the_sessions_before(prices):
    level = prices / 200.0
    frame = daily(["correlation_score"], average_correlation=level)
    before = level[-61:-1]
    assert frame["correlation_score"][-1] == pytest.approx(
        (level[-1] - before.mean()) / before.std(ddof=1)
    )


def test_a_swing_is_known_only_once_it_is_confirmed():
    low = np.full(60, 100.0) + 0.01 * np.arange(60)
    low[30] = 90.0
    found = daily(["swing_low"], rows=60, low=low)["swing_low"]
    assert found[30 + SWING_ARM - 1] != 90.0
    assert found[30 + SWING_ARM] == 90.0
    assert found[-1] == 90.0
    high = daily(["swing_high"], rows=60, high=-low)["swing_high"]
    np.testing.assert_array_equal(high, -found)


def test_a_hole_makes_swings_unknown_while_it_is_in_the_window(prices):
    holed = prices.copy()
    holed[60] = np.nan
    found = daily(["swing_low"], low=holed)["swing_low"]
    assert np.isnan(found[60:130]).all()
    assert np.isfinite(found[135:]).any()


def test_the_regime_is_the_filters_over_its_window(prices):
    frame = daily(["regime", "regime_probability"], close=prices)
    returns = np.diff(np.log(prices))[-REGIME_WINDOW:]
    want = regime_filter(returns)
    assert frame["regime"][-1] == want.leading[-1]
    assert frame["regime_probability"][-1] == want.leading_probability[-1]
    assert np.isnan(frame["regime"][:42]).all()
    assert np.isfinite(frame["regime"][43:]).all()
