"""The reporter against the real server: outages, refusals, lost answers, `kill -9`."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accounts.keys.services import key_create
from accounts.models import User
from leaderboard import reporter as module
from leaderboard.models import Bot, Heartbeat, Trade
from leaderboard.reporter import BotReporter, ReportError, _retry_after, _Spool

from .conftest import CALL
from .wire import CHILD, Wire, told

FILE = Path(module.__file__)
ORDER = {"action": "BUY_CALL", "symbol": CALL, "quantity": 1, "price": "4.95"}


@pytest.fixture
def key(transactional_db) -> str:
    """Return the key of a person whose bot reports."""
    ana = User.objects.create_user("ana@bots.example", plan="pro_plus")
    return key_create(ana, name="bot", scopes=["report"]).text


@pytest.fixture
def wire(live_server, key, monkeypatch) -> Iterator[Wire]:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.02)
    made = Wire(live_server.url)
    yield made
    made.stop()


@pytest.fixture
def start(wire, key, tmp_path) -> Iterator[Callable[..., BotReporter]]:
    made: list[BotReporter] = []

    def begin(config=None, **more) -> BotReporter:
        options = {"name": "otter", "spool": tmp_path / "spool", "heartbeat_every": None, **more}
        made.append(BotReporter(config or {"v": 1}, wire.url, options.pop("key", key), **options))
        return made[-1]

    yield begin
    for one in made:
        if one._thread.is_alive():
            one.close(0)


def stored() -> list[str]:
    return list(Trade.objects.order_by("seq").values_list("client_trade_id", flat=True))


def test_a_trade_arrives_now_or_later(start):
    bot = start()
    assert bot.register() == Bot.objects.get().pk
    answer = bot.report_trade(client_trade_id="now", **ORDER)
    assert (answer["status"], answer["seq"]) == ("stored", 1)
    ids = [bot.report_trade_async(**ORDER) for _ in range(1200)]
    assert bot.flush(20)
    assert stored() == ["now", *ids]
    assert bot.waiting() == bot.lost == bot.refused == 0


def test_errors_of_the_direct_call_say_what_is_wrong(start):
    bot = start()
    with pytest.raises(ReportError, match="/price: Give 0 or more") as caught:
        bot.report_trade(**{**ORDER, "price": -1})
    assert caught.value.status == 400


def test_every_fault_of_the_wire_leaves_each_trade_once(start, wire, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAIT_S", 0.05)
    wire.faults = ["503", "lost", "429", "cut", "moved", "lost", "503"]
    bot = start()
    ids = [bot.report_trade_async(**ORDER) for _ in range(20)]
    assert bot.flush(20)
    assert sorted(stored()) == sorted(ids)
    assert wire.faults == []
    times = [at for at, path, _ in wire.seen if path.endswith("/trades")]
    asked = next(at for at, _, fault in wire.seen if fault == "429")
    assert min(at for at in times if at > asked) - asked >= 0.4
    assert not any("steal" in path for _, path, _ in wire.seen)


def test_an_outage_is_sat_out(start, wire):
    wire.down = True
    bot = start()
    ids = [bot.report_trade_async(**ORDER) for _ in range(50)]
    assert not bot.flush(0.3)
    assert bot.close(0) is False
    wire.down = False
    again = start()
    ids.append(again.report_trade_async(**ORDER))
    assert again.flush(20)
    assert stored() == ids


def test_a_bot_that_the_server_forgot_is_made_again(start):
    first = start()
    first.register()
    first.close()
    Bot.objects.update(owner=None)  # what a bot of another owner answers, a missing one does too
    again = start()
    name = again.report_trade_async(**ORDER)
    assert again.flush(20)
    assert stored() == [name]


def test_another_accounts_key_has_a_bot_of_its_own(start):
    first = start()
    number = first.register()
    first.close()
    bob = User.objects.create_user("bob@bots.example", plan="pro")
    second = start(key=key_create(bob, name="bot", scopes=["report"]).text)
    assert second.register() != number
    second.report_trade_async(**ORDER)
    assert second.flush(20)
    assert Trade.objects.get().bot.owner == bob


def test_what_the_server_refuses_is_kept_and_the_rest_goes_on(start, tmp_path):
    bot = start()
    bot.report_trade_async(**{**ORDER, "price": "free"}, client_trade_id="bad")
    bot.report_trade_async(**ORDER, client_trade_id="good")
    bot.report_trade_async(**{**ORDER, "price": 9}, client_trade_id="good")
    assert bot.flush(20)
    assert stored() == ["good"]
    assert bot.refused == 2
    rows = told(tmp_path / "spool" / "refused.jsonl")
    assert [row["trade"]["client_trade_id"] for row in rows] == ["bad", "good"]
    assert "number" in rows[0]["why"]


def test_a_body_that_the_server_cannot_read_does_not_stop_the_rest(start, tmp_path):
    bot = start()
    bot.register()
    names = [f"n-{number}" for number in range(9)]
    for name in names:
        more = {"note": "\x00"} if name == "n-4" else {}
        bot.report_trade_async(**ORDER, client_trade_id=name, **more)
    assert bot.flush(20)
    assert stored() == [name for name in names if name != "n-4"]
    assert bot.refused == 1


def test_a_new_configuration_is_told(start):
    first = start()
    number = first.register()
    first.close()
    second = start({"v": 2})
    assert second.register() == number
    second.report_trade_async(**ORDER)
    assert second.flush(20)
    assert Trade.objects.get().version.number == 2


def test_a_start_with_what_is_known_asks_nobody(start, wire):
    first = start()
    number = first.register()
    first.close()
    wire.seen.clear()
    assert start().register() == number
    assert wire.seen == []


def test_a_wrong_key_waits_for_a_right_one(start, tmp_path):
    bot = start(key="wrong")
    name = bot.report_trade_async(**ORDER)
    with pytest.raises(ReportError, match="API key is not valid"):
        bot.register()
    bot.close(0)
    again = start()
    assert again.flush(20)
    assert stored() == [name]


def test_heartbeats_are_sent_by_themselves_and_when_asked(start):
    bot = start(heartbeat_every=30)
    until = time.monotonic() + 10
    while not Heartbeat.objects.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert Heartbeat.objects.get().every_s == 30
    bot.close()
    quiet = start(spool=bot._spool.folder)
    quiet.heartbeat("steady")
    while not Heartbeat.objects.filter(status="steady") and time.monotonic() < until:
        time.sleep(0.02)
    assert Heartbeat.objects.get().status == "steady"


def test_the_bots_loop_never_waits(start, wire):
    """Two thousand reports are taken while the server holds the first answer back."""
    bot = start()
    bot.register()
    wire.held.clear()
    ids = [bot.report_trade_async(**ORDER) for _ in range(2000)]
    assert stored() == []
    wire.held.set()
    assert bot.flush(20)
    assert stored() == ids


def test_nothing_raises_into_the_bots_loop(start, tmp_path, monkeypatch):
    bot = start()

    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert bot.report_trade_async(action=Odd()) is None
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    assert bot.report_trade_async(**ORDER) is None
    monkeypatch.undo()
    assert bot.lost == 2


def test_kill_9_loses_nothing_that_was_taken_and_repeats_nothing(wire, key, start, tmp_path):
    spool, taken, chance = tmp_path / "spool", [], random.Random(7)
    for _ in range(20):
        wire.faults = chance.choices(["", "lost", "cut", "503"], k=4)
        begin = 1 + max((int(name[2:]) for name in taken), default=0) + 1
        command = [sys.executable, "-I", "-S", "-c", CHILD, str(FILE), wire.url, str(spool), key]
        child = subprocess.Popen([*command, str(begin)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        taken.append(child.stdout.readline().strip())
        time.sleep(chance.uniform(0, 0.12))
        child.kill()
        taken += child.stdout.read().split()
        child.wait()
    wire.faults = []
    last = start(name="killed")
    assert last.flush(30)
    found = stored()
    assert len(found) == len(set(found))
    assert set(taken) <= set(found)
    # Each kill may fall between taking a trade and saying so.
    assert len(found) <= len(taken) + 20


class TestSpool:
    """The queue on the disk by itself."""

    def test_it_is_bounded(self, tmp_path, monkeypatch):
        monkeypatch.setattr(module, "MOST_BYTES", 10_000)
        monkeypatch.setattr(module, "SEGMENT_BYTES", 1_000)
        spool = _Spool(tmp_path)
        line = b'{"a":"' + b"x" * 90 + b'"}\n'
        count = 0
        while spool.append(line):
            count += 1
        assert count == 10_000 // len(line)
        assert sum(path.stat().st_size for path in tmp_path.glob("*.jsonl")) <= 10_000
        rows, place = spool.read(15, 10**6)
        spool.done(place)
        while len(rows) < count:
            more, place = spool.read(15, 10**6)
            rows += more
            spool.done(place)
        assert spool.waiting() == 0
        assert spool.append(line)
        spool.close()

    def test_half_a_line_is_passed_over(self, tmp_path):
        spool = _Spool(tmp_path)
        spool.append(b'{"n":1}\n')
        spool.append(b'{"n":')
        spool.close()
        again = _Spool(tmp_path)
        again.append(b'{"n":2}\n')
        found = []
        for _ in range(3):
            rows, place = again.read(9, 10**6)
            again.done(place)
            found += rows
        assert found == [{"n": 1}, {"n": 2}]
        assert again.waiting() == 0
        again.close()

    def test_a_folder_serves_one_process(self, tmp_path):
        spool = _Spool(tmp_path)
        command = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            CHILD,
            str(FILE),
            "http://x",
            str(tmp_path),
            "key",
        ]
        done = subprocess.run([*command, "1"], capture_output=True, text=True, check=False)
        assert "is in use by another process" in done.stderr
        spool.close()

    def test_a_lost_or_broken_position_sends_again(self, tmp_path):
        spool = _Spool(tmp_path)
        spool.append(b'{"n":1}\n')
        _, place = spool.read(9, 10**6)
        spool.done(place)
        spool.close()
        (tmp_path / "position").write_text("x")
        again = _Spool(tmp_path)
        assert again.read(9, 10**6)[0] == [{"n": 1}]
        again.close()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3", 3.0), ("-1", 0.0), ("99999", 3600.0), ("soon", None), (None, None), ("nan", None)],
)
def test_retry_after_is_read(text, seconds):
    assert _retry_after(text) == seconds


def test_retry_after_may_be_a_date():
    import datetime as dt
    from email.utils import format_datetime

    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    assert 27 < _retry_after(format_datetime(at)) <= 30


@pytest.mark.parametrize(
    ("url", "key"), [("pulse.example", "k"), ("file:///etc/passwd", "k"), ("http://x", "a\nb")]
)
def test_a_wrong_address_or_key_is_told_at_the_start(tmp_path, url, key):
    with pytest.raises(ValueError, match=r"is not an address|no key has"):
        BotReporter({}, url, key, spool=tmp_path)
