"""What the database itself holds of the ledger: balance of each entry, sums of the postings."""

from __future__ import annotations

from django.db import migrations

_FORWARD = """
-- L1: at the commit, every entry has two postings at least and sums to zero in each unit.
CREATE FUNCTION trading_check_entry(checked bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    fault text;
    lines bigint;
BEGIN
    SELECT count(*) INTO lines FROM trading_posting WHERE entry_id = checked;
    IF lines < 2 THEN
        RAISE EXCEPTION 'journal entry % has % postings', checked, lines
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT unit INTO fault FROM trading_posting WHERE entry_id = checked
        GROUP BY unit HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal entry % does not sum to zero in %', checked, fault
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
END $$;

CREATE FUNCTION trading_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM trading_check_entry(NEW.id);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER trading_entry_balances
    AFTER INSERT ON trading_journalentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION trading_entry_balances();

-- A posting that comes to an entry later is checked as well.
CREATE FUNCTION trading_posting_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM trading_check_entry(NEW.entry_id);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER trading_posting_balances
    AFTER INSERT ON trading_posting DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION trading_posting_balances();

-- L2: balances are kept by the statement that adds postings.
CREATE FUNCTION trading_posting_adds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM added a JOIN trading_journalentry e ON e.id = a.entry_id
               WHERE e.account_id <> a.account_id) THEN
        RAISE EXCEPTION 'a posting is of another account than its entry'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO trading_balance (account_id, side, unit, instrument, amount)
        SELECT DISTINCT account_id, side, unit, instrument, 0 FROM added
        ORDER BY account_id, side, unit, instrument
    ON CONFLICT (account_id, side, unit, instrument) DO NOTHING;
    UPDATE trading_balance b SET amount = b.amount + s.amount
        FROM (SELECT account_id, side, unit, instrument, sum(amount) AS amount FROM added
              GROUP BY account_id, side, unit, instrument) s
        WHERE b.account_id = s.account_id AND b.side = s.side AND b.unit = s.unit
          AND b.instrument = s.instrument;
    RETURN NULL;
END $$;

CREATE TRIGGER trading_posting_adds
    AFTER INSERT ON trading_posting REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION trading_posting_adds();
"""
_BACKWARD = """
DROP TRIGGER trading_posting_adds ON trading_posting;
DROP FUNCTION trading_posting_adds();
DROP TRIGGER trading_posting_balances ON trading_posting;
DROP FUNCTION trading_posting_balances();
DROP TRIGGER trading_entry_balances ON trading_journalentry;
DROP FUNCTION trading_entry_balances();
DROP FUNCTION trading_check_entry(bigint);
"""


def balanced() -> migrations.RunSQL:
    """Return the migration that lets the database hold L1 and L2."""
    return migrations.RunSQL(_FORWARD, _BACKWARD)
