"""Figures of a record: known answers, limits, and what is said where nothing can be."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from quant.performance import sharpe
from tools_app.costs import MINUTES
from tools_app.decay import half_life
from tools_app.figures import digest_of, figures_of
from tools_app.scorecards import Record, calibration, measure, reliability


def record(n=200, sessions=100, mean=0.0, seed=5, overlap=1, score=None):
    rng = np.random.default_rng(seed)
    gain = 2e-3 * rng.standard_normal(n) + mean
    return Record(
        session=np.sort(rng.integers(sessions, size=n)),
        score=np.full(n, 0.7) if score is None else score,
        gain=gain,
        move=gain / 2e-3,
        base_share=np.full(n, 0.5),
        base_move=np.zeros(n),
        quarters=np.full((n, 4), np.nan),
        quarter_rows=(8, 15, 23, 30),
        base_rows=20_000,
        sessions=sessions,
        cost=MINUTES,
        overlap=overlap,
    )


def test_figures_are_those_of_the_record():
    one = record(mean=5e-4)
    found = measure(one)
    assert found.hit_rate == (one.gain > 0).mean()
    assert found.hit_low < found.hit_rate < found.hit_high
    assert found.excess.mean == pytest.approx(found.hit_rate - 0.5)
    assert found.gain.mean == pytest.approx(one.gain.mean() - one.cost)
    assert found.edge.mean == pytest.approx(one.move.mean())
    sums = np.zeros(100)
    np.add.at(sums, one.session, one.gain - one.cost)
    assert found.ratio == pytest.approx(sharpe(sums).annual(252.0))
    assert found.ratio.observations == 100, "sessions without a signal earn nothing and count"
    assert 0.0 < found.deflated < 1.0
    assert measure(one, trials=1000).deflated < found.deflated
    assert measure(one, trials=1).trials == 52


def test_signals_that_repeat_each_other_are_one():
    one = record(n=60, sessions=60, mean=3e-4)
    names = ("session", "score", "gain", "move", "base_share", "base_move", "quarters")
    five = replace(one, **{name: np.repeat(getattr(one, name), 5, axis=0) for name in names})
    few, many = measure(one), measure(five)
    assert many.edge.p == pytest.approx(few.edge.p)
    assert many.independent == pytest.approx(few.independent, rel=0.03)
    assert many.reliability == pytest.approx(few.reliability, abs=0.01)


def test_outcomes_that_overlap_are_one_stretch():
    daily = record(sessions=100, overlap=5)
    assert daily.block == 10
    found = measure(daily)
    assert (found.edge.clusters, found.ratio.observations) == (10, 10)


def test_an_empty_record_has_figures_without_numbers():
    body = figures_of(measure(record(n=0, sessions=3)))
    text = json.dumps(body, allow_nan=False)
    assert body["hit_rate"] == {"value": None, "low": 0.0, "high": 1.0, "n": 0, "independent": 0.0}
    assert body["reliability"]["value"] == 0.5
    assert body["half_life"]["reason"].startswith("fewer than 30")
    assert "NaN" not in text


@given(n=st.integers(0, 40), sessions=st.integers(1, 40), overlap=st.sampled_from([1, 5]))
def test_any_record_has_figures_in_json(n, sessions, overlap):
    body = figures_of(measure(record(n=n, sessions=sessions, overlap=overlap)))
    json.dumps(body, allow_nan=False)
    rate = body["hit_rate"]
    assert 0.0 <= rate["low"] <= rate["high"] <= 1.0
    assert 0.0 <= body["reliability"]["value"] <= 1.0


def test_the_digest_follows_every_input():
    one = record()
    assert digest_of(one) == digest_of(record())
    gain = one.gain.copy()
    gain[0] += 1e-12
    assert digest_of(replace(one, gain=gain)) != digest_of(one)
    assert digest_of(replace(one, sessions=101)) != digest_of(one)


class TestReliability:
    @pytest.mark.parametrize("base", [0.3, 0.5, 0.62])
    def test_nothing_known_is_neutral(self, base):
        assert reliability(0.9, 0.0, base) == pytest.approx(0.5, abs=1e-3)

    def test_it_is_the_posterior(self):
        a = b = 20.0  # the prior of 40 signals around one half
        posterior = stats.beta(a + 60, b + 40)
        assert reliability(0.6, 100.0, 0.5) == pytest.approx(posterior.sf(0.5))

    @given(rate=st.floats(0.0, 1.0), n=st.floats(0.0, 1e5), base=st.floats(0.0, 1.0))
    def test_it_is_a_weight(self, rate, n, base):
        found = reliability(rate, n, base)
        assert 0.0 <= found <= 1.0
        assert found >= reliability(max(rate - 0.1, 0.0), n, base) - 1e-9

    def test_few_signals_move_it_little(self):
        few, many = reliability(0.6, 10.0, 0.5), reliability(0.6, 1000.0, 0.5)
        assert 0.5 < few < 0.65
        assert many > 0.99


class TestCalibration:
    def test_a_score_that_means_what_it_says(self):
        rng = np.random.default_rng(8)
        score = rng.uniform(0.5, 1.0, 20_000)
        found = calibration(score, (rng.uniform(size=score.size) < score).astype(float))
        assert [one.low for one in found.bins] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])
        assert sum(one.n for one in found.bins) == 20_000
        assert all(one.rate_low < one.rate < one.rate_high for one in found.bins)
        assert found.error < 2.5 * found.by_chance

    def test_a_score_that_does_not(self):
        score = np.repeat([0.55, 0.85, 1.0], 500)
        found = calibration(score, np.tile([0.0, 1.0], 750))
        assert [one.rate for one in found.bins] == pytest.approx([0.5, 0.5, 0.5])
        assert [one.n for one in found.bins] == [500, 500, 500]
        assert found.error == pytest.approx(np.mean([0.05, 0.35, 0.5]))
        assert found.error > 5.0 * found.by_chance

    def test_a_whole_tenth_opens_its_bin(self):
        found = calibration(np.array([0.6, 0.7]), np.array([1.0, 0.0]))
        assert [one.low for one in found.bins] == [0.6, 0.7]


class TestHalfLife:
    ROWS = (8, 15, 23, 30)

    def quarters(self, life, n=600, noise=0.3, seed=9):
        rng = np.random.default_rng(seed)
        ends = np.array(self.ROWS)
        mean = 1.0 - 2.0 ** (-ends / life)
        steps = noise * rng.standard_normal((n, 4)) * np.sqrt(np.diff(ends, prepend=0) / 7.5)
        return mean + np.cumsum(steps, axis=1)

    @pytest.mark.parametrize("life", [8.0, 15.0])
    def test_a_planted_one_is_found(self, life):
        found = half_life(self.quarters(life), np.arange(600), self.ROWS, p=1e-6)
        assert found.low <= life <= found.high
        assert found.value == pytest.approx(life, rel=0.25)
        assert found.n == 600

    @pytest.mark.parametrize(
        ("quarters", "p", "words"),
        [
            (np.zeros((10, 4)), 0.001, "fewer than 30"),
            (np.full((50, 4), np.nan), 0.001, "fewer than 30"),
            (np.random.default_rng(1).standard_normal((50, 4)), 0.4, "no edge"),
            (np.random.default_rng(1).standard_normal((50, 4)).cumsum(1), 0.01, "do not tell"),
        ],
    )
    def test_what_cannot_be_told_is_not_told(self, quarters, p, words):
        found = half_life(quarters, np.arange(len(quarters)), self.ROWS, p)
        assert np.isnan(found.value)
        assert words in found.reason

    def test_an_edge_that_lasts_is_not_given_a_half_life(self):
        found = half_life(self.quarters(1e6) * 1e5, np.arange(600), self.ROWS, p=1e-6)
        assert np.isnan(found.value)

    def test_a_horizon_of_three_rows_has_no_quarters(self):
        found = half_life(np.ones((50, 4)), np.arange(50), (1, 2, 3, 3), p=0.001)
        assert "fewer than four rows" in found.reason
