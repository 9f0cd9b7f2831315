"""Changes of accounts: done whole with an audit row and a hint, or not at all."""

import json
from collections.abc import Iterator

import pytest
import redis
import structlog
from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts import services
from accounts.models import User
from accounts.plans import PLANS
from accounts.services import AccountError
from record import audit, hints
from record.live import listener
from record.models import AuditEntry

pytestmark = pytest.mark.django_db


def entries() -> list[tuple[str, str, str, dict[str, object]]]:
    rows = AuditEntry.objects.filter(chain=services.CHAIN).order_by("seq")
    return [(row.actor, row.action, row.subject, json.loads(row.detail)) for row in rows]


@pytest.fixture
def told(monkeypatch) -> list[int]:
    """The users of whom the processes were told."""
    users: list[int] = []
    monkeypatch.setattr(services, "tell_access_changed", users.append)
    return users


def test_a_change_of_plan_is_kept_audited_and_told(
    person, told, django_capture_on_commit_callbacks
):
    user, operator = person("nina"), person("olga", is_staff=True)
    with django_capture_on_commit_callbacks(execute=True):
        assert services.plan_change(user, plan="pro", actor=operator, reason=" paid by check ")
        assert told == []
    assert User.objects.get(pk=user.pk).plan == user.plan == "pro"
    assert entries() == [
        (
            f"user:{operator.pk}",
            "plan_change",
            f"user:{user.pk}",
            {"from": "free", "to": "pro", "reason": "paid by check"},
        )
    ]
    assert audit.verify().sound
    assert told == [user.pk]


def test_the_same_plan_again_changes_nothing(person, told, django_capture_on_commit_callbacks):
    user = person("nina", "pro")
    with django_capture_on_commit_callbacks(execute=True):
        assert not services.plan_change(user, plan="pro", actor=user, reason="again")
    assert entries() == []
    assert told == []


@pytest.mark.parametrize(
    ("plan", "reason", "says"),
    [
        ("gold", "wish", "there is no plan 'gold'"),
        ("pro", "  ", "give a reason"),
        ("pro", "x" * 501, "give a reason"),
    ],
)
def test_a_refused_change_of_plan_leaves_no_trace(person, told, plan, reason, says):
    user = person("nina")
    with pytest.raises(AccountError, match=says):
        services.plan_change(user, plan=plan, actor=user, reason=reason)
    assert User.objects.get(pk=user.pk).plan == "free"
    assert entries() == []
    assert told == []


def test_a_change_that_is_rolled_back_is_neither_audited_nor_told(
    person, told, django_capture_on_commit_callbacks
):
    user = person("nina")
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        services.plan_change(user, plan="pro", actor=user, reason="try")
        transaction.set_rollback(True)
    assert User.objects.get(pk=user.pk).plan == "free"
    assert entries() == []
    assert told == []


@pytest.mark.parametrize("plan", PLANS)
def test_a_stale_copy_does_not_decide(person, plan):
    user = person("nina")
    User.objects.filter(pk=user.pk).update(plan="pro")
    changed = services.plan_change(user, plan=plan, actor=user, reason="stale")
    assert changed == (plan != "pro")
    assert user.plan == plan


def test_blocking_ends_sessions_and_is_undone(person, signed_in, told):
    client = signed_in("nina")
    user, operator = person("nina"), person("olga", is_staff=True)
    assert client.get("/account/").status_code == 200
    assert services.active_change(user, active=False, actor=operator, reason="fraud")
    assert client.get("/account/").status_code == 302
    assert not services.active_change(user, active=False, actor=operator, reason="fraud")
    assert services.active_change(user, active=True, actor=operator, reason="cleared")
    assert [(action, detail) for _, action, _, detail in entries()] == [
        ("block", {"reason": "fraud", "sessions_ended": 1}),
        ("unblock", {"reason": "cleared", "sessions_ended": 0}),
    ]


def test_operators_do_not_block_themselves(person):
    operator = person("olga", is_staff=True)
    with pytest.raises(AccountError, match="your own account"):
        services.active_change(operator, active=False, actor=operator, reason="oops")
    assert User.objects.get(pk=operator.pk).is_active
    assert entries() == []


def test_signing_somebody_out_everywhere(person, signed_in):
    client = signed_in("nina")
    client.get("/account/")
    user = person("nina")
    assert services.sessions_end(user, actor=user, reason="lost phone") == 1
    assert client.get("/account/").status_code == 302
    assert entries()[-1][1:] == (
        "sessions_end",
        f"user:{user.pk}",
        {"reason": "lost phone", "sessions_ended": 1},
    )


def test_removing_a_second_factor(person):
    user, operator = person("nina"), person("olga", is_staff=True)
    assert services.second_factor_remove(user, actor=operator, reason="lost") == 0
    assert entries() == []
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    Authenticator.objects.create(user=operator, type=Authenticator.Type.TOTP, data={"secret": "y"})
    assert services.second_factor_remove(user, actor=operator, reason="lost") == 1
    assert list(Authenticator.objects.values_list("user", flat=True)) == [operator.pk]
    assert entries()[-1][3] == {"reason": "lost", "removed": 1, "sessions_ended": 0}


# --- the hint --------------------------------------------------------------------------------
@pytest.fixture
def heard() -> Iterator[redis.client.PubSub]:
    with hints.client().pubsub() as subscription:
        subscription.subscribe(listener.PLAN)
        subscription.get_message(timeout=5)
        yield subscription


def test_the_hint_names_the_user(heard):
    services.tell_access_changed(42)
    message = heard.get_message(timeout=5)
    assert json.loads(message["data"]) == {"user": 42}


def test_a_hint_that_redis_does_not_take_harms_nothing(monkeypatch):
    class Away:
        def publish(self, *_):
            raise redis.ConnectionError("away")

    monkeypatch.setattr(hints, "client", Away)
    with structlog.testing.capture_logs() as logs:
        services.tell_access_changed(42)
    assert logs[0]["event"] == "plan_hint_not_sent"


# --- users --------------------------------------------------------------------------------
def test_addresses_are_kept_in_lower_case_and_once():
    user = User.objects.create_user(" Nina@Example.COM ", "x")
    assert user.email == str(user) == "nina@example.com"
    again, created = services.verified_user_create("NINA@example.com", password="other", plan="pro")
    assert (again.pk, created, again.plan) == (user.pk, False, "free")
    assert again.check_password("x")
    with pytest.raises(ValueError, match="needs an email address"):
        User.objects.create_user("  ")


def test_a_superuser_is_an_operator():
    boss = User.objects.create_superuser("boss@example.com", "x")
    assert (boss.is_staff, boss.is_superuser) == (True, True)
