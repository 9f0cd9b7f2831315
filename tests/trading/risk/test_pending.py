"""What may come of other open orders, in groups and alone, and what they leave of positions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.trading.risk.built import held, option
from trading.risk.facts import Holding
from trading.risk.pending import OpenOrder, closes, grouped

D = Decimal
CALL, OTHER = option(600), option(610)
SYMBOL = CALL.symbol


def order(pk: int, *moves, cost: int = 0, hold: int = 0, group: int | None = None, role: str = ""):
    return OpenOrder(pk, tuple(moves), D(cost), D(hold), group, role)


def moved(found) -> list[list[tuple[str, int]]]:
    return [
        sorted((one.instrument.symbol, int(one.quantity)) for one in way.moves)
        for pending in found for way in pending.outcomes
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("position", "sold", "closing", "left"),
    [(2, -2, True, 0), (2, -1, True, 1), (2, -3, False, 2), (2, 1, False, 2), (-2, 1, True, -1),
     (0, -1, False, 0)],
)  # fmt: skip
def test_an_order_that_leaves_a_position_leaves_less_to_others(position, sold, closing, left):
    found, rest = grouped([order(1, held(CALL, sold))], {SYMBOL: D(position)})
    assert found[0].closing is closing
    assert rest[SYMBOL] == left


def part(quantity: str) -> Holding:
    return Holding(CALL, D(quantity), None)


@pytest.mark.parametrize(
    ("position", "moves", "closing", "left"),
    [("0.5", "-0.25", True, "0.25"), ("0.5", "-0.5", True, "0"), ("0.5", "-0.6", False, "0.5"),
     ("0.5", "0.25", False, "0.5"), ("-0.5", "0.25", True, "-0.25")],
)  # fmt: skip
def test_parts_of_a_coin_are_left_like_contracts(position, moves, closing, left):
    found, rest = grouped([order(1, part(moves))], {SYMBOL: D(position)})
    assert (found[0].closing, rest[SYMBOL]) == (closing, D(left))


def test_exits_of_parts_take_what_their_entry_does_not_bring():
    entry = order(1, part("0.1"), group=7, role="entry")
    found, rest = grouped([entry, order(2, part("-0.25"), group=7, role="exit")], {SYMBOL: D(1)})
    moved_ = [[one.quantity for one in way.moves] for way in found[0].outcomes]
    assert moved_ == [[D("0.1")], [D("0.1"), D("-0.25")], [D("-0.15")]]
    assert rest[SYMBOL] == D("0.85")


def test_a_package_closes_when_all_its_legs_do():
    moves = (held(CALL, -1), held(OTHER, -1))
    for other, closing in [(1, True), (0, False)]:
        found, rest = grouped([order(1, *moves)], {SYMBOL: D(1), OTHER.symbol: D(other)})
        assert (found[0].closing, rest[SYMBOL]) == (closing, 0 if closing else 1)


def test_the_older_order_has_the_position():
    orders = [order(1, held(CALL, -2)), order(2, held(CALL, -1))]
    found, rest = grouped(orders, {SYMBOL: D(2)})
    assert [one.closing for one in found] == [True, False]
    assert rest[SYMBOL] == 0


def test_of_two_exits_one_fills_and_takes_the_most_that_either_does():
    exits = [order(1, held(CALL, -1), hold=5, group=7, role="exit"),
             order(2, held(CALL, -2), hold=6, group=7, role="exit")]  # fmt: skip
    found, rest = grouped(exits, {SYMBOL: D(3)})
    assert len(found) == 1
    assert (found[0].closing, found[0].hold) == (True, 11)
    assert moved(found) == [[(SYMBOL, -1)], [(SYMBOL, -2)]]
    assert rest[SYMBOL] == 1


def bracket(left_of_entry: int, exit_: int = -3):
    entry = [order(1, held(CALL, left_of_entry), cost=100, group=7, role="entry")]
    exits = [order(pk, held(CALL, exit_), cost=-90, group=7, role="exit") for pk in (2, 3)]
    return (entry if left_of_entry else []) + exits


def test_exits_fill_no_more_than_what_their_entry_brings():
    found, rest = grouped(bracket(3), {})
    assert moved(found) == [[(SYMBOL, 3)], [(SYMBOL, -3), (SYMBOL, 3)], [(SYMBOL, -3), (SYMBOL, 3)]]
    assert [way.cost for way in found[0].outcomes] == [100, 10, 10]
    assert not found[0].closing
    assert rest.get(SYMBOL, 0) == 0


def test_an_entry_that_filled_in_part_leaves_that_to_its_exits():
    found, rest = grouped(bracket(1), {SYMBOL: D(4)})
    assert moved(found)[3:] == [[(SYMBOL, -2)], [(SYMBOL, -2)]]
    assert rest[SYMBOL] == 2


def test_an_entry_that_filled_is_gone_and_its_exits_close():
    found, rest = grouped(bracket(0), {SYMBOL: D(3)})
    assert (len(found), found[0].closing) == (1, True)
    assert rest[SYMBOL] == 0


def test_an_entry_alone_in_its_group_is_an_order_like_any_other():
    found, _ = grouped([order(1, held(OTHER, 1), cost=5, group=7, role="entry")], {})
    assert (moved(found), found[0].closing) == ([[(OTHER.symbol, 1)]], False)


def test_an_exit_alone_in_its_group_closes():
    found, rest = grouped([order(1, held(CALL, -1), group=7, role="exit")], {SYMBOL: D(1)})
    assert (found[0].closing, rest[SYMBOL]) == (True, 0)


def test_what_has_nothing_left_to_fill_is_no_order():
    assert grouped([order(1)], {}) == ((), {})


@pytest.mark.parametrize(
    ("quantity", "left", "right"),
    [
        (-1, 1, True),
        (-1, 2, True),
        (-2, 1, False),
        (1, 1, False),
        (1, 0, False),
        (1, -1, True),
        (D("-0.25"), D("0.5"), True),
        (D("0.25"), D("0.5"), False),
        (D("-0.5"), D("0.25"), False),
    ],
)
def test_a_quantity_only_leaves_what_is_left_of_a_position(quantity, left, right):
    assert closes(D(quantity), D(left)) is right
