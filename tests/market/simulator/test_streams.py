"""Random streams: keyed by purpose, path, session and minute."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.simulator.streams import MAX_PATH, MAX_SEED, Purpose, hashed_uniform, stream


def test_streams_repeat_and_no_two_are_the_same() -> None:
    keys = list(itertools.product((0, MAX_SEED), Purpose, (0, 1, MAX_PATH), (0, 5), (0, 389)))
    firsts = {}
    for seed, purpose, path, session, minute in keys:
        drawn = [
            stream(seed, purpose, path=path, session=session, minute=minute).random(3).tobytes()
            for _ in range(2)
        ]
        assert drawn[0] == drawn[1]
        firsts[drawn[0]] = True
    assert len(firsts) == len(keys)


@given(st.integers(0, MAX_SEED), st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=30))
def test_a_hashed_number_belongs_to_its_parts_alone(seed: int, parts: list[int]) -> None:
    values = hashed_uniform(seed, Purpose.TERM_INTEREST, 3, np.array(parts))
    alone = [hashed_uniform(seed, Purpose.TERM_INTEREST, 3, part)[0] for part in parts]
    assert values.tolist() == alone
    assert np.all((values >= 0.0) & (values < 1.0))


def test_hashed_numbers_are_uniform_and_unrelated_to_their_neighbors() -> None:
    values = hashed_uniform(7, Purpose.ZERO_DTE_INTEREST, np.arange(100)[:, None], np.arange(1000))
    counts = np.histogram(values, bins=20, range=(0, 1))[0]
    assert np.abs(counts / 5000 - 1).max() < 5 / np.sqrt(5000)
    assert abs(np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1]) < 0.015
    assert abs(np.corrcoef(values[1:].ravel(), values[:-1].ravel())[0, 1]) < 0.015
