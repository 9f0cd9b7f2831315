"""Making, rotating and revoking keys: what is stored, what is on record, what is refused."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.utils import timezone

from accounts.checks import check_key_peppers
from accounts.keys import rules, services
from accounts.keys.models import ApiKey
from accounts.keys.rules import FieldError
from accounts.keys.verifying import verify
from accounts.services import CHAIN
from record.models import AuditEntry

pytestmark = pytest.mark.django_db
OLD = "old:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
NEW = "new:OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM accounts_apikey k")
        return "".join(row[0] for row in cursor.fetchall())


def on_record() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(chain=CHAIN).order_by("seq"))


def test_a_key_is_stored_as_a_hash_alone(make):
    made = make(scopes=["trade", "read"], networks=["203.0.113.7"], days=30, bot=9)
    secret = made.text.rpartition("_")[2]
    assert made.text.startswith(f"pk_test_{made.row.prefix}_")
    assert secret not in stored()
    assert secret not in repr(made)
    assert len(made.row.digest) == 64
    assert made.row.scopes == ["read", "trade"]
    assert made.row.networks == ["203.0.113.7/32"]
    assert dt.timedelta(days=29) < made.row.expires - timezone.now() <= dt.timedelta(days=30)


def test_each_change_is_on_record_without_a_secret(make, person):
    ann = person("ann")
    made = make(ann)
    again = services.key_rotate(ann, made.row.pk, overlap_s=3600)
    services.key_revoke(ann, made.row.pk, actor=ann)
    entries = on_record()
    assert [entry.action for entry in entries] == [
        "api_key_create", "api_key_rotate", "api_key_revoke",
    ]  # fmt: skip
    for entry in entries:
        assert entry.subject == entry.actor == f"user:{ann.pk}"
        assert made.row.prefix in entry.detail
        for text in (made.text, again.text):
            assert text.rpartition("_")[2] not in entry.detail


def test_a_rotated_key_goes_on_for_the_overlap_and_no_longer(make, person):
    ann = person("ann")
    first = make(ann)
    second = services.key_rotate(ann, first.row.pk, overlap_s=3600)
    assert second.text != first.text
    assert second.row.prefix == first.row.prefix
    assert verify(first.text, None)
    assert verify(second.text, None)
    ApiKey.objects.update(old_until=timezone.now() - dt.timedelta(seconds=1))
    services.kept.forget(ann.pk)
    assert verify(first.text, None) is None
    third = services.key_rotate(ann, first.row.pk, overlap_s=0)
    assert verify(second.text, None) is None
    assert verify(third.text, None)


def test_an_overlap_ends_with_the_second_rotation(make, person):
    ann = person("ann")
    texts = [make(ann).text]
    key = ApiKey.objects.get()
    texts += [services.key_rotate(ann, key.pk, overlap_s=600).text for _ in range(2)]
    assert [verify(text, None) is not None for text in texts] == [False, True, True]


def test_revoking_ends_both_secrets_for_good(make, person):
    ann = person("ann")
    first = make(ann)
    second = services.key_rotate(ann, first.row.pk, overlap_s=600)
    services.key_revoke(ann, first.row.pk, actor=ann)
    assert verify(first.text, None) is None
    assert verify(second.text, None) is None
    for again in (
        lambda: services.key_revoke(ann, first.row.pk, actor=ann),
        lambda: services.key_rotate(ann, first.row.pk, overlap_s=0),
    ):
        with pytest.raises(services.KeyGoneError):
            again()


def test_an_expired_key_is_not_rotated(make, person):
    ann = person("ann")
    made = make(ann, days=30)
    ApiKey.objects.update(expires=timezone.now())
    with pytest.raises(services.KeyGoneError, match="expired"):
        services.key_rotate(ann, made.row.pk, overlap_s=0)


def test_anothers_key_is_as_if_it_did_not_exist(make, person):
    eve, key = person("eve"), make().row
    with pytest.raises(services.KeyGoneError):
        services.key_rotate(eve, key.pk, overlap_s=0)
    with pytest.raises(services.KeyGoneError):
        services.key_revoke(eve, key.pk, actor=eve)


def test_a_name_stands_once_and_is_free_after_revoking(make, person):
    ann = person("ann")
    made = make(ann)
    with pytest.raises(FieldError, match="choose another name"):
        make(ann)
    services.key_revoke(ann, made.row.pk, actor=ann)
    assert make(ann).row.pk != made.row.pk


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"networks": ["x"]}, "networks"),
        ({"bot": 0}, "bot"),
        ({"bot": 2**63}, "bot"),
        ({"days": 7}, "days"),
    ],
)
def test_a_value_that_cannot_be_taken_is_named(make, given, field):
    with pytest.raises(FieldError) as caught:
        make(**given)
    assert caught.value.name == field
    assert not ApiKey.objects.exists()
    assert on_record() == []


@pytest.mark.django_db(transaction=True)
def test_twelve_threads_make_no_more_keys_than_there_may_be(person):
    ann = person("ann")
    for number in range(rules.MOST_KEYS - 3):
        services.key_create(ann, name=f"k{number}", scopes=["read"])

    def one(number: int) -> bool:
        try:
            services.key_create(ann, name=f"t{number}", scopes=["read"])
        except FieldError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(one, range(12))) == 3
    assert ApiKey.objects.count() == rules.MOST_KEYS


def test_peppers_change_while_keys_go_on(make, person, settings):
    settings.KEY_PEPPERS = OLD
    ann = person("ann")
    old = make(ann)
    settings.KEY_PEPPERS = f"{NEW},{OLD}"
    services.kept.forget(ann.pk)
    new = make(ann, name="new")
    assert (old.row.pepper_id, new.row.pepper_id) == ("old", "new")
    assert verify(old.text, None)
    assert verify(new.text, None)
    settings.KEY_PEPPERS = NEW
    services.kept.forget(ann.pk)
    assert verify(old.text, None) is None
    assert verify(new.text, None)
    settings.KEY_PEPPERS = NEW.replace("OTg3", "OTg4")
    services.kept.forget(ann.pk)
    assert verify(new.text, None) is None


@pytest.mark.parametrize(
    ("peppers", "fault"),
    [("", "accounts.E002"), ("a:short", "accounts.E002"), (OLD, "accounts.E003")],
)
def test_a_start_without_good_peppers_is_stopped(settings, peppers, fault):
    settings.KEYRING = OLD.replace("old", "ring")
    settings.KEY_PEPPERS = peppers
    assert [told.id for told in check_key_peppers()] == [fault]
    with pytest.raises(SystemCheckError, match="PULSE_KEY_PEPPERS"):
        call_command("check", tags=["security"])


def test_good_peppers_pass(settings):
    assert check_key_peppers() == []
    settings.KEY_PEPPERS = f"{NEW},{OLD}"
    assert check_key_peppers() == []
