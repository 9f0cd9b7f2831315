"""How allauth is bound to our accounts."""

from __future__ import annotations

from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from accounts import demo
from accounts.keys import selectors as key_selectors
from accounts.models import User
from accounts.visitors import visitor
from record import secrets

RESET_OF: Final = "pulse_reset_of"
"""Key of a session under which it notes whose password was reset in it."""
MFA_AAD: Final = "accounts.second_factor"
"""What a second factor's secret is sealed for; allauth does not say whose it is."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up and sign-in by email."""

    def pre_login(self, request: HttpRequest, user: Any, **options: Any) -> HttpResponseBase | None:
        """Refuse the demo's logins outside the demo: their password is published."""
        if demo.is_demo_email(user.email) and not demo.is_on():
            refusal: HttpResponseBase = self.respond_user_inactive(request, user)
            return refusal
        refused: HttpResponseBase | None = super().pre_login(request, user, **options)
        return refused

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Lead to the keys that outlive the password, where there are any."""
        return _keys_page() if _holds_keys(visitor(request)) else reverse("accounts:account")

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Lead there at the first sign-in after a reset, too: the reset itself signs nobody in."""
        user = visitor(request)
        was_reset = user is not None and request.session.pop(RESET_OF, None) == user.pk
        if was_reset and _holds_keys(user):
            return _keys_page()
        url: str = super().get_login_redirect_url(request)
        return url


def _holds_keys(user: User | None) -> bool:
    return user is not None and key_selectors.live(user).exists()


def _keys_page() -> str:
    return f"{reverse('accounts:keys_revoke')}?after=password"


def note_reset(*, request: HttpRequest, user: Any, **_: Any) -> None:
    """Remember in the browser's session whose password was reset, for its next sign-in."""
    request.session[RESET_OF] = user.pk


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors: their secrets are encrypted at rest."""

    def encrypt(self, text: str) -> str:
        """Return a secret as it is stored."""
        return secrets.encrypt(text, aad=MFA_AAD)

    def decrypt(self, encrypted_text: str) -> str:
        """Return a stored secret's text."""
        return secrets.decrypt(encrypted_text, aad=MFA_AAD)

    def build_totp_svg(self, url: str) -> str:
        """Draw the QR code on white, so that a camera reads it in the dark theme, too."""
        import qrcode  # type: ignore[import-untyped]
        from qrcode.image.svg import SvgPathFillImage  # type: ignore[import-untyped]

        drawn = qrcode.make(url, image_factory=SvgPathFillImage)
        text: str = drawn.to_string(encoding="unicode")
        return text

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Name the product, not the host, where a passkey is made."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return {**entity, "name": "Pulse"}
