"""Threads at once and kill -9: nothing lost, nothing twice, no limit passed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection

from record import audit
from tests.trading.conftest import buy, by, filled, says
from trading.audit import differences
from trading.ledger import selectors
from trading.ledger import services as ledger
from trading.models import Fill, JournalEntry, Order
from trading.orders import services
from trading.orders.machine import News
from trading.orders.venue import apply

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
THREADS = 4


def at_once(*works) -> list:
    """Run functions in threads that start together; return what each gave or raised."""
    gate = Barrier(len(works))

    def run(work):
        gate.wait()
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def sent_order(account, intent_id: str, quantity: str = "1000") -> str:
    order = services.place(account.pk, buy(intent_id, quantity, "10"), actor="ana").order
    return services.begin_send(account.pk, order.pk)


def test_fills_at_once_are_each_booked_once(account, open_gate):
    sent = sent_order(account, "one")
    events = [filled(f"x{number % 10}", sent, "3", "9.5") for number in range(40)]

    def work(part):
        return lambda: [apply(account.pk, event).fresh for event in part]

    given = at_once(*(work(events[number::THREADS]) for number in range(THREADS)))
    assert sum(sum(part) for part in given) == 10
    assert Order.objects.get().filled_quantity == 30
    assert selectors.positions(account)[0].quantity == 30
    assert differences(account.pk) == []
    assert audit.verify().sound


def test_the_last_of_the_money_goes_to_one_order(open_account, open_gate):
    account = open_account(cash="1000")
    placed = at_once(*(
        lambda number=number: services.place(account.pk, buy(f"{number}", "6"), actor="ana")
        for number in range(THREADS)
    ))  # fmt: skip
    assert sorted(one.decision.allowed for one in placed) == [False] * 3 + [True]
    assert selectors.free(account) == 400
    assert differences(account.pk) == []


def test_one_intent_at_once_is_one_order_and_one_sending(account, open_gate):
    placed = at_once(*(
        lambda: services.place(account.pk, buy("one"), actor="ana") for _ in range(THREADS)
    ))  # fmt: skip
    assert sorted(one.fresh for one in placed) == [False] * 3 + [True]
    order = placed[0].order
    given = at_once(*(
        lambda: services.begin_send(account.pk, order.pk) for _ in range(THREADS)
    ))  # fmt: skip
    assert sum(isinstance(one, str) for one in given) == 1
    assert sum(isinstance(one, services.NotSendableError) for one in given) == THREADS - 1


def test_cancel_and_fill_at_once_agree(account, open_gate):
    for number in range(5):
        sent = sent_order(account, f"{number}", "10")
        order = Order.objects.get(intent_id=f"{number}")
        given = at_once(
            lambda sent=sent, number=number: apply(account.pk, filled(f"x{number}", sent, "10")),
            lambda sent=sent, number=number: apply(
                account.pk, says(News.CANCELED, f"c{number}", sent)
            ),
            lambda order=order: services.cancel(account.pk, order.pk, actor="ana"),
        )
        assert not [one for one in given if isinstance(one, Exception)]
        order.refresh_from_db()
        assert (order.state, order.held) == ("filled", 0)
    assert differences(account.pk) == []


def test_two_accounts_at_once_do_not_wait_for_each_other_in_a_ring(open_account, open_gate):
    one, two = open_account("one"), open_account("two")

    def work(first, second):
        def run():
            for number in range(10):
                ledger.deposit(first.pk, D(1), by(f"{first.pk}-{number}"))
                ledger.deposit(second.pk, D(1), by(f"{first.pk}-{number}"))

        return run

    given = at_once(work(one, two), work(two, one), work(one, two), work(two, one))
    assert given == [None] * 4
    assert [selectors.balances(a).cash for a in (one, two)] == [100_020] * 2


POSTING = """
from decimal import Decimal
from tests.trading.conftest import filled
from trading.orders.venue import apply
for number in range({first}, {fills}):
    event = filled(f"x{{number}}", {sent!r}, "1", "9.99")
    apply({account}, event)
    say(f"acked {{number}}")
"""
FILLS = 120


def test_killed_while_it_books_nothing_is_lost_and_nothing_is_twice(account, open_gate, child):
    """A venue tells its fills again from the start to each process that takes over."""
    sent = sent_order(account, "one")
    acked: set[int] = set()
    for kills, stop in enumerate((7, 31, 55, 90)):
        one = child(POSTING.format(first=0, fills=FILLS, sent=sent, account=account.pk))
        one.until(f"acked {stop}")
        time.sleep(0.003 * kills)  # not always at the same step
        one.kill()
        acked |= {int(line.split()[1]) for line in one.said if line.startswith("acked")}
        booked = set(Fill.objects.values_list("execution_id", flat=True))
        assert {f"x{number}" for number in acked} <= booked
        assert differences(account.pk) == []
    last = child(POSTING.format(first=0, fills=FILLS, sent=sent, account=account.pk))
    last.ends(60)
    assert Fill.objects.count() == FILLS
    assert JournalEntry.objects.filter(kind="fill").count() == FILLS
    order = Order.objects.get()
    assert (order.filled_quantity, order.held) == (FILLS, 10 * (1000 - FILLS))
    now = selectors.balances(account)
    assert now.cash == 100_000 - FILLS * (D("9.99") + D("0.35"))
    assert differences(account.pk) == []
    assert audit.verify().sound
