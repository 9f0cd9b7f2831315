"""REST of jobs: one's own, and nobody else's."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

from record import jobs
from record.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    make = get_user_model().objects.create_user
    return [make(email=f"{name}@pulse.example", password="x") for name in ("alice", "bob")]


@pytest.fixture
def alice(people) -> APIClient:
    client = APIClient()
    client.force_authenticate(people[0])
    return client


@pytest.fixture(autouse=True)
def _kind(sent):
    jobs.register("tests.rest", lambda context: {"rows": 3})
    yield
    jobs.unregister("tests.rest")


def test_a_job_is_shown_with_its_result(alice, people):
    job = jobs.submit("tests.rest", owner=people[0].pk)
    found = alice.get(f"/api/v1/jobs/{job.pk}")
    assert found.status_code == 200
    assert (found.data["state"], found.data["result"]) == ("queued", None)
    jobs.run(job.pk)
    body = alice.get(f"/api/v1/jobs/{job.pk}").json()
    assert (body["state"], body["result"]) == ("done", {"rows": 3})
    assert set(body) == {
        "id", "kind", "state", "progress", "cancel_requested", "error", "created", "started",
        "finished", "result",
    }  # fmt: skip


def test_the_list_holds_ones_own_jobs_newest_first(alice, people):
    mine = [jobs.submit("tests.rest", owner=people[0].pk) for _ in range(3)]
    jobs.submit("tests.rest", owner=people[1].pk)
    jobs.submit("tests.rest")
    page = alice.get("/api/v1/jobs?limit=2").json()
    assert [item["id"] for item in page["results"]] == [mine[2].pk, mine[1].pk]
    assert "result" not in page["results"][0]
    rest = alice.get(page["next"]).json()
    assert [item["id"] for item in rest["results"]] == [mine[0].pk]


@pytest.mark.parametrize("verb", ["get", "post"])
def test_others_jobs_and_missing_jobs_look_the_same(alice, people, verb):
    theirs = jobs.submit("tests.rest", owner=people[1].pk)
    platforms = jobs.submit("tests.rest")
    tail = "" if verb == "get" else "/cancel"
    answers = [
        getattr(alice, verb)(f"/api/v1/jobs/{number}{tail}")
        for number in (theirs.pk, platforms.pk, 10**12)
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, answers[0].content)
    }
    assert set(Job.objects.values_list("state", flat=True)) == {"queued"}


def test_cancelling_is_safe_to_repeat(alice, people):
    job = jobs.submit("tests.rest", owner=people[0].pk)
    for _ in range(2):
        answer = alice.post(f"/api/v1/jobs/{job.pk}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


def test_cancelling_once_per_idempotency_key(alice, people):
    job = jobs.submit("tests.rest", owner=people[0].pk)
    first, again = (
        alice.post(f"/api/v1/jobs/{job.pk}/cancel", HTTP_IDEMPOTENCY_KEY="c1") for _ in range(2)
    )
    assert first.content == again.content
    assert again["Idempotency-Replayed"] == "true"


def test_nobody_in_particular_is_turned_away(people):
    job = jobs.submit("tests.rest", owner=people[0].pk)
    for path in ("jobs", f"jobs/{job.pk}"):
        assert APIClient().get(f"/api/v1/{path}").status_code in {401, 403}
    assert APIClient().post(f"/api/v1/jobs/{job.pk}/cancel").status_code in {401, 403}
    assert Job.objects.get().state == "queued"
