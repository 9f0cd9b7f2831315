"""Alpaca's refusals, as bodies of its answers."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of the stand-in
    """A refusal in Alpaca's words. `more` are further fields of the body."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.more = more

    def body(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"code": self.code, "message": str(self), **self.more}


def invalid(message: str) -> Refusal:
    """Return the refusal of an order that cannot be."""
    return Refusal(422, 42210000, message)


def forbidden(message: str, **more: Any) -> Refusal:
    """Return the refusal of an order that this account may not place."""
    return Refusal(403, 40310000, message, **more)


def missing(message: str) -> Refusal:
    """Return the refusal of what is not there."""
    return Refusal(404, 40410000, message)
