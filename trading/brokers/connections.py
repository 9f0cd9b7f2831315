"""Connecting an account to its broker: keys are tried before they are kept, and never shown."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from record import audit
from record.secrets import SecretError
from trading.brokers import registry
from trading.brokers.catalogue import OFFERS
from trading.brokers.credentials import Credentials
from trading.brokers.models import BrokerConnection
from trading.brokers.protocol import Broker, BrokerError, RejectedError, VenueAccount
from trading.ledger import services as ledger
from trading.ledger.book import LedgerError
from trading.ledger.services import chain_of, lock
from trading.models import Account, Order
from trading.orders.machine import OPEN

_LONGEST = 200
_LONGEST_NAME = 60
_MOST_ACCOUNTS = 20
_END = 4
_LOOKED_AT = 3
"""Orders that were sent last, by which one account is told from another."""
State = BrokerConnection.State


class ConnectionRefusedError(LedgerError):
    """No connection: `field` names what to mend."""


class BrokerAwayError(LedgerError):
    """The broker gave no answer; nothing was kept. Try again."""


@transaction.atomic
def open_account(user: User, *, name: str, broker: str, mode: str) -> Account:
    """Open an account at a broker. It has no keys yet and trades nothing.

    Raises
    ------
    LedgerError
        Naming the field: no name or one that is used, no such broker or mode, too many accounts.
    """
    owner = User.objects.select_for_update().get(pk=user.pk)  # one at a time
    if not 0 < len(name) <= _LONGEST_NAME:
        raise LedgerError("name", f"Give a name of 1 to {_LONGEST_NAME} characters.")
    if broker not in OFFERS:
        raise LedgerError("broker", "Choose one of the brokers.")
    if mode not in Account.Mode.values:
        raise LedgerError("mode", "Choose practice or real money.")
    if Account.objects.filter(owner=owner, broker__in=OFFERS).count() >= _MOST_ACCOUNTS:
        raise LedgerError(
            "name", f"You have {_MOST_ACCOUNTS} accounts at brokers, which is the most."
        )
    return ledger.open_account(owner, name=name, mode=mode, broker=broker)


def save(account: Account, *, key: str, secret: str, actor: str) -> BrokerConnection:
    """Try a pair of keys at the broker and keep them for an account, in the place of others.

    Raises
    ------
    ConnectionRefusedError
        When the broker refuses them, the account has no broker that is connected by keys, or an
        open order of the broker's is not where they lead: no cancel would reach it. Also when they
        open another account than before, or one that is connected here already.
    BrokerAwayError
        When it cannot be tried now.
    """
    credentials = _credentials(account, _clean("key", key), _clean("secret", secret))
    told = _ask(account, credentials)  # outside of any transaction: it may take ten seconds
    _check_orders(account, credentials)
    venue_account = _digest(account, told.number)
    try:
        return _keep(account, credentials, venue_account, actor)
    except IntegrityError:
        raise ConnectionRefusedError(
            "key", "This account of the broker's is connected here already. Remove its keys there."
        ) from None


def check(account: Account) -> BrokerConnection:
    """Ask the broker again with the keys that are kept, and note what it says."""
    one = BrokerConnection.objects.select_related("account").get(account=account)
    state, why = State.WORKING, ""
    try:
        obstacles = _ask(account, credentials_of(account)).obstacles
        why = "; ".join(obstacles)
    except ConnectionRefusedError as error:
        state, why = State.REFUSED, str(error)
    except BrokerAwayError as error:
        state, why = State.AWAY, str(error)
    one.state, one.why, one.checked = state, why[:300], timezone.now()
    one.save(update_fields=["state", "why", "checked"])
    return one


@transaction.atomic
def remove(account: Account, *, actor: str) -> None:
    """Forget the keys of an account; refused while it has open orders."""
    account = lock(account.pk)
    if Order.objects.filter(account=account, state__in=sorted(OPEN)).exists():
        raise ConnectionRefusedError("account", "Cancel its open orders first.")
    removed, _ = BrokerConnection.objects.filter(account=account).delete()
    if removed:
        _note(account, "connection.remove", actor, {})


def credentials_of(account: Account) -> Credentials:
    """Return what opens an account at its broker; for those alone who send orders.

    Raises
    ------
    ConnectionRefusedError
        When it is not connected, or the keys do not belong to this very account.
    """
    one = BrokerConnection.objects.filter(account_id=account.pk).select_related("account").first()
    if one is None:
        raise ConnectionRefusedError("account", "It is not connected; give its keys.")
    try:
        kept = json.loads(one.secret)
    except SecretError:
        raise ConnectionRefusedError(
            "account", "Its keys belong to another account or mode; give them again."
        ) from None
    return _credentials(one.account, kept["key"], kept["secret"])


# --- for the registry ---------------------------------------------------------------------------
_lock = threading.Lock()
_brokers: dict[int, tuple[Any, Broker]] = {}


def broker_of(account: Account) -> Broker:
    """Return the broker of an account; the same while its keys are, so that its rate is one."""
    version = (
        BrokerConnection.objects.filter(account_id=account.pk)
        .values_list("pk", "version", "account__mode", "account__broker")
        .first()
    )
    with _lock:
        kept = _brokers.get(account.pk)
    if kept is not None and kept[0] == version:
        return kept[1]
    made = OFFERS[account.broker].make(credentials_of(account), account.pk)
    with _lock:
        before = _brokers.get(account.pk)
        if before is None or before[0] != version:
            _brokers[account.pk] = (version, made)
        return _brokers[account.pk][1]


def install() -> None:
    """Register every broker that is connected by keys."""
    for name in OFFERS:
        registry.register(name, broker_of)


# ------------------------------------------------------------------------------------------------
def _credentials(account: Account, key: str, secret: str) -> Credentials:
    offer = OFFERS.get(account.broker)
    if offer is None:
        raise ConnectionRefusedError("account", f"{account.broker} needs no keys.")
    return offer.credentials(key, secret, account.mode)


def _ask(account: Account, credentials: Credentials) -> VenueAccount:
    try:
        return OFFERS[account.broker].make(credentials, account.pk).account()
    except RejectedError as error:
        raise ConnectionRefusedError("secret", f"The broker says: {error}") from None
    except BrokerError as error:
        raise BrokerAwayError("secret", f"The broker gave no answer: {error}") from None


def _check_orders(account: Account, credentials: Credentials) -> None:
    """Refuse keys of another account than that in which the newest orders are.

    One that is in doubt says nothing of it: it may be nowhere.
    """
    sent = Order.objects.filter(account=account, state__in=sorted(OPEN), sent__gt=0)
    sent = sent.exclude(venue_order_id="")
    broker = OFFERS[account.broker].make(credentials, account.pk)
    for order in sent.order_by("-pk")[:_LOOKED_AT]:
        names = order.client_ids.order_by("-attempt").values_list("text", flat=True)
        try:
            there = broker.find(names[0]) is not None
        except BrokerError as error:
            raise BrokerAwayError("secret", f"The broker gave no answer: {error}") from None
        if not there:
            raise ConnectionRefusedError(
                "key", f"Order {order.pk} is not in the account of these keys. Cancel it first."
            )


def _digest(account: Account, number: str) -> str:
    told = f"{account.broker}|{account.mode}|{number}"
    return hashlib.sha256(told.encode()).hexdigest() if number else ""


@transaction.atomic
def _keep(
    account: Account, credentials: Credentials, venue_account: str, actor: str
) -> BrokerConnection:
    account = lock(account.pk)
    found = BrokerConnection.objects.select_for_update().filter(account=account).first()
    one = found or BrokerConnection(account=account, version=0)
    one.account = account
    if one.venue_account and venue_account and venue_account != one.venue_account:
        raise ConnectionRefusedError(
            "key", "These keys open another account of the broker's. Open an account here for it."
        )
    one.venue_account = venue_account or one.venue_account
    one.secret = json.dumps({"key": credentials.key, "secret": credentials.secret})
    one.shown = f"…{credentials.key[-_END:]}"
    one.state, one.why, one.checked = State.WORKING, "", timezone.now()
    one.version += 1
    one.save()
    _note(account, "connection.save", actor, {"version": one.version, "key": one.shown})
    return one


def _clean(name: str, text: str) -> str:
    """Return a key that can stand in a header."""
    found = text.strip()
    if not 0 < len(found) <= _LONGEST or not found.isascii() or not found.isprintable():
        raise ConnectionRefusedError(name, f"Give 1 to {_LONGEST} plain characters.")
    return found


def _note(account: Account, action: str, actor: str, detail: dict[str, Any]) -> None:
    audit.write(
        chain_of(account.pk), actor=actor, action=action, subject=f"account {account.pk}",
        detail={"broker": account.broker, "mode": account.mode, **detail},
    )  # fmt: skip
