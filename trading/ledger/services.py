"""What changes the books. Every fact is posted once, in one transaction, under its account's lock.

A fact is known by (account, source, external_id). Told again, it writes nothing; told with other
numbers, it is refused. Locks are taken in one order: account, orders, audit chain.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from accounts.models import User
from quant.lots import Method
from record import audit
from trading.ledger import book
from trading.ledger.book import ZERO, Fact, Held, LedgerError, Move
from trading.models import Account, JournalEntry, Position, Posting

Kind = JournalEntry.Kind


class Posted(NamedTuple):
    """A journal entry, and whether it is new."""

    entry: JournalEntry
    fresh: bool


class Source(NamedTuple):
    """Who says that something happened, with its id there and when it was."""

    name: str
    external_id: str
    at: dt.datetime


class AlteredError(LedgerError):
    """A fact that is posted was told again with other numbers."""


def chain_of(account_id: int) -> str:
    """Return the audit chain of an account."""
    return f"trading:{account_id}"


@transaction.atomic
def open_account(
    owner: User,
    *,
    name: str,
    mode: str = Account.Mode.PAPER,
    broker: str = "paper",
    currency: str = "USD",
    method: str = Account.Method.FIFO,
    credit: Decimal = ZERO,
) -> Account:
    """Open an account with empty books and return it; LedgerError when its name is used."""
    book.fits("credit", credit)
    if Account.objects.filter(owner=owner, name=name).exists():
        raise LedgerError("name", f"You have an account {name!r} already; give another name.")
    account = Account.objects.create(
        owner=owner, name=name, mode=mode, broker=broker, currency=currency, method=method,
        credit=credit,
    )  # fmt: skip
    audit.write(
        chain_of(account.pk), actor=f"user {owner.pk}", action="account.open",
        subject=f"account {account.pk}", detail={"mode": mode, "broker": broker},
    )  # fmt: skip
    return account


def lock(account_id: int) -> Account:
    """Lock an account until the transaction ends and return it."""
    return Account.objects.select_for_update().get(pk=account_id)


def deposit(account_id: int, amount: Decimal, source: Source) -> Posted:
    """Book money that came from outside."""
    return _once(account_id, Fact(Kind.DEPOSIT, cash=_above_zero(amount)), source)


def withdraw(account_id: int, amount: Decimal, source: Source) -> Posted:
    """Book money that went outside.

    It is a fact, so it is booked even where holds need it; whoever asks for one checks before.
    """
    return _once(account_id, Fact(Kind.WITHDRAWAL, cash=-_above_zero(amount)), source)


def charge(account_id: int, amount: Decimal, source: Source, *, reason: str = "") -> Posted:
    """Book a fee; below zero a rebate."""
    return _once(account_id, Fact(Kind.FEE, fee=amount), source, reason=reason)


def dividend(account_id: int, amount: Decimal, source: Source, *, symbol: str) -> Posted:
    """Book a dividend; below zero what a short position pays."""
    return _once(account_id, Fact(Kind.DIVIDEND, cash=amount), source, reason=symbol)


def interest(account_id: int, amount: Decimal, source: Source) -> Posted:
    """Book interest; below zero what was paid."""
    return _once(account_id, Fact(Kind.INTEREST, cash=amount), source)


def option_ended(
    account_id: int,
    kind: str,
    option: Move,
    source: Source,
    *,
    deliverable: Move | None = None,
    fee: Decimal = ZERO,
    reason: str = "",
) -> Posted:
    """Book the end of an option: exercise, assignment, expiry or cash settlement, as one entry.

    Parameters
    ----------
    kind : str
        EXERCISE, ASSIGNMENT, EXPIRY or SETTLEMENT of `JournalEntry.Kind`.
    option : Move
        What is closed: the quantity with its sign turned, at 0, or at its intrinsic value when it
        is settled in cash.
    deliverable : Move, optional
        The shares that came or went, at the strike. The premium stays with the option's profit.
    """
    physical = kind in (Kind.EXERCISE, Kind.ASSIGNMENT)
    if kind not in (Kind.EXERCISE, Kind.ASSIGNMENT, Kind.EXPIRY, Kind.SETTLEMENT):
        raise LedgerError("kind", f"{kind!r} ends no option.")
    if physical != (deliverable is not None):
        raise LedgerError("deliverable", "Exercise and assignment deliver; expiry does not.")
    if kind != Kind.SETTLEMENT and option.price:
        raise LedgerError("option/price", "Give 0: only a cash settlement pays for the option.")
    moves = (option,) if deliverable is None else (option, deliverable)
    return _once(account_id, Fact(kind, moves, fee=fee), source, reason=reason)


def adjust(
    account_id: int,
    source: Source,
    *,
    reason: str,
    cash: Decimal = ZERO,
    moves: tuple[Move, ...] = (),
) -> Posted:
    """Book a difference that was found, with its reason: of cash, of quantities at a price."""
    if not reason.strip():
        raise LedgerError("reason", "Say why.")
    return _once(account_id, Fact(Kind.ADJUSTMENT, moves, cash), source, reason=reason)


@transaction.atomic
def reverse(account_id: int, entry_id: int, source: Source, *, reason: str) -> Posted:
    """Take an entry back by one that undoes it, and cost what was closed since then anew."""
    if not reason.strip():
        raise LedgerError("reason", "Say why.")
    account = lock(account_id)
    wrong = JournalEntry.objects.get(pk=entry_id, account=account)
    known = JournalEntry.objects.filter(reverses=wrong).first()
    if known is not None:
        return Posted(known, False)
    if wrong.kind in (Kind.REVERSAL, Kind.HOLD):
        raise LedgerError("entry", "Post the fact again instead; this kind is not taken back.")
    fact = Fact.of_json(wrong.kind, wrong.facts)
    symbols = {one.symbol for one in fact.moves}
    before = positions_of(account, fact)
    kept = [one for pk, one in history(account, symbols) if pk != wrong.pk]
    after = {
        symbol: book.replay(kept, symbol, held.multiplier, Method(account.method))
        for symbol, held in before.items()
    }
    return _write(account, book.undone(fact), before, after, source, reason=reason, wrong=wrong)


def history(account: Account, symbols: set[str]) -> list[tuple[int, Fact]]:
    """Return the facts that moved some instruments and stand, in the order of the journal."""
    rows = (
        JournalEntry.objects.filter(account=account, postings__unit__in=symbols)
        .filter(reverses=None, reversed_by=None)
        .distinct()
        .order_by("seq")
    )
    return [(row.pk, Fact.of_json(row.kind, row.facts)) for row in rows]


@transaction.atomic
def _once(account_id: int, fact: Fact, source: Source, *, reason: str = "") -> Posted:
    return post(lock(account_id), fact, source, reason=reason)


def post(
    account: Account, fact: Fact, source: Source, *, reason: str = "", audited: bool = False
) -> Posted:
    """Post a fact to an account that is locked, once; AlteredError when it was another before.

    With `audited` the caller writes the row of the audit chain, with the entry's number and facts.
    """
    known = JournalEntry.objects.filter(
        account=account, source=source.name, external_id=source.external_id
    ).first()
    if known is not None:
        if known.kind != fact.kind or known.facts != fact.as_json():
            raise AlteredError(
                "external_id", f"{source.external_id} is posted as entry {known.seq}, otherwise."
            )
        return Posted(known, False)
    book.check(fact)
    before = positions_of(account, fact)
    after = dict(before)
    for one in fact.moves:
        after[one.symbol] = book.move(after[one.symbol], one, Method(account.method))
    return _write(account, fact, before, after, source, reason=reason, audited=audited)


def positions_of(account: Account, fact: Fact) -> dict[str, Held]:
    """Return the positions that a fact touches, empty ones too."""
    wanted = {one.symbol: one.multiplier for one in fact.moves}
    if not wanted:
        return {}
    rows = Position.objects.filter(account=account, symbol__in=wanted)
    empty = {name: Held(name, many) for name, many in wanted.items()}
    return empty | {row.symbol: held_of(row) for row in rows}


def held_of(row: Position) -> Held:
    """Return a stored position for the rules."""
    lots = [(Decimal(quantity), Decimal(cost)) for quantity, cost in row.lots]
    return Held(row.symbol, row.multiplier, lots, row.realised)


def _write(
    account: Account,
    fact: Fact,
    before: Mapping[str, Held],
    after: Mapping[str, Held],
    source: Source,
    *,
    reason: str,
    wrong: JournalEntry | None = None,
    audited: bool = False,
) -> Posted:
    lines = book.postings(fact, before, after, account.currency)
    if len(lines) < 2:
        raise LedgerError("amount", "Give an amount other than 0.")
    account.seq += 1
    facts = fact.as_json()
    entry = JournalEntry.objects.create(
        account=account, seq=account.seq, source=source.name, external_id=source.external_id,
        kind=fact.kind if wrong is None else Kind.REVERSAL, at=source.at, reason=reason,
        facts=facts, reverses=wrong,
    )  # fmt: skip
    Posting.objects.bulk_create(
        Posting(entry=entry, account=account, side=line.side, unit=line.unit,
                instrument=line.instrument, amount=line.amount)
        for line in lines
    )  # fmt: skip
    _keep(account, after)
    account.save(update_fields=["seq"])
    if audited:
        return Posted(entry, True)
    audit.write(
        chain_of(account.pk), actor=source.name, action=f"ledger.{entry.kind}",
        subject=f"entry {account.pk}/{entry.seq}",
        detail={"external_id": source.external_id, "facts": facts, "reason": reason},
    )  # fmt: skip
    return Posted(entry, True)


def _keep(account: Account, after: Mapping[str, Held]) -> None:
    rows = [
        Position(
            account=account, symbol=one.symbol, multiplier=one.multiplier, quantity=one.quantity,
            cost=one.cost, realised=one.realised,
            lots=[[book.plain(quantity), book.plain(cost)] for quantity, cost in one.lots],
        )
        for one in after.values()
    ]  # fmt: skip
    if rows:
        Position.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["account", "symbol"],
            update_fields=["multiplier", "quantity", "cost", "realised", "lots"],
        )


def _above_zero(amount: Decimal) -> Decimal:
    book.fits("amount", amount)
    if amount <= 0:
        raise LedgerError("amount", "Give an amount above 0.")
    return amount
