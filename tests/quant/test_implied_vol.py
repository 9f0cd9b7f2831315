"""Volatilities come back to the last digits, and where there is none the status says why."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quant import bsm
from quant.implied_vol import implied_vol
from quant.status import Status

EPS = np.finfo(float).eps
MINUTE = 1 / 525_600


def solve(*args):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return implied_vol(*args)


def hard_grid():
    """h to +-12 and near 0; one minute to two years; 5 to 300 % volatility."""
    h = np.concatenate([np.arange(-12, 12.01, 0.5), [1e-3, -1e-3, 1e-8]])
    T = np.array([MINUTE, 10 * MINUTE, 60 * MINUTE, 1 / 365, 30 / 365, 1.0, 2.0])
    return np.meshgrid(h, T, np.geomspace(0.05, 3.0, 15), indexing="ij")


@pytest.mark.parametrize(("r", "q"), [(0.0, 0.0), (0.05, 0.02), (-0.02, 0.03)])
def test_out_of_the_money_round_trip_on_the_hard_grid(r, q):
    h, T, sigma = hard_grid()
    S = 100.0
    K = S * np.exp(-h * sigma * np.sqrt(T))
    is_call = S * np.exp((r - q) * T) <= K
    price = bsm.price(S, K, T, r, q, sigma, is_call)
    got = solve(price, S, K, T, r, q, is_call)
    assert np.all(got.status == Status.OK)
    assert np.max(np.abs(got.iv / sigma - 1.0)) <= 1.5e-14


def test_in_the_money_round_trip_to_what_the_price_still_carries():
    h, T, sigma = hard_grid()
    S, r, q = 100.0, 0.05, 0.02
    K = S * np.exp(-h * sigma * np.sqrt(T))
    is_call = S * np.exp((r - q) * T) > K
    price = bsm.price(S, K, T, r, q, sigma, is_call)
    vega = bsm.greeks(S, K, T, r, q, sigma, is_call, names=["vega"]).vega
    got = solve(price, S, K, T, r, q, is_call)
    # A price rounded to one part in 2^52 determines volatility to that over vega, no better.
    allowed = 8 * EPS * (price + S + K) / (sigma * vega)
    told = allowed < 0.01
    assert np.count_nonzero(told) > 2000
    assert np.all(got.status[told] == Status.OK)
    assert np.all(np.abs(got.iv / sigma - 1.0)[told] <= allowed[told] + 1e-13)
    lost = got.status[~told]
    assert np.isin(lost, (Status.OK, Status.BELOW_INTRINSIC, Status.ABOVE_MAX)).all()


@pytest.mark.parametrize("is_call", [True, False])
def test_no_time_value_has_no_volatility(is_call):
    K = 80.0 if is_call else 125.0
    intrinsic = abs(100.0 - K)
    prices = [intrinsic, np.nextafter(intrinsic, 0.0), intrinsic - 1.0, 0.0]
    got = solve(prices, 100.0, K, 0.25, 0.0, 0.0, is_call)
    assert np.all(got.status == Status.BELOW_INTRINSIC)
    assert np.isnan(got.iv).all()


@pytest.mark.parametrize("T", [MINUTE, 0.25, 2.0])
@pytest.mark.parametrize("is_call", [True, False])
def test_one_ulp_of_time_value_has_a_volatility_that_prices_it(is_call, T):
    K = 80.0 if is_call else 125.0
    price = np.nextafter(abs(100.0 - K), np.inf)
    got = solve(price, 100.0, K, T, 0.0, 0.0, is_call)
    assert got.status == Status.OK
    assert bsm.price(100.0, K, T, 0.0, 0.0, got.iv, is_call) == price


def test_one_ulp_below_the_upper_bound_has_a_volatility_and_the_bound_has_none():
    S, K, T = 100.0, 120.0, 1.0
    bounds = np.array([S, K])
    is_call = np.array([True, False])
    below = solve(np.nextafter(bounds, 0.0), S, K, T, 0.0, 0.0, is_call)
    assert np.all(below.status == Status.OK)
    assert np.all((below.iv > 12.0) & (below.iv < 20.0))
    np.testing.assert_allclose(
        bsm.price(S, K, T, 0.0, 0.0, below.iv, is_call), bounds, rtol=2 * EPS
    )
    above = solve([*bounds, *(bounds + 1.0)], S, K, T, 0.0, 0.0, [*is_call, *is_call])
    assert np.all(above.status == Status.ABOVE_MAX)
    assert np.isnan(above.iv).all()


@pytest.mark.parametrize("price", [5e-324, 1e-320, 1e-310, 1e-300, 1e-200])
@pytest.mark.parametrize("K", [101.0, 300.0, 1e6])
def test_denormal_prices_are_inverted(price, K):
    got = solve(price, 100.0, K, 0.5, 0.0, 0.0, True)
    assert got.status == Status.OK
    sigma = float(got.iv)
    # Compared in logarithms of neighbors: the price itself has few digits left.
    low, high = bsm.price(100.0, K, 0.5, 0.0, 0.0, [sigma * (1 - 1e-4), sigma * (1 + 1e-4)], True)
    assert low <= price * (1 + 1e-9)
    assert high >= price * (1 - 1e-9)
    assert 0 < sigma < 10


def test_statuses_of_unusable_inputs():
    cases = [
        ((np.nan, 100, 100, 1, 0, 0, True), Status.BAD_INPUT),
        ((-1.0, 100, 100, 1, 0, 0, True), Status.BAD_INPUT),
        ((5.0, -100, 100, 1, 0, 0, True), Status.BAD_INPUT),
        ((5.0, 100, 0, 1, 0, 0, True), Status.BAD_INPUT),
        ((5.0, 100, 100, 1, np.inf, 0, True), Status.BAD_INPUT),
        ((5.0, 100, 100, np.nan, 0, 0, True), Status.BAD_INPUT),
        ((np.inf, 100, 100, 1, 0, 0, True), Status.BAD_INPUT),
        ((5.0, 100, 100, 0.0, 0, 0, True), Status.EXPIRED),
        ((5.0, 100, 100, -1.0, 0, 0, False), Status.EXPIRED),
    ]
    for inputs, expected in cases:
        got = solve(*inputs)
        assert got.status == expected, inputs
        assert np.isnan(got.iv)


def test_hostile_arrays_never_warn_and_nan_goes_with_a_reason():
    values = [0.0, -1.0, 1.0, 99.0, 100.0, 101.0, 1e-320, 1e-300, 1e300, 1e308, np.nan, np.inf]
    rng = np.random.default_rng(5)
    inputs = [rng.choice(values, 60_000) for _ in range(6)]
    kept = [array.copy() for array in inputs]
    got = solve(*inputs, rng.random(60_000) < 0.5)
    assert np.isfinite(got.iv[got.status == Status.OK]).all()
    assert np.isnan(got.iv[got.status != Status.OK]).all()
    for before, after in zip(kept, inputs, strict=True):
        assert np.array_equal(before, after, equal_nan=True)


def test_shapes_broadcast_and_elements_do_not_depend_on_their_neighbors():
    K, T = np.linspace(80, 125, 10), np.array([[0.01], [0.5], [3.0]])
    price = bsm.price(100, K, T, 0.03, 0.01, 0.4, K > 100)
    got = solve(price, 100, K, T, 0.03, 0.01, K > 100)
    assert got.iv.shape == got.status.shape == (3, 10)
    for index in np.ndindex(3, 10):
        alone = solve(price[index], 100, K[index[1]], T[index[0], 0], 0.03, 0.01, index[1] > 4)
        assert alone.iv.shape == ()
        assert got.iv[index] == alone.iv
    empty = solve([], 100, [], 1.0, 0, 0, [])
    assert empty.iv.shape == (0,)


contracts = st.tuples(
    st.floats(-10, 10), st.floats(MINUTE, 5.0), st.floats(0.02, 4.0), st.floats(-0.05, 0.1)
)


def attainable(S, K, T, r, q, sigma, is_call):
    """Return the relative error that rounding the price and the moneyness already causes."""
    got = bsm.greeks(S, K, T, r, q, sigma, is_call, names=["price", "vega"])
    return float(1e-13 + 8 * EPS * got.price / (sigma * got.vega))


@given(contracts)
def test_round_trip_of_any_contract(contract):
    h, T, sigma, r = contract
    S, q = 100.0, 0.01
    K = float(S * np.exp(-h * sigma * np.sqrt(T)))
    is_call = S * np.exp((r - q) * T) <= K
    price = bsm.price(S, K, T, r, q, sigma, is_call)
    assume(price > 1e-300)
    got = solve(price, S, K, T, r, q, is_call)
    assert got.status == Status.OK
    assert abs(float(got.iv) / sigma - 1) <= attainable(S, K, T, r, q, sigma, is_call)


@given(contracts, st.floats(1e-9, 0.5))
def test_a_higher_price_never_has_a_lower_volatility(contract, share):
    h, T, sigma, r = contract
    K = float(100.0 * np.exp(-h * sigma * np.sqrt(T)))
    price = float(bsm.price(100.0, K, T, r, 0.0, sigma, True))
    higher = price + share * (100.0 - price)
    assume(100.0 - higher > 1e-4)  # nearer the bound neighboring prices are one number
    low, high = solve([price, higher], 100.0, K, T, r, 0.0, True).iv
    assume(np.isfinite(low) and np.isfinite(high))
    assert high >= low * (1 - 1e-13)


@given(contracts)
def test_swapping_spot_and_strike_keeps_the_volatility(contract):
    h, T, sigma, r = contract
    S, q = 100.0, 0.02
    K = float(S * np.exp(-h * sigma * np.sqrt(T)))
    is_call = S * np.exp((r - q) * T) <= K
    price = bsm.price(S, K, T, r, q, sigma, is_call)
    assume(price > 1e-300)
    straight = solve(price, S, K, T, r, q, is_call)
    mirrored = solve(price, K, S, T, q, r, not is_call)
    assert mirrored.status == straight.status
    allowed = 8 * attainable(S, K, T, r, q, sigma, is_call)
    assert float(mirrored.iv) == pytest.approx(float(straight.iv), rel=allowed)
