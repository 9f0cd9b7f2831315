"""The webhook takes what Stripe signed, once, and answers 400 to everything else."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

import pytest
import stripe as library
from django.db import DatabaseError, connection, transaction
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from accounts.billing import events, views, webhook
from accounts.billing.models import StripeEvent
from record.models import OutboxRow
from tests.accounts.billing.conftest import HOOK, post_signed

SECRET = "whsec_" + "k" * 32
EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "customer.subscription.updated",
    "created": 1_790_000_000,
    "livemode": False,
    "api_version": "2026-10-28.endive",
    "data": {"object": {"id": "sub_1", "object": "subscription", "customer": "cus_1"}},
}


@pytest.fixture
def configured(settings):
    settings.STRIPE_SECRET_KEY = "sk_test_" + "k" * 24
    settings.STRIPE_WEBHOOK_SECRET = SECRET


def send(body: bytes, header: bytes | str | None, **meta: str) -> int:
    """Call the view as a server does that has the raw header; errors are not caught."""
    request = RequestFactory().post(HOOK, body, content_type="application/json", **meta)
    if header is not None:
        text = header.decode("latin-1") if isinstance(header, bytes) else header
        request.META["HTTP_STRIPE_SIGNATURE"] = text
    return views.stripe_webhook(request).status_code


def signed(body: bytes, *, at: int | None = None, secret: str = SECRET) -> str:
    """Sign as Stripe's own library does."""
    when = int(time.time()) if at is None else at
    return library.WebhookSignature.generate_signature_header(body.decode(), secret, when)


def body_with(**values: object) -> bytes:
    return json.dumps({**EVENT, **values}).encode()


@pytest.mark.django_db
def test_an_event_is_kept_and_promised_once(configured):
    body = body_with()
    for _ in range(3):
        assert send(body, signed(body)) == 200
    row = StripeEvent.objects.get()
    assert (row.event_id, row.customer, row.type) == ("evt_1", "cus_1", EVENT["type"])
    assert OutboxRow.objects.get().key == "stripe:evt_1"


@pytest.mark.django_db
def test_two_secrets_count_while_one_replaces_the_other(configured, settings):
    old = "whsec_" + "o" * 32
    settings.STRIPE_WEBHOOK_SECRET = f"{SECRET}, {old}"
    for number, secret in enumerate((SECRET, old)):
        body = body_with(id=f"evt_{number}")
        assert send(body, signed(body, secret=secret)) == 200


NOW = 1_790_000_000
GOOD = body_with()


def refused_headers(now: int) -> dict[str, bytes | str | None]:
    """What no sender with the secret says at this time; a run may outlast any fixed time."""
    return {
        "none": None,
        "empty": "",
        "forged": f"t={now},v1={'0' * 64}",
        "other secret": signed(GOOD, at=now, secret="whsec_other0000000000"),
        "stale": signed(GOOD, at=now - 400),
        "future": signed(GOOD, at=now + 400),
        "other scheme": signed(GOOD, at=now).replace("v1=", "v0="),
        "not ASCII": f"t={now},v1=".encode() + b"\xe9\xff" * 32,
        "not ASCII time": "t=١٢٣,v1=" + "0" * 64,
        "no number": f"t=soon,v1={'0' * 64}",
        "huge number": f"t={'9' * 400},v1={'0' * 64}",
        "negative": f"t=-{now},v1={'0' * 64}",
        "two times": f"t={now},t={now},v1={'0' * 64}",
        "no equals": "tv1",
        "NUL": f"t={now},v1=\x00{'0' * 63}",
        "long": "t=1," + "v1=" + "0" * 5000,
        "many": f"t={now}," + ",".join(["v1=" + "0" * 64] * 25),
    }


@pytest.mark.parametrize("name", refused_headers(NOW))
@pytest.mark.django_db
def test_what_stripe_did_not_sign_now_is_refused(configured, name):
    assert send(GOOD, refused_headers(int(time.time()))[name]) == 400
    assert not StripeEvent.objects.exists()


BODIES = {
    "empty": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "null": b"null",
    "NaN": b'{"id": NaN}',
    "deep": b"[" * 60_000,
    "no event": body_with(object="charge"),
    "live": body_with(livemode=True),
    "no mode": body_with(livemode=None),
    "mode as text": body_with(livemode="false"),
    "no id": body_with(id=None),
    "NUL in id": body_with(id="evt_\x00"),
    "id of other letters": body_with(id="evt_é"),
    "long id": body_with(id="e" * 191),
    "id as list": body_with(id=["evt_1"]),
    "no type": body_with(type=5),
    "NUL in type": body_with(type="a\x00"),
    "no time": body_with(created=None),
    "truth as time": body_with(created=True),
    "huge time": body_with(created=10**30),
    "negative time": body_with(created=-5),
    "fraction as time": body_with(created=1.5),
    "no data": body_with(data=None),
    "no object": body_with(data={"object": 3}),
    "odd customer": body_with(data={"object": {"customer": "cus\x00"}}),
    "customer as list": body_with(data={"object": {"customer": [1]}}),
    "odd version": body_with(api_version="\x00"),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.django_db
def test_a_signed_body_that_is_no_event_is_refused(configured, name):
    body = BODIES[name]
    assert send(body, signed(body)) == 400
    assert not StripeEvent.objects.exists()


@pytest.mark.django_db
def test_a_body_that_is_not_text_is_refused_before_it_is_read(configured):
    import hashlib
    import hmac

    body = b'{"id": "\xff\xfe"}'
    now = int(time.time())
    made = hmac.new(SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    assert send(body, f"t={now},v1={made}") == 400
    assert send(body, f"t={now},v1={'0' * 64}") == 400


@pytest.mark.django_db
def test_an_oversized_body_is_refused(configured):
    body = body_with(padding="x" * webhook.MAX_BYTES)
    assert send(body, signed(body)) == 400
    assert send(body, signed(body), CONTENT_LENGTH="2") == 400  # cut off, so the signature fails
    assert send(GOOD, signed(GOOD), CONTENT_LENGTH="-5") == 400
    assert send(GOOD, signed(GOOD), CONTENT_LENGTH="9" * 30) == 400


@pytest.mark.django_db
def test_only_posts_and_no_cookie_or_token_is_needed(configured):
    web = Client(enforce_csrf_checks=True)
    assert web.get(HOOK).status_code == 405
    body = body_with()
    answer = web.post(
        HOOK, body, content_type="application/json", headers={"Stripe-Signature": signed(body)}
    )
    assert answer.status_code == 200


@given(body=st.binary(max_size=60), header=st.text(max_size=80))
def test_nothing_but_a_refusal_comes_of_noise(body, header):
    with pytest.raises(webhook.RefusedError):
        webhook.verify(body, header, [SECRET], now=float(NOW))


def test_ten_thousand_garbled_webhooks_open_nothing():
    chance = random.Random(11)
    header = signed(GOOD)
    for _ in range(10_000):
        body, sign = bytearray(GOOD), bytearray(header.encode())
        target = body if chance.random() < 0.5 else sign
        for _ in range(chance.randint(1, 3)):
            target[chance.randrange(len(target))] ^= 1 << chance.randrange(8)
        if bytes(body) == GOOD and sign.decode("latin-1") == header:
            continue
        text = sign.decode("latin-1")
        try:
            webhook.verify(bytes(body), text, [SECRET])
        except webhook.RefusedError:
            continue
        # A garbled letter of a name or a space may leave time and signature whole.
        library.WebhookSignature.verify_header(bytes(body).decode(), text, SECRET, 300)


@given(
    body=st.text(max_size=200).map(lambda text: text.encode("utf-8", "ignore")),
    lag=st.integers(-600, 600),
)
def test_our_check_agrees_with_the_library_and_also_looks_ahead(body, lag):
    header = signed(body, at=NOW + lag)
    try:
        webhook.verify(body, header, [SECRET], now=float(NOW))
    except webhook.RefusedError:
        assert abs(lag) > webhook.TOLERANCE_S
    else:
        assert abs(lag) <= webhook.TOLERANCE_S


@pytest.mark.django_db
def test_the_database_refuses_to_change_or_remove_an_event(configured):
    body = body_with()
    send(body, signed(body))
    for statement in ("UPDATE {} SET type = 'x'", "DELETE FROM {}"):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.format("accounts_stripeevent"))


@pytest.mark.django_db
def test_what_is_of_no_use_is_kept_without_work(stripe):
    body = body_with(type="payout.paid", data={"object": {"id": "po_1"}})
    assert post_signed(body, stripe).status_code == 200
    assert StripeEvent.objects.count() == 1
    assert not OutboxRow.objects.exists()


def test_the_endpoint_sends_what_is_worked_on_and_nothing_else_counts_as_lost():
    text = (Path(__file__).resolve().parents[3] / "docs" / "billing.md").read_text()
    part = text.partition("## Events of the endpoint")[2].partition("## ")[0]
    assert re.findall(r"^- `([a-z_.]+)\*`$", part, re.MULTILINE) == list(events.OURS)


@pytest.mark.django_db
def test_events_of_strangers_change_nothing(stripe, work):
    strange = [
        body_with(),
        body_with(id="evt_2", type="charge.dispute.created", data={"object": {"charge": "ch_9"}}),
    ]
    for body in strange:
        assert post_signed(body, stripe).status_code == 200
    assert work() == 2


@pytest.mark.django_db
def test_a_refusal_says_why_in_the_log_and_holds_nothing_of_the_request(configured):
    from structlog.testing import capture_logs

    with capture_logs() as logs:
        send(GOOD, f"t={int(time.time())},v1={'a' * 64}")
    assert logs[0]["why"] == "no signature matches"
    assert "a" * 64 not in json.dumps(logs)
    assert SECRET not in json.dumps(logs)
