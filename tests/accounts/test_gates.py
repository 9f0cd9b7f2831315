"""Each gate refuses before anything happens, and says what opens the door."""

import json
from types import SimpleNamespace

import pytest
import structlog
from celery import shared_task
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from django.views.decorators.http import require_GET
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import PlanRequired
from record import access, broker, remote
from record.access import OPERATOR, PUBLIC, SIGNED_IN, NotEntitledError, entitled
from record.live import topics
from record.tasks import UserTask

calls: list[str] = []


def page(name: str):
    @entitled(name)
    def view(request):
        calls.append(name)
        return HttpResponse("done")

    return view


def undeclared(request):
    calls.append("undeclared")
    return HttpResponse("done")


def endpoint(name: str | None):
    class Endpoint(APIView):
        if name is not None:
            entitlement = name

        def get(self, request):
            calls.append(f"api {name}")
            return Response({"done": True})

        post = get

    return Endpoint.as_view()


class ForTool(APIView):
    entitlement = PUBLIC

    def get(self, request):
        raise PlanRequired("Gamma Wall Pin Collapse", opens_with="pro")


from pulse.urls import urlpatterns as real  # noqa: E402 - the pages need their addresses

urlpatterns = [
    path("t/public", page(PUBLIC)),
    path("t/own", require_GET(page(SIGNED_IN))),
    path("t/post", page(SIGNED_IN)),
    path("t/replay", page("market.replay")),
    path("t/operator", page(OPERATOR)),
    path("t/system", page("system")),
    path("t/typo", page("market.wiew")),
    path("t/undeclared", undeclared),
    path("t/api/public", endpoint(PUBLIC)),
    path("t/api/own", endpoint(SIGNED_IN)),
    path("t/api/pro", endpoint("tools.pro")),
    path("t/api/operator", endpoint(OPERATOR)),
    path("t/api/undeclared", endpoint(None)),
    path("t/api/tool", ForTool.as_view()),
    *real,
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _no_calls():
    calls.clear()


def test_a_public_page_opens_to_a_visitor_without_a_session(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/t/public").content == b"done"


def test_a_visitor_is_sent_to_sign_in_and_comes_back(client):
    answer = client.get("/t/own?day=2015-12-24&x=1")
    assert answer.status_code == 302
    assert answer.url == "/accounts/login/?next=/t/own%3Fday%3D2015-12-24%26x%3D1"
    assert calls == []


def test_what_a_visitor_posts_is_not_done_and_not_repeated_later(client):
    answer = client.post("/t/post", {"a": "b"})
    assert (answer.status_code, answer.url) == (302, "/accounts/login/")
    assert calls == []


def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/dashboard/?symbol=SPY"}
    answer = client.get("/t/own", headers=headers)
    assert answer.status_code == 200
    assert answer["HX-Redirect"] == "/accounts/login/?next=/dashboard/%3Fsymbol%3DSPY"
    assert answer.content == b""
    assert calls == []


def test_a_smaller_plan_sees_what_it_is_and_which_plan_opens_it(signed_in):
    answer = signed_in("fred").get("/t/replay")
    assert answer.status_code == 403
    text = answer.content.decode()
    assert "Replaying a recorded day needs the Pro plan." in text
    assert "$99 a month" in text
    assert "/pricing/" in text
    assert calls == []


@pytest.mark.parametrize(("plan", "status"), [("free", 403), ("pro", 200), ("pro_plus", 200)])
def test_the_plan_decides(signed_in, plan, status):
    assert signed_in("paula", plan).get("/t/replay").status_code == status
    assert calls == ["market.replay"] * (status == 200)


def test_operators_pages_are_for_operators(signed_in):
    refused = signed_in("fred", "pro_plus").get("/t/operator")
    assert refused.status_code == 403
    assert "Only operators may do this." in refused.content.decode()
    assert signed_in("olga", is_staff=True).get("/t/operator").content == b"done"


def test_nobody_opens_what_is_the_platforms(signed_in):
    assert signed_in("olga", is_staff=True).get("/t/system").status_code == 403
    assert calls == []


@pytest.mark.parametrize("address", ["/t/undeclared", "/t/typo"])
def test_a_page_that_declares_nothing_known_is_refused_to_all_and_logged(signed_in, address):
    with structlog.testing.capture_logs() as logs:
        assert signed_in("olga", is_staff=True).get(address).status_code == 403
    assert "entitlement_not_declared" in [entry["event"] for entry in logs]
    assert calls == []


def test_a_change_of_plan_counts_at_the_next_request(signed_in, django_user_model):
    client = signed_in("fred")
    assert client.get("/t/replay").status_code == 403
    django_user_model.objects.filter(email="fred@example.com").update(plan="pro")
    assert client.get("/t/replay").status_code == 200


# --- REST --------------------------------------------------------------------------------------
def test_the_interface_tells_a_visitor_to_sign_in(client):
    answer = client.get("/t/api/own")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Session realm="pulse"'
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == "not_authenticated"
    assert body["type"] == "urn:pulse:problem:not_authenticated"
    assert calls == []


def test_the_interface_names_the_plan_that_opens_it(signed_in):
    answer = signed_in("fred").get("/t/api/pro")
    body = answer.json()
    assert answer.status_code == body["status"] == 403
    assert body["code"] == "plan_required"
    assert body["opens_with"] == "pro"
    assert body["detail"] == "Seeing the live values of Pro tools needs the Pro plan."
    assert calls == []


def test_a_view_can_ask_for_a_plan_itself(client):
    body = client.get("/t/api/tool").json()
    assert body["detail"] == "Gamma Wall Pin Collapse needs the Pro plan."
    assert (body["code"], body["opens_with"]) == ("plan_required", "pro")


def test_the_interface_opens_to_the_plan(signed_in, client):
    assert signed_in("paula", "pro").get("/t/api/pro").json() == {"done": True}
    assert client.get("/t/api/public").json() == {"done": True}


def test_operators_interfaces_answer_others_with_403(signed_in):
    answer = signed_in("fred", "pro_plus").get("/t/api/operator")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_an_interface_that_declares_nothing_is_refused_to_all_and_logged(signed_in):
    with structlog.testing.capture_logs() as logs:
        answer = signed_in("olga", is_staff=True).get("/t/api/undeclared")
    assert answer.status_code == 403
    assert "entitlement_not_declared" in [entry["event"] for entry in logs]
    assert calls == []


def test_a_post_without_the_token_is_refused(person):
    user = person("mallory", "pro")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    answer = client.post("/t/api/pro", json.dumps({}), content_type="application/json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]
    assert calls == []


# --- live channels ------------------------------------------------------------------------------
@pytest.fixture
def topic():
    topics.register("test-pro", kind="state", entitlement="tools.pro")
    topics.register("test-own", kind="log", entitlement="account", owner_scoped=True)
    yield
    topics.unregister("test-pro")
    topics.unregister("test-own")


@pytest.mark.usefixtures("topic")
def test_a_channel_asks_the_same_table(person):
    assert topics.refusal(person("paula", "pro"), "test-pro:SPY") is None
    refused = topics.refusal(person("fred"), "test-pro:SPY")
    assert (refused.code, refused.plan) == ("tier", "pro")


@pytest.mark.usefixtures("topic")
def test_somebody_elses_channel_looks_as_if_it_did_not_exist(person):
    anna, bert = person("anna"), person("bert")
    assert topics.refusal(anna, f"test-own:{anna.pk}") is None
    assert topics.refusal(bert, f"test-own:{anna.pk}") == topics.refusal(bert, "no-such-topic:1")


@pytest.mark.usefixtures("topic")
def test_a_visitor_hears_nothing():
    visitor = SimpleNamespace(pk=None, is_authenticated=False)
    assert topics.refusal(visitor, "test-pro:SPY").code == "sign_in"


# --- tasks ----------------------------------------------------------------------------------------
@shared_task(name="tests.for_a_user", base=UserTask, entitlement="tools.pro", ignore_result=False)
def for_a_user(number: int, *, user_id: int) -> int:
    calls.append(f"task {user_id}")
    return number * 2


@pytest.fixture(scope="module", autouse=True)
def _forget_task():
    yield
    from celery import current_app

    current_app.tasks.unregister("tests.for_a_user")


def test_a_task_runs_for_a_user_who_may(person):
    paula = person("paula", "pro")
    assert for_a_user.apply((21,), {"user_id": paula.pk}).get() == 42
    assert calls == [f"task {paula.pk}"]


@pytest.mark.parametrize("who", ["free", "blocked", "gone"])
def test_a_task_is_refused_when_it_starts(person, who):
    user = person("fred", "free" if who == "free" else "pro")
    user_id = user.pk
    if who == "blocked":
        user.is_active = False
        user.save()
    elif who == "gone":
        user.delete()
    with pytest.raises(NotEntitledError, match=r"Pro plan|Sign in"):
        for_a_user.apply((21,), {"user_id": user_id}).get()
    assert calls == []


def test_a_task_for_nobody_is_refused():
    with pytest.raises(TypeError, match="user_id"):
        for_a_user.apply((21,)).get()


def test_a_task_that_declares_nothing_is_refused(person):
    class Silent(UserTask):
        name = "tests.silent"

        def run(self, **_):
            calls.append("silent")

    with pytest.raises(NotEntitledError, match="closed"):
        Silent()(user_id=person("paula", "pro").pk)
    assert calls == []


def test_without_a_gate_no_task_runs_for_anybody(person):
    before = access.set_task_gate(None)
    try:
        with pytest.raises(NotEntitledError, match="closed"):
            for_a_user.apply((21,), {"user_id": person("paula", "pro").pk}).get()
    finally:
        access.set_task_gate(before)
    assert calls == []


def test_a_request_hears_that_its_plan_ended_while_it_waited(person, monkeypatch):
    """The view let the person in; the plan ended before the worker came to the call."""
    fred = person("fred", "free")

    def send(task, args, **_):
        remote.answer(*args)

    monkeypatch.setattr(broker, "send", send)
    with pytest.raises(PermissionDenied, match="Pro plan"):
        remote.call("tests.for_a_user", 21, user_id=fred.pk)
    assert calls == []
    paula = person("paula", "pro")
    assert remote.call("tests.for_a_user", 21, user_id=paula.pk) == 42
