"""The same request twice: done once, answered twice."""

from __future__ import annotations

import datetime as dt
import threading
import time

import pytest
from django.db import connection, transaction
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import force_authenticate
from rest_framework.views import APIView

from record import idempotency, streams
from record.idempotency import Answer, InProgressError, KeyReusedError, run_once
from record.models import IdempotencyKey, StreamEvent
from record.rest import IdempotentMixin


def _effect(name: str = "made") -> Answer:
    number = streams.append("test:effects", key=name, data=None)
    return Answer(201, {"number": number}, {"Location": "/x/1"})


def _effects() -> int:
    return StreamEvent.objects.count()


def _once(fn=_effect, *, owner: str = "user:1", key: str = "k", body: str = "h", wait_s: float = 5):
    return run_once(owner=owner, key=key, request_hash=body, fn=fn, wait_s=wait_s)


@pytest.mark.django_db
def test_second_request_gets_the_first_answer():
    assert _once() == Answer(201, {"number": 1}, {"Location": "/x/1"})
    assert _once() == Answer(201, {"number": 1}, {"Location": "/x/1"}, replayed=True)
    assert _effects() == 1


@pytest.mark.django_db
def test_another_request_with_the_key_is_refused_and_other_owners_are_apart():
    _once()
    with pytest.raises(KeyReusedError):
        _once(body="other")
    assert not _once(owner="user:2").replayed
    assert not _once(key="l").replayed
    assert _effects() == 3


@pytest.mark.django_db
def test_a_failure_leaves_neither_key_nor_effect():
    def fail() -> Answer:
        _effect()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        _once(fail)
    assert (_effects(), IdempotencyKey.objects.count()) == (0, 0)
    assert not _once().replayed


@pytest.mark.django_db
def test_a_key_is_free_again_after_its_retention():
    _once()
    IdempotencyKey.objects.update(created=timezone.now() - dt.timedelta(hours=25))
    assert not _once(body="other").replayed
    IdempotencyKey.objects.update(created=timezone.now() - dt.timedelta(hours=25))
    assert idempotency.prune() == 1
    assert idempotency.prune() == 0


@pytest.mark.django_db
def test_answers_lie_sealed_in_the_database():
    _once(lambda: Answer(201, {"key": "pk_live_secret"}))
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM record_idempotencykey")
        assert "secret" not in cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_time_are_done_once():
    answers: list[Answer] = []

    def slow() -> Answer:
        made = _effect()
        time.sleep(0.2)
        return made

    def work() -> None:
        answers.append(_once(slow))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _effects() == 1
    assert [answer.body for answer in answers] == [{"number": 1}] * 8
    assert sum(answer.replayed for answer in answers) == 7


@pytest.mark.django_db(transaction=True)
def test_who_waits_too_long_is_told_so_and_takes_over_when_the_first_fails():
    inside, leave = threading.Event(), threading.Event()

    def stuck() -> Answer:
        _effect()
        inside.set()
        leave.wait(20)
        raise RuntimeError

    def work() -> None:
        with pytest.raises(RuntimeError):
            _once(stuck)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(20)
    with pytest.raises(InProgressError):
        _once(wait_s=0.1)
    leave.set()
    assert not _once().replayed
    thread.join()
    assert _effects() == 1


@pytest.mark.django_db
def test_the_wait_is_limited_for_the_key_alone():
    with transaction.atomic():
        _once(wait_s=0.3)
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("0",)


class EffectView(IdempotentMixin, APIView):
    permission_classes = ()
    entitlement = "public"

    def post(self, request):
        made = _effect(request.data["name"])
        return Response(made.body, status=made.status, headers=dict(made.headers))

    def get(self, request):
        return Response(_effects())


class Person:
    is_authenticated = True
    is_active = True

    def __init__(self, pk: int) -> None:
        self.pk = pk


def _post(body: object, *, key: str | None = "k1", person: Person | None = None):
    headers = {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key}
    request = RequestFactory().post("/x?a=1", body, content_type="application/json", **headers)
    force_authenticate(request, person or Person(1))
    return EffectView.as_view()(request)


@pytest.mark.django_db
def test_view_answers_a_repetition_as_it_did_before():
    first, again = _post({"name": "a"}), _post('{ "name" : "a" }')
    assert (first.status_code, first.data, first["Location"]) == (201, {"number": 1}, "/x/1")
    assert (again.status_code, again.data, again["Location"]) == (201, {"number": 1}, "/x/1")
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert _effects() == 1


@pytest.mark.django_db
def test_view_without_a_key_acts_each_time():
    assert [_post({"name": "a"}, key=None).data["number"] for _ in range(2)] == [1, 2]


@pytest.mark.django_db
def test_view_refuses_another_body_and_other_people_are_apart():
    _post({"name": "a"})
    refused = _post({"name": "b"})
    assert (refused.status_code, refused.data["code"]) == (422, "idempotency_key_reused")
    assert _post({"name": "b"}, person=Person(2)).data == {"number": 2}


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "x" * 256, "tab\there", "ü"])
def test_view_refuses_keys_that_are_none(key):
    refused = _post({"name": "a"}, key=key)
    assert refused.status_code == 400
    assert _effects() == 0


@pytest.mark.django_db
def test_view_refuses_bodies_that_cannot_be_compared():
    assert _post('{"name": 123456789012345678901}').status_code == 400
    assert _effects() == 0


@pytest.mark.django_db
def test_view_says_when_the_first_request_is_at_work(monkeypatch):
    def busy(**_):
        raise InProgressError

    monkeypatch.setattr("record.rest.run_once", busy)
    refused = _post({"name": "a"})
    assert (refused.status_code, refused.data["code"]) == (409, "idempotency_in_progress")


@pytest.mark.django_db
def test_reading_ignores_the_header():
    request = RequestFactory().get("/x", HTTP_IDEMPOTENCY_KEY="k1")
    force_authenticate(request, Person(1))
    assert EffectView.as_view()(request).status_code == 200
    assert not IdempotencyKey.objects.exists()
