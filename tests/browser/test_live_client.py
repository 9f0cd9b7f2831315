"""The browser's live client in a real browser, against a server that loses what it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, sync_playwright

from .chromium import FLAGS, REMEDY, find_chromium
from .live_server import ScriptedServer

pytestmark = pytest.mark.browser
NAME = "signals:free"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.fail(REMEDY)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture
def page(browser: Browser, server: ScriptedServer) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.wait_for_function("() => window.T")
    yield page
    assert page.evaluate("() => T.violations") == []
    assert faults == []
    context.close()


def seqs(page: Page) -> list[int]:
    return page.evaluate("() => T.events.map((e) => e.seq)")


def wait_events(page: Page, count: int) -> None:
    page.wait_for_function("(n) => T.events.length >= n", arg=count, timeout=10_000)


def wait_said(page: Page, state: str) -> None:
    page.wait_for_function("(s) => T.live.status.state === s", arg=state, timeout=10_000)


def follow_live(page: Page, server: ScriptedServer, have: int = 5) -> None:
    """Subscribe as a page that was rendered at `have`, and be live."""
    server.add(NAME, have)
    page.evaluate("(since) => { T.follow('signals:free', { since, epoch: 'e1' }); }", have)
    page.wait_for_function("() => T.statuses.at(-1).state === 'live' || T.live.status.tries > 5")


def test_a_snapshot_then_events_in_order(page: Page, server: ScriptedServer) -> None:
    server.add(NAME, 3)
    page.evaluate("() => { T.follow('signals:free'); }")
    page.wait_for_function("() => T.snaps.length")
    server.add(NAME, 50)
    wait_events(page, 50)
    assert seqs(page) == list(range(4, 54))
    snap = page.evaluate("() => T.snaps[0]")
    assert (snap["seq"], snap["epoch"], snap["data"]["k3"]) == (3, "e1", {"seq": 3})
    event = page.evaluate("() => T.events[0]")
    assert event == {
        "channel": NAME, "epoch": "e1", "seq": 4, "ts": "T", "op": "add", "key": "k4",
        "data": {"seq": 4},
    }  # fmt: skip
    assert page.evaluate("() => T.live.peek('signals:free', 'k53')") == {"seq": 53}
    assert page.evaluate("() => T.live.status.text") == "Live"


def test_a_page_rendered_at_a_number_goes_on_from_there(page: Page, server: ScriptedServer) -> None:
    server.add(NAME, 9)
    page.evaluate("() => { T.follow('signals:free', { since: '7', epoch: 'e1' }); }")
    wait_events(page, 2)
    assert (seqs(page), page.evaluate("() => T.snaps")) == ([8, 9], [])


def test_a_cut_socket_comes_back_and_nothing_is_missing(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    server.accepting = False
    server.kill()
    wait_said(page, "reconnecting")
    server.add(NAME, 12)
    server.accepting = True
    wait_events(page, 12)
    assert seqs(page) == list(range(6, 18))
    page.wait_for_function("() => T.restored.length")
    assert page.evaluate("() => T.restored") == [{"channel": NAME, "missed": 12, "snapshot": False}]
    wait_said(page, "live")
    assert page.evaluate("() => T.said.some((s) => /^Reconnecting, try \\d+$/.test(s.text))")
    assert server.subs()[-1]["ch"] == [{"n": NAME, "epoch": "e1", "since": 5}]


def test_a_cut_without_loss_restores_in_silence(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    server.kill()
    wait_said(page, "reconnecting")
    wait_said(page, "live")
    server.add(NAME)
    wait_events(page, 1)
    assert (seqs(page), page.evaluate("() => T.restored")) == ([6], [])


def test_a_hole_is_asked_for_once_and_filled(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    server.add(NAME, 4, lose=True)
    before = len(server.subs())
    server.add(NAME, 3)
    wait_events(page, 7)
    assert seqs(page) == list(range(6, 13))
    assert len(server.subs()) == before + 1
    page.wait_for_function("() => T.restored.length")
    assert page.evaluate("() => T.restored[0].missed") >= 4


def test_a_silent_loss_is_seen_by_the_heartbeat(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    server.add(NAME, 6, lose=True)
    server.beat()
    wait_events(page, 6)
    page.wait_for_function("() => T.restored.length")
    assert seqs(page) == list(range(6, 12))
    assert page.evaluate("() => T.restored[0].missed") == 6


def test_a_new_epoch_gives_a_snapshot(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    server.epoch, server.rows = "e2", {NAME: ["k1"]}
    server.add(NAME)
    page.wait_for_function("() => T.snaps.length && T.snaps.at(-1).epoch === 'e2'")
    server.add(NAME)
    wait_events(page, 1)
    assert page.evaluate("() => [T.events.at(-1).epoch, T.events.at(-1).seq]") == ["e2", 3]


def test_too_much_missed_comes_as_a_snapshot(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    server.keep = 50
    server.add(NAME, 80, lose=True)
    server.beat()
    page.wait_for_function("() => T.restored.length")
    assert page.evaluate("() => T.restored[0]") == {
        "channel": NAME, "missed": 80, "snapshot": True,
    }  # fmt: skip
    assert page.evaluate("() => T.snaps[0].seq") == 85


def test_a_refusal_says_which_plan_opens_and_is_not_repeated(
    page: Page, server: ScriptedServer
) -> None:
    server.refused["signals:pro"] = {"code": "tier", "msg": "Pro required", "plan": "pro"}
    page.evaluate("() => { T.follow('signals:pro'); }")
    page.wait_for_function("() => T.statuses.at(-1).state === 'refused'")
    assert page.evaluate("() => T.statuses.at(-1)") == {
        "state": "refused", "code": "tier", "message": "Pro required", "plan": "pro",
    }  # fmt: skip
    count = len(server.subs())
    server.kill()
    wait_said(page, "reconnecting")
    wait_said(page, "live")
    page.wait_for_timeout(100)
    assert len(server.subs()) == count


def test_silence_is_noticed(page: Page, server: ScriptedServer) -> None:
    page.evaluate(
        """() => { T.quick = new T.Live(`ws://${location.host}/ws`, { silence: 300 });
                   T.quick.subscribe('signals:free', {}); }"""
    )
    page.wait_for_function("() => T.quick.socket.open")
    page.wait_for_function("() => T.said.filter((s) => s.state === 'live').length >= 2")
    assert page.evaluate("() => T.said.some((s) => s.state === 'reconnecting')")


def test_a_goodbye_names_the_pause(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    server.say({"t": "bye", "code": "deploy", "retry": 1})
    wait_said(page, "reconnecting")
    page.wait_for_timeout(300)
    assert page.evaluate("() => T.live.status.state") == "reconnecting"
    wait_said(page, "live")


def test_offline_waits_and_online_connects_at_once(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    page.context.set_offline(True)
    wait_said(page, "offline")
    assert page.evaluate("() => T.live.status.text") == "Offline"
    server.add(NAME, 2)
    page.context.set_offline(False)
    wait_events(page, 2)
    assert seqs(page) == [6, 7]


def test_without_any_success_the_page_is_told_to_poll(page: Page, server: ScriptedServer) -> None:
    server.accepting = False
    page.evaluate("() => { T.follow('signals:free'); }")
    wait_said(page, "polling")
    assert page.evaluate("() => T.live.status.text") == "Polling"
    server.accepting = True
    wait_said(page, "live")


def test_a_batch_is_told_in_one_frame(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    page.evaluate(
        """() => { T.frames = [];
                   T.live.subscribe('signals:free', { since: 5, epoch: 'e1',
                     onEvent: () => T.frames.push(document.timeline.currentTime) }); }"""
    )
    server.add(NAME, 400)
    wait_events(page, 400)
    times = page.evaluate("() => T.frames")
    assert (len(times), len(set(times)) < 200) == (400, True)


def test_a_hidden_tab_stores_and_tells_when_shown(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    page.evaluate(
        """() => { T.hide = (on) => {
             Object.defineProperty(document, 'hidden', { configurable: true, get: () => on });
             document.dispatchEvent(new Event('visibilitychange')); };
             T.hide(true); }"""
    )
    server.add(NAME, 30)
    page.wait_for_function("() => T.live.peek('signals:free', 'k35')")
    assert seqs(page) == []
    page.evaluate("() => T.hide(false)")
    wait_events(page, 30)
    assert seqs(page) == list(range(6, 36))


def test_a_hidden_tab_that_missed_too_much_gets_a_snapshot(
    page: Page, server: ScriptedServer
) -> None:
    follow_live(page, server)
    page.evaluate(
        """() => { T.hide = (on) => {
             Object.defineProperty(document, 'hidden', { configurable: true, get: () => on });
             document.dispatchEvent(new Event('visibilitychange')); };
             T.hide(true); }"""
    )
    server.add(NAME, 10_050)
    page.wait_for_function("() => T.live.peek('signals:free', 'k10055')")
    page.evaluate("() => T.hide(false)")
    page.wait_for_function("() => T.snaps.length && T.snaps.at(-1).seq === 10055")
    assert len(seqs(page)) <= 50


def test_readers_of_one_channel_each_hear_everything_once(
    page: Page, server: ScriptedServer
) -> None:
    server.add(NAME, 9)
    page.evaluate(
        """() => { T.heard = { a: [], b: [], c: [] };
             const read = (who, at) => T.live.subscribe('signals:free', { ...at,
               onEvent: (e) => T.heard[who].push(e.seq),
               onSnapshot: (s) => T.heard[who].push('snap ' + s.seq) });
             T.stopA = read('a', { since: 6, epoch: 'e1' });
             T.later = () => { read('b', { since: 3, epoch: 'e1' }); read('c', {}); }; }"""
    )
    page.wait_for_function("() => T.heard.a.length === 3")
    page.evaluate("() => T.later()")
    page.wait_for_function("() => T.heard.c.length")
    server.add(NAME, 2)
    page.wait_for_function("() => T.heard.b.at(-1) === 11")
    heard = page.evaluate("() => T.heard")
    assert [n for n in heard["a"] if isinstance(n, int)] == [7, 8, 9, 10, 11]
    assert heard["c"] == ["snap 9", 10, 11]
    assert heard["b"][-2:] == [10, 11]
    page.evaluate("() => T.stopA()")
    server.add(NAME)
    page.wait_for_function("() => T.heard.b.at(-1) === 12")
    assert page.evaluate("() => T.heard.a.at(-1)") == 11


def test_leaving_the_last_reader_unsubscribes(page: Page, server: ScriptedServer) -> None:
    server.add(NAME, 1)
    page.evaluate("() => { T.stop = T.follow('signals:free'); }")
    page.wait_for_function("() => T.snaps.length")
    page.evaluate("() => T.stop()")
    page.wait_for_timeout(100)
    assert server.heard[-1] == {"t": "unsub", "ch": [NAME]}


def test_a_readers_fault_keeps_nobody_from_hearing(page: Page, server: ScriptedServer) -> None:
    follow_live(page, server)
    page.evaluate(
        """() => { T.live.subscribe('signals:free', { since: 5, epoch: 'e1',
                     onEvent: () => { throw new Error('mine'); } });
                   T.follow('signals:free', { since: 5, epoch: 'e1' }); }"""
    )
    server.add(NAME, 2)
    wait_events(page, 4)
    assert seqs(page) == [6, 6, 7, 7]


# A lossy line: each message to the client is told, lost, or told twice; the server answers
# requests like the hub. Whatever is lost, the next heartbeat heals it.
LOSSY = """
([start, steps]) => {
  const channel = new T.Channel('c:x', { since: start, epoch: 'e' });
  let head = start, applied = [], restored = 0, requests = 0;
  const ev = (seq) => ({ t: 'ev', ch: 'c:x', epoch: 'e', seq, ts: 'T', op: 'add', k: 'k', d: {} });
  const tell = (message) => {
    for (const effect of channel.receive(message)) {
      if (effect.kind === 'event') applied.push(effect.event.seq);
      if (effect.kind === 'restored') restored += 1;
      if (effect.kind === 'resync') ask();
    }
  };
  const ask = () => {
    requests += 1;
    const { since } = channel.request();
    for (let seq = since + 1; seq <= head; seq++) tell(ev(seq));
    tell({ t: 'hb', heads: { 'c:x': head } });
  };
  for (const step of steps) {
    if (step === 'cut') { channel.disconnected(); ask(); continue; }
    if (step === 'beat') { tell({ t: 'hb', heads: { 'c:x': head } }); continue; }
    head += 1;
    if (step !== 'lost') tell(ev(head));
    if (step === 'twice') tell(ev(head));
  }
  tell({ t: 'hb', heads: { 'c:x': head } });
  return { applied, head, open: channel.gapFrom, seq: channel.seq, requests, restored };
}
"""


@pytest.fixture(scope="module")
def rules(browser: Browser) -> Iterator[Page]:
    server = ScriptedServer()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.wait_for_function("() => window.T")
    yield page
    page.close()
    server.stop()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start=st.integers(0, 5),
    steps=st.lists(st.sampled_from(["told", "lost", "twice", "beat", "cut"]), max_size=40),
)
def test_the_rules_apply_every_number_once(rules: Page, start: int, steps: list[str]) -> None:
    result: dict[str, Any] = rules.evaluate(LOSSY, [start, steps])
    assert result["applied"] == list(range(start + 1, result["head"] + 1))
    assert (result["open"], result["seq"]) == (None, result["head"])
    lost = steps.count("lost")
    assert result["requests"] <= lost + steps.count("cut")
    assert result["restored"] <= lost
