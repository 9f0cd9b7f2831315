"""Who acts: a person ("user 7", "operator ana") or a part of the house ("risk", "execution")."""

from __future__ import annotations

from typing import Final

_OPERATOR: Final = "operator "
_PEOPLE: Final = ("user ", _OPERATOR)


def operator(who: object) -> str:
    """Return how somebody is named who acts for the house."""
    return f"{_OPERATOR}{who}"


def is_person(actor: str) -> bool:
    """Return whether a person acts, who alone may let more pass than before."""
    return actor.startswith(_PEOPLE)


def is_operator(actor: str) -> bool:
    """Return whether somebody acts for the house, on what may be another's."""
    return actor.startswith(_OPERATOR)
