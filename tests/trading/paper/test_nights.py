"""The life of options at the paper venue: swept, exercised, assigned, settled, and explained."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D  # noqa: N817

import pytest

from market import calendars
from market.clock import new_york
from tests.trading.paper.conftest import DAY, WALL, broker, intent, option, send
from tests.trading.paper.test_engine import sound, state_of
from trading.brokers.paper import endings as rules
from trading.brokers.paper import engine, services
from trading.brokers.paper.models import (
    Instruction,
    PaperAccount,
    PaperActivity,
    PaperOrder,
    ShareDividend,
)
from trading.desk.reading import reasons
from trading.ledger import selectors as books
from trading.ledger.book import LedgerError
from trading.models import Fill, JournalEntry, OrderEvent

CALL, PUT, HIGH = option("C", 500), option("P", 500), option("C", 505)
NEXT = calendars.next_session(DAY).date
MORNING = new_york(NEXT, dt.time(6))
QUOTES = {CALL: (2.40, 2.50, 50, 50), PUT: (2.40, 2.50, 50, 50)}


@pytest.fixture
def market(tape):
    made = tape([CALL, PUT, HIGH, option("C", 500, NEXT), option("P", 500, NEXT)])
    made.row(1)
    return made


def trades(market, account, *legs: tuple[str, int], quotes=None, minute: int = 2):
    """Buy and sell at the market on the next row."""
    for number, (symbol, count) in enumerate(legs):
        side = 1 if count > 0 else -1
        wanted = intent(f"{minute} {number}", (symbol, side), quantity=str(abs(count)),
                        kind="market")  # fmt: skip
        send(account, wanted)
    listed = set(market.layout.symbols())
    usual = {symbol: sides for symbol, sides in QUOTES.items() if symbol in listed}
    market.row(minute, usual | (quotes or {}))


def ends(market, spot: float, quotes=None) -> None:
    market.row(market.last_minute, quotes, spot=spot)
    market.closes()


def held(account) -> dict[str, D]:
    return {one.symbol: one.quantity for one in books.positions(account)}


def told(account) -> list[tuple[str, str, D, D]]:
    """What the venue says of the night, without deposits and fees."""
    rows = PaperActivity.objects.filter(account=account).exclude(kind__in=("deposit", "fee"))
    return [(one.kind, one.symbol, one.quantity, one.cash) for one in rows.order_by("id")]


@pytest.mark.parametrize(
    ("legs", "spot", "expected", "shares"),
    [
        ([(CALL, 2)], 505.0, [("exercise", CALL, -2, 0), ("exercise", "SIM", 200, -100_000)], 200),
        ([(CALL, 2)], 500.0, [("expiry", CALL, -2, 0)], 0),
        ([(CALL, 2)], 500.01, [("exercise", CALL, -2, 0), ("exercise", "SIM", 200, -100_000)], 200),
        ([(CALL, -1)], 505.0, [("assignment", CALL, 1, 0), ("assignment", "SIM", -100, 50_000)],
         -100),
        ([(PUT, 1)], 495.0, [("exercise", PUT, -1, 0), ("exercise", "SIM", -100, 50_000)], -100),
        ([(PUT, -1)], 495.0, [("assignment", PUT, 1, 0), ("assignment", "SIM", 100, -50_000)], 100),
        ([(PUT, -1)], 505.0, [("expiry", PUT, 1, 0)], 0),
    ],
)  # fmt: skip
def test_what_becomes_of_an_option_that_delivers(market, paper, legs, spot, expected, shares):
    account = paper(cash="1000000")
    trades(market, account, *legs)
    ends(market, spot)
    assert told(account) == expected
    assert held(account) == ({"SIM": shares} if shares else {})
    entry = JournalEntry.objects.exclude(kind__in=("deposit", "fill", "fee", "hold")).get()
    assert (entry.kind, entry.at, entry.source) == (expected[0][0], MORNING, "paper")
    assert "settled at" in entry.reason
    assert not OrderEvent.objects.exclude(alert="").exists()
    sound(account)


def test_a_night_that_is_told_again_books_nothing(market, paper):
    account = paper(cash="1000000")
    trades(market, account, (CALL, 2), (PUT, -1))
    ends(market, 505.0)
    count = JournalEntry.objects.count()
    market.closes()
    PaperAccount.objects.update(night=None)  # as if the place were lost
    assert engine.step(account.pk) == 1
    assert JournalEntry.objects.count() == count
    sound(account)


def test_every_cent_is_explained(market, paper):
    account = paper(cash="100000")
    trades(market, account, (CALL, 1), (PUT, -1))
    ends(market, 502.37)
    lines = list(books.statement(account))
    assert [line.kind for line in lines] == ["deposit", "fill", "fill", "exercise", "expiry", "fee"]
    assert lines[-1].cash == books.balances(account).cash
    fees = books.balances(account).fees
    assert fees == fees.quantize(D("0.01"))
    assert lines[-1].cash == 100_000 - 250 + 240 - 50_000 - fees
    sound(account)


def test_do_not_exercise(market, paper):
    account = paper(cash="1000000")
    trades(market, account, (CALL, 3))
    services.instruct(account.pk, CALL, kind="keep", contracts=3, now=WALL)
    services.instruct(account.pk, CALL, kind="keep", contracts=2, now=WALL)  # the newest stands
    for contracts, symbol in ((4, CALL), (1, PUT)):
        with pytest.raises(LedgerError, match="what you hold long"):
            services.instruct(account.pk, symbol, kind="keep", contracts=contracts, now=WALL)
    with pytest.raises(LedgerError, match="keep or exercise"):
        services.instruct(account.pk, CALL, kind="sell", contracts=1, now=WALL)
    ends(market, 505.0)
    assert held(account) == {"SIM": 100}
    assert {kind for kind, *_ in told(account)} == {"exercise", "expiry"}
    sound(account)


def test_an_instruction_to_exercise_what_is_out_of_the_money(market, paper):
    account = paper(cash="1000000")
    trades(market, account, (CALL, 2))
    services.instruct(account.pk, CALL, kind="exercise", contracts=1, now=WALL)
    ends(market, 499.0)
    assert told(account) == [
        ("exercise", CALL, -1, 0), ("exercise", "SIM", 100, -50_000), ("expiry", CALL, -1, 0),
    ]  # fmt: skip
    sound(account)


def test_an_instruction_is_for_its_night_alone(market, paper):
    account = paper(cash="1000000")
    late = option("C", 500, NEXT)
    trades(market, account, (late, 1), quotes={late: (2.4, 2.5, 9, 9)})
    services.instruct(account.pk, late, kind="keep", contracts=1, now=WALL)
    assert Instruction.objects.get().day == DAY
    ends(market, 505.0)
    assert held(account) == {late: 1}
    services.instruct(account.pk, late, kind="keep", contracts=0, now=WALL)
    assert Instruction.objects.last().day == NEXT
    market.next_day()
    ends(market, 505.0)
    assert held(account) == {"SIM": 100}


def index(tape, root: str, day: dt.date = DAY):
    names = [option("C", 5000, day, root), option("P", 5000, day, root)]
    made = tape(names, symbol="SPX")
    made.row(1, spot=5000)
    return made, names


def test_an_index_option_settles_in_cash_at_the_close(tape, paper):
    market, (call, put) = index(tape, "SPXW")
    account = paper(market="simulator:SPX", cash="1000000")
    quotes = dict.fromkeys((call, put), (10.0, 10.5, 9, 9))
    trades(market, account, (call, 2), (put, -1), quotes=quotes)
    ends(market, 5012.34)
    assert told(account) == [
        ("settlement", call, -2, D("2468")), ("expiry", put, 1, 0),
    ]  # fmt: skip
    assert held(account) == {}
    sound(account)


def test_one_that_settles_at_the_open_stops_trading_the_day_before(tape, paper):
    market, (call, put) = index(tape, "SPX", NEXT)
    account = paper(market="simulator:SPX", cash="1000000")
    quotes = dict.fromkeys((call, put), (10.0, 10.5, 9, 9))
    trades(market, account, (call, 1), (put, -1), quotes=quotes)
    resting = send(account, intent("gtc", (call, 1), limit_price="1.00", time_in_force="gtc"))
    ends(market, 5100.0)  # the evening before does not count
    assert held(account) == {call: 1, put: -1}
    market.next_day()
    market.row(1, quotes, spot=5020.0, opened=4990.0)
    assert state_of(resting) == "expired"
    market.row(2, quotes, spot=5050.0)
    ends(market, 5060.0)
    assert told(account) == [("expiry", call, -1, 0), ("settlement", put, 1, D("-1000"))]
    sound(account)


def test_a_half_day_closes_early(tape, paper):
    day = dt.date(2026, 11, 27)
    call = option("C", 500, day)
    market = tape([call], day=day)
    market.row(1)
    account = paper(cash="1000")
    trades(market, account, (call, 1), quotes={call: (2.40, 2.50, 50, 50)})
    assert market.last_minute == 210
    market.row(164, {call: (8.0, 8.1, 9, 9)}, spot=508.0)
    assert not PaperOrder.objects.filter(own=True).exists()
    market.row(165, {call: (8.0, 8.1, 9, 9)}, spot=508.0)
    assert PaperOrder.objects.get(own=True).state == 3
    ends(market, 508.0)
    assert held(account) == {}
    sound(account)


def test_the_sweep_closes_what_cannot_be_paid_for(market, paper):
    account = paper(cash="10000")
    trades(market, account, (CALL, 1), (PUT, 1))
    resting = send(account, intent("out", (CALL, -1), limit_price="9.95"))
    market.row(344, {CALL: (8.0, 8.1, 9, 9)}, spot=508.0)
    assert state_of(resting) == "accepted"
    market.row(345, {CALL: (8.0, 8.1, 9, 9)}, spot=508.0)  # 15:15 in New York
    assert market.at(345).astimezone(new_york(DAY, dt.time()).tzinfo).minute == 15
    assert state_of(resting) == "canceled"
    sold = Fill.objects.order_by("id").last()
    assert (sold.symbol, sold.quantity, sold.price, sold.order) == (CALL, -1, D("8"), None)
    assert (
        OrderEvent.objects.exclude(alert="").get().alert
        == "fill of an order that is not known here"
    )
    assert reasons([sold])[sold.pk].startswith("closed by the venue before it expires")
    assert held(account) == {PUT: 1}
    market.row(346, QUOTES)
    assert PaperOrder.objects.filter(own=True).count() == 1
    ends(market, 508.0)
    assert held(account) == {}
    sound(account)


def test_the_sweep_leaves_a_spread_that_its_width_covers(market, paper):
    account = paper(cash="10000")
    trades(market, account, (CALL, 1), (HIGH, -1), quotes={HIGH: (0.5, 0.6, 9, 9)})
    market.row(345, QUOTES, spot=520.0)
    assert held(account) == {CALL: 1, HIGH: -1}
    ends(market, 520.0)
    assert held(account) == {}  # the shares came and went
    sound(account)


def test_what_could_not_be_swept_is_exercised_and_owed(market, paper):
    account = paper(cash="10000")
    trades(market, account, (CALL, 1))
    market.row(345, {}, spot=510.0)  # nobody quotes it any more
    ends(market, 510.0)
    assert held(account) == {"SIM": 100}
    assert broker(account).account().cash < 0
    sound(account)


def american(tape):
    late = [option(right, 500, NEXT) for right in "CP"]
    made = tape(late, american=True)
    made.row(1)
    return made, *late


def test_a_short_call_is_assigned_before_a_dividend(tape, paper):
    market, call, _ = american(tape)
    ShareDividend.objects.create(symbol="SIM", ex_date=NEXT, amount=D("1.50"))
    account = paper(cash="1000000")
    quotes = {call: (20.1, 20.2, 200, 200)}
    trades(market, account, (call, -50), quotes=quotes)
    ends(market, 520.0, quotes)
    assigned = 50 + int(held(account)[call])
    assert 35 <= assigned <= 50  # nine in ten holders do what pays
    assert held(account)["SIM"] == -100 * assigned
    paid = PaperActivity.objects.get(kind="dividend")
    assert paid.cash == D("-1.50") * 100 * assigned  # who is short pays it
    assert books.balances(account).dividends == paid.cash
    sound(account)


def test_no_dividend_no_early_assignment_and_with_one_shares_are_paid(tape, paper):
    market, call, _ = american(tape)
    account = paper(cash="1000000")
    quotes = {call: (20.1, 20.2, 200, 200)}
    trades(market, account, (call, -5), ("SIM", 100), quotes=quotes)
    ends(market, 520.0, quotes)
    assert held(account) == {call: -5, "SIM": 100}
    ShareDividend.objects.create(
        symbol="SIM", ex_date=calendars.next_session(NEXT).date, amount=D("0.01")
    )
    market.next_day()
    ends(market, 480.0, quotes)
    assert books.balances(account).dividends == 1
    sound(account)


def test_a_put_deep_in_the_money_is_assigned_early(tape, paper):
    market, _, put = american(tape)
    account = paper(cash="1000000")
    quotes = {put: (80.0, 80.2, 50, 50)}
    trades(market, account, (put, -10), quotes=quotes)
    ends(market, 420.0, quotes)
    assert 0 < held(account)["SIM"] <= 1000
    assert "deep in the money" in JournalEntry.objects.get(kind="assignment").reason
    sound(account)


def test_a_european_option_is_never_assigned_early(market, paper):
    put = option("P", 500, NEXT)
    market.layout.american[:] = False
    account = paper(cash="1000000")
    quotes = {put: (80.0, 80.2, 50, 50)}
    trades(market, account, (put, -10), quotes=quotes)
    ends(market, 420.0, quotes)
    assert held(account) == {put: -10}


def test_a_holder_exercises_early(tape, paper):
    market, call, _ = american(tape)
    account = paper(cash="1000000")
    trades(market, account, (call, 3), quotes={call: (2.4, 2.5, 9, 9)})
    services.instruct(account.pk, call, kind="exercise", contracts=2, now=WALL)
    ends(market, 520.0)
    assert held(account) == {call: 1, "SIM": 200}
    sound(account)


def test_pinned_at_the_strike_nobody_knows_how_many_are_assigned():
    position = rules.Held(PUT, -40, D(100))
    found = set()
    for number in range(40):
        endings = rules.at_expiry(position, 499.9, uniform=number / 40)
        counts = {one.kind: int(one.option.quantity) for one in endings}
        assert sum(counts.values()) == 40
        found.add(counts.get("assignment", 0))
    assert min(found) < 20 < max(found) < 40
    sure = rules.at_expiry(position, 495.0, uniform=0.0)
    assert [(one.kind, one.option.quantity) for one in sure] == [("assignment", 40)]
    bought = rules.at_expiry(rules.Held(PUT, 40, D(100)), 499.99, uniform=0.0)
    assert [one.kind for one in bought] == ["exercise"]  # the holder's own are sure


def test_a_close_that_was_never_seen_settles_at_the_last_price(market, paper):
    account = paper(cash="1000000")
    trades(market, account, (CALL, 1))
    market.row(100, {}, spot=507.0)  # and the run was ended there
    market.next_day()
    market.row(1, {}, spot=480.0)
    assert held(account) == {"SIM": 100}
    assert "settled at 507" in JournalEntry.objects.get(kind="exercise").reason


def test_days_that_nobody_walked_are_caught_up_in_order(market, paper):
    account = paper(cash="1000000")
    trades(market, account, (CALL, 1), (option("P", 500, NEXT), 1),
           quotes={option("P", 500, NEXT): (2.4, 2.5, 9, 9)})  # fmt: skip
    market.row(market.last_minute, spot=505.0, steps=False)
    market.closes(steps=False)
    market.next_day()
    market.row(1, spot=503.0, steps=False)
    market.row(market.last_minute, spot=498.0, steps=False)
    market.closes(steps=False)
    assert held(account)[CALL] == 1
    market.steps()
    assert held(account) == {}  # a hundred shares came, and went by the put
    assert [one.kind for one in PaperActivity.objects.exclude(kind__in=("fee", "deposit"))] == [
        "exercise"
    ] * 4
    sound(account)
