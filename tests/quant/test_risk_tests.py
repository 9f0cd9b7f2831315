"""Backtests of risk limits against the tables of their papers."""

import numpy as np
import pytest
from scipy import stats

from quant import risk_tests


def test_kupiecs_statistic_has_its_exact_values():
    found = risk_tests.kupiec(3, 250, 0.01)
    assert found.statistic == pytest.approx(0.0949, abs=5e-5)
    assert found.p == pytest.approx(0.758, abs=5e-4)
    assert risk_tests.kupiec(40, 500, 0.05).statistic == pytest.approx(8.079, abs=5e-4)
    assert risk_tests.kupiec(0, 250, 0.01).statistic == pytest.approx(-500 * np.log(0.99))


@pytest.mark.parametrize(
    ("days", "level", "low", "high"),
    [
        (255, 0.01, 0, 6),
        (510, 0.01, 2, 10),
        (1000, 0.01, 5, 16),
        (255, 0.05, 7, 20),
        (1000, 0.05, 38, 64),
    ],
)
def test_kupiecs_table_of_counts_that_are_not_rejected(days, level, low, high):
    """At 95 % confidence; zero breaches in 255 days at 1 % are rejected by the ratio (p 0.024)."""
    kept = [n for n in range(days) if risk_tests.kupiec(n, days, level).p > 0.05]
    assert max(kept) == high
    assert min(kept) == (1 if (days, level) == (255, 0.01) else low)


def test_breaches_that_come_together_are_found():
    alone = np.zeros(500, dtype=bool)
    alone[::100] = True
    together = np.zeros(500, dtype=bool)
    together[200:205] = True
    assert risk_tests.christoffersen(alone).p > 0.5
    assert risk_tests.christoffersen(together).p < 1e-6
    both = risk_tests.conditional_coverage(together, 0.01)
    assert both.breaches == 5
    assert both.p < 1e-6
    never = risk_tests.christoffersen(np.zeros(250, dtype=bool))
    assert never.statistic == 0.0


def test_basel_zones():
    assert [risk_tests.basel_zone(n) for n in (0, 4, 5, 9, 10)] == [
        "green", "green", "yellow", "yellow", "red",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("freedom", "critical"), [(None, -0.70), (10, -0.71), (5, -0.74), (3, -0.81)]
)
def test_acerbi_and_szekelys_critical_values(freedom, critical):
    """5 % quantile of Z2 over 250 days at 2.5 %, right model: about -0.7 whatever the tails."""
    level, rng = 0.025, np.random.default_rng(1)
    if freedom is None:
        law, draws = stats.norm, rng.standard_normal((40_000, 250))
        var = -law.ppf(level)
        shortfall = law.pdf(var) / level
    else:
        law, draws = stats.t(freedom), rng.standard_t(freedom, (40_000, 250))
        var = -law.ppf(level)
        shortfall = (freedom + var**2) / (freedom - 1) * law.pdf(var) / level
    z2 = [risk_tests.acerbi_szekely(row, var, shortfall, level) for row in draws]
    assert np.mean(z2) == pytest.approx(0.0, abs=0.01)
    assert np.quantile(z2, 0.05) == pytest.approx(critical, abs=0.025)
