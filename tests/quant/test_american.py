"""American options against published values, a fine grid, symmetry and limits."""

import warnings

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quant import american, bsm
from quant.early_exercise import GRID_EFFORT
from quant.fields import FIELDS
from quant.implied_vol import chain_iv
from quant.status import Status

HOUR = 1.0 / 8760.0


def on_a_grid(S, K, T, r, q, sigma, is_call, steps=1500):
    """Return value, delta and gamma by finite differences, in the units of a year of 365 days."""
    start, day = ql.Date(1, 1, 2020), ql.Actual365Fixed()

    def flat(rate):
        return ql.YieldTermStructureHandle(ql.FlatForward(start, rate, day))

    vol = ql.BlackConstantVol(start, ql.NullCalendar(), float(sigma * np.sqrt(T)), day)
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(S)),
        flat(q * T),
        flat(r * T),
        ql.BlackVolTermStructureHandle(vol),
    )
    ql.Settings.instance().evaluationDate = start
    right = ql.Option.Call if is_call else ql.Option.Put
    option = ql.VanillaOption(
        ql.PlainVanillaPayoff(right, K), ql.AmericanExercise(start, start + 365)
    )
    option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, steps, steps))
    return option.NPV(), option.delta(), option.gamma()


def test_premiums_of_andersen_lake_and_offengenden():
    """S = K = 100, q = 5 %, vol 25 %, one year; the paper's high-precision values."""
    got = american.price(100, 100, 1.0, np.array([0.05, 0.075]), 0.05, 0.25, False)
    np.testing.assert_allclose(got.premium, [0.106952702747, 0.367111143], rtol=2e-4)
    assert np.all(got.status == Status.OK)


@pytest.mark.parametrize(
    ("hours", "moneyness", "premium"),
    [(1.0, 1.0, 0.00007), (1.0, 1.04, 0.0022), (6.5, 1.0, 0.0006), (6.5, 1.04, 0.0145)],
)
def test_the_premium_of_a_put_on_its_last_day(hours, moneyness, premium):
    """S = 500, r = 5 %, q = 1.3 %, vol 20 %: QUANT.md section 6."""
    got = american.price(500.0, 500.0 * moneyness, hours * HOUR, 0.05, 0.013, 0.20, False)
    assert got.premium == pytest.approx(premium, rel=0.08)


CASES = [
    (100, 100, 1.0, 0.05, 0.013, 0.25, False),
    (90, 100, 1.0, 0.05, 0.013, 0.25, False),
    (87.5, 100, 0.25, 0.05, 0.0, 0.20, False),
    (120, 100, 0.5, 0.08, 0.02, 0.30, False),
    (110, 100, 1.0, 0.03, 0.06, 0.25, True),
    (100, 100, 30 / 365, 0.01, 0.05, 0.15, True),
]


@pytest.mark.parametrize("case", CASES)
def test_price_and_greeks_agree_with_a_fine_grid(case):
    got = american.greeks(*case)
    value, delta, gamma = on_a_grid(*case)
    assert got.price == pytest.approx(value, abs=5e-4)
    assert got.delta == pytest.approx(delta, abs=5e-5)
    assert got.gamma == pytest.approx(gamma, rel=1e-3)
    S, K, T, r, q, sigma, right = case
    up, down = (on_a_grid(S, K, T, r, q, sigma + d, right) for d in (1e-3, -1e-3))
    assert got.vega == pytest.approx((up[0] - down[0]) / 2e-3, rel=2e-3)
    assert got.vanna == pytest.approx((up[1] - down[1]) / 2e-3, rel=5e-3)
    assert got.zomma == pytest.approx((up[2] - down[2]) / 2e-3, rel=6e-2)
    long, short = (on_a_grid(S, K, T + d, r, q, sigma, right) for d in (1e-3 * T, -1e-3 * T))
    assert got.charm == pytest.approx(-(long[1] - short[1]) / (2e-3 * T), rel=1e-2)
    assert got.theta == pytest.approx(-(long[0] - short[0]) / (2e-3 * T), rel=1e-2)
    dear, cheap = (on_a_grid(S, K, T, r + d, q, sigma, right) for d in (1e-4, -1e-4))
    assert got.rho == pytest.approx((dear[0] - cheap[0]) / 2e-4, rel=6e-3)


def test_fewer_names_give_the_same_numbers():
    case = (95, 100, 0.5, 0.05, 0.01, 0.22, np.array([True, False]))
    every = american.greeks(*case)
    assert tuple(every.values) == FIELDS
    for name in FIELDS:
        alone = american.greeks(*case, names=(name,))
        assert tuple(alone.values) == (name,)
        np.testing.assert_array_equal(alone.values[name], every.values[name])
    np.testing.assert_array_equal(every.volga, every.vomma * 1e-4)


def test_best_exercised_now_says_so_and_serves_exercise():
    got = american.greeks(60.0, 100.0, 0.5, 0.06, 0.0, 0.2, False)
    assert got.status == Status.EXERCISE
    assert (got.price, got.delta, got.gamma, got.theta) == (40.0, -1.0, 0.0, 0.0)
    priced = american.price(60.0, 100.0, 0.5, 0.06, 0.0, 0.2, False)
    assert priced.premium == pytest.approx(
        40.0 - bsm.price(60.0, 100.0, 0.5, 0.06, 0.0, 0.2, False), rel=1e-12
    )


def test_without_carry_on_what_is_received_it_is_the_european_option_to_the_bit():
    """Calls without dividends, puts without a rate: never exercised early."""
    K = np.linspace(60.0, 140.0, 41)
    for r, q, right in ((0.05, 0.0, True), (0.0, 0.03, False), (-0.01, 0.0, False)):
        got = american.greeks(100.0, K, 0.5, r, q, 0.25, right)
        european = bsm.greeks(100.0, K, 0.5, r, q, 0.25, right)
        for name in FIELDS:
            np.testing.assert_array_equal(got.values[name], european.values[name])
        np.testing.assert_array_equal(american.price(100.0, K, 0.5, r, q, 0.25, right).premium, 0.0)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(60.0, 160.0),
    st.floats(0.002, 2.0),
    st.floats(0.0, 0.1),
    st.floats(0.0, 0.1),
    st.floats(0.05, 0.8),
)
@example(147.0, 1.0, 0.0, 2.220446049250313e-16, 0.05078125)  # European: 2e-14 below exercise
def test_put_call_symmetry_and_bounds(S, T, r, q, sigma):
    """C(S, K, r, q) = P(K, S, q, r), and every value lies between its bounds."""
    call = american.price(S, 100.0, T, r, q, sigma, True)
    put = american.price(100.0, S, T, q, r, sigma, False)
    np.testing.assert_allclose(call.price, put.price, rtol=1e-5, atol=1e-4)
    assert max(S - 100.0, 0.0) <= call.price <= S
    assert call.premium >= 0.0
    assert call.price >= bsm.price(S, 100.0, T, r, q, sigma, True)
    served = american.greeks(S, 100.0, T, r, q, sigma, True, ("price",))
    assert served.price >= max(S - 100.0, 0.0)


def test_two_boundaries_are_priced_on_a_grid():
    """q < r < 0: exercise is best between two spots, which the fast engine refuses."""
    case = (95.0, 100.0, 1.0, -0.01, -0.03, 0.2, False)
    got = american.price(*case)
    assert got.price == pytest.approx(on_a_grid(*case)[0], abs=2e-3)
    assert got.premium > 0.01
    assert np.isnan(american.boundary(100.0, 1.0, -0.01, -0.03, 0.2, False)[0])


def test_a_certain_path_is_exercised_at_its_best_instant():
    """Zero volatility: the put pays most now, the option on a falling forward at the end."""
    assert american.price(90.0, 100.0, 1.0, 0.05, 0.0, 0.0, False).price == 10.0
    # e^{-a u} - x e^{-b u} with a = 0.02, b = 0.30, x = 0.98 is largest within the year.
    u = np.linspace(0.0, 1.0, 200_001)
    best = np.max(100.0 * np.exp(-0.02 * u) - 98.0 * np.exp(-0.30 * u))
    got = american.price(98.0, 100.0, 1.0, 0.02, 0.30, 0.0, False).price
    assert got == pytest.approx(best, rel=1e-9)


def test_hostile_input_gets_a_status_and_never_a_warning():
    bad = [0.0, -1.0, np.inf, np.nan, 1e-300]
    S, T = np.meshgrid([*bad, 100.0], [*bad, 0.5])
    with np.errstate(all="raise"):
        got = american.greeks(S, 100.0, T, 0.05, 0.01, 0.2, False)
        priced = american.price(S, 100.0, T, 0.05, 0.01, 0.2, False)
    for field in got.values.values():
        assert np.all(np.isfinite(field) | (got.status == Status.BAD_INPUT))
    np.testing.assert_array_equal(np.isnan(priced.price), priced.status == Status.BAD_INPUT)
    assert np.all(got.status[T < 0] != Status.OK)


def test_volatility_comes_back_where_the_price_tells_one():
    K = np.linspace(70.0, 130.0, 25)
    T = np.array([2 * HOUR, 3 / 365, 0.1, 1.0])[:, None]
    right = np.array([True, False])[:, None, None]
    sigma = 0.15 + 0.1 * np.abs(np.log(K / 100.0))
    priced = american.price(100.0, K, T, 0.05, 0.02, sigma, right)
    got = american.implied_vol(priced.price, 100.0, K, T, 0.05, 0.02, right)
    least = np.maximum(
        np.where(right, 100.0 - K, K - 100.0), bsm.price(100.0, K, T, 0.05, 0.02, 0.0, right)
    )
    clear = priced.price - np.maximum(least, 0.0) > 0.005
    assert np.all(got.status[clear] == Status.OK)
    np.testing.assert_allclose(got.iv[clear], np.broadcast_to(sigma, clear.shape)[clear], rtol=2e-3)
    now = priced.status == Status.EXERCISE
    assert now.any()
    assert np.all(got.status[now] == Status.BELOW_INTRINSIC)
    back = american.price(100.0, K, T, 0.05, 0.02, np.where(clear, got.iv, 0.2), right)
    np.testing.assert_allclose(back.price[clear], priced.price[clear], rtol=1e-9)


def test_what_no_volatility_can_price_says_why():
    got = american.implied_vol([9.99, 100.5, np.nan, 5.0], 90.0, 100.0, 0.5, 0.05, 0.0, False)
    assert [Status(code) for code in got.status] == [
        Status.BELOW_INTRINSIC,
        Status.ABOVE_MAX,
        Status.BAD_INPUT,
        Status.BELOW_INTRINSIC,
    ]
    assert np.all(np.isnan(got.iv))
    # Between K e^{-rT} and K there is a volatility for an American put and none for a European.
    high = american.implied_vol(98.5, 90.0, 100.0, 0.5, 0.05, 0.0, False)
    assert high.status == Status.OK
    assert american.price(90.0, 100.0, 0.5, 0.05, 0.0, high.iv, False).price == pytest.approx(98.5)


def test_the_boundary_meets_its_two_limits():
    """K min(1, r/q) as time runs out, Merton's perpetual put far from it, falling between."""
    times = np.array([1e-4, 0.01, 0.1, 1.0, 10.0, 50.0])
    put = american.boundary(100.0, times, 0.05, 0.0, 0.25, False)
    assert np.all(np.diff(put) < 0.0)
    assert put[0] == pytest.approx(100.0, abs=1.0)
    share = 2.0 * 0.05 / 0.25**2
    assert put[-1] == pytest.approx(100.0 * share / (1.0 + share), rel=3e-3)
    early = american.boundary(100.0, 1e-6, 0.03, 0.06, 0.25, False)
    assert early[0] == pytest.approx(50.0, rel=2e-3)
    call = american.boundary(100.0, times, 0.02, 0.07, 0.25, True)
    mirrored = american.boundary(100.0, times, 0.07, 0.02, 0.25, False)
    np.testing.assert_allclose(call, 100.0**2 / mirrored, rtol=1e-9)
    assert np.all(np.isnan(american.boundary(100.0, times, 0.05, 0.0, 0.25, True)))


def test_at_the_boundary_the_option_turns_into_exercise():
    edge = american.boundary(100.0, 0.5, 0.05, 0.01, 0.25, False)[0]
    below, above = (
        american.price(edge * f, 100.0, 0.5, 0.05, 0.01, 0.25, False) for f in (0.98, 1.02)
    )
    assert below.status == Status.EXERCISE
    assert above.status == Status.OK
    assert above.price > 100.0 - 1.02 * edge


@pytest.fixture
def spy_like(chain_of):
    """Quote an American chain at 5 % and 1.3 %, with a smile, in exact mids."""
    strikes = np.repeat(np.arange(520.0, 681.0, 5.0), 2)
    is_call = np.tile([True, False], strikes.size // 2)
    sigma = 0.18 - 0.25 * np.log(strikes / 600.0)
    minutes = 120.0 * 1440.0
    mids = american.price(600.0, strikes, minutes / 525_600, 0.05, 0.013, sigma, is_call).price
    chain = chain_of(
        strikes, is_call, minutes=minutes, spot=600.0, r=0.05, q=0.013,
        mids=mids, half_spread=0.02, american=True,
    )  # fmt: skip
    return chain, sigma


def test_an_american_chain_gives_back_its_smile_and_forward(spy_like):
    chain, sigma = spy_like
    vols = american.chain_vols(chain)
    told = vols.status == Status.OK
    assert told.mean() > 0.9
    np.testing.assert_allclose(vols.mid[told], sigma[told], atol=2e-3)
    assert np.nanmedian(np.abs(vols.mid - sigma)) < 1e-4
    years = chain.years()[0]
    np.testing.assert_allclose(vols.forward[0], 600.0 * np.exp(0.037 * years), rtol=1e-4)
    european = chain_iv(chain)
    deep_put = ~chain.is_call & (chain.strikes > 630.0) & told
    # Inverted as European, in-the-money puts look dear.
    assert np.all(european.mid[deep_put] - sigma[deep_put] > 0.002)
    assert np.all(vols.bid[told] < vols.ask[told])


def test_a_european_chain_is_left_alone(chain_of):
    strikes = np.repeat(np.arange(90.0, 111.0), 2)
    is_call = np.tile([True, False], strikes.size // 2)
    mids = bsm.price(100.0, strikes, 60 / 525_600, 0.045, 0.013, 0.2, is_call)
    chain = chain_of(strikes, is_call, spot=100.0, mids=mids)
    np.testing.assert_array_equal(american.chain_vols(chain).mid, chain_iv(chain).mid)
    vols = chain_iv(chain)
    r, q = american.chain_rates(chain, vols)
    np.testing.assert_allclose(
        chain.spot * np.exp((r - q) * chain.years()), vols.forward, rtol=1e-14
    )


def test_another_date_in_the_library_that_others_share_changes_nothing():
    asked = (100.0, 105.0, 0.4, 0.05, 0.01, 0.3, False)
    before = american.price(*asked).price.item()
    try:
        ql.Settings.instance().evaluationDate = ql.Date(2, 1, 2024)
        assert american.price(*asked).price.item() == before
    finally:
        ql.Settings.instance().evaluationDate = ql.Date(1, 1, 2020)


ANYTHING = st.one_of(
    st.floats(),
    st.floats(1e-6, 1e6),
    st.sampled_from([0.0, 1e-300, 1e300, 50.0, -0.05, -0.2, 1e5, 0.2]),
)


@settings(max_examples=300)
@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING, st.booleans())
def test_whatever_is_asked_is_answered_with_numbers_or_a_status(S, K, T, r, q, sigma, call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = american.greeks(S, K, T, r, q, sigma, call, names=("price", "delta", "vega"))
        priced = american.price(S, K, T, r, q, sigma, call)
        inverted = american.implied_vol(sigma, S, K, T, r, q, call)
    told = Status(int(found.status))
    for name in ("price", "delta", "vega"):
        assert np.isfinite(found.values[name]) == (told is not Status.BAD_INPUT)
    assert np.isfinite(priced.price) == (Status(int(priced.status)) is not Status.BAD_INPUT)
    assert np.isfinite(inverted.iv) == (Status(int(inverted.status)) is Status.OK)


@pytest.mark.parametrize(
    ("T", "r", "q", "sigma"),
    [(1e300, 0.05, 0.0, 0.2), (100.0, 0.05, 0.0, 50.0), (1e5, 0.5, 0.0, 0.2), (1.0, 800.0, 0.1, 1)],
)
def test_what_no_engine_values_is_flagged_and_its_neighbors_are_valued(T, r, q, sigma):
    found = american.greeks(100.0, 110.0, [T, 1.0], [r, 0.05], q, [sigma, 0.2], False)
    assert Status(int(found.status[0])) is Status.BAD_INPUT
    assert np.isnan(found.price[0])
    assert found.price[1] > 10.0


def test_effort_counts_the_grid():
    effort = american.effort([1.0, 1.0, np.nan], [-0.05, 0.05, 0.05], [-0.2, 0.0, 0.0], False)
    assert effort.tolist() == [GRID_EFFORT, 1.0, 1.0]
