"""Stripe's errors, as bodies of its answers."""

from __future__ import annotations

from typing import Any


class StripeFault(Exception):  # noqa: N818 - an answer, not a failure of the stand-in
    """A refusal in Stripe's words."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        """Return the body of the answer."""
        error = {"message": str(self), "type": self.kind, "code": self.code, "param": self.param}
        return {"error": {name: value for name, value in error.items() if value is not None}}


def missing(what: str, name: str, *, status: int = 404, param: str = "id") -> StripeFault:
    """Return the error of an object that is not there."""
    text = f"No such {what}: '{name}'"
    return StripeFault(text, status=status, code="resource_missing", param=param)


def declined() -> StripeFault:
    """Return the error of a card that its bank refuses."""
    return StripeFault(
        "Your card was declined.", status=402, kind="card_error", code="card_declined"
    )
