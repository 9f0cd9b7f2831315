"""A chain's volatilities: forwards from parity, one reason per contract without one."""

import numpy as np
import pytest

from quant import bsm
from quant.chain import Chain
from quant.forwards import ForwardSource, implied_forwards, spot_gap
from quant.implied_vol import chain_iv
from quant.smile import contract_vols
from quant.status import Status

STRIKES = np.repeat(np.arange(5900.0, 6101.0, 10.0), 2)
IS_CALL = np.tile([True, False], STRIKES.size // 2)
TRUE = {"S": 6000.0, "r": 0.031, "q": 0.017, "sigma": 0.14}


def priced(chain_of, *, minutes=43_200.0, half_spread=0.05, r=TRUE["r"], q=TRUE["q"], noise=None):
    """Quote a chain at known rates; the chain itself may carry others."""
    T = minutes / 525_600
    mids = bsm.price(TRUE["S"], STRIKES, T, TRUE["r"], TRUE["q"], TRUE["sigma"], IS_CALL)
    if noise is not None:
        mids = mids + noise
    return chain_of(STRIKES, IS_CALL, minutes=minutes, mids=mids, half_spread=half_spread, r=r, q=q)


def test_exact_quotes_give_back_forward_discount_and_volatility(chain_of):
    chain = priced(chain_of)
    T = 43_200 / 525_600
    got = chain_iv(chain)
    assert np.all(got.source == ForwardSource.PARITY)
    np.testing.assert_allclose(got.forward, 6000 * np.exp((0.031 - 0.017) * T), rtol=1e-12)
    np.testing.assert_allclose(got.discount, np.exp(-0.031 * T), rtol=1e-12)
    assert np.all(got.status == Status.OK)
    np.testing.assert_allclose(got.mid, TRUE["sigma"], rtol=1e-8)
    assert np.all((got.bid < got.mid) & (got.mid < got.ask))


def test_parity_corrects_a_wrong_yield(chain_of):
    got = chain_iv(priced(chain_of, q=0.0))
    np.testing.assert_allclose(got.forward, 6000 * np.exp(0.014 * 43_200 / 525_600), rtol=1e-6)
    np.testing.assert_allclose(got.mid, TRUE["sigma"], rtol=1e-3)
    assert np.ptp(got.mid[STRIKES == 6000]) < 1e-8  # call and put of a strike agree


def test_a_stale_pair_does_not_move_the_forward(chain_of):
    noise = np.where((STRIKES == 6010) & IS_CALL, 40.0, 0.0)
    clean, stale = (implied_forwards(priced(chain_of, noise=n)) for n in (None, noise))
    np.testing.assert_allclose(stale.forward, clean.forward, rtol=1e-6)


def test_too_few_pairs_fall_back_to_carry_and_say_so(chain_of):
    chain = priced(chain_of)
    lonely = chain.select(chain.is_call | (chain.strikes == 6000) | (chain.strikes == 5990))
    got = chain_iv(lonely)
    T = lonely.years()[0]
    assert np.all(got.source == ForwardSource.CARRY)
    np.testing.assert_allclose(got.forward, 6000 * np.exp((chain.r - chain.q) * T), rtol=1e-15)
    np.testing.assert_allclose(got.discount, np.exp(-chain.r * T), rtol=1e-15)
    assert np.all(got.status == Status.OK)


def test_forwards_do_not_mix_expiries_or_multipliers(chain_of):
    near, far = priced(chain_of, minutes=600.0), priced(chain_of, minutes=90_000.0)
    mini = priced(chain_of, minutes=600.0)
    parts = {}
    for name in near.__slots__:
        values = [getattr(chain, name) for chain in (near, far, mini)]
        parts[name] = np.concatenate(values) if np.ndim(values[0]) else values[0]
    parts["multiplier"] = np.repeat([100.0, 100.0, 10.0], len(near))
    got = implied_forwards(Chain(**parts))
    for part, minutes in ((slice(0, 42), 600), (slice(42, 84), 90_000), (slice(84, 126), 600)):
        expected = 6000 * np.exp(0.014 * minutes / 525_600)
        np.testing.assert_allclose(got.forward[part], expected, rtol=1e-9)


def test_each_contract_without_a_volatility_has_its_reason(chain_of):
    chain = priced(chain_of, half_spread=0.0)
    bids, asks = chain.bids.copy(), chain.asks.copy()
    call = {K: int(np.flatnonzero((STRIKES == K) & IS_CALL)[0]) for K in (5900, 5910, 6090, 6100)}
    asks[call[6100]] = np.nan
    bids[call[6090]] = asks[call[6090]] + 1.0
    bids[call[5900]] = asks[call[5900]] = 60.0
    bids[call[5910]] = asks[call[5910]] = 5995.0
    parts = {name: getattr(chain, name) for name in chain.__slots__}
    got = chain_iv(Chain(**(parts | {"bids": bids, "asks": asks})))
    assert got.status[call[6100]] == Status.NO_QUOTE
    assert got.status[call[6090]] == Status.NO_QUOTE
    assert got.status[call[5900]] == Status.BELOW_INTRINSIC
    assert got.status[call[5910]] == Status.ABOVE_MAX
    for index in call.values():
        assert np.isnan([got.bid[index], got.mid[index], got.ask[index]]).all()
    assert np.count_nonzero(got.status != Status.OK) == 4


def test_less_than_a_tick_of_time_value_leaves_only_the_interval(chain_of):
    chain = chain_of(
        [6300.0, 5700.0],
        [True, True],
        mids=[0.0075, 300.5],
        half_spread=[0.0025, 0.4],
        r=0.0,
        q=0.0,
    )
    got = chain_iv(chain)
    assert got.status.tolist() == [Status.WITHIN_TICK, Status.OK]
    assert np.isnan(got.mid[0])
    assert 0 < got.bid[0] < got.ask[0]
    assert chain_iv(chain, tick=0.001).status[0] == Status.OK


def test_expired_contracts_say_expired_whatever_their_quotes(chain_of):
    for mids in (5.0, np.nan):
        got = chain_iv(chain_of([6000.0], [True], minutes=0.0, mids=mids))
        assert got.status.tolist() == [Status.EXPIRED]
        assert np.isnan(got.mid).all()


def test_an_empty_chain_has_empty_answers(chain_of):
    chain = chain_of([6000.0], [True]).select([False])
    got = chain_iv(chain)
    assert all(part.shape == (0,) for part in got)
    assert contract_vols(chain).shape == (0,)


def test_a_whole_chain_in_cents_recovers_the_smile(spy_chain):
    got = chain_iv(spy_chain)
    k = np.log(spy_chain.strikes / 600)
    true = 0.15 - 0.2 * k + 0.6 * k * k
    near = (got.status == Status.OK) & (np.abs(k) < 2 * true * np.sqrt(spy_chain.years()))
    assert np.count_nonzero(near) > 500
    assert np.median(np.abs(got.mid - true)[near]) < 2e-4
    vols = contract_vols(spy_chain)
    assert np.isfinite(vols).all()
    # Call and put of one strike share a volatility: their gammas may be added.
    order = spy_chain.order()
    assert np.array_equal(vols[order][0::2], vols[order][1::2])
    np.testing.assert_allclose(vols[near], true[near], atol=0.02)


def test_an_expiry_without_volatilities_stays_unknown(chain_of):
    chain = chain_of([5990.0, 6010.0], [True, False], minutes=[60, 120], mids=[30.0, np.nan])
    vols = contract_vols(chain)
    assert np.isfinite(vols[0])
    assert np.isnan(vols[1])


@pytest.mark.parametrize("bad", [np.nan, -1.0])
def test_only_quotes_above_zero_speak_for_the_forward(chain_of, bad):
    chain = chain_of(STRIKES, IS_CALL, mids=bad)
    assert np.all(implied_forwards(chain).source == ForwardSource.CARRY)


def test_a_stale_spot_shows_as_a_gap_and_no_parity_as_nan(chain_of):
    chain = priced(chain_of)
    assert spot_gap(chain, implied_forwards(chain)) == pytest.approx(0.0, abs=1e-9)
    parts = {name: getattr(chain, name) for name in chain.__slots__}
    stale = Chain(**(parts | {"spot": 5970.0}))
    assert spot_gap(stale, implied_forwards(stale)) == pytest.approx(30 / 5970, rel=1e-3)
    silent = chain_of(STRIKES, IS_CALL)
    assert np.isnan(spot_gap(silent, implied_forwards(silent)))


@pytest.mark.parametrize("clock", ["09:31:00", "11:00:00", "12:58:00"])
def test_recorded_0dte_quotes_agree_with_the_vendor_up_to_its_clock(recorded_spxw, clock):
    chain, vendor = recorded_spxw(f"2018-01-05 {clock}")
    got = chain_iv(chain, tick=0.05)
    outside = np.where(chain.is_call, chain.strikes >= got.forward, chain.strikes < got.forward)
    both = (got.status == Status.OK) & (vendor > 0) & outside
    left = chain.years()[0]
    half_hour = 30 / 525_600  # the vendor counts to 16:30
    assert np.count_nonzero(both) >= 5
    ratio = np.median((got.mid / vendor)[both]) / np.sqrt((left + half_hour) / left)
    assert ratio == pytest.approx(1.0, abs=0.005)
    assert abs(spot_gap(chain, implied_forwards(chain))) < 2e-4
