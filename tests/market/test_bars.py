"""Bars in partitions: loaded once, revised without forgetting, read as they were known."""

import datetime as dt

import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market import bars
from market.bars import BarRow, Written
from market.models import Bar, Instrument

CLOSE = dt.datetime(2018, 1, 5, 21, tzinfo=dt.UTC)
FAR = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
PAST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def spx(db: None) -> Instrument:
    return Instrument.objects.create(symbol="SPX", kind="index")


def bar(
    spx: Instrument, *, day: int = 0, close: float = 2743.0, known: int | None = None
) -> BarRow:
    time = CLOSE + dt.timedelta(days=day)
    known_at = CLOSE + dt.timedelta(days=day if known is None else known)
    return BarRow(spx.pk, "trade", 86_400, time, known_at, 2730.0, 2800.0, 2700.0, close, None, "t")


def read(at: dt.datetime | None = None) -> bars.Bars:
    return bars.read_bars("SPX", interval=86_400, start=PAST, end=FAR, at=at)


def test_bars_come_back_in_order_with_what_is_missing_as_nan(spx: Instrument) -> None:
    assert bars.write_bars([bar(spx, day=3, close=2747.0), bar(spx)]) == Written(2, 2)
    got = read()
    np.testing.assert_array_equal(got.close, [2743.0, 2747.0])
    assert np.isnan(got.volume).all()
    day = 86_400 * 10**9
    first = int(CLOSE.timestamp()) * 10**9
    assert got.times.tolist() == [first, first + 3 * day]


def test_same_bars_again_change_nothing(spx: Instrument) -> None:
    rows = [bar(spx, day=d) for d in range(5)]
    bars.write_bars(rows)
    assert bars.write_bars(rows) == Written(5, 0)
    assert Bar.objects.count() == 5


def test_revision_is_known_from_now_on_and_the_past_stays(spx: Instrument) -> None:
    bars.write_bars([bar(spx, close=2743.0)])
    assert bars.write_bars([bar(spx, close=2743.5)]) == Written(1, 1)
    np.testing.assert_array_equal(read().close, [2743.5])
    np.testing.assert_array_equal(read(at=CLOSE).close, [2743.0])
    assert bars.write_bars([bar(spx, close=2743.5)]) == Written(1, 0)


def test_bar_is_not_read_before_it_was_known(spx: Instrument) -> None:
    bars.write_bars([bar(spx, known=2)])
    assert len(read(at=CLOSE + dt.timedelta(days=1))) == 0
    assert len(read(at=CLOSE + dt.timedelta(days=2))) == 1


def test_each_year_has_its_partition(spx: Instrument) -> None:
    bars.write_bars([bar(spx), bar(spx, day=365), bar(spx, day=-10_000)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tableoid::regclass::text FROM market_bar ORDER BY 1")
        names = [name for (name,) in cursor.fetchall()]
    assert names == ["market_bar_1990", "market_bar_2018", "market_bar_2019"]


def test_nothing_given_is_nothing_written(spx: Instrument) -> None:
    assert bars.write_bars([]) == Written(0, 0)
    assert len(read()) == 0


def test_coverage_names_each_series(spx: Instrument) -> None:
    bars.write_bars([bar(spx), bar(spx, day=1)])
    assert bars.coverage("SPX") == [("trade", 86_400, CLOSE, CLOSE + dt.timedelta(days=1), 2)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    versions=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=12),
    asked=st.integers(-1, 20),
)
def test_point_in_time_read_is_the_newest_version_known_then(
    spx: Instrument, versions: list[tuple[int, int]], asked: int
) -> None:
    """Rows inserted as they are, with any delay: the read never shows a later one."""
    Bar.objects.all().delete()
    bars.ensure_partition(2018)
    expected: dict[int, tuple[int, float]] = {}
    for close, (day, delay) in enumerate(dict.fromkeys(versions)):
        row = bar(spx, day=day, close=float(close), known=day + delay)
        Bar.objects.create(**row._asdict())
        newest = expected.get(day, (-1, 0.0))
        if day + delay <= asked and day + delay > newest[0]:
            expected[day] = (day + delay, float(close))
    got = read(at=CLOSE + dt.timedelta(days=asked))
    assert got.close.tolist() == [expected[day][1] for day in sorted(expected)]
