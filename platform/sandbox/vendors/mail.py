"""A mail server: plain SMTP on loopback that keeps what it takes."""

from __future__ import annotations

import socketserver
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it was handed over."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    at: float

    def message(self) -> EmailMessage:
        """Return the message, parsed."""
        return BytesParser(policy=policy.default).parsebytes(self.raw)


class MailServer:
    """Takes every letter, but answers the next ones from `faults`: lines such as `451 later`."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.faults: deque[str] = deque()
        self.down = False
        self._server = _Server(self)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, house: MailServer) -> None:
        self.house = house
        super().__init__(("127.0.0.1", 0), _Session)

    def process_request(self, request: object, client_address: object) -> None:
        if self.house.down:
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        super().process_request(request, client_address)  # type: ignore[arg-type]


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with suppress(OSError):
            self._talk()

    def _talk(self) -> None:
        self._say("220 sandbox")
        sender, recipients = "", []
        for raw in self.rfile:
            verb, _, rest = raw.decode("ascii", "replace").strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO" | "RSET" | "NOOP":
                    self._say("250 sandbox")
                case "MAIL":
                    sender = _address(rest)
                    self._say("250 ok")
                case "RCPT":
                    recipients.append(_address(rest))
                    self._say("250 ok")
                case "DATA":
                    self._say("354 go on")
                    self._take(sender, tuple(recipients), self._data())
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("502 not here")

    def _data(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _take(self, sender: str, recipients: tuple[str, ...], raw: bytes) -> None:
        house = self.server.house
        if house.faults:
            self._say(house.faults.popleft())
            return
        house.letters.append(Letter(sender, recipients, raw, time.time()))
        self._say("250 taken")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


def _address(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]
