"""Reads of accounts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings

from accounts import demo
from accounts.models import User

FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"


@dataclass(frozen=True, slots=True)
class Security:
    """How an account is protected."""

    email_verified: bool
    has_password: bool
    authenticator_app: bool
    passkeys: int
    recovery_codes_left: int
    sessions: int

    @property
    def second_factor(self) -> bool:
        """Whether signing in takes more than the password."""
        return self.authenticator_app or self.passkeys > 0


def security_of(user: User) -> Security:
    """Return how a user's account is protected."""
    factors = list(Authenticator.objects.filter(user=user))
    kinds = [factor.type for factor in factors]
    codes = [f for f in factors if f.type == Authenticator.Type.RECOVERY_CODES]
    return Security(
        email_verified=EmailAddress.objects.filter(
            user=user, email__iexact=user.email, verified=True
        ).exists(),
        has_password=user.has_usable_password(),
        authenticator_app=Authenticator.Type.TOTP in kinds,
        passkeys=kinds.count(Authenticator.Type.WEBAUTHN),
        recovery_codes_left=sum(len(factor.wrap().get_unused_codes()) for factor in codes),
        sessions=len(UserSession.objects.purge_and_list(user)),
    )


def mail_folder() -> str:
    """Return where the demo writes its emails, or nothing when they are really sent."""
    if not demo.is_on() or settings.EMAIL_BACKEND != FILE_BACKEND:
        return ""
    folder, base = Path(settings.EMAIL_FILE_PATH), Path(settings.BASE_DIR)
    return str(folder.relative_to(base) if folder.is_relative_to(base) else folder)
