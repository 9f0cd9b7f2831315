"""The external sort of option files: nothing lost, in order, memory bounded by its own sizes."""

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from market.importers.spool import ROW, Kind, Spool

rows = st.lists(
    st.tuples(
        st.integers(-5, 40),
        st.integers(0, 6),
        st.sampled_from(Kind),
        st.tuples(*[st.floats(-1e6, 1e6)] * 4),
    ),
    max_size=200,
)


@settings(deadline=None)
@given(rows, st.integers(1, 40))
def test_rows_come_back_in_order_of_time_and_of_coming(given_rows, run_rows):
    with Spool(run_rows=run_rows) as spool:
        for time, contract, kind, values in given_rows:
            spool.add(time, contract, kind, values)
        blocks = list(spool.blocks())
    got = np.concatenate([np.empty(0, ROW), *blocks])
    wanted = sorted(given_rows, key=lambda row: row[0])  # stable: equal times as they came
    assert got["time"].tolist() == [row[0] for row in wanted]
    assert got["contract"].tolist() == [row[1] for row in wanted]
    assert got["kind"].tolist() == [row[2] for row in wanted]
    assert got["values"].tolist() == [list(row[3]) for row in wanted]


def test_equal_times_keep_their_order_across_runs_that_are_read_in_parts():
    with Spool(run_rows=3) as spool:
        for number in range(40):
            spool.add(number // 39, number, Kind.QUOTE, (0.0, 0.0, 0.0, 0.0))
        got = np.concatenate(list(spool.blocks()))
    assert got["contract"].tolist() == list(range(40))


def peak_of(count: int) -> int:
    """Return the peak memory in bytes of passing `count` rows through a spool."""
    tracemalloc.start()
    with Spool(run_rows=2_000) as spool:
        for number in range(count):
            spool.add(number % 997, number, Kind.TRADE, (1.0, 2.0, 3.0, 4.0))
        taken = sum(len(block) for block in spool.blocks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken == count
    return peak


def test_memory_is_bounded_by_the_runs_not_by_the_rows():
    few, many = peak_of(20_000), peak_of(200_000)
    assert 200_000 * ROW.itemsize > 15 * few
    assert many < 1.5 * few
