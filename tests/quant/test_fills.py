"""Fills: laws that hold for every book and order, and the kernel against a slow reference."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal as D  # noqa: N817

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant import fills
from quant.fill_types import Books, Force, Kind, Orders, Packages, Reason, Rules, State
from tests.quant import slow_fills as slow

CENT = D("0.01")
SECOND = 10**9
WAYS = st.sampled_from([
    slow.Way(),
    slow.Way(trigger="last"),
    slow.Way(half_spreads=D("0.5"), unknown_size=D(2)),
    slow.Way(half_spreads=D("1.5"), impact=D("0.8"), collar_least=D("0.02"), collar_share=D(0)),
    slow.Way(impact=D("0.5"), unknown_size=D(3)),
])  # fmt: skip


@st.composite
def rows(draw, most=12, sound=False):
    """A book that moves by a few cents, so that levels are met, queued at and traded through."""
    made, time = [], 0
    for _ in range(draw(st.integers(1, most))):
        time += draw(st.integers(1, 4)) * SECOND
        bid = draw(st.integers(96, 103))
        gap = draw(st.integers(1, 3)) if sound else draw(st.sampled_from([1, 1, 2, 2, 3, 0, -1]))
        ask, sizes = bid + gap, st.sampled_from([None, *map(D, range(9))])
        blank = not sound and draw(st.integers(0, 9)) == 0
        made.append(
            slow.Row(
                time=time,
                bid=None if blank else D(draw(st.sampled_from([bid, bid, bid, bid, 0]))) * CENT,
                ask=D(ask) * CENT,
                bid_size=draw(sizes),
                ask_size=draw(sizes),
                last=D(draw(st.integers(bid - 2, ask + 2))) * CENT,
                volume=draw(st.sampled_from([None, D(0), D(1), D(3), D(8)])),
                quoted=time if sound else time - draw(st.sampled_from([0, 0, 0, 6, -1])) * SECOND,
            )
        )
    return made


@st.composite
def standing(draw):
    """A book whose levels stand for many rows, so that sizes and trades at them matter."""
    made, ask = [], 102
    for second in range(1, draw(st.integers(3, 10))):
        ask = draw(st.sampled_from([ask, ask, ask, ask, 101, 103]))
        made.append(
            slow.Row(
                time=second * SECOND,
                bid=D(ask - draw(st.sampled_from([1, 1, 2]))) * CENT,
                ask=D(ask) * CENT,
                bid_size=D(draw(st.integers(0, 6))),
                ask_size=D(draw(st.integers(0, 6))),
                last=D(draw(st.sampled_from([ask, ask, ask - 1, ask - 2]))) * CENT,
                volume=D(draw(st.integers(0, 6))),
            )
        )
    return made


@st.composite
def steady(draw):
    """Orders for more than is displayed, at prices where such a book stands."""
    return slow.Order(
        side=draw(st.sampled_from([1, -1])),
        quantity=D(draw(st.integers(5, 40))),
        kind=draw(st.sampled_from(["market", "limit", "limit"])),
        limit=D(draw(st.integers(100, 103))) * CENT,
    )


@st.composite
def orders(draw):
    kind = draw(st.sampled_from(["market", "limit", "limit", "stop", "stop_limit", "trailing"]))
    immediate = kind in ("market", "limit")
    share = draw(st.booleans())
    sent = draw(st.integers(0, 10))
    end = st.none() | st.integers(sent + 5, 40).map(lambda s: s * SECOND)
    return slow.Order(
        side=draw(st.sampled_from([1, -1])),
        quantity=D(draw(st.integers(1, 12))),
        kind=kind,
        force=draw(st.sampled_from(["gtc", "gtc", "ioc", "fok"] if immediate else ["gtc"])),
        limit=D(draw(st.integers(95, 105))) * CENT if "limit" in kind else None,
        stop=D(draw(st.integers(95, 105))) * CENT if "stop" in kind else None,
        trail=D(draw(st.integers(1, 4))) * CENT if kind == "trailing" and not share else None,
        trail_share=D("0.02") if kind == "trailing" and share else None,
        sent=sent * SECOND,
        latency=draw(st.integers(0, 3)) * SECOND,
        until=draw(end),
        cancel_at=draw(end),
        sigma=D("0.02"),
        daily_volume=D(100),
    )


def number(value):
    return np.nan if value is None else float(value)


def books_of(*many):
    return Books.stack([
        Books.of(
            [row.time for row in book],
            *[
                [number(getattr(row, name)) for row in book]
                for name in ("bid", "ask", "bid_size", "ask_size", "last", "volume")
            ],
            quoted=[row.time if row.quoted is None else row.quoted for row in book],
        )
        for book in many
    ])  # fmt: skip


def rules_of(way):
    return Rules(
        most_age=way.most_age,
        trigger={"quote": fills.Trigger.QUOTE, "last": fills.Trigger.LAST}[way.trigger],
        half_spreads=float(way.half_spreads),
        impact=float(way.impact),
        collar_share=float(way.collar_share),
        collar_least=float(way.collar_least),
        unknown_size=float(way.unknown_size),
    )


def orders_of(many, book=0):
    def column(name):
        return [number(getattr(order, name)) for order in many]

    def times(name):
        values = [getattr(order, name) for order in many]
        return [fills.NEVER if value is None else value for value in values]

    return Orders.of(
        side=[order.side for order in many],
        quantity=column("quantity"),
        kind=[Kind[order.kind.upper()] for order in many],
        force=[Force[order.force.upper()] for order in many],
        limit=column("limit"),
        stop=column("stop"),
        trail=column("trail"),
        trail_share=column("trail_share"),
        sent=[order.sent for order in many],
        latency=[order.latency for order in many],
        until=times("until"),
        cancel_at=times("cancel_at"),
        book=book,
        tick=column("tick"),
        wide_tick=column("wide_tick"),
        wide_from=[np.inf if order.wide_from is None else float(order.wide_from) for order in many],
        lot=column("lot"),
        sigma=column("sigma"),
        daily_volume=column("daily_volume"),
    )


def of_order(outcome, number_):
    """Return state, reason, what is left and the fills of one order, with names for codes."""
    f = outcome.fills
    mine = np.flatnonzero(f.order == number_)
    return (
        State(outcome.progress.state[number_]).name.lower(),
        Reason(outcome.progress.reason[number_]).name.lower(),
        float(outcome.progress.left[number_]),
        [
            (int(f.time[i]), float(f.price[i]), float(f.quantity[i]), Reason(f.reason[i]).name)
            for i in mine
        ],
    )


def same(got, end):
    assert got[:2] == (end.state, end.reason)
    assert got[2] == pytest.approx(float(end.left))
    assert [(time, reason.lower()) for time, _, _, reason in got[3]] == [
        (fill.time, fill.reason) for fill in end.fills
    ]
    for (_, price, quantity, _), fill in zip(got[3], end.fills, strict=True):
        assert price == pytest.approx(float(fill.price), abs=1e-9)
        assert quantity == pytest.approx(float(fill.quantity))


@settings(max_examples=400, deadline=None)
@given(book=rows(), many=st.lists(orders(), min_size=1, max_size=6), way=WAYS)
def test_the_kernel_says_what_the_slow_reference_says(book, many, way):
    outcome = fills.run(books_of(book), orders_of(many), rules_of(way))
    for i, order in enumerate(many):
        same(of_order(outcome, i), slow.run(book, order, way))


@settings(max_examples=300, deadline=None)
@given(book=standing(), many=st.lists(steady(), min_size=2, max_size=8))
def test_the_kernel_says_what_the_slow_reference_says_where_levels_stand(book, many):
    outcome = fills.run(books_of(book), orders_of(many))
    for i, order in enumerate(many):
        same(of_order(outcome, i), slow.run(book, order))


@settings(max_examples=150, deadline=None)
@given(book=rows(), many=st.lists(orders(), min_size=1, max_size=6), way=WAYS)
def test_rows_may_come_one_by_one(book, many, way):
    given_, rules = orders_of(many), rules_of(way)
    whole = fills.run(books_of(book), given_, rules)
    progress, parts = None, []
    for row in book:
        step = fills.run(books_of([row]), given_, rules, progress=progress)
        progress = step.progress
        parts.append(step.fills)
    for name in ("order", "time", "reason", "price", "quantity"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        by_order = np.argsort(np.concatenate([part.order for part in parts]), kind="stable")
        assert np.array_equal(joined[by_order], getattr(whole.fills, name)), name
    assert np.array_equal(progress.numbers, whole.progress.numbers, equal_nan=True)
    assert np.array_equal(progress.wholes, whole.progress.wholes)


@settings(max_examples=100, deadline=None)
@given(book=rows() | standing(), many=st.lists(orders(), min_size=2, max_size=5), data=st.data())
def test_progress_survives_the_store_and_company(book, many, data):
    """Run apart, dumped, loaded and joined halfway, orders end as they do together."""
    half = data.draw(st.integers(0, len(book)))
    early, late = book[:half], book[half:]
    given_ = orders_of(many)
    whole = fills.run(books_of(book), given_)
    parts = [
        fills.run(books_of(early), orders_of([order])).progress
        if early
        else whole.progress.of_order(i)
        for i, order in enumerate(many)
    ]
    stored = [fills.Progress.load(json.loads(json.dumps(part.dump()))) for part in parts]
    joined = fills.Progress.stack(stored)
    end = fills.run(books_of(late), given_, progress=joined).progress if late else joined
    assert np.array_equal(end.numbers, whole.progress.numbers, equal_nan=True)
    assert np.array_equal(end.wholes, whole.progress.wholes)


@settings(max_examples=200, deadline=None)
@given(book=rows(), many=st.lists(orders(), min_size=1, max_size=6))
def test_nothing_is_filled_beyond_what_is_displayed_or_beyond_the_limit(book, many):
    outcome = fills.run(books_of(book), orders_of(many))
    at = {row.time: row for row in book}
    for i, order in enumerate(many):
        *_, found = of_order(outcome, i)
        for time, price, quantity, reason in found:
            row = at[time]
            touch, size = (row.ask, row.ask_size) if order.side > 0 else (row.bid, row.bid_size)
            if order.limit is not None:
                assert order.side * price <= order.side * float(order.limit) + 1e-12
            if reason in ("TAKEN", "MET"):
                assert quantity <= float(size)
            if reason == "TAKEN":
                assert price == float(touch)
            if reason.startswith("TRADED"):
                assert quantity <= float(row.volume)
            assert slow.fault_of(row, slow.Way()) is None
            assert time >= order.sent + order.latency


@settings(max_examples=200, deadline=None)
@given(book=rows(), many=st.lists(orders(), min_size=1, max_size=8), way=WAYS)
def test_partial_fills_add_up(book, many, way):
    outcome = fills.run(books_of(book), orders_of(many), rules_of(way))
    f, state = outcome.fills, outcome.progress.state
    filled = np.bincount(f.order, weights=f.quantity, minlength=len(many))
    quantity = np.array([float(order.quantity) for order in many])
    assert (f.quantity > 0).all()
    assert (filled <= quantity).all()
    assert np.array_equal(quantity - filled, outcome.progress.left)
    assert np.array_equal(state == State.FILLED, outcome.progress.left == 0)
    whole = np.array([order.force == "fok" for order in many])
    assert (np.isin(filled, [0.0]) | (filled == quantity) | ~whole).all()


@settings(max_examples=200, deadline=None)
@given(book=rows() | standing(), order=orders(), higher=st.integers(1, 4))
def test_a_better_limit_never_gets_less(book, order, higher):
    order = dataclasses.replace(order, kind="limit", limit=D("1.00"), force="gtc")
    better = dataclasses.replace(order, limit=order.limit + order.side * higher * CENT)
    left = fills.run(books_of(book), orders_of([order, better])).progress.left
    assert left[1] <= left[0]


@settings(max_examples=100, deadline=None)
@given(
    book=rows(), other=rows(), many=st.lists(orders(), min_size=2, max_size=8), data=st.data()
)  # fmt: skip
def test_the_order_of_orders_and_of_books_does_not_matter(book, other, many, data):
    place = data.draw(st.permutations(range(len(many))))
    on = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(many), max_size=len(many))))
    one = fills.run(books_of(book, other), orders_of(many, on))
    shuffled = [many[i] for i in place]
    two = fills.run(books_of(other, book), orders_of(shuffled, 1 - on[list(place)]))
    for new, old in enumerate(place):
        assert of_order(two, new) == of_order(one, old)


@settings(max_examples=150, deadline=None)
@given(book=rows(), many=st.lists(orders(), min_size=1, max_size=5))
def test_a_side_is_the_mirror_of_the_other(book, many):
    """Prices reflected at 10: bids become asks, and buyers sellers."""

    def flip(price):
        return None if price is None else D(10) - price

    sound = [row for row in book if row.bid]
    mirrored = [
        slow.Row(r.time, flip(r.ask), flip(r.bid), r.ask_size, r.bid_size, flip(r.last), r.volume,
                 r.quoted)
        for r in sound
    ]  # fmt: skip
    if not sound:
        return
    plain = [o for o in many if o.kind != "trailing"]
    turned = [
        dataclasses.replace(o, side=-o.side, limit=flip(o.limit), stop=flip(o.stop)) for o in plain
    ]
    rules = Rules(collar_share=0.0)
    one = fills.run(books_of(sound), orders_of(plain), rules) if plain else None
    two = fills.run(books_of(mirrored), orders_of(turned), rules) if plain else None
    for i in range(len(plain)):
        a, b = of_order(one, i), of_order(two, i)
        assert a[:3] == b[:3]
        assert [(t, q, r) for t, _, q, r in a[3]] == [(t, q, r) for t, _, q, r in b[3]]
        assert [p for _, p, _, _ in a[3]] == pytest.approx([10 - p for _, p, _, _ in b[3]])


@st.composite
def package_cases(draw):
    first = draw(rows(most=8) | standing())
    books = [first]
    for _ in range(2):
        book = [
            dataclasses.replace(
                row,
                bid=D(draw(st.sampled_from([50, 50, 50, 49, 60]))) * CENT,
                ask=D(draw(st.sampled_from([60, 60, 60, 61, 59]))) * CENT,
                bid_size=draw(st.sampled_from([None, *map(D, range(9))])),
                ask_size=draw(st.sampled_from([None, *map(D, range(9))])),
            )
            for row in first
        ]
        books.append(book)
    ratios = draw(st.sampled_from([(1, -1), (-1, 1), (1, -2), (2, -3), (1, -2, 1), (1, 1, -3)]))
    legs = [(book, ratio) for book, ratio in enumerate(ratios)]
    limit = draw(st.none() | st.integers(-60, 90).map(lambda c: D(c) * CENT))
    return {
        "books": books,
        "legs": legs,
        "units": draw(st.integers(1, 9)),
        "limit": limit,
        "force": draw(st.sampled_from(["gtc", "ioc", "fok"])),
        "whole": draw(st.booleans()),
        "way": draw(WAYS),
    }


def run_case(case):
    return fills.run_packages(
        books_of(*case["books"]),
        Packages.of(
            units=case["units"],
            legs=[case["legs"]],
            limit=number(case["limit"]),
            force=Force[case["force"].upper()],
            whole=case["whole"],
        ),
        rules_of(case["way"]),
    )


def test_a_level_that_moved_away_is_new_though_another_leg_had_no_quote_then():
    sold = [(D("1.00"), D(1)), (D("1.01"), D(0)), (D("1.00"), D(1))]
    bought = [(D("0.50"), D("0.60")), (D("0.60"), D("0.60")), (D("0.50"), D("0.60"))]
    case = {
        "books": [
            [slow.Row(at, bid, D("1.02"), size, D(0)) for at, (bid, size) in enumerate(sold, 1)],
            [slow.Row(at, bid, ask, D(9), D(9)) for at, (bid, ask) in enumerate(bought, 1)],
        ],
        "legs": [(0, -1), (1, 1)], "units": 2, "limit": None, "force": "gtc", "whole": False,
        "way": slow.Way(),
    }  # fmt: skip
    for legs in ([(0, -1), (1, 1)], [(1, 1), (0, -1)]):
        given_so = case | {"legs": legs}
        assert of_order(run_case(given_so), 0)[0] == slow.run_package(**given_so)[0] == "filled"


@settings(max_examples=300, deadline=None)
@given(case=package_cases())
def test_packages_are_filled_as_the_slow_reference_fills_them(case):
    outcome = run_case(case)
    state, reason, left, found = slow.run_package(**case)
    got = of_order(outcome, 0)
    assert got[:3] == (state, reason, float(left))
    assert [time for time, *_ in got[3]] == [time for time, *_ in found]
    for i, (_, net, count, prices) in enumerate(found):
        assert outcome.fills.price[i] == pytest.approx(float(net))
        assert outcome.fills.quantity[i] == float(count)
        assert outcome.fills.legs[i, : len(prices)] == pytest.approx([float(p) for p in prices])


@settings(max_examples=200, deadline=None)
@given(case=package_cases())
def test_packages_come_in_whole_units_at_the_net_price_or_better(case):
    outcome = run_case(case)
    f = outcome.fills
    assert (f.quantity == np.rint(f.quantity)).all()
    if case["limit"] is not None:
        assert (f.price <= float(case["limit"]) + 1e-9).all()
    ratios = np.array([ratio for _, ratio in case["legs"]])
    assert f.legs[:, : ratios.size] @ ratios == pytest.approx(f.price)
    if case["whole"] or case["force"] == "fok":
        assert f.quantity.sum() in (0.0, case["units"])


def test_no_room_for_fills_is_no_end(monkeypatch):
    count = 4000
    book = Books.of(
        np.arange(1, count + 1), 1.0, 1.01, 1.0, 1.0, np.nan, 0.0, quoted=np.arange(1, count + 1)
    )
    moving = Books.of(
        np.arange(1, count + 1), 1.0, 1.01 + 0.01 * (np.arange(count) % 2), 1.0, 1.0
    )  # fmt: skip
    order = Orders.of(side=[1, 1], quantity=count, kind=Kind.MARKET, book=[0, 1])
    outcome = fills.run(Books.stack([book, moving]), order)
    assert np.bincount(outcome.fills.order).tolist() == [1, count]
    assert outcome.progress.left.tolist() == [count - 1.0, 0.0]


def test_time_passes_without_rows():
    book = Books.of([10], [1.0], [1.01], [5], [5])
    order = Orders.of(side=1, quantity=1, limit=0.9, force=Force.DAY, until=20)
    early = fills.run(book, order, now=19)
    assert early.progress.state[0] == State.WORKING
    late = fills.run(book, order, progress=early.progress, now=20)
    assert late.progress.state[0] == State.EXPIRED


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"side": 0}, Reason.SIDE),
        ({"quantity": 0.0}, Reason.QUANTITY),
        ({"quantity": np.nan}, Reason.QUANTITY),
        ({"quantity": 1.5}, Reason.QUANTITY),
        ({"kind": 9}, Reason.KIND),
        ({"force": 7}, Reason.FORCE),
        ({"kind": Kind.STOP, "stop": 1.0, "force": Force.IOC}, Reason.FORCE),
        ({"limit": np.nan}, Reason.LIMIT),
        ({"limit": -1.0}, Reason.LIMIT),
        ({"kind": Kind.STOP}, Reason.STOP),
        ({"kind": Kind.TRAILING}, Reason.TRAIL),
        ({"kind": Kind.TRAILING, "trail": 0.1, "trail_share": 0.1}, Reason.TRAIL),
        ({"tick": 0.0}, Reason.TICK),
        ({"limit": 1.005}, Reason.OFF_TICK),
        ({"limit": 3.01, "wide_tick": 0.05, "wide_from": 3.0}, Reason.OFF_TICK),
        ({"latency": -1}, Reason.TIMES),
        ({"force": Force.DAY}, Reason.TIMES),
        ({"sent": 5, "until": 5}, Reason.TIMES),
        ({"book": 1}, Reason.BOOK),
        ({"book": -1}, Reason.BOOK),
    ],
)
def test_what_no_market_takes_is_refused_with_its_reason(columns, reason):
    usual = {"side": 1, "quantity": 1.0, "kind": Kind.LIMIT, "limit": 1.0}
    order = Orders.of(**(usual | columns))
    outcome = fills.run(Books.of([1], [0.99], [1.0], [5], [5]), order)
    assert outcome.progress.state.tolist() == [State.REJECTED]
    assert Reason(outcome.progress.reason[0]) is reason
    assert outcome.fills.order.size == 0


@pytest.mark.parametrize(
    ("legs", "more"),
    [
        ([], {}),
        ([(0, 2.0), (1, -2.0)], {}),
        ([(0, 1.0), (0, -1.0)], {}),
        ([(0, 1.0), (7, -1.0)], {}),
        ([(0, 1.0), (1, 0.5)], {}),
        ([(0, 1.0), (2, -1.0)], {}),
        ([(0, 1.0)] * 5, {}),
    ],
)
def test_packages_without_sound_legs_are_refused(legs, more):
    book = Books.of([1, 2], [1.0, 1.0], [1.1, 1.1], 5, 5)
    odd = Books.of([1, 3], [1.0, 1.0], [1.1, 1.1], 5, 5)
    package = Packages.of(units=1, legs=[legs], limit=1.0, **more)
    outcome = fills.run_packages(Books.stack([book, book, odd]), package)
    assert Reason(outcome.progress.reason[0]) is Reason.LEGS
    assert outcome.progress.state[0] == State.REJECTED


def test_books_and_rules_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="time does not rise"):
        Books.of([1, 1], 1.0, 1.1)
    with pytest.raises(ValueError, match="offsets"):
        Books.of([1, 2], 1.0, 1.1, offsets=[0, 1])
    with pytest.raises(ValueError, match="half_spreads"):
        Rules(half_spreads=-1.0)
    with pytest.raises(ValueError, match="most_age"):
        Rules(most_age=-1)
    with pytest.raises(TypeError, match="colour"):
        Orders.of(side=1, quantity=1, colour=3)
    two = fills.run(Books.of([1], 1.0, 1.1), Orders.of(side=[1, 1], quantity=1, limit=1.0))
    with pytest.raises(ValueError, match="progress"):
        fills.run(
            Books.of([2], 1.0, 1.1), Orders.of(side=1, quantity=1, limit=1.0), progress=two.progress
        )
    with pytest.raises(ValueError, match="sigma"):
        fills.run(
            Books.of([1], 1.0, 1.1), Orders.of(side=1, quantity=1, limit=1.0), Rules(impact=1.0)
        )


def test_every_reason_has_words():
    assert all(reason.text for reason in Reason)
