"""The wrong identity gets none of a person's data and changes none: every route, every topic."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.alerts import services as alerts
from accounts.billing.models import BillingCustomer, BillingInvoice, PlanGrant
from accounts.keys import rates
from accounts.keys import services as keys
from accounts.models import User
from accounts.services import verified_user_create
from leaderboard import reports
from leaderboard import services as bots
from leaderboard.models import Bot, Likeness
from leaderboard.trusting import services as trusting
from market.models import FeedRun, Instrument
from record import jobs
from record.access import SAFE_METHODS
from record.live import topics
from record.models import Job
from tests.accounts.test_declared import ROUTES
from tools_app.models import OptimizeRun
from tools_app.validation import services as validations
from trading.ledger import services as ledger
from trading.models import Account, Strategy, StrategyDecision, StrategyVersion
from trading.orders import services as orders
from trading.orders.intents import Intent, Leg
from trading.strategies.config import read

pytestmark = pytest.mark.django_db
CANARY = "canary-of-ann-7f3c"
LAB = {"seed": 5, "effect": "on", "paths": 64, "tools": [1]}
TRADE = {"client_trade_id": "t-1", "action": "BUY", "symbol": "SPY", "quantity": 1, "price": 500}
VERBS, PAGE_VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"), ("GET", "POST")
PARTS = {
    "symbol": "SPY", "occ": "SPY261218C00500000", "key": "1", "slug": "1", "kind": "email",
    "act": "remove", "command": "stop", "day": "2026-11-20", "path": "x",
    "app_label": "accounts", "url": "x", "content_type_id": "1", "pk": "1", "event_id": "1",
    "uidb36": "1",
}  # fmt: skip
"""What stands in an address where nothing of Ann's can stand."""
ASKS_A_WORKER = re.compile(r"api/v1/market/SPY/|api/v1/greeks$|^(exposure|chain|surface|quality)/")
"""What is everybody's and asks a worker that is not there: other tests walk it."""
PUBLIC_BY_NUMBER = re.compile(r"^(api/v1/)?bots/|lab/|optimizer/|validations/")
"""Bots are for everybody; who may ask the labs sees what is under way in them."""
GIVES_NOTHING = re.compile(
    r"/login/|/reauthenticate/|^/account/(alerts|keys)/$|^/tools/(lab|optimizer)/"
)


@pytest.fixture(autouse=True)
def _own_cache(settings) -> Iterator[None]:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": uuid.uuid4().hex,
        }
    }
    yield
    cache.clear()


def someone(name: str, plan: str) -> User:
    return verified_user_create(f"{name}@example.com", password="x" * 20, plan=plan)[0]


@pytest.fixture
def ann() -> User:
    """Somebody with something of each kind that is shown to its owner alone."""
    user = someone("ann", "pro_plus")
    jobs.register("tests.keys", lambda context: {"secret": CANARY})
    jobs.run(jobs.submit("tests.keys", owner=user.pk).pk)
    jobs.unregister("tests.keys")
    validations.ask(**LAB, owner=user.pk, lanes=1)
    OptimizeRun.objects.create(
        digest="d" * 64, owner=user.pk, tools=[1], symbols=["SPY"], timeframes=["5m"],
        regimes=["bull"], trials=16, folds=3, seed=1, until=timezone.now(),
    )  # fmt: skip
    keys.key_create(user, name=CANARY, scopes=["read"])
    channel = alerts.channel_add(user, kind="email", name=CANARY, given={})
    alerts.rule_save(user, {"name": CANARY}, [channel.pk])
    customer = BillingCustomer.objects.create(user=user, stripe_id=f"cus_{CANARY}")
    BillingInvoice.objects.create(
        customer=customer, stripe_id=f"in_{CANARY}", number=CANARY, status="paid",
        total=Decimal(99), currency="usd", issued=timezone.now(),
    )  # fmt: skip
    PlanGrant.objects.create(user=user, plan="pro_plus", reason=CANARY)
    bot, _ = bots.register(user, name="otter", config={"secret": CANARY})
    bots.heartbeat(bot.pk, status=CANARY)
    bots.report_metrics(bot.pk, {CANARY: 1.0})
    reports.report(bot.pk, [TRADE])
    alike(bot)
    trade(user)
    return user


def trade(user: User) -> None:
    """Open an account with money and an order, which the gate refuses: no market is on."""
    account = ledger.open_account(user, name=CANARY)
    ledger.deposit(account.pk, Decimal(5), ledger.Source("test", CANARY, timezone.now()))
    wanted = Intent(CANARY, (Leg("SPY", 1),), Decimal(1), limit_price=Decimal(1))
    orders.place(account.pk, wanted, actor="test")
    plan(account)


def plan(account: Account) -> None:
    """Put a strategy on an account, with a configuration and a decision."""
    config = {"symbol": "SPY", "entry": {"tools": [1]}}
    made = Strategy.objects.create(owner=account.owner, account=account, name=CANARY)
    version = StrategyVersion.objects.create(
        strategy=made, number=1, text=read(config).text, config_hash=read(config).hash
    )
    spy, _ = Instrument.objects.get_or_create(symbol="SPY", defaults={"kind": "equity"})
    run = FeedRun.objects.create(symbol="SPY", underlying=spy, source="replay",
                                 simulated=False, state="finished")  # fmt: skip
    StrategyDecision.objects.create(
        strategy=made, version=version, run=run, row=1, at=timezone.now(),
        session=timezone.now().date(), kind="stay_out", taken=False, reasons=[CANARY],
    )  # fmt: skip


def alike(bot: Bot) -> None:
    """Put a bot into the trust queue beside another's, with an appeal of its owner."""
    other, _ = bots.register(someone("zoe", "pro"), name="heron", config={})
    figures = {
        "kind": "clone", "matches": 40, "trades": 40, "share": 1.0, "days": 9, "expected": 0.5,
        "log10_p": -50.0, "first_lag": 1, "last_lag": 3, "scale": 1.0, "usual": 0.02,
    }  # fmt: skip
    pair = Likeness.objects.create(
        first=bot, second=other, kind="clone", weight=40, found_at=timezone.now(),
        seen_at=timezone.now(), note=CANARY,
        evidence={"compared": 1, "overlap": figures, "correlation": None, "trades": []},
    )  # fmt: skip
    trusting.appeal(bot.pk, pair.pk, CANARY)


def owned(user: User) -> dict[Any, list[int]]:
    """Return the rows that belong to a person, by model, found along every foreign key."""
    found: dict[Any, set[int]] = {User: {user.pk}}
    models = apps.get_models()
    for model in models:
        names = {field.name for field in model._meta.concrete_fields}
        if "owner" in names and not model._meta.get_field("owner").is_relation:
            rows = model.objects.filter(owner=user.pk).values_list("pk", flat=True)
            found.setdefault(model, set()).update(rows)
    while True:
        before = sum(map(len, found.values()))
        for model in models:
            for field in model._meta.concrete_fields:
                above = found.get(field.related_model) if field.is_relation else None
                if above:
                    rows = model.objects.filter(**{f"{field.name}__in": above})
                    found.setdefault(model, set()).update(rows.values_list("pk", flat=True))
        if sum(map(len, found.values())) == before:
            return {model: sorted(rows) for model, rows in found.items() if rows}


def contents(rows: dict[Any, list[int]]) -> dict[str, list[dict[str, Any]]]:
    return {
        model._meta.label: list(model.objects.filter(pk__in=pks).order_by("pk").values())
        for model, pks in rows.items()
    }


def addresses(rows: dict[Any, list[int]]) -> list[tuple[str, bool]]:
    """Return every route as an address with Ann's ids in it, and whether it has one of them."""
    by_name = {model._meta.model_name: pks[0] for model, pks in rows.items()}
    own = {
        "job_id": by_name["job"],
        "key_id": by_name["apikey"],
        "channel_id": by_name["alertchannel"],
        "rule_id": by_name["alertrule"],
        "bot_id": by_name["bot"],
        "pair_id": by_name["likeness"],
        "account_id": by_name["account"],
        "order_id": by_name["order"],
        "strategy_id": by_name["strategy"],
    }
    found = []
    for _, match in ROUTES:
        run = "optimizerun" if "optimizer" in match.route else "validationrun"
        mine = own if "feed/" in match.route else {**own, "run_id": by_name[run]}
        if match.route.startswith("admin/"):
            row = by_name.get([*match.route.split("/"), ""][2], 1)
            mine = {"object_id": row, "id": row, "pk": row}
        known = {**PARTS, "run_id": 0, **mine}
        route = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", match.route)
        names = set(re.findall(r"<(?:\w+:)?(\w+)>", route))
        assert names <= set(known), f"{match.route}: say here what stands for {names - set(known)}"
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route).format(**known)
        found.append((re.sub(r"[\^$\\]|\.\*", "", path), bool(names & set(mine))))
    return found


def strangers() -> dict[str, Callable[[], Client]]:
    """Return the wrong identities; the walk signs the session out now and then."""
    mallory, eve = someone("mallory", "pro_plus"), someone("eve", "pro_plus")
    text = keys.key_create(eve, name="eve", scopes=["read", "report", "trade"]).text

    session, key = Client(), Client(headers={"X-API-Key": text})

    def signed_in() -> Client:
        if "_auth_user_id" not in session.session:
            session.force_login(mallory)
        return session

    return {"nobody": Client, "another's session": signed_in, "another's key": lambda: key}


def test_the_owner_sees_what_the_walk_looks_for(ann):
    client = Client()
    client.force_login(ann)
    rows = owned(ann)
    kinds = {model._meta.model_name for model in rows}
    assert {
        "job", "validationrun", "optimizerun", "apikey", "alertchannel", "alertrule", "bot",
        "configversion", "trade", "heartbeat", "metric", "billingcustomer", "billinginvoice",
        "plangrant", "likeness", "appeal", "account", "order", "journalentry", "orderevent",
        "strategy", "strategydecision",
    } <= kinds  # fmt: skip
    bot, job = rows[apps.get_model("leaderboard.Bot")][0], rows[Job][0]
    strategy = rows[Strategy][0]
    for path in (
        f"api/v1/jobs/{job}", "api/v1/keys", f"api/v1/bots/{bot}", f"bots/{bot}/",
        f"api/v1/bots/{bot}/config", f"api/v1/bots/{bot}/appeals", "account/keys/",
        "account/alerts/", "account/billing/", "api/v1/accounts", "api/v1/orders",
        f"api/v1/strategies/{strategy}", f"api/v1/strategies/{strategy}/decisions",
        f"strategies/{strategy}/",
        f"api/v1/ledger?account={rows[apps.get_model('trading.Account')][0]}",
    ):  # fmt: skip
        assert CANARY in client.get(f"/{path}").content.decode(), path


@pytest.mark.parametrize("who", ["nobody", "another's session", "another's key"])
def test_no_route_tells_or_changes_what_is_anothers(ann, who, monkeypatch):
    monkeypatch.setattr(rates, "in_redis", lambda *_, **__: rates.Taken(True, 1, 0, 0))
    caller = strangers()[who]
    rows = owned(ann)
    before = contents(rows)
    walked = addresses(rows)
    assert len(walked) > 120
    assert sum(own for _, own in walked) > 40
    for path, own in walked:
        if ASKS_A_WORKER.search(path):
            continue
        for verb in VERBS if path.startswith("api/") else PAGE_VERBS:
            cache.clear()  # allauth's own rates
            answer = caller().generic(verb, f"/{path}", "{}", content_type="application/json")
            where = f"{who}: {verb} /{path} said {answer.status_code}"
            assert answer.status_code < 500 or path.startswith(("ready", "health")), where
            body = b"".join(answer) if answer.streaming else answer.content
            assert CANARY.encode() not in body, where
            if own and (verb not in SAFE_METHODS or not PUBLIC_BY_NUMBER.search(path)):
                assert answer.status_code in (302, 400, 401, 403, 404, 405), where
                assert answer.status_code != 302 or GIVES_NOTHING.search(answer["Location"]), where
    assert contents(rows) == before
    assert owned(ann) == rows


def test_no_topic_is_heard_by_another(ann):
    mallory = someone("mallory", "pro_plus")
    scoped = {name: topic for name, topic in topics.registered().items() if topic.owner_scoped}
    assert {"alerts", "bots", "jobs"} <= set(scoped)
    for name in scoped:
        channel = f"{name}:{ann.pk}"
        assert topics.refusal(ann, channel) is None, name
        for stranger in (mallory, AnonymousUser()):
            assert topics.refusal(stranger, channel) is not None, name
            assert topics.refusal(stranger, name) is not None, name
        unknown = topics.refusal(mallory, f"nothing:{ann.pk}")
        assert topics.refusal(mallory, channel) == unknown, name
    for name in set(topics.registered()) - set(scoped):
        assert topics.refusal(AnonymousUser(), name) is not None, name
