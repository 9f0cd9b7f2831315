"""The risk page, the kill switch by page and REST, and the connections of brokers."""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.models import Authenticator
from django.utils import timezone

from accounts.keys import services as keys
from accounts.models import User
from market.reach import WHOLE
from trading.brokers import connections
from trading.brokers.protocol import BrokerError, RejectedError, VenueAccount
from trading.desk import risking
from trading.desk.marks import Marks
from trading.execution import services as execution
from trading.execution.selectors import state_of
from trading.execution.states import Standing
from trading.models import Account, BrokerConnection, LimitSetting, RiskProfile, Switch
from trading.risk import limits
from trading.scopes import EVERYTHING, Scope
from trading.switches import services as switches
from trading.switches.latch import Latch

pytestmark = pytest.mark.django_db
D = Decimal
SECRET = "sk-canary-3f7c"


@pytest.fixture(autouse=True)
def latch(settings, tmp_path: Path) -> Latch:
    settings.PULSE_LATCH = str(tmp_path / "latch.json")
    made = Latch(Path(settings.PULSE_LATCH))
    made.prepare()
    return made


@pytest.fixture
def live(account) -> Account:
    execution.step(account.pk, Standing.ARMED, actor="user 1", reason="for the test")
    for standing in (Standing.RECONCILING, Standing.LIVE):
        execution.step(account.pk, standing, actor="execution", reason="for the test")
    return account


def text(answer) -> str:
    return answer.content.decode()


def kill(client, **given):
    return client.post(
        "/api/v1/kill-switch", json.dumps({"reason": "enough", **given}),
        content_type="application/json",
    )  # fmt: skip


def prove(client, user, minutes_ago: float = 0) -> None:
    """Have the session prove a second factor."""
    session = client.session
    session[f"{AUTHENTICATION_METHODS_SESSION_KEY}_user"] = str(user.pk)
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "mfa", "at": timezone.now().timestamp() - 60 * minutes_ago, "type": "totp"}
    ]
    session.save()


# --- the kill switch ----------------------------------------------------------------------------
def test_the_page_stops_what_was_typed_and_lets_it_go_on(web, ana, live, at_venue, latch):
    order, _ = at_venue(live)
    scope = Scope("user", str(ana.pk))
    assert "1 open order" in text(web.get("/trading/risk/"))
    slip = web.post("/trading/risk/stop", {"scope": "own", "confirm": "stop"})
    assert slip.status_code == 400
    assert "Nothing was stopped" in text(slip)
    assert not Switch.objects.exists()
    web.post("/trading/risk/stop", {"scope": "own", "confirm": "STOP", "reason": "a storm"})
    order.refresh_from_db()
    assert order.state == "cancel_pending"
    assert state_of(live.pk).state == Standing.HALTED
    assert latch.hindrance([scope]) != ""
    page = text(web.get("/trading/risk/"))
    assert "a storm" in page
    assert "Done: set the latch of this host" in page
    given = {"scope": f"user:{ana.pk}", "confirm": "GO ON", "reason": ""}
    assert web.post("/trading/risk/go-on", given).status_code == 400
    assert web.post("/trading/risk/go-on", {**given, "reason": "it is over"}).status_code == 302
    assert state_of(live.pk).state == Standing.RECONCILING
    assert latch.hindrance([scope]) == ""


def test_rest_stops_and_says_what_it_did(web, ana, live, at_venue):
    at_venue(live)
    body = kill(web, scope="account", id=str(live.pk)).json()
    assert (body["scope"], body["id"], body["state"]) == ("account", str(live.pk), "halted")
    assert body["complete"] is True
    assert any("cancel of order" in one for one in body["done"])
    assert kill(web).json()["id"] == str(ana.pk)
    assert kill(web).json()["complete"] is True, "to press again is harmless"
    listed = web.get("/api/v1/kill-switch").json()["results"]
    assert {one["scope"] for one in listed} == {"account", "user"}
    assert kill(web, state="off").json()["complete"] is True


def test_what_could_not_be_done_is_said(web, settings, tmp_path):
    (tmp_path / "no folder").write_text("a file stands where the folder should be")
    settings.PULSE_LATCH = str(tmp_path / "no folder" / "latch.json")
    body = kill(web).json()
    assert body["complete"] is False
    assert "latch" in body["failed"][0]
    assert Switch.objects.get().state == "halted", "the other parts were done"
    page = web.post("/trading/risk/stop", {"scope": "own", "confirm": "STOP"}, follow=True)
    assert "NOT done: set the latch" in text(page)


def test_a_key_stops_and_never_lets_go_on(client, ana, account):
    made = keys.key_create(ana, name="k", scopes=["trade"])
    header = {"X-API-Key": made.text}
    answer = client.post("/api/v1/kill-switch", {"reason": "x"}, "application/json", headers=header)
    assert answer.json()["complete"] is True
    off = client.post(
        "/api/v1/kill-switch", {"reason": "x", "state": "off"}, "application/json", headers=header
    )
    assert off.status_code == 403
    assert Switch.objects.get().state == "halted"


def test_nobody_stops_what_is_anothers(eve, account):
    answers = [
        kill(eve, scope="account", id=one) for one in (str(account.pk), str(account.pk + 99), "x")
    ]
    answers += [kill(eve, scope="global"), kill(eve, scope="symbol", id="SPY")]
    assert {one.status_code for one in answers} == {400}
    assert len({one.content for one in answers}) == 1
    page = eve.post("/trading/risk/stop", {"scope": f"account:{account.pk}", "confirm": "STOP"})
    assert page.status_code == 400
    assert not Switch.objects.exists()


def test_an_operator_stops_everything_and_everybody_sees_it(as_, web, account):
    boss = as_(User.objects.create_user("boss@trading.example", is_staff=True))
    assert kill(boss, scope="global").json()["complete"] is True
    (one,) = web.get("/api/v1/kill-switch").json()["results"]
    assert (one["scope"], one["yours"]) == ("global", False)
    assert "An operator lets it go on" in text(web.get("/trading/risk/"))
    assert kill(web, scope="global", state="off").status_code == 400


def test_no_key_of_an_operator_stops_what_is_anothers(client, account):
    """A key that leaked would stop the house; none acts for operators."""
    boss = User.objects.create_user("boss@trading.example", is_staff=True)
    header = {"X-API-Key": keys.key_create(boss, name="k", scopes=["trade"]).text}
    for scope, target in (("global", ""), ("account", str(account.pk)), ("symbol", "SPY")):
        given = {"reason": "x", "scope": scope, "id": target}
        answer = client.post("/api/v1/kill-switch", given, "application/json", headers=header)
        assert answer.status_code == 400
    assert not Switch.objects.exists()


def test_an_operator_without_the_second_factor_is_anybody(as_, account, settings):
    boss = as_(User.objects.create_user("boss@trading.example", is_staff=True))
    switches.turn(EVERYTHING, "halted", actor="operator ana", reason="a storm")
    settings.PRODUCTION = True
    given = {"scope": "global", "confirm": "GO ON", "reason": "let me"}
    for target in ("global", f"account:{account.pk}"):
        answer = boss.post("/trading/risk/go-on", {**given, "scope": target}, secure=True)
        assert answer.status_code == 400
        stop = {"scope": target, "confirm": "STOP"}
        assert boss.post("/trading/risk/stop", stop, secure=True).status_code == 400
    assert Switch.objects.get().state == "halted"


@pytest.mark.parametrize("before", [False, True])
def test_what_an_operator_stopped_its_owner_does_not_let_go_on(as_, web, ana, live, before):
    """Also when the owner had stopped it before, or presses once more after."""
    if before:
        kill(web)
    boss = as_(User.objects.create_user("boss@trading.example", is_staff=True))
    assert kill(boss, scope="user", id=str(ana.pk)).json()["complete"] is True
    kill(web)
    body = kill(web, state="off").json()
    assert body["complete"] is False
    assert "operator" in body["failed"][0]
    given = {"scope": "own", "confirm": "GO ON", "reason": "let me"}
    assert "operator" in text(web.post("/trading/risk/go-on", given, follow=True))
    assert Switch.objects.get().state == "halted"
    assert kill(boss, scope="user", id=str(ana.pk), state="off").json()["complete"] is True
    kill(web)
    assert kill(web, state="off").json()["complete"] is True, "what it stopped itself, it may"


def test_a_switch_of_another_is_not_shown(eve, ana, account):
    switches.turn(Scope("user", str(ana.pk)), "halted", actor="user 1", reason="private words")
    assert eve.get("/api/v1/kill-switch").json()["results"] == []
    assert "private words" not in text(eve.get("/trading/risk/"))


def test_real_money_goes_on_by_a_second_factor_just_now(web, ana, live):
    """A session that was stolen lets nothing trade again that was stopped."""
    Account.objects.filter(pk=live.pk).update(mode="live", broker="alpaca")
    kill(web)
    page = {"scope": f"user:{ana.pk}", "confirm": "GO ON", "reason": "it is over"}
    here = f"/trading/accounts/{live.pk}/standing"
    for minutes in (None, 11):
        if minutes is not None:
            prove(web, ana, minutes)
        answers = [
            kill(web, state="off"),
            web.post("/trading/risk/go-on", page),
            web.post(here, {"to": "go_on", "reason": "it is over"}),
        ]
        assert {one.status_code for one in answers} == {400}
        assert all("Prove who you are first" in text(one) for one in answers)
        assert all('href="/accounts/2fa/">Prove' in text(one) for one in answers[1:])
    assert Switch.objects.get().state == "halted"
    assert state_of(live.pk).state == Standing.HALTED
    prove(web, ana)
    assert web.post("/trading/risk/go-on", page).status_code == 302
    assert state_of(live.pk).state == Standing.RECONCILING
    assert web.post(here, {"to": "disable", "reason": "enough"}).status_code == 302
    prove(web, ana, 11)
    assert web.post(here, {"to": "arm", "reason": "again"}).status_code == 400
    prove(web, ana)
    assert web.post(here, {"to": "arm", "reason": "again"}).status_code == 302


def test_who_has_a_second_factor_is_led_to_it_and_back(web, ana, live):
    Account.objects.filter(pk=live.pk).update(mode="live", broker="alpaca")
    Authenticator.objects.create(user=ana, type=Authenticator.Type.TOTP, data={})
    here = f"/trading/accounts/{live.pk}/"
    refused = text(web.post(f"{here}standing", {"to": "arm", "reason": "ready"}))
    led = re.search(r'href="([^"]*)">Prove your second factor', refused)[1]
    path, _, query = html.unescape(led).partition("?")
    assert parse_qs(query)["next"] == [here]
    assert 'name="code"' in text(web.get(f"{path}?{query}"))
    refused = text(web.post("/trading/risk/go-on", {"scope": f"user:{ana.pk}", "reason": "x"}))
    assert "Prove your second factor" not in refused, "another fault leads nowhere"


# --- limits -------------------------------------------------------------------------------------
def test_every_limit_has_words(account):
    assert set(risking.NAMES) == set(limits.TABLE)
    body = risking.book_payload(account, Marks(WHOLE))
    assert [one["name"] for one in body["limits"]] == list(risking.NAMES)
    assert body["equity"] == "100000"


def test_lowering_is_free_and_raising_asks_for_a_second_factor(web, ana, account):
    address = f"/trading/risk/{account.pk}/limit"
    assert web.post(address, {"name": "contracts", "value": "3"}).status_code == 302
    assert LimitSetting.objects.get().value == 3
    answer = web.post(address, {"name": "contracts", "value": "5"})
    assert answer.status_code == 400
    assert "Prove who you are first" in text(answer)
    prove(web, ana)
    assert web.post(address, {"name": "contracts", "value": "5"}).status_code == 302
    assert LimitSetting.objects.get().value == 5
    assert web.post(address, {"name": "contracts", "value": "x"}).status_code == 400
    assert web.post(address, {"name": "moon", "value": "1"}).status_code == 400


def test_market_orders_and_risks_are_agreed_to_with_a_second_factor(web, ana, account):
    address = f"/trading/accounts/{account.pk}/agree"
    assert "Prove who you are first" in text(web.post(address, {"what": "market_on"}))
    assert web.post(address, {"what": "accept", "version": "2026-11"}).status_code == 400
    assert web.post(address, {"what": "moon"}).status_code == 400
    prove(web, ana)
    assert web.post(address, {"what": "market_on"}).status_code == 302
    assert RiskProfile.objects.get(account=account).market_orders
    assert "Stop market orders" in text(web.get(f"/trading/accounts/{account.pk}/"))
    assert web.post(address, {"what": "market_off"}).status_code == 302
    assert not RiskProfile.objects.get(account=account).market_orders
    Account.objects.filter(pk=account.pk).update(mode="live", broker="alpaca")
    assert web.post(address, {"what": "accept", "version": "old"}).status_code == 400
    assert web.post(address, {"what": "accept", "version": "2026-11"}).status_code == 302
    assert RiskProfile.objects.get(account=account).accepted == "2026-11"
    assert "Risks accepted" in text(web.get(f"/trading/accounts/{account.pk}/"))
    assert web.post(address, {"what": "withdraw"}).status_code == 302
    assert RiskProfile.objects.get(account=account).accepted == ""


# --- connections --------------------------------------------------------------------------------
@pytest.fixture
def plus(as_, db):
    return as_(User.objects.create_user("plus@trading.example", plan="pro_plus"))


def test_connections_need_the_plan(web):
    answer = web.get("/trading/connections/")
    assert answer.status_code == 403
    assert "Pro+" in text(answer)


def test_keys_are_tried_kept_sealed_and_never_shown(plus, monkeypatch):
    assert "No account at a broker" in text(plus.get("/trading/connections/"))
    plus.post("/trading/connections/create", {"name": "mine", "broker": "alpaca", "mode": "live"})
    account = Account.objects.get()
    assert (account.mode, account.broker) == ("live", "alpaca")
    here = f"/trading/connections/{account.pk}"
    says: list[Exception | None] = [RejectedError("bad keys"), None, BrokerError("away"), None]

    def ask(one, credentials):
        error = says.pop(0)
        if isinstance(error, RejectedError):
            raise connections.ConnectionRefusedError("secret", f"The broker says: {error}")
        if error is not None:
            raise connections.BrokerAwayError("secret", f"The broker gave no answer: {error}")
        return VenueAccount(D(1), D(1), D(1))

    monkeypatch.setattr(connections, "_ask", ask)
    given = {"key": "AK-canary-9d21", "secret": SECRET}
    unproved = plus.post(f"{here}/save", given)
    assert unproved.status_code == 400
    assert "Prove who you are first" in text(unproved)
    prove(plus, account.owner)
    refused = plus.post(f"{here}/save", given)
    assert refused.status_code == 400
    assert "The broker says: bad keys" in text(refused)
    assert SECRET not in text(refused)
    assert not BrokerConnection.objects.exists()
    assert plus.post(f"{here}/save", given).status_code == 302
    page = text(plus.get("/trading/connections/"))
    assert "…9d21" in page
    assert SECRET not in page
    assert "AK-canary" not in page
    assert "no answer" in text(plus.post(f"{here}/test", follow=True))
    assert "the broker answers" in text(plus.post(f"{here}/test", follow=True))
    plus.post(f"{here}/remove")
    assert not BrokerConnection.objects.exists()
    assert plus.post(f"{here}/test").status_code == 400


def test_after_a_smaller_plan_the_keys_can_still_be_forgotten(plus, monkeypatch):
    plus.post("/trading/connections/create", {"name": "mine", "broker": "alpaca", "mode": "live"})
    account = Account.objects.get()
    BrokerConnection.objects.create(
        account=account, secret="{}", shown="…1234", checked=timezone.now()
    )
    User.objects.update(plan="free")
    assert plus.get("/trading/connections/").status_code == 403
    page = plus.get(f"/trading/accounts/{account.pk}/")
    assert "Forget the broker's keys" in html.unescape(page.content.decode())
    answer = plus.post(f"/trading/connections/{account.pk}/remove", follow=True)
    assert "The keys of mine are gone." in text(answer)
    assert not BrokerConnection.objects.exists()
    assert "Forget the broker" not in answer.content.decode()


@pytest.mark.parametrize(
    "given",
    [
        {"name": "", "broker": "alpaca", "mode": "live"},
        {"name": "x", "broker": "none", "mode": "live"},
        {"name": "x", "broker": "alpaca"},
    ],
)
def test_a_live_account_needs_a_name_and_a_broker(plus, given):
    assert plus.post("/trading/connections/create", given).status_code == 400
    assert not Account.objects.exists()


def test_connections_are_ones_own(plus, eve):
    plus.post("/trading/connections/create", {"name": "mine", "broker": "alpaca", "mode": "paper"})
    account = Account.objects.get()
    assert account.mode == "paper"
    for act in ("save", "test", "remove"):
        for one in (account.pk, account.pk + 99):
            answer = eve.post(f"/trading/connections/{one}/{act}", {"key": "a", "secret": "b"})
            assert answer.status_code == 404


def test_no_broker_is_asked_without_end(plus, monkeypatch):
    """Each try keeps a request for seconds; guessed keys have the broker shut the house out."""
    plus.post("/trading/connections/create", {"name": "p", "broker": "alpaca", "mode": "paper"})
    account, asked = Account.objects.get(), []

    def ask(one, credentials):
        asked.append(one)
        raise connections.ConnectionRefusedError("secret", "no")

    monkeypatch.setattr(connections, "_ask", ask)
    given = {"key": "AK", "secret": "guess"}
    answers = [plus.post(f"/trading/connections/{account.pk}/save", given) for _ in range(14)]
    assert "You tried often" in text(answers[-1])
    assert len(asked) < 14
