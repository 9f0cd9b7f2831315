"""What the stand-in keeps: objects by id, its clock, the events that tell of changes."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.stripe.errors import StripeFault, missing
from sandbox.stripe.forms import Params, listed, whole

Thing = dict[str, Any]
API_VERSION = "2026-10-28.endive"
DAY = 86_400


class Books:
    """Objects, clock and events. Amounts are in cents, times in whole seconds."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.events: list[Thing] = []
        self.declining: set[str] = set()
        """Customers whose card is refused."""
        self.after_retries = "canceled"
        """What becomes of a subscription that stays unpaid: canceled or unpaid."""
        self.on_event: Callable[[Thing], None] | None = None
        self._shift = 0
        self._count = 0

    # --- time -----------------------------------------------------------------------------------
    @property
    def now(self) -> int:
        """The second that it is here."""
        return int(time.time()) + self._shift

    def forward_to(self, second: int) -> None:
        """Move the clock forward, never back."""
        self._shift += max(0, second - self.now)

    # --- objects --------------------------------------------------------------------------------
    def make(self, prefix: str, kind: str, values: Thing, *, name: str = "") -> Thing:
        """Keep a new object and return it."""
        self._count += 1
        made: Thing = {
            "id": name or f"{prefix}_standin{self._count:08d}",
            "object": kind,
            "created": self.now,
            "livemode": False,
            **values,
        }
        if made["id"] in self.things:
            text = f"{kind.capitalize()} already exists."
            raise StripeFault(text, code="resource_already_exists", param="id")
        self.things[made["id"]] = made
        return made

    def get(self, kind: str, name: Any, *, param: str = "id", status: int = 404) -> Thing:
        """Return an object of a kind, or raise Stripe's error."""
        found = self.things.get(str(name))
        if found is None or found["object"] != kind:
            raise missing(kind.replace("_", " "), str(name), param=param, status=status)
        return found

    def named(self, kind: str, params: Params, field: str) -> Thing:
        """Return the object that a parameter names, or raise the error of that field."""
        return self.get(kind, params.get(field), param=field, status=400)

    def all(self, kind: str, **values: Any) -> list[Thing]:
        """Return all objects of a kind with these values, newest first."""
        found = [
            thing
            for thing in self.things.values()
            if thing["object"] == kind and all(thing.get(k) == v for k, v in values.items())
        ]
        return found[::-1]

    # --- events ---------------------------------------------------------------------------------
    def tell(self, kind: str, thing: Thing, previous: Thing | None = None) -> None:
        """Add an event that carries the object as it is now."""
        data: Thing = {"object": copy.deepcopy(thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.make(
            "evt",
            "event",
            {
                "type": kind,
                "api_version": API_VERSION,
                "data": data,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
            },
        )
        self.events.append(event)
        if self.on_event is not None:
            self.on_event(event)


def page(things: Iterable[Thing], params: Params, url: str) -> Thing:
    """Return one page of a list, as `limit`, `starting_after` and `ending_before` ask."""
    limit = whole(params, "limit", 10)
    if not 1 <= limit <= 100:
        raise StripeFault("Invalid limit: must be between 1 and 100", param="limit")
    rows = list(things)
    ids = [row["id"] for row in rows]
    if "ending_before" in params:
        rows = rows[: _place(ids, params, "ending_before")]
        more, rows = len(rows) > limit, rows[-limit:]
    else:
        if "starting_after" in params:
            rows = rows[_place(ids, params, "starting_after") + 1 :]
        more, rows = len(rows) > limit, rows[:limit]
    return {"object": "list", "url": url, "has_more": more, "data": rows}


def _place(ids: list[str], params: Params, name: str) -> int:
    if params[name] not in ids:
        raise missing("object", str(params[name]), status=400, param=name)
    return ids.index(params[name])


def expanded(books: Books, body: Thing, params: Params) -> Thing:
    """Return a copy of an answer in which the ids that `expand` names are objects."""
    made = copy.deepcopy(body)
    for path in listed(params, "expand"):
        parts = str(path).split(".")
        if len(parts) > 4:
            raise StripeFault("You can expand at most 4 levels.", param="expand")
        _expand(books, made, parts)
    return made


def _expand(books: Books, place: Any, parts: list[str]) -> None:
    if isinstance(place, list):
        for one in place:
            _expand(books, one, parts)
        return
    if not isinstance(place, dict) or not parts:
        return
    head, *rest = parts
    if head not in place:
        raise StripeFault(f"This property cannot be expanded ({head}).", param="expand")
    if isinstance(place[head], str):
        place[head] = copy.deepcopy(books.things.get(place[head], place[head]))
    _expand(books, place[head], rest)
