"""What is served where formulas have no value: limits, with a status; never a warning."""

import itertools
import warnings

import numpy as np
import pytest

from quant import bsm, fields
from quant.status import Status

DENSE = ("gamma", "vega", "vanna", "vomma", "volga", "speed", "zomma", "color", "ultima")
S, R, Q = 100.0, 0.05, 0.02


def one(S=S, K=100.0, T=0.5, r=R, q=Q, sigma=0.2, is_call=True):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = bsm.greeks(S, K, T, r, q, sigma, is_call)
    return {name: float(value) for name, value in got.values.items()}, Status(int(got.status))


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize("K", [80.0, 120.0])
@pytest.mark.parametrize(
    ("T", "sigma", "expected"),
    [
        (0.0, 0.2, Status.EXPIRED),
        (0.5, 0.0, Status.ZERO_VOL),
        (0.5, 1e-160, Status.UNDERFLOW),
        (1e-300, 0.2, Status.UNDERFLOW),
        (1e-320, 0.2, Status.UNDERFLOW),
    ],
)
def test_away_from_the_kink_the_discounted_payoff_remains(K, T, sigma, expected, is_call):
    got, status = one(K=K, T=T, sigma=sigma, is_call=is_call)
    w = 1.0 if is_call else -1.0
    Dq, Dr = np.exp(-Q * T), np.exp(-R * T)
    inside = float(w * (S * np.exp((R - Q) * T) - K) > 0)
    assert status is expected
    assert got["price"] == pytest.approx(max(w * (S * Dq - K * Dr), 0.0), rel=1e-14)
    assert got["delta"] == w * Dq * inside
    assert got["theta"] == pytest.approx(w * (Q * S * Dq - R * K * Dr) * inside, rel=1e-14)
    assert got["rho"] == pytest.approx(w * K * T * Dr * inside, rel=1e-14)
    assert got["charm"] == pytest.approx(w * Q * Dq * inside, rel=1e-14)
    assert [got[name] for name in DENSE] == [0.0] * len(DENSE)


@pytest.mark.parametrize("is_call", [True, False])
def test_the_kink_without_volatility_has_its_finite_limits(is_call):
    T, r = 0.5, 0.03
    got, status = one(T=T, r=r, q=r, sigma=0.0, is_call=is_call)
    w, D = (1.0 if is_call else -1.0), np.exp(-r * T)
    root = np.sqrt(T / (2 * np.pi))
    assert status is Status.SINGULAR
    expected = {
        "price": 0.0,
        "delta": w * D / 2,
        "theta": w * (r * S * D - r * S * D) / 2,
        "rho": w * S * T * D / 2,
        "charm": w * r * D / 2,
        "gamma": 0.0,
        "vega": S * D * root,
        "vanna": D * root / 2,
        "vomma": 0.0,
        "ultima": -S * D * root * T / 4,
        "speed": 0.0,
        "zomma": 0.0,
        "color": 0.0,
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-14, abs=1e-300), name


@pytest.mark.parametrize("sigma", [1e-9, 1e-7])
def test_the_kink_limits_are_those_that_small_volatilities_approach(sigma):
    near, _ = one(T=0.5, r=0.03, q=0.03, sigma=sigma)
    limit, _ = one(T=0.5, r=0.03, q=0.03, sigma=0.0)
    for name in ("delta", "rho", "charm", "vega", "vanna", "ultima"):
        assert near[name] == pytest.approx(limit[name], rel=1e-6), name


def test_the_kink_at_expiry_is_flagged_and_finite():
    got, status = one(T=0.0)
    assert status is Status.SINGULAR
    assert (got["price"], got["delta"], got["rho"], got["vega"]) == (0.0, 0.5, 0.0, 0.0)
    assert got["charm"] == Q / 2


@pytest.mark.parametrize("is_call", [True, False])
def test_after_settlement_only_the_intrinsic_value_is_left(is_call):
    got, status = one(K=90.0, T=-1e-9, is_call=is_call)
    assert status is Status.EXPIRED
    assert got.pop("price") == (10.0 if is_call else 0.0)
    assert set(got.values()) == {0.0}


@pytest.mark.parametrize(
    "bad",
    [
        {"S": 0.0},
        {"S": -1.0},
        {"K": 0.0},
        {"K": -5.0},
        {"sigma": -1e-9},
        *(
            {name: value}
            for name in ("S", "K", "T", "r", "q", "sigma")
            for value in (np.nan, np.inf, -np.inf)
        ),
    ],
    ids=str,
)
def test_a_bad_input_gives_nan_everywhere_and_says_so(bad):
    got, status = one(**bad)
    assert status is Status.BAD_INPUT
    assert all(np.isnan(value) for value in got.values())


def test_at_the_money_overflow_is_singular_not_infinite():
    got, status = one(T=1e-250, r=0.0, q=0.0)
    assert status is Status.SINGULAR
    assert got["color"] == 0.0
    assert got["gamma"] > 1e100
    assert all(np.isfinite(value) for value in got.values())


def test_hostile_arrays_never_warn_and_are_finite_or_flagged():
    values = [0.0, -1.0, 1.0, 100.0, 1e-320, 1e-300, 1e-160, 1e300, 1e308, np.nan, np.inf, 1e-5]
    rng = np.random.default_rng(11)
    inputs = [rng.choice(values, 60_000) for _ in range(6)]
    kept = [array.copy() for array in inputs]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = bsm.greeks(*inputs, rng.random(60_000) < 0.5)
    bad = got.status == Status.BAD_INPUT
    for name, value in got.values.items():
        assert np.isnan(value[bad]).all(), name
        assert np.isfinite(value[~bad]).all(), name
    invalid = ~np.all(np.isfinite(inputs), axis=0)
    invalid |= (inputs[0] <= 0) | (inputs[1] <= 0) | (inputs[5] < 0)
    assert np.all(bad[invalid])
    assert set(np.unique(got.status)) >= {Status.OK, Status.EXPIRED, Status.ZERO_VOL}
    for before, after in zip(kept, inputs, strict=True):
        assert np.array_equal(before, after, equal_nan=True)


def test_broadcasting_equals_element_by_element():
    K, T = np.array([[80.0, 100.0, 125.0]]), np.array([[0.0], [0.01], [2.0]])
    grid = bsm.greeks(100.0, K, T, R, Q, 0.2, np.array([True, False, True]))
    assert grid.status.shape == (3, 3)
    for i, j in itertools.product(range(3), range(3)):
        alone = bsm.greeks(100.0, K[0, j], T[i, 0], R, Q, 0.2, j != 1)
        assert grid.status[i, j] == alone.status
        for name in fields.FIELDS:
            assert grid.values[name].shape == (3, 3)
            assert grid.values[name][i, j] == alone.values[name], name


def test_a_subset_has_the_same_bits_and_nothing_else():
    K = np.linspace(70, 140, 29)
    whole = bsm.greeks(100, K, 0.1, R, Q, 0.3, K > 95)
    for name in fields.FIELDS:
        part = bsm.greeks(100, K, 0.1, R, Q, 0.3, K > 95, names=[name])
        assert list(part.values) == [name]
        assert np.array_equal(part.values[name], whole.values[name])
    with pytest.raises(AttributeError, match="gamma was not among"):
        _ = part.gamma


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="unknown field 'veta'"):
        bsm.greeks(100, 100, 1, 0, 0, 0.2, True, names=["veta"])


def test_every_status_has_words():
    assert len({status.text for status in Status}) == len(Status)
