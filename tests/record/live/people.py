"""Users and a gate for the tests of the live layer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Answer:
    allowed: bool
    reason: str = ""
    opens_with: str | None = None


@dataclass
class Someone:
    """A user as far as the live layer looks."""

    pk: int | None = None
    plan: str = "free"

    @property
    def is_authenticated(self) -> bool:
        return self.pk is not None


def gate(user: object, entitlement: str, channel: str) -> Answer:
    if entitlement == "public":
        return Answer(True)
    if not user.is_authenticated:
        return Answer(False, "Sign in first.")
    if entitlement == "tools.pro" and user.plan == "free":
        return Answer(False, "Pro required", "pro")
    return Answer(True)


TOPICS = {
    "t_log": {"kind": "log", "entitlement": "public"},
    "t_state": {"kind": "state", "entitlement": "public"},
    "t_pro": {"kind": "log", "entitlement": "tools.pro"},
    "t_own": {"kind": "log", "entitlement": "account", "owner_scoped": True},
}
