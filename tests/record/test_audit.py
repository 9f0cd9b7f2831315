"""The audit trail: append-only, and any tampering is found."""

from __future__ import annotations

import threading

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from record import audit
from record.audit import GENESIS, Link, link_hash, walk
from record.canonical import NotCanonicalError
from record.models import AuditChain, AuditEntry

EDITS = {
    "actor": "user:9",
    "action": "nothing",
    "subject": "user:77",
    "detail": '{"n":99}',
    "chain": "b",
    "hash": "f" * 64,
    "at": "2020-01-01T00:00:00Z",
}


def _write(count: int, chain: str = "a") -> list[AuditEntry]:
    return [
        audit.write(
            chain, actor="user:1", action="plan.change", subject=f"user:{n}", detail={"n": n}
        )
        for n in range(count)
    ]


def _tamper(sql: str, *args: object) -> None:
    """Change rows as somebody would who may switch the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE record_auditentry DISABLE TRIGGER USER")
        cursor.execute(sql, args)
        cursor.execute("ALTER TABLE record_auditentry ENABLE TRIGGER USER")


@pytest.mark.django_db
def test_entries_are_numbered_and_chained():
    entries = _write(3)
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert len({entry.hash for entry in entries}) == 3
    assert AuditEntry.objects.get(seq=2).detail == '{"n":1}'
    _write(1, chain="b")
    report = audit.verify()
    assert report.sound
    assert report.entries == 4
    assert report.heads["a"] == (3, entries[-1].hash)


@pytest.mark.django_db
def test_hash_is_what_the_documentation_says():
    import hashlib
    import json

    (entry,) = _write(1)
    row = {
        "chain": "a",
        "seq": 1,
        "at": entry.at.isoformat(timespec="microseconds"),
        "actor": "user:1",
        "action": "plan.change",
        "subject": "user:0",
        "detail": '{"n":0}',
    }
    text = json.dumps(row, sort_keys=True, separators=(",", ":"))
    assert entry.hash == hashlib.sha256(bytes(32) + text.encode()).hexdigest()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE record_auditentry SET actor = 'x'",
        "DELETE FROM record_auditentry",
        "UPDATE record_auditentry SET hash = hash",
    ],
)
def test_database_refuses_to_change_entries(sql):
    _write(2)
    with (
        pytest.raises(ProgrammingError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert audit.verify().entries == 2


@pytest.mark.django_db
def test_database_refuses_to_empty_the_table_outside_tests():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s",
            ["record_auditentry_keeps_all"],
        )
        (definition,) = cursor.fetchone()
    assert "BEFORE TRUNCATE" in definition
    assert r"!~~ 'test\_%'" in definition


@pytest.mark.django_db
@pytest.mark.parametrize("column", EDITS)
@pytest.mark.parametrize("seq", [1, 3, 5])
def test_every_edited_column_is_found(column, seq):
    _write(5)
    _tamper(f"UPDATE record_auditentry SET {column} = %s WHERE seq = %s", EDITS[column], seq)
    assert not audit.verify().sound


@pytest.mark.django_db
@pytest.mark.parametrize("seq", [1, 2, 3])
def test_every_removed_entry_is_found(seq):
    _write(3)
    _tamper("DELETE FROM record_auditentry WHERE seq = %s", seq)
    assert not audit.verify().sound


@pytest.mark.django_db
def test_removed_chain_inserted_and_swapped_entries_are_found():
    _write(3)
    with transaction.atomic():
        _tamper("DELETE FROM record_auditentry")
        assert [str(fault) for fault in audit.verify().faults] == [
            "a/3: is the head, but entries end at 0"
        ]
        transaction.set_rollback(True)
    with transaction.atomic():
        _tamper(
            "UPDATE record_auditentry SET seq = CASE seq WHEN 1 THEN 12 ELSE 11 END WHERE seq < 3"
        )
        _tamper("UPDATE record_auditentry SET seq = seq - 10 WHERE seq > 10")
        assert not audit.verify().sound
        transaction.set_rollback(True)
    with transaction.atomic():
        _tamper(
            "INSERT INTO record_auditentry (chain, seq, at, actor, action, subject, detail, hash)"
            " SELECT chain, 4, at, actor, action, subject, detail, hash FROM record_auditentry"
            " WHERE seq = 3"
        )
        assert [fault.problem for fault in audit.verify().faults] == ["stands beyond the head 3"]
        transaction.set_rollback(True)
    AuditChain.objects.all().delete()
    assert not audit.verify().sound


@pytest.mark.django_db
def test_a_chain_written_anew_is_found_by_a_hash_noted_elsewhere(capsys):
    noted = _write(4)[2].hash
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE record_auditentry DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM record_auditentry WHERE seq > 2")
        cursor.execute("ALTER TABLE record_auditentry ENABLE TRIGGER USER")
    second = AuditEntry.objects.get(seq=2)
    AuditChain.objects.filter(name="a").update(seq=2, hash=second.hash)
    assert not audit.verify({"a": {3: noted}}).sound  # cut off, nothing written yet
    _write(2)
    assert audit.verify().sound
    call_command("verify_audit", "--expect", f"a/2={second.hash}")
    with pytest.raises(SystemExit) as end:
        call_command("verify_audit", "--expect", f"a/3={noted}")
    assert end.value.code == 1
    assert "a/3: is not the entry that was noted elsewhere" in capsys.readouterr().err
    with pytest.raises(CommandError):
        call_command("verify_audit", "--expect", "nonsense")


@pytest.mark.django_db
def test_command_reports_heads_that_can_be_noted(capsys):
    entries = _write(2)
    call_command("verify_audit")
    said = capsys.readouterr().out
    assert f"a/2={entries[-1].hash}" in said
    assert "2 entries in 1 chains: sound." in said


@pytest.mark.django_db
def test_what_is_not_json_is_refused_and_leaves_no_trace():
    with pytest.raises(NotCanonicalError):
        audit.write("a", actor="x", action="y", subject="z", detail={"x": float("nan")})
    assert not AuditEntry.objects.exists()
    assert _write(1)[0].seq == 1


@pytest.mark.django_db(transaction=True)
def test_threads_leave_no_gap_and_rolled_back_entries_no_hole():
    def work(index: int) -> None:
        for n in range(10):
            with transaction.atomic():
                audit.write("t", actor=f"user:{index}", action="a", subject=str(n))
                if n % 3 == 0:
                    transaction.set_rollback(True)
        connection.close()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = audit.verify()
    assert report.sound
    assert (report.entries, report.heads["t"].seq) == (30, 30)


def _chain(count: int) -> list[tuple[Link, str]]:
    import datetime as dt

    before, made = GENESIS, []
    for seq in range(1, count + 1):
        at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seq)
        link = Link("a", seq, at, f"user:{seq % 3}", "act", f"thing:{seq % 2}", "{}")
        before = link_hash(before, link)
        made.append((link, before))
    return made


@given(st.integers(2, 12), st.data())
def test_any_rearrangement_is_found(count, data):
    """Random edits, removals, repetitions and reorderings of a chain are all detected."""
    chain = _chain(count)
    changed = list(chain)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1)) if changed else 0
        match data.draw(st.sampled_from(["edit", "remove", "swap", "repeat", "renumber"])):
            case "edit" if changed:
                link, stored = changed[place]
                name = data.draw(st.sampled_from(["actor", "action", "subject", "detail"]))
                changed[place] = (link._replace(**{name: data.draw(st.text(max_size=5))}), stored)
            case "remove" if changed:
                del changed[place]
            case "swap" if changed:
                other = data.draw(st.integers(0, len(changed) - 1))
                changed[place], changed[other] = changed[other], changed[place]
            case "repeat" if changed:
                changed.insert(place, changed[place])
            case "renumber" if changed:
                link, stored = changed[place]
                changed[place] = (link._replace(seq=data.draw(st.integers(0, 20))), stored)
    found = walk("a", changed)
    whole = not found.faults and found.last == (count, chain[-1][1])
    assert whole == (changed == chain)
