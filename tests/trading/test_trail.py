"""G21: every change of orders, accounts, switches and limits has its row in the audit trail.

The database itself is the witness: triggers note each change, with the transaction that made it,
and in that transaction the trail must name the same thing with the same state. A story is drawn
from its seed; PULSE_TRAIL says of how many acts.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from record import audit
from tests.trading.desk import Desk, desk, latch, market, new_desk
from tests.trials.sizes import seeds, told
from trading.brokers.protocol import Activity
from trading.execution import services as standing
from trading.execution.states import Standing
from trading.ledger.book import LedgerError
from trading.ledger.services import Kind
from trading.models import AccountState, LimitSetting, Order, RiskProfile
from trading.orders import services as orders
from trading.orders.intents import of_json
from trading.orders.machine import OPEN, News
from trading.risk import services as limits
from trading.risk.gather import RISKS
from trading.scopes import EVERYTHING, Scope
from trading.switches import press
from trading.switches import services as switches

__all__ = ["desk", "latch", "market", "new_desk"]
pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
WATCHED = {
    "trading_order": ("id", "state"),
    "trading_accountstate": ("account_id", "state"),
    "trading_switch": ("kind || ':' || {0}.target", "state"),
    "trading_limitsetting": ("kind || ':' || {0}.target || ' ' || {0}.name", "value"),
    "trading_riskprofile": ("account_id", "market_orders || ' ' || {0}.accepted"),
}
"""Of each table what names a row, and what of it is its state."""
WITNESS = """
CREATE TABLE test_seen (
    id bigserial, tx xid8 DEFAULT pg_current_xact_id(), what text, name text, was text, state text
);
CREATE TABLE test_told (
    id bigserial, tx xid8 DEFAULT pg_current_xact_id(), action text, subject text, detail jsonb
);
CREATE FUNCTION test_told_of() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO test_told (action, subject, detail)
        VALUES (NEW.action, NEW.subject, NEW.detail::jsonb);
    RETURN NULL;
END $$;
CREATE TRIGGER test_tells AFTER INSERT ON record_auditentry
    FOR EACH ROW EXECUTE FUNCTION test_told_of();
"""
ONE = """
CREATE FUNCTION test_see_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' OR ({old})::text IS DISTINCT FROM ({new})::text THEN
        INSERT INTO test_seen (what, name, was, state) VALUES (
            '{table}', ({name})::text, CASE WHEN TG_OP = 'UPDATE' THEN ({old})::text END,
            ({new})::text);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER test_sees AFTER INSERT OR UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION test_see_{table}();
"""
MISSING = """
SELECT s.what, s.name, coalesce(s.was, 'nothing') || ' to ' || s.state
FROM test_seen s WHERE NOT EXISTS (
    SELECT 1 FROM test_told t WHERE t.tx = s.tx AND CASE s.what
        WHEN 'trading_order' THEN
            t.subject = 'order ' || s.name AND t.detail->>'state' = s.state
        WHEN 'trading_accountstate' THEN
            t.subject = 'account ' || s.name AND t.action = 'account.' || s.state
        WHEN 'trading_switch' THEN
            t.subject = rtrim(s.name, ':') AND t.action = 'switch.' || s.state
        WHEN 'trading_limitsetting' THEN
            t.action = 'limit.set'
            AND t.subject || ' ' || (t.detail->>'limit') = replace(s.name, 'global:', 'global')
            AND (t.detail->>'value')::numeric = s.state::numeric
        WHEN 'trading_riskprofile' THEN
            t.subject = 'account ' || s.name AND t.action LIKE 'risk.%'
    END
) AND NOT (s.was IS NULL AND (
    -- A row that is made in its first state changes nothing.
    s.what = 'trading_switch' AND s.state = 'off'
    OR s.what = 'trading_accountstate' AND s.state = 'disabled'))
ORDER BY s.id
"""


@pytest.fixture
def witness(db) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(WITNESS)
        for table, (name, state) in WATCHED.items():
            row = {"name": f"NEW.{name.format('NEW')}", "new": f"NEW.{state.format('NEW')}",
                   "old": f"OLD.{state.format('OLD')}"}  # fmt: skip
            cursor.execute(ONE.format(table=table, **row))
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION test_told_of CASCADE")
        for table in WATCHED:
            cursor.execute(f"DROP FUNCTION test_see_{table} CASCADE")
        cursor.execute("DROP TABLE test_seen, test_told")


def seen() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT what, count(*) FROM test_seen GROUP BY what")
        return dict(cursor.fetchall())


def missing() -> list[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(MISSING)
        return cursor.fetchall()


class Story:
    """Whatever may happen to an account, in the order that a seed draws."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.chance, self.number = desk, random.Random(seed), 0
        self.pk, self.owner = desk.account.pk, f"user {desk.account.owner_id}"
        desk.venue.fill_at_once = 0.2
        for name in ("before", "after", "drop", "nonsense", "crash_after"):
            setattr(desk.venue.faults, name, 0.05)
        self.acts: tuple[Callable[[], object], ...] = (
            self.place, self.place, self.place, self.cancel, self.replace, self.fill, self.fill,
            self.ends, self.stands, self.turns, self.presses, self.limits, self.consents,
            self.happens, self.desk.dies,
        )  # fmt: skip

    def act(self) -> None:
        with suppress(LedgerError):
            self.chance.choice(self.acts)()
        self.desk.turn(self.chance.randint(1, 2), step=self.chance.choice((0.3, 1.0, 6.0)))

    def place(self) -> None:
        self.number += 1
        many = str(self.chance.randint(1, 9))
        self.desk.place(f"{self.number}", many, "100", sold=self.chance.random() < 0.3)

    def some(self) -> Order | None:
        rows = list(Order.objects.filter(account=self.pk, state__in=sorted(OPEN)).order_by("pk"))
        return self.chance.choice(rows) if rows else None

    def cancel(self) -> None:
        order = self.some()
        if order is not None:
            orders.cancel(self.pk, order.pk, actor=self.owner)

    def replace(self) -> None:
        order = self.some()
        if order is not None:
            self.number += 1
            intent = replace(of_json(f"{self.number}", order.intent), limit_price=D(101))
            orders.replace_order(self.pk, order.pk, intent, actor=self.owner)

    def kept(self) -> str:
        names = [name for name, one in self.desk.venue.kept.items() if one.open]
        return self.chance.choice(names) if names else ""

    def fill(self) -> None:
        name = self.kept()
        if name and self.chance.random() < 0.5:
            self.desk.venue.fill_whole(name)
        elif name:
            kept = self.desk.venue.kept[name]
            left = kept.quantity - kept.filled.get("SPY", D(0))
            self.desk.venue.fill(name, min(left, D(1)))

    def ends(self) -> None:
        name = self.kept()
        if name:
            self.desk.venue.end(name, self.chance.choice((News.CANCELED, News.EXPIRED)))

    def stands(self) -> None:
        to = self.chance.choice((Standing.REDUCING, Standing.RECONCILING, Standing.HALTED))
        standing.step(self.pk, to, actor=self.owner, reason="a test")

    def turns(self) -> None:
        scope = self.chance.choice((Scope("symbol", "SPY"), Scope("account", str(self.pk))))
        state = self.chance.choice(("off", "off", "reducing", "halted"))
        switches.turn(scope, state, actor=self.owner, reason="a test")

    def presses(self) -> None:
        scope = self.chance.choice((EVERYTHING, Scope("account", str(self.pk))))
        press.press(scope, actor=self.owner, reason="a test")
        self.desk.turn()
        press.release(scope, actor=self.owner, reason="a test")

    def limits(self) -> None:
        value = D(self.chance.randint(1, 9))
        if self.chance.random() < 0.5:
            limits.set_limit(
                self.pk, "contracts", value, actor=self.owner, proved_at=timezone.now()
            )
        else:
            limits.set_scope_limit(EVERYTHING, "contracts", value, actor="operator ana")

    def consents(self) -> None:
        now = timezone.now()
        if self.chance.random() < 0.5:
            limits.accept_risks(self.pk, RISKS, actor=self.owner, proved_at=now)
        else:
            limits.withdraw_consent(self.pk, actor=self.owner)
        allowed = self.chance.random() < 0.5
        limits.allow_market_orders(self.pk, allowed=allowed, actor=self.owner, proved_at=now)

    def happens(self) -> None:
        self.number += 1
        venue = self.desk.venue
        venue.happens(Activity(f"d{self.number}", Kind.DIVIDEND, self.desk.clock.now(), D(1)))


def played(desk: Desk, seed: int, acts: int) -> Desk:
    story = Story(desk.live(), seed)
    for _ in range(acts):
        story.act()
    return desk


def test_every_change_is_in_the_trail(witness, new_desk):
    run = seeds("PULSE_TRAIL", 60, 60)
    for seed in run:
        played(new_desk(f"trail {seed}", seed=seed, cash="1000000"), seed, 60)
    assert missing() == []
    assert audit.verify().sound
    counts = seen()
    sys.stdout.write(f"{told(run)}: changes {counts}, none missing\n")
    assert set(counts) == set(WATCHED)


# --- bugs that must be found out -----------------------------------------------------------------


def an_order(desk: Desk) -> None:
    desk.place("one")
    Order.objects.filter(intent_id="one").update(state="submitting")


def an_account(desk: Desk) -> None:
    AccountState.objects.filter(pk=desk.account.pk).update(state="reducing")


def a_switch(desk: Desk) -> None:
    switches.turn(EVERYTHING, "halted", actor="user 1", reason="a test")
    switches.Switch.objects.update(state="off")


def a_limit(desk: Desk) -> None:
    limits.set_scope_limit(EVERYTHING, "contracts", D(2), actor="operator ana")
    LimitSetting.objects.update(value=D(5))


def a_consent(desk: Desk) -> None:
    RiskProfile.objects.update_or_create(account=desk.account, defaults={"market_orders": True})


@pytest.mark.parametrize("slip", [an_order, an_account, a_switch, a_limit, a_consent])
def test_a_change_past_the_trail_is_found_out(witness, desk: Desk, slip):
    desk.live()
    assert missing() == []
    slip(desk)
    assert len(missing()) == 1
