"""Prices and Greeks against 60-digit reference values and published tables."""

import csv

import numpy as np
import pytest

from quant import bsm, fields

EPS = np.finfo(float).eps
DERIVATIVES = [name for name in fields.FIELDS if name not in fields.ALIASES]


@pytest.fixture(scope="module")
def reference(shared):
    with (shared / "reference" / "greeks_reference.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    table = {
        name: np.array([float(row[name]) for row in rows])
        for name in rows[0]
        if name not in ("id", "block", "flag")
    }
    table["is_call"] = np.array([row["flag"] == "c" for row in rows])
    assert len(rows) == 218
    return table


def contract(table):
    return (table[name] for name in ("S", "K", "T", "r", "q", "sigma", "is_call"))


@pytest.mark.parametrize("name", DERIVATIVES)
def test_every_reference_number_within_the_conditioning_of_the_density(reference, name):
    got = bsm.greeks(*contract(reference)).values[name]
    expected = reference[name]
    condition = 1.0 + reference["d1"] ** 2 + reference["d2"] ** 2
    allowed = 256 * EPS * condition * np.abs(expected) + 1e-300
    worst = int(np.argmax(np.abs(got - expected) / allowed))
    assert np.all(np.abs(got - expected) <= allowed), (worst, got[worst], expected[worst])


def test_price_function_is_the_price_field(reference):
    assert np.array_equal(bsm.price(*contract(reference)), bsm.greeks(*contract(reference)).price)


CALL, PUT = True, False
PUBLISHED = [
    # Haug 1998: field, S, K, T, r, q, sigma, is_call, value, half a unit of its last digit
    ("price", 60, 65, 0.25, 0.08, 0.0, 0.30, CALL, 2.1334, 5e-5),
    ("delta", 105, 100, 0.5, 0.10, 0.10, 0.36, CALL, 0.5946, 5e-5),
    ("delta", 105, 100, 0.5, 0.10, 0.10, 0.36, PUT, -0.3566, 5e-5),
    ("gamma", 55, 60, 0.75, 0.10, 0.0, 0.30, CALL, 0.0278, 5e-5),
    ("vega", 55, 60, 0.75, 0.10, 0.0, 0.30, CALL, 18.9358, 5e-5),
    ("theta", 430, 405, 1 / 12, 0.07, 0.05, 0.20, PUT, -31.1924, 5e-5),
    ("rho", 72, 75, 1.0, 0.09, 0.0, 0.19, CALL, 38.7325, 5.1e-5),
    # Hull
    ("price", 42, 40, 0.5, 0.10, 0.0, 0.20, CALL, 4.76, 5e-3),
    ("price", 42, 40, 0.5, 0.10, 0.0, 0.20, PUT, 0.81, 5e-3),
    ("delta", 49, 50, 20 / 52, 0.05, 0.0, 0.20, CALL, 0.522, 5e-4),
    ("gamma", 49, 50, 20 / 52, 0.05, 0.0, 0.20, CALL, 0.066, 5e-4),
    ("theta", 49, 50, 20 / 52, 0.05, 0.0, 0.20, CALL, -4.31, 5e-3),
    ("vega", 49, 50, 20 / 52, 0.05, 0.0, 0.20, CALL, 12.1, 5e-2),
    ("rho", 49, 50, 20 / 52, 0.05, 0.0, 0.20, CALL, 8.91, 5e-3),
]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row[0]}-{row[1]}-{row[8]}")
def test_published_values(row):
    name, *inputs, expected, half_digit = row
    got = float(bsm.greeks(*inputs, names=(name,)).values[name])
    assert got == pytest.approx(expected, abs=half_digit)


def test_color_has_the_sign_of_passing_time():
    # Wikipedia's color is dGamma/dtau, the opposite of ours; both numbers from 60 digits.
    got = bsm.greeks(100, 105, 0.25, 0.05, 0.02, 0.3, True)
    later = bsm.greeks(100, 105, 0.25 - 1e-6, 0.05, 0.02, 0.3, True)
    assert float(later.gamma - got.gamma) / 1e-6 == pytest.approx(float(got.color), rel=1e-4)
    assert float(later.delta - got.delta) / 1e-6 == pytest.approx(float(got.charm), rel=1e-4)
    assert float(got.charm) == pytest.approx(-0.342001962508433, rel=1e-13)
    assert float(got.color) == pytest.approx(0.0477170727584844, rel=1e-13)


def test_theta_per_day_and_other_market_units():
    raw = bsm.greeks(430, 405, 1 / 12, 0.07, 0.05, 0.20, False)
    quoted = raw.quoted()
    assert float(quoted.theta) == pytest.approx(-0.0854585, abs=5e-8)
    factors = {"vega": 100, "rho": 100, "charm": 365, "vanna": 100, "color": 365, "ultima": 1e6}
    for name, divisor in factors.items():
        assert quoted.values[name] == raw.values[name] / divisor
    for name in ("price", "delta", "gamma", "vomma", "volga"):
        assert quoted.values[name] == raw.values[name]
    assert set(fields.QUOTES) == set(fields.FIELDS)


def test_volga_is_vomma_in_another_unit_bit_for_bit(reference):
    got = bsm.greeks(*contract(reference))
    assert np.array_equal(got.volga, got.vomma * 1e-4)
    assert np.array_equal(got.quoted().volga, got.vomma * 1e-4)
    assert fields.ALIASES["volga"] == ("vomma", 1e-4)
    assert len(fields.GREEKS) == 13
    assert len(set(fields.GREEKS) - set(fields.ALIASES)) == 12
