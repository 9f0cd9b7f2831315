"""What the books say: balances, positions, equity, and lines that explain every cent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import F, Sum

from trading.ledger.book import ZERO, Held, Side, total
from trading.ledger.services import held_of
from trading.models import Account, Balance, JournalEntry, Position, Posting


@dataclass(frozen=True, slots=True)
class Balances:
    """The books of an account in its currency.

    Attributes
    ----------
    cash, cost : Decimal
        Cash, and what open positions cost (below zero for short ones).
    realised, dividends, interest, adjustments : Decimal
        What was earned: above zero a profit.
    fees : Decimal
        What was paid.
    deposits : Decimal
        What came from outside, less what went there.
    holds : Decimal
        What open orders hold.
    """

    cash: Decimal
    cost: Decimal
    realised: Decimal
    fees: Decimal
    deposits: Decimal
    dividends: Decimal
    interest: Decimal
    adjustments: Decimal
    holds: Decimal

    @property
    def earned(self) -> Decimal:
        """Everything that was realised, after fees."""
        parts = (self.realised, self.dividends, self.interest, self.adjustments)
        return total((*parts, -self.fees))


@dataclass(frozen=True, slots=True)
class Equity:
    """What an account is worth at given marks."""

    cash: Decimal
    value: Decimal
    unrealised: Decimal

    @property
    def total(self) -> Decimal:
        """Cash and the value of what is open."""
        return total((self.cash, self.value))


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as a line of a statement; `cash` is the cash after it."""

    seq: int
    at: dt.datetime
    kind: str
    source: str
    external_id: str
    reason: str
    change: Decimal
    cash: Decimal
    postings: tuple[tuple[str, str, Decimal], ...]


def balances(account: Account) -> Balances:
    """Return the balances that are kept with every entry."""
    return balances_of([account])[account.pk]


def balances_of(accounts: Collection[Account]) -> dict[int, Balances]:
    """Return the balances of some accounts, asked for at once."""
    rows = Balance.objects.filter(account__in=accounts, unit=F("account__currency"))
    sums: dict[int, dict[str, Decimal]] = {one.pk: {} for one in accounts}
    for pk, side, amount in rows.values_list("account", "side").annotate(sum=Sum("amount")):
        sums[pk][side] = amount
    return {pk: _balances(found) for pk, found in sums.items()}


def _balances(sums: Mapping[str, Decimal]) -> Balances:
    kept = {side: sums.get(side, ZERO) for side in Side}
    return Balances(
        cash=kept[Side.CASH], cost=kept[Side.COST], realised=-kept[Side.REALISED],
        fees=kept[Side.FEES], deposits=-kept[Side.DEPOSITS], dividends=-kept[Side.DIVIDENDS],
        interest=-kept[Side.INTEREST], adjustments=-kept[Side.ADJUSTMENTS],
        holds=kept[Side.HOLDS],
    )  # fmt: skip


def free(account: Account) -> Decimal:
    """Return what new orders may hold: cash and credit, less what is held."""
    now = balances(account)
    return total((now.cash, account.credit, -now.holds))


def positions(account: Account) -> list[Held]:
    """Return what is open, by symbol."""
    return positions_of([account])[account.pk]


def positions_of(accounts: Collection[Account]) -> dict[int, list[Held]]:
    """Return what is open in some accounts, by symbol, asked for at once."""
    found: dict[int, list[Held]] = {one.pk: [] for one in accounts}
    rows = Position.objects.filter(account__in=accounts).exclude(quantity=0)
    for row in rows.order_by("symbol"):
        found[row.account_id].append(held_of(row))
    return found


def equity(account: Account, marks: Mapping[str, Decimal]) -> Equity:
    """Return what an account is worth at prices per unit; KeyError where one is missing."""
    held = positions(account)
    worth = total(one.quantity * marks[one.symbol] * one.multiplier for one in held)
    cost = total(one.cost for one in held)
    return Equity(balances(account).cash, worth, total((worth, -cost)))


def statement(account: Account, *, after: int = 0) -> Iterator[Line]:
    """Yield the entries after a number, oldest first: their cash adds up to the balance."""
    cash = total(
        Posting.objects.filter(account=account, side=Side.CASH, entry__seq__lte=after).values_list(
            "amount", flat=True
        )
    )
    rows = JournalEntry.objects.filter(account=account, seq__gt=after).order_by("seq")
    for entry in rows.prefetch_related("postings").iterator(1_000):
        lines = tuple((one.side, one.unit, one.amount) for one in entry.postings.all())
        change = total(amount for side, _, amount in lines if side == Side.CASH)
        cash = total((cash, change))
        yield Line(
            entry.seq, entry.at, entry.kind, entry.source, entry.external_id, entry.reason,
            change, cash, lines,
        )  # fmt: skip
