"""What a switch or a limit acts on: a kind and an id, so that no floor needs a model from above."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from market import occ

KINDS: Final = ("global", "user", "account", "bot", "strategy", "symbol")
"""From the widest; a symbol stands for all options on it (SPX for SPXW too), or for a root's."""


class Scope(NamedTuple):
    """One switch's or limit's reach; the id of `global` is empty."""

    kind: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


EVERYTHING: Final = Scope("global")
_OCC: Final = re.compile(r"([A-Z0-9.]{1,6})\d{6}[CP]\d{8}")


def named(kind: str, target: str) -> Scope:
    """Return the scope that somebody names; small letters are the same symbol, BRK.B is BRKB."""
    return Scope(kind, target.strip().upper().replace(".", "") if kind == "symbol" else target)


def root(symbol: str) -> str:
    """Return the root of an option's symbol; empty for another instrument."""
    found = _OCC.fullmatch(symbol)
    return found[1] if found else ""


def underlying(symbol: str) -> str:
    """Return what an option is on, by the rule of its root; of another instrument itself."""
    name = root(symbol)
    return occ.rule(name).underlying if name else symbol


def held_by(target: str) -> str:
    """Return the pattern of what a symbol's scope holds: its shares, the options of its roots."""
    roots = {target} | {root for root, one in occ.ROOTS.items() if one.underlying == target}
    shares = "[.]?".join(map(re.escape, target))
    options = f"({'|'.join(map(re.escape, sorted(roots)))})[0-9]?[0-9]{{6}}[CP][0-9]{{8}}"
    return f"^({shares}|{options})$"


def of_order(
    owner: int | None, account: int, origin: str, symbols: Iterable[str]
) -> tuple[Scope, ...]:
    """Return all scopes that an order is in, from the widest.

    Parameters
    ----------
    owner, account : int
        Ids of the account's owner and of the account.
    origin : str
        Who made it: "bot:7" or "strategy:7" is in that scope as well.
    symbols : iterable of str
        Of its legs.
    """
    kind, _, target = origin.partition(":")
    found = [EVERYTHING, Scope("account", str(account))]
    if owner is not None:
        found.insert(1, Scope("user", str(owner)))
    if kind in ("bot", "strategy") and target:
        found.append(Scope(kind, target))
    found += [Scope("symbol", name) for name in sorted({n for s in symbols for n in _names(s)})]
    return tuple(found)


def _names(symbol: str) -> set[str]:
    """Return the symbols whose scopes hold an instrument: what it is on, and its root's.

    Roots have no dot: options on BRK.B are of the root BRKB, so its shares are in both.
    """
    name = root(symbol)
    return {underlying(symbol), name} if name else {symbol, symbol.replace(".", "")}
