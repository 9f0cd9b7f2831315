"""Splits that do not look ahead, checked against their definitions; tests of many models."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import comb

from quant import validation


def labels(seed, count, longest):
    rng = np.random.default_rng(seed)
    start = np.sort(rng.integers(0, 3 * count, count)).astype(float)
    return start, start + rng.integers(0, longest + 1, count)


drawn = st.tuples(st.integers(0, 2**32 - 1), st.integers(12, 80), st.integers(0, 30))


@settings(max_examples=150, deadline=None)
@given(drawn, st.integers(3, 6), st.integers(1, 2), st.floats(0.0, 20.0))
def test_no_training_label_meets_a_test_label_or_its_embargo(sample, groups, tested, embargo):
    assume(tested < groups)
    start, end = labels(*sample)
    for split in validation.combinatorial(start, end, groups, tested, embargo=embargo):
        low, high = start[split.test], end[split.test]
        for place in split.train:
            assert not np.any((start[place] <= high) & (end[place] >= low))
            assert not np.any((start[place] > high) & (start[place] <= high + embargo))
        assert not set(split.train.tolist()) & set(split.test.tolist())


@settings(max_examples=60, deadline=None)
@given(drawn, st.integers(3, 7), st.integers(1, 3))
def test_every_group_is_tested_equally_often_and_never_shortened(sample, groups, tested):
    assume(tested < groups)
    start, end = labels(*sample)
    count = np.zeros(start.size, dtype=int)
    splits = list(validation.combinatorial(start, end, groups, tested, embargo=5.0))
    assert len(splits) == comb(groups, tested, exact=True)
    for split in splits:
        count[split.test] += 1
        assert len(split.groups) == tested
    assert np.all(count == comb(groups - 1, tested - 1, exact=True))


def test_without_overlap_or_embargo_nothing_is_lost():
    start = np.arange(60.0)
    for split in validation.combinatorial(start, start + 0.5, 6, 2):
        assert split.train.size + split.test.size == 60


def test_six_groups_by_two_are_fifteen_splits_and_five_paths():
    paths = validation.backtest_paths(6, 2)
    assert len(paths) == 5
    start = np.arange(60.0)
    splits = list(validation.combinatorial(start, start, 6, 2))
    assert len(splits) == 15
    used = set()
    for path in paths:
        assert sorted(path) == list(range(6))
        for group, number in path.items():
            assert group in splits[number].groups
            assert (group, number) not in used
            used.add((group, number))
    assert len(used) == 30


@settings(max_examples=100, deadline=None)
@given(drawn, st.integers(1, 5), st.floats(0.0, 10.0), st.one_of(st.none(), st.integers(1, 20)))
def test_walking_forward_trains_on_what_is_known(sample, folds, embargo, window):
    start, end = labels(*sample)
    tested = []
    for split in validation.walk_forward(start, end, folds, window=window, embargo=embargo):
        assert np.all(end[split.train] < start[split.test[0]] - embargo)
        assert window is None or split.train.size <= window
        tested += split.test.tolist()
    assert tested == list(range(tested[0], start.size))


@settings(max_examples=60, deadline=None)
@given(drawn, st.integers(2, 5))
def test_what_happens_later_changes_no_earlier_fold(sample, folds):
    start, end = labels(*sample)
    before = list(validation.walk_forward(start, end, folds))
    cut = before[0].test[-1] + 1
    later = end.copy()
    later[cut:] += 100.0
    after = next(validation.walk_forward(start, later, folds))
    np.testing.assert_array_equal(before[0].train, after.train)
    np.testing.assert_array_equal(before[0].test, after.test)


def test_folds_are_groups_one_at_a_time():
    start = np.arange(50.0)
    folds = list(validation.purged_folds(start, start + 2.0, 5, embargo=3.0))
    assert [split.groups for split in folds] == [(0,), (1,), (2,), (3,), (4,)]
    middle = folds[2]
    assert middle.test.tolist() == list(range(20, 30))
    # The last test label ends at 31: 18 and 19 reach into the block, 30 to 34 are purged or barred.
    assert middle.train.tolist() == [*range(18), *range(35, 50)]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ([0, 1], [1], "two equal rows"),
        ([0, np.nan, 2], [1, 2, 3], "not finite"),
        ([0, 2, 1], [3, 3, 3], r"start\[2\] is before"),
        ([0, 1, 2], [1, 0, 3], r"end\[1\]"),
        ([0, 1], [1, 2], "cut into"),
    ],
)
def test_labels_that_make_no_sense_are_named(start, end, message):
    with pytest.raises(ValueError, match=message):
        list(validation.purged_folds(start, end, 3))
    with pytest.raises(ValueError, match="tested"):
        list(validation.combinatorial(np.arange(9), np.arange(9), 3, 3))


def losses(edge, seed=1):
    rng = np.random.default_rng(seed)
    base = rng.standard_normal(500) ** 2
    models = base[:, None] + 0.3 * rng.standard_normal((500, 20))
    models[:, 7] -= edge
    return base, models


def test_an_edge_is_found_and_none_is_not():
    for test in (validation.superior_ability, validation.reality_check):
        found = test(*losses(0.1), block=5, draws=500, seed=3)
        assert found.consistent < 0.01
        assert (found.models, found.observations) == (20, 500)
        assert test(*losses(0.0), block=5, draws=500, seed=3).consistent > 0.05


def test_no_edge_is_found_as_seldom_as_stated():
    p = [
        validation.superior_ability(*losses(0.0, seed), block=2, draws=200, seed=seed).consistent
        for seed in range(60)
    ]
    assert np.mean(np.array(p) < 0.05) <= 0.15


def test_losses_of_other_lengths_are_named():
    with pytest.raises(ValueError, match="models"):
        validation.superior_ability(np.ones(5), np.ones((4, 2)), block=2, seed=1)
    with pytest.raises(ValueError, match="block"):
        validation.reality_check(np.ones(5), np.ones((5, 2)), block=0.5, seed=1)
