"""The demo's logins. They exist in demo mode only, and production refuses to meet them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from accounts.plans import FREE, PRO, PRO_PLUS

DEMO_PASSWORD: Final = "pulse-demo-2026"  # noqa: S105 - printed at start, for the demo alone


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A login of the demo and what it is for."""

    email: str
    plan: str
    says: str
    is_staff: bool = False


DEMO_USERS: Final = (
    DemoUser(f"free@{settings.DEMO_DOMAIN}", FREE, "Free plan"),
    DemoUser(f"pro@{settings.DEMO_DOMAIN}", PRO, "Pro plan"),
    DemoUser(f"proplus@{settings.DEMO_DOMAIN}", PRO_PLUS, "Pro+ plan"),
    DemoUser(f"operator@{settings.DEMO_DOMAIN}", PRO_PLUS, "operator, with the admin", True),
)


def is_on() -> bool:
    """Return whether this installation is a demo."""
    return settings.DEMO_LOGINS and not settings.PRODUCTION


def is_demo_email(email: str) -> bool:
    """Return whether an address is one of the demo's."""
    return email.strip().lower() in {user.email for user in DEMO_USERS}


def seed() -> int:
    """Make the demo's users that are missing and return how many that were."""
    from accounts.services import verified_user_create

    if not is_on():
        raise ImproperlyConfigured("The demo's logins are made in demo mode only.")
    made = 0
    for user in DEMO_USERS:
        _, created = verified_user_create(
            user.email, password=DEMO_PASSWORD, plan=user.plan, is_staff=user.is_staff
        )
        made += created
    return made


def leftovers() -> list[str]:
    """Return the demo's logins that can sign in, by address."""
    from accounts.models import User

    emails = [user.email for user in DEMO_USERS]
    rows = User.objects.filter(email__in=emails, is_active=True)
    return list(rows.order_by("email").values_list("email", flat=True))
