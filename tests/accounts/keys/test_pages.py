"""The pages of keys: made once, shown once, ended with a question, and nobody else's."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.keys import services
from accounts.keys.models import ApiKey
from accounts.models import User
from accounts.services import CHAIN
from record.models import AuditEntry

pytestmark = pytest.mark.django_db
HOME = "/account/keys/"
FORM = {"name": "Laptop", "scopes": ["read", "report"], "networks": "203.0.113.7, 2001:db8::/32",
        "bot": "", "days": "90"}  # fmt: skip


def text(answer) -> str:
    return answer.content.decode()


def key_in(page: str) -> str:
    return page.split('data-copy="')[1].split('"', maxsplit=1)[0]


@pytest.fixture
def ann(signed_in, confirmed) -> Client:
    return confirmed(signed_in("ann"))


def test_the_first_call_goes_to_the_address_that_is_known_outside(ann, settings):
    settings.SITE_ADDRESS = "https://pulse.example.com"
    page = text(ann.post(f"{HOME}add/", FORM))
    assert "https://pulse.example.com/api/v1/tools" in page
    assert "https://pulse.example.com/api/v1/tickets" in page
    assert "testserver" not in page


def test_the_first_visit_says_what_to_do(signed_in):
    client = signed_in("ann")
    page = text(client.get(HOME))
    assert "No key yet" in page
    assert "0 of 20 in use" in page
    assert "60 calls a minute on your plan, 20 of them at once" in page
    assert 'href="/account/keys/"' in text(client.get("/dashboard/"))


def test_visitors_are_sent_to_the_login(client):
    for path in (HOME, f"{HOME}add/", f"{HOME}1/", f"{HOME}1/revoke/"):
        assert client.get(path).url.startswith("/accounts/login/")


def test_a_key_is_shown_once_and_works(ann):
    answer = ann.post(f"{HOME}add/", FORM)
    page = text(answer)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    shown = key_in(page)
    assert page.count(shown) == 2  # to read, and to copy
    assert "curl -H &quot;X-API-Key: $PULSE_KEY&quot; http://testserver/api/v1/tools" in page or (
        'curl -H "X-API-Key: $PULSE_KEY" http://testserver/api/v1/tools' in page
    )
    program = Client(headers={"X-API-Key": shown}, REMOTE_ADDR="203.0.113.7")
    assert program.get("/api/v1/jobs").status_code == 200
    row = ApiKey.objects.get()
    later = text(ann.get(HOME)) + text(ann.get(f"{HOME}{row.pk}/"))
    assert shown.rpartition("_")[2] not in later
    assert f"pk_test_{row.prefix}" in later
    assert "203.0.113.7/32" in later
    assert "read, report" in later
    assert not any(shown in str(value) for value in ann.session.values())
    again = ann.post(f"{HOME}add/", FORM)  # as a reload of the page would
    assert again.status_code == 400
    assert "You have a key with this name" in text(again)


@pytest.mark.parametrize("path", ["add/", "{key}/rotate/", "{key}/revoke/"])
def test_changes_ask_for_the_password_again_and_then_go_on(signed_in, make, path):
    client = signed_in("ann")
    user = User.objects.get()
    row = make(user).row
    where = HOME + path.format(key=row.pk)
    before = AuditEntry.objects.filter(chain=CHAIN).count()
    answer = client.post(where, {**FORM, "overlap": "0"})
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/reauthenticate/")
    assert AuditEntry.objects.filter(chain=CHAIN).count() == before
    wrong = client.post(answer.url, {"password": "wrong"})
    assert wrong.status_code == 200
    assert AuditEntry.objects.filter(chain=CHAIN).count() == before
    done = client.post(answer.url, {"password": "correct horse 42 battery"})
    assert done.status_code in (200, 302)
    assert AuditEntry.objects.filter(chain=CHAIN).count() == before + 1
    if "revoke" not in path:
        program = Client(headers={"X-API-Key": key_in(text(done))}, REMOTE_ADDR="203.0.113.7")
        assert program.get("/api/v1/jobs").status_code == 200
        assert "http://testserver/api/v1/tools" in text(done)


def test_the_form_itself_asks_first(signed_in):
    assert signed_in("ann").get(f"{HOME}add/").url.startswith("/accounts/reauthenticate/")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"scopes": []}, "Choose at least one."),
        ({"scopes": ["root"]}, "root is not one of the available choices."),
        ({"networks": "10.0.0.1/8"}, "use 10.0.0.0/8"),
        ({"networks": "<b>"}, "&lt;b&gt; is no network"),
        ({"bot": "-1"}, "greater than or equal to 1"),
        ({"bot": "9" * 30}, "less than or equal to"),
        ({"bot": "seven"}, "Enter a whole number."),
        ({"days": "1"}, "1 is not one of the available choices."),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_a_fault_stands_beside_its_field_and_nothing_is_made(ann, changes, says):
    answer = ann.post(f"{HOME}add/", {**FORM, **changes})
    assert answer.status_code == 400
    assert says in text(answer)
    assert "No key was made" in text(answer)
    assert not ApiKey.objects.exists()


def test_a_key_is_rotated_with_an_overlap(ann):
    first = key_in(text(ann.post(f"{HOME}add/", {**FORM, "networks": ""})))
    row = ApiKey.objects.get()
    page = text(ann.post(f"{HOME}{row.pk}/rotate/", {"overlap": "3600"}))
    second = key_in(page)
    assert "The former secret goes on until" in page
    for one in (first, second):
        assert Client(headers={"X-API-Key": one}).get("/api/v1/jobs").status_code == 200
    assert "Two secrets" in text(ann.get(HOME))
    assert "Goes on until" in text(ann.get(f"{HOME}{row.pk}/"))
    assert ann.post(f"{HOME}{row.pk}/rotate/", {"overlap": "99999999"}).status_code == 400
    page = text(ann.post(f"{HOME}{row.pk}/rotate/", {"overlap": "0"}))
    assert "The former secret has ended." in page


def test_a_key_is_revoked_after_a_question(ann, django_capture_on_commit_callbacks):
    shown = key_in(text(ann.post(f"{HOME}add/", {**FORM, "networks": ""})))
    row = ApiKey.objects.get()
    where = f"{HOME}{row.pk}/revoke/"
    assert "Revoke Laptop?" in text(ann.get(where))
    assert ApiKey.objects.get().revoked is None
    with django_capture_on_commit_callbacks(execute=True):
        answer = ann.post(where, follow=True)
    assert "Laptop is revoked." in text(answer)
    assert Client(headers={"X-API-Key": shown}).get("/api/v1/jobs").status_code == 401
    assert "was revoked before" in text(ann.post(where, follow=True))
    assert "there is no such key" in text(
        ann.post(f"{HOME}{row.pk}/rotate/", {"overlap": "0"}, follow=True)
    )
    page = text(ann.get(f"{HOME}{row.pk}/"))
    assert "Rotate the key" not in page
    assert "Revoked" in page


def test_states_are_told(ann, make):
    user = User.objects.get()
    now = timezone.now()
    for name, fields in {
        "soon": {"expires": now + dt.timedelta(days=2)},
        "over": {"expires": now - dt.timedelta(days=2)},
        "used": {"last_used": now, "networks": ["10.0.0.0/8", "11.0.0.0/8"], "bot": 42},
    }.items():
        row = make(user, name=name).row
        ApiKey.objects.filter(pk=row.pk).update(**fields)
    page = text(ann.get(HOME))
    for said in ("Expires soon", "Expired", "and 1 more", "bot 42", "2 of 20 in use", "never"):
        assert said in page


def test_anothers_keys_are_as_if_they_did_not_exist(ann, make, person):
    row = make(person("bob"), name="bobs machine").row
    assert row.name not in text(ann.get(HOME))
    for path in ("", "revoke/"):
        assert ann.get(f"{HOME}{row.pk}/{path}").status_code == 404
    assert ann.post(f"{HOME}{row.pk}/revoke/").status_code == 404
    answer = ann.post(f"{HOME}{row.pk}/rotate/", {"overlap": "0"}, follow=True)
    assert "there is no such key" in text(answer)
    row.refresh_from_db()
    assert (row.revoked, row.rotated) == (None, None)


# --- a new password -------------------------------------------------------------------------------
PASSWORD = "correct horse 42 battery"
OTHER = "another 77 staple"
ALL = f"{HOME}revoke/"


def test_a_new_password_tells_of_the_keys_that_go_on_and_ends_them_at_once(ann, make):
    user = User.objects.get(email="ann@example.com")
    keys = [make(user, name=name).row for name in ("bot", "laptop")]
    old = make(user, name="old").row
    ApiKey.objects.filter(pk=old.pk).update(expires=timezone.now() - dt.timedelta(days=1))
    form = {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER}
    answer = ann.post("/accounts/password/change/", form)
    assert answer.url == f"{ALL}?after=password"
    page = text(ann.get(answer.url))
    assert "Your API keys still work" in page
    assert "2 keys work as before." in page
    assert "bot" in page
    assert old.prefix not in page
    assert all(row.state == "active" for row in ApiKey.objects.filter(pk__in=[k.pk for k in keys]))
    told = text(ann.post(answer.url, follow=True))
    assert "2 keys are revoked. Nothing can use them any more." in told
    assert not ApiKey.objects.filter(revoked=None).exclude(pk=old.pk).exists()
    rows = AuditEntry.objects.filter(chain=CHAIN, action="api_key_revoke")
    assert rows.count() == 2
    assert all("whose password is a new one" in row.detail for row in rows)
    assert "There was no key left that worked." in text(ann.post(ALL, follow=True))
    assert "No key works" in text(ann.get(ALL))


def test_a_new_password_without_keys_leads_to_the_account(ann):
    form = {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER}
    assert ann.post("/accounts/password/change/", form).url == "/account/"


def test_after_a_reset_the_first_sign_in_tells_of_the_keys(person, make, client):
    ann, bert = person("ann"), person("bert")
    make(ann)
    make(bert)
    client.post("/accounts/password/reset/", {"email": ann.email})
    address = re.search(r"http\S+/accounts/password/reset/key/\S+", mail.outbox[-1].body)
    form_address = client.get(address[0]).url
    done = client.post(form_address, {"password1": OTHER, "password2": OTHER}, follow=True)
    assert "you are asked after signing in whether to revoke them" in text(done)
    other = client.post("/accounts/login/", {"login": bert.email, "password": PASSWORD})
    assert other.url == "/dashboard/"  # somebody else at the same machine
    client.post("/accounts/logout/")
    elsewhere = Client()
    form = {"login": ann.email, "password": OTHER}
    assert elsewhere.post("/accounts/login/", form).url == "/dashboard/"
    client.post("/accounts/password/reset/", {"email": ann.email})
    address = re.search(r"http\S+/accounts/password/reset/key/\S+", mail.outbox[-1].body)
    client.post(client.get(address[0]).url, {"password1": PASSWORD, "password2": PASSWORD})
    answer = client.post("/accounts/login/", {"login": ann.email, "password": PASSWORD})
    assert answer.url == f"{ALL}?after=password"
    assert "1 key works as before." in text(client.get(answer.url))
    client.post("/accounts/logout/")
    again = client.post("/accounts/login/", {"login": ann.email, "password": PASSWORD})
    assert again.url == "/dashboard/"


def test_all_keys_end_for_their_owner_alone_and_after_a_fresh_sign_in(signed_in, person, make):
    kept = make(person("bert")).row
    client = signed_in("ann")
    make(User.objects.get(email="ann@example.com"), name="mine")
    session = client.session
    session["account_authentication_methods"] = []
    session.save()
    assert "/reauthenticate/" in client.post(ALL).url
    assert ApiKey.objects.filter(revoked=None).count() == 2
    kept.refresh_from_db()
    assert kept.revoked is None


# --- operators ------------------------------------------------------------------------------------
ADMIN = "/admin/accounts/apikey/"


def test_operators_see_keys_without_hashes_and_end_them_with_a_reason(signed_in, make):
    olga = signed_in("olga", is_staff=True)
    made = make()
    page = text(olga.get(ADMIN)) + text(olga.get(f"{ADMIN}{made.row.pk}/change/"))
    assert made.row.prefix in page
    assert made.row.digest not in page
    assert made.text not in page
    form = {"action": "revoke", "_selected_action": [made.row.pk]}
    assert "give a reason" in text(olga.post(ADMIN, form, follow=True))
    assert ApiKey.objects.get().revoked is None
    told = olga.post(ADMIN, {**form, "reason": "leaked on a forum"}, follow=True)
    assert "1 revoked." in text(told)
    assert ApiKey.objects.get().revoked is not None
    entry = AuditEntry.objects.filter(chain=CHAIN).order_by("seq").last()
    assert entry.action == "api_key_revoke"
    assert "leaked on a forum" in entry.detail
    assert entry.actor == f"user:{User.objects.get(email='olga@example.com').pk}"
    assert olga.get(f"{ADMIN}add/").status_code == 403


def test_an_operators_reason_has_its_length_and_an_owner_may_be_faster(
    signed_in, make, monkeypatch
):
    olga = signed_in("olga", is_staff=True)
    made = make()
    form = {"action": "revoke", "_selected_action": [made.row.pk]}
    olga.post(ADMIN, {**form, "reason": "x" * 501})
    assert ApiKey.objects.get().revoked is None
    revoke = services.key_revoke

    def later(user, key_id, **how):
        revoke(user, key_id, actor=user)  # the owner, between the list and the act
        return revoke(user, key_id, **how)

    monkeypatch.setattr(services, "key_revoke", later)
    told = text(olga.post(ADMIN, {**form, "reason": "leaked"}, follow=True))
    assert "0 revoked." in told
    assert AuditEntry.objects.get(action="api_key_revoke").actor == f"user:{made.row.user_id}"
