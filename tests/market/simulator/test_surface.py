"""The surface has no static arbitrage anywhere a configuration can take it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.simulator import SimulatorConfig
from market.simulator.surface import implied_vol, skewed_variance
from market.simulator.term import month_vol, total_variance
from quant import bsm

RHO = st.floats(-0.95, 0.0)
SHARE = st.floats(0.05, 1.0)
VARIANCE = st.floats(1e-7, 0.5)


@given(RHO, SHARE, VARIANCE)
def test_call_prices_fall_and_are_convex_in_strike(rho: float, share: float, theta: float) -> None:
    eta = 2.0 * share / (1.0 + abs(rho))
    width = 6.0 * np.sqrt(theta)
    strikes = 100.0 * np.linspace(max(1.0 - width, 0.05), 1.0 + width, 201)
    total = skewed_variance(np.log(strikes / 100.0), theta, rho=rho, eta=eta)
    calls = bsm.price(100.0, strikes, 1.0, 0.0, 0.0, np.sqrt(total), True)
    first = np.diff(calls) / np.diff(strikes)
    assert np.all((first >= -1.0 - 1e-9) & (first <= 1e-9))
    assert np.all(np.diff(calls, 2) >= -1e-10)


@given(RHO, SHARE, VARIANCE, st.floats(1.0001, 10.0))
def test_more_variance_at_the_money_is_more_at_every_strike(
    rho: float, share: float, theta: float, factor: float
) -> None:
    eta = 2.0 * share / (1.0 + abs(rho))
    k = np.linspace(-1.0, 1.0, 101)
    near = skewed_variance(k, theta, rho=rho, eta=eta)
    far = skewed_variance(k, theta * factor, rho=rho, eta=eta)
    assert np.all(far >= near * (1.0 - 1e-12))
    assert skewed_variance(0.0, theta, rho=rho, eta=eta) == theta


@given(
    st.floats(0.1, 15.0),
    st.floats(-1.5, 1.5),
    st.floats(0.0, 1.0),
    st.sampled_from([(0.03, 0.1, 0.88), (0.0, 0.0, 0.82), (0.05, 0.1, 0.899)]),
)
def test_variance_ahead_grows_with_expiry(
    level: float, front: float, remaining: float, garch: tuple[float, float, float]
) -> None:
    alpha, gamma, beta = garch
    config = SimulatorConfig(garch_alpha=alpha, garch_gamma=gamma, garch_beta=beta)
    total = total_variance(
        config,
        variance=level * config.daily_variance,
        front=front,
        remaining=remaining,
        sessions=np.arange(60.0),
    )
    assert np.all(np.diff(total) > 0.0)
    assert total[0] >= 0.0


def test_in_calm_the_month_costs_the_long_run_volatility_and_its_premium() -> None:
    config = SimulatorConfig()
    vol = month_vol(config, variance=config.daily_variance, front=0.0)
    assert np.isclose(vol, 1.08 * 0.16, rtol=0.02)


def test_expired_contracts_have_no_volatility() -> None:
    assert implied_vol(np.array([0.0, 0.04]), np.array([0.0, 1.0])).tolist() == [0.0, 0.2]
