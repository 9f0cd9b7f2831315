"""What is asked of the paper venue: accounts, orders, cancels, instructions. Each happens once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace as replaced
from decimal import Decimal
from typing import Final, TypeVar

from django.db import transaction
from django.utils import timezone

from accounts.entitlements import limits_of
from accounts.models import User
from market import calendars, occ
from market.clock import SECOND, from_ns, local_date, to_ns
from market.models import FeedRun, FrameRow
from quant.fill_types import NEVER
from quant.kernels.fill_codes import State
from trading.brokers.paper import engine, markets, nights, selectors, tickets
from trading.brokers.paper.hardness import Hardness
from trading.brokers.paper.matching import Seat, finish, sit
from trading.brokers.paper.models import Instruction, PaperAccount, PaperOrder
from trading.brokers.paper.refusals import PaperLimitError
from trading.brokers.paper.tickets import Ticket
from trading.brokers.protocol import RejectedError, Request
from trading.brokers.symbols import check_deliverables
from trading.execution import services as standing
from trading.execution.states import Standing
from trading.ledger import services as ledger
from trading.ledger.book import LedgerError, fits
from trading.ledger.services import Kind
from trading.models import Account

Asked = TypeVar("Asked")
LEAST_CASH: Final = Decimal(100)
MOST_CASH: Final = Decimal(100_000_000)


@transaction.atomic
def open_paper_account(
    user: User,
    *,
    name: str,
    cash: Decimal,
    market: str,
    method: str = Account.Method.FIFO,
    hardness: Hardness | None = None,
    now: dt.datetime | None = None,
) -> Account:
    """Open a paper account with a deposit, on a market, within the person's plan.

    Parameters
    ----------
    market : str
        `simulator:SYMBOL`, or `replay:RUN` for practice.

    Raises
    ------
    LedgerError
        Naming the field: the plan is used up, the cash is out of bounds, the market is unknown.
    """
    name = name.strip()
    if not 0 < len(name) <= 60:
        raise LedgerError("name", "Give a name of 1 to 60 characters.")
    fits("cash", cash)
    if not LEAST_CASH <= cash <= MOST_CASH or cash != cash.quantize(Decimal("0.01")):
        raise LedgerError("cash", f"Give {LEAST_CASH} to {MOST_CASH} dollars, in whole cents.")
    # Two requests cannot both be the last that the plan carries.
    owner = User.objects.select_for_update().get(pk=user.pk)
    used, most = PaperAccount.objects.filter(account__owner=owner).count(), limits_of(owner)
    if used >= most.paper_accounts:
        raise PaperLimitError(
            "name", f"Your plan carries {most.paper_accounts} paper accounts, and all are open."
        )
    chosen = markets.choose(owner, market)
    account = ledger.open_account(owner, name=name, method=method)
    replayed = chosen.market == PaperAccount.Market.REPLAY
    live = chosen.market == PaperAccount.Market.LIVE
    wall = now or timezone.now()
    at, way = wall if live else chosen.run.position or wall, hardness or Hardness()
    paper = PaperAccount.objects.create(
        account=account, market=chosen.market, symbol=chosen.run.symbol,
        world={} if replayed or live else markets.world_of(chosen.run),
        run=chosen.run if replayed else None, through=wall if live else _began(chosen.run),
        latency_ms=way.latency_ms, half_spreads=way.half_spreads, impact=way.impact,
    )  # fmt: skip
    ledger.deposit(account.pk, cash, nights.source_of("opening deposit", at))
    nights.activity(Seat(account, paper), "opening deposit", Kind.DEPOSIT, at, cash=cash)
    standing.step(
        account.pk, Standing.ARMED, actor=f"user {owner.pk}", reason="Opened to trade on paper."
    )
    return account


def _began(run: FeedRun) -> dt.datetime:
    """Return the instant after which an account that is opened now sees a run's rows."""
    newest = FrameRow.objects.filter(run=run, kind=FrameRow.Kind.INTRADAY).order_by("-time")
    found = newest.values_list("time", flat=True).first()
    return found if found is not None else from_ns(0)


@transaction.atomic
def submit(
    account_id: int, request: Request, *, now: dt.datetime, replaces: PaperOrder | None = None
) -> PaperOrder:
    """Take an order, once by its client's id: the same again is the order that is there.

    Raises
    ------
    RejectedError
        When this venue does not take it; nothing is stored.
    """
    seat = sit(account_id)
    known = PaperOrder.objects.filter(client_order_id=request.client_order_id).first()
    if known is not None:
        if known.account_id != account_id or known.intent != request.intent.as_json():
            raise RejectedError("This id is another order's.", "duplicate id")
        return known
    at = _clock(seat, now)
    ticket = _ticket(seat, request, at)
    begun = tickets.begin(ticket)
    if begun.state == State.REJECTED:
        raise RejectedError(begun.reason.text, begun.reason.name.lower())
    return PaperOrder.objects.create(
        account=seat.account, client_order_id=request.client_order_id,
        intent=request.intent.as_json(), sent=at, latency=ticket.latency, until=ticket.until,
        sigma=ticket.sigma, daily_volume=ticket.daily_volume,
        state=begun.state.value, reason=begun.reason.value, progress=begun.progress.dump(),
        replaces=replaces,
    )  # fmt: skip


def _clock(seat: Seat, now: dt.datetime) -> int:
    """Return the market's time; RejectedError when nothing can be sent there."""
    if seat.paper.suspended:
        raise RejectedError("Trading is suspended on this account.", "suspended")
    run = markets.current_run(seat.paper)
    at = None if run is None else markets.clock_of(run, now)
    if at is None:
        raise RejectedError("The account's market does not run.", "market is off")
    return max(at, to_ns(seat.paper.through))


def _ticket(seat: Seat, request: Request, at: int) -> Ticket:
    check_deliverables(request)
    intent = request.intent
    if len(intent.legs) > 1 and intent.kind not in ("limit", "market"):
        raise RejectedError("Packages are limit or market orders.", "kind")
    session = calendars.session(local_date(at))
    if session is None or session.close_ns <= at:
        session = calendars.next_session(local_date(at))
    ends = [NEVER if intent.time_in_force == "gtc" else session.close_ns]
    if seat.paper.run_id is not None:
        ends.append(session.close_ns)
    ends += [_last_trade(seat, leg.symbol, leg.multiplier) for leg in intent.legs]
    ticket = Ticket.of(
        intent, sent=at, latency=seat.paper.latency_ms * SECOND // 1_000, until=min(ends)
    )
    if ticket.arrival >= ticket.until:
        raise RejectedError("It would arrive after the last trade.", "too late")
    moves = seat.paper.impact > 0 and [leg.symbol for leg in intent.legs] == [seat.paper.symbol]
    scale = markets.scale_of(seat.paper) if moves else None
    if scale is None:
        return ticket
    return replaced(ticket, sigma=scale[0], daily_volume=scale[1])


def _last_trade(seat: Seat, symbol: str, multiplier: Decimal) -> int:
    """Return until when an instrument trades; RejectedError when it does not here."""
    paper = seat.paper
    if symbol == paper.symbol:
        if multiplier != 1:
            raise RejectedError(f"{symbol} is traded by the unit.", "multiplier")
        return NEVER
    try:
        contract = occ.parse(symbol)
    except occ.OccError:
        contract = None
    if contract is None or occ.rule(contract.root).underlying != paper.symbol:
        raise RejectedError(f"{symbol} is not traded on this market.", "unknown symbol")
    if contract.symbol != symbol or occ.rule(contract.root).at is not None:
        raise RejectedError(f"{symbol} is not traded here; give OCC's short form.", "symbol")
    newest = markets.row_of(markets.newest_first(paper))
    snapshot = None if newest is None else markets.kept(newest)
    place = None if snapshot is None else markets.place_of(snapshot, symbol)
    if snapshot is None or place is None:
        raise RejectedError(f"{symbol} is not listed now.", "unknown symbol")
    if tickets.exact(float(snapshot.data.layout.multipliers[place])) != multiplier:
        raise RejectedError(f"{symbol} stands for another number of units.", "multiplier")
    return to_ns(calendars.last_trade(contract.root, contract.expiry))


def _caught_up(account_id: int, ask: Callable[[Seat], Asked]) -> Asked:
    """Ask after every row there is; what is refused then undoes none of these rows."""
    with transaction.atomic():
        seat = sit(account_id)
        while engine.advance(seat):
            pass
        try:
            with transaction.atomic():
                return ask(seat)
        except RejectedError as error:
            refused = error
    raise refused


def cancel(account_id: int, client_order_id: str, *, now: dt.datetime) -> PaperOrder:
    """End an order, after the rows that came before; RejectedError when that is too late.

    Rows come once a minute, so between now and the next one nothing could fill it.
    """

    def ask(seat: Seat) -> PaperOrder:
        found = PaperOrder.objects.filter(account=seat.account, client_order_id=client_order_id)
        order = _open(found.first())
        _end(seat, order, now)
        return order

    return _caught_up(account_id, ask)


def _open(order: PaperOrder | None) -> PaperOrder:
    if order is None:
        raise RejectedError("There is no such order.", "unknown order")
    if not order.is_open:
        raise RejectedError(f"It is over: {selectors.why(order)}.", "too late")
    return order


def _end(seat: Seat, order: PaperOrder, now: dt.datetime) -> None:
    """End an open order now; a market that does not run stands where it stood."""
    run = markets.current_run(seat.paper)
    at = None if run is None else markets.clock_of(run, now)
    finish(seat, order, max(at or 0, to_ns(seat.paper.through), order.sent), asked=True)


def replace(
    account_id: int, venue_order_id: str, request: Request, *, now: dt.datetime
) -> PaperOrder:
    """Take an order in the place of an open one, which ends with it; both or neither."""
    known = PaperOrder.objects.filter(client_order_id=request.client_order_id).first()
    if known is not None:
        return submit(account_id, request, now=now)

    def ask(seat: Seat) -> PaperOrder:
        number = venue_order_id.removeprefix("paper-")
        found = PaperOrder.objects.filter(
            account=seat.account, pk=int(number) if number.isdecimal() else 0
        )
        old = _open(found.first())
        order = submit(account_id, request, now=now, replaces=old)
        _end(seat, old, now)
        return order

    return _caught_up(account_id, ask)


def cancel_all(account_id: int, *, now: dt.datetime) -> int:
    """End every open order and return of how many that was asked."""

    def ask(seat: Seat) -> int:
        orders = list(selectors.open_orders(account_id))
        for order in orders:
            _end(seat, order, now)
        return len(orders)

    return _caught_up(account_id, ask)


@transaction.atomic
def suspend(account_id: int, *, on: bool) -> None:
    """Take no orders of an account any more, or take them again. Open ones stay."""
    seat = sit(account_id)
    seat.paper.suspended = on
    seat.paper.save(update_fields=["suspended"])


@transaction.atomic
def instruct(
    account_id: int, symbol: str, *, kind: str, contracts: int, now: dt.datetime | None = None
) -> Instruction:
    """Say what becomes of long contracts in the coming night: kept, or exercised all the same.

    The newest instruction of a session stands; 0 contracts take it back. It counts until the
    night after the session is booked.

    Raises
    ------
    LedgerError
        Naming the field: not so many are held long, or no such kind.
    """
    seat = sit(account_id)
    if kind not in Instruction.Kind.values:
        raise LedgerError("kind", f"Give {' or '.join(Instruction.Kind.values)}.")
    held = next((one for one in nights.options(account_id) if one.symbol == symbol), None)
    if held is None or not 0 <= contracts <= held.quantity:
        raise LedgerError("contracts", f"Give 0 to what you hold long of {symbol}.")
    run = markets.current_run(seat.paper)
    at = None if run is None else markets.clock_of(run, now or timezone.now())
    if at is None:
        raise LedgerError("symbol", "The account's market does not run.")
    given, _ = Instruction.objects.update_or_create(
        account=seat.account, symbol=symbol, day=_coming_night(seat, at),
        defaults={"kind": kind, "contracts": contracts},
    )  # fmt: skip
    return given


def _coming_night(seat: Seat, at: int) -> dt.date:
    """Return the session whose night comes next."""
    day = local_date(at)
    if seat.paper.night != day and calendars.session(day) is not None:
        return day
    return calendars.next_session(day).date
