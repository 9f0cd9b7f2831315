"""How allauth is bound to our accounts."""

from __future__ import annotations

from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest, HttpResponseBase

from accounts import demo
from record import secrets

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
