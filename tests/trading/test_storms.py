"""Faults in storms: every intent is one order at the venue, and each rule's bug is found out.

Sizes come from the environment: PULSE_SUBMITS orders (G4). The seed of a storm is its number.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.trading.desk import Desk, desk, latch, market, new_desk, sent
from tests.trials.sizes import seeds, told
from trading.execution import lane, outlet, pace, reconcile, resolving, sending
from trading.execution.outlet import Outlet
from trading.execution.states import Standing
from trading.models import Order
from trading.orders import machine, services

__all__ = ["desk", "latch", "market", "new_desk"]
pytestmark = pytest.mark.django_db(transaction=True)
A_STORM = 25
FAULTS = {
    "drop": 0.05, "rate": 0.03, "before": 0.06, "after": 0.07, "nonsense": 0.03,
    "crash_before": 0.03, "crash_after": 0.03, "ask": 0.1, "hidden_s": 4.0,
}  # fmt: skip
"""Three submits in ten go wrong."""


def storm(desk: Desk, count: int = A_STORM) -> None:
    """Send orders through every fault; each is at the venue once, none stays in doubt."""
    desk.live()
    for name, share in FAULTS.items():
        setattr(desk.venue.faults, name, share)
    desk.venue.fill_at_once = 0.5
    for number in range(count):
        desk.place(f"i{number}", "3")
        patiently(desk)
        desk.turn(2, step=0.3)
    desk.until(lambda: patiently(desk), 60 + 10 * count, step=1.0)
    for order in Order.objects.filter(account=desk.account):
        assert len(desk.ids_of(order)) == 1, f"order {order.pk}, {order.state}: {order.reason}"
    for name in FAULTS:
        setattr(desk.venue.faults, name, 0.0)
    assert desk.lane is None or desk.standing in (Standing.LIVE, Standing.RECONCILING)
    desk.turn()
    assert desk.lane is not None
    for _ in range(3):
        desk.lane.reconcile_soon()
        desk.turn(step=6)
    assert desk.standing == Standing.LIVE
    desk.prove()


def patiently(desk: Desk) -> bool:
    """Return whether nothing is in doubt; what came is as if it came lately, five a second."""
    for number, order in enumerate(Order.objects.filter(account=desk.account).order_by("-pk")):
        came = desk.clock.now() - dt.timedelta(seconds=number / 5)
        Order.objects.filter(pk=order.pk).update(created=came)
    return desk.settled()


@pytest.mark.slow
def test_a_retry_never_makes_a_second_order(new_desk):
    """G4."""
    run = seeds("PULSE_SUBMITS", A_STORM, A_STORM)
    posts = deaths = 0
    for seed in run:
        desk = new_desk(f"storm {seed}", seed=seed)
        storm(desk)
        posts, deaths = posts + len(desk.venue.posts), deaths + desk.deaths
    sys.stdout.write(f"{told(run)}: {len(run) * A_STORM} intents, {posts} posts, {deaths} deaths\n")


# --- bugs that must be found out -----------------------------------------------------------------


def unknown_is_sent_again(session, attempt) -> None:
    sending._take_back(session, attempt, "the bug", None)


def gives_up_on_the_unfinished(session) -> int:
    return 0


def no_executions(self, since):
    return []


def blind_guards(*_) -> str:
    return ""


def runaway(desk: Desk) -> None:
    """More wants to leave than anybody can have meant."""
    from contextlib import suppress
    from dataclasses import replace

    sent(desk.live())
    request = desk.venue.kept[desk.venue.posts[0]].request
    for number in range(200):
        with suppress(outlet.HeldBackError, pace.RunawayError):
            desk.outlet.submit(replace(request, client_order_id=f"rogue{number}"), ())
        desk.clock.sleep(0.001)
    assert len(desk.venue.posts) <= 10
    desk.until(lambda: desk.standing == Standing.HALTED, 5)


def uncounted(desk: Desk) -> None:
    """An order leaves that the tables know nothing of."""
    from dataclasses import replace

    sent(desk.live())
    request = desk.venue.kept[desk.venue.posts[0]].request
    desk.outlet.submit(replace(request, client_order_id="rogue"), ())
    desk.turn(3)
    assert desk.standing == Standing.HALTED


def stopped(desk: Desk) -> None:
    """The latch alone is set between the last turn and this one."""
    from trading.scopes import EVERYTHING
    from trading.switches.press import latch

    desk.live()
    latch().set(EVERYTHING, actor="test", reason="test")
    desk.place("one")
    desk.turn(3)
    assert desk.venue.posts == []


def missed(desk: Desk) -> None:
    """A fill comes while nobody serves the account and its order is told without it."""
    sent(desk.live())
    desk.dies()
    desk.venue.fill_whole(desk.venue.posts[0])
    kept = desk.venue.kept[desk.venue.posts[0]]
    kept.events = [one for one in kept.events if one.execution is None]
    desk.start()
    desk.live()
    assert desk.order("one").state == "filled"
    desk.prove()


def apart(desk: Desk) -> None:
    """The broker holds what the books do not."""
    desk.live()
    desk.venue.held["QQQ"] = desk.venue.held.get("QQQ", Decimal(0)) + 1
    desk.dies()
    desk.turn(5)
    assert desk.standing in (Standing.REDUCING, Standing.HALTED)


class Unpaced(pace.Pace):
    def take(self, now: float) -> float:
        return 0.0


Story = Callable[[Desk], None]
BUGS: dict[str, tuple[Story, object, str, object]] = {
    "G4 what is unknown is sent again": (storm, sending, "_in_doubt", unknown_is_sent_again),
    "G4 an absence counts at once": (storm, resolving, "SETTLE_S", -60.0),
    "G4 what was left half sent is forgotten": (
        storm, sending, "unfinished", gives_up_on_the_unfinished,
    ),
    "G8 no pace": (runaway, outlet, "Pace", Unpaced),
    "G8 what left is not counted": (uncounted, lane.Lane, "_count", lambda self: None),
    "G8 the last hop looks at nothing": (stopped, Outlet, "_hindrance", blind_guards),
    "G3 fills are not asked for": (missed, Outlet, "executions", no_executions),
    "G3 nothing is compared": (apart, reconcile, "compare", lambda *_: []),
}  # fmt: skip


@pytest.mark.parametrize("story", [runaway, uncounted, stopped, missed, apart])
def test_the_stories_hold(desk: Desk, story: Story):
    story(desk)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_out(new_desk, monkeypatch, bug):
    story, place, name, wrong = BUGS[bug]
    monkeypatch.setattr(place, name, wrong)
    if name == "SETTLE_S":
        monkeypatch.setattr(machine, "ABSENT_AFTER", dt.timedelta(0))
        monkeypatch.setattr(resolving, "ASK_ABSENT_S", 0.0)

    def stories() -> None:
        for seed in range(3):
            story(new_desk(f"bug {seed}", seed=seed))

    with pytest.raises((AssertionError, services.NotSendableError)):
        stories()
