"""Identities that hold for every contract, whatever its numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quant import bsm
from quant.status import Status

EPS = np.finfo(float).eps


def numbers(low, high):
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


wild = st.tuples(
    numbers(1e-3, 1e6),
    numbers(1e-3, 1e6),
    numbers(0.0, 50.0),
    numbers(-0.2, 0.3),
    numbers(-0.2, 0.3),
    numbers(0.0, 10.0),
    st.booleans(),
)
# Contracts within eight standard deviations, where relative identities mean something.
tame = st.tuples(
    numbers(50.0, 5000.0),
    numbers(-8.0, 8.0),
    numbers(1 / 31_536_000, 30.0),
    numbers(-0.1, 0.15),
    numbers(-0.1, 0.15),
    numbers(0.02, 3.0),
)


def strike_of(S, h, T, r, q, sigma):
    return S * np.exp((r - q) * T - np.clip(h * sigma * np.sqrt(T), -20, 20))


def condition(S, K, T, r, q, sigma):
    """Return by how much rounding the inputs is magnified: of the density, and of d1 itself."""
    s = sigma * np.sqrt(T)
    d1 = (np.log(S / K) + (r - q) * T) / s + s / 2
    return 1.0 + d1**2 + (d1 - s) ** 2 + (1.0 + abs(d1)) * abs(r - q) * T / s


@given(wild)
def test_any_contract_is_finite_with_a_status(contract):
    got = bsm.greeks(*contract)
    assert got.status != Status.BAD_INPUT
    for name, value in got.values.items():
        assert np.isfinite(value), name


@given(wild)
def test_prices_respect_their_bounds(contract):
    S, K, T, r, q, _, is_call = contract
    value = float(bsm.price(*contract))
    spot, strike = S * np.exp(-q * T), K * np.exp(-r * T)
    low = max(spot - strike, 0.0) if is_call else max(strike - spot, 0.0)
    slack = 16 * EPS * (spot + strike)
    assert low - slack <= value <= (spot if is_call else strike) + slack


@given(tame, st.booleans())
def test_the_pricing_equation_holds(contract, is_call):
    S, _, T, r, q, sigma = contract
    K = strike_of(*contract)
    g = bsm.greeks(S, K, T, r, q, sigma, is_call)
    terms = [g.theta, (r - q) * S * g.delta, 0.5 * sigma**2 * S**2 * g.gamma, -r * g.price]
    scale = max(abs(float(term)) for term in terms) + r * r * S
    assert abs(float(sum(terms))) <= 1e-12 * condition(S, K, T, r, q, sigma) * scale + 1e-290


@given(tame)
def test_call_and_put_differ_by_parity(contract):
    S, _, T, r, q, sigma = contract
    K = strike_of(*contract)
    call, put = (bsm.greeks(S, K, T, r, q, sigma, side) for side in (True, False))
    spot, strike = S * np.exp(-q * T), K * np.exp(-r * T)
    slack = 64 * EPS * condition(S, K, T, r, q, sigma)
    pairs = {
        "price": (spot - strike, spot + strike),
        "delta": (np.exp(-q * T), np.exp(-q * T)),
        "rho": (T * strike, T * strike),
        "theta": (q * spot - r * strike, abs(q) * spot + abs(r) * strike + abs(call.theta)),
        "charm": (q * np.exp(-q * T), abs(q) * np.exp(-q * T) + abs(call.charm)),
    }
    for name, (expected, scale) in pairs.items():
        gap = float(call.values[name] - put.values[name])
        assert abs(gap - expected) <= slack * scale, name
    for name in ("gamma", "vega", "vanna", "vomma", "volga", "speed", "zomma", "color", "ultima"):
        assert call.values[name] == put.values[name], name


@given(tame, st.booleans())
def test_a_call_on_one_currency_is_a_put_on_the_other(contract, is_call):
    S, _, T, r, q, sigma = contract
    K = strike_of(*contract)
    straight = float(bsm.price(S, K, T, r, q, sigma, is_call))
    mirrored = float(bsm.price(K, S, T, q, r, sigma, not is_call))
    slack = 64 * EPS * condition(S, K, T, r, q, sigma)
    assert abs(straight - mirrored) <= slack * max(straight, mirrored) + 1e-300


@given(tame, numbers(0.1, 10.0), st.booleans())
def test_the_clock_only_requotes_volatility(contract, ratio, is_call):
    S, _, T, r, q, sigma = contract
    K = strike_of(*contract)
    # The same total variance and the same discounting on a clock that runs `ratio` times faster.
    one = bsm.greeks(S, K, T, r, q, sigma, is_call)
    two = bsm.greeks(S, K, T * ratio, r / ratio, q / ratio, sigma / np.sqrt(ratio), is_call)
    slack = 256 * EPS * condition(S, K, T, r, q, sigma) ** 2
    carry = 1 + (abs(r) + abs(q)) * T * (1 + 1 / (sigma * np.sqrt(T)))
    powers = {"price": 0, "delta": 0, "gamma": 0, "speed": 0, "vega": 0.5, "vanna": 0.5}
    powers |= {"zomma": 0.5, "vomma": 1.0, "ultima": 1.5, "theta": -1, "charm": -1, "color": -1}
    loose = {"theta", "charm", "speed", "zomma", "ultima", "color", "vanna", "vomma"}
    for name, power in powers.items():
        expected = float(one.values[name]) * ratio**power
        got = float(two.values[name])
        size = max(abs(expected), abs(got))
        if name in loose:
            size += carry * _scale(name, S, T * ratio, sigma / np.sqrt(ratio))
        assert abs(got - expected) <= slack * size + 1e-290, name


def _scale(name, S, T, sigma):
    """Return the at-the-money size of a Greek that crosses zero."""
    s = sigma * np.sqrt(T)
    return {
        "theta": S * sigma / np.sqrt(T) + S,
        "charm": 1 / T + 1,
        "speed": 1 / (S * s) ** 2 + 1 / (S * S * s),
        "zomma": 1 / (S * s * sigma),
        "ultima": S * np.sqrt(T) / sigma**2 + S * T**1.5,
        "color": 1 / (S * s * T),
        "vanna": 1 / sigma + np.sqrt(T),
        "vomma": S * np.sqrt(T) / sigma + S * T,
    }[name]


@given(tame, st.booleans())
def test_derivatives_agree_with_differences_of_the_price(contract, is_call):
    S, h, T, r, q, sigma = contract
    h, T = h / 4, max(T, 1 / 365)
    K = strike_of(S, h, T, r, q, sigma)
    s = sigma * np.sqrt(T)
    step = 1e-3 * min(s, 1.0) * S
    up, mid, down = (
        bsm.greeks(S + move, K, T, r, q, sigma, is_call) for move in (step, 0.0, -step)
    )
    size = float(mid.gamma)
    rounding = 8 * EPS * float(mid.price) / step
    assert abs(float(up.price - down.price) / (2 * step) - mid.delta) <= 1e-5 + rounding
    rounding = 8 * EPS / step
    error = abs(float(up.delta - down.delta) / (2 * step) - size)
    assert error <= 1e-4 * size + 1e-4 / (S * s) + rounding
    assert abs(float(up.vega - down.vega) / (2 * step) - mid.vanna) <= 1e-4 * _scale(
        "vanna", S, T, sigma
    )
