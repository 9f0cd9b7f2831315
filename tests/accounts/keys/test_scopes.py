"""What a key may do: every route says what it needs, and one gate asks."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from rest_framework.views import APIView

from record.access import (
    OPERATOR,
    READ,
    REPORT,
    SAFE_METHODS,
    SCOPES,
    SESSION_ONLY,
    TRADE,
    cost_for,
    scope_for,
)
from tests.accounts.test_declared import API_VIEWS

pytestmark = pytest.mark.django_db
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@pytest.mark.parametrize(
    ("pattern", "match"), API_VIEWS, ids=lambda item: getattr(item, "route", "")
)
def test_every_call_declares_the_scope_it_needs(pattern, match):
    view = pattern.callback.cls
    for method in (*UNSAFE, "GET"):
        if hasattr(view, method.lower()):
            scope = scope_for(view, method)
            assert scope in (*SCOPES, SESSION_ONLY), f"{method} {match.route} declares {scope!r}"
            assert 1 <= cost_for(view, method) <= 20


def test_a_view_that_declares_nothing_is_closed_to_keys_that_write():
    class Silent:
        pass

    assert scope_for(Silent, "POST") is None
    assert {scope_for(Silent, method) for method in SAFE_METHODS} == {READ}


def test_scopes_and_costs_by_method():
    class Mixed:
        key_scope = MappingProxyType({"PUT": TRADE, "DELETE": SESSION_ONLY, "GET": REPORT})
        call_cost = MappingProxyType({"PUT": 7})

    class Closed:
        key_scope = SESSION_ONLY
        call_cost = 3

    found = [scope_for(Mixed, m) for m in ("GET", "HEAD", "PUT", "DELETE", "POST")]
    assert found == [REPORT, READ, TRADE, SESSION_ONLY, None]
    assert {scope_for(Closed, m) for m in ("GET", "POST")} == {SESSION_ONLY}
    assert (cost_for(Mixed, "PUT"), cost_for(Mixed, "GET"), cost_for(Closed, "GET")) == (7, 1, 3)


def test_a_missing_scope_is_named(make, program):
    client = program(make(scopes=["trade"]).text)
    answer = client.get("/api/v1/jobs")
    body = answer.json()
    assert (answer.status_code, body["code"]) == (403, "scope_required")
    assert (body["scope"], body["has"]) == ("read", ["trade"])
    assert "a key with the scope read" in body["detail"]
    assert answer["Content-Type"] == "application/problem+json"


def test_each_scope_opens_its_own_calls(make, program, person):
    ann = person("ann", "pro_plus")
    expected = {"read": (200, 403, 201), "report": (403, 404, 403), "trade": (403, 403, 403)}
    for scope, codes in expected.items():
        client = program(make(ann, name=scope, scopes=[scope]).text)
        told = (
            client.get("/api/v1/jobs").status_code,
            client.post("/api/v1/jobs/1/cancel").status_code,
            client.post("/api/v1/tickets").status_code,
        )
        assert told == codes, scope
    session = Client()
    session.force_login(ann)
    assert session.get("/api/v1/jobs").status_code == 200
    assert session.post("/api/v1/jobs/1/cancel").status_code == 404


def test_a_key_has_no_more_than_its_owners_plan(make, program):
    answer = program(make(plan="free", scopes=SCOPES).text).post(
        "/api/v1/validations", {}, content_type="application/json"
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "plan_required"


def test_keys_are_listed_to_people_alone(make, program, signed_in):
    made = make(scopes=SCOPES)
    refused = program(made.text).get("/api/v1/keys")
    assert (refused.status_code, refused.json()["code"]) == (403, "session_only")
    client = Client()
    client.force_login(made.row.user)
    (item,) = client.get("/api/v1/keys").json()["results"]
    assert (item["prefix"], item["state"], item["scopes"]) == (
        made.row.prefix, "active", list(SCOPES),
    )  # fmt: skip
    assert made.row.digest not in str(item)
    assert signed_in("bob").get("/api/v1/keys").json()["results"] == []
    assert Client().get("/api/v1/keys").status_code == 401


def test_no_page_takes_a_key(make, program):
    client = program(make(scopes=SCOPES).text)
    for path in (
        "/account/keys/",
        "/account/keys/add/",
        "/account/alerts/",
        "/account/",
        "/admin/",
    ):
        answer = client.get(path)
        assert answer.status_code == 302
        assert "/accounts/login/" in answer.url


class Operators(APIView):
    """A call for operators."""

    entitlement = OPERATOR
    key_scope = READ

    def get(self, request):
        raise AssertionError("no key comes here")


class Undeclared(APIView):
    """A call that writes and has not said what it needs."""

    entitlement = "account"

    def post(self, request):
        raise AssertionError("no key comes here")


@pytest.mark.parametrize(
    ("view", "verb", "code"),
    [(Operators, "get", "session_only"), (Undeclared, "post", "permission_denied")],
)
def test_operators_and_undeclared_calls_are_closed_to_keys(make, person, rf, view, verb, code):
    text = make(person("olga", is_staff=True), scopes=SCOPES).text
    request = getattr(rf, verb)("/api/v1/x", headers={"X-API-Key": text})
    answer = view.as_view()(request)
    assert (answer.status_code, answer.data["code"]) == (403, code)


def test_the_document_names_the_schemes_and_scopes():
    document = SchemaGenerator().get_schema(request=None, public=True)
    schemes = document["components"]["securitySchemes"]
    assert schemes["apiKey"]["name"] == "X-API-Key"
    assert schemes["apiKey"]["in"] == "header"
    assert schemes["apiKeyBearer"]["scheme"] == "bearer"
    security = document["paths"]["/api/v1/jobs/{job_id}/cancel"]["post"]["security"]
    assert {"apiKey": ["report"]} in security
    assert {"apiKeyBearer": ["report"]} in security
    own = document["paths"]["/api/v1/keys"]["get"]["security"]
    assert not any("apiKey" in one for one in own)
    assert "digest" not in document["components"]["schemas"]["Key"]["properties"]
