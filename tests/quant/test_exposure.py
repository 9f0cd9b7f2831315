"""Dealer exposure against hand-computed fixtures, and what the signs mean."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant import bsm, exposure
from quant.chain import Chain
from quant.exposure import dealer_positions, hedge_trade, hedging, hypotheses, profile
from quant.pins import pins

STRIKES = np.repeat([5950.0, 5975.0, 6000.0, 6025.0, 6050.0], 2)
IS_CALL = np.tile([True, False], 5)
OPEN_INTEREST = np.array([200, 1500, 400, 900, 1200, 1100, 1500, 500, 1000, 150], dtype=float)
VOL = 0.15


@pytest.fixture
def fixture_chain(chain_of):
    return chain_of(STRIKES, IS_CALL, open_interest=OPEN_INTEREST)


def run(chain, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return profile(chain, **({"iv": np.full(len(chain), VOL)} | options))


def close(expected):
    return pytest.approx(expected, rel=1e-9)


def test_the_fixture_of_five_strikes(fixture_chain):
    got = run(fixture_chain)
    assert got.status == "ok"
    assert got.by_strike.strikes.tolist() == [5950, 5975, 6000, 6025, 6050]
    expected = [-2295.39336322, -24877697.0801, 149354875.758, 52003003.7839, 1941.34395794]
    np.testing.assert_allclose(got.by_strike.gamma, expected, rtol=1e-9)
    assert got.totals.gamma == close(176_479_828.412354)
    assert got.totals.vanna == close(2_131_466.20226496)
    assert got.totals.charm_day == close(-385_159_695.851939)
    assert got.totals.charm_minute == close(-385_159_695.851939 / 1440)
    assert got.levels.zero_gamma == close(5993.1915654183)
    assert got.levels.zero_gamma_slopes == (1,)
    assert got.levels.zero_gamma_reason is None
    assert got.levels.max_pain == 6000.0
    assert got.left_out == 0


def test_one_long_call_and_one_short_put_have_their_closed_form_root(chain_of):
    chain = chain_of([6050.0, 5950.0], [True, False], open_interest=[1000.0, 1500.0])
    got = run(chain)
    T, s2 = 60 / 525_600, VOL**2 * 60 / 525_600
    middle = 0.5 * (np.log(6050) + np.log(5950)) - (0.045 - 0.013 + VOL**2 / 2) * T
    exact = np.exp(middle - s2 * np.log(1.5) / np.log(5950 / 6050))
    assert exact == pytest.approx(6000.13694539598322, rel=1e-14)
    assert got.levels.zero_gamma == pytest.approx(exact, rel=1e-13)
    assert got.levels.zero_gamma_roots == (got.levels.zero_gamma,)


@given(
    st.floats(1.0, 120.0), st.floats(0.05, 0.6), st.floats(0.2, 5.0), st.sampled_from([60.0, 900.0])
)
def test_the_closed_form_root_at_any_strikes_and_sizes(chain_of, gap, vol, ratio, minutes):
    chain = chain_of(
        [6000.0 + gap, 6000.0 - gap],
        [True, False],
        minutes=minutes,
        open_interest=[1000.0, 1000.0 * ratio],
    )
    T = minutes / 525_600
    s2 = vol**2 * T
    width = np.log((6000 - gap) / (6000 + gap))
    middle = 0.5 * np.log((6000 + gap) * (6000 - gap)) - (0.032 + vol**2 / 2) * T
    exact = np.exp(middle - s2 * np.log(ratio) / width)
    got = run(chain, iv=np.full(2, vol))
    if abs(exact / 6000 - 1) < max(0.03, 6 * np.sqrt(s2)):
        assert got.levels.zero_gamma == pytest.approx(exact, rel=1e-9)
    else:
        assert got.levels.zero_gamma is None
        assert got.levels.zero_gamma_reason in ("always_long", "always_short")


def test_positive_gamma_means_that_dealers_sell_rallies_and_buy_dips(chain_of):
    # Dealers long one call: as spot rises their delta rises, so they must sell.
    got = run(chain_of([6000.0], [True], open_interest=10.0))
    assert got.totals.gamma > 0
    assert hedge_trade(got.totals.gamma, +1.0) < 0 < hedge_trade(got.totals.gamma, -1.0)
    assert "sell rallies and buy dips" in hedging(got.totals.gamma)
    assert "dampens" in hedging(got.totals.gamma)
    # Dealers short one put: as spot falls their delta rises, so they must sell too.
    got = run(chain_of([6000.0], [False], open_interest=10.0))
    assert got.totals.gamma < 0
    assert hedge_trade(got.totals.gamma, -1.0) < 0 < hedge_trade(got.totals.gamma, +1.0)
    assert "buy rallies and sell dips" in hedging(got.totals.gamma)
    assert "amplifies" in hedging(got.totals.gamma)
    assert "no gamma" in hedging(0.0)


def test_the_hedge_is_the_change_of_delta_that_a_move_brings(chain_of):
    chain = chain_of([6000.0], [True], minutes=6000, open_interest=10.0)
    before = run(chain)
    parts = {name: getattr(chain, name) for name in chain.__slots__}
    after = run(Chain(**(parts | {"spot": 6000.0 * 1.0001})))
    delta = (
        10
        * 100
        * 6000.0
        * bsm.greeks([6000.0, 6000.6], 6000.0, chain.years()[0], 0.045, 0.013, VOL, True).delta
    )
    assert delta[1] - delta[0] == pytest.approx(-hedge_trade(before.totals.gamma, 0.01), rel=1e-2)
    assert after.totals.delta > before.totals.delta


def test_signs_are_what_they_say(fixture_chain):
    naive = run(fixture_chain)
    gross = run(fixture_chain, sign="none")
    inverted = run(fixture_chain, sign="inverted_calls")
    own = np.where(IS_CALL, OPEN_INTEREST, -OPEN_INTEREST)
    flow = run(fixture_chain, sign="flow", positions=own)
    assert naive.sign == "naive"
    assert gross.totals.gamma == pytest.approx(-inverted.totals.gamma, rel=1e-15)
    assert gross.totals.gamma > abs(naive.totals.gamma)
    assert gross.levels.zero_gamma_reason == "always_long"
    assert inverted.levels.zero_gamma_reason == "always_short"
    assert gross.levels.zero_gamma is gross.levels.vol_trigger_proxy is None
    assert flow.totals == naive.totals
    assert flow.levels == naive.levels
    assert set(exposure.SIGNS) == {"naive", "inverted_calls", "none", "flow"}


def test_positions_belong_to_flow_and_have_the_chains_shape(fixture_chain):
    with pytest.raises(ValueError, match="positions belong to sign 'flow'"):
        dealer_positions(fixture_chain, "naive", np.ones(10))
    with pytest.raises(ValueError, match="positions belong to sign 'flow'"):
        dealer_positions(fixture_chain, "flow")
    with pytest.raises(ValueError, match="shape"):
        dealer_positions(fixture_chain, "flow", np.ones(3))
    with pytest.raises(ValueError, match="unknown sign"):
        dealer_positions(fixture_chain, "dealers")
    with pytest.raises(ValueError, match="iv has shape"):
        profile(fixture_chain, iv=np.ones(3))


@pytest.mark.parametrize("unknown", [np.nan, 0.0])
def test_without_open_interest_there_are_no_levels_and_the_reason_is_said(chain_of, unknown):
    got = run(chain_of(STRIKES, IS_CALL, open_interest=unknown))
    assert got.status == got.levels.reason == got.levels.zero_gamma_reason == "no open interest"
    for level in ("zero_gamma", "call_wall", "put_wall", "abs_gamma_strike", "max_pain"):
        assert getattr(got.levels, level) is None
    assert got.levels.vol_trigger_proxy is None
    assert got.levels.zero_gamma_roots == ()
    assert got.totals.gamma is got.totals.charm_minute is None
    assert np.isnan(got.by_strike.gamma).all()
    assert got.by_strike.strikes.size == 5
    assert np.isnan(run(chain_of(STRIKES, IS_CALL), spots=[5990.0, 6010.0]).gamma).all()


def test_other_reasons_for_no_figures(chain_of, fixture_chain):
    assert run(fixture_chain, iv=np.full(10, np.nan)).status == "no implied volatility"
    assert run(fixture_chain, iv=np.full(10, np.nan)).levels.max_pain == 6000.0
    expired = chain_of(STRIKES, IS_CALL, minutes=0.0, open_interest=OPEN_INTEREST)
    assert run(expired).status == "all contracts expired"
    none = chain_of(STRIKES[:0], IS_CALL[:0], open_interest=OPEN_INTEREST[:0])
    assert run(none).status == "no options"
    flow = run(fixture_chain, sign="flow", positions=np.full(10, np.nan))
    assert flow.status == "no positions"


def test_what_is_not_known_counts_for_nothing_and_is_counted(chain_of):
    interest = OPEN_INTEREST.copy()
    interest[3] = np.nan
    vols = np.full(10, VOL)
    vols[6] = np.nan
    got = run(chain_of(STRIKES, IS_CALL, open_interest=interest), iv=vols)
    zeroed = OPEN_INTEREST.copy()
    zeroed[[3, 6]] = 0.0
    same = run(chain_of(STRIKES, IS_CALL, open_interest=zeroed))
    assert got.left_out == 2
    assert got.totals.gamma == pytest.approx(same.totals.gamma, rel=1e-14)
    assert np.flatnonzero(np.isnan(got.contracts.gamma)).tolist() == [3, 6]


def test_expired_contracts_count_for_nothing(chain_of, fixture_chain):
    alone = run(fixture_chain)
    strikes = np.concatenate([STRIKES, STRIKES])
    chain = chain_of(
        strikes,
        np.tile(IS_CALL, 2),
        minutes=np.repeat([60.0, 0.0], 10),
        open_interest=np.concatenate([OPEN_INTEREST, OPEN_INTEREST * 7]),
    )
    got = run(chain)
    assert got.totals.gamma == pytest.approx(alone.totals.gamma, rel=1e-14)
    assert got.totals.charm_day == pytest.approx(alone.totals.charm_day, rel=1e-14)
    assert got.levels == alone.levels
    assert got.by_expiry.days.tolist() == pytest.approx([0.0, 60 / 1440])
    assert np.isnan(got.by_expiry.gamma[0])


def test_sums_by_strike_by_expiry_and_at_spot_agree_with_the_total(spy_chain):
    got = profile(spy_chain)
    total = got.totals.gamma
    assert got.status == "ok"
    scale = np.nansum(np.abs(got.contracts.gamma)) * 1e-13
    assert np.nansum(got.by_strike.gamma) == pytest.approx(total, abs=scale)
    assert np.nansum(got.by_strike.gamma_call + got.by_strike.gamma_put) == pytest.approx(
        total, abs=scale
    )
    assert np.nansum(got.by_expiry.gamma) == pytest.approx(total, abs=scale)
    assert np.nansum(got.by_expiry.charm) == pytest.approx(got.totals.charm_day, rel=1e-12)
    assert np.nansum(got.by_strike.vanna) == pytest.approx(got.totals.vanna, rel=1e-12)
    at_spot = profile(spy_chain, spots=[spy_chain.spot]).gamma[0]
    assert at_spot == pytest.approx(total, abs=scale * 10)
    assert np.nansum(got.by_strike.oi_call + got.by_strike.oi_put) == np.sum(
        spy_chain.open_interest
    )


def test_the_sweep_equals_repricing_every_contract(spy_chain):
    spots = np.linspace(570.0, 630.0, 13)
    got = profile(spy_chain, spots=spots)
    vols, held = got.contracts.iv, got.contracts.position
    gamma = bsm.greeks(
        spots[:, None],
        spy_chain.strikes,
        spy_chain.years(),
        spy_chain.r,
        spy_chain.q,
        vols,
        spy_chain.is_call,
        names=["gamma"],
    ).gamma
    each = gamma * held * 100.0 * spots[:, None] ** 2 / 100.0
    assert np.array_equal(got.spots, spots)
    np.testing.assert_allclose(
        got.gamma, each.sum(axis=1), atol=1e-11 * np.abs(each).sum(axis=1).max()
    )


def test_every_root_is_a_change_of_sign_and_the_nearest_is_zero_gamma(chain_of):
    # Long calls between short puts: gamma turns positive and negative again.
    chain = chain_of(
        [5950.0, 6000.0, 6050.0], [False, True, False], open_interest=[1000.0, 1500.0, 1000.0]
    )
    got = run(chain)
    roots, slopes = got.levels.zero_gamma_roots, got.levels.zero_gamma_slopes
    assert slopes == (1, -1)
    assert got.levels.zero_gamma == min(roots, key=lambda root: abs(root - 6000.0))
    for root, slope in zip(roots, slopes, strict=True):
        below, above = run(chain, spots=[root * (1 - 1e-9), root * (1 + 1e-9)]).gamma
        assert np.sign(above) == slope == -np.sign(below)


@pytest.mark.parametrize("seconds", [1, 10, 60, 600])
def test_the_last_minutes_have_figures_and_no_warnings(chain_of, seconds):
    strikes = np.repeat(np.arange(5800.0, 6201.0, 5.0), 2)
    is_call = np.tile([True, False], strikes.size // 2)
    chain = chain_of(
        strikes,
        is_call,
        spot=6001.3,
        minutes=seconds / 60,
        open_interest=np.where(is_call, 900.0, 1000.0) + (strikes % 7) * 40 * is_call,
    )
    got = run(chain)
    assert got.status == "ok"
    assert np.isfinite(got.gamma).all()
    assert 200 < got.spots.size < 500
    assert np.diff(got.spots).min() > 0
    assert got.levels.abs_gamma_strike == 6000.0


def test_walls_and_levels_by_strike(fixture_chain):
    gross, net = run(fixture_chain).levels, run(fixture_chain, wall_mode="net").levels
    assert (gross.call_wall, gross.put_wall, gross.abs_gamma_strike) == (6000.0, 6000.0, 6000.0)
    assert (net.call_wall, net.put_wall) == (6000.0, 5975.0)
    assert gross.vol_trigger_proxy == 5975.0


def test_inputs_are_never_modified(spy_chain):
    vols = np.full(len(spy_chain), 0.2)
    vols[5] = np.nan
    spots = np.linspace(590, 610, 5)
    kept = vols.copy(), spots.copy()
    profile(spy_chain, spots, vols)
    assert np.array_equal(vols, kept[0], equal_nan=True)
    assert np.array_equal(spots, kept[1])


# --- further Greeks, charm to the close -----------------------------------------------------------
def test_every_exposure_is_the_greek_in_its_stated_unit(fixture_chain):
    got = run(fixture_chain)
    one = bsm.greeks(
        6000.0, STRIKES, 60 / 525_600, 0.045, 0.013, VOL, IS_CALL
    )  # per contract held, raw
    dollars = np.where(IS_CALL, 1, -1) * OPEN_INTEREST * 100 * 6000.0
    expected = {
        "speed": one.speed * 60.0 * 60.0,
        "zomma": one.zomma * 60.0 / 100,
        "color": one.color * 60.0 / 365,
        "delta": one.delta,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(got.contracts, name), dollars * value, rtol=1e-12)
        total = np.sum(dollars * value)
        assert getattr(got.totals, name) == pytest.approx(total, rel=1e-9), name
        assert np.sum(getattr(got.by_strike, name)) == pytest.approx(total, rel=1e-9), name
        assert np.sum(getattr(got.by_expiry, name)) == pytest.approx(total, rel=1e-9), name


def test_speed_zomma_and_color_are_how_gamma_moves(fixture_chain, chain_of):
    """Reprice a little away: one percent of spot, one vol point, one day."""
    base = run(fixture_chain)

    def gamma(spot=6000.0, vol=VOL, minutes=60.0):
        chain = chain_of(STRIKES, IS_CALL, open_interest=OPEN_INTEREST, spot=spot, minutes=minutes)
        return run(chain, iv=np.full(10, vol)).totals.gamma / spot**2 * 6000.0**2

    step = 1e-4  # of a percent: speed leaves the dollar value of a share as it is
    up, down = gamma(spot=6000.0 * (1 + step / 100)), gamma(spot=6000.0 * (1 - step / 100))
    assert (up - down) / (2 * step) == pytest.approx(base.totals.speed, rel=1e-5)
    up, down = gamma(vol=VOL + 1e-5), gamma(vol=VOL - 1e-5)
    assert (up - down) / 2e-3 == pytest.approx(base.totals.zomma, rel=1e-6)
    earlier, later = gamma(minutes=60.001), gamma(minutes=59.999)
    assert (later - earlier) / (0.002 / 1440) == pytest.approx(base.totals.color, rel=1e-6)


def test_charm_to_the_close_is_what_the_deltas_still_move(chain_of):
    """The nearest expiry's alone; the delta in the last instant is its limit."""
    strikes, calls = np.tile(STRIKES, 2), np.tile(IS_CALL, 2)
    minutes = np.repeat([60.0, 10_000.0], 10)
    interest = np.tile(OPEN_INTEREST, 2)
    alike = {"spot": 6003.0, "q": 0.0}  # a yield would carry on until settlement
    now = run(chain_of(strikes, calls, minutes=minutes, open_interest=interest, **alike))
    front = run(chain_of(STRIKES, IS_CALL, open_interest=OPEN_INTEREST, **alike))
    last = run(chain_of(STRIKES, IS_CALL, minutes=1e-6, open_interest=OPEN_INTEREST, **alike))
    moved = last.totals.delta - front.totals.delta
    assert now.totals.charm_to_close == pytest.approx(moved, rel=1e-9)
    assert now.by_expiry.charm_to_close[0] == pytest.approx(now.totals.charm_to_close, rel=1e-12)


def test_the_sweep_of_vanna_charm_and_delta_is_the_profile_at_each_spot(fixture_chain, chain_of):
    spots = np.array([5950.0, 5999.0, 6000.0, 6030.0])
    swept = run(fixture_chain, spots=spots)
    for place, spot in enumerate(spots):
        there = run(chain_of(STRIKES, IS_CALL, open_interest=OPEN_INTEREST, spot=spot)).totals
        assert swept.gamma[place] == pytest.approx(there.gamma, rel=1e-9)
        assert swept.vanna[place] == pytest.approx(there.vanna, rel=1e-9)
        assert swept.charm_day[place] == pytest.approx(there.charm_day, rel=1e-9)
        assert swept.delta[place] == pytest.approx(there.delta, rel=1e-9)


# --- hypotheses side by side ----------------------------------------------------------------------
def test_hypotheses_are_the_profiles_of_each_sign(fixture_chain):
    flow = -OPEN_INTEREST / 3
    got = hypotheses(fixture_chain, np.full(10, VOL), positions=flow)
    assert list(got.profiles) == ["naive", "inverted_calls", "none", "flow"]
    for sign, done in got.profiles.items():
        alone = run(fixture_chain, sign=sign, positions=flow if sign == "flow" else None)
        assert done.totals == alone.totals
        assert done.levels == alone.levels
        assert done.gamma.tobytes() == alone.gamma.tobytes()


def test_a_level_is_robust_when_no_assumption_moves_it(fixture_chain):
    got = hypotheses(fixture_chain, np.full(10, VOL))
    assert "flow" not in got.profiles
    # Walls are gross, max pain knows no sign; with calls inverted all gamma is short.
    assert got.robust["call_wall"] is True
    assert got.robust["put_wall"] is True
    assert got.robust["max_pain"] is True
    assert got.robust["zero_gamma"] is False
    assert got.regime_robust is False
    assert got.profiles["inverted_calls"].levels.zero_gamma_reason == "always_short"


def test_without_open_interest_nothing_is_called_robust(chain_of):
    got = hypotheses(chain_of(STRIKES, IS_CALL), np.full(10, VOL))
    assert {done.status for done in got.profiles.values()} == {"no open interest"}
    assert set(got.robust.values()) == {None}
    assert got.regime_robust is None


# --- pins -----------------------------------------------------------------------------------------
def test_the_pin_table_adds_up(fixture_chain):
    iv = np.full(10, VOL)
    table = pins(fixture_chain, iv, run(fixture_chain))
    assert table.half_width == 12.5
    assert table.strikes.tolist() == [5975, 6000, 6025]  # three standard deviations: 28.8
    assert np.sum(table.score) == pytest.approx(1.0)
    assert table.strikes[np.argmax(table.score)] == 6000
    at_money = table.strikes.tolist().index(6000.0)
    straddle = sum(
        bsm.price(6000.0, 6000.0, 60 / 525_600, 0.045, 0.013, VOL, call) for call in (True, False)
    )
    assert table.distance[at_money] == pytest.approx(
        straddle * np.exp(0.045 * 60 / 525_600), rel=1e-9
    )


def test_chances_of_all_strikes_add_up_to_one_at_most_whatever_the_smile(chain_of):
    strikes = np.repeat([5900.0, 5950.0, 5975.0, 6000.0, 6005.0, 6025.0, 6050.0], 2)
    chain = chain_of(strikes, np.tile([True, False], 7))
    smile = VOL + 40.0 * np.log(strikes / 6000.0) ** 2 + 30.0 * np.abs(np.log(strikes / 6000.0))
    table = pins(chain, smile, run(chain, iv=smile))
    assert table.half_width == 2.5
    assert 0.2 < np.sum(table.probability) < 1.0


def test_pins_without_open_interest_have_chances_but_no_score(chain_of):
    chain = chain_of(STRIKES, IS_CALL)
    table = pins(chain, np.full(10, VOL), run(chain))
    assert np.isfinite(table.probability).all()
    assert np.isnan(table.score).all()
    assert pins(chain_of(STRIKES, IS_CALL, minutes=-1.0), np.full(10, VOL), run(chain)) is None
