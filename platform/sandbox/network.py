"""A small Internet: names with public addresses that lead, here alone, to stand-ins on loopback."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import httpcore

from sandbox.certificates import Authority
from sandbox.server import StandIn

_FIRST = "93.184.216."


class Network:
    """Stand-ins under the names of their vendors. Give `resolve`, `dial`, `trusted` to a client."""

    def __init__(self, kinds: Sequence[type[StandIn]]) -> None:
        self.authority = Authority()
        self.trusted = self.authority.trusting()
        self.stand_ins: dict[type[StandIn], StandIn] = {}
        self.dialled: list[tuple[str, int]] = []
        self._names: dict[str, list[str]] = {}
        self._ports: dict[str, int] = {}
        for number, kind in enumerate(kinds, 10):
            made = kind(self.authority)
            self.stand_ins[kind] = made
            address = f"{_FIRST}{number}"
            self._ports[address] = made.port
            for host in made.hosts:
                self._names[host] = [address]

    def resolve(self, host: str) -> list[str]:
        """Return a host's addresses; OSError for one that is not there."""
        try:
            return self._names[host]
        except KeyError:
            raise OSError(f"no such name: {host}") from None

    def dial(self, address: str, port: int, timeout: float) -> httpcore.NetworkStream:
        """Connect to whoever stands at a public address; ConnectError where nobody does."""
        self.dialled.append((address, port))
        if address not in self._ports or port != 443:
            raise httpcore.ConnectError("nobody is there")
        return httpcore.SyncBackend().connect_tcp(
            "127.0.0.1", self._ports[address], timeout=timeout
        )

    def close(self) -> None:
        """Stop all stand-ins."""
        for one in self.stand_ins.values():
            one.close()

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()
