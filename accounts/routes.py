"""Entitlements of the routes that other packages bring; ours declare their own at the view.

A route that stands neither here nor declares one is refused, and a test names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from django.urls import ResolverMatch

from record.access import OPERATOR, PUBLIC, SIGNED_IN, entitlement_of

ADMIN: Final = "admin"

BY_NAME: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Its login only sends people to ours, which has rate limits and a second factor.
        "admin:login": PUBLIC,
        # allauth: getting in and out
        "account_login": PUBLIC,
        "account_logout": PUBLIC,
        "account_signup": PUBLIC,
        "account_inactive": PUBLIC,
        "account_email_verification_sent": PUBLIC,
        "account_confirm_email": PUBLIC,
        "account_reset_password": PUBLIC,
        "account_reset_password_done": PUBLIC,
        "account_reset_password_from_key": PUBLIC,
        "account_reset_password_from_key_done": PUBLIC,
        "account_confirm_login_code": PUBLIC,
        "mfa_authenticate": PUBLIC,
        "mfa_login_webauthn": PUBLIC,
        # allauth: one's own account
        "account_email": SIGNED_IN,
        "account_change_password": SIGNED_IN,
        "account_set_password": SIGNED_IN,
        "account_reauthenticate": SIGNED_IN,
        "mfa_index": SIGNED_IN,
        "mfa_reauthenticate": SIGNED_IN,
        "mfa_activate_totp": SIGNED_IN,
        "mfa_deactivate_totp": SIGNED_IN,
        "mfa_view_recovery_codes": SIGNED_IN,
        "mfa_generate_recovery_codes": SIGNED_IN,
        "mfa_download_recovery_codes": SIGNED_IN,
        "mfa_list_webauthn": SIGNED_IN,
        "mfa_add_webauthn": SIGNED_IN,
        "mfa_edit_webauthn": SIGNED_IN,
        "mfa_remove_webauthn": SIGNED_IN,
        "mfa_reauthenticate_webauthn": SIGNED_IN,
        "usersessions_list": SIGNED_IN,
    }
)


def entitlement_for(view: Any, match: ResolverMatch) -> str | None:
    """Return what a request to `view` needs, or None when nobody has declared it."""
    declared = entitlement_of(view) or BY_NAME.get(match.view_name)
    if declared is None and match.namespaces[:1] == [ADMIN]:
        return OPERATOR
    return declared
