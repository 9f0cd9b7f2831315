"""The probability of backtest overfitting where it is known: no skill, real skill, opposites."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import rankdata

from quant.overfitting import overfitting


def plainly(returns, blocks):
    """Return ranks' logits by cutting and joining the rows for each half."""
    cut = np.array_split(returns, blocks)
    out = []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.vstack([cut[i] for i in chosen])
        outside = np.vstack([cut[i] for i in range(blocks) if i not in chosen])
        best = np.argmax(inside.mean(0) / inside.std(0))
        rank = rankdata(outside.mean(0) / outside.std(0))[best] / (returns.shape[1] + 1)
        out.append(np.log(rank / (1 - rank)))
    return np.array(out)


def test_sums_per_block_give_what_cutting_gives():
    returns = np.random.default_rng(3).standard_normal((240, 12)) * 0.01
    np.testing.assert_allclose(overfitting(returns, 8).logits, plainly(returns, 8), rtol=1e-9)


def test_columns_with_one_mean_and_deviation_are_pure_overfitting():
    """The example of the R package pbo: what is better on one half must be worse on the other."""
    rng = np.random.default_rng(765)
    noise = rng.standard_normal((1600, 100)) * 0.01
    level = (noise - noise.mean(0)) / noise.std(0) * 0.01
    found = overfitting(level)
    assert found.halves == 12_870
    assert found.pbo == 1.0
    assert found.loss == 1.0
    assert found.slope < -0.9


def test_one_true_strategy_is_found_on_every_half():
    rng = np.random.default_rng(1)
    returns = rng.standard_normal((2400, 100)) * 0.01
    returns[:, 17] += 0.01 * 2.5 / np.sqrt(252) * 2
    found = overfitting(returns)
    assert found.pbo < 0.01
    assert found.loss < 0.01


def test_noise_alone_is_overfitted_half_of_the_time():
    rng = np.random.default_rng(5)
    pbo = [overfitting(rng.standard_normal((480, 20)), 8).pbo for _ in range(60)]
    assert np.mean(pbo) == pytest.approx(0.5, abs=0.12)


def test_rows_that_do_not_fill_a_block_are_left_out_at_the_start():
    returns = np.random.default_rng(2).standard_normal((163, 5))
    np.testing.assert_array_equal(
        overfitting(returns, 4).logits, overfitting(returns[3:], 4).logits
    )


@pytest.mark.parametrize(
    ("shape", "blocks", "message"),
    [
        ((100,), 4, "two columns"),
        ((100, 1), 4, "two columns"),
        ((100, 3), 5, "even"),
        ((9, 3), 8, "rows"),
    ],
)
def test_what_cannot_be_cut_is_named(shape, blocks, message):
    with pytest.raises(ValueError, match=message):
        overfitting(np.ones(shape), blocks)
    with pytest.raises(ValueError, match="finite"):
        overfitting(np.full((100, 2), np.nan), 4)


def test_constant_columns_count_as_no_edge():
    returns = np.zeros((64, 3))
    returns[:, 1] = np.random.default_rng(4).standard_normal(64)
    assert np.isfinite(overfitting(returns, 4).logits).all()
