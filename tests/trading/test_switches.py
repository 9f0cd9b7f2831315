"""The kill switch: latch, flag and row; pressed with anything away; what runs away is stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from tests.record.conftest import ROOT, own_redis
from tests.trading.desk import Desk, desk, latch, market, new_desk, sent
from trading.execution import services
from trading.execution.executor import Executor
from trading.execution.states import Standing
from trading.models import AccountState, Switch, SwitchChange
from trading.scopes import EVERYTHING, Scope, named, of_order, underlying
from trading.switches import flags, press
from trading.switches import services as switches
from trading.switches.latch import Latch, LatchError
from trading.switches.selectors import stops

__all__ = ["desk", "latch", "market", "new_desk", "own_redis"]
real = pytest.mark.django_db(transaction=True)
SPY = Scope("symbol", "SPY")


# --- the latch alone ----------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Latch:
    one = Latch(tmp_path / "deep" / "latch.json")
    one.prepare()
    return one


def test_a_latch_stops_what_it_names_and_everything_stops_all(file: Latch):
    assert file.hindrance([SPY]) == ""
    file.set(SPY, actor="ana", reason="strange")
    assert file.hindrance([SPY]) == "the latch stops symbol:SPY: strange"
    assert file.hindrance([Scope("symbol", "QQQ")]) == ""
    file.set(EVERYTHING, actor="ana", reason="enough")
    assert "enough" in file.hindrance([])
    assert file.clear(EVERYTHING)
    assert not file.clear(EVERYTHING)
    assert file.hindrance([SPY]) != ""
    file.prepare()
    assert file.read()[SPY].actor == "ana"


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"stops": []}', '{"stops": {"moon:1": {}}}', "\x00", None,
     '{"stops": {"global:1": {}}}', '{"stops": {"symbol:SPY": {"actor": "x"}}}',
     '{"stops": {"symbol": {}}}'],
)  # fmt: skip
def test_whatever_is_wrong_with_the_latch_closes_it(file: Latch, content):
    if content is None:
        file.path.unlink()
    else:
        file.path.write_text(content)
    assert "cannot be read" in file.hindrance([])
    with pytest.raises(LatchError):
        file.clear(SPY)


def test_what_people_read_of_the_latch_says_nothing_of_this_host(file: Latch):
    file.path.unlink()
    assert file.hindrance([]) == "The latch cannot be read: No such file or directory"
    file.path.mkdir()
    with pytest.raises(LatchError) as caught:
        file.set(SPY, actor="ana", reason="x")
    assert str(file.path.parent) not in str(caught.value)


def test_setting_a_broken_latch_keeps_it_closed(file: Latch):
    file.path.write_text("{")
    file.set(SPY, actor="ana", reason="x")
    assert set(file.read()) == {EVERYTHING, SPY}
    file.path.write_text("{")
    file.reset()
    assert file.read() == {}


def test_a_latch_that_cannot_be_written_is_removed_which_stops_all(file: Latch, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LatchError, match="removed, which stops everything"):
        file.set(SPY, actor="ana", reason="x")
    assert file.hindrance([]) != ""
    assert [one.name for one in file.path.parent.iterdir()] == ["latch.json.lock"]


def test_two_who_set_it_at_once_lose_nothing(file: Latch):
    scopes = [Scope("bot", str(number)) for number in range(20)]
    threads = [
        threading.Thread(target=lambda one=one: file.set(one, actor="x", reason="y"))
        for one in scopes
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert set(file.read()) == set(scopes)


def test_an_order_is_in_every_scope_from_the_widest():
    assert underlying("SPY261218C00500000") == "SPY"
    found = of_order(3, 5, "bot:7", ["SPY261218C00500000", "SPY", "BRK.B"])
    assert [str(one) for one in found] == [
        "global", "user:3", "account:5", "bot:7", "symbol:BRK.B", "symbol:BRKB", "symbol:SPY",
    ]  # fmt: skip
    assert [str(one) for one in of_order(None, 5, "user", [])] == ["global", "account:5"]


INDEXES = {
    "SPX": ("SPX", "SPXW"), "NDX": ("NDX", "NDXP"), "RUT": ("RUT", "RUTW"),
    "VIX": ("VIX", "VIXW"), "AAPL": ("AAPL", "AAPL1"),
}  # fmt: skip


@pytest.mark.parametrize("name", INDEXES)
def test_a_symbol_holds_the_options_of_all_its_roots(name: str):
    for root in INDEXES[name]:
        option = f"{root}261218C00500000"
        found = of_order(None, 5, "user", [option])
        assert {Scope("symbol", name), Scope("symbol", root)} <= set(found)
        assert underlying(option) == name
    assert Scope("symbol", INDEXES[name][1]) not in of_order(
        None, 5, "user", [f"{name}261218C00500000"]
    )


# --- switches in the database -------------------------------------------------------------------


@pytest.mark.django_db
def test_a_switch_is_strictest_first_and_keeps_its_history():
    assert stops([SPY]) == ()
    assert switches.turn(SPY, "reducing", actor="risk", reason="wide")
    assert not switches.turn(SPY, "reducing", actor="risk", reason="again")
    switches.turn(EVERYTHING, "halted", actor="risk", reason="loss")
    assert [(str(one.scope), one.state) for one in stops([SPY])] == [
        ("global", "halted"), ("symbol:SPY", "reducing"),
    ]  # fmt: skip
    with pytest.raises(switches.SwitchError, match="person"):
        switches.turn(EVERYTHING, "reducing", actor="risk", reason="better")
    switches.turn(EVERYTHING, "off", actor="user 1", reason="looked")
    assert [one.state for one in stops([SPY])] == ["reducing"]
    assert SwitchChange.objects.count() == 3
    for scope, state, reason in [
        (Scope("moon", "1"), "halted", "x"), (Scope("global", "1"), "halted", "x"),
        (Scope("user"), "halted", "x"), (SPY, "on", "x"), (SPY, "off", " "),
    ]:  # fmt: skip
        with pytest.raises(switches.SwitchError):
            switches.turn(scope, state, actor="user 1", reason=reason)


@real
def test_pressing_stops_halts_and_cancels_and_a_person_releases(desk: Desk, latch):
    sent(desk.live())
    waiting = desk.place("two")
    report = press.press(EVERYTHING, actor="user 1", reason="enough")
    assert report.failed == []
    waiting.refresh_from_db()
    assert (waiting.state, desk.order("one").state) == ("canceled", "cancel_pending")
    assert (desk.standing, Switch.objects.get().state) == (Standing.HALTED, "halted")
    assert {name: one.reason for name, one in flags.flagged().items()} == {"global": "enough"}
    assert latch.read()[EVERYTHING].turn == SwitchChange.objects.get().pk
    desk.until(lambda: desk.order("one").state == "canceled", 5)
    desk.place("three")
    desk.turn(5)
    assert len(desk.venue.posts) == 1

    assert press.release(EVERYTHING, actor="risk", reason="fine").failed != []
    assert latch.read() != {}
    assert press.release(EVERYTHING, actor="user 1", reason="looked at it").failed == []
    assert (latch.read(), flags.flagged()) == ({}, {})
    assert desk.standing == Standing.RECONCILING
    desk.live()
    sent(desk, "four")


@real
@pytest.mark.parametrize(
    ("scope", "stopped"),
    [("symbol:SPY", {"a", "b"}), ("bot:7", {"b"}), ("account", {"a", "b", "c"}),
     ("user", {"a", "b", "c"})],
)  # fmt: skip
def test_a_scope_holds_what_is_in_it(desk: Desk, new_desk, scope, stopped):
    desk.live()
    sent(desk, "a", symbol="SPY261218C00500000", price="3")
    sent(desk, "b", origin="bot:7")
    sent(desk, "c", symbol="QQQ")
    kind, _, target = scope.partition(":")
    target = target or {"account": desk.account.pk, "user": desk.account.owner_id}[kind]
    press.press(Scope(kind, str(target)), actor="user 1", reason="test")
    found = {name for name in "abc" if desk.order(name).state == "cancel_pending"}
    assert found == stopped
    whole = kind in ("account", "user")
    assert (desk.standing == Standing.HALTED) == whole


@real
def test_a_class_of_shares_is_one_with_its_options_whose_root_has_no_dot(desk: Desk):
    desk.live()
    sent(desk, "shares", symbol="BRK.B")
    sent(desk, "option", symbol="BRKB261218C00500000", price="3")
    sent(desk, "other", symbol="BRKX")
    press.press(named("symbol", "brk.b"), actor="user 1", reason="test")
    desk.place("again", symbol="BRKB261218C00500000", price="3")
    desk.turn(5)
    states = [desk.order(one).state for one in ("shares", "option", "other", "again")]
    assert states == ["canceled", "canceled", "accepted", "pending"]


@real
@pytest.mark.parametrize(
    ("target", "stopped"), [("SPX", {"a", "b"}), ("SPXW", {"b"}), ("VIX", {"c"}), ("W", set())]
)
def test_an_index_stops_what_works_and_what_waits_of_all_its_roots(desk: Desk, target, stopped):
    desk.live()
    options = {"a": "SPX", "b": "SPXW", "c": "VIXW"}
    for name, root in options.items():
        sent(desk, name, symbol=f"{root}261218C00500000", price="3")
    press.press(Scope("symbol", target), actor="user 1", reason="test")
    assert {one for one in "abc" if desk.order(one).state == "cancel_pending"} == stopped
    posts = len(desk.venue.posts)
    for name, root in options.items():
        desk.place(f"{name} again", symbol=f"{root}261218C00500000", price="3")
    desk.turn(5)
    left = {name for name in options if desk.order(f"{name} again").state == "accepted"}
    assert left == set(options) - stopped
    assert len(desk.venue.posts) == posts + len(left)


@real
def test_releasing_one_switch_leaves_what_something_else_halted(desk: Desk):
    desk.live()
    services.step(desk.account.pk, Standing.HALTED, actor="risk", reason="a loss")
    press.press(EVERYTHING, actor="user 1", reason="enough")
    press.release(EVERYTHING, actor="user 1", reason="fine")
    assert desk.standing == Standing.HALTED
    with pytest.raises(services.StandingError):
        services.step(desk.account.pk, Standing.RECONCILING, actor="risk", reason="x")
    services.step(desk.account.pk, Standing.RECONCILING, actor="user 1", reason="x")


@real
def test_latch_and_switches_come_together(desk: Desk, latch):
    """A stop that only the latch knew is told; one that a person cleared elsewhere leaves it."""
    sent(desk.live())
    latch.set(EVERYTHING, actor="operator ana", reason="no database then")
    assert press.adopt() == 1
    assert (desk.standing, desk.order("one").state) == (Standing.HALTED, "cancel_pending")
    assert Switch.objects.get().actor == "operator ana"
    assert press.adopt() == 0
    switches.turn(EVERYTHING, "off", actor="operator eve", reason="from another host")
    assert press.adopt() == 1
    assert latch.read() == {}
    latch.set(SPY, actor="operator ana", reason="again")
    press.adopt()
    assert stops([SPY])[0].reason == "again"
    latch.path.write_text("{")
    with pytest.raises(LatchError):
        press.adopt()


@real
def test_flags_and_switches_come_together(desk: Desk):
    """A flag that was set while the database was away is told; one left behind is taken away."""
    sent(desk.live())
    scope = Scope("account", str(desk.account.pk))
    flags.set_flag(scope, "no database then")
    assert press.adopt() == 1
    assert (desk.standing, desk.order("one").state) == (Standing.HALTED, "cancel_pending")
    assert press.adopt() == 0
    switches.turn(scope, "off", actor="user 1", reason="while Redis was away")
    assert press.adopt() == 1
    assert flags.flagged() == {}


@contextmanager
def database_away() -> Iterator[None]:
    def fail(*_):
        raise OperationalError("the server is away")

    with connection.execute_wrapper(fail):
        yield


@real
@pytest.mark.parametrize("by", ["latch", "flag"])
def test_a_stop_cancels_at_the_broker_without_a_database(desk: Desk, latch, by):
    sent(desk.live())
    executor = Executor(desk.clock)
    assert desk.lane is not None
    executor.lanes[desk.account.pk] = desk.lane
    with database_away():
        if by == "latch":
            latch.set(EVERYTHING, actor="ana", reason="x")
        else:
            flags.set_flag(Scope("account", str(desk.account.pk)), "x")
        executor.watch()
        executor._cancels.shutdown(wait=True)
    assert not any(one.open for one in desk.venue.kept.values())
    executor._pool.shutdown()


def kill(*words: str, latch: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "kill", *words],
        cwd=ROOT, text=True, capture_output=True, timeout=60, check=False,
        env=os.environ | {"PULSE_LATCH": str(latch)} | environment,
    )  # fmt: skip


def test_the_command_needs_neither_database_nor_redis_and_says_what_it_could_not(tmp_path):
    """It sets the latch before it waits for anything."""
    path = tmp_path / "latch.json"
    done = kill(
        "--scope", "user:7", "--scope", "symbol:spy", latch=path,
        DATABASE_URL="postgres://127.0.0.1:1/pulse", REDIS_URL=f"unix://{tmp_path}/nowhere",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert set(Latch(path).read()) == {Scope("user", "7"), SPY}
    assert done.stdout.count("done: set the latch of this host") == 2
    for part in ("set the flag in Redis", "set the switch in the database"):
        assert done.stderr.count(f"NOT DONE: {part}") == 2
    assert "NOT DONE: cancel for accounts that no execution process serves" in done.stderr
    assert "Traceback" not in done.stderr


@real
def test_the_command_cancels_by_hand_where_nobody_serves(desk: Desk, latch, capsys):
    sent(desk.live())
    AccountState.objects.update(lease_until=None)
    desk.dies()
    call_command("kill", "--scope", f"account:{desk.account.pk}")
    said = capsys.readouterr()
    assert f"1 cancels sent for account {desk.account.pk}" in said.out
    assert said.err == ""
    assert not any(one.open for one in desk.venue.kept.values())
    with pytest.raises(Exception, match="needs --reason"):
        call_command("kill", "--clear")
    call_command("kill", "--clear", "--scope", f"account:{desk.account.pk}", "--reason", "fine")
    assert latch.read() == {}
    desk.live()
    assert desk.order("one").state == "canceled"


@real
def test_the_command_says_which_cancels_failed(desk: Desk, capsys):
    sent(desk.live())
    AccountState.objects.update(lease_until=None)
    desk.venue.faults.ask = 1.0
    with pytest.raises(SystemExit):
        call_command("kill")
    said = capsys.readouterr()
    assert f"NOT DONE: order {desk.order('one').pk}: the question failed" in said.err
