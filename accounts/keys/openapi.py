"""How the OpenAPI document tells of keys: two headers, and the scope that each call needs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from accounts.keys.callers import HEADER
from record.access import SESSION_ONLY, scope_for

NAMES = ["apiKey", "apiKeyBearer"]


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The security schemes of API keys."""

    target_class = "accounts.keys.authentication.KeyAuthentication"
    name = NAMES

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Return a scheme for each header."""
        says = "A key of yours from /account/keys/; it must hold the scope that a call names."
        return [
            {"type": "apiKey", "in": "header", "name": HEADER, "description": says},
            {"type": "http", "scheme": "bearer", "description": says},
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Return either header with the scope of the call; none where a session alone will do."""
        scope = scope_for(auto_schema.view, auto_schema.method)
        if scope is None or scope == SESSION_ONLY:
            return []
        return [{name: [scope]} for name in NAMES]
