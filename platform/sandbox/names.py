"""A resolver on loopback that may change its mind, and a client that asks it over UDP."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import socketserver
import struct
import threading
from collections.abc import Callable

_A, _AAAA = 1, 28
Answers = Callable[[str, int], list[str]]
"""Given a host and how often it was asked before: its addresses."""


class Resolver:
    """A name server that answers each question anew, with a time to live of 0."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: dict[tuple[str, int], int] = {}
        self._server = _Server(self)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def look_up(self, host: str) -> list[str]:
        """Return a host's IPv4 and IPv6 addresses as this resolver tells them over UDP."""
        return [*_ask(self.port, host, _A), *_ask(self.port, host, _AAAA)]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(socketserver.UDPServer):
    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        packet, reply_to = self.request
        host, end = _name(packet, 12)
        (kind,) = struct.unpack_from("!H", packet, end)
        resolver = self.server.resolver
        before = resolver.asked.get((host, kind), 0)
        resolver.asked[host, kind] = before + 1
        records = b""
        count = 0
        for text in resolver.answers(host, before):
            ip = ipaddress.ip_address(text)
            if kind == (_A if ip.version == 4 else _AAAA):
                records += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(ip.packed))
                records += ip.packed
                count += 1
        head = packet[:2] + struct.pack("!HHHHH", 0x8180, 1, count, 0, 0)
        reply_to.sendto(head + packet[12 : end + 4] + records, self.client_address)


def _ask(port: int, host: str, kind: int) -> list[str]:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
    packet = secrets.token_bytes(2) + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0)
    packet += labels + b"\0" + struct.pack("!HH", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(5)
        link.sendto(packet, ("127.0.0.1", port))
        answer = link.recv(4096)
    (count,) = struct.unpack_from("!H", answer, 6)
    at = _name(answer, 12)[1] + 4
    found = []
    for _ in range(count):
        size = struct.unpack_from("!H", answer, at + 10)[0]
        found.append(str(ipaddress.ip_address(answer[at + 12 : at + 12 + size])))
        at += 12 + size
    return found


def _name(packet: bytes, at: int) -> tuple[str, int]:
    labels = []
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels), at + 1
