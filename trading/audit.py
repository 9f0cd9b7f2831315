"""Whether books, positions, fills, orders and holds of an account prove one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import Count, Sum

from quant.lots import Method
from trading.ledger import book
from trading.ledger.book import ZERO, Fact, Side, total
from trading.ledger.services import held_of, lock
from trading.models import Account, Balance, Fill, JournalEntry, Order, Position, Posting
from trading.orders import machine

_CHUNK: Final = 2_000


class Difference(NamedTuple):
    """A figure that does not follow from what it should follow from."""

    where: str
    stored: Any
    right: Any

    def __str__(self) -> str:
        return f"{self.where}: stored {_text(self.stored)}, right {_text(self.right)}"


def _text(value: Any) -> str:
    return book.plain(value) if isinstance(value, Decimal) else str(value)


@transaction.atomic
def differences(account_id: int) -> list[Difference]:
    """Return what differs in an account, which is locked meanwhile; nothing when all is proven."""
    return list(_walk(lock(account_id)))


def _walk(account: Account) -> Iterator[Difference]:
    facts = _standing(account)
    yield from _entries(account)
    yield from _balances(account)
    yield from _cash(account, facts)
    yield from _positions(account, facts)
    yield from _fills(account)
    for order in Order.objects.filter(account=account).order_by("pk"):
        yield from _order(order)
    yield from _holds(account)


def _standing(account: Account) -> list[Fact]:
    """Return the facts that stand, in the order of the journal."""
    rows = JournalEntry.objects.filter(account=account, reverses=None, reversed_by=None)
    kept = rows.order_by("seq").values_list("kind", "facts")
    return [Fact.of_json(kind, facts) for kind, facts in kept.iterator(_CHUNK)]


def _entries(account: Account) -> Iterator[Difference]:
    """L1: numbers without a hole, two postings at least, zero in each unit."""
    rows = JournalEntry.objects.filter(account=account)
    count = rows.count()
    if count != account.seq:
        yield Difference("journal: entries", count, account.seq)
    thin = rows.annotate(lines=Count("postings")).filter(lines__lt=2).order_by("seq").first()
    if thin is not None:
        yield Difference(f"entry {thin.seq}: postings", thin.lines, "2 or more")
    sums = Posting.objects.filter(entry__account=account).values("entry__seq", "unit")
    for row in sums.annotate(sum=Sum("amount")).exclude(sum=0).order_by("entry__seq"):
        yield Difference(f"entry {row['entry__seq']}: sum in {row['unit']}", row["sum"], ZERO)


def _balances(account: Account) -> Iterator[Difference]:
    """L2: balances are the sums of the postings."""
    names = ("side", "unit", "instrument")
    sums = Posting.objects.filter(account=account).values(*names).annotate(sum=Sum("amount"))
    right = {tuple(row[name] for name in names): row["sum"] for row in sums}
    rows = Balance.objects.filter(account=account)
    stored = {(one.side, one.unit, one.instrument): one.amount for one in rows}
    for key in sorted({*stored, *right}):
        mine, its = stored.get(key, ZERO), right.get(key, ZERO)
        if mine != its:
            yield Difference(f"balance of {' '.join(filter(None, key))}", mine, its)


def _cash(account: Account, facts: list[Fact]) -> Iterator[Difference]:
    """L4: cash and each kind of earning follow from the facts."""
    right: dict[str, Decimal] = defaultdict(Decimal)
    for fact in facts:
        worth = total(one.worth for one in fact.moves)
        paid_from = Side.ADJUSTMENTS if fact.kind == "adjustment" else Side.CASH
        right[paid_from] = total((right[paid_from], -worth))
        right[Side.CASH] = total((right[Side.CASH], fact.cash, -fact.fee))
        right[Side.FEES] = total((right[Side.FEES], fact.fee))
        if fact.cash:
            side = book.CASH_OF[fact.kind]
            right[side] = total((right[side], -fact.cash))
    for side in (Side.CASH, Side.FEES, *sorted(set(book.CASH_OF.values()))):
        stored = _sum(account, side)
        if stored != right[side]:
            yield Difference(f"{side} against the facts", stored, right[side])


def _sum(account: Account, side: str, **more: str) -> Decimal:
    rows = Posting.objects.filter(account=account, side=side, **more)
    return rows.aggregate(sum=Sum("amount"))["sum"] or ZERO


def _positions(account: Account, facts: list[Fact]) -> Iterator[Difference]:
    """P1, P3: quantities, lots, cost and profit are what a replay of the facts gives."""
    multipliers = {one.symbol: one.multiplier for fact in facts for one in fact.moves}
    by_symbol: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        for symbol in {one.symbol for one in fact.moves}:
            by_symbol[symbol].append(fact)
    stored = {one.symbol: held_of(one) for one in Position.objects.filter(account=account)}
    kept = {row.symbol: row.quantity for row in Position.objects.filter(account=account)}
    for symbol in sorted({*stored, *multipliers}):
        many = multipliers.get(symbol, Decimal(1))
        right = book.replay(by_symbol[symbol], symbol, many, Method(account.method))
        mine = stored.get(symbol, book.Held(symbol, many))
        pairs = {
            "quantity": (kept.get(symbol, ZERO), right.quantity),
            "lots": (mine.lots, right.lots),
            "profit": (mine.realised, right.realised),
            "units in the journal": (_sum(account, Side.POSITION, unit=symbol), right.quantity),
            "cost in the journal": (_sum(account, Side.COST, instrument=symbol), right.cost),
            "profit in the journal": (
                -_sum(account, Side.REALISED, instrument=symbol), right.realised,
            ),
        }  # fmt: skip
        for name, (one, its) in pairs.items():
            if one != its:
                yield Difference(f"position {symbol}: {name}", one, its)


def _fills(account: Account) -> Iterator[Difference]:
    """Every fill is one entry of the journal with its numbers, and every such entry a fill."""
    entries = JournalEntry.objects.filter(account=account, kind=JournalEntry.Kind.FILL)
    lone = entries.filter(fill=None).order_by("seq").first()
    if lone is not None:
        yield Difference(f"entry {lone.seq}: fill", "none", lone.facts["moves"])
    for fill in Fill.objects.filter(account=account).select_related("entry").iterator(_CHUNK):
        move = book.Move(fill.symbol, fill.quantity, fill.price, fill.multiplier)
        booked = Fact.of_json(fill.entry.kind, fill.entry.facts)
        if (booked.moves, booked.fee) != ((move,), fill.fee):
            yield Difference(f"fill {fill.execution_id}: entry", fill.entry.facts, move)


def _order(order: Order) -> Iterator[Difference]:
    """O1, O2: fills, state and hold of an order follow from what is known of it."""
    legs = list(order.legs.order_by("number"))
    for leg in legs:
        rows = list(leg.fills.values_list("quantity", "price"))
        filled = total(abs(quantity) for quantity, _ in rows)
        value = total(abs(quantity) * price for quantity, price in rows)
        where = f"order {order.pk}, {leg.symbol}"
        if leg.filled != filled:
            yield Difference(f"{where}: filled", leg.filled, filled)
        if leg.value != value:
            yield Difference(f"{where}: value of the fills", leg.value, value)
    known = order.known(legs)
    pairs = {
        "filled quantity": (order.filled_quantity, known.done),
        "excess": (order.excess, known.excess),
        "state": (order.state, known.state.value),
        "held": (order.held, machine.held(order.hold, known)),
    }
    for name, (mine, right) in pairs.items():
        if mine != right:
            yield Difference(f"order {order.pk}: {name}", mine, right)


def _holds(account: Account) -> Iterator[Difference]:
    """L5: what is held is what open orders hold."""
    rows = Order.objects.filter(account=account, state__in=sorted(machine.OPEN))
    right = rows.aggregate(sum=Sum("held"))["sum"] or ZERO
    for stored, name in ((_sum(account, Side.HOLDS), "journal"), (_held(account), "balance")):
        if stored != right:
            yield Difference(f"holds in the {name}", stored, right)


def _held(account: Account) -> Decimal:
    row = Balance.objects.filter(account=account, side=Side.HOLDS).first()
    return ZERO if row is None else row.amount
