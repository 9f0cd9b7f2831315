"""Tools of third parties in their own processes: what hangs, crashes or lies costs one time-out."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from market.frames import Kind
from tools_app import isolation, limits, wire
from tools_app.checks import check
from tools_app.checks.findings import frame_of
from tools_app.checks.market import random_market
from tools_app.isolation import Breaker
from tools_app.registry import Catalogue, catalogue
from tools_app.safety import ToolFaultError, ToolRestsError, judged, judged_all
from tools_app.third_party import brought

from .foreign import install

BAD = """
def raises(x, p):
    raise ZeroDivisionError("no\\0volume")

def hangs(x, p):
    while True:
        pass

def exits(x, p):
    os._exit(3)

def leaves(x, p):
    raise SystemExit("enough")

def dies(x, p):
    os.kill(os.getpid(), 11)

def eats(x, p):
    return np.ones(1 << 40)

def nonsense(x, p):
    return Verdict((Condition("close", x["close"], "", x["close"] * 0 + 7.0),), x["close"] * 0)

def odd_side(x, p):
    return Verdict((Condition("close", x["close"], "", x["close"] * 0),), x["close"] * 0 + 0.5)

def short(x, p):
    return Verdict((Condition("close", x["close"][1:], "", x["close"] * 0),), x["close"] * 0)

def other(x, p):
    return 7

def writes(x, p):
    x["close"][0] = 1.0
    return good(x, p)

def prints(x, p):
    print("x" * 100000, flush=True)
    os.write(1, b"x" * 100000)
    return good(x, p)

def secrets(x, p):
    if "SECRET_KEY" in os.environ or "DATABASE_URL" in os.environ:
        raise ValueError("a secret is here")
    return good(x, p)

def strange(x, p):
    verdict = good(x, p)
    one = verdict.conditions[0]
    label = "a\\0b\\ud800" + "c" * 500
    return Verdict((Condition(label, one.value, "", one.degree),), verdict.side)

TOOLS = [
    made(2000 + place, f"bad-{f.__name__.replace('_', '-')}", f) for place, f in enumerate((
        good, raises, hangs, exits, leaves, dies, eats, nonsense, odd_side, short, other, writes,
        prints, secrets, strange))
]
"""


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    install(tmp_path_factory.mktemp("site"), patch, "bad_tools", BAD)
    shelf = Catalogue()
    for item in brought():
        shelf.offer(item)
    assert shelf.refused == []
    yield shelf
    patch.undo()
    isolation.close_all()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "x")
    monkeypatch.setenv("DATABASE_URL", "x")
    before = limits.limits()
    limits.configure(replace(before, answer_s=0.7))
    isolation._breakers.clear()
    yield
    isolation._breakers.clear()
    limits.configure(before)


def frame(rows: int = 60):
    times, now = random_market(Kind.INTRADAY, rows, 1)
    return frame_of(catalogue().get("volume-breakout"), times, now)


def test_a_good_tool_keeps_every_check_and_its_process(tools):
    tool = tools.get("bad-good")
    assert check(tool) == []
    host = isolation.host_of("bad_tools:TOOLS", 0)
    pid = host.pid
    judged(tool, frame())
    assert host.pid == pid
    many = random_market(Kind.INTRADAY, 40, 2, paths=(3, 2))
    assert judged(tool, frame_of(tool, *many)).score.shape == (3, 2, 40)


@pytest.mark.parametrize(
    ("slug", "says"),
    [
        ("raises", "ZeroDivisionError: no volume"),
        ("hangs", "no answer within 0.7 s; its process was ended"),
        ("exits", "its process ended with exit code 3"),
        ("leaves", "SystemExit: enough"),
        ("dies", "its process was ended by SIGSEGV"),
        ("eats", "MemoryError"),
        ("nonsense", "the condition 'close' has a degree outside 0..1"),
        ("odd-side", "side is not -1, 0 or 1 for every row"),
        ("short", "the value of 'close' has shape"),
        ("other", "it answered a int, not a Verdict"),
        ("writes", "read-only"),
    ],
)
def test_what_a_tool_does_wrong_is_told_and_it_is_asked_again(tools, slug, says):
    tool = tools.get(f"bad-{slug}")
    for _ in range(2):
        with pytest.raises(ToolFaultError, match="(?s)" + says.replace("(", r"\(")):
            judged(tool, frame())


def test_what_a_tool_prints_goes_nowhere_and_it_knows_no_secret(tools):
    for slug in ("bad-prints", "bad-secrets"):
        assert np.isfinite(judged(tools.get(slug), frame()).score).any()


def test_a_foreign_text_is_made_fit_for_tables_and_pages(tools):
    (condition,) = judged(tools.get("bad-strange"), frame()).conditions
    assert condition.label.startswith("a b ccc")
    assert len(condition.label) == isolation.LONGEST_TEXT


def test_a_killed_process_is_told_once_and_started_again(tools):
    tool = tools.get("bad-good")
    judged(tool, frame())
    host = isolation.host_of("bad_tools:TOOLS", 0)
    os.kill(host.pid, signal.SIGKILL)
    with pytest.raises(ToolFaultError, match="SIGKILL"):
        judged(tool, frame())
    assert np.isfinite(judged(tool, frame()).score).any()


def test_an_answer_that_nobody_took_is_not_taken_for_the_next(tools, monkeypatch):
    """A task's time limit may cut a question short after it was sent."""
    tool, receive = tools.get("bad-good"), wire.receive
    judged(tool, frame(30))

    def cut(*_args):
        monkeypatch.setattr(wire, "receive", receive)
        raise KeyboardInterrupt

    monkeypatch.setattr(wire, "receive", cut)
    with pytest.raises(KeyboardInterrupt):
        judged(tool, frame(30))
    assert judged(tool, frame(40)).score.size == 40


def test_those_that_hang_cost_one_time_out_together_and_stop_no_other(tools):
    whole = frame()
    ours = [tool for tool in catalogue() if tool.slug == "volume-breakout"]
    asked = [*ours, *tools]
    for slug in ("bad-good", "bad-raises"):
        judged_once(tools.get(slug), whole)
    began = time.monotonic()
    answers = {tool.slug: answer for tool, answer in judged_all(asked, whole)}
    assert time.monotonic() - began < 12.0
    assert list(answers) == [tool.slug for tool in asked]
    assert not isinstance(answers["volume-breakout"], ToolFaultError)
    assert not isinstance(answers["bad-good"], ToolFaultError)
    assert "no answer within" in str(answers["bad-hangs"])


def judged_once(tool, whole) -> str:
    try:
        judged(tool, whole)
    except ToolFaultError as fault:
        return str(fault)
    return ""


def test_a_tool_that_fails_in_a_row_rests_and_is_then_tried_once(tools, monkeypatch):
    limits.configure(replace(limits.limits(), faults=2, pause_s=50.0))
    tool = tools.get("bad-raises")
    now = [0.0]
    monkeypatch.setitem(isolation._breakers, tool.slug, Breaker(clock=lambda: now[0]))
    for _ in range(2):
        assert "ZeroDivisionError" in judged_once(tool, frame())
    with pytest.raises(ToolRestsError, match="rests after 2 faults in a row") as rests:
        judged(tool, frame())
    assert rests.value.seconds == 50.0
    now[0] = 51.0
    assert "ZeroDivisionError" in judged_once(tool, frame())
    now[0] = 150.0
    assert "rests after 3 faults" in judged_once(tool, frame())


def test_rests_grow_up_to_the_longest_and_end_with_an_answer():
    now = [0.0]
    breaker = Breaker(clock=lambda: now[0])
    limits.configure(replace(limits.limits(), faults=1, pause_s=10.0, longest_pause_s=35.0))
    for rest in (10.0, 20.0, 35.0, 35.0):
        assert breaker.rests() == 0.0
        assert breaker.failed() == rest
        assert breaker.rests() == rest
        now[0] += rest
    assert breaker.rests() == 0.0
    assert breaker.rests() == 35.0, "one trial at a time"
    breaker.passed()
    assert (breaker.rests(), breaker.in_a_row) == (0.0, 0)


def test_many_threads_ask_one_process_and_each_gets_its_own_answer(tools):
    tool, found = tools.get("bad-good"), {}

    def ask(rows: int) -> None:
        found[rows] = judged(tool, frame(rows)).score.size

    limits.configure(replace(limits.limits(), answer_s=5.0))
    threads = [threading.Thread(target=ask, args=(rows,)) for rows in range(20, 28)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {rows: rows for rows in range(20, 28)}


def test_a_forked_worker_starts_its_own_process(tools):
    """As Celery's prefork does: the child of a fork is given an answer, and the parent's stays."""
    tool = tools.get("bad-good")
    judged(tool, frame())
    before = isolation.host_of("bad_tools:TOOLS", 0).pid
    child = os.fork()
    if child == 0:
        code = 1
        try:
            judged(tool, frame())
            mine = isolation.host_of("bad_tools:TOOLS", 0)
            code = 0 if mine.pid != before else 2
            mine.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    judged(tool, frame())
    assert isolation.host_of("bad_tools:TOOLS", 0).pid == before


def test_a_daemonic_process_may_start_one(tools):
    """Celery's workers are daemonic, and may have no child of `multiprocessing`."""
    import multiprocessing as mp

    def work(queue) -> None:
        queue.put(bool(np.isfinite(judged(tools.get("bad-good"), frame()).score).any()))
        isolation.close_all()

    context = mp.get_context("fork")
    queue = context.Queue()
    worker = context.Process(target=work, args=(queue,), daemon=True)
    worker.start()
    assert queue.get(timeout=20) is True
    worker.join(10)


def test_a_hung_process_ends_itself_when_its_worker_is_gone(tools):
    """The kernel's alarm needs neither Python nor a parent."""
    limits.configure(replace(limits.limits(), answer_s=0.2))
    host = isolation.Host("bad_tools:TOOLS")
    host.describe()
    process, link = host._process, host._link
    head = {"place": 2, "names": ["close"], "shape": [3], "settings": {}, "seconds": 0.2}
    wire.send(link, head, [np.ones(3)], time.monotonic() + 1.0)
    link.close()
    assert process.wait(10) == -signal.SIGALRM


def test_a_package_that_changes_under_a_running_worker_is_not_believed(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "moving", 'TOOLS = made(3000, "moving", good)')
    shelf = Catalogue()
    for item in brought():
        shelf.offer(item)
    tool = shelf.get("moving")
    judged(tool, frame())
    isolation.close_all()
    path = tmp_path / "moving.py"
    path.write_text(path.read_text().replace("window=6", "window=9 "))
    with pytest.raises(ToolFaultError, match="was changed since the start"):
        judged(tool, frame())


@pytest.mark.parametrize(
    ("sent", "raised"),
    [
        (b"", EOFError),
        (b"\0" * 12, wire.MessageError),
        (b"\0\0\0\2" + b"\0" * 8 + b"[]", wire.MessageError),
        (b"\xff" * 12, wire.MessageError),
        (b"\0\0\0\2\0\0\0\0\0\0\0\x09{}", wire.MessageError),
    ],
)
def test_what_is_no_message_is_refused(sent, raised):
    import socket

    one, other = socket.socketpair()
    with one, other:
        other.sendall(sent)
        other.close()
        with pytest.raises(raised):
            wire.receive(one, 8, time.monotonic() + 1.0)


def test_a_message_that_stops_half_way_is_late_and_not_waited_for():
    import socket

    one, other = socket.socketpair()
    with one, other:
        other.sendall(b"\0\0")
        with pytest.raises(TimeoutError):
            wire.receive(one, 8, time.monotonic() + 0.1)
