"""Pages and REST of strategies, as their owner uses them."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts import demo as demo_users
from tests.trading.strategies.conftest import CONFIG, decide
from tests.trading.strategies.test_deciding import entered
from trading.models import Account, Strategy
from trading.strategies import deciding, demo, forms, services

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(ana) -> Client:
    made = Client()
    made.force_login(ana)
    return made


def filled(**more) -> dict:
    return {
        **forms.INITIAL,
        "name": "otter",
        "account": "new:simulator:SIM",
        "tools": ["10", "16"],
        **more,
    }


def test_the_form_makes_a_paused_strategy_on_an_account_of_its_own(client, market):
    assert b"A new one: SIM, simulated" in client.get("/strategies/").content
    answer = client.post("/strategies/create", filled(**{"exit-stop": "40", "exit-take": ""}))
    made = Strategy.objects.get()
    assert answer["Location"] == f"/strategies/{made.pk}/"
    assert (made.state, made.account.name) == ("paused", "otter")
    config = services.newest(made).text
    assert '"stop":0.4' in config
    assert '"take":null' in config
    assert client.get(answer["Location"]).status_code == 200


def test_a_form_that_is_wrong_marks_its_fields_and_makes_nothing(client, market):
    wrong = filled(**{"exit-stop": "much", "structure-far": "0.9", "tools": []})
    answer = client.post("/strategies/create", wrong)
    body = answer.content.decode()
    assert answer.status_code == 400
    for text in ("Give a number from 0.05 to 1.", "Give less than near", "Give 1 to 20 tools"):
        assert text in body
    assert not Account.objects.exists()


def test_the_plan_carries_so_many(client, market, ana):
    ana.plan = "free"
    ana.save()
    client.post("/strategies/create", filled(tools=["1"]))
    answer = client.post("/strategies/create", filled(name="second", tools=["1"]))
    assert answer.status_code == 400
    assert Strategy.objects.count() == 1
    assert b"Your plan carries 1" in client.get("/strategies/").content


def test_tools_of_a_larger_plan_cannot_be_named(client, market, ana):
    ana.plan = "free"
    ana.save()
    answer = client.post("/strategies/create", filled(tools=["10"]))
    assert b"There is no tool 10 for you." in answer.content


def test_it_is_started_paused_and_ended_from_its_page(client, make):
    made = make(start=False)
    for do, state in (("start", "running"), ("pause", "paused"), ("end", "ended")):
        client.post(f"/strategies/{made.pk}/step", {"do": do})
        made.refresh_from_db()
        assert made.state == state
    answer = client.post(f"/strategies/{made.pk}/step", {"do": "start"}, follow=True)
    assert b"This strategy is over" in answer.content


def test_the_page_tells_decisions_with_reasons_and_the_open_trade(client, market, make):
    made = make()
    entered(market, made)
    decide(made)
    page = client.get(f"/strategies/{made.pk}/").content.decode()
    for text in ("Enter long", "It may.", "Open: long", "Stay: "):
        assert text in page
    assert "Enter long" not in client.get(f"/strategies/{made.pk}/?taken=no").content.decode()
    part = client.get(f"/strategies/{made.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "Open: long" in part


def test_a_configuration_that_is_wrong_is_shown_again_with_its_fault(client, make):
    made = make()
    for text, fault in (("{", "This is not JSON"), ('{"symbol": "SIM"}', "entry/tools")):
        answer = client.post(f"/strategies/{made.pk}/configure", {"config": text})
        assert answer.status_code == 400
        assert fault in answer.content.decode()
    assert made.versions.count() == 1


def test_rest_makes_configures_and_tells(client, market, account, ana):
    body = {"name": "heron", "account": account.pk, "config": CONFIG}
    first = client.post("/api/v1/strategies", body, "application/json")
    assert (first.status_code, first.json()["state"]) == (201, "paused")
    assert client.post("/api/v1/strategies", body, "application/json").status_code == 200
    where = f"/api/v1/strategies/{first.json()['id']}"
    assert first["Location"].endswith(where)
    assert client.post(where, {"do": "start"}, "application/json").json()["state"] == "running"
    made = Strategy.objects.get()
    entered(market, made)
    decide(made)
    told = client.get(where).json()
    assert told["trade"]["reading"] == "long"
    said = client.get(f"{where}/decisions?taken=yes").json()["results"]
    assert [(one["kind"], one["gate"]["allowed"]) for one in said] == [("enter", True)]
    assert client.put(where, {"config": CONFIG}, "application/json").status_code == 200
    changed = {"config": CONFIG | {"exit": {"stop": 0.3}}}
    assert client.put(where, changed, "application/json").status_code == 400
    assert client.get("/api/v1/strategies").json()["results"][0]["id"] == made.pk


def test_rest_names_the_field_that_is_wrong(client, market, account):
    wrong = CONFIG | {"exit": {"stop": 7}}
    body = {"name": "heron", "account": account.pk, "config": wrong}
    answer = client.post("/api/v1/strategies", body, "application/json")
    assert answer.status_code == 400
    assert "config" in answer.content.decode()
    assert "give a number from 0.05 to 1" in answer.content.decode()
    body = {"name": "heron", "account": 10**9, "config": CONFIG}
    answer = client.post("/api/v1/strategies", body, "application/json")
    assert "one of your paper accounts" in answer.content.decode()


def test_a_process_that_dies_while_it_decides_leaves_nothing_behind(market, make, monkeypatch):
    made = make()
    market.goes(503.0)

    def dies(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(deciding, "_store", dies)
        with pytest.raises(KeyboardInterrupt):
            deciding.decide(made.pk)
    assert not made.trades.exists()
    assert not made.account.orders.exists()
    assert decide(made).taken


def test_the_demo_has_a_strategy_once_its_simulator_has_begun(market, db):
    assert demo.seed() is None
    demo_users.seed()
    market.run.rows = 6
    market.run.save()
    made = demo.seed()
    assert (made.state, made.owner.email) == ("running", demo_users.DEMO_USERS[2].email)
    assert demo.seed() == made
    services.end(made.pk, actor="user 1")
    assert demo.seed().state == "ended"
    assert Strategy.objects.count() == 1


def test_who_sees_the_market_late_is_told_what_was_decided_and_no_quote(
    client, account, market, make, ana
):
    strategy = make()
    entered(market, strategy)
    market.goes(506.0)
    decide(strategy)
    page, address = f"/strategies/{strategy.pk}/", f"/api/v1/strategies/{strategy.pk}"

    def told() -> tuple[dict, list[dict]]:
        return client.get(address).json(), client.get(f"{address}/decisions").json()["results"]

    body, decisions = told()
    assert body["trade"]["best"] is not None
    assert all(one["seen"] for one in decisions)
    ana.plan = "free"
    ana.save()
    body, decisions = told()
    assert (body["trade"]["now"], body["trade"]["best"]) == (None, None)
    assert {one["seen"] for one in decisions} == {None}
    assert [one["kind"] for one in decisions if one["gate"]] == ["enter"]
    assert client.get("/api/v1/strategies").json()["results"] == [body]
    assert "told 15 min late" in client.get(page).content.decode()
