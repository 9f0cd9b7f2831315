"""Access is declared where a thing is defined and enforced in one place above.

A view, topic or task names the entitlement it needs; `accounts` reads the name. A thing that
declares none is refused, and a test fails on it. A REST view says in `key_scope` what a key must
hold to call it, and in `call_cost` how many calls of the caller's rate one of it takes.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

PUBLIC: Final = "public"
SIGNED_IN: Final = "account"
OPERATOR: Final = "operator"
SYSTEM: Final = "system"

READ: Final = "read"
REPORT: Final = "report"
TRADE: Final = "trade"
SCOPES: Final = (READ, REPORT, TRADE)
"""What an API key may be allowed to do, from the least."""
SESSION_ONLY: Final = "session_only"
"""In place of a scope: people alone may do this, no key."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

CLOSED: Final = "This is closed."

T = TypeVar("T", bound=Callable[..., Any])
TaskGate = Callable[[int, str], str | None]
"""Given a user's id and an entitlement: why the user may not have it, or None."""

_task_gates: list[TaskGate] = []


class NotEntitledError(PermissionError):
    """The person for whom a task should run may not have it done (any more)."""


def set_task_gate(gate: TaskGate | None) -> TaskGate | None:
    """Set who decides on tasks, and return who did; without a gate everything is refused."""
    before = _task_gates.pop() if _task_gates else None
    if gate is not None:
        _task_gates.append(gate)
    return before


def task_refusal(user_id: int, name: str) -> str | None:
    """Return why a user may not have a task done that needs entitlement `name`, or None."""
    return _task_gates[0](user_id, name) if _task_gates else CLOSED


def entitled(name: str) -> Callable[[T], T]:
    """Declare that the decorated view needs the entitlement `name`."""

    def mark(target: T) -> T:
        target.entitlement = name  # type: ignore[attr-defined]
        return target

    return mark


def entitlement_of(target: object) -> str | None:
    """Return the entitlement that a view declares, or None when it declares none."""
    for candidate in (target, getattr(target, "view_class", None), getattr(target, "cls", None)):
        name = getattr(candidate, "entitlement", None)
        if isinstance(name, str):
            return name
    return None


def scope_for(view: object, method: str) -> str | None:
    """Return the scope that a key needs to call a REST view, or None when none is declared.

    `key_scope` names what unsafe methods need, or maps methods to scopes; safe methods need `read`
    unless the view is for sessions alone.
    """
    declared = getattr(view, "key_scope", None)
    if isinstance(declared, Mapping):
        declared = declared.get(method)
    elif method in SAFE_METHODS and declared != SESSION_ONLY:
        declared = READ
    if declared is None and method in SAFE_METHODS:
        return READ
    return declared if isinstance(declared, str) else None


def cost_for(view: object, method: str) -> int:
    """Return how many calls of the caller's rate one call of a REST view takes: 1 by default."""
    cost = getattr(view, "call_cost", 1)
    found = cost.get(method, 1) if isinstance(cost, Mapping) else cost
    return int(found)
