"""What the database itself holds of orders: fills never fall, ends stay ends."""

from __future__ import annotations

from django.db import migrations

_FORWARD = """
CREATE FUNCTION trading_order_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.filled_quantity < OLD.filled_quantity THEN
        RAISE EXCEPTION 'filled quantity of order % would fall', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.state IN ('filled', 'canceled', 'replaced', 'rejected', 'expired')
       AND (OLD.state = 'filled' AND NEW.state <> 'filled'
            OR NEW.state NOT IN ('filled', 'canceled', 'replaced', 'rejected', 'expired')) THEN
        RAISE EXCEPTION 'order % is % and cannot be %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER trading_order_goes_on BEFORE UPDATE ON trading_order
    FOR EACH ROW EXECUTE FUNCTION trading_order_goes_on();
"""
_BACKWARD = """
DROP TRIGGER trading_order_goes_on ON trading_order;
DROP FUNCTION trading_order_goes_on();
"""


def going_on() -> migrations.RunSQL:
    """Return the migration that lets the database hold O1 and O2."""
    return migrations.RunSQL(_FORWARD, _BACKWARD)
