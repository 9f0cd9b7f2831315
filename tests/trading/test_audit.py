"""`manage.py audit_ledger` proves what is true, and names each bug that is planted."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from tests.trading.conftest import buy, by, filled, passing, says
from trading.ledger import services as ledger
from trading.ledger.services import Kind
from trading.models import Account
from trading.orders import gate, services
from trading.orders.machine import News
from trading.orders.venue import apply

pytestmark = pytest.mark.django_db(transaction=True)
BUGS = {
    "L1 a lone posting": (
        "INSERT INTO trading_posting (entry_id, account_id, side, unit, instrument, amount)"
        " SELECT id, account_id, 'fees', 'USD', '', 0.01 FROM trading_journalentry LIMIT 1",
        "sum in USD",
    ),
    "L1 a number is left out": ("UPDATE trading_account SET seq = seq + 1", "journal: entries"),
    "L2 a balance drifts": (
        "UPDATE trading_balance SET amount = amount + 0.01 WHERE side = 'cash'",
        "balance of cash USD",
    ),
    "L3 a fact twice": (
        "INSERT INTO trading_journalentry (account_id, seq, source, external_id, kind, at, facts,"
        " reason) SELECT account_id, seq + 100, source, external_id || '#', kind, at, facts, ''"
        " FROM trading_journalentry WHERE kind = 'fill' LIMIT 1",
        "journal: entries",
    ),
    "L4 cash that no fact moved": (
        "UPDATE trading_posting SET amount = amount + CASE side WHEN 'cash' THEN 1 ELSE -1 END"
        " WHERE side IN ('cash', 'fees') AND entry_id ="
        " (SELECT entry_id FROM trading_fill ORDER BY id LIMIT 1)",
        "balance of cash",
    ),
    "L5 a hold stays": (
        "UPDATE trading_order SET held = held - 1 WHERE state = 'partially_filled'",
        ": held",
    ),
    "L5 a hold that no order has": (
        "UPDATE trading_balance SET amount = amount + 1 WHERE side = 'holds'",
        "balance of holds",
    ),
    "P1 a quantity drifts": ("UPDATE trading_position SET quantity = quantity + 1", "quantity"),
    "P3 a lot costs another price": (
        """UPDATE trading_position SET lots = '[["4", "1"]]'::jsonb""", "SPY: lots"
    ),
    "O1 a state of its own": (
        "UPDATE trading_order SET state = 'working' WHERE state = 'partially_filled'", "state"
    ),
    "O2 a fill is lost": ("UPDATE trading_orderleg SET filled = 3", "filled"),
    "O2 a sum of its own": (
        "UPDATE trading_order SET filled_quantity = 5", "filled quantity"
    ),
    "F1 a fill twice": (
        "INSERT INTO trading_fill (account_id, source, execution_id, order_id, leg_id, symbol,"
        " quantity, price, multiplier, fee, at, late, entry_id)"
        " SELECT account_id, source, execution_id || '#', order_id, leg_id, symbol, quantity,"
        " price, multiplier, fee, at, late,"
        " (SELECT id FROM trading_journalentry WHERE kind = 'deposit' LIMIT 1) FROM trading_fill",
        "fill x1#: entry",
    ),
    "F1 an entry without its fill": ("DELETE FROM trading_fill", ": fill"),
}  # fmt: skip


@pytest.fixture
def traded(account) -> Account:
    """An order of 10 with 4 filled, and cash from elsewhere."""
    before = gate.register(passing)
    order = services.place(account.pk, buy("one"), actor="ana").order
    gate.register(before)
    sent = services.begin_send(account.pk, order.pk)
    apply(account.pk, says(News.WORKING, "w", sent))
    apply(account.pk, filled("x1", sent, "4"))
    ledger.dividend(account.pk, Decimal("1.23"), by("d"), symbol="SPY")
    return account


def run(*args) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("audit_ledger", *args, stdout=out, stderr=out)
    except SystemExit as end:
        return int(end.code), out.getvalue()
    return 0, out.getvalue()


def test_true_books_are_proven(traded):
    wrong = ledger.charge(traded.pk, Decimal(5), by("c"))
    ledger.reverse(traded.pk, wrong.entry.pk, by("r"), reason="not ours")
    assert wrong.entry.kind == Kind.FEE
    assert run() == (0, "Books of 1 accounts: proven.\n")
    assert run(traded.pk)[0] == 0
    with pytest.raises(CommandError, match="no account 999"):
        run(999)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_named(traded, bug):
    sql, told = BUGS[bug]
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # the database looks away
        cursor.execute(sql)
        cursor.execute("SET session_replication_role = origin")
    status, said = run("--all")
    assert status == 1
    assert told in said, said
    assert "1 do not balance" in said
    assert len(run()[1].splitlines()) == 2


@pytest.mark.parametrize(
    ("bug", "refusal"),
    [
        ("L1 a lone posting", "does not sum to zero in USD"),
        ("L3 a fact twice", "entry_fact_once"),
        ("L4 cash that no fact moved", "append-only"),
        ("F1 a fill twice", "fill_once"),
        ("F1 an entry without its fill", "append-only"),
    ],
)
def test_the_database_refuses_the_bug_by_itself(traded, bug, refusal):
    sql = BUGS[bug][0].replace(" || '#'", "")
    with pytest.raises(DatabaseError, match=refusal), connection.cursor() as cursor:
        cursor.execute(sql)
