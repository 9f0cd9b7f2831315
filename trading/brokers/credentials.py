"""What opens an account at a broker. Never logged: its text and its repr hide it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Of one account at one broker.

    Attributes
    ----------
    key, secret : str
        The broker's key pair; a broker with tokens has the account's number and the token.
    environment : str
        "paper" for a practice account of the broker, else "live".
    address : str
        Where the broker is, without a path; http alone on this very machine.
    """

    key: str
    secret: str
    environment: str
    address: str

    def __post_init__(self) -> None:
        if self.environment not in ("paper", "live"):
            raise ValueError("environment: give paper or live")
        local = ("http://127.0.0.1:", "http://localhost:")
        if not self.address.startswith(("https://", *local)):
            raise ValueError("address: give an https address")

    def __repr__(self) -> str:
        return f"Credentials({self.environment} at {self.address})"
