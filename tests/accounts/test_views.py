"""One's own account page, the plan table, and the demo's plan switch."""

import json
import re

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings as project
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string

from accounts import preferences, selectors
from accounts.models import User
from accounts.services import CHAIN
from pulse import context
from record.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_the_account_page_shows_plan_and_protection(signed_in):
    page = signed_in("nina", "pro").get("/account/").content.decode()
    assert "Tools 1 to 30" in page
    assert "nina@example.com" in page
    assert "Your password alone opens this account." in page
    assert "Billing is not configured" in page


def test_the_account_page_is_not_cached_and_not_for_visitors(signed_in, client):
    assert "no-store" in signed_in("nina").get("/account/")["Cache-Control"]
    assert client.get("/account/").url == "/accounts/login/?next=/account/"


def test_security_counts_passkeys_and_sessions(person, signed_in):
    client, user = signed_in("nina"), person("nina")
    client.get("/account/")
    Authenticator.objects.create(user=user, type="webauthn", data={})
    found = selectors.security_of(user)
    assert (found.passkeys, found.sessions, found.second_factor) == (1, 1, True)
    assert found.email_verified
    assert found.has_password


def test_preferences_become_cookies_without_a_script(signed_in):
    client = signed_in("nina")
    wish = {"theme": "dark", "density": "compact", "updown": "classic"}
    answer = client.post("/account/preferences/", wish)
    assert answer.url == "/account/"
    for name, value in wish.items():
        cookie = answer.cookies[name]
        assert (cookie.value, cookie["samesite"], cookie["max-age"]) == (value, "Lax", 31536000)
    page = client.get("/account/").content.decode()
    assert 'data-theme="dark"' in page
    assert 'data-density="compact"' in page
    assert 'data-updown="classic"' in page
    checked = re.findall(r'name="(\w+)" value="(\w+)" checked', page)
    assert dict(checked) == wish


def test_a_preference_that_is_unknown_is_not_kept(signed_in):
    answer = signed_in("nina").post("/account/preferences/", {"theme": '"><script>', "x": "1"})
    assert set(answer.cookies) & {"theme", "x"} == set()


def test_the_choices_are_those_that_the_pages_know():
    known = {"theme": context.THEMES, "density": context.DENSITIES, "updown": context.UPDOWN}
    offered = {
        preference.name: tuple(value for value, _ in preference.options)
        for preference in preferences.PREFERENCES
    }
    assert offered == known


@pytest.mark.parametrize(
    ("query", "prices"),
    [
        ("", ["$0", "$99 a month", "$299 a month"]),
        ("?billing=yearly", ["$0", "$990 a year", "$2,990 a year"]),
    ],
)
def test_the_plan_table_has_both_prices(client, query, prices):
    page = client.get(f"/pricing/{query}").content.decode()
    assert re.findall(r'<td data-label="[^"]+"><strong>([^<]+)</strong></td>', page) == prices
    assert "Billing is not configured" in page
    assert "Not in force yet" in page
    assert "Switch to" not in page


def test_the_demo_switches_ones_own_plan_with_an_audit_row(signed_in, person):
    client, other = signed_in("nina"), person("bert")
    page = client.get("/pricing/").content.decode()
    assert page.count("(demo)</button>") == 2
    answer = client.post("/account/plan/", {"plan": "pro_plus"}, follow=True)
    assert "Your account is on Pro+ now." in answer.content.decode()
    assert User.objects.get(email="nina@example.com").plan == "pro_plus"
    assert User.objects.get(pk=other.pk).plan == "free"
    entry = AuditEntry.objects.get(chain=CHAIN)
    assert json.loads(entry.detail)["to"] == "pro_plus"


def test_the_switch_refuses_a_plan_that_there_is_not(signed_in):
    answer = signed_in("nina").post("/account/plan/", {"plan": "operator"}, follow=True)
    assert "Nothing was changed" in answer.content.decode()
    assert User.objects.get().plan == "free"
    assert not AuditEntry.objects.filter(chain=CHAIN).exists()


@pytest.mark.parametrize("flags", [{"DEMO_LOGINS": False}, {"PRODUCTION": True}])
def test_outside_the_demo_there_is_no_switch(signed_in, settings, flags):
    client = signed_in("nina")
    for name, value in flags.items():
        setattr(settings, name, value)
    assert "Switch to" not in client.get("/pricing/").content.decode()
    assert client.post("/account/plan/", {"plan": "pro_plus"}).status_code == 404
    assert User.objects.get().plan == "free"


def test_visitors_cannot_post_to_accounts(client):
    for address in ("/account/plan/", "/account/preferences/"):
        assert client.post(address, {"plan": "pro"}).url == "/accounts/login/"


@pytest.mark.parametrize(
    "name", ["account/verification_sent.html", "account/password_reset_done.html"]
)
def test_the_demo_says_where_its_mail_lies(settings, rf, name):
    request = rf.get("/")

    request.user = AnonymousUser()
    settings.EMAIL_BACKEND = selectors.FILE_BACKEND
    settings.EMAIL_FILE_PATH = str(project.BASE_DIR / "var" / "mail")
    assert "<code>var/mail</code>" in render_to_string(name, request=request)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert "Demo:" not in render_to_string(name, request=request)


def test_the_mail_folder_elsewhere_is_named_whole(settings):
    settings.EMAIL_BACKEND = selectors.FILE_BACKEND
    settings.EMAIL_FILE_PATH = "/elsewhere/mail"
    assert selectors.mail_folder() == "/elsewhere/mail"
    settings.DEMO_LOGINS = False
    assert selectors.mail_folder() == ""
