"""What is killed is started again and seen to be back; the command touches nothing of others."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from trading.chaos import stack as stacks
from trading.chaos.run import Report, Size, lines
from trading.chaos.stack import Returns, Stack, Victim


@pytest.fixture
def stack(tmp_path: Path):
    made = Stack(tmp_path, Path.cwd(), 0)
    yield made
    made.stop()


def until(stack: Stack, done, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never came to be so"
        stack.tend()
        time.sleep(0.02)


def test_a_killed_process_is_started_again_and_its_return_is_timed(stack: Stack, tmp_path: Path):
    here = tmp_path / "here"
    script = f"import time; open({str(here)!r}, 'w').write('up'); time.sleep(600)"
    child = stack.add("sleeper", sys.executable, "-c", script)
    until(stack, here.exists)
    stack._victims.append(Victim("worker", child, lambda: here.exists))
    stack.watch()
    before = child.process.pid
    here.unlink()
    assert stack.kill(random.Random(1)) == "sleeper"
    assert stack.away == ["sleeper"]
    until(stack, lambda: not stack.away)
    assert child.process.pid != before
    ((kind, count, p50, p95, most),) = stack.returns.rows()
    assert (kind, count) == ("worker", 1)
    assert 0.4 < p50 == p95 == most < 30
    assert stack.kills == {"worker": 1}


def test_one_that_is_killed_before_it_is_back_counts_once_as_back(stack: Stack):
    child = stack.add("sleeper", sys.executable, "-c", "import time; time.sleep(600)")
    stack._victims.append(Victim("web", child, lambda: lambda: False))
    dice = random.Random(1)
    stack.kill(dice)
    child.process.wait(10)
    assert stack.kill(dice) == ""  # it is dead: there is nobody to kill
    until(stack, child.running)
    stack.kill(dice)
    assert dict(stack.returns.again) == {"web": 1}
    assert stack.away == ["sleeper"]


def test_while_a_server_is_away_nothing_is_back():
    def away() -> bool:
        raise ConnectionRefusedError

    assert not stacks._asked(away)
    assert stacks._asked(lambda: True)


def test_a_number_that_rises_is_a_return():
    told = iter([5, 5, 4, 6])
    back = stacks._rises(lambda: next(told))
    assert [back() for _ in range(4)] == [False, False, False, True]


def test_times_are_told_by_kind():
    returns = Returns()
    returns.times["web"] += [float(one) for one in range(20, 0, -1)]
    assert returns.rows() == [("web", 20, 10.0, 19.0, 20.0)]


def report(**more) -> Report:
    usual = {
        "size": Size(seed=7), "revision": "abc", "kills": {"web": 2}, "fills": 4, "orders": 3,
        "retries": 1, "trading_s": 2.0, "settled_s": 1.0, "returns": [("web", 2, 1.0, 2.0, 2.0)],
        "not_back": {}, "killed_again": {}, "refusals": [],
    }  # fmt: skip
    return Report(**usual | more)


def test_a_report_says_seed_revision_counts_and_verdict():
    told = lines(report())
    assert told[0] == "seed 7, revision abc"
    assert told[-1] == "PROVEN"
    assert any("kills: 2 (2 web)" in one for one in told)
    assert any("fills: 4 of 3 orders" in one for one in told)
    assert report().passed


def test_anything_wrong_turns_the_verdict():
    made = report(wrong=["execution x1 is lost"])
    assert not made.passed
    assert lines(made)[-2:] == ["WRONG: execution x1 is lost", "NOT PROVEN: 1 differences"]
    assert made.as_json()["passed"] is False


def test_a_folder_that_is_not_its_own_is_left_alone(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("PULSE_CHAOS", raising=False)
    kept = tmp_path / "kept"
    kept.write_text("of somebody")
    with pytest.raises(CommandError, match="not of an earlier run"):
        call_command("chaos", folder=tmp_path)
    assert kept.read_text() == "of somebody"


def test_bugs_are_planted_in_processes_of_a_run_alone(monkeypatch):
    monkeypatch.delenv("PULSE_CHAOS", raising=False)
    with pytest.raises(CommandError, match="of a run"):
        call_command("chaos", role="execute", plant="lost")


def test_production_is_never_killed(settings, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it began"))
    monkeypatch.delenv("PULSE_CHAOS", raising=False)
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="machine of developers"):
        call_command("chaos", folder=tmp_path / "new")
