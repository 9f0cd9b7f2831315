"""Means of clustered observations against statsmodels and SciPy, and skewness that does no harm."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from quant.clustered import chance_of_sum, clustered_mean, unskewed_t


def drawn(seed=1, clusters=40):
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(1, 6, clusters))
    common = rng.standard_normal(clusters)[cluster]
    return 0.1 + common + rng.standard_normal(cluster.size), cluster


def test_the_error_is_the_cluster_sandwich():
    x, cluster = drawn()
    found = clustered_mean(x, cluster)
    reference = sm.OLS(x, np.ones(x.size)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster}, use_t=True
    )
    assert found.mean == pytest.approx(reference.params[0])
    assert found.error == pytest.approx(reference.bse[0])
    assert (found.low, found.high) == pytest.approx(tuple(reference.conf_int()[0]))
    assert (found.observations, found.clusters) == (x.size, 40)


def test_alone_in_their_clusters_they_are_students():
    x = np.random.default_rng(2).standard_normal(50) + 0.2
    found = clustered_mean(x, np.arange(50))
    low, high = stats.ttest_1samp(x, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    symmetric = np.concatenate([x, 2.0 * x.mean() - x])  # no skewness: Hall's t is Student's
    alone = stats.ttest_1samp(symmetric, 0.0, alternative="greater")
    assert unskewed_t(symmetric) == pytest.approx(alone.statistic)
    assert chance_of_sum(symmetric) == pytest.approx(alone.pvalue)


@pytest.mark.parametrize(("values", "clusters"), [([], 0), ([1.0], 1), ([1.0, 2.0], 1)])
def test_too_little_says_nothing(values, clusters):
    found = clustered_mean(np.array(values), np.zeros(len(values), dtype=np.int64))
    assert (found.low, found.high, found.p) == (-np.inf, np.inf, 1.0)
    assert found.clusters == clusters


def test_equal_sums_are_no_evidence():
    assert chance_of_sum(np.full(20, 3.0)) == 1.0


def test_many_small_gains_and_rare_large_losses_pass_no_more_often_than_allowed():
    rng = np.random.default_rng(3)
    sums = 1.0 - rng.exponential(size=(2000, 60))
    plain = np.mean(stats.ttest_1samp(sums, 0.0, axis=1, alternative="greater").pvalue < 0.05)
    ours = np.mean([chance_of_sum(one) < 0.05 for one in sums])
    assert plain > 0.07
    assert ours < 0.065
    assert abs(ours - 0.05) < 0.5 * abs(plain - 0.05)


@given(st.integers(0, 2**32 - 1))
def test_order_does_not_matter(seed):
    x, cluster = drawn()
    order = np.random.default_rng(seed).permutation(x.size)
    found, again = clustered_mean(x, cluster), clustered_mean(x[order], cluster[order])
    assert again == pytest.approx(found)
