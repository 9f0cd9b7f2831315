"""Rows out of place are refused, and only they."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from market.importers.context import RefusedError
from market.importers.order import WINDOW, in_order


def run(times: list[int], *, repeats: bool = False) -> tuple[list[int], list[tuple[int, str]]]:
    refused: list[tuple[int, str]] = []

    def refuse(at: int, error: RefusedError) -> None:
        refused.append((at, error.reason))

    return list(in_order(times, time=lambda at: at, refuse=refuse, repeats=repeats)), refused


def test_rows_in_order_pass() -> None:
    assert run([1, 2, 5]) == ([1, 2, 5], [])


def test_row_from_the_future_does_not_take_the_rest_with_it() -> None:
    kept, refused = run([1, 2, 90, 91, 3, 4, 5])
    assert kept == [1, 2, 3, 4, 5]
    assert [at for at, _ in refused] == [90, 91]
    assert refused[0][1] == "is later than the rows after it"


def test_row_from_the_past_and_repeated_row_are_told_apart() -> None:
    assert run([10, 11, 5, 11, 12])[1] == [(5, "goes backwards"), (11, "repeats the row before")]


def test_repeats_are_allowed_where_rows_share_an_instant() -> None:
    assert run([1, 1, 2, 2, 1], repeats=True) == ([1, 1, 2, 2], [(1, "goes backwards")])


@given(st.lists(st.integers(0, 50), max_size=60), st.booleans())
def test_what_is_kept_rises_and_nothing_is_lost(times: list[int], repeats: bool) -> None:
    kept, refused = run(times, repeats=repeats)
    assert sorted([*kept, *(at for at, _ in refused)]) == sorted(times)
    assert all(a <= b if repeats else a < b for a, b in pairwise(kept))


@given(st.integers(0, 3 * WINDOW - 1), st.integers(-10_000, 10_000))
def test_one_bad_row_costs_one_row_in_a_long_file(place: int, shift: int) -> None:
    times = list(range(3 * WINDOW))
    times[place] += shift
    kept, refused = run(times)
    assert len(refused) <= 1
    assert len(kept) >= 3 * WINDOW - 1
