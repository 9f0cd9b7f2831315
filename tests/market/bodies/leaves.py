"""What the tests of bodies share: every leaf of a JSON body, and what an honest one looks like."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

HEAD = {"symbol": "TEST", "run": None, "source": "test", "simulated": False}
FLAGGED = {"expired", "bad_input", "below_intrinsic", "above_max", "within_tick", "no_quote"}
"""States of a contract in which Greeks may be missing."""


def leaves(body: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of a JSON body with its path."""
    if isinstance(body, dict):
        for key, value in body.items():
            yield from leaves(value, f"{path}/{key}")
    elif isinstance(body, list):
        for place, value in enumerate(body):
            yield from leaves(value, f"{path}/{place}")
    else:
        yield path, body


def assert_finite(body: Any) -> None:
    """Every number is finite; what is not known is None."""
    wrong = [path for path, v in leaves(body) if isinstance(v, float) and not math.isfinite(v)]
    assert not wrong


def assert_honest(chain: dict[str, Any]) -> int:
    """A contract has all its Greeks, or a state that says why not; return how many have them."""
    whole = 0
    for row in chain["rows"]:
        for cell in filter(None, (row["call"], row["put"])):
            known = all(cell[name] is not None for name in ("iv", "delta", "gamma", "theta"))
            assert known or cell["status"] in FLAGGED, cell
            whole += known
    return whole
