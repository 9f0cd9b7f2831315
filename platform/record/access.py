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

T = TypeVar("T", bound=Callable[..., Any])


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
