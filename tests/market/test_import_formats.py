"""The other formats: real files, their traps, and damaged copies."""

import csv
import datetime as dt
import gzip
import io
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from market import bars, calendars, store
from market.clock import new_york
from market.importers import FORMATS
from market.models import Bar, ImportBatch, Instrument, Snapshot, TradeRecord
from market.snapshot import SnapshotData
from tests.market.importing import counts, refused, run

pytestmark = pytest.mark.django_db
FRIDAY = dt.date(2018, 1, 5)
FAR = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
PAST = dt.datetime(1980, 1, 1, tzinfo=dt.UTC)


def stored(symbol: str) -> list[SnapshotData]:
    return list(store.snapshots_between(symbol, start=PAST, end=FAR))


def first_minutes(shared: Path, to: Path, rows: int) -> Path:
    """Copy the header and the first rows of a DataShop file, compressed."""
    source = shared / "data" / "spxw_0dte_minute" / "spxw_2018-01-05_exp2018-01-05_am.csv.gz"
    with gzip.open(source, "rt") as file:
        lines = [next(file) for _ in range(rows + 1)]
    target = to / "spxw.csv.gz"
    target.write_bytes(gzip.compress("".join(lines).encode()))
    return target


def change_lines(path: Path, change: Callable[[list[bytes]], None]) -> None:
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    change(lines)
    path.write_bytes(gzip.compress(b"".join(lines)))


@pytest.mark.slow
def test_spxw_day_is_whole_and_has_no_open_interest(shared: Path) -> None:
    done = run("datashop", shared / "data" / "spxw_0dte_minute")
    assert (done.status, counts()) == (0, (203_352, 0))
    session = calendars.session(FRIDAY)
    assert session is not None
    minutes = list(store.snapshots_between("SPX", start=session.open, end=session.close))
    assert [s.time for s in minutes] == session.minute_ends().tolist()
    first = minutes[0]
    assert len(first.layout) == 318 + 338
    assert set(first.layout.root_list()) == {"SPXW"}
    assert np.isnan(first.column("open_interest")).all()
    assert not first.chain().american
    today, later = np.unique(first.layout.settles)
    assert today == session.close_ns  # PM-settled, today
    assert (first.bid, first.ask, first.last, first.spot) == (2730.88, 2735.48, 2733.28, 2733.28)
    assert np.count_nonzero(minutes[-1].layout.settles == later) == 338


def test_minute_is_known_at_its_stamp(shared: Path, tmp_path: Path) -> None:
    run("datashop", first_minutes(shared, tmp_path, 318 * 2))
    at = new_york(FRIDAY, dt.time(9, 31))
    assert store.read_snapshot("SPX", at=at - dt.timedelta(seconds=1)) is None
    found = store.read_snapshot("SPX", at=at)
    assert found is not None
    assert found.quoted() == 318


DATASHOP_DAMAGE = {
    "crossed": (11, "9999", "bid"),
    "negative": (11, "-1", "bid"),
    "right": (4, "X", "option_type"),
    "not finite": (13, "nan", "ask"),
    "infinite size": (10, "inf", "bid_size"),
    "night": (0, "2018-01-05 03:31:00", "quote_datetime"),
    "no time": (0, "yesterday", "quote_datetime"),
    "backwards": (0, "2018-01-05 09:31:00", "time"),
    "from the future": (0, "2018-01-05 15:00:00", "time"),
    "expired": (2, "2018-01-04", "expiration"),
    "strike": (3, "0", "strike"),
    "root": (1, "spx wrong", "strike"),
}


@pytest.mark.parametrize("damage", DATASHOP_DAMAGE)
def test_damaged_datashop_row_is_reported_and_nothing_else_lost(
    shared: Path, tmp_path: Path, damage: str
) -> None:
    place, value, field = DATASHOP_DAMAGE[damage]
    path = first_minutes(shared, tmp_path, 318 * 3)

    def ruin(lines: list[bytes]) -> None:
        cells = lines[500].decode().split(",")
        cells[place] = value
        lines[500] = ",".join(cells).encode()

    change_lines(path, ruin)
    assert run("datashop", path).status == 3
    assert refused() == [(path.name, 501, field)]
    assert counts() == (318 * 3 - 1, 1)
    assert [s.quoted() for s in stored("SPX")] == [318, 317, 318]


def test_wrong_encoding_short_and_doubled_rows(shared: Path, tmp_path: Path) -> None:
    path = first_minutes(shared, tmp_path, 318)

    def ruin(lines: list[bytes]) -> None:
        lines[10] = b"\xff\xfe" + lines[10]
        lines[20] = lines[20][:30] + b"\n"
        lines[30] = lines[29]
        lines[40] = b"a\0" + lines[40]

    change_lines(path, ruin)
    assert run("datashop", path).status == 3
    assert refused() == [
        (path.name, 11, "row"), (path.name, 21, "row"), (path.name, 31, "contract"),
        (path.name, 41, "row"),
    ]  # fmt: skip
    assert counts() == (314, 4)


def test_file_cut_short_is_trusted_up_to_the_cut(shared: Path, tmp_path: Path) -> None:
    path = first_minutes(shared, tmp_path, 318 * 3)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    done = run("datashop", path)
    assert done.status == 3
    accepted, rejected = counts()
    assert rejected == 1
    assert 300 < accepted < 318 * 3 - 1
    assert "cut short" in done.report[0]["reason"]


def test_file_whose_checksum_fails_is_refused_whole(shared: Path, tmp_path: Path) -> None:
    path = first_minutes(shared, tmp_path, 318)
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # of the checksum
    path.write_bytes(data)
    assert run("datashop", path).status == 1
    assert counts() == (0, 1)
    assert not Snapshot.objects.exists()


def test_wrong_header_and_empty_file_are_refused(tmp_path: Path) -> None:
    for name, text in (("a.csv", "x,y\n1,2\n"), ("b.csv", "")):
        (tmp_path / name).write_text(text)
    assert run("datashop", tmp_path).status == 1
    assert refused() == [("a.csv", 0, "header"), ("b.csv", 0, "file")]


# --- Cboe -------------------------------------------------------------------------------------


def test_cboe_evening(shared: Path) -> None:
    done = run("cboe", shared / "data" / "cboe_quotes" / "spy_2025-05-08_1657.csv")
    assert done.status == 0
    assert "385 left out (rows of contracts that had settled)" in done.out
    assert "its chain implies 561.65" in done.out
    (snapshot,) = stored("SPY")
    stamp = new_york(dt.date(2025, 5, 8), dt.time(16, 57))
    assert (snapshot.known_at - snapshot.time) == 15 * 60 * 10**9
    assert snapshot.known_at == int(stamp.timestamp()) * 10**9
    assert snapshot.scalar("stated_spot") == 565.79
    assert (snapshot.layout.settles > snapshot.time).all()
    assert np.nanmin(snapshot.column("vendor_iv")) > 0  # zero means that it was not computed
    assert store.read_snapshot("SPY", at=stamp - dt.timedelta(minutes=1)) is None


@pytest.mark.parametrize(
    "words",
    [
        "Date: May 8, 2025 at 4:57 PM EDT",
        "Date: 8 de mayo de 2025, 16:57 GMT-4",
        "Date: 8 мая 2025 г., 16:57 GMT-4",
    ],
)
def test_cboe_header_in_three_languages(words: str) -> None:
    from market.importers.cboe import stamp

    assert stamp(words) == new_york(dt.date(2025, 5, 8), dt.time(16, 57))


def test_cboe_damage(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "spy.csv"
    shutil.copyfile(shared / "data" / "cboe_quotes" / "spy_2025-06-09_1652.csv", path)
    lines = path.read_text().splitlines()
    live = next(n for n, line in enumerate(lines) if line.startswith("Fri Jun 13 2025"))

    def ruin(offset: int, place: int, value: str) -> None:
        cells = next(csv.reader([lines[live + offset]]))
        cells[place] = value
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(cells)
        lines[live + offset] = out.getvalue()

    ruin(0, 4, "9999")
    ruin(1, 1, "SPY250613X00400000")
    ruin(2, 12, "SPY250620P00400000")
    ruin(3, 0, "Fri Jun 31 2025")
    ruin(4, 10, "many")
    ruin(5, 6, "1,234")  # a thousands separator is no fault
    path.write_text("\n".join(lines))
    assert run("cboe", path).status == 3
    assert refused() == [
        (path.name, live + 1, "bid"), (path.name, live + 2, "symbol"),
        (path.name, live + 3, "symbol"), (path.name, live + 4, "expiration"),
        (path.name, live + 5, "open interest"),
    ]  # fmt: skip
    assert counts() == (1_462 - 5, 5)


# --- universes, volatilities --------------------------------------------------------------------


def test_universe_takes_the_chains_word_for_the_spot(shared: Path) -> None:
    folder = shared / "data" / "lean" / "Data" / "option" / "usa" / "universes" / "aapl"
    done = run("lean-universe", folder / "20140603.csv")
    assert done.status == 0
    (snapshot,) = stored("AAPL")
    assert snapshot.spot == pytest.approx(637.54, abs=0.5)  # AAPL's close of that day
    assert snapshot.scalar("stated_spot") == 628.39
    assert np.nanmin(snapshot.column("vendor_iv")) > 0
    assert np.isnan(snapshot.column("bids")).all()
    assert snapshot.time == int(new_york(dt.date(2014, 6, 3), dt.time(16)).timestamp()) * 10**9


def test_universe_without_an_underlying_row(shared: Path) -> None:
    folder = shared / "data" / "lean" / "Data" / "indexoption" / "usa" / "universes" / "spx"
    done = run("lean-universe", folder / "20151222.csv")
    assert "no price of the underlying" in done.out
    (snapshot,) = stored("SPX")
    assert snapshot.scalar("forward_spot") == 1
    assert snapshot.spot == pytest.approx(2_039, rel=0.01)


def test_stale_copy_of_a_file_under_another_date_is_refused(shared: Path) -> None:
    folder = shared / "data" / "lean" / "Data" / "option" / "usa" / "universes" / "goog"
    done = run("lean-universe", folder / "20151230.csv", folder / "20151231.csv")
    assert done.status == 3
    assert refused() == [("20151231.csv", 0, "file")]
    assert "stale copy" in done.report[0]["reason"]
    assert len(stored("GOOG")) == 1


def test_vol_table(shared: Path) -> None:
    done = run("ivols", shared / "data" / "spx_surfaces" / "spx_ivols_2023-02-15.csv.gz")
    assert (done.status, counts()) == (0, (7_423, 0))
    (snapshot,) = stored("SPX")
    assert snapshot.spot == pytest.approx(4_146.74, abs=0.01)
    bid, ask = snapshot.column("iv_bid"), snapshot.column("iv_ask")
    both = np.isfinite(bid) & np.isfinite(ask)
    assert np.all(bid[both] <= ask[both])
    assert "bids" not in snapshot.columns


# --- bars and trades ----------------------------------------------------------------------------


def test_vix_history_with_its_own_faults(shared: Path) -> None:
    done = run("daily", shared / "data" / "vol_indices" / "vix_daily_1990_2026.csv")
    assert done.status == 3
    assert counts() == (7_256, 48)
    fields = {row["field"] for row in done.report}
    assert fields == {"high", "low", "date"}  # and one day on which nobody traded
    assert Instrument.objects.get(symbol="VIX").kind == "index"
    bar = Bar.objects.order_by("time").first()
    assert bar is not None
    assert bar.known_at - bar.time == dt.timedelta(minutes=15)


def test_file_that_does_not_name_its_symbol(shared: Path) -> None:
    path = shared / "data" / "equity_bars" / "arch_sp500_1999_2018.csv.gz"
    assert run("daily", path).status == 1
    assert run("daily", path, symbol="SPX").status == 0
    got = bars.read_bars("SPX", interval=86_400, start=PAST, end=FAR)
    assert (len(got), got.close[0]) == (5_031, 1228.099976)


def test_closes_side_by_side(shared: Path) -> None:
    done = run("daily", shared / "data" / "breadth" / "skfolio_sp500_20names_1990_2022.csv.gz")
    assert (done.status, counts()) == (0, (8_313, 0))
    got = bars.read_bars("AAPL", interval=86_400, start=PAST, end=FAR)
    assert (len(got), got.close[0]) == (8_313, 0.264)
    assert np.isnan(got.open).all()


def test_feather_and_csv_bars(shared: Path) -> None:
    done = run("bars", shared / "data" / "crypto_bars")
    assert done.status == 0
    got = bars.read_bars("ETH/BTC", interval=300, start=PAST, end=FAR)
    first = dt.datetime(2018, 1, 10, 5, tzinfo=dt.UTC)  # the bar marked 04:55 ends at 05:00
    assert got.times[0] == int(first.timestamp()) * 10**9
    assert len(got) == 5_760
    assert len(bars.read_bars("BTC-PERP", interval=60, start=PAST, end=FAR)) == 27_419


def test_damaged_bars(tmp_path: Path) -> None:
    path = tmp_path / "X-1m.csv"
    rows = [
        "timestamp,open,high,low,close,volume",
        "2022-01-01 00:00:00,1,2,1,2,5",
        "2022-01-01 00:01:00,1,0.5,1,2,5",
        "2022-01-01 00:02:30,1,2,1,2,5",
        "2022-01-01 00:03:00,1,2,1,inf,5",
        "2022-01-01 00:09:00,1,2,1,2,5",
        "2022-01-01 00:04:00,1,2,1,2,5",
        "2022-01-01 00:05:00,1,2,1,2,-5",
        "2022-01-01 00:06:00,1,2,1,2,5",
    ]
    path.write_text("\n".join(rows))
    assert run("bars", path).status == 3
    assert refused() == [
        (path.name, 3, "high"), (path.name, 4, "time"), (path.name, 5, "close"),
        (path.name, 6, "time"), (path.name, 8, "volume"),
    ]  # fmt: skip
    assert counts() == (3, 5)


def test_damaged_feather_is_refused(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "ETH_BTC-5m.feather"
    whole = (shared / "data" / "crypto_bars" / path.name).read_bytes()
    path.write_bytes(whole[:-300])
    assert run("bars", path).status == 1
    assert refused() == [(path.name, 0, "file")]


def test_trades_of_each_kind(shared: Path) -> None:
    done = run("trades", shared / "data" / "trades")
    assert (done.status, counts()) == (0, (14_002, 0))
    kinds = dict.fromkeys(TradeRecord.Kind.values, 0)
    for kind in TradeRecord.objects.values_list("kind", flat=True):
        kinds[kind] += 1
    assert (kinds["round_trip"], kinds["execution"], kinds["return"]) == (107, 9_367, 1_511)
    trip = TradeRecord.objects.filter(kind="round_trip").order_by("time").first()
    assert trip is not None
    assert (trip.symbol, str(trip.price.normalize())) == ("ADA/BTC", "0.00004756")
    run("trades", shared / "data" / "trades" / "freqtrade_trades.csv", force=True)
    assert TradeRecord.objects.count() == sum(kinds.values())


# --- any other layout ---------------------------------------------------------------------------


def test_generic_long_layout(shared: Path) -> None:
    done = run(
        "generic",
        shared / "data" / "misc_chains" / "spx_hod_2017_sample.csv",
        map=[("occ", "optionroot"), ("time", "quotedate"), ("bid", "bid"), ("ask", "ask"),
             ("spot", "underlying_last"), ("open_interest", "openinterest")],
    )  # fmt: skip
    assert done.status == 3
    assert counts() == (386, 6)
    assert {row["reason"] for row in done.report} == {"is before the quote"}
    first = stored("SPX")[0]
    assert first.spot == 2257.83
    assert first.layout.symbols()[0] == "SPX170317C00300000"


def test_generic_wide_layout(shared: Path) -> None:
    done = run(
        "generic",
        shared / "data" / "misc_chains" / "rnd_sp500.2013.04.19.csv",
        map=[("strike", "strike"), ("call.bid", "bid.c"), ("call.ask", "ask.c"),
             ("put.bid", "bid.p"), ("put.ask", "ask.p")],
        set=[("root", "SPX"), ("expiry", "2013-06-21"), ("time", "2013-04-19")],
    )  # fmt: skip
    assert (done.status, counts()) == (0, (171, 0))
    (snapshot,) = stored("SPX")
    assert len(snapshot.layout) == 342
    assert snapshot.spot == pytest.approx(1_548.75)


@pytest.mark.parametrize("mapping", [[("strike", "strike")], [("colour", "bid")]])
def test_mapping_that_says_too_little_or_nonsense(
    shared: Path, mapping: list[tuple[str, str]]
) -> None:
    path = shared / "data" / "misc_chains" / "rnd_sp500.2013.04.19.csv"
    done = run("generic", path, map=mapping)
    assert done.status == 1
    assert refused() == [(path.name, 0, "map")]


# --- the engine ---------------------------------------------------------------------------------


def test_every_format_says_what_it_is() -> None:
    assert set(FORMATS) == {
        "lean", "lean-universe", "datashop", "cboe", "ivols", "daily", "bars", "trades", "generic",
    }  # fmt: skip
    assert all(importer.help for importer in FORMATS.values())


def test_refusals_are_never_counted_as_imported(shared: Path) -> None:
    run("daily", shared / "data" / "vol_indices")
    batch = ImportBatch.objects.get()
    assert batch.accepted == Bar.objects.count()
    assert batch.rejected == batch.rejects.count()


def test_progress_is_drawn_for_people_alone() -> None:
    from market.progress import ProgressBar

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, drawn in ((io.StringIO(), False), (Terminal(), True)):
        bar = ProgressBar(stream, 100)
        bar.update(Path("a.zip"), 50)
        bar.clear()
        assert ("50%" in stream.getvalue()) is drawn


def test_rows_stream_through_with_a_bounded_number_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from market.importers import bars as bar_files
    from market.importers.order import WINDOW

    path, count = tmp_path / "X-1m.csv", 20_000
    start = dt.datetime(2022, 1, 1)
    lines = ["timestamp,open,high,low,close,volume"]
    lines += [f"{start + dt.timedelta(minutes=n)},1,2,1,2,5" for n in range(count)]
    path.write_text("\n".join(lines))
    read = written = most = 0
    parse = bar_files.fields.instant

    def counting(*given: object) -> int:
        nonlocal read
        read += 1
        return parse(*given)

    def slow_store(rows: Iterable[bars.BarRow]) -> bars.Written:
        nonlocal written, most
        for _ in rows:
            written += 1
            most = max(most, read - written)
        return bars.Written(written, written)

    monkeypatch.setattr(bar_files.fields, "instant", counting)
    monkeypatch.setattr(bars, "write_bars", slow_store)
    assert run("bars", path).status == 0
    assert written == count
    assert most <= 2 * WINDOW
