"""Stripe is set up whole or not at all, and its keys stay out of sight."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.billing import config
from accounts.billing.client import CONNECT_S, NotConfiguredError, client
from pulse.logging import mask
from record.models import AuditEntry

ROOT = Path(__file__).resolve().parents[3]
TEST, LIVE, HOOK = "sk_test_" + "a" * 24, "sk_live_" + "a" * 24, "whsec_" + "b" * 32


@pytest.mark.parametrize(
    ("key", "secret", "values", "ids"),
    [
        ("", "", {}, []),
        (TEST, HOOK, {}, []),
        ("rk_test_" + "a" * 24, f"{HOOK},{HOOK}", {}, []),
        (TEST, "", {}, ["accounts.E010"]),
        ("", HOOK, {}, ["accounts.E010"]),
        ("pk_test_" + "a" * 24, HOOK, {}, ["accounts.E011"]),
        (TEST, "secret", {}, ["accounts.E012"]),
        (LIVE, HOOK, {}, ["accounts.E013"]),
        (LIVE, HOOK, {"PRODUCTION": True}, []),
        (TEST, HOOK, {"PRODUCTION": True}, ["accounts.W014"]),
        (LIVE, HOOK, {"PRODUCTION": True, "STRIPE_API_BASE": "http://127.0.0.1:1"},
         ["accounts.E015"]),
        (TEST, HOOK, {"STRIPE_API_BASE": "https://api.example.com"}, ["accounts.E016"]),
        (TEST, HOOK, {"STRIPE_API_BASE": "http://127.0.0.1:12111"}, []),
    ],
)  # fmt: skip
def test_half_configured_stripe_is_named(settings, key, secret, values, ids):
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = key, secret
    for name, value in values.items():
        setattr(settings, name, value)
    found = list(config.check_stripe())
    assert [one.id for one in found] == ids
    assert not any(key and key in str(one) for one in found)
    assert config.is_on() is bool(key and secret)


def test_a_live_key_stops_everything_but_production():
    keep = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", "import pulse.settings"],
        cwd=ROOT, env={**keep, "STRIPE_SECRET_KEY": LIVE}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "belongs in production mode alone" in done.stderr
    assert LIVE not in done.stderr


def test_keys_are_masked_in_logs():
    for text in (TEST, LIVE, HOOK, "rk_live_" + "a" * 24):
        assert text not in mask(f"the key {text} was used")


def test_the_client_has_time_outs_and_never_repeats(settings):
    with pytest.raises(NotConfiguredError):
        client()
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = TEST, HOOK
    options = client()._requestor._options  # the library shows them nowhere else
    assert options.max_network_retries == 0
    assert CONNECT_S <= 5


@pytest.mark.django_db
def test_the_demo_switch_is_for_the_demo_and_beside_no_subscription(buyer, stripe, person, work):
    from django.test import Client

    from accounts.billing import services

    user = buyer("nina")
    services.sync(user.billing.pk)
    web = Client()
    web.force_login(user)
    assert "(demo)" not in web.get("/pricing/").content.decode()
    assert web.post("/account/plan/", {"plan": "pro_plus"}).status_code == 404
    user.refresh_from_db()
    assert user.plan == "pro"
    other = Client()
    other.force_login(person("bert"))
    page = other.get("/pricing/").content.decode()
    assert "Switch to Pro (demo)" in page
    assert "Subscribe to Pro" in page
    other.post("/account/plan/", {"plan": "pro"})
    assert AuditEntry.objects.order_by("-pk").first().action == "plan_change"
