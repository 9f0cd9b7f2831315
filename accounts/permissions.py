"""The one gate of the REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import second_factor
from accounts.entitlements import SIGN_IN, allows, plan_needed
from accounts.keys.verifying import Grant
from accounts.plans import ENTITLEMENTS
from record.access import CLOSED, OPERATOR, SCOPES, SESSION_ONLY, entitlement_of, scope_for

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it reads its permissions from here

log = structlog.get_logger("pulse.access")


class SignInRequired(APIException):
    """Nobody is signed in: 401, with the challenge that HTTP asks for."""

    status_code = 401
    default_detail = SIGN_IN
    default_code = "not_authenticated"
    auth_header = 'Session realm="pulse"'


class PlanRequired(APIException):
    """A larger plan opens this: 403 with the code `plan_required` and the plan's name."""

    status_code = 403
    default_code = "plan_required"

    def __init__(self, subject: str, *, opens_with: str) -> None:
        super().__init__(plan_needed(subject, opens_with))
        self.problem = {"opens_with": opens_with}


class ScopeRequired(APIException):
    """The key does not hold the scope of this call: 403 with the scope's name."""

    status_code = 403
    default_code = "scope_required"

    def __init__(self, scope: str, grant: Grant) -> None:
        super().__init__(f"This call needs a key with the scope {scope}.")
        self.problem = {"scope": scope, "has": [one for one in SCOPES if one in grant.scopes]}


class SessionRequired(APIException):
    """No key may do this: 403."""

    status_code = 403
    default_code = "session_only"
    default_detail = "No key may do this. Sign in with a browser to do it."


class Entitled(BasePermission):
    """Allows what the view's declared entitlement allows, and to a key what its scopes allow."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True, or raise the refusal that fits."""
        needs = entitlement_of(view)
        if needs is None or needs not in ENTITLEMENTS:
            log.error("entitlement_not_declared", view=type(view).__qualname__)
            raise PermissionDenied(CLOSED)
        if isinstance(request.auth, Grant):
            _check_scope(request.auth, request, view, needs)
        decision = allows(request.user, needs)
        if not decision.allowed:
            raise _refusal(request.user, needs, decision.reason, decision.opens_with)
        if needs == OPERATOR and second_factor.is_due(request):
            raise PermissionDenied("Prove your second factor in the browser first.")
        return True


def _check_scope(grant: Grant, request: Request, view: APIView, needs: str) -> None:
    """Raise the refusal of a key that may not do this; people with a session have all scopes."""
    scope = scope_for(view, request.method or "")
    if scope == SESSION_ONLY or needs == OPERATOR:
        raise SessionRequired
    if scope not in SCOPES:
        log.error("scope_not_declared", view=type(view).__qualname__, method=request.method)
        raise PermissionDenied(CLOSED)
    if scope not in grant.scopes:
        raise ScopeRequired(scope, grant)


def _refusal(user: Any, needs: str, reason: str, opens_with: str | None) -> APIException:
    if not user.is_authenticated:
        return SignInRequired()
    if opens_with is not None:
        return PlanRequired(ENTITLEMENTS[needs], opens_with=opens_with)
    return PermissionDenied(reason)
