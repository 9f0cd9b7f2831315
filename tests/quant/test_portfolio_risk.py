"""Risk of a portfolio against closed forms and one book's risk, its errors, stress and Greeks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quant import bsm, portfolio_risk, risk
from quant.portfolio import Portfolio, Shocks
from quant.portfolio_risk import Liquidity, buckets, stress, value_at_risk
from quant.risk import Scenarios

DAY = 1.0 / 365.0
NORMAL_VAR, NORMAL_CVAR = 2.3263478740, 2.6652142203


def random_portfolio(seed=0, *, names=4, count=40, **change):
    rng = np.random.default_rng(seed)
    spots = rng.uniform(50.0, 500.0, names)
    on = rng.integers(0, names, count)
    given = {
        "K": spots[on] * rng.uniform(0.85, 1.15, count),
        "T": rng.uniform(0.003, 0.5, count),
        "sigma": rng.uniform(0.15, 0.5, count),
        "is_call": rng.random(count) < 0.5,
        "quantity": 100.0 * rng.integers(-9, 10, count),
        "r": 0.04,
        "q": 0.01,
        "units": 100.0 * rng.integers(-3, 4, names),
    } | change
    return Portfolio.of([f"N{i}" for i in range(names)], spots, on, **given)


def alike(names, rho=0.5, *, spot_vol=0.25, vol_of_vol=0.3, leverage=-0.5, common=0.3):
    matrix = np.full((names, names), rho) + (1.0 - rho) * np.eye(names)
    return Shocks.of(np.full(names, spot_vol), vol_of_vol, matrix, leverage=leverage, common=common)


def units_alone(spots, held):
    """Return a portfolio of units of underlyings without options."""
    names = [f"N{i}" for i in range(len(spots))]
    none = np.empty(0)
    return Portfolio.of(names, spots, none, none, none, none, none, none, units=held)


def test_the_delta_normal_limit():
    """Units of correlated underlyings over a short time: VaR is z times the root of w'Cw."""
    spots, held = np.array([100.0, 50.0, 200.0]), np.array([300.0, -400.0, 100.0])
    vols = np.array([0.2, 0.4, 0.3])
    rho = np.array([[1.0, 0.6, 0.3], [0.6, 1.0, -0.2], [0.3, -0.2, 1.0]])
    horizon = 1e-6
    worth = spots * held * vols * np.sqrt(horizon)
    sd = np.sqrt(worth @ rho @ worth)
    found = value_at_risk(units_alone(spots, held), Shocks.of(vols, 0.0, rho), horizon, power=13)
    assert found.var.value == pytest.approx(NORMAL_VAR * sd, abs=4 * found.var.error + 1e-3 * sd)
    assert found.cvar.value == pytest.approx(NORMAL_CVAR * sd, abs=4 * found.cvar.error + 1e-3 * sd)
    assert found.cvar.error < 0.01 * sd
    # A share of the shortfall is the beta to the portfolio (Tasche).
    shares = NORMAL_CVAR * worth * (rho @ worth) / sd
    assert found.underlyings.value == pytest.approx(shares, abs=0.03 * sd)


def test_one_underlying_is_the_risk_of_its_book():
    book = random_portfolio(names=1).books[0]
    own = risk.value_at_risk(
        book, 5 * DAY, spot_vol=0.25, vol_of_vol=0.3, correlation=-0.5, power=13
    )
    found = value_at_risk(random_portfolio(names=1), alike(1), 5 * DAY, power=13)
    for ours, theirs, error in (
        (found.var, own.var, own.var_error), (found.cvar, own.cvar, own.cvar_error),
    ):  # fmt: skip
        assert ours.value == pytest.approx(theirs, abs=4 * np.hypot(ours.error, error))
    assert found.mean.value == pytest.approx(own.mean, abs=6 * found.mean.error + 1.0)
    assert found.underlyings.value[0] == pytest.approx(found.cvar.value)


def test_a_long_call_loses_at_the_quantile_of_its_spot():
    """Its loss rises as the spot falls: exact by repricing at one quantile."""
    one = Portfolio.of(["N"], [100.0], [0], [100.0], [0.25], [0.3], [True], [100.0], r=0.03)
    shocks = Shocks.of([0.3], 0.0, [[1.0]])
    horizon = 10 * DAY
    found = value_at_risk(one, shocks, horizon, power=12)
    total = 0.3 * np.sqrt(horizon)
    spot = 100.0 * np.exp(0.03 * horizon - 0.5 * total**2 - NORMAL_VAR * total)
    now, then = bsm.price([100.0, spot], 100.0, [0.25, 0.25 - horizon], 0.03, 0.0, 0.3, True)
    assert found.var.value == pytest.approx(100.0 * (now - then), abs=4 * found.var.error + 0.05)


def test_perfectly_correlated_twins_are_one_of_twice_the_size():
    def pair(names, held):
        on = np.arange(names)
        return Portfolio.of(
            [f"N{i}" for i in on], np.full(names, 100.0), on, np.full(names, 95.0), 0.1, 0.3,
            False, held,
        )  # fmt: skip

    one = value_at_risk(pair(1, [-200.0]), alike(1), DAY, power=12)
    both = value_at_risk(pair(2, [-100.0, -100.0]), alike(2, 1.0, common=1.0), DAY, power=12)
    assert both.cvar.value == pytest.approx(one.cvar.value, abs=4 * both.cvar.error + 1.0)
    hedged = value_at_risk(pair(2, [-100.0, 100.0]), alike(2, 1.0, common=1.0), DAY, power=8)
    # The root of an eigenvalue that is 0 but for rounding is 1e-8.
    assert abs(hedged.cvar.value) < 1e-3


def test_the_stated_error_is_the_spread_over_seeds():
    portfolio, shocks = random_portfolio(), alike(4)
    many = [value_at_risk(portfolio, shocks, DAY, power=8, seed=s) for s in range(60)]
    for name in ("var", "cvar", "mean"):
        values, errors = np.array([getattr(one, name) for one in many]).T
        assert 0.6 < values.std(ddof=1) / errors.mean() < 1.5, name
    share = np.array([one.underlyings.value for one in many]).std(axis=0, ddof=1)
    error = np.array([one.underlyings.error for one in many]).mean(axis=0)
    assert np.all((share / error > 0.5) & (share / error < 1.6))


def test_the_error_falls_with_the_scenarios_and_plain_draws_agree():
    portfolio, shocks = random_portfolio(), alike(4)
    few, more = (value_at_risk(portfolio, shocks, DAY, power=power) for power in (7, 12))
    assert more.cvar.error < few.cvar.error / 3.0
    assert few.cvar.value == pytest.approx(more.cvar.value, abs=5 * few.cvar.error)
    rng = np.random.default_rng(1)
    scale = np.concatenate([shocks.spot_vol * np.sqrt(DAY), shocks.vol_of_vol])
    z = (
        rng.multivariate_normal(np.zeros(8), shocks.correlation * np.outer(scale, scale), 200_000)
        - 0.5 * scale**2
    )
    losses = 0.0
    for at, book in enumerate(portfolio.books):
        spot = book.S * np.exp((book.r - book.q) * DAY + z[:, at])
        losses = losses - risk.profits(book, Scenarios(spot, np.exp(z[:, 4 + at])), DAY)
    low, high = risk.var_interval(losses, 0.99, 0.9999)
    assert low - 4 * more.var.error < more.var.value < high + 4 * more.var.error


def test_shares_add_up_and_stand_in_the_order_given():
    portfolio = random_portfolio(units=0.0)
    found = value_at_risk(portfolio, alike(4), DAY)
    assert found.underlyings.value.sum() == pytest.approx(found.cvar.value, rel=1e-9)
    assert found.positions.value.sum() == pytest.approx(found.cvar.value, rel=1e-9)
    for row, whole in zip(portfolio.rows, found.underlyings.value, strict=True):
        assert found.positions.value[row].sum() == pytest.approx(whole, rel=1e-9)
    assert np.all(found.positions.error >= 0.0)
    assert (found.scenarios, found.replications) == (16 * 1024, 16)


def test_threads_and_seeds_repeat_to_the_bit():
    portfolio = random_portfolio()
    one, two = (value_at_risk(portfolio, alike(4), DAY, threads=n) for n in (1, 2))
    assert (one.var, one.cvar) == (two.var, two.cvar)
    assert value_at_risk(portfolio, alike(4), DAY, seed=1).var != one.var


def test_leaving_costs_half_the_spread_and_more_for_size():
    spread = Liquidity.of([0.05, 0.05, 0.1], [1000.0, 100.0, np.inf])
    cost = spread.cost(np.array([500.0, -400.0, 900.0]))
    assert cost == pytest.approx([25.0, 20.0 * 2.0, 90.0])


def test_what_leaving_costs_is_added_to_every_loss():
    portfolio = random_portfolio()
    calm = alike(4, vol_of_vol=0.0)
    found = value_at_risk(portfolio, calm, DAY, liquidity=Liquidity.of(np.full(40, 0.05)))
    held = sum(np.abs(book.quantity).sum() for book in portfolio.books)
    alive = sum(np.abs(book.quantity[book.T > DAY]).sum() for book in portfolio.books)
    assert found.cost == pytest.approx(0.05 * alive)
    assert alive <= held
    assert found.liquid_var.value == pytest.approx(found.var.value + found.cost)
    assert found.liquid_cvar.value == pytest.approx(found.cvar.value + found.cost)
    wild = value_at_risk(portfolio, alike(4), DAY, liquidity=Liquidity.of(np.full(40, 0.05)))
    assert wild.liquid_cvar.value > wild.cvar.value + wild.cost
    none = value_at_risk(portfolio, alike(4), DAY)
    assert none.liquid_cvar == none.cvar
    assert none.cost == 0.0
    # What has settled by the horizon is not sold.
    far = value_at_risk(portfolio, calm, 1.0, liquidity=Liquidity.of(np.full(40, 0.05)))
    assert far.cost == 0.0


def test_the_joint_law_is_the_one_asked_for():
    shocks = Shocks.of([0.2, 0.4], [0.3, 0.1], [[1.0, 0.5], [0.5, 1.0]], leverage=[-0.7, 0.0])
    books = random_portfolio(names=2).books
    rngs = np.random.default_rng(0).spawn(2)
    moved = shocks.drawn(books, 0.1, 14, rngs)
    logs = np.stack([np.log(m.spot) for m in moved] + [np.log(m.vol) for m in moved])
    assert np.corrcoef(logs) == pytest.approx(shocks.correlation, abs=0.01)
    assert logs.std(axis=1) == pytest.approx(
        [0.2 * np.sqrt(0.1), 0.4 * np.sqrt(0.1), 0.3, 0.1], rel=0.01
    )
    for book, m in zip(books, moved, strict=True):
        assert m.spot.mean() == pytest.approx(book.S * np.exp(0.03 * 0.1), rel=1e-3)
        assert m.vol.mean() == pytest.approx(1.0, rel=1e-3)
    assert shocks.correlation[0, 2] == pytest.approx(-0.7)
    assert shocks.correlation[1, 2] == pytest.approx(-0.35)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.floats(-1, 1), st.floats(0, 1))
def test_every_law_that_is_built_exists(seed, names, leverage, common):
    root = np.random.default_rng(seed).normal(size=(names, names + 2))
    matrix = root @ root.T
    scale = np.sqrt(np.diag(matrix))
    shocks = Shocks.of(
        np.full(names, 0.2), 0.3, matrix / np.outer(scale, scale), leverage=leverage, common=common
    )
    assert np.linalg.eigvalsh(shocks.correlation).min() > -1e-9
    assert np.diag(shocks.correlation) == pytest.approx(np.ones(2 * names))


def test_stress_is_repricing_at_the_shifted_state():
    portfolio = random_portfolio()
    grid = stress(portfolio, [-0.1, 0.0, 0.1], [1.0, 1.5], [0.0, DAY], betas=[1.0, 0.5, 2.0, 0.0])
    assert grid.shape == (4, 3, 2, 2)
    assert grid[:, 1, 0, 0] == pytest.approx(np.zeros(4), abs=1e-7)
    book = portfolio.books[2]
    then = book.values(book.S * 0.8, 1.5, DAY) @ book.quantity + book.units * book.S * 0.8
    assert grid[2, 0, 1, 1] == pytest.approx(then - book.value(), rel=1e-9)
    # Without a beta only volatility and time move it.
    assert grid[3, 0] == pytest.approx(grid[3, 2])
    assert stress(portfolio).shape == (4, 11, 5, 3)


def test_greeks_stand_by_underlying_and_expiry():
    days = np.array([0.5, 1.0, 3.0, 20.0, 60.0, 200.0, 700.0, 0.0])
    portfolio = Portfolio.of(
        ["A", "B"], [100.0, 50.0], [0, 0, 0, 0, 1, 1, 1, 0],
        [100.0, 100.0, 100.0, 100.0, 50.0, 50.0, 50.0, 90.0], days / 365, 0.3, True,
        [100.0, 100.0, -100.0, 100.0, 100.0, 100.0, 100.0, 100.0], units=[10.0, 0.0],
    )  # fmt: skip
    found = buckets(portfolio)
    assert found.delta.shape == (2, len(portfolio_risk.BUCKET_NAMES))
    greeks = bsm.greeks(100.0, 100.0, days[:4] / 365, 0.0, 0.0, 0.3, True).quoted()
    at = np.array([1.0, 1.0, -1.0, 1.0]) * 100.0
    assert found.delta[0, 0] == pytest.approx(at[0] * greeks.delta[0] * 100.0)
    assert found.delta[0, 1] == pytest.approx((at * greeks.delta)[1:3].sum() * 100.0)
    assert found.gamma[0, 2] == pytest.approx(at[3] * greeks.gamma[3] * 100.0)
    assert found.vega[0, 2] == pytest.approx(at[3] * greeks.vega[3])
    assert found.theta[0, 0] == pytest.approx(at[0] * greeks.theta[0])
    assert np.count_nonzero(found.vega[0]) == 3
    assert np.flatnonzero(found.vega[1]).tolist() == [3, 4, 5]
    assert found.units.tolist() == [1000.0, 0.0]


@pytest.mark.parametrize(
    ("match", "call"),
    [
        ("horizon", lambda p, s: value_at_risk(p, s, -1.0)),
        ("replications", lambda p, s: value_at_risk(p, s, DAY, replications=1)),
        ("level", lambda p, s: value_at_risk(p, s, DAY, level=1.0, power=4)),
        ("shocks", lambda p, s: value_at_risk(p, alike(3), DAY)),
        ("liquidity", lambda p, s: value_at_risk(p, s, DAY, liquidity=Liquidity.of([0.1]))),
        ("half_spread", lambda p, s: Liquidity.of([-0.1])),
        ("displayed", lambda p, s: Liquidity.of([0.1], [0.0])),
        ("factors", lambda p, s: stress(p, factors=[-1.0])),
        ("elapsed", lambda p, s: stress(p, elapsed=[-1.0])),
        ("moves times betas", lambda p, s: stress(p, [-0.6], betas=2.0)),
        ("eigenvalue", lambda p, s: alike(4, -0.9)),
        ("symmetric", lambda p, s: Shocks.of([0.2, 0.2], 0.0, [[1.0, 0.5], [0.4, 1.0]])),
        ("shape", lambda p, s: Shocks.of([0.2, 0.2], 0.0, [[1.0]])),
        ("spot_vol", lambda p, s: Shocks.of([-0.2], 0.0, [[1.0]])),
        ("vol_of_vol", lambda p, s: Shocks.of([0.2], np.nan, [[1.0]])),
        ("leverage", lambda p, s: alike(4, leverage=1.5)),
        ("underlying", lambda p, s: Portfolio.of(["N"], 1.0, [1], 1.0, 1.0, 1.0, True, 1.0)),
        ("no underlyings", lambda p, s: value_at_risk(Portfolio((), (), ()), s, DAY)),
    ],
)
def test_an_argument_that_is_not_valid_is_named(match, call):
    with pytest.raises(ValueError, match=match):
        call(random_portfolio(), alike(4))


def test_the_normal_figures_are_the_closed_ones():
    assert stats.norm.ppf(0.99) == pytest.approx(NORMAL_VAR)
    assert stats.norm.pdf(stats.norm.ppf(0.99)) / 0.01 == pytest.approx(NORMAL_CVAR)
