"""A chain that somebody with all rights altered: the first row is named, whatever was done."""

import io

import pytest
from django.core.management import call_command
from django.db import connection

from leaderboard import chain, reports, services

from .conftest import NOON, trade


@pytest.fixture
def log(bot):
    reports.report(bot.pk, [trade(n, pnl="1.50") for n in range(1, 7)], now=NOON)
    bot.refresh_from_db()
    return bot


def alter(statement: str) -> None:
    """Do what only a superuser can do: work past the triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = DEFAULT")


def test_a_log_as_it_was_written_is_sound(log):
    found = chain.verify(log)
    assert (found.trades, found.seq, found.hash, found.fault) == (6, 6, log.head_hash, None)


@pytest.mark.parametrize(
    ("statement", "seq", "says"),
    [
        ("SET fee = fee + 0.00000001 WHERE seq = 3", 3, "does not match its hash"),
        ("SET reported_pnl = 15 WHERE seq = 4", 4, "does not match its hash"),
        ("SET tier = 'broker_verified' WHERE seq = 2", 2, "does not match its hash"),
        ("SET received_at = received_at - interval '1 ms' WHERE seq = 1", 1, "its hash"),
        ("SET legs = replace(legs::text, '4.95', '4.90')::jsonb WHERE seq = 5", 5, "its hash"),
        ("SET evidence = '{}' WHERE seq = 5", 5, "does not match its hash"),
        ("SET hash = repeat('a', 64) WHERE seq = 2", 2, "does not match its hash"),
        ("SET previous_hash = repeat('a', 64) WHERE seq = 2", 2, "does not follow the row"),
        ("SET seq = 60 WHERE seq = 6", 6, "is missing"),
    ],
)
def test_the_first_altered_row_is_named(log, statement, seq, says):
    alter(f"UPDATE leaderboard_trade {statement}")
    fault = chain.verify(log).fault
    assert fault.seq == seq
    assert says in fault.problem


@pytest.mark.parametrize(("where", "seq"), [("seq = 2", 2), ("seq = 6", 6), ("seq > 0", 1)])
def test_a_removed_row_is_missed(log, where, seq):
    alter(f"DELETE FROM leaderboard_trade WHERE {where}")
    fault = chain.verify(log).fault
    assert (fault.seq, fault.problem[:10]) == (seq, "is missing")


def test_rows_that_changed_places_are_found(log):
    alter("UPDATE leaderboard_trade SET seq = seq + 100 WHERE seq IN (2, 3)")
    alter("UPDATE leaderboard_trade SET seq = 105 - seq WHERE seq > 100")
    assert chain.verify(log).fault.seq == 2


def test_an_altered_configuration_is_found(log):
    alter("UPDATE leaderboard_configversion SET text = '{}'")
    fault = chain.verify(log).fault
    assert fault.seq == 1
    assert "version 1, that was altered" in fault.problem


def test_a_chain_written_anew_is_found_by_what_was_published(log):
    services.publish_heads(NOON.date())
    trades = list(log.trades.order_by("seq"))
    before = trades[3].hash
    for row in trades[4:]:
        row.reported_pnl, row.previous_hash = 99, before
        before = chain.hash_of(chain.row_of(row, row.version.config_hash))
        alter(
            "UPDATE leaderboard_trade SET reported_pnl = 99, "
            f"previous_hash = '{row.previous_hash}', hash = '{before}' WHERE id = {row.pk}"
        )
    type(log).objects.filter(pk=log.pk).update(head_hash=before)
    log.refresh_from_db()
    fault = chain.verify(log).fault
    assert fault == chain.Fault(6, "is not the row whose hash was published")


def test_the_command_says_which(log, capsys):
    out = io.StringIO()
    call_command("verify_log", stdout=out)
    assert out.getvalue() == "6 trades of 1 bots: sound.\n"
    alter("UPDATE leaderboard_trade SET fee = 9 WHERE seq = 4")
    err = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_log", str(log.pk), stdout=out, stderr=err)
    assert err.getvalue() == f"bot {log.pk}, trade 4 does not match its hash\n"
