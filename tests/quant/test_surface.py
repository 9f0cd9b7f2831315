"""Surfaces of known chains, damaged chains and a recorded one: close, free of arbitrage, honest."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant import american, between_smiles, bsm, ssvi, surface, svi
from quant.chain import Chain
from quant.crossings import crossing
from quant.implied_vol import chain_iv
from quant.smile_points import smile_points
from quant.svi import SVI

DAYS = np.array([0.25, 1, 3, 7, 14, 30, 60, 120])
SPOT, RATE, YIELD = 6000.0, 0.04, 0.01


def true_slice(years):
    """SSVI at its steepest skew is the harder for the fits: rho -0.65, power-law phi."""
    theta = 0.02 * years * (1.0 + 0.3 * years)
    return ssvi.Slice(theta, -0.65, theta / np.sqrt(theta * (1.0 + theta)))


def index_chain(chain_of, noise=0.3, seed=1, days=DAYS, strikes=80):
    """Quote eight expiries of 80 strikes in ticks of 0.05, mids off by part of the spread."""
    rng = np.random.default_rng(seed)
    K, calls, minutes, fair = [], [], [], []
    for day in days.tolist():
        years = day / 365.0
        smile = true_slice(years)
        forward = SPOT * np.exp((RATE - YIELD) * years)
        strike = np.round(forward * np.exp(np.linspace(-4, 3, strikes) * smile.theta**0.5), 2)
        vol = smile.vol(np.log(strike / forward), years)
        for right in (True, False):
            K.append(strike)
            calls.append(np.full(strikes, right))
            minutes.append(np.full(strikes, day * 1440.0))
            fair.append(bsm.price(SPOT, strike, years, RATE, YIELD, vol, right))
    fair = np.concatenate(fair)
    half = np.maximum(0.025, 0.004 * fair)
    mids = fair + noise * half * rng.standard_normal(fair.size)
    chain = chain_of(
        np.concatenate(K), np.concatenate(calls), minutes=np.concatenate(minutes), mids=mids,
        half_spread=half, r=RATE, q=YIELD, spot=SPOT,
    )  # fmt: skip
    bids = np.maximum(np.round(chain.bids / 0.05) * 0.05, 0.05)
    return replace(
        chain, bids=bids, asks=np.maximum(np.ceil(chain.asks / 0.05) * 0.05, bids + 0.05)
    )


@pytest.fixture(scope="module")
def known(chain_of):
    chain = index_chain(chain_of)
    return chain, surface.fit(chain)


def assert_free(fitted):
    """No smile has a negative density, and no two cross, by a grid of its own."""
    good = [one for one in fitted.slices if one.good]
    for one in good:
        assert not svi.butterfly(one.smile).violated
        assert one.quality.good
        assert one.smile.fault() is None
    for near, far in pairwise(good):
        reach = 8.0 * np.sqrt(far.smile.total_variance(0.0))
        k = np.linspace(-reach, reach, 3001)
        gap = np.sqrt(far.smile.total_variance(k)) - np.sqrt(near.smile.total_variance(k))
        assert gap.min() > -1e-5 * np.sqrt(far.years)
        for side in (-1.0, 1.0):
            slopes = [one.smile.b * (1 + side * one.smile.rho) for one in (near, far)]
            assert slopes[1] >= slopes[0] - 1e-9


def test_a_known_surface_comes_back_within_the_quotes(known):
    _, fitted = known
    assert len(fitted.slices) == DAYS.size
    assert_free(fitted)
    for one in fitted.slices:
        assert one.model == "svi"
        assert one.fault is None
        assert one.parity
        assert one.quality.inside > 0.75
        assert one.quality.spreads < 0.8
        truth = true_slice(one.years)
        near = np.linspace(-1.5, 1.0, 21) * np.sqrt(truth.theta)
        np.testing.assert_allclose(
            one.smile.vol(near, one.years), truth.vol(near, one.years), atol=0.004
        )
    far = fitted.slices[-1]
    assert far.sabr.fault is None
    assert far.sabr.parameters.rho < -0.4
    assert far.jump_wings.v == pytest.approx(true_slice(far.years).theta / far.years, rel=0.01)


def test_between_and_beyond_expiries_there_is_no_arbitrage(known):
    """Densities stay positive and variance rises on a fine mesh of instants and strikes."""
    _, fitted = known
    years = np.geomspace(DAYS[0] / 365 / 5, DAYS[-1] / 365 * 3, 60)
    k = np.linspace(-0.25, 0.25, 1001)
    w = fitted.total_variance(k, years[:, None])
    assert np.isfinite(w).all()
    assert np.diff(w, axis=0).min() > -1e-12
    step = k[1] - k[0]
    first = np.gradient(w, step, axis=1)[:, 2:-2]
    second = ((w[:, 2:] - 2 * w[:, 1:-1] + w[:, :-2]) / step**2)[:, 1:-1]
    inner, at = w[:, 2:-2], k[2:-2]
    g = (1 - at * first / (2 * inner)) ** 2 - first**2 / 4 * (1 / inner + 0.25) + second / 2
    deep = np.abs(at) < 5.0 * np.sqrt(inner)
    assert g[deep].min() > -2e-3
    at_expiry = fitted.total_variance(k, fitted.slices[3].years)
    np.testing.assert_array_equal(at_expiry, fitted.slices[3].smile.total_variance(k))
    assert np.isnan(fitted.vol(0.0, [0.0, -1.0])).all()


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.floats(0.005, 0.2), st.floats(-0.9, 0.9), st.floats(0.05, 1.0)),
    st.floats(0.1, 3.0),
    st.floats(0.02, 0.98),
)
def test_mixing_keeps_both_kinds_of_arbitrage_out(first, grown, share):
    """Any eSSVI pair that cannot cross, any instant between: w lies between, density above 0."""
    theta, rho, steep = first
    psi = steep * min(4.0 / (1 + abs(rho)), 2.0 * np.sqrt(theta / (1 + abs(rho))))
    one = ssvi.Slice(theta, rho, psi)
    two = ssvi.Slice(theta * (1.0 + grown), rho, psi * np.sqrt(1.0 + grown))
    if not (ssvi.cannot_cross(one, two) and two.free_of_butterflies()):
        return
    k = np.linspace(-3.0, 3.0, 601) * np.sqrt(theta)
    times, smiles = np.array([0.5, 1.0]), (one.raw(), two.raw())
    w = between_smiles.total_variance(k, 0.5 + 0.5 * share, times, smiles)
    assert np.all(w >= one.total_variance(k) * (1 - 1e-9))
    assert np.all(w <= two.total_variance(k) * (1 + 1e-9))
    calls = bsm.price(1.0, np.exp(k), 1.0, 0.0, 0.0, np.sqrt(w), True)
    slopes = np.diff(calls) / np.diff(np.exp(k))
    assert np.all(np.diff(slopes) > -1e-9)


def test_butterflies_in_the_closest_fit_are_reported_and_kept_out_of_the_smile(chain_of):
    """Quotes of Vogt's slice, whose SVI has a negative density."""
    vogt = SVI(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
    strikes = 100.0 * np.exp(np.linspace(-0.45, 0.6, 60))
    K, calls = np.repeat(strikes, 2), np.tile([True, False], 60)
    vol = vogt.vol(np.log(K / 100.0), 1.0)
    mids = bsm.price(100.0, K, 1.0, 0.0, 0.0, vol, calls)
    chain = chain_of(
        K, calls, minutes=525_600.0, spot=100.0, r=0.0, q=0.0, mids=mids, half_spread=0.005
    )
    (one,) = surface.fit(chain, tick=1e-4).slices
    assert one.raw_quality.rms < 1e-3
    assert one.butterfly.violated
    low, high = one.butterfly.intervals[0]
    assert (low, high) == pytest.approx((0.642, 1.257), abs=0.05)
    assert one.butterfly.least == pytest.approx(-0.0329, abs=0.01)
    assert one.model == "svi"
    assert not svi.butterfly(one.smile).violated
    assert one.quality.rms < 0.004


def test_crossing_expiries_are_reported_with_place_and_size(chain_of):
    """The later expiry is quoted too cheap by half its variance beyond 2 % out of the money."""
    chain = index_chain(chain_of, noise=0.0, days=np.array([14.0, 30.0]))
    far = chain.years() > 20 / 365
    smile = true_slice(30 / 365)
    forward = SPOT * np.exp((RATE - YIELD) * chain.years())
    k = np.log(chain.strikes / forward)
    dented = smile.vol(k, 30 / 365) * np.where(k < -0.02, 0.6, 1.0 - 20.0 * np.clip(-k, 0, 0.02))
    mids = bsm.price(SPOT, chain.strikes, chain.years(), RATE, YIELD, dented, chain.is_call)
    bids = np.where(far, np.maximum(mids - 0.05, 0.01), chain.bids)
    asks = np.where(far, mids + 0.05, chain.asks)
    fitted = surface.fit(replace(chain, bids=bids, asks=asks))
    (found,) = fitted.crossings
    assert (found.earlier, found.later) == (0, 1)
    assert found.low < -0.03
    assert found.size > 0.01
    near, later = fitted.slices
    assert near.good
    assert later.model is None
    assert "misses the quotes" in later.fault
    assert np.isnan(later.vol(SPOT))
    assert_free(fitted)


def test_stale_quotes_fall_off_and_are_counted(chain_of, known):
    chain, clean = known
    put = np.flatnonzero(~chain.is_call & (chain.years() > 25 / 365) & (chain.years() < 35 / 365))
    struck = put[[30, 34]]
    bids, asks = chain.bids.copy(), chain.asks.copy()
    bids[struck] *= 1.6
    asks[struck] *= 1.6
    damaged = surface.fit(replace(chain, bids=bids, asks=asks))
    before, after = clean.slices[5], damaged.slices[5]
    assert after.cliffs >= before.cliffs + 2
    assert not set(struck.tolist()) & set(after.points.where.tolist())
    k = np.linspace(-0.05, 0.05, 11)
    np.testing.assert_allclose(
        after.smile.vol(k, after.years), before.smile.vol(k, before.years), atol=1e-3
    )


def test_every_quote_is_accounted_for(known):
    chain, fitted = known
    for one in fitted.slices:
        points = one.points
        told = points.k.size + one.cliffs + points.unquoted + points.thin + points.far
        assert told == points.quotes
    points = smile_points(chain, chain_iv(chain))
    assert all(np.all(np.diff(one.k) >= 0.0) for one in points)
    outside = np.concatenate([one.where for one in points])
    forward = SPOT * np.exp((RATE - YIELD) * chain.years()[outside])
    assert np.all(
        np.where(chain.is_call[outside], 1, -1) * (chain.strikes[outside] / forward - 1) > -1e-4
    )


def test_few_or_no_quotes_say_so(chain_of):
    strikes = np.repeat([5950.0, 5975.0, 6000.0, 6025.0], 2)
    calls = np.tile([True, False], 4)
    mids = bsm.price(6000.0, strikes, 600 / 525_600, 0.045, 0.013, 0.15, calls)
    few = surface.fit(chain_of(strikes, calls, minutes=600.0, mids=mids, half_spread=0.05))
    (one,) = few.slices
    assert one.raw is None
    assert one.model == "essvi"
    assert "SVI needs 6" in one.fault
    assert one.money_vol() == pytest.approx(0.15, abs=2e-3)
    silent = surface.fit(chain_of(strikes, calls, minutes=600.0))
    assert not silent.slices[0].good
    assert silent.slices[0].fault == "0 usable quotes, and SVI needs 6"
    assert np.isnan(silent.vol(0.0, 0.1))
    expired = surface.fit(chain_of(strikes, calls, minutes=0.0, mids=mids))
    assert expired.slices == ()
    empty = chain_of(strikes, calls).select(np.zeros(8, dtype=bool))
    assert surface.fit(empty).slices == ()


def test_an_american_chain_is_fitted_to_its_own_volatilities(chain_of):
    strikes = np.repeat(np.arange(80.0, 121.0, 1.0), 2)
    calls = np.tile([True, False], strikes.size // 2)
    sigma = 0.25 - 0.2 * np.log(strikes / 100.0)
    years = 180.0 / 365.0
    mids = american.price(100.0, strikes, years, 0.06, 0.0, sigma, calls).price
    chain = chain_of(
        strikes, calls, minutes=180.0 * 1440, spot=100.0, r=0.06, q=0.0,
        mids=mids, half_spread=0.01, american=True,
    )  # fmt: skip
    (one,) = surface.fit(chain).slices
    assert one.good
    np.testing.assert_allclose(one.vol(strikes), sigma, atol=1.5e-3)
    european = surface.fit(replace(chain, american=False)).slices[0]
    assert np.abs(european.vol(strikes) - sigma).max() > np.abs(one.vol(strikes) - sigma).max()


def test_a_crossing_in_a_wing_alone_is_found():
    near, far = SVI(0.001, 0.10, -0.3, 0.0, 0.05), SVI(0.02, 0.09, -0.3, 0.0, 0.05)
    found = crossing(near, far, (2, 5), 0.1)
    assert (found.earlier, found.later) == (2, 5)
    assert (found.low, found.high) == (-np.inf, np.inf)
    assert crossing(far._replace(a=0.01), far._replace(b=0.10), (0, 1), 0.1) is None


def test_the_recorded_0dte_minutes_have_a_smile_or_a_reason(recorded_spxw):
    """SPXW on 2018-01-05 from 09:31: vendor volatilities use another clock; ours fit the quotes."""
    for moment in ("2018-01-05 09:31:00", "2018-01-05 11:00:00", "2018-01-05 12:58:00"):
        chain, _ = recorded_spxw(moment)
        (one,) = surface.fit(chain, tick=0.05).slices
        assert one.good or one.fault
        if one.good:
            assert one.quality.inside >= 0.5
            assert 0.03 < one.money_vol() < 0.3
        assert np.isfinite(one.forward)


def test_chains_of_one_expiry_keep_their_place(chain_of):
    """Slices answer in order of expiry whatever the order of contracts."""
    chain = index_chain(chain_of)
    mixed = chain.select(np.random.default_rng(0).permutation(len(chain)))
    one, two = surface.fit(chain), surface.fit(mixed)
    for left, right in zip(one.slices, two.slices, strict=True):
        assert left.expiry == right.expiry
        np.testing.assert_allclose(left.smile, right.smile, rtol=1e-6, atol=1e-9)
    assert isinstance(chain, Chain)
