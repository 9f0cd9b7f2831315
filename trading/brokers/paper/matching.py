"""What becomes of one order on one row, or at its end: written to the venue and to the books.

Both are one database, so an execution, the progress behind it and its posting are one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from django.db.models.functions import Now

from market import occ
from market.clock import to_ns
from quant import fee_rates, fees
from quant.fill_types import NEVER, Progress, Rules
from quant.kernels.fill_codes import State
from trading.brokers.paper import selectors, tickets
from trading.brokers.paper.display import Display
from trading.brokers.paper.markets import Row
from trading.brokers.paper.models import PaperAccount, PaperFill, PaperOrder
from trading.brokers.paper.tickets import Match, Quote, Ticket, Walked
from trading.ledger.book import plain, total
from trading.ledger.services import lock
from trading.models import Account
from trading.orders.venue import apply

SCHEDULE: Final = fee_rates.ALPACA
"""What trading costs here: no commission, and the fees that exchanges and regulators charge."""
log = structlog.get_logger("pulse.paper")


@dataclass(slots=True)
class Seat:
    """An account that is locked, with its place at the venue."""

    account: Account
    paper: PaperAccount

    def rules(self, ticket: Ticket) -> Rules:
        """Return by what an order of it fills; without a scale nothing moves the price."""
        impact = 0.0 if ticket.sigma is None else self.paper.impact
        return Rules(half_spreads=self.paper.half_spreads, impact=impact)


def sit(account_id: int) -> Seat:
    """Lock an account and its place at the venue until the transaction ends."""
    account = lock(account_id)
    return Seat(account, PaperAccount.objects.select_for_update().get(account=account))


def ticket_of(order: PaperOrder) -> Ticket:
    """Return an order as the kernel takes it."""
    cancel = NEVER if order.cancel_at is None else order.cancel_at
    return Ticket.of_json(
        order.intent, sent=order.sent, latency=order.latency, until=order.until,
        cancel_at=cancel, sigma=order.sigma, daily_volume=order.daily_volume,
    )  # fmt: skip


def match(
    seat: Seat, order: PaperOrder, row: Row, quotes: Sequence[Quote], display: Display
) -> bool:
    """Walk an order over a row, book what it brings, and return whether it was filled at all.

    `quotes` are those of the legs, as the market has them; the order sees them less what the
    account's other orders had.
    """
    ticket, progress = ticket_of(order), Progress.load(order.progress)
    shown = display.seen(ticket, progress, quotes)
    walked = tickets.walk(ticket, progress, shown, to_ns(row.time), seat.rules(ticket))
    display.note(ticket, walked.progress, quotes, shown, walked.matches)
    for one in walked.matches:
        _execute(seat, order, ticket, one, row, quotes)
    _settle(seat, order, walked, to_ns(row.time))
    return bool(walked.matches)


def finish(seat: Seat, order: PaperOrder, at: int, *, asked: bool = False) -> None:
    """End an order at an instant (ns UTC) when its time is over, or when that was asked for."""
    if asked and order.cancel_at is None:
        order.cancel_at = at
    _settle(seat, order, tickets.end(ticket_of(order), Progress.load(order.progress), at), at)


def _settle(seat: Seat, order: PaperOrder, walked: Walked, at: int) -> None:
    """Write how far an order is, and tell the books of its end."""
    order.progress = walked.progress.dump()
    order.state, order.reason = walked.state.value, walked.reason.value
    order.ended = at if walked.state >= State.FILLED else None
    order.changed = Now()
    order.save()
    event = None if order.own else selectors.end_event(order)
    if event is not None:
        apply(seat.account.pk, event)


def _execute(
    seat: Seat, order: PaperOrder, ticket: Ticket, one: Match, row: Row, quotes: Sequence[Quote]
) -> None:
    order.matches += 1
    for place, leg in enumerate(ticket.legs):
        quantity = total([one.units * leg.ratio])
        price = one.prices[place]
        due = fees.exact(
            SCHEDULE, row.day, asset_of(leg.symbol), side=1 if leg.ratio > 0 else -1,
            quantity=abs(quantity), price=price, multiplier=leg.multiplier,
            maker=one.reason.name != "TAKEN",
        )  # fmt: skip
        fill = PaperFill.objects.create(
            order=order, account=seat.account,
            execution_id=f"{order.venue_order_id}-{order.matches}-{place}",
            symbol=leg.symbol, quantity=quantity, price=price, multiplier=leg.multiplier,
            fee=total(due.values()), fees={name: plain(part) for name, part in due.items()},
            at=row.time, day=row.day,
            why={
                "reason": one.reason.name.lower(), "text": one.reason.text,
                "quote": quotes[place].as_json(), "snapshot": row.snapshot,
                "row": row.time.isoformat(), "half_spreads": seat.paper.half_spreads,
                "impact": seat.rules(ticket).impact,
            },
        )  # fmt: skip
        done = apply(seat.account.pk, selectors.fill_event(fill, order))
        if done.alert and not order.own:
            log.warning("paper_fill_alert", fill=fill.execution_id, alert=done.alert)


def asset_of(symbol: str) -> fee_rates.Asset:
    """Return what an instrument is to those who charge fees."""
    try:
        root = occ.parse(symbol).root
    except occ.OccError:
        return fee_rates.Asset.EQUITY
    return fee_rates.Asset.INDEX_OPTION if occ.rule(root).index else fee_rates.Asset.EQUITY_OPTION
