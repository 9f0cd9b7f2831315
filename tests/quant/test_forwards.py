"""Forward curves from parity: what the quotes determine, how well, and what was left out."""

import numpy as np
import pytest

from quant import bsm
from quant.forwards import ForwardSource, forward_curve, implied_forwards

SPOT, RATE, YIELD, SIGMA = 6000.0, 0.045, 0.013, 0.15
STRIKES = np.repeat(np.arange(5800.0, 6201.0, 25.0), 2)
IS_CALL = np.tile([True, False], STRIKES.size // 2)


def quoted(chain_of, *, minutes=43_200.0, noise=0.0, half=0.2, seed=5, r=RATE, q=YIELD):
    years = minutes / 525_600
    mids = bsm.price(SPOT, STRIKES, years, RATE, YIELD, SIGMA, IS_CALL)
    mids = mids + noise * np.random.default_rng(seed).standard_normal(mids.size)
    return chain_of(STRIKES, IS_CALL, minutes=minutes, mids=mids, half_spread=half, r=r, q=q)


def test_the_rate_and_the_dividends_fall_out(chain_of):
    curve = forward_curve(quoted(chain_of))
    assert curve.source.tolist() == [ForwardSource.PARITY]
    np.testing.assert_allclose(curve.rate(), RATE, rtol=1e-9)
    np.testing.assert_allclose(curve.carry(SPOT), YIELD, rtol=1e-8)


def test_borrow_shows_in_the_carry_though_the_chain_was_told_another(chain_of):
    curve = forward_curve(quoted(chain_of, q=0.0, half=0.05))
    np.testing.assert_allclose(curve.carry(SPOT), YIELD, atol=2e-4)


def test_quality_speaks_in_half_spreads_and_currency(chain_of):
    clean = forward_curve(quoted(chain_of))
    noisy = forward_curve(quoted(chain_of, noise=0.2))
    assert clean.rms[0] < 1e-8
    assert 0.2 < noisy.rms[0] < 1.5
    assert clean.error[0] < noisy.error[0] < 0.5


def test_the_stated_error_covers_the_true_one(chain_of):
    """Over 200 noisy chains the forward lies within two stated errors about 19 times in 20."""
    truth = SPOT * np.exp((RATE - YIELD) * 43_200 / 525_600)
    score = []
    for seed in range(200):
        curve = forward_curve(quoted(chain_of, noise=0.2, seed=seed))
        score.append(abs(curve.forward[0] - truth) / curve.error[0])
    assert 0.85 <= np.mean(np.array(score) < 2.0) <= 0.995


def test_stale_pairs_are_counted_and_leave_the_forward_alone(chain_of):
    clean = quoted(chain_of)
    mids = clean.mids().copy()
    mids[[4, 14]] += [60.0, -45.0]
    chain = chain_of(
        STRIKES, IS_CALL, minutes=43_200.0, mids=mids, half_spread=0.2, r=RATE, q=YIELD
    )
    curve = forward_curve(chain)
    assert (curve.pairs[0], curve.dropped[0]) == (14, 2)
    np.testing.assert_allclose(curve.forward, forward_curve(clean).forward, rtol=1e-9)


@pytest.mark.parametrize("minutes", [390.0, 1.0])
def test_on_the_last_day_the_rate_given_stands_for_what_quotes_cannot_tell(chain_of, minutes):
    """A slope over one day carries no information on a rate: noise must not become one."""
    curve = forward_curve(quoted(chain_of, minutes=minutes, noise=0.1))
    assert abs(curve.rate()[0] - RATE) < 0.01
    assert np.isfinite(curve.carry(SPOT)[0])


def test_without_pairs_there_is_no_figure_that_pretends(chain_of):
    chain = quoted(chain_of)
    calls = chain.select(chain.is_call)
    curve = forward_curve(calls)
    assert curve.source.tolist() == [ForwardSource.CARRY]
    assert curve.pairs.tolist() == [0]
    assert np.isnan(curve.rms[0])
    assert np.isnan(curve.error[0])
    np.testing.assert_allclose(curve.carry(SPOT), YIELD, rtol=1e-9)
    assert implied_forwards(calls, curve).forward == pytest.approx(curve.forward[0])
