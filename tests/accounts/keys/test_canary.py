"""A key appears nowhere but in the header it came in: not in answers, logs, tables or Redis."""

from __future__ import annotations

import io
import logging
import sys

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.views.debug import ExceptionReporter

from accounts.keys import authentication, callers, verifying
from record.hints import client as redis_client

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = (
    ("get", "/api/v1/jobs"), ("get", "/api/v1/tools"), ("get", "/api/v1/keys"),
    ("get", "/api/v1/nothing"), ("post", "/api/v1/tickets"), ("post", "/api/v1/jobs"),
    ("post", "/api/v1/execute"), ("post", "/api/v1/validations"), ("get", "/api/schema/"),
    ("options", "/api/v1/jobs"), ("delete", "/api/v1/tools"), ("get", "/api/docs/"),
)  # fmt: skip


def everything_stored() -> str:
    """Return all tables and all of Redis as text."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [row[0] for row in cursor.fetchall()]
    link = redis_client()
    found += [f"{key!r} {link.dump(key)!r}" for key in link.scan_iter("*")]
    return "\n".join(found)


@pytest.fixture
def lines() -> io.StringIO:
    """What the process logs, as its handler writes it, from the lowest level on."""
    root, told = logging.getLogger(), io.StringIO()
    (ours,) = [h for h in root.handlers if isinstance(h.formatter, _formatter())]
    handler = logging.StreamHandler(told)
    handler.setFormatter(ours.formatter)
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield told
    root.removeHandler(handler)
    root.setLevel(before)


def _formatter() -> type:
    from structlog.stdlib import ProcessorFormatter

    return ProcessorFormatter


@pytest.mark.parametrize("good", [True, False], ids=["good", "wrong"])
def test_nothing_that_a_request_makes_holds_the_key(make, lines, good):
    text = make().text
    if not good:
        text = f"{text[:-1]}{'A' if text[-1] != 'A' else 'B'}"
    secret, said = text.rpartition("_")[2], []
    for headers in ({"X-API-Key": text}, {"Authorization": f"Bearer {text}"}):
        program = Client(headers=headers, raise_request_exception=False)
        for verb, path in PAGES:
            answer = getattr(program, verb)(path)
            assert answer.status_code < 500 or path == "/api/v1/execute"
            said += [answer.content.decode(), str(dict(answer.headers))]
    for path in (f"/api/v1/jobs?api_key={text}", f"/api/v1/tools/{text}", f"/api/v1/x?y={text}"):
        answer = Client().get(path, REMOTE_ADDR="198.51.100.7")
        assert answer.status_code == 400
        said += [answer.content.decode(), str(dict(answer.headers))]
    assert lines.getvalue()
    for found in ("\n".join(said), lines.getvalue(), everything_stored()):
        assert secret not in found
        assert secret[:12] not in found


@pytest.mark.parametrize(
    "address",
    ["?api_key={}", "?key={}", "?X-API-Key={}", "?a=1&q=x{}x", "?api_key=", "?apikey=1",
     "?%61pi_key=1", "/{}", "?q=%70k_test_abcdefghijkl_x", "?q=%2570k_live_abcdefgh"],
)  # fmt: skip
def test_a_key_in_an_address_is_refused_with_the_remedy(make, address):
    text = make().text
    answer = Client().get(f"/api/v1/jobs{address.format(text)}")
    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "key_in_address")
    assert "X-API-Key header" in body["detail"]
    assert text not in answer.content.decode()
    assert "RateLimit" in answer


def test_the_header_is_gone_before_a_view_runs(make):
    text = make().text
    request = RequestFactory().get(
        "/api/v1/jobs", headers={"X-API-Key": text, "Authorization": f"Bearer {text}"}
    )
    caller = callers.caller_of(request)
    assert caller.grant is not None
    assert text not in repr((request.META, request.headers, caller, caller._text))


def test_an_error_report_does_not_show_the_key(make, monkeypatch):
    text = make().text
    request = RequestFactory().get("/api/v1/jobs", headers={"X-API-Key": text})

    def broken(*_: object) -> None:
        raise RuntimeError("the database is odd")

    monkeypatch.setattr(verifying, "_read", broken)
    with pytest.raises(RuntimeError):
        authentication.KeyAuthentication().authenticate(
            type("R", (), {"_request": request})()  # what DRF hands over
        )
    try:
        verifying.verify(text, None)
    except RuntimeError:
        reporter = ExceptionReporter(request, *sys.exc_info())
    frames = [
        frame for frame in reporter.get_traceback_frames() if "verifying" in frame["filename"]
    ]
    assert frames
    for frame in frames:
        assert text not in str(frame["vars"])
