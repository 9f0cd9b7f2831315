"""Telegram's bot interface: sendMessage and sendPhoto, with its errors."""

from __future__ import annotations

import re
from html import unescape

import orjson

from sandbox.faults import Fault
from sandbox.server import Received, Reply, StandIn, json_reply

_PATH = re.compile(r"/bot(\d+:[A-Za-z0-9_-]+)/(sendMessage|sendPhoto)")
_TAG = re.compile(r"<(/?)([a-z]+)>")
_TAGS = ("b", "i", "u", "s", "code", "pre")


class Telegram(StandIn):
    """Takes any bot but those in `revoked`, and any chat but those in `unknown`."""

    hosts = ("api.telegram.org",)
    revoked: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    def answer(self, request: Received) -> Reply:
        """Answer with the message, or with what is wrong."""
        found = _PATH.fullmatch(request.path)
        if found is None:
            return _no(404, "Not Found")
        if found[1] in self.revoked:
            return _no(401, "Unauthorized")
        fault = self._fault(request, photo=found[2] == "sendPhoto")
        if fault:
            return _no(400, f"Bad Request: {fault}")
        return json_reply(200, {"ok": True, "result": {"message_id": len(self.received)}})

    def _fault(self, request: Received, *, photo: bool) -> str:
        form = form_of(request)
        text = form.get("caption" if photo else "text", "")
        if form.get("chat_id") in self.unknown:
            return "chat not found"
        if not text or len(unescape(_TAG.sub("", text))) > (1024 if photo else 4096):
            return "message text is empty or too long"
        if form.get("parse_mode") == "HTML" and not _balanced(text):
            return "can't parse entities"
        if photo and not request.parts()["photo"].body.startswith(b"\x89PNG"):
            return "IMAGE_PROCESS_FAILED"
        return ""


def form_of(request: Received) -> dict[str, str]:
    """Return the values of a request, sent as JSON or as a form."""
    if request.headers["content-type"].startswith("multipart/"):
        return {p.name: p.body.decode() for p in request.parts().values() if not p.file}
    found: dict[str, str] = request.json()
    return found


def busy(seconds: int) -> Fault:
    """Return Telegram's 429, which says in its body how long to wait."""
    body = {
        "ok": False,
        "error_code": 429,
        "description": f"Too Many Requests: retry after {seconds}",
        "parameters": {"retry_after": seconds},
    }
    return Fault(429, {"Content-Type": "application/json"}, orjson.dumps(body))


def _no(code: int, text: str) -> Reply:
    return json_reply(code, {"ok": False, "error_code": code, "description": text})


def _balanced(text: str) -> bool:
    open_tags: list[str] = []
    for found in _TAG.finditer(text):
        if found[2] not in _TAGS:
            return False
        if not found[1]:
            open_tags.append(found[2])
        elif not open_tags or open_tags.pop() != found[2]:
            return False
    return not open_tags and "<" not in _TAG.sub("", text)
