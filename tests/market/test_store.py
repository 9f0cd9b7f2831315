"""Snapshots in PostgreSQL: exact, small, fast, merged, and never known too early."""

import datetime as dt
import time

import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.store import DAY, synthetic_day
from market import store
from market.clock import MINUTE, from_ns, new_york, to_ns
from market.models import ChainLayout, FeedRun, Instrument, Snapshot
from market.snapshot import SnapshotData, make_layout, merge

START = to_ns(new_york(DAY, dt.time(9, 31)))
EXPIRY = dt.date(2024, 3, 15)


@pytest.fixture
def spy(db: None) -> Instrument:
    return Instrument.objects.create(symbol="SPY", kind="equity")


def data(
    strikes: list[float],
    *,
    minute: int = 0,
    late: int = 0,
    bids: list[float] | None = None,
    source: str = "test",
    **columns: list[float],
) -> SnapshotData:
    layout, order = make_layout(
        "SPY",
        roots=["SPY"] * len(strikes),
        expiries=[EXPIRY] * len(strikes),
        is_call=[True] * len(strikes),
        strikes=strikes,
    )
    given_columns = {"bids": bids or [1.0] * len(strikes), **columns}
    at = START + minute * MINUTE
    return SnapshotData(
        "SPY", source, at, at + late * MINUTE, 499.99, 500.01, 500.0, layout,
        {name: np.array(values)[order] for name, values in given_columns.items()}, {"r": 0.05},
    )  # fmt: skip


def test_contracts_of_a_recorded_chain_become_instruments_once(spy: Instrument) -> None:
    for strikes in ([495.0, 500.0], [500.0, 502.5]):
        store.write_snapshot(data(strikes, minute=int(strikes[0])))
    options = Instrument.objects.filter(kind="option").order_by("strike")
    assert [option.symbol for option in options] == [
        "SPY240315C00495000",
        "SPY240315C00500000",
        "SPY240315C00502500",
    ]
    first = options[0]
    assert (first.root, first.underlying, first.expiry, first.right) == ("SPY", spy, EXPIRY, "C")
    assert (first.strike, first.multiplier, first.exercise) == (495, 100, "american")
    assert first.settles_at == new_york(EXPIRY, dt.time(16))
    assert (first.settlement, first.simulated) == ("pm", False)


def test_a_simulations_contracts_are_not_listed(spy: Instrument) -> None:
    Instrument.objects.filter(pk=spy.pk).update(simulated=True)
    store.write_snapshot(data([495.0, 500.0]))
    assert not Instrument.objects.filter(kind="option").exists()


def test_snapshot_comes_back_as_it_was(spy: Instrument) -> None:
    original = data([495.0, 500.0], bids=[5.25, np.nan], open_interest=[7.0, 9.0])
    row = store.write_snapshot(original)
    got = store.load_snapshot(row.pk)
    assert (got.time, got.known_at, got.spot) == (original.time, original.known_at, 500.0)
    assert got.layout.symbols() == ["SPY240315C00495000", "SPY240315C00500000"]
    np.testing.assert_array_equal(got.column("bids"), [5.25, np.nan])
    np.testing.assert_array_equal(got.column("asks"), [np.nan, np.nan])
    assert got.scalars == {"r": 0.05}
    assert (got.id, row.rows) == (row.pk, 1)
    chain = got.chain()
    assert (chain.time, chain.spot, chain.r, chain.american) == (original.time, 500.0, 0.05, True)
    np.testing.assert_array_equal(chain.open_interest, [7.0, 9.0])


def test_writing_twice_keeps_the_first(spy: Instrument) -> None:
    first = store.write_snapshot(data([500.0], bids=[1.0]))
    again = store.write_snapshot(data([500.0], bids=[2.0]))
    assert first.pk == again.pk
    np.testing.assert_array_equal(store.load_snapshot(first.pk).column("bids"), [1.0])


def test_equal_chains_share_one_layout(spy: Instrument) -> None:
    assert store.write_snapshots(data([500.0], minute=m) for m in range(5)) == 5
    assert ChainLayout.objects.count() == 1


def test_recorded_parts_of_one_instant_are_merged(spy: Instrument) -> None:
    store.write_snapshots([data([500.0, 510.0], bids=[1.0, 2.0])])
    store.write_snapshots([data([510.0, 495.0], bids=[np.nan, 3.0], open_interest=[11.0, 12.0])])
    got = store.read_snapshot("SPY", at=from_ns(START))
    assert got is not None
    assert Snapshot.objects.count() == 1
    np.testing.assert_array_equal(got.layout.strikes, [495.0, 500.0, 510.0])
    np.testing.assert_array_equal(got.column("bids"), [3.0, 1.0, 2.0])
    np.testing.assert_array_equal(got.column("open_interest"), [12.0, np.nan, 11.0])


def test_nothing_is_read_before_it_was_known(spy: Instrument) -> None:
    store.write_snapshots([data([500.0], minute=0), data([500.0], minute=1, late=5)])
    assert store.read_snapshot("SPY", at=from_ns(START - MINUTE)) is None
    for minute, expected in ((0, 0), (3, 0), (5, 0), (6, 1), (9, 1)):
        got = store.read_snapshot("SPY", at=from_ns(START + minute * MINUTE))
        assert got is not None
        assert got.time == START + expected * MINUTE


def test_reading_between_instants_is_in_order_and_bounded(spy: Instrument) -> None:
    store.write_snapshots(data([500.0], minute=m, late=m % 2) for m in (3, 1, 0, 2))
    span = {"start": from_ns(START), "end": from_ns(START + 2 * MINUTE)}
    times = [s.time for s in store.snapshots_between("SPY", **span)]
    assert times == [START, START + MINUTE, START + 2 * MINUTE]
    known = [s.time for s in store.snapshots_between("SPY", **span, at=from_ns(START + MINUTE))]
    assert known == [START]


def test_runs_and_sources_do_not_mix(spy: Instrument) -> None:
    run = FeedRun.objects.create(symbol="SPY", underlying=spy, source="simulator", simulated=True)
    store.write_snapshot(data([500.0], bids=[9.0]), run=run)
    store.write_snapshot(data([500.0], bids=[1.0], source="other"))
    now = from_ns(START)
    assert store.read_snapshot("SPY", at=now, source="test") is None
    simulated = store.read_snapshot("SPY", at=now, run=run)
    recorded = store.read_snapshot("SPY", at=now)
    assert simulated is not None
    assert recorded is not None
    assert (simulated.column("bids")[0], recorded.column("bids")[0]) == (9.0, 1.0)


def test_day_of_a_thousand_contracts_is_small_and_fast_to_read(spy: Instrument) -> None:
    minutes = 20
    store.write_snapshots(synthetic_day(1000, minutes=minutes))
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(pg_column_size(payload)) FROM market_snapshot")
        each = float(cursor.fetchone()[0]) / minutes
    assert each * 390 < 8e6
    began = time.process_time()
    span = {"start": from_ns(START), "end": from_ns(START + 390 * MINUTE)}
    read = [len(s.chain()) for s in store.snapshots_between("SPY", **span)]
    assert read == [1000] * minutes
    assert minutes / (time.process_time() - began) > 200


keys = st.lists(st.integers(1, 9), unique=True, max_size=6)


@given(keys, keys)
def test_merged_chain_has_each_contract_once_and_the_newer_value(
    a: list[int], b: list[int]
) -> None:
    old = data([100.0 * k for k in a], bids=[float(k) for k in a])
    new = data([100.0 * k for k in b], bids=[10.0 * k for k in b])
    merged = merge(old, new)
    expected = {100.0 * k: float(k) for k in a} | {100.0 * k: 10.0 * k for k in b}
    strikes, bids = merged.layout.strikes.tolist(), merged.column("bids").tolist()
    assert dict(zip(strikes, bids, strict=True)) == expected
    assert strikes == sorted(expected)


@pytest.mark.parametrize(
    ("bid", "ask", "last", "spot"),
    [
        (10.0, 10.2, 10.05, 10.05),  # last within the quote
        (10.0, 10.2, 11.0, 10.1),  # last is old news
        (np.nan, 10.2, 11.0, 11.0),  # no quote
        (10.3, 10.2, 11.0, 11.0),  # crossed quote
        (10.0, 10.2, np.nan, 10.1),
    ],
)
def test_spot_rule(bid: float, ask: float, last: float, spot: float) -> None:
    layout = data([500.0]).layout
    shown = SnapshotData("SPY", "test", START, START, bid, ask, last, layout, {})
    assert shown.spot == pytest.approx(spot)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    delays=st.dictionaries(st.integers(0, 6), st.integers(0, 9), max_size=6),
    asked=st.integers(-1, 16),
)
def test_point_in_time_read_is_the_newest_snapshot_known_then(
    spy: Instrument, delays: dict[int, int], asked: int
) -> None:
    Snapshot.objects.all().delete()
    store.write_snapshots(data([500.0], minute=m, late=late) for m, late in delays.items())
    known = [m for m, late in delays.items() if m + late <= asked]
    at = from_ns(START + asked * MINUTE)
    found = store.read_snapshot("SPY", at=at)
    assert (None if found is None else found.time) == (
        START + max(known) * MINUTE if known else None
    )
    end = from_ns(START + 20 * MINUTE)
    times = [s.time for s in store.snapshots_between("SPY", start=from_ns(START), end=end, at=at)]
    assert times == [START + m * MINUTE for m in sorted(known)]
