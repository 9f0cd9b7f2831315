"""Who calls the REST interface: a key, a person with a session, or an address."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from accounts.keys.rates import Policy, policy_of
from accounts.keys.rules import Address, address_of
from accounts.keys.verifying import Grant, verify

if TYPE_CHECKING:
    from accounts.models import User

HEADER: Final = "X-API-Key"
_META_KEY: Final = "HTTP_X_API_KEY"
_META_BEARER: Final = "HTTP_AUTHORIZATION"
_BEARER: Final = "bearer "
TAKEN: Final = "***"
"""What stands in place of a key once it was read."""
_SITE_BITS: Final = 64
"""Who has one IPv6 address has a network of them."""


def client_address(request: HttpRequest) -> Address | None:
    """Return the caller's address as the outermost trusted proxy saw it, or None."""
    text = str(request.META.get("REMOTE_ADDR") or "")
    hops = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    chain = str(request.META.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    if 0 < hops <= len(chain) and chain[-hops].strip():
        text = chain[-hops]
    return address_of(text)


class Caller:
    """Who makes one request. Takes the key out of the request, so that nothing else can tell it."""

    __slots__ = ("_text", "address", "grant", "identified", "presented", "user")

    @sensitive_variables()
    def __init__(self, request: HttpRequest) -> None:
        self._text = _taken_out(request)
        self.presented = self._text is not None
        self.identified = False
        self.address = client_address(request)
        self.grant: Grant | None = None
        self.user: User | None = None

    def identify(self, request: HttpRequest) -> Caller:
        """Find out whose key or session it is; asks the database at most once."""
        if self.identified:
            return self
        if self._text is not None:
            found = verify(self._text, self.address)
            self._text = None
            if found is not None:
                self.grant, self.user = found
        else:
            user = getattr(request, "user", None)
            if user is not None and user.is_authenticated and user.is_active:
                self.user = user
        self.identified = True
        return self

    @property
    def bucket(self) -> tuple[str, Policy]:
        """The name of the caller's bucket and its policy."""
        if self.user is None:
            return f"address:{_site(self.address)}", policy_of(None)
        policy = policy_of(self.user.plan)
        if self.grant is not None:
            return f"keys:{self.user.pk}", policy  # more keys are no more calls
        return f"user:{self.user.pk}", policy


def _site(address: Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _SITE_BITS), strict=False))
    return str(address)


@sensitive_variables()
def _taken_out(request: HttpRequest) -> str | None:
    """Return the key that a request presents, which leaves its headers; None without one."""
    meta = request.META
    bearer = str(meta.get(_META_BEARER, ""))
    key = meta.get(_META_KEY)
    if bearer[: len(_BEARER)].lower() == _BEARER:
        meta[_META_BEARER] = TAKEN
        key = bearer[len(_BEARER) :] if key is None else key
    if key is None:
        return None
    meta[_META_KEY] = TAKEN
    return str(key).strip()


def caller_of(request: HttpRequest) -> Caller:
    """Return who makes a request."""
    caller = getattr(request, "api_caller", None)
    if not isinstance(caller, Caller):
        caller = request.api_caller = Caller(request)  # type: ignore[attr-defined]
    return caller.identify(request)
