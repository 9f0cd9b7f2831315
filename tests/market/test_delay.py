"""Every route of the market for each plan: nothing newer than its delay or older than its history.

The symbol has a simulated day that plays, of which the last minutes are marked by a price that
occurs nowhere else, and recorded days 40 and 400 days before it.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from market import computed, framestore, selectors, store, tasks
from market.bars import BarRow, write_bars
from market.clock import from_ns, to_ns
from market.frames import Kind
from market.framestore import Observed
from market.models import FeedRun, Instrument
from market.reach import Reach
from record import state
from record.access import NotEntitledError
from record.live import topics
from tests.accounts.test_declared import ROUTES
from tests.market.feed.recorded import DAY, recorded

pytestmark = pytest.mark.django_db(transaction=True)
MINUTES, SECRET = 40, 777.77
NEWEST = dt.datetime(2024, 3, 15, 14, 10, tzinfo=dt.UTC)
LATEST = NEWEST - dt.timedelta(minutes=15)
DAYS = {40: dt.date(2024, 2, 5), 400: dt.date(2023, 2, 9)}
PEOPLE = {"free": "free", "pro": "pro", "plus": "pro_plus", "staff": "free"}
OCC = "TEST240412C00100000"
API = [f"/api/v1/market/TEST/{part}" for part in
       ("snapshot", "chain", "exposure", "surface", "vendor", f"contract/{OCC}",
        "bars?interval=60", "bars?interval=86400")]  # fmt: skip
PAGES = ["/exposure/TEST/", "/chain/TEST/", f"/chain/TEST/{OCC}/", "/surface/TEST/",
         "/quality/TEST/"]  # fmt: skip
OTHERS = ["/dashboard/", "/feed/", "/tools/gamma-wall-pin-collapse/", "/account/"]


@pytest.fixture
def run() -> FeedRun:
    """A simulated day that plays at `NEWEST`, told to the channels as a feed tells it."""
    cache.clear()
    framestore.forget_schemas()
    store.forget_layouts()
    symbol = Instrument.objects.create(symbol="TEST", kind="equity", name="Test", simulated=True)
    for day in DAYS.values():
        store.write_snapshots(recorded(3, day=day))
    made = FeedRun.objects.create(
        symbol="TEST", underlying=symbol, source="simulator", simulated=True, state="running",
        speed=60.0, rows=MINUTES, session_date=DAY, position=NEWEST, heartbeat_at=timezone.now(),
    )  # fmt: skip
    for data in recorded(MINUTES):
        if from_ns(data.time) > LATEST:
            data = replace(data, bid=SECRET, ask=SECRET, last=SECRET)  # noqa: PLW2901
        row = store.write_snapshot(data, run=made)
        values = dict.fromkeys(("open", "high", "low", "close"), data.spot)
        levels = dict.fromkeys(("gamma", "zero_gamma", "call_wall", "put_wall"), data.spot)
        seen = Observed(Kind.INTRADAY, DAY, data.time, {**values, "volume": 1.0, **levels}, {})
        framestore.write_rows(made, [seen], snapshot=row.pk)
    head = {"symbol": "TEST", "run": made.pk, "simulated": True, "source": "simulator"}
    told = {"time": "2024-03-15T14:10:00.000Z", "last": SECRET, "delayed_s": 0, **head,
            "prev_close": 100.0, "session": {"date": DAY.isoformat()}}  # fmt: skip
    state.publish_state("quote:TEST", "TEST", told)
    state.publish_state("exposure:TEST", "TEST", {**told, "spot": SECRET, "status": "none"})
    return made


@pytest.fixture
def clients() -> dict[str, Client]:
    found = {}
    for name, plan in PEOPLE.items():
        user = User.objects.create_user(f"{name}@test.example", plan=plan, is_staff=name == "staff")
        found[name] = Client()
        found[name].force_login(user)
    return found


def user(name: str) -> User:
    return User.objects.get(email=f"{name}@test.example")


def text(at: dt.datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def instants_of(answer: Any) -> list[dt.datetime]:
    """Return every instant at which something of the market was known that an answer holds."""
    body = answer.content.decode()
    if answer["Content-Type"].startswith("application/json"):
        found: list[str] = []
        times(json.loads(body), found)
        return [dt.datetime.fromisoformat(one) for one in found]
    page = html.unescape(body)
    page = re.sub(r"<dt>Settles.*?</div>", "", page)  # a contract's end is no market data
    found = re.findall(r'<time datetime="([^"]+)"', page)
    found += [one for part in re.findall(r'data-times="([^"]+)"', page) for one in part.split()]
    found += [one.replace("%3A", ":") for one in re.findall(r"[?&]at=([^&\"']+)", page)]
    parsed = [dt.datetime.fromisoformat(one) for one in found]
    parsed += [dt.datetime.fromtimestamp(int(s), dt.UTC)
               for s in re.findall(r'"time": (\d{10})\b', page)]  # fmt: skip
    # Signatures of our own clock, such as a key's last use, are no market data.
    return [one for one in parsed if one.year < 2026]


def times(body: Any, found: list[str]) -> None:
    if isinstance(body, dict):
        for name, value in body.items():
            if name == "time":
                found.extend(value if isinstance(value, list) else [value])
            else:
                times(value, found)
    elif isinstance(body, list):
        for value in body:
            times(value, found)


def test_the_walk_knows_every_route_of_the_market():
    known = {match.route for pattern, match in ROUTES
             if getattr(pattern.callback, "__module__", "").startswith("market.")
             and not match.route.startswith("admin/")}  # fmt: skip
    walked = {re.sub(r"\?.*", "", path).replace("TEST", "<symbol:symbol>").replace(OCC, "<str:occ>")
              .lstrip("/") for path in (*API, *PAGES)}  # fmt: skip
    apart = {"api/v1/market/", "api/v1/greeks", "feed/", "feed/start",
             "feed/<int:run_id>/<slug:command>"}  # fmt: skip
    homes = {f"{name}/" for name in ("exposure", "chain", "surface", "quality")}
    assert {one.replace("<symbol:symbol>240412C00100000", "<str:occ>") for one in walked} == (
        known - apart - homes
    )


@pytest.mark.parametrize("at", [None, NEWEST, NEWEST + dt.timedelta(days=900)])
def test_a_free_answer_holds_nothing_newer_than_the_delay(run, clients, live_worker, at):
    for path in (*API, *PAGES, *OTHERS):
        mark = "&" if "?" in path else "?"
        plain = at is None or path in OTHERS  # these take no instant
        asked = path if plain else f"{path}{mark}at={text(at)}"
        for headers in ({}, {"hx-request": "true"}) if at is None else ({},):
            answer = clients["free"].get(asked, headers=headers, follow=True)
            vendor = "vendor" in path  # the recorded day has no vendor's figures
            assert answer.status_code == (404 if vendor else 200), (asked, answer.content[:300])
            found = instants_of(answer)
            if not vendor and "86400" not in path and path not in OTHERS[2:]:
                assert found, f"the walk looks at something of {asked}"
            assert [one for one in found if one > LATEST] == [], asked
            assert "777.7" not in answer.content.decode(), asked


@pytest.mark.parametrize("who", ["pro", "plus", "staff"])
def test_larger_plans_and_operators_see_the_newest(run, clients, live_worker, who):
    client = clients[who]
    quote = client.get("/api/v1/market/TEST/snapshot").json()
    assert (quote["time"], quote["last"], quote["delayed_s"]) == (
        "2024-03-15T14:10:00.000Z", SECRET, 0,
    )  # fmt: skip
    chain = client.get("/api/v1/market/TEST/chain").json()
    assert (chain["time"], chain["delayed_s"]) == ("2024-03-15T14:10:00.000Z", 0)
    assert client.get("/api/v1/market/TEST/exposure").json()["spot"] == SECRET
    bars = client.get("/api/v1/market/TEST/bars?interval=60").json()
    assert (bars["time"][-1], bars["delayed_s"]) == ("2024-03-15T14:10:00.000Z", 0)
    page = client.get("/dashboard/").content.decode()
    assert "777.77" in page
    assert "Delayed" not in page
    assert 'data-live="TEST"' in page


def test_the_newest_that_free_shows_is_the_minute_at_the_delay(run, clients, live_worker):
    client = clients["free"]
    for path in ("snapshot", "chain", "exposure", "surface", f"contract/{OCC}"):
        body = client.get(f"/api/v1/market/TEST/{path}").json()
        assert (body["time"], body["delayed_s"]) == ("2024-03-15T13:55:00.000Z", 900), path
        asked = client.get(f"/api/v1/market/TEST/{path}?at={text(NEWEST)}").json()
        assert (asked["time"], asked["delayed_s"]) == (body["time"], 900), path
        past = client.get(f"/api/v1/market/TEST/{path}?at=2024-03-15T13:40:30Z").json()
        assert (past["time"], past["delayed_s"]) == ("2024-03-15T13:40:00.000Z", 0), path
    bars = client.get("/api/v1/market/TEST/bars?interval=60").json()
    assert (bars["time"][-1], len(bars["time"]), bars["delayed_s"]) == (
        "2024-03-15T13:55:00.000Z", 25, 900,
    )  # fmt: skip
    assert client.get(f"/api/v1/market/TEST/bars?interval=60&end={text(LATEST)}").json()[
        "delayed_s"
    ] == 0  # fmt: skip


def test_a_delayed_quote_has_its_change_and_the_age_of_the_feed(run, clients):
    quote = selectors.quote_payload("TEST", Reach(900, 30))
    assert quote is not None
    assert quote["prev_close"] == 100.0
    assert quote["change"] == pytest.approx(quote["last"] - 100.0)
    assert (quote["stale"], quote["state"], quote["run"]) == (False, "running", run.pk)
    run.heartbeat_at = timezone.now() - dt.timedelta(minutes=2)
    run.save()
    late = selectors.quote_payload("TEST", Reach(900, 30))
    assert late is not None
    assert late["stale"] is True, "a feed that is silent is stale to everybody"


def test_a_free_page_says_the_delay_and_follows_no_channel(run, clients, live_worker):
    for path in ("/dashboard/", *PAGES):
        page = clients["free"].get(path).content.decode()
        assert "Delayed 15 min" in page, path
        assert 'href="/pricing/"' in page
        assert "data-live" not in page
        assert "data-quote" not in page
    again = clients["free"].get("/dashboard/", headers={"hx-request": "true"}).content.decode()
    for part in ("clock", "freshness", "dash-stats", "price-box", "price-table"):
        assert f'id="{part}"' in again
    assert "<html" not in again


def test_an_instant_that_is_held_back_is_said_on_the_page(run, clients, live_worker):
    page = (
        clients["free"]
        .get(f"/chain/TEST/?units=raw&at={text(NEWEST)}", follow=True)
        .content.decode()
    )
    assert "does not show that instant yet" in page
    assert 'id="refresh"' in page, "it shows the newest, so it goes on with it"


@pytest.mark.parametrize(
    ("who", "days", "opens"),
    [("free", 40, "pro"), ("free", 400, "pro_plus"), ("pro", 400, "pro_plus"), ("pro", 40, None),
     ("plus", 400, None), ("staff", 400, None)],
)  # fmt: skip
def test_the_past_is_as_long_as_the_plan(run, clients, live_worker, who, days, opens):
    at = f"{DAYS[days]}T14:32:00Z"
    later = f"{DAYS[days]}T15:00:00Z"
    for path in API:
        mark, name = ("&start=", later) if "bars" in path else ("?at=", at)
        answer = clients[who].get(f"{path}{mark}{name}")
        if opens is None:
            absent = {"vendor": 404, "contract": 400}  # that day had neither
            status = next((code for part, code in absent.items() if part in path), 200)
            assert answer.status_code == status, (path, answer.content)
            continue
        body = answer.json()
        assert (answer.status_code, body["code"], body["opens_with"]) == (
            403, "plan_required", opens,
        )  # fmt: skip
        assert "needs the Pro" in body["detail"]
        assert body["earliest"] < text(NEWEST)
    for path in PAGES:
        answer = clients[who].get(f"{path}?at={at}")
        if opens is None:
            assert answer.status_code == (404 if OCC in path else 200)
        else:
            assert answer.status_code == 403
            page = html.unescape(answer.content.decode())
            assert "Your plan does not reach back that far" in page
            assert 'href="/pricing/"' in page


def test_the_days_that_are_offered_are_those_that_may_be_seen(run, clients):
    def days(name: str) -> set[str]:
        page = clients[name].get("/feed/").content.decode()
        return {day.isoformat() for day in DAYS.values() if day.isoformat() in page}

    assert days("free") == set()
    assert days("pro") == {DAYS[40].isoformat()}
    assert days("plus") == {day.isoformat() for day in DAYS.values()}


def test_nobody_replays_a_day_beyond_the_plan(run, clients):
    run.state = "stopped"
    run.save()
    for who, days, started in (("pro", 400, False), ("pro", 40, True), ("free", 40, False)):
        FeedRun.objects.filter(source="replay").delete()
        answer = clients[who].post(
            reverse("market:feed_start"), {"day": f"TEST {DAYS[days]} test", "speed": "60"}
        )
        assert answer.status_code == (403 if who == "free" else 302)
        assert FeedRun.objects.filter(source="replay").exists() is started
    refused = clients["pro"].post(
        reverse("market:feed_start"), {"day": f"TEST {DAYS[400]} test", "speed": "60"}, follow=True
    )
    page = refused.content.decode()
    assert "needs the Pro+ plan" in page
    assert '<a href="/pricing/">See the plans</a>' in page


def replay_of(day: dt.date, state: str, minutes: int) -> FeedRun:
    made = FeedRun.objects.create(
        symbol="REC", underlying=Instrument.objects.get(symbol="REC"), source="replay",
        simulated=False, state=state, rows=minutes, session_date=day, speed=60.0,
    )  # fmt: skip
    for row in store.Snapshot.objects.filter(underlying__symbol="REC", time__date=day).order_by(
        "time"
    )[:minutes]:
        seen = Observed(Kind.INTRADAY, day, to_ns(row.time), {"close": row.last}, {})
        framestore.write_rows(made, [seen], snapshot=row.pk)
    return made


@pytest.fixture
def days() -> None:
    cache.clear()
    framestore.forget_schemas()
    store.forget_layouts()
    Instrument.objects.create(symbol="REC", kind="equity", name="Recorded")
    store.write_snapshots(recorded(30, "REC", DAYS[40]))
    store.write_snapshots(recorded(30, "REC"))


def test_a_replay_that_plays_has_its_own_clock_and_one_that_is_over_has_none(days):
    free = Reach(900, 30)
    replay = replay_of(DAY, "running", 20)
    quote = selectors.quote_payload("REC", free)
    assert quote is not None
    assert (quote["time"], quote["run"], quote["delayed_s"]) == (
        "2024-03-15T13:35:00.000Z", replay.pk, 900,
    )  # fmt: skip
    future = selectors.quote_payload("REC", free, dt.datetime(2024, 3, 15, 13, 45, tzinfo=dt.UTC))
    assert future is not None
    assert future["time"] == quote["time"]
    FeedRun.objects.update(state="finished")
    over = selectors.quote_payload("REC", free)
    assert over is not None
    assert (over["time"], over["delayed_s"]) == ("2024-03-15T13:50:00.000Z", 0)


def test_a_replay_of_an_old_day_opens_no_older_ones(days):
    replay_of(DAYS[40], "running", 20)
    within = selectors.span_of("REC", Reach(0, 30))
    assert within.newest == dt.datetime(2024, 3, 15, 14, 0, tzinfo=dt.UTC)


def test_recorded_days_are_held_back_by_our_own_clock(days):
    assert selectors.span_of("REC", Reach(900, None)).delay_s == 0
    now = timezone.now()
    symbol = Instrument.objects.get(symbol="REC")
    ends = [now - dt.timedelta(minutes=age) for age in (40, 20, 10, 1)]
    write_bars(BarRow(symbol.pk, "trade", 60, end, end, 1.0, 1.0, 1.0, 1.0, 1.0, "test")
               for end in ends)  # fmt: skip
    free = Client()
    free.force_login(User.objects.create_user("late@test.example", plan="free"))
    body = free.get("/api/v1/market/REC/bars?interval=60").json()
    assert len(body["time"]) == 2
    assert body["delayed_s"] == 900


def test_before_the_delay_is_over_nothing_is_shown(run, clients):
    run.frame_rows.filter(time__lte=LATEST).delete()
    assert clients["free"].get("/api/v1/market/TEST/snapshot").status_code == 200, "recorded days"
    store.Snapshot.objects.filter(time__lte=LATEST).delete()
    assert clients["free"].get("/api/v1/market/TEST/snapshot").status_code == 404
    page = clients["free"].get("/dashboard/")
    assert (page.status_code, page["Refresh"]) == (200, "4")
    assert "777.7" not in page.content.decode()


def test_etags_differ_by_what_is_shown_and_a_304_is_only_for_the_same(run, clients, live_worker):
    for part in ("chain", "exposure", "surface"):
        path = f"/api/v1/market/TEST/{part}"
        marks = {who: clients[who].get(path)["ETag"] for who in ("free", "pro", "plus")}
        assert marks["free"] != marks["pro"] == marks["plus"]
        assert (
            clients["free"].get(path, headers={"if-none-match": marks["free"]}).status_code == 304
        )
        assert clients["free"].get(path, headers={"if-none-match": marks["pro"]}).status_code == 200
        past = clients["free"].get(f"{path}?at={text(LATEST)}")
        assert past.json()["delayed_s"] == 0
        assert past["ETag"] != marks["free"], "the body says another delay"


def test_a_task_decides_by_the_person_and_not_by_the_instant_it_is_given(run, clients):
    free, pro = user("free").pk, user("pro").pk
    for given in (None, text(NEWEST)):
        body = tasks.chain.apply(("TEST", None, False, given), {"user_id": free}).get()
        assert (body["time"], body["delayed_s"]) == ("2024-03-15T13:55:00.000Z", 900)
    live = tasks.chain.apply(("TEST", None, False, None), {"user_id": pro}).get()
    assert live["time"] == "2024-03-15T14:10:00.000Z"
    old = f"{DAYS[400]}T14:32:00+00:00"
    for name, parts in (("chain", (None, False)), ("exposure", ()), ("surface", (None,)),
                        ("contract", (OCC, "vega")), ("vendor", ())):  # fmt: skip
        with pytest.raises(NotEntitledError, match=r"needs the Pro\+ plan"):
            getattr(tasks, name).apply(("TEST", *parts, old), {"user_id": free}).get()


def test_a_plan_that_ends_counts_for_a_task_that_waited(run, clients, live_worker):
    pro = user("pro")
    assert computed.ask(pro, "surface", "TEST", None).body["delayed_s"] == 0
    User.objects.filter(pk=pro.pk).update(plan="free")
    assert computed.ask(pro, "surface", "TEST", None).body["delayed_s"] == 900


def test_live_channels_are_for_plans_without_a_delay(clients):
    for channel in ("quote:TEST", "exposure:TEST", "chain:TEST"):
        for who in ("pro", "plus", "staff"):
            assert topics.refusal(user(who), channel) is None
        refused = topics.refusal(user("free"), channel)
        assert (refused.code, refused.plan, refused.message) == (
            "tier", "pro", "Live market data needs the Pro plan.",
        )  # fmt: skip
    assert topics.refusal(user("free"), "feed:status") is None
    assert topics.refusal(user("free"), "signals:free") is None


def test_the_interface_says_what_a_plan_holds_back(db):
    paths = Client().get("/api/schema/").json()["paths"]
    market = [path for path in paths if re.search(r"/market/\{symbol\}/", path)]
    assert len(market) == 7
    for path in market:
        answers = paths[path]["get"]["responses"]
        assert "`delayed_s`" in answers["200"]["description"]
        assert "`plan_required`" in answers["403"]["description"]
