"""A wire to the live server that fails as told: refusing, asking to wait, losing answers."""

from __future__ import annotations

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Wire:
    """Forwards to a server. Each fault of `faults` is spent on one request to `/trades`.

    `down` answers nothing at all; while `held` is clear, requests wait. A fault is `429`, `503`
    (not forwarded), `lost` (forwarded, its answer replaced by a 502 of HTML), `cut` (forwarded,
    the connection closed), `moved` (302).
    """

    def __init__(self, server: str) -> None:
        self.target = urlsplit(server)
        self.faults: list[str] = []
        self.down = False
        self.held = threading.Event()
        self.held.set()
        self.seen: list[tuple[float, str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.serve(self)

            def do_PUT(self) -> None:
                outer.serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        fault = ""
        if handler.path.endswith("/trades") and self.faults:
            fault = self.faults.pop(0)
        fault = "down" if self.down else fault
        self.held.wait(30)
        self.seen.append((time.monotonic(), handler.path, fault))
        if fault == "429":
            self._answer(handler, 429, b'{"detail": "slowly"}', {"Retry-After": "0.4"})
        elif fault == "503":
            self._answer(handler, 503, b"<html>", {"Retry-After": "0"})
        elif fault == "moved":
            self._answer(handler, 302, b"", {"Location": "http://127.0.0.1:9/steal"})
        elif fault == "down":
            handler.close_connection = True
        else:
            self._forward(handler, body, fault)

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes, fault: str) -> None:
        link = http.client.HTTPConnection(self.target.hostname or "", self.target.port)
        names = ("X-API-Key", "Content-Type")
        headers = {name: handler.headers[name] for name in names}
        link.request(handler.command, handler.path, body, headers)
        answer = link.getresponse()
        text = answer.read()
        link.close()
        if fault == "lost":
            self._answer(handler, 502, b"<html>bad gateway</html>", {"Retry-After": "0"})
        elif fault == "cut":
            handler.close_connection = True
        else:
            self._answer(handler, answer.status, text, {})

    @staticmethod
    def _answer(
        handler: BaseHTTPRequestHandler, status: int, body: bytes, more: dict[str, str]
    ) -> None:
        handler.send_response(status)
        for name, value in {**more, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


CHILD = """
import importlib.util, sys, time
spec = importlib.util.spec_from_file_location("reporter", sys.argv[1])
reporter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reporter)
bot = reporter.BotReporter({"v": 1}, sys.argv[2], sys.argv[4], name="killed", spool=sys.argv[3])
number = int(sys.argv[5])
while True:
    name = f"k-{number}"
    bot.report_trade_async(client_trade_id=name, action="BUY", symbol="SPY", quantity=1, price=500)
    print(name, flush=True)
    number += 1
    time.sleep(0.002)
"""


def told(path: object) -> list[dict[str, object]]:
    """Return the rows of a file of JSON lines."""
    return [json.loads(line) for line in open(str(path))]
