"""G21: an insider with SQL changes the audit trail in every way there is, and is found out.

PULSE_TAMPERS says how often. The triggers are switched off as a superuser may; the head is
written anew where that would hide it, so hashes noted elsewhere must show it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from record import audit
from record.audit import GENESIS, Link
from record.models import AuditEntry
from tests.trials.sizes import seeds, told

pytestmark = pytest.mark.django_db
CHAINS = ("accounts", "switches", "trading:1")
TEXTS = ("actor", "action", "subject", "detail")
ROWS = "record_auditentry"


def written(count: int = 12) -> None:
    for number in range(count):
        for chain in CHAINS:
            audit.write(
                chain, actor=f"user {number % 3}", action="order.cancel",
                subject=f"order {number}", detail={"state": "canceled", "n": number},
            )  # fmt: skip


def sql(text: str, *args: object) -> int:
    with connection.cursor() as cursor:
        cursor.execute(text, args)
        return cursor.rowcount


def row_of(chain: str, seq: int) -> AuditEntry:
    return AuditEntry.objects.get(chain=chain, seq=seq)


def edit(chance: random.Random, chain: str, seq: int) -> None:
    column = chance.choice((*TEXTS, "at", "hash"))
    there = row_of(chain, seq)
    if column == "at":
        moved = chance.choice((1, -1, 1_000, 86_400_000_000))
        sql(f"UPDATE {ROWS} SET at = at + %s * interval '1 microsecond' WHERE id = %s", moved,
            there.pk)  # fmt: skip
        return
    text = getattr(there, column)
    place = chance.randrange(len(text))
    other = chance.choice("0123456789abcdef".replace(text[place], ""))
    sql(f"UPDATE {ROWS} SET {column} = %s WHERE id = %s", text[:place] + other + text[place + 1 :],
        there.pk)  # fmt: skip


def patch(chance: random.Random, chain: str, seq: int) -> None:
    """Change an entry and reckon its own hash anew, and no other."""
    sql(f"UPDATE {ROWS} SET actor = 'nobody' WHERE chain = %s AND seq = %s", chain, seq)
    sql(f"UPDATE {ROWS} SET hash = %s WHERE chain = %s AND seq = %s", _hash_of(chain, seq), chain,
        seq)  # fmt: skip


def remove(chance: random.Random, chain: str, seq: int) -> None:
    sql(f"DELETE FROM {ROWS} WHERE chain = %s AND seq = %s", chain, seq)


def close_up(chance: random.Random, chain: str, seq: int) -> None:
    """Remove an entry and move those behind it up."""
    remove(chance, chain, seq)
    for number in range(seq + 1, last_of(chain) + 1):
        sql(f"UPDATE {ROWS} SET seq = seq - 1 WHERE chain = %s AND seq = %s", chain, number)


def swap(chance: random.Random, chain: str, seq: int) -> None:
    other = chance.choice([n for n in range(1, last_of(chain) + 1) if n != seq])
    one, two = row_of(chain, seq).pk, row_of(chain, other).pk
    sql(f"UPDATE {ROWS} SET seq = -1 WHERE id = %s", one)
    sql(f"UPDATE {ROWS} SET seq = %s WHERE id = %s", seq, two)
    sql(f"UPDATE {ROWS} SET seq = %s WHERE id = %s", other, one)


def move(chance: random.Random, chain: str, seq: int) -> None:
    """Put an entry at the end of another chain."""
    other = chance.choice([one for one in CHAINS if one != chain])
    sql(f"UPDATE {ROWS} SET chain = %s, seq = %s WHERE chain = %s AND seq = %s", other,
        last_of(other) + 1, chain, seq)  # fmt: skip


def invent(chance: random.Random, chain: str, seq: int) -> None:
    """Add an entry that follows rightly, and leave the head."""
    _append(chain, last_of(chain))


def cut(chance: random.Random, chain: str, seq: int) -> None:
    """Remove the newest entries and set the head back."""
    sql(f"DELETE FROM {ROWS} WHERE chain = %s AND seq >= %s", chain, seq)
    _set_head(chain, seq - 1)


def rewrite(chance: random.Random, chain: str, seq: int) -> None:
    """Change an entry, reckon every hash behind it anew, and set the head."""
    sql(f"UPDATE {ROWS} SET actor = 'nobody' WHERE chain = %s AND seq = %s", chain, seq)
    for number in range(seq, last_of(chain) + 1):
        sql(f"UPDATE {ROWS} SET hash = %s WHERE chain = %s AND seq = %s", _hash_of(chain, number),
            chain, number)  # fmt: skip
    _set_head(chain, last_of(chain))


def forget(chance: random.Random, chain: str, seq: int) -> None:
    """Remove a chain with its head, as if it had never been."""
    sql(f"DELETE FROM {ROWS} WHERE chain = %s", chain)
    sql("DELETE FROM record_auditchain WHERE name = %s", chain)


def last_of(chain: str) -> int:
    return AuditEntry.objects.filter(chain=chain).order_by("-seq").values_list("seq", flat=True)[0]


def _hash_of(chain: str, seq: int) -> str:
    before = GENESIS if seq == 1 else row_of(chain, seq - 1).hash
    there = row_of(chain, seq)
    return audit.link_hash(before, Link(*(getattr(there, name) for name in Link._fields)))


def _append(chain: str, last: int) -> None:
    there = row_of(chain, last)
    link = Link(chain, last + 1, there.at, "user 7", "order.place", "order 77", "{}")
    AuditEntry.objects.create(**link._asdict(), hash=audit.link_hash(there.hash, link))


def _set_head(chain: str, seq: int) -> None:
    known = GENESIS if seq == 0 else row_of(chain, seq).hash
    sql("UPDATE record_auditchain SET seq = %s, hash = %s WHERE name = %s", seq, known, chain)


Tamper = Callable[[random.Random, str, int], None]
SHOWN_BY_ITSELF: tuple[Tamper, ...] = (edit, patch, remove, close_up, swap, move, invent)
SHOWN_BY_WHAT_WAS_NOTED: tuple[Tamper, ...] = (cut, rewrite, forget)


Noted = dict[str, dict[int, str]]


def noted_now() -> Noted:
    return {name: {head.seq: head.hash} for name, head in audit.verify().heads.items()}


def tamper_with(seed: int, ways: tuple[Tamper, ...], noted: Noted) -> str:
    """Change something, and return how; nothing of it stays."""
    chance = random.Random(seed)
    way, chain = ways[seed % len(ways)], chance.choice(CHAINS)
    with transaction.atomic():
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        sql("SET LOCAL session_replication_role = replica")  # no trigger looks
        way(chance, chain, chance.randint(1, last_of(chain)))
        found = audit.verify() if way in SHOWN_BY_ITSELF else audit.verify(noted)
        transaction.set_rollback(True)
    assert not found.sound, f"seed {seed}: {way.__name__} of {chain} was not found"
    return way.__name__


def test_every_change_of_the_trail_is_found():
    written()
    ways = (*SHOWN_BY_ITSELF, *SHOWN_BY_WHAT_WAS_NOTED)
    run = seeds("PULSE_TAMPERS", 30)
    noted = noted_now()
    done = [tamper_with(seed, ways, noted) for seed in run]
    assert audit.verify().sound
    kinds = {name: done.count(name) for name in sorted(set(done))}
    sys.stdout.write(f"{told(run)}: {len(run)} of {len(run)} found, {kinds}\n")
    assert len(kinds) == len(ways)


# --- bugs that must be found out -----------------------------------------------------------------


def without_the_actor(before: str, link: Link, right=audit.link_hash) -> str:
    return right(before, link._replace(actor=""))


def without_what_was_before(before: str, link: Link, right=audit.link_hash) -> str:
    return right(GENESIS, link)


BUGS = {
    "the actor is not in the hash": ("link_hash", without_the_actor),
    "entries are not chained": ("link_hash", without_what_was_before),
    "nobody looks beyond the head": ("_beyond_head", lambda name: []),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_gap_of_the_trail_is_found_out(monkeypatch, bug):
    monkeypatch.setattr(audit, *BUGS[bug])
    written()

    def all_of_it() -> None:
        for seed in range(50):
            tamper_with(seed, (edit, patch, remove, swap, invent), {})

    with pytest.raises(AssertionError, match="was not found"):
        all_of_it()
