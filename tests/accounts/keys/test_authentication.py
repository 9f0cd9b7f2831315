"""Who gets in by a key: the right one, where and while it may, and nobody learns why not."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from accounts.keys import services, verifying
from accounts.keys.models import ApiKey
from accounts.keys.rules import new_text
from accounts.models import User
from accounts.services import active_change, plan_change

pytestmark = pytest.mark.django_db
JOBS = "/api/v1/jobs"


class Clock:
    """The process's clock of kept keys, moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(verifying, "kept", verifying.Kept(made))
    return made


def test_both_headers_open_and_a_key_stands_before_a_session(make, signed_in):
    made = make()
    assert Client(headers={"X-API-Key": made.text}).get(JOBS).status_code == 200
    for scheme in ("Bearer", "bearer"):
        bearer = Client(headers={"Authorization": f"{scheme} {made.text}"})
        assert bearer.get(JOBS).status_code == 200
    session = signed_in("bob")
    assert session.get("/api/v1/keys").status_code == 200
    assert session.get("/api/v1/keys", headers={"X-API-Key": made.text}).status_code == 403
    assert session.get(JOBS, headers={"X-API-Key": "wrong"}).status_code == 401


def test_every_wrong_key_gets_the_same_answer(make, person, program):
    ann = person("ann")
    good = make(ann).text
    head, prefix, secret = good.rpartition("_")[0], good.split("_")[2], good.split("_")[3]
    ended, blocked = make(ann, name="ended"), make(person("bob"), name="blocked")
    services.key_revoke(ann, ended.row.pk, actor=ann)
    expired, elsewhere = make(ann, name="old"), make(ann, name="net", networks=["203.0.113.0/24"])
    ApiKey.objects.filter(pk=expired.row.pk).update(expires=timezone.now())
    User.objects.filter(email="bob@example.com").update(is_active=False)
    other = "A" if secret[-1] != "A" else "B"
    wrong = [
        "", "x", head, f"{head}_{secret[:-1]}{other}", new_text("test", prefix),
        new_text("test", "a" * 12), good.replace("pk_test", "pk_live"), f"{good}\x00", f"{good}é",
        f"x{good}", "é" * 64, "\x00" * 64, "A" * 100_000, ended.text, blocked.text, expired.text,
        elsewhere.text,
    ]  # fmt: skip
    told = set()
    for text in wrong:
        answer = program(text).get(JOBS)
        assert answer.status_code == 401, text[:80]
        assert answer["WWW-Authenticate"] == 'Bearer realm="pulse"'
        assert answer["Content-Type"] == "application/problem+json"
        told.add(answer.content)
    assert len(told) == 1
    assert b'"invalid_key"' in told.pop()
    assert program(good).get(JOBS).status_code == 200
    bearer = Client(headers={"Authorization": f"Bearer {good}x"})
    assert bearer.get(JOBS).json()["code"] == "invalid_key"
    basic = Client(headers={"Authorization": "Basic YTpi"})
    assert basic.get(JOBS).json()["code"] == "not_authenticated"


def test_networks_count_at_once_and_proxies_are_believed_as_far_as_set(make, program, settings):
    client = program(make(networks=["203.0.113.0/24", "2001:db8::/32"]).text)
    inside = ["203.0.113.9", "2001:db8::7", "::ffff:203.0.113.9"]
    outside = ["198.51.100.1", "2001:db9::1", "", "unix:"]
    for address in inside:
        assert client.get(JOBS, REMOTE_ADDR=address).status_code == 200
    for address in outside:
        assert client.get(JOBS, REMOTE_ADDR=address).status_code == 401
    forged = {"X-Forwarded-For": "203.0.113.9"}
    assert client.get(JOBS, REMOTE_ADDR="198.51.100.1", headers=forged).status_code == 401
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert client.get(JOBS, REMOTE_ADDR="10.0.0.1", headers=forged).status_code == 200
    two = {"X-Forwarded-For": "203.0.113.9, 198.51.100.1"}
    assert client.get(JOBS, REMOTE_ADDR="10.0.0.1", headers=two).status_code == 401
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 3
    assert client.get(JOBS, REMOTE_ADDR="198.51.100.1", headers=two).status_code == 401


def test_one_query_finds_a_key_and_none_for_two_seconds(make, clock, django_assert_num_queries):
    text = make().text
    ApiKey.objects.update(last_used=timezone.now())
    with django_assert_num_queries(1):
        assert verifying.verify(text, None)
    clock.now += 1.99
    with django_assert_num_queries(0):
        assert verifying.verify(text, None)
    clock.now += 0.01
    with django_assert_num_queries(1):
        assert verifying.verify(text, None)
    with django_assert_num_queries(0):
        assert verifying.verify("pk_test_short", None) is None
    with django_assert_num_queries(1):
        assert verifying.verify(new_text("test", "a" * 12), None) is None


def test_the_last_use_is_written_once_a_minute(make, clock, django_assert_num_queries):
    text = make().text
    with django_assert_num_queries(2):
        verifying.verify(text, None)
    first = ApiKey.objects.get().last_used
    assert timezone.now() - first < dt.timedelta(seconds=10)
    clock.now += 3
    with django_assert_num_queries(1):
        verifying.verify(text, None)
    ApiKey.objects.update(last_used=first - dt.timedelta(seconds=61))
    clock.now += 3
    with django_assert_num_queries(2):
        verifying.verify(text, None)


def test_a_use_that_the_networks_refuse_is_none(make):
    text = make(networks=["203.0.113.0/24"]).text
    assert verifying.verify(text, None) is None
    assert ApiKey.objects.get().last_used is None


@pytest.mark.parametrize(
    "change",
    [
        lambda: ApiKey.objects.update(revoked=timezone.now()),
        lambda: ApiKey.objects.update(digest="0" * 64),
        lambda: User.objects.update(is_active=False),
        lambda: User.objects.all().delete(),
    ],
    ids=["revoked", "rotated", "blocked", "deleted"],
)
def test_what_another_process_ends_has_ended_within_two_seconds(make, clock, change):
    text = make().text
    assert verifying.verify(text, None)
    change()
    clock.now += 2.0
    assert verifying.verify(text, None) is None


def test_what_this_process_ends_has_ended_at_once(make, person, django_capture_on_commit_callbacks):
    ann = person("ann")
    made = make(ann)
    assert verifying.verify(made.text, None)
    with django_capture_on_commit_callbacks(execute=True):
        services.key_revoke(ann, made.row.pk, actor=ann)
    assert verifying.verify(made.text, None) is None


def test_expiry_counts_at_once(make, monkeypatch):
    made = make(days=30)
    assert verifying.verify(made.text, None)
    later = made.row.expires

    class Later:
        now = staticmethod(lambda: later)

    monkeypatch.setattr(verifying, "timezone", Later)
    assert verifying.verify(made.text, None) is None


def test_a_change_of_plan_counts_within_two_seconds(make, person, clock):
    ann = person("ann", "pro")
    text = make(ann).text
    assert verifying.verify(text, None)[1].plan == "pro"
    plan_change(User.objects.get(pk=ann.pk), plan="free", actor=ann, reason="test")
    clock.now += 2.0
    assert verifying.verify(text, None)[1].plan == "free"
    active_change(ann, active=False, actor=person("olga", is_staff=True), reason="test")
    clock.now += 2.0
    assert verifying.verify(text, None) is None


def test_a_request_that_writes_to_its_user_changes_no_other(make, clock):
    text = make().text
    _, first = verifying.verify(text, None)
    first.plan = "free"
    assert verifying.verify(text, None)[1].plan == "pro_plus"


def test_what_is_kept_has_its_bounds(make, clock, monkeypatch):
    monkeypatch.setattr(verifying, "MOST_KEPT", 2)
    owner = make().row.user
    texts = [make(owner, name=f"k{n}").text for n in range(3)]
    for text in texts:
        assert verifying.verify(text, None)
    assert len(verifying.kept._rows) == 2


def test_a_key_of_one_bot_acts_for_no_other(make):
    owner = make().row.user
    (bound, _), (free, _) = (
        verifying.verify(make(owner, name=f"b{bot}", bot=bot).text, None) for bot in (7, None)
    )
    assert (bound.allows_bot(7), bound.allows_bot(8)) == (True, False)
    assert free.allows_bot(8)
