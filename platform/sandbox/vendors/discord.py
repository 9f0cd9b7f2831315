"""Discord's webhooks: embeds within its limits, files by multipart, JSON errors."""

from __future__ import annotations

import re
from typing import Any

import orjson

from sandbox.faults import Fault
from sandbox.server import Received, Reply, StandIn, json_reply

_PATH = re.compile(r"/api/(?:v\d+/)?webhooks/(\d{15,22})/([A-Za-z0-9_-]{40,100})(\?.*)?")
_MOST_IN_ALL = 6000


class Discord(StandIn):
    """Takes any webhook whose address is well made, but those in `gone`."""

    hosts = ("discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com")
    gone: frozenset[str] = frozenset()

    def answer(self, request: Received) -> Reply:
        """Answer as the API does: 200 with the message when `wait` is asked, else 204."""
        found = _PATH.fullmatch(request.path)
        if found is None or found[1] in self.gone:
            return json_reply(404, {"message": "Unknown Webhook", "code": 10015})
        try:
            fault = _fault(request)
        except (ValueError, KeyError, TypeError, AttributeError):
            fault = "could not be read"
        if fault:
            return json_reply(400, {"message": "Invalid Form Body", "code": 50035, "errors": fault})
        if "wait=true" in (found[3] or ""):
            return json_reply(200, {"id": str(1000 + len(self.received)), "type": 0})
        return Reply(204)


def body_of(request: Received) -> dict[str, Any]:
    """Return the message of a request, sent as JSON or with files."""
    if request.headers["content-type"].startswith("multipart/"):
        found: dict[str, Any] = orjson.loads(request.parts()["payload_json"].body)
    else:
        found = request.json()
    return found


def busy(seconds: float) -> Fault:
    """Return Discord's 429, with the wait in its body as well."""
    body = {"message": "You are being rate limited.", "retry_after": seconds, "global": False}
    return Fault(429, {"Content-Type": "application/json"}, orjson.dumps(body))


def _fault(request: Received) -> str:
    body = body_of(request)
    files = {}
    if request.headers["content-type"].startswith("multipart/"):
        files = {p.file: p for name, p in request.parts().items() if name.startswith("files[")}
    embeds = body.get("embeds", [])
    if not embeds and not body.get("content"):
        return "empty message"
    if len(embeds) > 10 or sum(map(_size, embeds)) > _MOST_IN_ALL:
        return "embeds too large"
    return next(filter(None, (_embed_fault(embed, files) for embed in embeds)), "")


def _embed_fault(embed: dict[str, Any], files: dict[str, Any]) -> str:
    limits = (("title", 256), ("description", 4096))
    if any(len(embed.get(name, "")) > most for name, most in limits):
        return "text too long"
    fields = embed.get("fields", [])
    if len(fields) > 25:
        return "too many fields"
    if any(not 1 <= len(f["name"]) <= 256 or not 1 <= len(f["value"]) <= 1024 for f in fields):
        return "field too long or empty"
    url = embed.get("image", {}).get("url", "")
    if url.startswith("attachment://") and url.removeprefix("attachment://") not in files:
        return "image is not attached"
    return ""


def _size(embed: dict[str, Any]) -> int:
    texts = [embed.get("title", ""), embed.get("description", "")]
    texts += [embed.get("footer", {}).get("text", "")]
    texts += [f["name"] + f["value"] for f in embed.get("fields", [])]
    return sum(map(len, texts))
