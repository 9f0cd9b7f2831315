"""Who acts: a person ("user 7", "operator ana") or a part of the house ("risk", "execution")."""

from __future__ import annotations

from typing import Final

_PEOPLE: Final = ("user ", "operator ")


def is_person(actor: str) -> bool:
    """Return whether a person acts, who alone may let more pass than before."""
    return actor.startswith(_PEOPLE)
