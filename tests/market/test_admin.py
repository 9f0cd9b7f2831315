"""What operators can do with market data, and that each act leaves an audit row."""

import datetime as dt
import html
import re

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest
from django.test import Client, RequestFactory

from market import bars, models
from market.admin import EventAdmin, FeedRunAdmin, InstrumentAdmin
from market.models import Event, FeedRun, Instrument
from record.admin import ReadOnlyAdmin
from record.models import AuditEntry

pytestmark = pytest.mark.django_db
AT = dt.datetime(2024, 3, 20, 18, tzinfo=dt.UTC)


@pytest.fixture
def request_(rf: RequestFactory) -> HttpRequest:
    request = rf.post("/admin/")
    request.user = get_user_model().objects.create_superuser(
        email="operator@pulse.example", password="x"
    )
    request._messages = CookieStorage(request)
    return request


def audited() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("seq").values_list("action", "subject"))


def test_every_table_that_the_admin_can_show_is_there() -> None:
    shown = {model.__name__ for model in admin.site._registry}
    tables = {model.__name__ for model in vars(models).values() if isinstance(model, type)
              and issubclass(model, models.models.Model)}  # fmt: skip
    assert tables - shown == {"Bar"}  # has a composite key; instruments lead to their bars


def test_records_are_read_only(request_: HttpRequest) -> None:
    for model, site in admin.site._registry.items():
        if model.__module__ == "market.models" and model is not Event:
            assert isinstance(site, ReadOnlyAdmin)
            assert not site.has_add_permission(request_)
            assert not site.has_change_permission(request_)
            assert not site.has_delete_permission(request_)


def test_cancelling_an_event_keeps_it_and_is_audited(request_: HttpRequest) -> None:
    event = Event.objects.create(kind="fomc", name="FOMC", scheduled_at=AT, known_at=AT)
    site = EventAdmin(Event, admin.site)
    assert not site.has_delete_permission(request_)
    for _ in range(2):  # the second time there is nothing left to cancel
        site.cancel(request_, Event.objects.all())
    event.refresh_from_db()
    assert event.cancelled_at is not None
    assert audited() == [("market.event.cancel", f"event {event.pk}")]


def test_entered_event_is_marked_and_audited(request_: HttpRequest) -> None:
    site = EventAdmin(Event, admin.site)
    form_class = site.get_form(request_)
    form = form_class(
        {"kind": "cpi", "name": "CPI", "scheduled_at_0": "2024-04-10", "scheduled_at_1": "12:30",
         "known_at_0": "2023-09-01", "known_at_1": "12:00"}
    )  # fmt: skip
    assert form.is_valid(), form.errors
    site.save_model(request_, form.save(commit=False), form, change=False)
    event = Event.objects.get()
    assert event.source == Event.Source.ADMIN
    assert audited() == [("market.event.add", f"event {event.pk}")]


def test_stopping_runs_asks_each_once(request_: HttpRequest) -> None:
    spy = Instrument.objects.create(symbol="SPY", kind="equity")
    running, ended = (
        FeedRun.objects.create(
            symbol="SPY", underlying=spy, source="simulator", simulated=True, state=state
        )
        for state in ("running", "finished")
    )
    FeedRunAdmin(FeedRun, admin.site).stop(request_, FeedRun.objects.all())
    running.refresh_from_db()
    ended.refresh_from_db()
    assert (running.desired, ended.desired) == ("stopped", "running")
    assert audited() == [("market.feed.stop", f"run {running.pk}")]


def operator_client() -> Client:
    user = get_user_model().objects.create_superuser(email="o@pulse.example", password="x")
    client = Client()
    client.force_login(user)
    return client


def write_minutes(symbol: str, count: int) -> Instrument:
    row = Instrument.objects.create(symbol=symbol, kind="equity")
    times = [AT + dt.timedelta(minutes=minute) for minute in range(count)]
    bars.write_bars(
        bars.BarRow(row.pk, "trade", 60, at, at, None, None, None, 10.0 + place, None, "test")
        for place, at in enumerate(times)
    )
    return row


def test_an_instrument_leads_to_its_bars_page_by_page() -> None:
    row, client = write_minutes("SPY", 250), operator_client()
    shown = client.get(f"/admin/market/instrument/{row.pk}/change/").content.decode()
    address = f"/admin/market/instrument/{row.pk}/bars/?price=trade&amp;interval=60"
    assert address in shown
    first = client.get(address.replace("&amp;", "&")).content.decode()
    assert "259.0" in first
    assert first.count('<th scope="row">') == 200
    older = re.search(r'href="(\?[^"]*before=[^"]*)"', first)
    assert older is not None
    rest = client.get(f"/admin/market/instrument/{row.pk}/bars/" + html.unescape(older[1]))
    assert rest.content.decode().count('<th scope="row">') == 50
    assert "259.0" not in rest.content.decode()


def test_an_instrument_without_bars_says_so() -> None:
    row, client = Instrument.objects.create(symbol="SPY", kind="equity"), operator_client()
    assert InstrumentAdmin(Instrument, admin.site).bar_series(row) == "none"
    for query in ("", "?price=x&interval=7&before=never", "?before=2024-01-01"):
        answer = client.get(f"/admin/market/instrument/{row.pk}/bars/{query}")
        assert answer.status_code == 200
        assert "No such bars" in answer.content.decode()
    assert client.get("/admin/market/instrument/0/bars/").status_code == 404


def test_bars_are_for_operators(client) -> None:
    row = Instrument.objects.create(symbol="SPY", kind="equity")
    address = f"/admin/market/instrument/{row.pk}/bars/"
    assert client.get(address).status_code == 302
    client.force_login(get_user_model().objects.create_user("free@test.example"))
    assert client.get(address).status_code in (302, 403)
