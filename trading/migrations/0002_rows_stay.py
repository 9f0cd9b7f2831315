"""The database itself holds the books: rows stay, entries balance, balances follow."""

from django.db import migrations

from record.append_only import append_only
from trading.execution.triggers import fenced
from trading.ledger.triggers import balanced
from trading.orders.triggers import going_on


class Migration(migrations.Migration):
    dependencies = [("trading", "0001_initial")]

    operations = [
        append_only("trading_journalentry", "journal entries are"),
        append_only("trading_posting", "postings are"),
        append_only("trading_fill", "fills are"),
        append_only("trading_orderevent", "events of orders are"),
        append_only("trading_gatedecision", "decisions of the gate are"),
        append_only("trading_clientorderid", "ids of orders are"),
        append_only("trading_paperfill", "executions of the paper venue are"),
        append_only("trading_paperactivity", "activities of the paper venue are"),
        append_only("trading_strategyversion", "versions of strategies are"),
        append_only("trading_strategydecision", "decisions of strategies are"),
        append_only("trading_switchchange", "turns of switches are"),
        balanced(),
        going_on(),
        fenced(),
    ]
