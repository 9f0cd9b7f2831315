"""Web push held against the example of RFC 8291, section 5."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from accounts.alerts import pushkeys, webpush
from accounts.alerts.models import PushKey

AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
BROWSER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
TEXT = b"When I grow up, I want to be a watermelon"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6"
    "TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulc"
    "y4a-fN"
)


def test_the_example_of_the_rfc():
    own = ec.derive_private_key(int.from_bytes(webpush.unb64(SENDER), "big"), ec.SECP256R1())
    made = webpush.encrypt(TEXT, BROWSER, AUTH, own=own, salt=webpush.unb64(SALT))
    assert webpush.b64(made) == BODY


def test_no_two_messages_are_alike():
    assert webpush.encrypt(TEXT, BROWSER, AUTH) != webpush.encrypt(TEXT, BROWSER, AUTH)


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [("", AUTH), (BROWSER[:-4], AUTH), ("B" + "A" * 86, AUTH), (BROWSER, ""), (BROWSER, "AAAA"),
     ("no base64!", AUTH), (BROWSER, "ä")],
)  # fmt: skip
def test_keys_that_are_none_are_refused(p256dh, auth):
    with pytest.raises(ValueError):
        webpush.check_keys(p256dh, auth)


def test_what_is_too_long_is_refused():
    with pytest.raises(ValueError, match="3000"):
        webpush.encrypt(b"x" * 3001, BROWSER, AUTH)


@given(st.binary(max_size=80))
def test_base64url_gives_back_what_it_took(raw):
    assert webpush.unb64(webpush.b64(raw)) == raw


@pytest.mark.django_db
def test_the_platforms_key_is_made_once_and_lies_encrypted():
    first = pushkeys.public_key()
    assert pushkeys.public_key() == first
    assert len(webpush.unb64(first)) == 65
    assert PushKey.objects.count() == 1
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT private FROM accounts_pushkey")
        assert "PRIVATE KEY" not in cursor.fetchone()[0]
