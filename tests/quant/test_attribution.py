"""Attribution of profit and loss: it adds up, to the cent, and finer steps leave less over."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant import attribution, bsm
from quant.attribution import PARTS

MINUTE = 1.0 / 525_600
K = np.array([5950.0, 5975.0, 6025.0, 6050.0])
RIGHT = np.array([False, False, True, True])
HELD = np.array([1.0, -1.0, -1.0, 1.0])


def hour(steps, held=HELD):
    """Attribute an hour in which 6000 falls to 5965 and vol rises from 25 to 32 %."""
    spot = np.linspace(6000.0, 5965.0, steps + 1)
    sigma = np.linspace(0.25, 0.32, steps + 1)[:, None]
    left = np.linspace(120 * MINUTE, 60 * MINUTE, steps + 1)[:, None]
    return attribution.attribute_path(spot, sigma, left, K, 0.045, 0.013, RIGHT, held)


def test_one_step_leaves_a_fifth_and_minutes_leave_cents():
    whole = hour(1).total()
    assert whole.actual == pytest.approx(-8.492, abs=5e-4)
    assert whole.residual == pytest.approx(1.72, abs=5e-3)
    assert hour(1).total().unexplained()
    left = [abs(float(hour(steps).total().residual)) for steps in (1, 2, 5, 15, 60)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.03
    assert not hour(60).total().unexplained()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 5), st.floats(1.0, 1e5))
def test_parts_add_up_to_the_cent_for_any_book_and_path(seed, contracts, steps, size):
    rng = np.random.default_rng(seed)
    found = attribution.attribute_path(
        100.0 * np.exp(0.02 * rng.normal(size=steps + 1)),
        np.abs(0.2 + 0.05 * rng.normal(size=(steps + 1, contracts))),
        np.linspace(0.1, 0.08, steps + 1)[:, None],
        rng.uniform(80, 120, contracts),
        0.03,
        0.01,
        rng.random(contracts) < 0.5,
        size * rng.normal(size=contracts),
    )
    for place in range(contracts):
        total = sum(getattr(found, name)[place] for name in PARTS)
        assert total == pytest.approx(found.actual[place], rel=1e-12, abs=1e-9)
    cents = found.cents()
    assert sum(cents[name] for name in PARTS) == cents["actual"]
    for name in PARTS:
        assert abs(cents[name] - Decimal(float(getattr(found.total(), name)))) < Decimal("0.01")
        assert cents[name] == cents[name].quantize(Decimal("0.01"))


def test_each_part_is_its_greek_times_its_move():
    greeks = bsm.greeks(100.0, 100.0, 0.1, 0.03, 0.01, 0.2, True)
    found = attribution.attribute(greeks, 10.0, 2.0, -0.01, 0.001, 15.0)
    assert found.delta == pytest.approx(20.0 * greeks.delta)
    assert found.gamma == pytest.approx(20.0 * greeks.gamma)
    assert found.theta == pytest.approx(0.01 * greeks.theta)
    assert found.vega == pytest.approx(-0.1 * greeks.vega)
    assert found.vanna == pytest.approx(-0.2 * greeks.vanna)
    assert found.volga == pytest.approx(10.0 * 0.5e-4 * greeks.vomma)
    assert found.charm == pytest.approx(0.02 * greeks.charm)


def test_a_small_move_is_explained_almost_whole():
    greeks = bsm.greeks(100.0, 100.0, 0.1, 0.03, 0.01, 0.2, True)
    after = bsm.price(100.1, 100.0, 0.1 - MINUTE, 0.03, 0.01, 0.2005, True)
    found = attribution.attribute(greeks, 1.0, 0.1, 0.0005, MINUTE, after - greeks.price)
    assert abs(found.residual) < 1e-5


def test_points_of_unequal_number_are_named():
    with pytest.raises(ValueError, match="give as many"):
        attribution.attribute_path(
            [1.0, 2.0], np.ones((3, 1)), np.ones((2, 1)), K, 0.0, 0.0, RIGHT, HELD
        )
