"""How the REST interface knows who calls by a key."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.keys.callers import HEADER, caller_of
from accounts.keys.verifying import Grant


class InvalidKey(AuthenticationFailed):
    """A key that is not good: 401, the same for every reason."""

    default_detail = f"The API key is not valid here. Send a current one in the {HEADER} header."
    default_code = "invalid_key"


class KeyAuthentication(BaseAuthentication):
    """`X-API-Key: pk_...`, or `Authorization: Bearer pk_...`; a key stands before a session.

    A revoked key, a blocked owner and a changed plan count within 2 s, expiry and networks at
    once; see `accounts.keys.verifying`.
    """

    def authenticate(self, request: Request) -> tuple[Any, Grant] | None:
        """Return the key's owner and what it allows; None when no key was sent."""
        caller = caller_of(request._request)
        if not caller.presented:
            return None
        if caller.grant is None:
            raise InvalidKey
        return caller.user, caller.grant

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="pulse"'
