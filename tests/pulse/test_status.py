"""The operators' page: what is broken and who is stuck, also when things are away."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from record import heartbeat
from record.models import OutboxRow

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("op@test.example"))
    return client


def test_workers_work_and_dependencies_are_shown(operator):
    heartbeat.mark("beat")
    page = operator.get("/status/").content.decode()
    assert "Everything that Pulse depends on answers." in page
    assert "Alive" in page
    assert "Outbox, failed for good" in page


def test_work_that_failed_for_good_is_said_at_the_top(operator):
    OutboxRow.objects.create(
        task="x", queue="bulk", state="failed", send_at=timezone.now(), finished=timezone.now()
    )
    page = operator.get("/status/").content.decode()
    assert "waits for an operator" in page


def test_the_page_stands_without_redis(operator, settings):
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    answer = operator.get("/status/")
    assert answer.status_code == 200
    assert "so the workers are not known" in answer.content.decode()


def test_only_operators_see_it(client):
    client.force_login(User.objects.create_user("pro@test.example", plan="pro"))
    assert client.get("/status/").status_code == 403
