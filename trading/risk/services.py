"""What changes limits, profiles and days. Lowering is anybody's; raising asks for more."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.plans import PRO_PLUS
from record import audit
from trading.actors import is_person
from trading.ledger.book import plain
from trading.ledger.services import chain_of, lock
from trading.models import Account, AccountDay, LimitSetting, RiskProfile
from trading.risk import limits, telling
from trading.risk.facts import Book, Facts
from trading.risk.gather import RISKS, market_day
from trading.risk.glance import DayRow, begin
from trading.risk.limits import LimitError
from trading.scopes import Scope

FRESH: Final = dt.timedelta(minutes=10)
"""How long ago a person may have proved who they are to ask for more."""
UNPROVED: Final = "Prove who you are first: this lets more pass than before."
"""What is said to who did not: pages lead to the second factor beside it."""
CHAIN: Final = "limits"


@transaction.atomic
def set_limit(
    account_id: int, name: str, value: Decimal, *, actor: str, proved_at: dt.datetime | None = None
) -> bool:
    """Set a limit of an account; return whether that changed anything.

    Parameters
    ----------
    proved_at : datetime, optional
        When the person last proved who they are, by a second factor: needed to raise a limit.

    Raises
    ------
    LimitError
        When there is no such limit, its plan does not allow so much, or raising is not proved.
    """
    account = lock(account_id)
    plan = "" if account.owner is None else account.owner.plan
    limits.check(name, value, plan)
    scope = Scope("account", str(account_id))
    row = LimitSetting.objects.filter(kind=scope.kind, target=scope.id, name=name).first()
    live = account.mode == Account.Mode.LIVE
    told = [] if row is None else [(scope, name, plain(row.value))]
    before = getattr(limits.effective(plan, live=live, settings=told, own=scope), name)
    if row is not None and row.value == value:
        return False
    if value > before:
        may_raise(name, actor, proved_at)
    _store(scope, name, value, actor)
    _note(chain_of(account_id), actor, scope, name, before, value)
    telling.told_limit(scope, name, f"From {plain(before)} to {plain(value)}, by {actor}.")
    return True


@transaction.atomic
def set_scope_limit(scope: Scope, name: str, value: Decimal, *, actor: str) -> bool:
    """Set a limit that an operator gives to everything in a scope: it only ever lowers.

    Raises
    ------
    LimitError
        When there is no such limit, or a machine would raise it.
    """
    check_scope_limit(scope, name, value)
    row = LimitSetting.objects.select_for_update().filter(
        kind=scope.kind, target=scope.id, name=name
    ).first()  # fmt: skip
    if row is not None and row.value == value:
        return False
    if row is not None and value > row.value and not is_person(actor):
        raise LimitError("actor", "Only a person lets more pass than before.")
    _store(scope, name, value, actor)
    _note(CHAIN, actor, scope, name, None if row is None else row.value, value)
    telling.told_limit(scope, name, f"To at most {plain(value)}, by {actor}.")
    return True


def check_scope_limit(scope: Scope, name: str, value: Decimal) -> None:
    """Raise LimitError unless a scope may have such a limit."""
    if scope.kind == "account":
        raise LimitError("scope", "An account's limits are its owner's to set.")
    if (scope.kind == "global") != (scope.id == ""):
        raise LimitError("scope", "Give the id of what it is for; only the global scope has none.")
    limits.check(name, value, PRO_PLUS)


@transaction.atomic
def lift_scope_limit(scope: Scope, name: str, *, actor: str) -> bool:
    """Take a limit off a scope again, which only a person does; return whether there was one."""
    row = LimitSetting.objects.select_for_update().filter(
        kind=scope.kind, target=scope.id, name=name
    ).first()  # fmt: skip
    if row is None:
        return False
    if scope.kind == "account" or not is_person(actor):
        raise LimitError("actor", "Only a person lets more pass than before.")
    row.delete()
    _note(CHAIN, actor, scope, name, row.value, None)
    telling.told_limit(scope, name, f"No longer at most {plain(row.value)}, by {actor}.")
    return True


@transaction.atomic
def allow_market_orders(
    account_id: int, *, allowed: bool, actor: str, proved_at: dt.datetime | None = None
) -> None:
    """Let an account send orders without a limit, at the collar, or stop that."""
    lock(account_id)
    if allowed:
        may_raise("market_orders", actor, proved_at)
    RiskProfile.objects.update_or_create(account_id=account_id, defaults={"market_orders": allowed})
    audit.write(
        chain_of(account_id), actor=actor, action="risk.market_orders",
        subject=f"account {account_id}", detail={"allowed": allowed},
    )  # fmt: skip


@transaction.atomic
def accept_risks(
    account_id: int, version: str, *, actor: str, proved_at: dt.datetime | None = None
) -> None:
    """Note that the owner accepts the risks of live trading in the words of a version.

    Raises
    ------
    LimitError
        When these are not the words of now, or the person has not just proved who they are.
    """
    lock(account_id)
    if version != RISKS:
        raise LimitError("version", f"Show the words of version {RISKS}; these are older.")
    may_raise("risks", actor, proved_at)
    RiskProfile.objects.update_or_create(
        account_id=account_id, defaults={"accepted": version, "accepted_at": timezone.now()}
    )
    audit.write(
        chain_of(account_id), actor=actor, action="risk.accepted",
        subject=f"account {account_id}", detail={"version": version},
    )  # fmt: skip


@transaction.atomic
def withdraw_consent(account_id: int, *, actor: str) -> None:
    """Take the owner's word on live trading back: nothing more is sent."""
    lock(account_id)
    RiskProfile.objects.update_or_create(
        account_id=account_id, defaults={"accepted": "", "accepted_at": None}
    )
    audit.write(
        chain_of(account_id), actor=actor, action="risk.withdrawn",
        subject=f"account {account_id}", detail={},
    )  # fmt: skip


def keep_day(account: Account, facts: Facts | Book) -> None:
    """Keep how the account's day goes, under the account's lock; of none nothing is kept."""
    if facts.day is None or facts.equity is None or facts.deposits is None:
        return
    day = market_day(list(facts.grounds.values()), facts.at)
    keep(account, day, facts.equity, facts.equity - facts.deposits, facts.at)


def keep(account: Account, day: dt.date, equity: Decimal, profit: Decimal, at: dt.datetime) -> None:
    """Keep an account's equity and profit on a day of its market, under the account's lock."""
    known = AccountDay.objects.filter(account=account, day=day)
    highest = Greatest(
        "highest_profit", Value(profit, output_field=AccountDay._meta.get_field("profit"))
    )
    if known.update(profit=profit, highest_profit=highest, seen_at=at):
        return
    last = AccountDay.objects.filter(account=account).last()
    before = None if last is None else DayRow(
        last.day, last.first_equity, last.first_profit, last.highest_profit, last.profit
    )  # fmt: skip
    first_equity, first_profit = begin(before, equity, profit)
    AccountDay.objects.create(
        account=account, day=day, first_equity=first_equity, first_profit=first_profit,
        highest_profit=profit if last is None else max(last.highest_profit, profit),
        profit=profit, seen_at=at,
    )  # fmt: skip


def may_raise(field: str, actor: str, proved_at: dt.datetime | None) -> None:
    """Raise LimitError unless a person asks who proved in the last minutes who they are."""
    if not is_person(actor):
        raise LimitError(field, "Only a person lets more pass than before.")
    if proved_at is None or not dt.timedelta() <= timezone.now() - proved_at <= FRESH:
        raise LimitError(field, UNPROVED)


def _store(scope: Scope, name: str, value: Decimal, actor: str) -> None:
    LimitSetting.objects.update_or_create(
        kind=scope.kind, target=scope.id, name=name,
        defaults={"value": value, "actor": actor[:80], "since": timezone.now()},
    )  # fmt: skip


def _note(
    chain: str, actor: str, scope: Scope, name: str, before: Decimal | None, value: Decimal | None
) -> None:
    audit.write(
        chain, actor=actor, action="limit.lift" if value is None else "limit.set",
        subject=str(scope),
        detail={"limit": name, "before": None if before is None else plain(before),
                "value": None if value is None else plain(value)},
    )  # fmt: skip
