"""The audit trail: append-only chains of hashes that show every change, removal and reordering.

An entry's hash is SHA-256 over the hash before it and the entry's canonical JSON; numbers of a
chain have no hole; the chain's head says where it ends. The database refuses to change entries.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import Max

from record.canonical import canonical
from record.models import AuditChain, AuditEntry

OPERATORS: Final = "operators"
"""Chain of what operators do."""
GENESIS: Final = "0" * 64
_CHUNK: Final = 2_000


class Link(NamedTuple):
    """What an entry's hash covers."""

    chain: str
    seq: int
    at: dt.datetime
    actor: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where a chain is broken, and how."""

    chain: str
    seq: int
    problem: str

    def __str__(self) -> str:
        return f"{self.chain}/{self.seq}: {self.problem}"


class Head(NamedTuple):
    """Where a chain ends."""

    seq: int
    hash: str


EMPTY: Final = Head(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Walk:
    """What walking over the entries of one chain found."""

    entries: int
    last: Head
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found."""

    entries: int
    heads: Mapping[str, Head]
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is broken."""
        return not self.faults


def link_hash(before: str, link: Link) -> str:
    """Return the hash of an entry that follows the hash `before`."""
    row = link._asdict() | {"at": link.at.astimezone(dt.UTC).isoformat(timespec="microseconds")}
    return hashlib.sha256(bytes.fromhex(before) + canonical(row)).hexdigest()


@transaction.atomic
def write(
    chain: str, *, actor: str, action: str, subject: str, detail: Mapping[str, Any] | None = None
) -> AuditEntry:
    """Append an entry in the current transaction and return it.

    The chain is locked until the transaction ends, so write late in it. `detail` must be JSON
    and must hold no secret; amounts of money are texts.
    """
    AuditChain.objects.bulk_create([AuditChain(name=chain, hash=GENESIS)], ignore_conflicts=True)
    head = AuditChain.objects.select_for_update().get(name=chain)
    text = canonical(dict(detail or {})).decode()
    link = Link(chain, head.seq + 1, dt.datetime.now(dt.UTC), actor, action, subject, text)
    made = AuditEntry.objects.create(**link._asdict(), hash=link_hash(head.hash, link))
    head.seq, head.hash = made.seq, made.hash
    head.save(update_fields=["seq", "hash"])
    return made


def walk(
    chain: str, links: Iterable[tuple[Link, str]], anchors: Mapping[int, str] | None = None
) -> Walk:
    """Check entries of one chain, given in the order of their numbers.

    `anchors` are hashes by number that were noted elsewhere: they show a chain that somebody
    with all rights wrote anew from some entry on.
    """
    wanted = dict(anchors or {})
    faults: list[Fault] = []
    last, count = EMPTY, 0
    for link, stored in links:
        count += 1
        if link.chain != chain or link.seq != last.seq + 1:
            faults.append(Fault(chain, link.seq, f"does not follow {last.seq}"))
        elif link_hash(last.hash, link) != stored:
            faults.append(Fault(chain, link.seq, "does not match its hash"))
        if wanted.pop(link.seq, stored) != stored:
            faults.append(Fault(chain, link.seq, "is not the entry that was noted elsewhere"))
        last = Head(link.seq, stored)
    faults += [Fault(chain, seq, "was noted elsewhere and is missing") for seq in sorted(wanted)]
    return Walk(count, last, tuple(faults))


def verify(anchors: Mapping[str, Mapping[int, str]] | None = None) -> Report:
    """Check all chains against their hashes, their heads and the anchors."""
    noted = anchors or {}
    heads = {row.name: Head(row.seq, row.hash) for row in AuditChain.objects.all()}
    entries = 0
    faults: list[Fault] = []
    for name in sorted({*heads, *noted, *_chains_with_entries()}):
        # What is appended from now on is for the next verification.
        head = heads.get(name, EMPTY)
        found = walk(name, _links(name, head.seq), noted.get(name))
        entries += found.entries
        faults += found.faults
        if found.last != head:
            faults.append(
                Fault(name, head.seq, f"is the head, but entries end at {found.last.seq}")
            )
        faults += _beyond_head(name)
    return Report(entries, heads, tuple(faults))


def _beyond_head(name: str) -> list[Fault]:
    """Return a fault when entries stand beyond the head; the head is read after the entries."""
    newest = AuditEntry.objects.filter(chain=name).aggregate(newest=Max("seq"))["newest"] or 0
    head = AuditChain.objects.filter(name=name).values_list("seq", flat=True).first() or 0
    return [Fault(name, newest, f"stands beyond the head {head}")] if newest > head else []


def _chains_with_entries() -> Iterable[str]:
    return AuditEntry.objects.order_by().values_list("chain", flat=True).distinct()


def _links(name: str, through: int) -> Iterator[tuple[Link, str]]:
    rows = AuditEntry.objects.filter(chain=name, seq__lte=through).order_by("seq")
    for *fields, stored in rows.values_list(*Link._fields, "hash").iterator(_CHUNK):
        yield Link(*fields), stored
