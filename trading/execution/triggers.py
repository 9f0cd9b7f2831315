"""What the database itself holds of execution: who lost an account sends nothing for it."""

from __future__ import annotations

from django.db import migrations

_FORWARD = """
CREATE FUNCTION trading_attempt_is_fenced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_held bigint;
BEGIN
    SELECT s.token INTO now_held
    FROM trading_order o JOIN trading_accountstate s ON s.account_id = o.account_id
    WHERE o.id = NEW.order_id
    FOR SHARE OF s;
    IF NEW.token <> COALESCE(now_held, 0) THEN
        RAISE EXCEPTION 'the account of order % is held under token %, not %',
            NEW.order_id, COALESCE(now_held, 0), NEW.token
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER trading_attempt_is_fenced BEFORE INSERT ON trading_clientorderid
    FOR EACH ROW EXECUTE FUNCTION trading_attempt_is_fenced();

CREATE FUNCTION trading_token_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.token < OLD.token THEN
        RAISE EXCEPTION 'the token of account % would fall', OLD.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER trading_token_rises BEFORE UPDATE ON trading_accountstate
    FOR EACH ROW EXECUTE FUNCTION trading_token_rises();
"""
_BACKWARD = """
DROP TRIGGER trading_token_rises ON trading_accountstate;
DROP FUNCTION trading_token_rises();
DROP TRIGGER trading_attempt_is_fenced ON trading_clientorderid;
DROP FUNCTION trading_attempt_is_fenced();
"""


def fenced() -> migrations.RunSQL:
    """Return the migration that lets the database refuse an older holder's attempt."""
    return migrations.RunSQL(_FORWARD, _BACKWARD)
