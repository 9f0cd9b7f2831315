"""Liveness, readiness and metrics on the real servers."""

import pytest
from django.test import Client

from pulse import health, metrics


def test_health_touches_no_dependency(client: Client):
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_ready_gives_each_dependency_with_its_latency(client: Client):
    answer = client.get("/ready")
    assert answer.status_code == 200
    found = answer.json()["dependencies"]
    assert set(found) == {"database", "redis"}
    assert all(item["ok"] and item["latency_ms"] >= 0 for item in found.values())


@pytest.mark.django_db
def test_ready_says_which_dependency_is_away(client: Client, settings):
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    answer = client.get("/ready")
    assert answer.status_code == 503
    found = answer.json()["dependencies"]
    assert found["database"]["ok"]
    assert not found["redis"]["ok"]
    assert found["redis"]["error"] == "ConnectionError"


@pytest.mark.django_db
def test_metrics_count_by_route_and_show_queues(client: Client):
    client.get("/health")
    text = client.get("/metrics").content.decode()
    assert 'pulse_http_requests_total{method="GET",route="health",status="200"}' in text
    assert 'pulse_dependency_up{name="database"} 1.0' in text
    assert 'pulse_queue_length{queue="live"}' in text


@pytest.mark.django_db
def test_metrics_survive_a_lost_redis(client: Client, settings):
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    text = client.get("/metrics").content.decode()
    assert 'pulse_dependency_up{name="redis"} 0.0' in text
    assert "pulse_queue_length{" not in text


def test_every_queue_that_is_routed_is_measured():
    from pulse.celery import app

    assert {queue.name for queue in app.conf.task_queues} == set(metrics.QUEUES)


def test_checks_cover_what_the_platform_needs():
    assert set(health.CHECKS) == {"database", "redis"}
