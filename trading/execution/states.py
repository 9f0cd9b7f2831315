"""Where an account stands towards its broker, and which steps lead from where to where.

    disabled -> armed -> reconciling -> live <-> reducing, any -> halted -> reconciling

Cancels pass in every state. Reducing lets pass what leaves positions; live lets everything pass.
Whoever takes the account over begins with reconciling: start and recovery share one path. What
another than execution brought to reducing stays so through it, until a person has it reconcile.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Standing(StrEnum):
    """Where an account stands."""

    DISABLED = "disabled"
    ARMED = "armed"
    RECONCILING = "reconciling"
    LIVE = "live"
    REDUCING = "reducing"
    HALTED = "halted"


_S = Standing
STEPS: Final[Mapping[Standing, frozenset[Standing]]] = {
    _S.DISABLED: frozenset({_S.ARMED, _S.HALTED}),
    _S.ARMED: frozenset({_S.RECONCILING, _S.DISABLED, _S.HALTED}),
    _S.RECONCILING: frozenset({_S.LIVE, _S.REDUCING, _S.DISABLED, _S.HALTED}),
    _S.LIVE: frozenset({_S.RECONCILING, _S.REDUCING, _S.DISABLED, _S.HALTED}),
    _S.REDUCING: frozenset({_S.RECONCILING, _S.LIVE, _S.DISABLED, _S.HALTED}),
    _S.HALTED: frozenset({_S.RECONCILING, _S.DISABLED}),
}
"""To which each leads."""
BY_A_PERSON: Final = frozenset({
    (_S.DISABLED, _S.ARMED), (_S.HALTED, _S.RECONCILING), (_S.HALTED, _S.DISABLED),
})  # fmt: skip
"""Steps that only a person takes, with a reason."""
EXECUTION: Final = "execution"
"""Who alone finds the books as the broker's, and so alone brings an account to live."""
WATCHDOG: Final = "watchdog"


def passes(standing: str, *, closing: bool) -> bool:
    """Return whether an order may be sent; `closing` when it does nothing but leave positions."""
    return standing == _S.LIVE or (closing and standing == _S.REDUCING)
