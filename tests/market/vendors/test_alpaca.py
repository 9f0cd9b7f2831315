"""Alpaca's market data beside its stand-in: chains, streams, and silence that is noticed."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given
from hypothesis import strategies as st

from market.clock import MINUTE, SECOND, from_ns, to_ns
from market.feed.source import minute_view
from market.kept import newest_known
from market.models import Instrument, Snapshot
from market.store import read_snapshot
from market.vendors.alpaca.clients import DataAccess, DataError, Rest, Stream, quoted
from market.vendors.alpaca.recorder import KEEP_ALL, Recorder
from market.vendors.book import FRESH_S, Book, Quoted
from sandbox.alpaca.server import Alpaca

NOW = to_ns(dt.datetime(2026, 11, 18, 15, 0, tzinfo=dt.UTC))
CALL, PUT, GONE = "SPY261218C00500000", "SPY261218P00500000", "SPY261117C00500000"


def quote(bid=499.9, ask=500.1, at=NOW, size=100.0) -> Quoted:
    return Quoted(bid, ask, size, size, at)


@pytest.fixture
def book() -> Book:
    made = Book("SPY", "alpaca")
    made.hear("SPY", quote(), NOW)
    made.hear(CALL, quote(9.9, 10.1, NOW - 2 * SECOND), NOW)
    made.hear(PUT, quote(8.9, 9.1), NOW)
    return made


# --- the book -----------------------------------------------------------------------------------
def test_a_snapshot_has_the_underlying_and_its_chain(book):
    data = book.snapshot(NOW)
    assert (data.bid, data.ask, data.spot) == (499.9, 500.1, 500.0)
    assert data.layout.symbols() == [CALL, PUT]
    assert data.column("bids").tolist() == [9.9, 8.9]
    assert data.column("quote_age").tolist() == [2.0, 0.0]
    assert data.known_at == NOW
    assert data.chain().spot == 500.0


@pytest.mark.parametrize(
    ("late", "there"), [(FRESH_S, True), (FRESH_S + 0.1, False), (900.0, False)]
)
def test_what_is_not_fresh_is_not_told(book, late, there):
    """A stream that is mute, or a feed that is fifteen minutes late, gives nothing."""
    assert (book.snapshot(NOW + int(late * SECOND)) is not None) == there


@pytest.mark.parametrize(
    "bad",
    [quote(math.nan), quote(500.2, 500.1), quote(-1, 5), quote(0, 0), quote(1, math.inf),
     quote(size=math.nan)],
    ids=["nan", "crossed", "negative", "nobody asks", "infinite", "no size"],
)  # fmt: skip
def test_what_is_no_market_is_none(book, bad):
    later = Quoted(bad.bid, bad.ask, bad.bid_size, bad.ask_size, NOW + SECOND)
    assert not book.hear(CALL, later, NOW + SECOND)
    row = book.snapshot(NOW + SECOND).column("bids")
    assert np.isnan(row[0])
    assert row[1] == 8.9
    book.hear("SPY", later, NOW + SECOND)
    assert book.snapshot(NOW + SECOND) is None
    assert book.refused == 2


def test_a_quote_of_the_future_is_refused(book):
    assert not book.hear("SPY", quote(1, 2, NOW + 2 * SECOND), NOW)
    assert book.snapshot(NOW).bid == 499.9


@given(st.permutations([quote(500 + n, 501 + n, NOW + n) for n in range(5)]))
def test_the_newest_wins_whatever_the_order(quotes):
    book = Book("SPY", "alpaca")
    for one in [*quotes, *quotes]:
        book.hear("SPY", one, NOW + SECOND)
    assert book.snapshot(NOW + SECOND).bid == 504


def test_contracts_that_trade_no_more_are_left_out(book):
    book.hear(GONE, quote(1, 2), NOW)
    book.hear("NOT-A-CONTRACT", quote(1, 2), NOW)
    assert book.snapshot(NOW).layout.symbols() == [CALL, PUT]
    book.forget_expired(NOW)
    assert set(book.nearest(10)) == {CALL, PUT}


def test_the_nearest_to_the_money_come_first(book):
    book.hear("SPY261120C00510000", quote(1, 2), NOW)
    book.hear("SPY261120C00501000", quote(1, 2), NOW)
    assert book.nearest(2) == ["SPY261120C00501000", "SPY261120C00510000"]


# --- a minute's end -----------------------------------------------------------------------------
def after(seconds: float) -> int:
    return NOW + int(seconds * SECOND)


def test_a_minute_is_closed_as_it_was_then(book):
    """However late this process gets to it: what came after the end is not in it."""
    book.hear("SPY", quote(501, 502, after(0.2)), after(0.2))
    book.hear(CALL, quote(11, 12, after(0.3)), after(0.3))
    book.hear(PUT, quote(8.0, 8.2, NOW - SECOND), after(0.4))  # older than what is known: nothing
    data = book.closed(NOW, after(9))
    assert (data.time, data.known_at, data.bid) == (NOW, NOW, 499.9)
    assert data.column("bids").tolist() == [9.9, 8.9]
    assert book.snapshot(after(1)).bid == 501


def test_a_quote_of_the_minute_that_comes_late_is_in_it(book):
    book.hear("SPY", quote(501, 502, after(0.2)), after(0.2))
    book.hear(CALL, quote(9.5, 9.7, NOW - SECOND), after(0.4))
    assert book.closed(NOW, after(0.5)).column("bids").tolist() == [9.5, 8.9]


def test_a_minute_is_lost_once_the_next_one_has_ended(book):
    book.hear("SPY", quote(501, 502, after(61)), after(61))
    assert book.closed(NOW, after(62)) is None


@pytest.mark.parametrize(
    ("own", "told"),
    [(quote(500.2, 500.1, NOW), False), (quote(at=NOW - 6 * SECOND), False), (quote(), True)],
    ids=["crossed", "old", "sound"],
)
def test_a_minute_that_ends_without_a_market_is_not_told(own, told):
    book = Book("SPY", "alpaca")
    book.hear("SPY", own, NOW)
    assert (book.closed(NOW, NOW) is not None) is told


def test_an_option_of_which_nothing_was_heard_has_no_quote(book):
    later = NOW + MINUTE
    book.hear("SPY", quote(at=later), later)
    book.hear(CALL, quote(9.9, 10.1, NOW - 2 * SECOND), later - SECOND)  # told again: the same
    book.hear("SPY261218C00505000", quote(7, 8, later), later)
    bids = book.closed(later, later).column("bids")
    assert bids.tolist()[:1] == [9.9]
    assert np.isnan(bids[1])


def test_a_chain_that_is_late_as_a_whole_is_stale(book):
    """The feed of options is fifteen minutes late, and tells that again and again."""
    later = NOW + 15 * MINUTE
    for name, shown in ((CALL, quote(9.9, 10.1)), (PUT, quote(8.9, 9.1))):
        book.hear(name, shown, later)
    book.hear("SPY", quote(at=later), later)
    data = book.closed(later, later)
    assert data.scalar("chain_stale") == 1.0
    assert data.quoted() == 0
    assert minute_view(data).stale
    assert not minute_view(book_of_now().closed(NOW, NOW)).stale


def book_of_now() -> Book:
    made = Book("SPY", "alpaca")
    made.hear("SPY", quote(), NOW)
    made.hear(CALL, quote(9.9, 10.1), NOW)
    return made


def test_the_bar_is_of_what_was_heard_in_the_minute(book):
    for second, bid in ((3, 500), (20, 503), (40, 498), (59.9, 501)):
        book.hear("SPY", quote(bid, bid + 1, after(second)), after(second))
    book.hear("SPY", quote(700, 701, after(60.1)), after(60.1))
    bar = book.closed(NOW + MINUTE, after(60.5)).scalars
    assert (bar["open"], bar["high"], bar["low"]) == (500.5, 503.5, 498.5)
    assert "volume" not in bar  # nobody listened to trades


def test_a_minute_that_was_not_heard_from_its_beginning_has_no_bar():
    book = Book("SPY", "alpaca")
    for second in (30, 59):
        book.hear("SPY", quote(at=after(second)), after(second))
    assert "high" not in book.closed(NOW + MINUTE, after(60.5)).scalars


@pytest.mark.parametrize(
    ("silent", "volume"), [(None, 300.0), (range(20, 40), None)], ids=["heard", "silent"]
)
def test_volume_is_known_where_the_stream_was_never_silent(silent, volume):
    book = Book("SPY", "alpaca")
    for second in range(-5, 61):
        if silent is None or second not in silent:
            book.listened(after(second))
        book.hear("SPY", quote(at=after(second)), after(second))
    for second, size in ((-1, 50), (10, 100), (55, 200), (60.2, 70)):
        book.traded(500.05, size, after(second), after(61))
    book.traded(math.nan, 1e9, after(30), after(61))
    data = book.closed(NOW + MINUTE, after(60.5))
    assert data.scalars.get("volume") == volume
    assert data.last == 500.05


# --- the vendor ---------------------------------------------------------------------------------
@pytest.fixture
def vendor() -> Iterator[Alpaca]:
    made = Alpaca(rate=0)
    made.venue.prices.set("SPY", Decimal("499.9"), Decimal("500.1"))
    yield made
    made.close()


@pytest.fixture
def standing() -> Iterator[Alpaca]:
    """A vendor whose clock stands within a session."""
    made = Alpaca(rate=0, start=from_ns(after(30)))
    yield made
    made.close()


def access(vendor: Alpaca, secret: str | None = None) -> DataAccess:
    return DataAccess(
        vendor.key, secret or vendor.secret, vendor.address, f"ws://127.0.0.1:{vendor.port}",
        contracts_address=vendor.address,
    )  # fmt: skip


def wait_for(what, seconds: float = 8.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.02)


def test_a_chain_is_read(vendor):
    rest = Rest(access(vendor))
    assert rest.underlying("SPY").bid == 499.9
    assert rest.underlying("BTC/USD").sound
    last = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=60)
    chain = rest.chain("SPY", last=last, low=300, high=700)
    assert len(chain) > 100
    assert all(one.sound for one in chain.values())


@pytest.mark.parametrize("fault", ["500", "502", "reset_before", "truncated", "wrong_type"])
def test_no_answer_is_no_quote(vendor, fault):
    vendor.script.add("GET /v2/stocks", fault)
    with pytest.raises(DataError) as caught:
        Rest(access(vendor)).underlying("SPY")
    assert not caught.value.refused


def test_wrong_keys_are_refused_and_shown_nowhere(vendor):
    given = access(vendor, "wrong-secret")
    with pytest.raises(DataError) as caught:
        Rest(given).underlying("SPY")
    assert caught.value.refused
    assert "wrong-secret" not in repr(given) + repr(caught.value)


@pytest.mark.parametrize("given", [None, [], {"bp": "x"}, {"bp": 1, "ap": 2}, {"t": "now"}])
def test_nonsense_is_no_quote(given):
    with pytest.raises(DataError):
        quoted(given)


@pytest.mark.parametrize("symbol", ["SPY", "BTC/USD", CALL])
def test_quotes_stream(vendor, symbol):
    heard: list[tuple[str, Quoted]] = []
    stream = Stream(access(vendor), [symbol], lambda name, one: heard.append((name, one)))
    try:
        wait_for(lambda: heard)
        assert heard[0][0] == symbol
        assert heard[0][1].sound
    finally:
        stream.close()


def test_a_mute_stream_is_opened_anew(vendor):
    """Pings are answered and nothing is said: content is missed."""
    heard: list[Quoted] = []
    stream = Stream(access(vendor), ["QQQ"], lambda _, one: heard.append(one), silence_s=0.5)
    try:
        wait_for(lambda: heard)
        vendor.feeds.faults.mute = True
        first = vendor.feeds._listeners[0]
        wait_for(lambda: vendor.feeds._listeners and vendor.feeds._listeners[0] is not first)
        vendor.feeds.faults.mute = False
        count = len(heard)
        wait_for(lambda: len(heard) > count)
    finally:
        stream.close()


# --- recording ----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_market_is_recorded_and_read(standing):
    vendor = standing
    at = from_ns(after(30))
    recorder = Recorder(
        "SPY", access(vendor), opening=lambda *_: Silent(), now=lambda: to_ns(vendor.clock.now())
    )
    assert recorder.turn()
    data = read_snapshot("SPY", at=at, source="alpaca")
    assert data is not None
    assert len(data.layout) > 100
    assert np.isfinite(data.column("open_interest")).all()
    assert newest_known("SPY", at=at) is not None
    assert Instrument.objects.filter(kind="option").count() == len(data.layout)


class Silent:
    def close(self) -> None: ...


@pytest.mark.django_db
def test_streams_keep_the_record_going_without_rest(vendor):
    recorder = Recorder("BTC/USD", access(vendor))
    try:
        assert recorder.turn()
        vendor.script.add("GET /v", "500")
        before = recorder.book.snapshot(time.time_ns())
        assert before is not None
        time.sleep(1.5)
        assert recorder.turn()
        data = recorder.book.snapshot(time.time_ns())
        assert data is not None
        assert recorder.book.age_s(time.time_ns()) < 1.4
    finally:
        recorder._close_streams()


@pytest.mark.django_db
def test_nothing_is_recorded_of_a_market_that_is_silent(vendor):
    """Pinned quotes keep their time: a frozen feed."""
    vendor.venue.prices.set("BTC/USD", Decimal(50_000), Decimal(50_010))
    recorder = Recorder(
        "BTC/USD", access(vendor), opening=lambda *_: Silent(),
        now=lambda: time.time_ns() + 10 * SECOND,
    )  # fmt: skip
    assert not recorder.turn()
    assert not Snapshot.objects.exists()


@pytest.mark.django_db
def test_between_minutes_little_is_kept(vendor):
    class Given:
        def underlying(self, symbol):
            return quote(at=clock[0])

        def chain(self, symbol, **_):
            return {CALL: quote(9, 10, at=clock[0])}

        def interest(self, symbol, **_):
            return {}

    clock = [NOW]
    recorder = Recorder("SPY", access(vendor), rest=Given(), opening=lambda *_: Silent(),
                        now=lambda: clock[0])  # fmt: skip
    for _ in range(240):  # twenty minutes
        assert recorder.turn()
        clock[0] += 5 * SECOND
    times = list(Snapshot.objects.order_by("time").values_list("time", flat=True))
    old = [at for at in times if to_ns(at) < clock[0] - KEEP_ALL - 2 * MINUTE]
    assert len(old) > 10
    assert {(at.second, at.microsecond) for at in old} == {(0, 0)}
    recent = [at for at in times if to_ns(at) > clock[0] - KEEP_ALL + 2 * MINUTE]
    assert len(recent) > 30
    assert from_ns(NOW) == times[0]


@pytest.mark.django_db
def test_the_command_needs_keys(settings):
    settings.ALPACA_DATA_KEY = ""
    with pytest.raises(CommandError, match="ALPACA_DATA_KEY"):
        call_command("record", "SPY")


@pytest.mark.django_db
def test_the_command_says_what_alpaca_refuses(vendor, settings, monkeypatch):
    settings.ALPACA_DATA_KEY, settings.ALPACA_DATA_SECRET = vendor.key, "wrong"
    settings.ALPACA_DATA_BASE = vendor.address
    monkeypatch.setattr("market.feed.service.end_on_signals", lambda: lambda: False)
    with pytest.raises(CommandError, match="refuses BTC/USD"):
        call_command("record", "BTC/USD")
