"""Secrets at rest: sealed for one owner, under keys that can change."""

from __future__ import annotations

import base64
import os

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from record import audit, checks, rotation, secrets
from record.fields import Sealed
from record.models import AuditEntry, IdempotencyKey
from record.secrets import Keyring, KeyringError, SecretError

OLD, NEW = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))


@given(st.text(), st.text())
def test_opens_for_its_owner_alone(text, owner):
    token = secrets.encrypt(text.encode("utf-8", "ignore"), aad=owner)
    assert secrets.decrypt_bytes(token, aad=owner) == text.encode("utf-8", "ignore")
    with pytest.raises(SecretError):
        secrets.decrypt(token, aad=owner + "x")


def test_equal_secrets_have_different_tokens_that_hide_them():
    one, two = (secrets.encrypt("hunter2", aad="u:1") for _ in range(2))
    assert one != two
    assert "hunter2" not in one
    assert base64.b64encode(b"hunter2").decode().rstrip("=") not in one


def test_any_changed_character_is_noticed():
    token = secrets.encrypt("a secret", aad="u:1")
    for place in range(len(token)):
        for other in ("A", "B", "."):
            changed = token[:place] + other + token[place + 1 :]
            if changed != token:
                with pytest.raises(SecretError):
                    secrets.decrypt(changed, aad="u:1")


@pytest.mark.parametrize("token", ["", "p1", "p1.demo.a.b", "p2.demo.AA.AA", "ä.b.c.d", "...."])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(SecretError):
        secrets.decrypt(token, aad="u:1")


def test_keys_rotate_without_touching_the_secrets(settings):
    settings.KEYRING = f"old:{OLD}"
    token = secrets.encrypt("kept", aad="u:1")
    settings.KEYRING = f"new:{NEW},old:{OLD}"
    assert secrets.decrypt(token, aad="u:1") == "kept"
    again = secrets.rewrap(token)
    assert (secrets.key_id(token), secrets.key_id(again)) == ("old", "new")
    assert again.split(".")[3] == token.split(".")[3]
    assert secrets.rewrap(again) == again
    settings.KEYRING = f"new:{NEW}"
    assert secrets.decrypt(again, aad="u:1") == "kept"
    with pytest.raises(SecretError, match="old is not in the keyring"):
        secrets.decrypt(token, aad="u:1")
    settings.KEYRING = f"new:{OLD}"
    with pytest.raises(SecretError):
        secrets.decrypt(again, aad="u:1")


@pytest.mark.parametrize(
    "text",
    ["", "k", "k:", f"k k:{OLD}", "k:AAAA", f"k:{OLD},k:{NEW}", "k:not base64!", f":{OLD}"],
    ids=("empty", "name", "no key", "two names", "short", "twice", "no base64", "no name"),
)
def test_bad_keyrings_are_refused_without_showing_keys(text, settings):
    with pytest.raises(KeyringError) as refusal:
        Keyring.parse(text)
    assert OLD not in str(refusal.value)
    settings.KEYRING = text
    assert [fault.id for fault in checks.check_keyring()] == ["record.E001"]


def test_settings_of_this_house_pass_the_checks():
    assert [*checks.check_keyring(), *checks.check_celery()] == []


def test_celery_settings_that_could_run_work_twice_are_refused(settings):
    settings.CELERY_TASK_TIME_LIMIT = 61
    settings.CELERY_ACCEPT_CONTENT = ["json", "pickle"]
    assert [fault.id for fault in checks.check_celery()] == ["record.E002", "record.E003"]


def _row(**more) -> IdempotencyKey:
    return IdempotencyKey.objects.create(
        **{"owner": "user:1", "key": "k", "request_hash": "h", "answer": "the answer", **more}
    )


def _stored(row: IdempotencyKey) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM record_idempotencykey WHERE id = %s", [row.pk])
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_field_is_sealed_in_the_database_and_plain_on_the_instance():
    row = _row()
    assert row.answer == "the answer"
    assert _stored(row).startswith("p1.")
    found = IdempotencyKey.objects.get(pk=row.pk)
    assert isinstance(found.__dict__["answer"], Sealed)
    assert found.answer == "the answer"
    assert IdempotencyKey.objects.defer("answer").get(pk=row.pk).answer == "the answer"
    token = _stored(row)
    IdempotencyKey.objects.get(pk=row.pk).save()
    assert _stored(row) == token  # a secret that nobody read is not sealed anew


@pytest.mark.django_db
def test_token_of_one_row_does_not_open_in_another():
    row, other = _row(), _row(owner="user:2", answer="theirs")
    IdempotencyKey.objects.filter(pk=row.pk).update(answer=Sealed(_stored(other)))
    with pytest.raises(SecretError):
        _ = IdempotencyKey.objects.get(pk=row.pk).answer


@pytest.mark.django_db
def test_plain_text_never_reaches_the_database():
    row = _row()
    with pytest.raises(TypeError, match="through an instance"), transaction.atomic():
        IdempotencyKey.objects.filter(pk=row.pk).update(answer="plain")
    with pytest.raises(Exception, match="Unsupported lookup"):
        IdempotencyKey.objects.filter(answer="plain").exists()
    row.answer = "other"
    IdempotencyKey.objects.bulk_create([IdempotencyKey(owner="b", key="b", answer="bulk")])
    assert IdempotencyKey.objects.get(owner="b").answer == "bulk"
    assert not IdempotencyKey.objects.filter(answer__isnull=True).exists()


@pytest.mark.django_db
def test_command_brings_all_secrets_under_the_newest_key(settings, capsys, monkeypatch):
    settings.KEYRING = f"old:{OLD}"
    rows = [_row(key=str(n), answer=f"answer {n}") for n in range(5)]
    monkeypatch.setattr(rotation, "_BATCH", 2)
    monkeypatch.setattr(rotation, "_others", {})
    rotation.register("elsewhere", lambda: 3)
    settings.KEYRING = f"new:{NEW},old:{OLD}"
    call_command("rotate_secrets")
    assert "8 secrets now under new." in capsys.readouterr().out
    settings.KEYRING = f"new:{NEW}"
    assert [IdempotencyKey.objects.get(pk=row.pk).answer for row in rows] == [
        f"answer {n}" for n in range(5)
    ]
    assert rotation.rotate_all()["record.idempotencykey.answer"] == 0
    assert AuditEntry.objects.get(chain=audit.OPERATORS).subject == "key:new"
