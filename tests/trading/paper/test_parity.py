"""An order that is walked row by row, its progress written down in between, is the kernel's own."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from market.clock import MINUTE, SECOND
from quant import fills
from quant.fill_types import NEVER, Books, Progress, Rules
from quant.kernels.fill_codes import State
from trading.brokers.paper import tickets
from trading.brokers.paper.display import Display
from trading.brokers.paper.tickets import Quote, Ticket
from trading.orders.intents import Leg

ONE, TWO = "SIM260105C00500000", "SIM260105C00505000"
START = 1_767_000_000 * SECOND


def cents(low: int, high: int):
    return st.integers(low, high).map(lambda value: value / 100)


@st.composite
def quotes(draw) -> Quote:
    bid = draw(cents(0, 12))
    ask = draw(st.one_of(st.just(bid + draw(cents(-1, 4))), st.just(np.nan)))
    size = st.one_of(st.integers(0, 9).map(float), st.just(np.nan))
    return Quote(
        bid, round(ask, 2), draw(size), draw(size), draw(st.one_of(cents(1, 12), st.just(np.nan))),
        draw(st.integers(0, 6).map(float)), draw(st.sampled_from([0, 0, 0, SECOND, 6 * SECOND])),
    )  # fmt: skip


@st.composite
def singles(draw) -> Ticket:
    kind = draw(st.sampled_from(sorted(tickets.KINDS)))
    force = draw(st.sampled_from(sorted(tickets.FORCES)))
    price = cents(1, 12).map(lambda value: Decimal(str(value)))
    return Ticket(
        (Leg(ONE, draw(st.sampled_from([-1, 1])), Decimal(100)),), Decimal(draw(st.integers(1, 9))),
        kind, force,
        limit=draw(price) if "limit" in kind else None,
        stop=draw(price) if kind in ("stop", "stop_limit") else None,
        trail=draw(price) if kind == "trailing_stop" else None,
        sent=START + draw(st.integers(0, 3)) * MINUTE, latency=SECOND // 4,
        until=START + draw(st.integers(2, 14)) * MINUTE,
    )  # fmt: skip


@st.composite
def packages(draw) -> Ticket:
    price = st.integers(-8, 8).map(lambda value: Decimal(value) / 100)
    ratios = draw(st.sampled_from([(1, -1), (-1, 1), (1, -2), (2, 1), (-3, -1)]))
    legs = zip((ONE, TWO), ratios, strict=True)
    return Ticket(
        tuple(Leg(name, ratio, Decimal(100)) for name, ratio in legs),
        Decimal(draw(st.integers(1, 5))), draw(st.sampled_from(["limit", "limit", "market"])),
        draw(st.sampled_from(sorted(tickets.FORCES))), draw(price), None, None,
        sent=START, latency=SECOND // 4, until=START + draw(st.integers(2, 14)) * MINUTE,
    )  # fmt: skip


def at_once(ticket: Ticket, rows: list[tuple[Quote, ...]], rules: Rules):
    """The kernel over all rows in one call."""
    times = START + MINUTE * np.arange(1, len(rows) + 1)
    books = Books.stack([
        Books.of(
            times, *([getattr(row[place], name) for row in rows]
                     for name in ("bid", "ask", "bid_size", "ask_size", "last", "volume")),
            quoted=times - np.array([row[place].age for row in rows], dtype=np.int64),
        )
        for place in range(len(ticket.legs))
    ])  # fmt: skip
    now = int(times[-1]) if len(rows) else None
    if len(ticket.legs) == 1:
        return fills.run(books, tickets.orders_of(ticket), rules, now=now)
    return fills.run_packages(books, tickets.packages_of(ticket), rules, now=now)


def row_by_row(ticket: Ticket, rows: list[tuple[Quote, ...]], rules: Rules, twice: int):
    """The same as the venue does it; a row that is told again changes nothing."""
    begun = tickets.begin(ticket)
    display, progress, found = Display(), begun.progress, list(begun.matches)
    for number, row in enumerate(rows, 1):
        time = START + number * MINUTE
        if State(int(progress.state[0])) >= State.FILLED or ticket.arrival > time:
            continue
        for again in range(2 if number == twice else 1):
            display = Display.load(json.loads(json.dumps(display.dump())))
            progress = Progress.load(json.loads(json.dumps(progress.dump())))
            shown = display.seen(ticket, progress, row)
            walked = tickets.walk(ticket, progress, shown, time, rules)
            display.note(ticket, walked.progress, row, shown, walked.matches)
            assert not (again and walked.matches)
            progress = walked.progress
            found += [(time, *one) for one in walked.matches]
    if len(rows) and State(int(progress.state[0])) < State.FILLED:
        progress = tickets.end(ticket, progress, START + len(rows) * MINUTE).progress
    return progress, found


def same(ticket, rows, rules, twice):
    whole = at_once(ticket, rows, rules)
    progress, found = row_by_row(ticket, rows, rules, twice)
    assert progress.dump() == whole.progress.dump()
    made, legs = whole.fills, len(ticket.legs)
    prices = made.legs[:, :legs] if legs > 1 else made.price[:, None]
    assert [(time, float(units), int(why), [float(one) for one in price])
            for time, units, why, price in found] == [
        (time, units, why, price) for time, units, why, price in zip(
            made.time.tolist(), made.quantity.tolist(), made.reason.tolist(), prices.tolist(),
            strict=True)
    ]  # fmt: skip


RULES = st.sampled_from([Rules(), Rules(half_spreads=0.5), Rules(half_spreads=1.5)])


@settings(max_examples=250)
@given(
    singles(), st.lists(quotes().map(lambda one: (one,)), max_size=12), RULES, st.integers(0, 12)
)
def test_a_single_order(ticket, rows, rules, twice):
    same(ticket, rows, rules, twice)


@settings(max_examples=120)
@given(packages(), st.lists(st.tuples(quotes(), quotes()), max_size=12), RULES, st.integers(0, 12))
def test_a_package(ticket, rows, rules, twice):
    if ticket.kind == "market":
        ticket = replace(ticket, limit=None)
    same(ticket, rows, rules, twice)


@settings(max_examples=120)
@given(
    st.lists(st.tuples(st.sampled_from([-1, 1]), st.integers(1, 6)), min_size=2, max_size=4),
    st.one_of(
        st.lists(quotes(), min_size=1, max_size=10),
        st.builds(lambda one, many: [one] * many, quotes(), st.integers(1, 10)),
    ),
)
def test_orders_of_one_account_share_a_display(wanted, rows):
    """What they take on a row is at most what it shows, and of a quote that stands, in all."""
    display, stood = Display(), dict.fromkeys((-1, 1), 0.0)
    made = [
        Ticket((Leg(ONE, side, Decimal(100)),), Decimal(size), "market", "gtc", None, None, None,
               sent=START, latency=0, until=NEVER)
        for side, size in wanted
    ]  # fmt: skip
    going = [tickets.begin(one).progress for one in made]
    for number, quote in enumerate(rows, 1):
        took = dict.fromkeys((-1, 1), 0.0)
        for place, ticket in enumerate(made):
            if State(int(going[place].state[0])) >= State.FILLED:
                continue
            shown = display.seen(ticket, going[place], (quote,))
            walked = tickets.walk(ticket, going[place], shown, START + number * MINUTE, Rules())
            display.note(ticket, walked.progress, (quote,), shown, walked.matches)
            going[place] = walked.progress
            took[ticket.legs[0].ratio] += sum(float(one.units) for one in walked.matches)
        for side, some in took.items():
            size = quote.ask_size if side > 0 else quote.bid_size
            before = rows[number - 2] if number > 1 else None
            stood[side] = some + (stood[side] if before is quote else 0.0)
            assert stood[side] == 0 or stood[side] <= size
