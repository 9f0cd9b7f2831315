"""Operators' pages of trading: all is seen; dividends to come and limits of scopes are edited."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from market.models import Instrument
from record.admin import ReadOnlyAdmin
from record.models import AuditEntry
from tests.trading.conftest import buy, filled
from trading.execution import heartbeats
from trading.execution import services as standing
from trading.execution.states import Standing
from trading.models import BrokerConnection, LimitSetting, PaperAccount, ShareDividend
from trading.orders import services as orders
from trading.orders.venue import apply
from trading.risk import services as limits
from trading.scopes import Scope
from trading.switches import services as switches

pytestmark = pytest.mark.django_db
MODELS = sorted(apps.get_app_config("trading").get_models(), key=lambda one: one.__name__)
EDITED = {LimitSetting, ShareDividend}
READ = [one for one in MODELS if one not in EDITED]
CANARY = "canary-that-opens-an-account"
ADD = "/admin/trading/sharedividend/add/"
SESSION = "2027-03-10"


def client_of(user) -> Client:
    made = Client()
    made.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return made


@pytest.fixture
def operator(db):
    return get_user_model().objects.create_superuser(email="op@pulse.example", password="x")


@pytest.fixture
def browser(operator) -> Client:
    return client_of(operator)


@pytest.fixture
def story(open_account, open_gate):
    """Return a function that makes rows of most kinds, once for each name."""

    def tell(name: str) -> None:
        account = open_account(name)
        order = orders.place(account.pk, buy("one"), actor="user 1").order
        apply(account.pk, filled("first", orders.begin_send(account.pk, order.pk), "4"))
        standing.step(account.pk, Standing.ARMED, actor="user 1", reason="test")
        switches.turn(Scope("account", str(account.pk)), "halted", actor="user 1", reason="test")
        scope = Scope("bot", str(account.pk))
        limits.set_scope_limit(scope, "contracts", Decimal(1), actor="operator eve")
        heartbeats.beat(scope, 60)
        BrokerConnection.objects.create(
            account=account, secret=CANARY, shown="1234", checked=timezone.now()
        )

    return tell


def page_of(model, what: str, *args) -> str:
    return reverse(f"admin:trading_{model._meta.model_name}_{what}", args=args)


def test_every_table_has_a_page_and_only_dividends_and_limits_are_edited():
    sites = {one: site for one, site in admin.site._registry.items()
             if one._meta.app_label == "trading"}  # fmt: skip
    assert set(sites) == set(MODELS)
    assert {one for one, site in sites.items() if not isinstance(site, ReadOnlyAdmin)} == EDITED


def test_rows_are_seen_and_no_hand_changes_or_removes_them(browser, story):
    story("one")
    seen = set()
    for model in READ:
        listed = browser.get(page_of(model, "changelist"), {"q": "one"})
        assert listed.status_code == 200
        assert browser.get(page_of(model, "add")).status_code == 403
        pages = [listed]
        row = model.objects.first()
        if row is not None:
            seen.add(model.__name__)
            change, delete = page_of(model, "change", row.pk), page_of(model, "delete", row.pk)
            pages.append(browser.get(change))
            assert browser.post(change, {}).status_code == 403
            assert browser.post(delete, {"post": "yes"}).status_code == 403
            for action in ("delete_selected", "delete"):
                form = {"action": action, "_selected_action": [row.pk], "post": "yes"}
                pages.append(browser.post(page_of(model, "changelist"), form, follow=True))
            row.refresh_from_db()
        for page in pages:
            assert page.status_code == 200
            assert b'name="_save"' not in page.content
            assert CANARY.encode() not in page.content
    assert seen >= {
        "Account", "AccountState", "Balance", "BrokerConnection", "ClientOrderId", "Fill",
        "GateDecision", "Heartbeat", "JournalEntry", "Order", "OrderEvent",
        "OrderLeg", "Position", "Posting", "Switch", "SwitchChange",
    }  # fmt: skip


def test_the_secret_of_a_connection_is_no_field_of_its_page(browser, story):
    story("one")
    row = BrokerConnection.objects.get()
    assert row.secret == CANARY
    page = browser.get(page_of(BrokerConnection, "change", row.pk)).content
    assert b"1234" in page
    assert b"secret" not in page.lower().replace(b"csrf", b"")


def test_lists_ask_no_more_for_more_rows(browser, story):
    story("one")

    def asked() -> dict[str, int]:
        found = {}
        for model in MODELS:
            with CaptureQueriesContext(
                connection,
            ) as told:
                assert browser.get(page_of(model, "changelist")).status_code == 200
            found[model.__name__] = len(told)
        return found

    asked()  # what is remembered is
    before = asked()
    for name in ("two", "three"):
        story(name)
    assert asked() == before


def test_who_may_only_look_at_orders_sees_no_connections(story):
    story("one")
    viewer = get_user_model().objects.create_user(email="viewer@pulse.example", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_order"))
    looking = client_of(viewer)
    assert looking.get("/admin/trading/order/").status_code == 200
    assert looking.get("/admin/trading/brokerconnection/").status_code == 403
    assert looking.get(ADD).status_code == 403


# --- limits of scopes ---------------------------------------------------------------------------
LIMIT = "/admin/trading/limitsetting/add/"
WANTED = {"kind": "symbol", "target": " spy", "name": "contracts", "value": "3"}


def test_an_operator_limits_a_symbol_changes_that_and_lifts_it(browser, operator):
    assert browser.post(LIMIT, WANTED).status_code == 302
    row = LimitSetting.objects.get()
    assert (row.scope, row.value) == (Scope("symbol", "SPY"), 3)
    assert row.actor == f"operator {operator.pk}"
    here = page_of(LimitSetting, "change", row.pk)
    assert browser.post(here, {"value": "5", "kind": "global", "name": "held"}).status_code == 302
    row.refresh_from_db()
    assert (row.scope, row.name, row.value) == (Scope("symbol", "SPY"), "contracts", 5)
    gone = browser.post(page_of(LimitSetting, "delete", row.pk), {"post": "yes"})
    assert gone.status_code == 302
    assert not LimitSetting.objects.exists()
    chain = AuditEntry.objects.filter(chain="limits").order_by("seq")
    assert list(chain.values_list("action", flat=True)) == ["limit.set", "limit.set", "limit.lift"]


@pytest.mark.parametrize(
    ("more", "said"),
    [({"target": ""}, "Give the id"), ({"kind": "global"}, "Give the id"),
     ({"kind": "account", "target": "1"}, "not one of the available choices"),
     ({"value": "1000000"}, "Give at most"), ({"value": "-1"}, "0 or more"),
     ({"value": "1.5"}, "a whole number"), ({"name": "luck"}, "not one of the available")],
)  # fmt: skip
def test_a_limit_that_cannot_be_is_refused_at_its_field(browser, more, said):
    page = browser.post(LIMIT, WANTED | more)
    assert page.status_code == 200
    assert said in page.content.decode()
    assert not LimitSetting.objects.exists()


def test_a_change_to_a_limit_that_cannot_be_is_refused(browser):
    browser.post(LIMIT, WANTED)
    row = LimitSetting.objects.get()
    page = browser.post(page_of(LimitSetting, "change", row.pk), {"value": "1000000"})
    assert "Give at most" in page.content.decode()
    row.refresh_from_db()
    assert row.value == 3


def test_limits_of_accounts_are_their_owners(browser, open_account):
    account = open_account()
    limits.set_limit(account.pk, "contracts", Decimal(1), actor="user 1")
    row = LimitSetting.objects.get()
    assert browser.post(page_of(LimitSetting, "change", row.pk), {"value": "2"}).status_code == 403
    gone = browser.post(page_of(LimitSetting, "delete", row.pk), {"post": "yes"})
    assert gone.status_code == 403
    assert LimitSetting.objects.exists()


# --- dividends ----------------------------------------------------------------------------------
@pytest.fixture
def share(db) -> Instrument:
    return Instrument.objects.create(symbol="SIM", kind="equity")


def entered(browser: Client, path: str = ADD, **more: str):
    return browser.post(path, {"symbol": "sim ", "ex_date": SESSION, "amount": "1.25"} | more)


def history() -> list[tuple[str, str]]:
    rows = AuditEntry.objects.filter(chain="operators").order_by("seq")
    return list(rows.values_list("action", "subject"))


def test_a_dividend_is_entered_changed_and_removed_with_its_history(browser, operator, share):
    assert entered(browser).status_code == 302
    row = ShareDividend.objects.get()
    assert (row.symbol, row.ex_date, row.amount) == ("SIM", dt.date(2027, 3, 10), Decimal("1.25"))
    assert entered(browser, page_of(ShareDividend, "change", row.pk), amount="2").status_code == 302
    entry = AuditEntry.objects.filter(chain="operators").order_by("seq").last()
    detail = json.loads(entry.detail)
    assert (entry.actor, detail["amount"]) == (f"user:{operator.pk}", "2")
    assert Decimal(detail["before"]["amount"]) == Decimal("1.25")
    told = browser.get(page_of(ShareDividend, "history", row.pk)).content.decode()
    assert "Changed" in told
    assert "Added" in told
    assert "2" in browser.get(page_of(ShareDividend, "changelist")).content.decode()
    gone = browser.post(page_of(ShareDividend, "delete", row.pk), {"post": "yes"})
    assert gone.status_code == 302
    assert not ShareDividend.objects.exists()
    subject = f"dividend SIM {SESSION}"
    assert history() == [
        (f"trading.dividend.{act}", subject) for act in ("add", "change", "delete")
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [({"symbol": "NONE"}, "No such share is stored"), ({"ex_date": "2027-03-13"}, "is closed"),
     ({"ex_date": "1827-03-13"}, "is outside the calendar"),
     ({"amount": "0"}, "Give more than 0"), ({"amount": "-1"}, "Give more than 0"),
     ({"amount": "NaN"}, "Enter a number"),
     ({"symbol": "SIM\x00"}, "Null characters")],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_field(browser, share, more, said):
    answer = entered(browser, **more)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not ShareDividend.objects.exists()
    assert history() == []


def test_two_of_one_day_are_refused(browser, share):
    entered(browser)
    assert "already exists" in entered(browser, amount="3").content.decode()
    assert ShareDividend.objects.get().amount == Decimal("1.25")


@pytest.mark.parametrize(("night", "booked"), [("2027-03-08", False), ("2027-03-09", True)])
def test_what_a_night_has_booked_stays(browser, share, open_account, night, booked):
    """Paid, or early assigned by: the books would say otherwise."""
    entered(browser)
    PaperAccount.objects.create(
        account=open_account(), market="simulator", symbol="SIM", world={"seed": 1}, night=night,
        through=timezone.now(),
    )  # fmt: skip
    row = ShareDividend.objects.get()
    change = page_of(ShareDividend, "change", row.pk)
    assert entered(browser, change, amount="9").status_code == (403 if booked else 302)
    gone = browser.post(page_of(ShareDividend, "delete", row.pk), {"post": "yes"})
    assert (gone.status_code, ShareDividend.objects.count()) == ((403, 1) if booked else (302, 0))
    answer = entered(browser, ex_date="2027-03-09")
    assert "has that night behind it" in answer.content.decode()


def test_several_are_not_removed_at_once(browser, share):
    entered(browser)
    form = {"action": "delete_selected", "post": "yes",
            "_selected_action": [ShareDividend.objects.get().pk]}  # fmt: skip
    browser.post(page_of(ShareDividend, "changelist"), form)
    assert ShareDividend.objects.count() == 1
