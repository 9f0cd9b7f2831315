"""Operators' pages: everything is seen, nothing is edited, actions are audited."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.urls import reverse

from record import audit, jobs, outbox, streams
from record.models import AuditEntry, IdempotencyKey, Job, OutboxRow

pytestmark = pytest.mark.django_db
MODELS = [model for model in admin.site._registry if model._meta.app_label == "record"]


@pytest.fixture
def operator():
    return get_user_model().objects.create_superuser(email="op@pulse.example", password="x")


@pytest.fixture
def client_of():
    def client(user) -> Client:
        made = Client()
        made.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return made

    return client


@pytest.fixture(autouse=True)
def _rows(sent):
    jobs.register("tests.admin", lambda context: None)
    with transaction.atomic():
        outbox.enqueue("record.prune")
        streams.append("test:admin", key="k", data={"x": 1})
    jobs.submit("tests.admin", owner=7)
    audit.write("tests", actor="a", action="b", subject="c")
    IdempotencyKey.objects.create(owner="o", key="k", request_hash="h", answer="hush")
    yield
    jobs.unregister("tests.admin")


def test_every_table_of_the_record_has_a_page():
    from django.apps import apps

    assert set(MODELS) == set(apps.get_app_config("record").get_models())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_pages_show_rows_and_offer_no_editing(model, operator, client_of):
    browser = client_of(operator)
    base = f"admin:record_{model._meta.model_name}"
    listed = browser.get(reverse(f"{base}_changelist"))
    assert listed.status_code == 200
    row = model.objects.first()
    shown = browser.get(reverse(f"{base}_change", args=[row.pk]))
    assert shown.status_code == 200
    assert b'name="_save"' not in shown.content
    assert b"hush" not in shown.content
    assert browser.get(reverse(f"{base}_add")).status_code == 403
    assert browser.post(reverse(f"{base}_delete", args=[row.pk])).status_code == 403
    assert browser.post(reverse(f"{base}_change", args=[row.pk]), {}).status_code == 403


def _act(browser: Client, model: type, action: str):
    ids = list(model.objects.values_list("pk", flat=True))
    return browser.post(
        reverse(f"admin:record_{model._meta.model_name}_changelist"),
        {"action": action, "_selected_action": ids},
        follow=True,
    )


def test_actions_change_rows_and_leave_an_audit_row(operator, client_of):
    browser = client_of(operator)
    OutboxRow.objects.update(state="failed", error="broken")
    assert b"1 of 1 rows will run again" in _act(browser, OutboxRow, "replay").content
    assert OutboxRow.objects.get().state == "pending"
    assert b"0 of 1 rows were given up" in _act(browser, OutboxRow, "discard").content
    OutboxRow.objects.update(state="failed")
    assert b"1 of 1 rows were given up" in _act(browser, OutboxRow, "discard").content
    assert b"1 of 1 jobs end" in _act(browser, Job, "cancel").content
    assert b"1 of 1 jobs go on" in _act(browser, Job, "requeue").content
    assert Job.objects.get().state == "queued"
    entries = AuditEntry.objects.filter(chain=audit.OPERATORS).order_by("seq")
    assert list(entries.values_list("action", flat=True)) == [
        "outbox.replay",
        "outbox.discard",
        "job.cancel",
        "job.requeue",
    ]
    assert set(entries.values_list("actor", flat=True)) == {f"user:{operator.pk}"}


def test_who_may_only_look_is_offered_no_action(client_of):
    user = get_user_model().objects.create_user(
        email="viewer@pulse.example", password="x", is_staff=True
    )
    user.user_permissions.add(Permission.objects.get(codename="view_job"))
    browser = client_of(user)
    page = browser.get(reverse("admin:record_job_changelist"))
    assert page.status_code == 200
    assert b'value="cancel"' not in page.content
    _act(browser, Job, "cancel")
    assert Job.objects.get().state == "queued"
