"""Whether Stripe can be used here, and checks of what the environment says about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning
from django.core.checks import register as register_check

from accounts import demo

_KEY: Final = re.compile(r"(sk|rk)_(live|test)_[A-Za-z0-9]{10,240}")
_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/=]{10,240}")


def is_on() -> bool:
    """Return whether something can be bought: key and webhook secret are both set."""
    return bool(settings.STRIPE_SECRET_KEY and settings.STRIPE_WEBHOOK_SECRET)


def is_live() -> bool:
    """Return whether the key moves real money."""
    key: str = settings.STRIPE_SECRET_KEY
    return key.startswith(("sk_live_", "rk_live_"))


def is_stand_in() -> bool:
    """Return whether a stand-in answers instead of Stripe, so that nobody really pays."""
    return is_on() and bool(settings.STRIPE_API_BASE)


def webhook_secrets() -> list[str]:
    """Return the secrets that may have signed a webhook: two while one replaces the other."""
    return [part.strip() for part in settings.STRIPE_WEBHOOK_SECRET.split(",") if part.strip()]


def hosted_pages() -> list[str]:
    """Return the origins of Stripe's pages that our forms may lead to."""
    pages: list[str] = list(settings.STRIPE_PAGES)
    if settings.STRIPE_API_BASE:
        pages.append(settings.STRIPE_API_BASE)
    return pages


def check_stripe(**_: Any) -> Iterable[CheckMessage]:
    """Stripe is set up whole or not at all, and real money moves in production alone."""
    key, secret = settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET
    if not key and not secret:
        return []
    faults: list[CheckMessage] = []
    if not key or not secret:
        missing = "STRIPE_WEBHOOK_SECRET" if key else "STRIPE_SECRET_KEY"
        faults.append(Error(f"Stripe is half configured: {missing} is missing", id="accounts.E010"))
    if key and not _KEY.fullmatch(key):
        faults.append(Error("STRIPE_SECRET_KEY is no secret key of Stripe", id="accounts.E011"))
    if not all(_SECRET.fullmatch(one) for one in webhook_secrets()):
        faults.append(Error("STRIPE_WEBHOOK_SECRET does not begin with whsec_", id="accounts.E012"))
    if is_live() and (not settings.PRODUCTION or demo.is_on()):
        faults.append(
            Error("a live key of Stripe belongs in production mode alone", id="accounts.E013")
        )
    if settings.PRODUCTION and not is_live():
        faults.append(Warning("Stripe has a test key here: nobody really pays", id="accounts.W014"))
    return [*faults, *_check_base()]


def _check_base() -> Iterable[CheckMessage]:
    base = settings.STRIPE_API_BASE
    if not base:
        return
    if settings.PRODUCTION:
        yield Error("STRIPE_API_BASE is for the stand-in; unset it here", id="accounts.E015")
    elif urlsplit(base).hostname not in ("127.0.0.1", "localhost", "::1"):
        yield Error("STRIPE_API_BASE leads away from this machine", id="accounts.E016")


def register() -> None:
    """Register the checks."""
    register_check(check_stripe, Tags.security)
