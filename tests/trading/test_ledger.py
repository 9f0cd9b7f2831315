"""The ledger: every fact once, every cent explained, and the database as its last guard."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from record import audit
from tests.trading.conftest import by
from trading.ledger import book, selectors, services
from trading.ledger.book import Fact, LedgerError, Move
from trading.ledger.services import AlteredError, Kind, post
from trading.models import Balance, JournalEntry, Position, Posting

pytestmark = pytest.mark.django_db(transaction=True)
CALL = "SPY261218C00500000"
D = Decimal


def trade(account, external_id: str, *moves: Move, fee: str = "0") -> services.Posted:
    with transaction.atomic():
        locked = services.lock(account.pk)
        return post(locked, Fact(Kind.FILL, moves, fee=D(fee)), by(external_id))


def test_a_fill_moves_cash_cost_and_units(account):
    trade(account, "1", Move("SPY", D(10), D("100.25")), fee="1.05")
    trade(account, "2", Move("SPY", D(-4), D("110")))
    now = selectors.balances(account)
    assert now.cash == D(100000) - D("1002.5") - D("1.05") + 440
    assert (now.realised, now.cost, now.fees) == (D("39.00"), D("601.5"), D("1.05"))
    held = selectors.positions(account)[0]
    assert (held.quantity, held.average) == (6, D("100.25"))
    worth = selectors.equity(account, {"SPY": D(120)})
    assert worth.unrealised == D("118.5")
    assert worth.total - now.deposits == now.earned + worth.unrealised


@pytest.mark.parametrize(("method", "profit"), [("fifo", 200), ("average", 150)])
def test_lots_by_either_method(open_account, method, profit):
    account = open_account(method=method)
    for number, (quantity, price) in enumerate([(10, 100), (10, 110), (-10, 120)]):
        trade(account, str(number), Move("SPY", D(quantity), D(price)))
    assert selectors.balances(account).realised == profit


def test_through_zero_closes_one_set_and_opens_another(account):
    trade(account, "1", Move("SPY", D(5), D(100)))
    trade(account, "2", Move("SPY", D(-8), D(90)))
    held = selectors.positions(account)[0]
    assert (held.quantity, held.cost) == (-3, -270)
    assert selectors.balances(account).realised == -50


def test_told_again_nothing_is_written_and_other_numbers_are_refused(account):
    first = trade(account, "1", Move("SPY", D(5), D(100)))
    rows = Posting.objects.count(), audit.verify().entries
    again = trade(account, "1", Move("SPY", D("5.0"), D("100.00")))
    assert (again.entry, again.fresh) == (first.entry, False)
    assert (Posting.objects.count(), audit.verify().entries) == rows
    with pytest.raises(AlteredError, match="entry 2"):
        trade(account, "1", Move("SPY", D(6), D(100)))


def test_cash_from_outside_and_by_holding(account):
    services.withdraw(account.pk, D(500), by("w"))
    services.charge(account.pk, D("2.50"), by("f"), reason="data")
    services.dividend(account.pk, D("12.34"), by("d"), symbol="SPY")
    services.interest(account.pk, D("-0.07"), by("i"))
    services.adjust(account.pk, by("a"), reason="the broker says so", cash=D("0.01"))
    now = selectors.balances(account)
    assert (now.deposits, now.fees, now.dividends) == (99500, D("2.5"), D("12.34"))
    assert (now.interest, now.adjustments) == (D("-0.07"), D("0.01"))
    assert now.cash == now.deposits + now.earned


@pytest.mark.parametrize(
    ("kind", "held", "end", "shares", "cash", "realised"),
    [
        (Kind.EXERCISE, 2, 0, Move("SPY", D(200), D(500)), -100_000, -1_000),
        (Kind.ASSIGNMENT, -2, 0, Move("SPY", D(-200), D(500)), 100_000, 1_000),
        (Kind.EXPIRY, 2, 0, None, 0, -1_000),
        (Kind.SETTLEMENT, 2, "7.25", None, 1_450, 450),
    ],
)
def test_the_end_of_an_option_is_one_entry(account, kind, held, end, shares, cash, realised):
    trade(account, "1", Move(CALL, D(held), D(5), D(100)))
    before = selectors.balances(account).cash
    gone = Move(CALL, D(-held), D(end), D(100))
    made = services.option_ended(account.pk, kind, gone, by("x"), deliverable=shares)
    now = selectors.balances(account)
    assert (now.cash - before, now.realised) == (cash, realised)
    assert made.entry.kind == kind
    left = {one.symbol: one.quantity for one in selectors.positions(account)}
    assert left == ({} if shares is None else {"SPY": shares.quantity})


def test_an_expiry_pays_nothing_and_an_exercise_delivers(account):
    gone = Move(CALL, D(-1), D(1), D(100))
    with pytest.raises(LedgerError, match="only a cash settlement"):
        services.option_ended(account.pk, Kind.EXPIRY, gone, by("x"))
    with pytest.raises(LedgerError, match="deliver"):
        services.option_ended(account.pk, Kind.EXERCISE, gone, by("x"))


def test_a_reversal_costs_anew_what_was_closed_since(account):
    wrong = trade(account, "1", Move("SPY", D(10), D(90)))
    trade(account, "2", Move("SPY", D(10), D(100)))
    trade(account, "3", Move("SPY", D(-10), D(120)))
    assert selectors.balances(account).realised == 300
    made = services.reverse(account.pk, wrong.entry.pk, by("bust"), reason="busted")
    now = selectors.balances(account)
    assert (now.realised, now.cost, now.cash) == (200, 0, 100_200)
    assert selectors.positions(account) == []
    again = services.reverse(account.pk, wrong.entry.pk, by("bust 2"), reason="busted")
    assert again == services.Posted(made.entry, False)


def test_the_statement_explains_every_cent(account):
    trade(account, "1", Move("SPY", D(10), D("100.25")), fee="1.05")
    services.dividend(account.pk, D("12.34"), by("d"), symbol="SPY")
    lines = list(selectors.statement(account))
    assert [line.change for line in lines] == [100_000, D("-1003.55"), D("12.34")]
    assert lines[-1].cash == selectors.balances(account).cash
    assert next(selectors.statement(account, after=2)).cash == lines[-1].cash


def holding(account, amount: int) -> services.Posted:
    with transaction.atomic():
        return post(services.lock(account.pk), Fact(Kind.HOLD, hold=D(amount)), by("h"))


def test_equity_counts_the_units_of_a_contract(account):
    trade(account, "1", Move(CALL, D(-2), D(5), D(100)))
    worth = selectors.equity(account, {CALL: D(4)})
    assert (worth.cash, worth.value, worth.unrealised) == (101_000, -800, 200)
    with pytest.raises(KeyError):
        selectors.equity(account, {})


def test_what_may_be_held_is_cash_and_credit_less_what_is_held(open_account):
    account = open_account(credit=D(50))
    holding(account, 30)
    assert selectors.free(account) == 100_020


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("credit", lambda one: services.open_account(one.owner, name="x", credit=D("NaN"))),
        ("kind", lambda one: services.option_ended(
            one.pk, Kind.FILL, Move(CALL, D(1), D(0), D(100)), by("x"))),
        ("amount", lambda one: services.deposit(one.pk, D(0), by("x"))),
        ("amount", lambda one: services.deposit(one.pk, D("-0.01"), by("x"))),
        ("amount", lambda one: services.withdraw(one.pk, D("-0.01"), by("x"))),
        ("amount", lambda one: services.withdraw(one.pk, D("NaN"), by("x"))),
        ("amount", lambda one: services.interest(one.pk, D(0), by("x"))),
        ("fee", lambda one: services.charge(one.pk, D("1e-25"), by("x"))),
        ("reason", lambda one: services.adjust(one.pk, by("x"), reason=" ", cash=D(1))),
        ("reason", lambda one: services.reverse(one.pk, 1, by("x"), reason="")),
    ],
)  # fmt: skip
def test_what_is_no_entry_is_refused_by_name(account, field, call):
    rows = JournalEntry.objects.count()
    with pytest.raises(LedgerError) as refused:
        call(account)
    assert refused.value.field == field
    assert JournalEntry.objects.count() == rows


def test_the_least_that_can_be_booked_is_booked(account):
    services.deposit(account.pk, D("0.01"), by("least"))
    assert selectors.balances(account).deposits == D("100000.01")


def test_neither_a_hold_nor_what_took_back_is_taken_back(account):
    held = holding(account, 1).entry
    first = JournalEntry.objects.get(seq=1)
    back = services.reverse(account.pk, first.pk, by("b"), reason="It never came.").entry
    assert selectors.balances(account).cash == 0
    for one in (held, back):
        with pytest.raises(LedgerError) as refused:
            services.reverse(account.pk, one.pk, by(f"again {one.pk}"), reason="A test.")
        assert refused.value.field == "entry"


def test_a_difference_in_quantity_moves_no_cash(account):
    services.adjust(
        account.pk, by("r"), reason="held at the broker", moves=(Move("SPY", D(3), D(100)),)
    )
    now = selectors.balances(account)
    assert (now.cash, now.cost, now.adjustments) == (100_000, 300, 300)


@pytest.mark.parametrize(
    ("field", "fact"),
    [
        ("cash", Fact(Kind.DEPOSIT, cash=D("NaN"))),
        ("fee", Fact(Kind.FEE, fee=D("1e20"))),
        ("cash", Fact(Kind.DEPOSIT, cash=D("1e-25"))),
        ("moves/0/quantity", Fact(Kind.FILL, (Move("SPY", D(0), D(1)),))),
        ("moves/0/multiplier", Fact(Kind.FILL, (Move("SPY", D(1), D(1), D(-1)),))),
        ("moves/0/worth", Fact(Kind.FILL, (Move("X", D("1e-13"), D("1e-13")),))),
        ("moves/0/price", Fact(Kind.FILL, (Move("X", D(1), 1.5),))),
    ],
)
def test_what_the_books_cannot_hold_is_refused_by_name(field, fact):
    with pytest.raises(LedgerError) as refused:
        book.check(fact)
    assert refused.value.field == field


def test_the_database_refuses_to_change_rows(account):
    for table in ("trading_journalentry", "trading_posting"):
        for change in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
                cursor.execute(change)


def test_the_database_refuses_what_does_not_balance(account):
    entry = JournalEntry.objects.get()
    lone = {"entry": entry, "account": account, "unit": "USD", "amount": D("0.01")}
    with pytest.raises(IntegrityError, match="sum to zero in USD"):
        Posting.objects.create(side="cash", **lone)
    with pytest.raises(IntegrityError, match="has 0 postings"):
        JournalEntry.objects.create(
            account=account, seq=2, source="x", external_id="x", kind="fee", at=entry.at, facts={}
        )
    assert Balance.objects.get(side="cash").amount == 100_000


def test_a_hold_never_falls_below_zero(account):
    with pytest.raises(IntegrityError), transaction.atomic():
        post(services.lock(account.pk), Fact(Kind.HOLD, hold=D(-1)), by("h"))


def test_every_entry_is_in_the_audit_chain(account):
    trade(account, "1", Move("SPY", D(1), D(1)))
    found = audit.verify()
    assert found.sound
    assert found.heads[services.chain_of(account.pk)].seq == 3
    assert Position.objects.count() == 1
