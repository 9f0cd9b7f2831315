"""Keys are tried before they are kept, open for their own account alone, and show up nowhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core import serializers
from django.db import connection

from accounts.models import User
from market.clock import SECOND, to_ns
from market.services import ensure_instrument
from market.store import write_snapshots
from market.vendors.book import Book, Quoted
from record import rotation, secrets
from record.secrets import SecretError
from sandbox.alpaca.server import Alpaca as AlpacaServer
from sandbox.tradier.server import Tradier as TradierServer
from tests.trading.brokers.desk import want
from tests.trading.conftest import buy, by, says
from trading.brokers import connections, registry
from trading.brokers.connections import BrokerAwayError, ConnectionRefusedError
from trading.brokers.models import BrokerConnection
from trading.brokers.protocol import BrokerError, Request
from trading.execution import quotes
from trading.ledger import services
from trading.models import Account, Order
from trading.orders import services as orders
from trading.orders.machine import News
from trading.orders.venue import apply

SECRET = "canary-5f2e1c7a9b-secret"
KEY = "PKCANARY00000000WXYZ"


class Canary(AlpacaServer):
    key = KEY
    secret = SECRET


@pytest.fixture
def venue(settings) -> Iterator[Canary]:
    made = Canary(rate=0)
    settings.ALPACA_PAPER_BASE = settings.ALPACA_LIVE_BASE = made.address
    yield made
    made.close()


@pytest.fixture
def account(ana) -> Account:
    return services.open_account(ana, name="at alpaca", broker="alpaca")


def saved(account: Account, **more) -> BrokerConnection:
    given = {"key": KEY, "secret": SECRET} | more
    return connections.save(account, actor=f"user {account.owner_id}", **given)


def test_keys_that_work_are_kept_and_open_the_account(venue, account):
    one = saved(account)
    assert (one.state, one.shown, one.version) == ("working", "…WXYZ", 1)
    broker = registry.of(account)
    assert broker.account().cash == Decimal(100_000)
    assert registry.of(account) is broker


def test_keys_that_do_not_work_are_not_kept(venue, account):
    with pytest.raises(ConnectionRefusedError) as caught:
        saved(account, secret="wrong")
    assert caught.value.field == "secret"
    assert not BrokerConnection.objects.exists()
    with pytest.raises(ConnectionRefusedError):
        registry.of(account)


def test_keys_that_cannot_be_tried_are_not_kept(venue, account):
    venue.close()
    with pytest.raises(BrokerAwayError):
        saved(account)
    assert not BrokerConnection.objects.exists()


@pytest.mark.parametrize("given", ["", " ", "x" * 201, "two\nlines", "schlüssel", "a\0b"])
def test_what_is_no_key_is_refused_untried(venue, account, given):
    with pytest.raises(ConnectionRefusedError) as caught:
        saved(account, key=given)
    assert caught.value.field == "key"
    assert venue.received == []


def test_a_token_of_tradier_is_tried_too(ana, settings):
    venue = TradierServer(rate=0)
    settings.TRADIER_PAPER_BASE = venue.address
    try:
        account = services.open_account(ana, name="at tradier", broker="tradier")
        saved(account, key=venue.key, secret=venue.secret)
        assert registry.of(account).account().options_level == 3
        with pytest.raises(ConnectionRefusedError):
            saved(account, key=venue.key, secret="wrong")
    finally:
        venue.close()


def test_a_simulated_account_has_no_keys(venue, ana):
    with pytest.raises(ConnectionRefusedError):
        saved(services.open_account(ana, name="simulated"))


def test_keys_of_an_account_without_the_open_orders_are_refused(venue, account, open_gate):
    """No cancel and no kill switch would reach them any more."""
    saved(account)
    services.deposit(account.pk, Decimal(1_000), by("first"))
    wanted = buy("one", "1", "100")
    order = orders.place(account.pk, wanted, actor="user 1").order
    saved(account)
    name = orders.begin_send(account.pk, order.pk)
    apply(account.pk, says(News.ACCEPTED, "there", name, venue_order_id="elsewhere"))
    with pytest.raises(ConnectionRefusedError, match=f"Order {order.pk} is not in the account"):
        saved(account)
    registry.of(account).submit(Request(name, wanted, (False,)))
    assert saved(account).version == 3


def test_new_keys_take_the_place_of_the_old(venue, account):
    saved(account)
    before = registry.of(account)
    venue.secret = SECRET + "2"
    assert saved(account, secret=SECRET + "2").version == 2
    assert registry.of(account) is not before
    assert registry.of(account).account()


def test_keys_of_another_account_are_not_of_these_books(venue, account):
    saved(account)
    venue.venue.account.number = "PA0000000099"
    with pytest.raises(ConnectionRefusedError, match="open another account"):
        saved(account)
    assert BrokerConnection.objects.get().version == 1


def test_an_account_of_the_brokers_is_connected_once(venue, account):
    """Two that act on it would each take the other's orders for a stranger's."""
    saved(account)
    other = services.open_account(
        User.objects.create_user("b@example.com"), name="the same", broker="alpaca"
    )
    with pytest.raises(ConnectionRefusedError, match="connected here already"):
        saved(other)
    assert BrokerConnection.objects.get().account == account
    connections.remove(account, actor="user 1")
    assert saved(other).version == 1


def test_a_look_notes_what_the_broker_says(venue, account):
    saved(account)
    venue.venue.account.blocked = True
    assert connections.check(account).why == "trading blocked"
    venue.secret = "changed"
    assert connections.check(account).state == "refused"
    venue.close()
    assert connections.check(account).state == "away"


def test_keys_open_for_their_own_account_alone(venue, account, ana):
    saved(account)
    other = services.open_account(ana, name="other", broker="alpaca")
    BrokerConnection.objects.filter(account=account).update(account=other)
    with pytest.raises(ConnectionRefusedError) as caught:
        connections.credentials_of(other)
    assert "another account" in str(caught.value)


def test_keys_of_a_practice_account_do_not_open_a_live_one(venue, account):
    saved(account)
    Account.objects.filter(pk=account.pk).update(mode="live")
    with pytest.raises(ConnectionRefusedError):
        registry.of(Account.objects.get(pk=account.pk))
    with pytest.raises(SecretError):
        _ = BrokerConnection.objects.get().secret


def test_keys_are_forgotten_once_nothing_is_open(venue, account):
    saved(account)
    order = Order.objects.create(
        account=account, intent_id="open", intent={}, origin="user", kind="limit",
        time_in_force="day", quantity=1, state="working", sent=1, working=True,
    )  # fmt: skip
    with pytest.raises(ConnectionRefusedError):
        connections.remove(account, actor="user 1")
    Order.objects.filter(pk=order.pk).update(state="canceled")
    connections.remove(account, actor="user 1")
    assert not BrokerConnection.objects.exists()


def test_a_new_key_of_the_house_takes_them_along(venue, account, settings):
    saved(account)
    token = "SELECT secret FROM trading_brokerconnection"
    before = rows(token)
    settings.KEYRING = (
        "new:" + "bmV3LWtleS1vZi10aGUtaG91c2UtMzItYnl0ZXMtbG9uZw==," + settings.KEYRING
    )
    assert rotation.rotate_all()["trading.brokerconnection.secret"] == 1
    after = rows(token)
    assert before != after
    assert secrets.key_id(after[0][0]) == "new"
    assert connections.credentials_of(account).secret == SECRET


def rows(query: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def everything_stored() -> str:
    """Return all rows of all tables as text, as a dump of the database holds them."""
    tables = [name for (name,) in rows("SELECT tablename FROM pg_tables WHERE schemaname='public'")]
    return "\n".join(str(rows(f'SELECT t::text FROM "{name}" t')) for name in tables)


def test_the_secret_is_in_no_log_no_table_and_no_answer(
    venue, account, ana: User, client, caplog, capfd
):
    caplog.set_level("DEBUG")
    saved(account)
    one = connections.check(account)
    broker = registry.of(account)
    broker.stream().close()
    venue.script.add(".", "500", times=1)
    said: list[object] = [one, vars(one), connections.credentials_of(account), vars(broker)]
    try:
        broker.submit(Request("canary", want("canary"), (False,)))
    except BrokerError as error:
        said.append(error)
    said.append(serializers.serialize("json", BrokerConnection.objects.all()))
    client.force_login(ana)
    for path in ("/api/v1/accounts", "/api/schema/", "/status/"):
        said.append(client.get(path).content)
    out = capfd.readouterr()
    heard = "\n".join([repr(one) for one in said] + [caplog.text, out.out, out.err])
    assert SECRET in repr(one.secret)  # it is there for who may read it
    assert SECRET not in heard
    assert SECRET not in everything_stored()
    assert KEY not in everything_stored()


@pytest.mark.parametrize("old_s", [0, 4])
def test_a_practice_account_sees_the_real_market(account, old_s):
    """Not the simulator's: what was recorded of the symbol, and how old it was then already."""
    ensure_instrument("SPY", kind="equity")
    now = dt.datetime.now(dt.UTC)
    book = Book("SPY", "alpaca")
    book.hear("SPY", Quoted(499.9, 500.1, 1, 1, to_ns(now) - old_s * SECOND), to_ns(now))
    data = book.snapshot(to_ns(now))
    assert data is not None
    write_snapshots([data])
    seen = quotes.quote(account, "SPY")
    assert seen is not None
    assert (seen.bid, seen.ask) == (Decimal("499.9"), Decimal("500.1"))
    assert old_s <= seen.age_s < old_s + 4
