"""Slack's incoming webhooks: blocks within its limits, answers in plain words."""

from __future__ import annotations

import re
from typing import Any

from sandbox.server import Received, Reply, StandIn

_PATH = re.compile(r"/services/(T[A-Z0-9]+)/(B[A-Z0-9]+)/([A-Za-z0-9]+)")
_LIMITS = {"header": 150, "section": 3000}


class Slack(StandIn):
    """Takes any webhook whose address is well made, but those of workspaces in `gone`."""

    hosts = ("hooks.slack.com",)
    gone: frozenset[str] = frozenset()

    def answer(self, request: Received) -> Reply:
        """Answer `ok`, or what is wrong."""
        found = _PATH.fullmatch(request.path)
        if found is None or found[1] in self.gone:
            return Reply(404, b"no_service")
        try:
            body = request.json()
            fine = all(map(_fits, body["blocks"])) and len(body["blocks"]) <= 50
            fine = fine and bool(body["text"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return Reply(400, b"invalid_payload")
        return Reply(200, b"ok") if fine else Reply(400, b"invalid_blocks")


def _fits(block: dict[str, Any]) -> bool:
    if block["type"] == "context":
        return 1 <= len(block["elements"]) <= 10
    fields = block.get("fields", [])
    if len(fields) > 10 or any(not 1 <= len(field["text"]) <= 2000 for field in fields):
        return False
    text = block.get("text", {}).get("text", "")
    return bool(text or fields) and len(text) <= _LIMITS[block["type"]]
