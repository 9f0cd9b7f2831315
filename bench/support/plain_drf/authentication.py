"""Who calls, by a key of which the hash is stored."""

import hashlib
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed

from bench.support.plain_drf.models import Key


class KeyAuthentication(BaseAuthentication):
    """A key in a header, found by its hash."""

    def authenticate(self, request: Any) -> tuple[Any, Key] | None:
        """Return the owner of the key."""
        text = request.headers.get("X-API-Key")
        if text is None:
            return None
        digest = hashlib.sha256(text.encode()).hexdigest()
        key = Key.objects.select_related("user").filter(digest=digest).first()
        if key is None:
            raise AuthenticationFailed
        return key.user, key

    def authenticate_header(self, request: Any) -> str:
        """Return the challenge of a 401."""
        return "Key"
