"""A venue that dies anywhere and starts again ends where one that never died does."""

from __future__ import annotations

import contextlib
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal as D  # noqa: N817

import pytest
from django.db import connection

from record import audit
from tests.record.conftest import child
from tests.trading.paper.conftest import broker, hear, intent, option, send
from tests.trading.paper.test_engine import sound
from trading.brokers.paper import engine, markets, selectors
from trading.brokers.paper.models import PaperAccount, PaperActivity, PaperFill, PaperOrder
from trading.brokers.protocol import RejectedError
from trading.ledger import selectors as books
from trading.models import Account, Fill, JournalEntry, Order

__all__ = ["child"]
pytestmark = pytest.mark.django_db(transaction=True)

STORIES = int(os.environ.get("PULSE_STORIES", "3"))
STRIKES = (490, 495, 500, 505, 510)
NAMES = [option(right, strike) for strike in STRIKES for right in "CP"]
ROWS = 10


class DiedError(BaseException):
    """The process died here."""


def wanted(rng: random.Random, number: int):
    """Return some order."""
    quantity = str(rng.randint(1, 9))
    if rng.random() < 0.3:
        names = rng.sample(NAMES, rng.randint(2, 4))
        legs = [(name, rng.choice((-1, 1))) for name in names]
        price = f"{rng.randint(-40, 40) / 10:.2f}"
        return intent(f"{number}", *legs, quantity=quantity, limit_price=price)
    leg = (rng.choice(NAMES), rng.choice((-1, 1)))
    kind = rng.choice(("limit", "limit", "market", "stop", "trailing_stop"))
    price = f"{rng.randint(20, 58) * 0.05:.2f}"
    named = {"limit": {"limit_price": price}, "stop": {"stop_price": price},
             "trailing_stop": {"trail": "0.15"}}  # fmt: skip
    force = rng.choice(("day", "gtc") if "stop" in kind else ("day", "gtc", "ioc", "fok"))
    return intent(f"{number}", leg, quantity=quantity, kind=kind, time_in_force=force,
                  **named.get(kind, {}))  # fmt: skip


def quotes(rng: random.Random) -> dict:
    found = {}
    for name in NAMES:
        bid = rng.randint(20, 56) * 0.05
        width = rng.choice((0, 0.05, 0.1, 0.1, 0.15, -0.05))
        found[name] = (
            round(bid, 2), round(bid + width, 2), rng.randint(0, 12), rng.randint(0, 12),
            round(bid, 2), rng.randint(0, 60), rng.choice((0, 0, 0, 9)),
        )  # fmt: skip
    return found


def dying(left: int):
    """Return what raises once, at a statement to come: the transaction is rolled back."""

    def wrap(execute, sql, params, many, context):
        nonlocal left
        left -= 1
        if left == 0:
            raise DiedError
        return execute(sql, params, many, context)

    return wrap


def walk_dying(account: Account, rng: random.Random) -> int:
    """Walk an account along its rows, dying on the way as often as luck has it."""
    deaths = 0
    while True:
        try:
            with connection.execute_wrapper(dying(rng.randint(1, 60 + 60 * deaths))):
                engine.step(account.pk)
        except DiedError:
            deaths += 1
        else:
            return deaths


def ended(account: Account) -> dict:
    """Return all that is told of an account, without the numbers that the database gave."""
    orders = list(PaperOrder.objects.filter(account=account).order_by("id"))
    place = {order.pk: number for number, order in enumerate(orders)}
    fills = PaperFill.objects.filter(account=account).order_by("id")
    happened = PaperActivity.objects.filter(account=account).order_by("id")
    return {
        "orders": [(one.state, one.reason, one.progress, one.matches, one.ended) for one in orders],
        "fills": [(place[one.order_id], one.symbol, one.quantity, one.price, one.fee, one.at,
                   one.why["text"]) for one in fills],
        "happened": [(one.activity_id, one.kind, one.symbol, one.quantity, one.cash)
                     for one in happened],
        "house": [(one.state, one.filled_quantity, one.held)
                  for one in Order.objects.filter(account=account).order_by("id")],
        "books": books.balances(account),
        "lots": [(one.symbol, one.lots, one.realised) for one in books.positions(account)],
        "entries": JournalEntry.objects.filter(account=account).count(),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(STORIES))
def test_deaths_change_nothing(tape, paper, seed):
    rng = random.Random(seed)
    market = tape(NAMES)
    market.row(1)
    steady, mortal = paper("steady", "10000000"), paper("mortal", "10000000")
    deaths = number = 0
    for minute in range(2, 2 + ROWS):
        for _ in range(rng.randint(0, 3)):
            number += 1
            one = wanted(rng, number)
            for account in (steady, mortal):
                send(account, one)
        if number and rng.random() < 0.3:
            which = str(rng.randint(1, number))
            for account in (steady, mortal):
                order = Order.objects.get(account=account, intent_id=which)
                name = order.client_ids.get().text
                with contextlib.suppress(RejectedError):
                    broker(account).cancel(name, order.venue_order_id)
        market.row(minute, quotes(rng), steps=False)
        engine.step(steady.pk)
        deaths += walk_dying(mortal, rng)
        assert engine.step(mortal.pk) == 0
    market.row(market.last_minute, {}, spot=rng.choice((480.0, 503.0, 521.0)), steps=False)
    market.closes(steps=False)
    engine.step(steady.pk)
    deaths += walk_dying(mortal, rng)
    assert deaths > ROWS // 2
    assert ended(mortal) == ended(steady)
    assert PaperFill.objects.filter(account=mortal).count() == Fill.objects.filter(
        account=mortal
    ).count()  # fmt: skip
    sound(mortal)


STEPPING = """
import datetime as dt
from trading.brokers.paper import engine
while True:
    engine.step({account})
    say("walked")
"""


@pytest.mark.slow
def test_killed_while_it_walks(tape, paper, child):
    """Real processes, killed with -9 while rows come; the next one goes on."""
    rng = random.Random(5)
    market = tape(NAMES)
    market.row(1)
    account = paper(cash="10000000")
    number, one = 0, child(STEPPING.format(account=account.pk))
    for minute in range(2, 2 + 2 * ROWS):
        for _ in range(3):
            number += 1
            send(account, wanted(rng, number))
        market.row(minute, quotes(rng), steps=False)
        if minute % 6 == 0:
            one.until("walked")
            time.sleep(rng.random() * 0.1)
            one.kill()
            one = child(STEPPING.format(account=account.pk))
    one.until("walked")
    one.kill()
    market.row(market.last_minute, {}, spot=503.0, steps=False)
    market.closes(steps=False)
    engine.step(account.pk)
    assert PaperFill.objects.count() == Fill.objects.count() > 20
    for order in PaperOrder.objects.all():
        hear(account, selectors.venue_order(order))  # all of it is known
    assert PaperFill.objects.count() == Fill.objects.count()
    sound(account)
    assert audit.verify().sound


def test_two_at_once_walk_once(tape, paper):
    market = tape(NAMES)
    market.row(1)
    account = paper()
    for number in range(4):
        send(account, intent(f"{number}", (NAMES[0], 1), quantity="2", limit_price="2.50"))
    for minute in range(2, 6):
        market.row(minute, {NAMES[0]: (2.4, 2.5 - minute / 100, 9, minute)}, steps=False)

    def walk(_):
        try:
            return engine.step(account.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(walk, range(4)))
    assert sum(one.quantity for one in Fill.objects.all()) == D(8)
    assert markets.row_of(markets.rows(PaperAccount.objects.get())) is None
    sound(account)
