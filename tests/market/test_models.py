"""What the migrations made: partitions, storage, constraints that refuse."""

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction

from market.models import ChainLayout, FeedRun, Instrument, Snapshot

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2018, 1, 5, 17, tzinfo=dt.UTC)


@pytest.fixture
def spx() -> Instrument:
    return Instrument.objects.create(symbol="SPX", kind="index")


def snapshot(spx: Instrument, *, run: FeedRun | None = None, late: int = 0) -> Snapshot:
    layout, _ = ChainLayout.objects.get_or_create(
        digest="d" * 64, defaults={"underlying": spx, "contracts": 0, "payload": b""}
    )
    return Snapshot.objects.create(
        underlying=spx, source="test", run=run, time=NOON,
        known_at=NOON + dt.timedelta(minutes=late), layout=layout, payload=b"", rows=0,
    )  # fmt: skip


def test_bars_are_partitioned_by_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_partkeydef('market_bar'::regclass)")
        assert cursor.fetchone() == ('RANGE ("time")',)


def test_payloads_are_kept_out_of_line_and_not_compressed_twice() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attstorage FROM pg_attribute "
            "WHERE attrelid = 'market_snapshot'::regclass AND attname = 'payload'"
        )
        assert cursor.fetchone() in {("e",), (b"e",)}


def test_recorded_snapshot_of_an_instant_exists_once(spx: Instrument) -> None:
    snapshot(spx)
    with pytest.raises(IntegrityError), transaction.atomic():
        snapshot(spx)
    assert Snapshot.objects.count() == 1


def test_each_run_has_its_own_snapshots(spx: Instrument) -> None:
    for _ in range(2):
        run = FeedRun.objects.create(
            symbol="SPX", underlying=spx, source="simulator", simulated=True
        )
        snapshot(spx, run=run)
    assert Snapshot.objects.count() == 2


def test_nothing_is_known_before_it_happened(spx: Instrument) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        snapshot(spx, late=-1)


def test_an_option_names_its_contract() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Instrument.objects.create(symbol="SPY250509C00565000", kind="option")
