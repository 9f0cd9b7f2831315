"""What the venue does without an order: the sweep before a close, and the night after it.

All instants are the market's own. Each fact has an id made of session, instrument and kind, so
that a night that is told again books nothing. What a night brings is dated before the open of the
next session, as brokers report it.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import numpy as np
import structlog
from django.db.models import Sum
from django.utils.crypto import salted_hmac

from market import calendars, occ
from market.calendars import Session
from market.clock import from_ns, new_york, to_ns
from market.kept import Kept
from quant import assignment, fees
from trading.brokers.paper import endings, markets, selectors, tickets
from trading.brokers.paper.endings import Ending, Held
from trading.brokers.paper.markets import Row
from trading.brokers.paper.matching import Seat, finish
from trading.brokers.paper.models import (
    Instruction,
    PaperActivity,
    PaperFill,
    PaperOrder,
    ShareDividend,
)
from trading.brokers.paper.tickets import Ticket
from trading.ledger import services as ledger
from trading.ledger.book import ZERO, Move, plain, total
from trading.ledger.services import Kind, Source
from trading.orders.intents import Intent, Leg

BOOKED: Final = dt.time(6, 0)
"""New York, on the morning after: when brokers' reports of a night are in."""
log = structlog.get_logger("pulse.paper")


def options(account_id: int) -> list[Held]:
    """Return the options that the venue holds for an account."""
    many = selectors.multipliers(account_id)
    found = []
    for symbol, quantity in sorted(selectors.held(account_id).items()):
        try:
            occ.parse(symbol)
        except occ.OccError:
            continue
        found.append(Held(symbol, int(quantity), many[symbol]))
    return found


def sweeps_at(seat: Seat, day: dt.date) -> dt.datetime | None:
    """Return when the venue looks for what an account cannot carry; None: it has done so."""
    session = calendars.session(day)
    if session is None or seat.paper.swept == day:
        return None
    return from_ns(assignment.sweep_instant(session.close_ns))


def sweep(seat: Seat, row: Row, snapshot: Kept | None) -> None:
    """Close what an account could not pay for or deliver: the venue's own orders, at the market.

    Its client's open orders in the same contracts are cancelled, as brokers do.
    """
    seat.paper.swept = row.day
    session = calendars.session(row.day)
    if session is None or row.time >= session.close or snapshot is None:
        return
    for one in _swept(seat, row.day, snapshot):
        for order in selectors.open_orders(seat.account.pk):
            if one.symbol in {symbol for symbol, _, _ in order.intent["legs"]}:
                finish(seat, order, to_ns(row.time), asked=True)
        _order_of_its_own(seat, one, row, session)


def _swept(seat: Seat, day: dt.date, snapshot: Kept) -> list[Held]:
    """Return what the venue closes of what delivers shares and expires with a session."""
    mine = [one for one in options(seat.account.pk) if one.physical and one.settles_on == day]
    if not mine or not math.isfinite(snapshot.data.spot):
        return []
    held, cash = selectors.held(seat.account.pk), float(selectors.cash(seat.account.pk))
    # Who could buy the shares may owe them overnight.
    shares = float(held.get(seat.paper.symbol, ZERO)) + max(cash / snapshot.data.spot, 0.0)
    gone = assignment.swept(
        is_call=np.array([one.is_call for one in mine]),
        strike=[float(one.contract.strike) for one in mine],
        quantity=[one.quantity for one in mine],
        spot=np.full(len(mine), snapshot.data.spot),
        underlying=np.zeros(len(mine), dtype=np.int64),
        shares=[shares],
        buying_power=cash,
        multiplier=[float(one.multiplier) for one in mine],
    )  # fmt: skip
    return [one for one, goes in zip(mine, gone.tolist(), strict=True) if goes]


def _order_of_its_own(seat: Seat, one: Held, row: Row, session: Session) -> None:
    leg = Leg(one.symbol, -1 if one.quantity > 0 else 1, one.multiplier)
    name = f"sweep {seat.account.pk} {row.day:%y%m%d} {one.symbol}"
    intent = Intent(name, (leg,), Decimal(abs(one.quantity)), "market", "day", origin="venue")
    at = to_ns(row.time)
    ticket = Ticket.of(intent, sent=at, latency=0, until=session.close_ns)
    begun = tickets.begin(ticket)
    PaperOrder.objects.get_or_create(
        client_order_id=name,
        defaults={
            "account": seat.account, "own": True, "intent": intent.as_json(), "sent": at,
            "latency": 0, "until": session.close_ns, "state": begun.state.value,
            "reason": begun.reason.value, "progress": begun.progress.dump(),
        },
    )  # fmt: skip


def end(seat: Seat, day: dt.date) -> None:
    """Do the night after a session: orders whose time is over, options, dividends, fees."""
    session = calendars.session(day)
    close = session.close_ns if session is not None else to_ns(seat.paper.through)
    for order in selectors.open_orders(seat.account.pk).filter(until__lte=close):
        finish(seat, order, close)
    following = calendars.next_session(day).date
    at = new_york(following, BOOKED)
    for ending in list(_endings(seat, day, following)):
        _book(seat, ending, day, at)
    _pay_dividends(seat, day, following)
    _round_fees(seat, day, at)
    seat.paper.night, seat.paper.taken = day, {}
    seat.paper.save(update_fields=["night", "taken"])


def _endings(seat: Seat, day: dt.date, following: dt.date) -> Iterator[Ending]:
    mine = options(seat.account.pk)
    if not mine:
        return
    asked = {one.symbol: one for one in Instruction.objects.filter(account=seat.account, day=day)}
    last = markets.row_of(markets.session_rows(seat.paper, day).reverse())
    snapshot = None if last is None else markets.kept(last)
    for one in mine:
        wish = asked.get(one.symbol)
        if one.settles_on <= day:
            yield from _expired(seat, one, day, wish)
        elif one.physical and _american(one, snapshot):
            yield from _early(seat, one, day, following, snapshot, wish)


def _expired(seat: Seat, one: Held, day: dt.date, wish: Instruction | None) -> Iterator[Ending]:
    price = markets.price_at_end(seat.paper, one.settles_on, settles=one.rule.settles)
    if math.isnan(price):  # a day that its market never played
        price = markets.price_at_end(seat.paper, day, settles="pm")
    if math.isnan(price):
        log.error("paper_not_settled", account=seat.account.pk, symbol=one.symbol, day=str(day))
        return
    kind = None if wish is None else wish.kind
    count = 0 if wish is None else wish.contracts
    yield from endings.at_expiry(
        one, price,
        keep=count if kind == Instruction.Kind.KEEP else 0,
        anyway=count if kind == Instruction.Kind.EXERCISE else 0,
        uniform=_draw(seat, one.symbol, day),
    )  # fmt: skip


def _american(one: Held, snapshot: Kept | None) -> bool:
    """Return whether a contract may be exercised early: what its market says beats its root."""
    place = None if snapshot is None else markets.place_of(snapshot, one.symbol)
    if snapshot is None or place is None:
        return one.rule.american
    return bool(snapshot.data.layout.american[place])


def _early(
    seat: Seat, one: Held, day: dt.date, following: dt.date, snapshot: Kept | None,
    wish: Instruction | None,
) -> Iterator[Ending]:  # fmt: skip
    if one.quantity > 0:
        if wish is not None and wish.kind == Instruction.Kind.EXERCISE and wish.contracts:
            yield endings.exercised_tonight(one, wish.contracts)
        return
    if snapshot is None:
        return
    ending = endings.assigned_tonight(
        one,
        bid=markets.quote_of(snapshot, one.symbol).bid,
        spot=snapshot.data.spot,
        rate=snapshot.data.scalar("r", 0.0),
        days=(following - day).days,
        dividend=float(_dividend(seat.paper.symbol, day, following)),
        uniform=_draw(seat, one.symbol, day),
    )
    if ending is not None:
        yield ending


def _draw(seat: Seat, symbol: str, day: dt.date) -> float:
    """Return a number of [0, 1) that is always the same and that nobody outside can tell."""
    text = f"{seat.account.pk} {symbol} {day}"
    whole = salted_hmac("trading.paper.draw", text, algorithm="sha256").digest()
    return int.from_bytes(whole[:6], "big") / 2**48


def _dividend(symbol: str, day: dt.date, following: dt.date) -> Decimal:
    """Return what a share pays to who holds it at the close of a day, before the next session."""
    rows = ShareDividend.objects.filter(symbol=symbol, ex_date__gt=day, ex_date__lte=following)
    return rows.aggregate(sum=Sum("amount"))["sum"] or ZERO


def _book(seat: Seat, ending: Ending, day: dt.date, at: dt.datetime) -> None:
    """Book how contracts ended, as one entry, and keep it as the venue's own activities."""
    name = f"{day} {ending.option.symbol} {ending.kind}"
    ledger.option_ended(
        seat.account.pk, Kind(ending.kind), ending.option, source_of(name, at),
        deliverable=ending.deliverable, reason=ending.text,
    )  # fmt: skip
    for part, move in (("", ending.option), (" shares", ending.deliverable)):
        if move is not None:
            activity(seat, f"{name}{part}", ending.kind, at, move=move, group=name,
                     text=ending.text)  # fmt: skip


def source_of(name: str, at: dt.datetime) -> Source:
    """Return under which id the books keep an activity: the same for whoever books it."""
    return Source(selectors.SOURCE, f"activity {name}", at)


def activity(
    seat: Seat,
    name: str,
    kind: str,
    at: dt.datetime,
    *,
    symbol: str = "",
    move: Move | None = None,
    cash: Decimal = ZERO,
    group: str = "",
    text: str = "",
) -> None:
    """Keep what happened without an order, once by its id; `cash` beside what a move costs."""
    given = {
        "kind": kind, "at": at, "cash": cash, "group": group, "text": text[:300], "symbol": symbol,
    }  # fmt: skip
    if move is not None:
        given |= {
            "symbol": move.symbol, "quantity": move.quantity, "price": move.price,
            "multiplier": move.multiplier, "cash": total((cash, -move.worth)),
        }  # fmt: skip
    PaperActivity.objects.get_or_create(account=seat.account, activity_id=name, defaults=given)


def _pay_dividends(seat: Seat, day: dt.date, following: dt.date) -> None:
    symbol = seat.paper.symbol
    shares = selectors.held(seat.account.pk).get(symbol, ZERO)
    if not shares:
        return
    rows = ShareDividend.objects.filter(symbol=symbol, ex_date__gt=day, ex_date__lte=following)
    for row in rows.order_by("ex_date"):
        at, name = new_york(row.ex_date, BOOKED), f"{row.ex_date} {symbol} dividend"
        amount = total([shares * row.amount])
        ledger.dividend(seat.account.pk, amount, source_of(name, at), symbol=symbol)
        activity(seat, name, Kind.DIVIDEND, at, cash=amount, symbol=symbol,
                 text=f"{plain(row.amount)} a share on {plain(shares)}")  # fmt: skip


def _round_fees(seat: Seat, day: dt.date, at: dt.datetime) -> None:
    """Charge what a day's fees come to in whole cents: each is added up and rounded up."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for due in PaperFill.objects.filter(account=seat.account, day=day).values_list(
        "fees", flat=True
    ):
        for name, part in due.items():
            sums[name] = total((sums[name], Decimal(part)))
    amount = total(fees.posted([part]) - part for part in sums.values())
    if amount:
        name, text = f"{day} fees", f"fees of {day}, each rounded up to the cent"
        ledger.charge(seat.account.pk, amount, source_of(name, at), reason=text)
        activity(seat, name, Kind.FEE, at, cash=-amount, text=text)
