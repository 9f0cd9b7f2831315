"""The rules of the double entry by themselves: what a number may be, and which postings follow."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quant.lots import Method
from trading.ledger import book
from trading.ledger.book import Fact, Held, LedgerError, Line, Move, Side

D = Decimal
FIFO, AVERAGE = Method("fifo"), Method("average")


def held(*lots: tuple[str, str], multiplier: str = "1", realised: str = "0") -> Held:
    return Held("X", D(multiplier), [(D(many), D(cost)) for many, cost in lots], D(realised))


@pytest.mark.parametrize(
    ("value", "right"),
    [
        # 20 digits before the point and 24 behind it.
        ("9" * 19, True), ("9" * 20, True), ("9" * 21, False), ("-" + "9" * 21, False),
        ("0." + "0" * 22 + "1", True), ("0." + "0" * 23 + "1", True),
        ("0." + "0" * 24 + "1", False),
        ("9" * 20 + "." + "9" * 24, True), ("9" * 20 + "." + "9" * 25, False),
        # Zeros at the end say nothing, up to a hundred decimals.
        ("1." + "0" * 99, True), ("1." + "0" * 100, True), ("1." + "0" * 101, False),
        ("0", True), ("0E+30", True), ("0E-100", True), ("0E-101", False),
        ("NaN", False), ("Infinity", False),
    ],
)  # fmt: skip
def test_a_number_has_so_many_digits_and_no_more(value, right):
    if right:
        book.fits("cash", D(value))
        return
    with pytest.raises(LedgerError) as error:
        book.fits("cash", D(value))
    assert error.value.field == "cash"
    assert str(error.value)


@pytest.mark.parametrize("value", [1, 1.0, "1", None])
def test_what_is_no_decimal_is_no_number(value):
    with pytest.raises(LedgerError):
        book.fits("cash", value)


@pytest.mark.parametrize(
    ("value", "text"),
    [("1.50", "1.5"), ("1E+3", "1000"), ("100", "100"), ("10.0", "10"), ("0.00", "0"),
     ("-0", "0"), ("-0.0", "0"), ("0E-7", "0"), ("-1.20", "-1.2"), ("1E-9", "0.000000001")],
)  # fmt: skip
def test_one_number_has_one_text(value, text):
    assert book.plain(D(value)) == text


def test_adding_up_is_exact_to_the_last_digit_that_fits():
    most = D("9" * 20 + "." + "9" * 24)
    assert book.total([most] * 11) == D("1099999999999999999999.999999999999999999999989")
    assert book.total([]) == 0


def test_what_a_move_is_worth_is_exact():
    many = D("1" * 20 + "." + "1" * 20)
    assert Move("X", many, D("3"), D("100")).worth == D("3" * 22 + "." + "3" * 18)
    assert Move("X", D(-2), D("5.25")).worth == D("-10.5")
    assert Move("X", D(2), D(8), D(4)).worth == 64


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"symbol": ""}, "moves/1/symbol"),
        ({"quantity": D(0)}, "moves/1/quantity"),
        ({"multiplier": D(0)}, "moves/1/multiplier"),
        ({"multiplier": D(-1)}, "moves/1/multiplier"),
        ({"price": D("NaN")}, "moves/1/price"),
        ({"quantity": D(10) ** 12, "price": D(10) ** 12}, "moves/1/worth"),
    ],
)
def test_a_move_that_the_books_cannot_hold_is_named(change, field):
    good = Move("X", D(1), D(1))
    told = {"symbol": "X", "quantity": D(1), "price": D(0), "multiplier": D("0.5")} | change
    with pytest.raises(LedgerError) as error:
        book.check(Fact("fill", (good, Move(**told))))
    assert error.value.field == field


def test_a_fact_that_the_books_can_hold_passes():
    moves = (Move("X", D("-0.5"), D(0), D("0.5")), Move("Y", D(1), D(-1)))
    book.check(Fact("fill", moves, cash=D(-1), fee=D(-1), hold=D(-1)))


@pytest.mark.parametrize("name", ["cash", "fee", "hold"])
def test_each_amount_of_a_fact_is_looked_at(name):
    with pytest.raises(LedgerError) as error:
        book.check(Fact("fill", **{name: D("Infinity")}))
    assert error.value.field == name


def test_a_fact_is_written_and_read_alike():
    whole = Fact("fill", (Move("X", D("1.50"), D("2"), D(100)), Move("Y", D(-1), D("0.25"))),
                 cash=D("3.10"), fee=D("0.35"), hold=D(-7))  # fmt: skip
    told = whole.as_json()
    assert told == {"moves": [["X", "1.5", "2", "100"], ["Y", "-1", "0.25", "1"]],
                    "cash": "3.1", "fee": "0.35", "hold": "-7"}  # fmt: skip
    assert Fact.of_json("fill", told) == whole
    assert Fact("fee", fee=D(1)).as_json() == {"moves": [], "fee": "1"}
    assert Fact.of_json("fee", {"moves": [], "fee": "1"}) == Fact("fee", fee=D(1))


def test_the_average_is_the_cost_of_a_unit():
    one = held(("2", "300"), ("1", "240"), multiplier="10")
    assert (one.quantity, one.cost, one.average) == (3, 540, 18)
    assert held(("-2", "-30")).average == 15
    assert held().average == 0


@pytest.mark.parametrize(
    ("method", "cost", "realised"), [(FIFO, 1_100, 210), (AVERAGE, 1_050, 160)]
)
def test_a_quantity_that_goes_is_taken_of_the_lots(method, cost, realised):
    before = held(realised="10")
    for quantity, price in [(10, 100), (10, 110), (-10, 120)]:
        after = book.move(before, Move("X", D(quantity), D(price)), method)
        assert after is not before
        before = after
    assert (after.symbol, after.multiplier, after.lots) == ("X", 1, [(D(10), D(cost))])
    assert after.realised == realised


def test_a_quantity_that_comes_is_a_lot_of_its_own():
    before = held(("2", "400"), multiplier="100", realised="7")
    after = book.move(before, Move("X", D(1), D("2.5"), D(100)), FIFO)
    assert (after.lots, after.realised) == ([(D(2), D(400)), (D(1), D(250))], 7)


def test_a_multiplier_changes_only_where_nothing_is_held():
    empty = held(multiplier="100", realised="5")
    after = book.move(empty, Move("X", D(1), D(2), D(10)), FIFO)
    assert (after.multiplier, after.cost, after.realised) == (10, 20, 5)
    with pytest.raises(LedgerError) as error:
        book.move(held(("1", "200"), multiplier="100"), Move("X", D(1), D(2), D(10)), FIFO)
    assert error.value.field == "multiplier"


def lines(fact: Fact, before: dict | None = None, after: dict | None = None) -> set[tuple]:
    made = book.postings(fact, before or {}, after or {}, "USD")
    assert all(isinstance(one, Line) and one.amount for one in made)
    for unit in {one.unit for one in made}:
        assert sum(one.amount for one in made if one.unit == unit) == 0
    return {(str(one.side), one.unit, one.instrument, one.amount) for one in made}


def test_the_postings_of_a_sale_with_its_fee():
    before, after = held(("10", "1000"), realised="3"), held(("6", "600"), realised="43")
    fact = Fact("fill", (Move("X", D(-4), D(110)),), fee=D("1.05"))
    assert lines(fact, {"X": before}, {"X": after}) == {
        ("position", "X", "X", D(-4)), ("street", "X", "X", D(4)), ("cash", "USD", "", D("438.95")),
        ("fees", "USD", "", D("1.05")), ("cost", "USD", "X", D(-400)),
        ("realised", "USD", "X", D(-40)),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "side"),
    [("deposit", "deposits"), ("withdrawal", "deposits"), ("dividend", "dividends"),
     ("interest", "interest"), ("adjustment", "adjustments")],
)  # fmt: skip
def test_cash_stands_against_where_it_came_from(kind, side):
    assert lines(Fact(kind, cash=D(5))) == {
        ("cash", "USD", "", D(5)), (side, "USD", "", D(-5)),
    }  # fmt: skip


def test_a_hold_is_a_pair_of_its_own():
    assert lines(Fact("hold", hold=D(7))) == {
        ("holds", "USD", "", D(7)), ("reserved", "USD", "", D(-7)),
    }  # fmt: skip
    assert lines(Fact("hold")) == set()


def test_a_quantity_that_is_found_is_paid_by_adjustment():
    fact = Fact("adjustment", (Move("X", D(2), D(3)),))
    assert lines(fact, {"X": held()}, {"X": held(("2", "6"))}) == {
        ("position", "X", "X", D(2)), ("street", "X", "X", D(-2)),
        ("adjustments", "USD", "", D(-6)), ("cost", "USD", "X", D(6)),
    }  # fmt: skip


def test_what_is_undone_goes_back_and_its_hold_stays():
    fact = Fact("fill", (Move("X", D(3), D(7), D(10)),), cash=D(5), fee=D(2), hold=D(9))
    assert book.undone(fact) == Fact("fill", (Move("X", D(-3), D(7), D(10)),), D(-5), D(-2))


def test_a_replay_takes_one_instrument_in_order():
    facts = [
        Fact("fill", (Move("X", D(2), D(10)), Move("Y", D(5), D(1)))),
        Fact("fill", (Move("X", D(2), D(20)),)),
        Fact("fill", (Move("X", D(-2), D(30)),)),
    ]
    after = book.replay(facts, "X", D(1), FIFO)
    assert (after.lots, after.realised) == ([(D(2), D(40))], 40)
    assert book.replay(facts, "Z", D(100), FIFO) == Held("Z", D(100))


def test_the_sides_of_the_books_are_those_that_the_database_knows():
    assert Side.CASH == "cash"
    assert {one.value for one in book.CASH_OF.values()} == {
        "deposits", "dividends", "interest", "adjustments",
    }  # fmt: skip
