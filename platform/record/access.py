"""Access is declared where a thing is defined and enforced in one place above.

A view, topic or task names the entitlement it needs; `accounts` reads the name. A thing that
declares none is refused, and a test fails on it.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

PUBLIC: Final = "public"
SIGNED_IN: Final = "account"
OPERATOR: Final = "operator"
SYSTEM: Final = "system"

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
