"""Every page of sign-in and account: it renders, in our layout, under the strict policy."""

import re

import pytest
from django.urls import reverse

ENTRANCE = (
    "account_login",
    "account_signup",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
    "account_email_verification_sent",
    "account_inactive",
)
OWN = (
    "account_email",
    "account_change_password",
    "account_logout",
    "account_reauthenticate",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "usersessions_list",
    "accounts:account",
    "accounts:pricing",
)


def assert_ours(answer) -> None:
    assert answer.status_code == 200, answer.headers
    text = answer.content.decode()
    assert "css/tokens.css" in text
    assert len(re.findall(r"<h1[ >]", text)) == 1
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=\"", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text)
    title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
    assert title is not None
    assert title[1].strip() not in {"", "· Pulse"}
    assert_labelled(text)


def assert_labelled(text: str) -> None:
    """Every visible control has a label that points at it or is around it."""
    for tag in re.findall(r"<(?:input|textarea|select)\b[^>]*>", text):
        if 'type="hidden"' in tag or "role=" in tag:
            continue
        name = re.search(r'\bid="([^"]+)"', tag)
        wrapped = re.search(r"<label[^>]*>\s*" + re.escape(tag), text)
        assert wrapped or (name and f'for="{name[1]}"' in text), tag


@pytest.mark.django_db
@pytest.mark.parametrize("name", [*ENTRANCE, "accounts:pricing"])
def test_a_visitor_sees_the_page(client, name):
    assert_ours(client.get(reverse(name)))


@pytest.mark.parametrize("name", OWN)
def test_the_owner_sees_the_page(signed_in, confirmed, name):
    assert_ours(confirmed(signed_in("anna")).get(reverse(name)))
