"""LEAN option days: whole, point in time, idempotent, and honest about every damaged row."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from market import calendars, store
from market.clock import MINUTE, from_ns, new_york
from market.models import Bar, FeedRun, ImportBatch, ImportReject, Snapshot
from market.snapshot import SnapshotData
from tests.market.importing import counts, lean_copy, refused, rewrite_zip, run

pytestmark = pytest.mark.django_db
DAY = dt.date(2015, 12, 24)
GOOG = ("option", "usa", "minute", "goog")
EQUITY = ("equity", "usa", "minute", "goog")


def session_of(day: dt.date) -> calendars.Session:
    session = calendars.session(day)
    assert session is not None
    return session


def day_of(symbol: str, day: dt.date) -> list[SnapshotData]:
    session = session_of(day)
    return list(store.snapshots_between(symbol, start=session.open, end=session.close))


@pytest.fixture
def foxa(shared: Path, tmp_path: Path) -> Path:
    """A small option day to damage: FOXA 2013-07-02, quotes alone."""
    return lean_copy(
        shared, tmp_path, "option", "usa", "minute", "foxa", "20130702_quote_american.zip"
    )


@pytest.mark.slow
def test_goog_half_day_is_whole(shared: Path) -> None:
    folder = shared.joinpath("data", "lean", "Data", *GOOG)
    done = run("lean", folder / "20151224_quote_american.zip")
    assert done.status == 0
    # quotes, trades, open interest of the options; trades and quotes of the stock
    assert counts() == (275_552 + 958 + 2_058 + 227 + 260, 0)
    minutes = day_of("GOOG", DAY)
    assert [s.time for s in minutes] == session_of(DAY).minute_ends().tolist()
    first, last = minutes[0], minutes[-1]
    assert len(first.layout) == 2192
    assert from_ns(last.time) == new_york(DAY, dt.time(13))
    assert first.spot == 748.54  # the close of the minute that began 09:30, known at 09:31
    settled_today = first.layout.settles == last.time
    assert np.count_nonzero(settled_today) == 176
    assert last.chain().years().min() == 0
    assert last.chain().american
    assert np.nansum(first.column("open_interest")) == 179_502
    assert sum(np.nansum(s.column("volume")) for s in minutes) == 7_471
    assert min(s.quoted() for s in minutes) > 1_900
    again = run("lean", folder)
    assert again.status == 0
    assert Snapshot.objects.filter(underlying__symbol="GOOG", time__date=DAY).count() == 211


def test_bar_is_known_at_its_end_and_never_before(shared: Path, tmp_path: Path) -> None:
    """The row marked 34200000 (09:30:00) is in the snapshot of 09:31 and in none before."""
    path = lean_copy(shared, tmp_path, *GOOG, "20151223_quote_american.zip")
    run("lean", path)
    minutes = day_of("GOOG", dt.date(2015, 12, 23))
    symbol = "GOOG151224C00600000"
    place = minutes[0].layout.symbols().index(symbol)
    assert from_ns(minutes[0].time) == new_york(dt.date(2015, 12, 23), dt.time(9, 31))
    assert (minutes[0].column("bids")[place], minutes[0].column("asks")[place]) == (150.6, 155.2)
    assert store.read_snapshot("GOOG", at=from_ns(minutes[0].time - 1000)) is None


def test_quote_stands_until_it_is_old_and_never_crosses(shared: Path, foxa: Path) -> None:
    run("lean", foxa)
    for snapshot in day_of("FOXA", dt.date(2013, 7, 2)):
        bids, asks = snapshot.column("bids"), snapshot.column("asks")
        both = np.isfinite(bids) & np.isfinite(asks)
        assert np.all(bids[both] <= asks[both])
        age = snapshot.column("quote_age")
        assert np.nanmax(age) <= 15 * 60
        assert np.array_equal(np.isnan(age), np.isnan(bids) & np.isnan(asks))


def test_without_bars_of_the_underlying_parity_places_it(foxa: Path) -> None:
    done = run("lean", foxa)
    assert "put-call parity" in done.out
    minutes = day_of("FOXA", dt.date(2013, 7, 2))
    spots = np.array([s.spot for s in minutes])
    known = np.isfinite(spots)
    assert known.sum() == 360  # in the other half hour the file has too few quotes
    assert np.all((spots[known] > 29) & (spots[known] < 30))
    assert all((s.scalar("forward_spot") == 1) == np.isfinite(s.spot) for s in minutes)


def test_missing_kinds_of_files_are_unknown_not_zero(foxa: Path) -> None:
    run("lean", foxa)
    snapshot = day_of("FOXA", dt.date(2013, 7, 2))[0]
    assert np.isnan(snapshot.column("open_interest")).all()
    assert np.isnan(snapshot.column("volume")).all()


def test_second_import_is_left_alone(foxa: Path) -> None:
    run("lean", foxa)
    before = counts(), Snapshot.objects.count()
    again = run("lean", foxa)
    assert again.status == 0
    assert "imported before" in again.out
    assert (counts(), Snapshot.objects.count()) == before


def test_forced_import_changes_nothing(foxa: Path) -> None:
    run("lean", foxa)
    before = {row.time: bytes(row.payload) for row in Snapshot.objects.all()}
    run("lean", foxa, force=True)
    assert {row.time: bytes(row.payload) for row in Snapshot.objects.all()} == before


def test_no_feed_run_is_needed_or_made(foxa: Path) -> None:
    run("lean", foxa)
    assert not FeedRun.objects.exists()
    assert not Snapshot.objects.exclude(run=None).exists()


ROW_DAMAGE = {
    "crossed": (lambda v: [v[0], *["9990000"] * 4, *v[5:]], "bid"),
    "negative": (lambda v: [*v[:9], "-100", v[10]], "ask close"),
    "high below close": (lambda v: [*v[:4], "9990000", *v[5:]], "bid high"),
    "not a number": (lambda v: [*v[:9], "abc", v[10]], "ask close"),
    "not finite": (lambda v: [*v[:9], "nan", v[10]], "ask close"),
    "before the open": (lambda v: ["3600000", *v[1:]], "time"),
    "no time": (lambda v: ["9:30", *v[1:]], "time"),
    "next day": (lambda v: ["86400000", *v[1:]], "time"),
    "short": (lambda v: v[:7], "row"),
    "long": (lambda v: [*v, "1"], "row"),
    "half a side": (lambda v: [*v[:9], "", v[10]], "ask close"),
    "negative size": (lambda v: [*v[:10], "-5"], "ask size"),
}


def two_sided(line: str) -> bool:
    return "" not in line.split(",")


@pytest.mark.parametrize("damage", ROW_DAMAGE)
def test_damaged_row_is_reported_and_nothing_else_is_lost(foxa: Path, damage: str) -> None:
    change, field = ROW_DAMAGE[damage]
    hit: list[tuple[str, int]] = []

    def ruin(name: str, data: bytes) -> tuple[str, bytes]:
        lines = data.decode().splitlines()
        good = [n for n, line in enumerate(lines) if 2 < n < len(lines) - 3 and two_sided(line)]
        if good and len(hit) < 5:
            at = good[len(good) // 2]
            lines[at] = ",".join(change(lines[at].split(",")))
            hit.append((name, at + 1))
        return name, "\n".join(lines).encode()

    rewrite_zip(foxa, ruin)
    done = run("lean", foxa)
    assert done.status == 3
    assert refused() == sorted((name, line, field) for name, line in hit)
    assert [(row["line"], row["field"]) for row in done.report] == [
        (str(reject.line), reject.field) for reject in ImportReject.objects.order_by("pk")
    ]
    assert counts() == (16_335 - len(hit), len(hit))
    assert len(day_of("FOXA", dt.date(2013, 7, 2))) == 390


def test_many_kinds_of_damage_at_once(foxa: Path) -> None:
    kinds = iter(ROW_DAMAGE.values())
    expected: list[tuple[str, int, str]] = []

    def ruin(name: str, data: bytes) -> tuple[str, bytes]:
        lines = data.splitlines()
        texts = [line.decode() for line in lines]
        good = [n for n, t in enumerate(texts) if 2 < n < len(lines) - 3 and two_sided(t)]
        made = next(kinds, None) if good else None
        if made is not None:
            at = good[len(good) // 2]
            lines[at] = ",".join(made[0](texts[at].split(","))).encode()
            expected.append((name, at + 1, made[1]))
        elif good and len(expected) == len(ROW_DAMAGE):
            lines[good[0]] = b"\xff\xfe" + lines[good[0]]
            expected.append((name, good[0] + 1, "row"))
        return name, b"\n".join(lines)

    rewrite_zip(foxa, ruin)
    assert run("lean", foxa).status == 3
    assert refused() == sorted(expected)
    assert counts() == (16_335 - len(expected), len(expected))


def test_unknown_right_refuses_its_member_alone(foxa: Path) -> None:
    renamed: list[str] = []

    def ruin(name: str, data: bytes) -> tuple[str, bytes]:
        if not renamed:
            renamed.append(name.replace("_call_", "_cull_"))
            return renamed[0], data
        return name, data

    rewrite_zip(foxa, ruin)
    assert run("lean", foxa).status == 3
    assert refused() == [(renamed[0], 0, "right")]
    assert len(day_of("FOXA", dt.date(2013, 7, 2))[0].layout) == 185


def test_member_with_a_flipped_bit_is_refused_and_the_others_kept(foxa: Path) -> None:
    import zipfile

    with zipfile.ZipFile(foxa) as archive:
        info = archive.infolist()[10]
    data = bytearray(foxa.read_bytes())
    data[info.header_offset + 30 + len(info.filename) + 40] ^= 0x10
    foxa.write_bytes(data)
    assert run("lean", foxa).status == 3
    assert refused() == [(info.filename, 0, "file")]
    assert len(day_of("FOXA", dt.date(2013, 7, 2))[0].layout) == 185


def test_truncated_zip_is_refused_whole(foxa: Path) -> None:
    foxa.write_bytes(foxa.read_bytes()[:-5_000])
    done = run("lean", foxa)
    assert done.status == 1
    assert refused() == [(foxa.name, 0, "file")]
    assert counts() == (0, 1)
    assert not Snapshot.objects.exists()


def test_refused_file_can_be_tried_again_once_it_is_whole(
    shared: Path, tmp_path: Path, foxa: Path
) -> None:
    whole = foxa.read_bytes()
    foxa.write_bytes(whole[:-5_000])
    assert run("lean", foxa).status == 1
    foxa.write_bytes(whole)
    assert run("lean", foxa).status == 0


def test_path_that_says_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "20130702_quote_american.zip"
    path.write_bytes(b"")
    assert run("lean", path).status == 1
    assert refused() == [(path.name, 0, "file")]


def test_missing_file_is_a_failure_not_a_traceback(tmp_path: Path) -> None:
    done = run("lean", tmp_path / "nothing.zip")
    assert done.status == 1
    assert "no such file" in done.out


def test_failure_in_our_own_house_is_a_line_not_a_traceback(
    foxa: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(stream: object) -> int:
        raise MemoryError("no room")

    monkeypatch.setattr(store, "write_snapshots", fail)
    done = run("lean", foxa)
    assert done.status == 1
    assert "FAILED" in done.out
    batch = ImportBatch.objects.get()
    assert (batch.state, batch.accepted) == (ImportBatch.State.FAILED, 0)


def test_minute_bars_end_a_minute_after_their_mark(shared: Path) -> None:
    run("lean", shared.joinpath("data", "lean", "Data", *EQUITY, "20151224_trade.zip"))
    bar = Bar.objects.get(time=new_york(DAY, dt.time(9, 31)))
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (
        749.55, 749.99, 748.54, 748.54, 11_492,
    )  # fmt: skip
    assert bar.known_at == bar.time


def test_quote_bars_keep_bid_and_ask_apart(shared: Path) -> None:
    run("lean", shared.joinpath("data", "lean", "Data", *EQUITY, "20151224_quote.zip"))
    assert counts() == (260, 0)
    first = new_york(DAY, dt.time(4, 1))
    closes = {bar.price: bar.close for bar in Bar.objects.filter(time=first)}
    assert closes == {"bid": 726.0, "ask": 764.0}


def test_daily_bars_end_with_their_session(shared: Path) -> None:
    run("lean", shared.joinpath("data", "lean", "Data", "equity", "usa", "daily", "goog.zip"))
    assert counts() == (4_183, 0)
    bar = Bar.objects.get(time=new_york(DAY, dt.time(13)))
    assert (bar.interval, bar.close, bar.volume) == (86_400, 748.4, 517_084)


def test_index_options_settle_by_root(shared: Path) -> None:
    folder = shared.joinpath("data", "lean", "Data", "indexoption", "usa", "minute")
    done = run(
        "lean",
        folder / "spx" / "20210104_quote_european.zip",
        folder / "spxw" / "20210104_quote_european.zip",
    )
    assert done.status == 0
    snapshot = day_of("SPX", dt.date(2021, 1, 4))[60]
    layout = snapshot.layout
    assert set(layout.root_list()) == {"SPX", "SPXW"}
    assert not snapshot.chain().american
    at_open = {from_ns(t).astimezone(dt.UTC).minute for t in layout.settles[layout.roots == 0]}
    assert at_open == {30}
    assert snapshot.bid != snapshot.bid or snapshot.spot > 3_000
    # two-digit strikes of a chain share one scale
    assert 3_000 < layout.strikes.min() < layout.strikes.max() < 5_000


def test_futures_options_have_unscaled_prices(shared: Path) -> None:
    path = shared.joinpath(
        "data", "lean", "Data", "futureoption", "cme", "minute", "es", "202003",
        "20200105_quote_american.zip",
    )  # fmt: skip
    assert run("lean", path).status == 0
    row = Snapshot.objects.filter(underlying__symbol="ES").order_by("-time").first()
    assert row is not None
    snapshot = store.load_snapshot(row.pk)
    assert 3_000 < snapshot.spot < 3_400
    assert set(snapshot.layout.multipliers.tolist()) == {50.0}


def test_hours_after_each_other_are_one_hour_apart(shared: Path) -> None:
    folder = shared.joinpath("data", "lean", "Data", "option", "usa", "hour")
    run("lean", folder / "nwsa_2013_quote_american.zip")
    times = [row.time for row in Snapshot.objects.order_by("time")]
    assert len(times) == 14
    assert times[1] - times[0] == dt.timedelta(hours=1)
    assert (times[0].minute, MINUTE) == (0, 60 * 10**9)
