"""Assignment, deliveries and pins against simulation and cases by hand."""

import numpy as np
import pytest
from scipy.special import ndtr

from quant import bsm, deliveries
from quant.risk import Book


def book(**change):
    given = {
        "S": 100.0, "K": [95.0, 100.0, 105.0, 100.0], "T": 0.02, "sigma": 0.25,
        "is_call": [False, False, True, True], "quantity": [-100.0, 200.0, -300.0, 100.0],
        "r": 0.04, "q": 0.01,
    } | change  # fmt: skip
    return Book.of(**given)


def test_the_chance_of_exercise_is_the_normal_one():
    found = deliveries.exercised(book())
    d2 = (np.log(100.0 / 105.0) + 0.03 * 0.02) / (0.25 * np.sqrt(0.02)) - 0.5 * 0.25 * np.sqrt(0.02)
    assert found[2] == pytest.approx(ndtr(d2))
    assert found[1] + found[3] == pytest.approx(1.0)
    settled = deliveries.exercised(book(T=0.0, K=[99.0, 101.0, 99.0, 100.0]))
    assert settled.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_the_law_of_what_arrives_is_that_of_a_simulation():
    (found,) = deliveries.settlements(book())
    rng = np.random.default_rng(0)
    z = rng.normal(size=400_000)
    spot = 100.0 * np.exp((0.03 - 0.5 * 0.25**2) * 0.02 + 0.25 * np.sqrt(0.02) * z)
    one = book()
    units = sum(
        q * ((spot > k) if call else -1.0 * (spot < k))
        for q, k, call in zip(one.quantity, one.K, one.is_call, strict=True)
    )
    assert found.expected == pytest.approx(units.mean(), abs=4 * units.std() / np.sqrt(z.size))
    assert found.deviation == pytest.approx(units.std(), rel=0.01)
    assert (found.least, found.most) == (units.min(), units.max())
    hit = 100.0 * (spot < 95.0).mean() + 300.0 * (spot > 105.0).mean()
    assert found.assigned == pytest.approx(hit, rel=0.02)
    near = np.abs(spot - 100.0) <= 0.25
    assert found.pin[1] == pytest.approx(near.mean(), rel=0.05)
    assert found.at_stake.tolist() == [100.0, 300.0, 300.0]


def test_a_short_straddle_always_delivers():
    one = book(K=[100.0, 100.0], is_call=[True, False], quantity=[-100.0, -100.0])
    (found,) = deliveries.settlements(one)
    assert (found.least, found.most) == (-100.0, 100.0)
    assert found.assigned == pytest.approx(100.0)
    assert found.deviation == pytest.approx(np.sqrt(100.0**2 - found.expected**2))


def test_expiries_are_apart_and_the_next_is_first():
    found = deliveries.settlements(book(T=[0.5, 0.1, 0.1, 0.5]))
    assert [one.T for one in found] == [0.1, 0.5]
    assert [one.strikes.tolist() for one in found] == [[100.0, 105.0], [95.0, 100.0]]


def test_at_settlement_all_is_certain():
    (found,) = deliveries.settlements(book(T=0.0, S=100.1))
    assert found.deviation == 0.0
    assert found.expected == 100.0
    assert found.pin.tolist() == [0.0, 1.0, 0.0]
    assert found.assigned == 0.0


def test_a_width_that_is_not_valid_is_named():
    with pytest.raises(ValueError, match="pin_width"):
        deliveries.settlements(book(), pin_width=0.0)


def test_a_call_is_exercised_before_a_dividend_that_is_worth_more_than_its_time():
    """Deep in the money a month before expiry, 2 $ tomorrow: surely; out of the money: hardly."""
    one = book(K=[70.0, 100.0, 130.0, 70.0], is_call=[True, True, True, False], T=1 / 12, q=0.0)
    found = deliveries.early_calls(one, 2.0, 1 / 365)
    assert found[0] > 0.999
    assert found[2] < 1e-6
    assert found[3] == 0.0
    assert 0.0 < found[1] < 0.5
    # Without one, or with less than the interest on the strike, nobody exercises.
    assert not deliveries.early_calls(one, 0.0, 1 / 365).any()
    assert not deliveries.early_calls(one, 0.1, 1 / 365).any()
    assert not deliveries.early_calls(one, 2.0, 0.2).any()


def test_the_boundary_of_early_exercise_is_that_of_a_simulation():
    one = book(K=[100.0], is_call=[True], quantity=[-100.0], T=0.1, q=0.0)
    until, dividend = 0.05, 3.0
    z = np.random.default_rng(1).normal(size=200_000)
    spot = 100.0 * np.exp((0.04 - 0.5 * 0.25**2) * until + 0.25 * np.sqrt(until) * z)
    after = bsm.price(spot - dividend, 100.0, 0.05, 0.04, 0.0, 0.25, True)
    seen = (spot - 100.0 > after).mean()
    found = deliveries.early_calls(one, dividend, until)
    assert found[0] == pytest.approx(seen, abs=4 * np.sqrt(seen / z.size))
    at_once = deliveries.early_calls(book(S=130.0, K=[100.0], T=0.1, q=0.0), dividend, 0.0)
    assert at_once[2] == 1.0


@pytest.mark.parametrize(("name", "args"), [("dividend", (-1.0, 0.1)), ("until", (1.0, np.nan))])
def test_an_argument_of_early_exercise_that_is_not_valid_is_named(name, args):
    with pytest.raises(ValueError, match=name):
        deliveries.early_calls(book(), *args)
