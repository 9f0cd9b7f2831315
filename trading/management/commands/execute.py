"""`manage.py execute`: the execution process, until it is stopped or killed."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from trading.execution.executor import Executor
from trading.execution.watchdog import Watchdog


class Command(BaseCommand):
    help = "Send stored orders to their brokers, hear what becomes of them, reconcile."
    requires_system_checks = ()  # `prepare` made them; what was killed is to be back soon

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("accounts", nargs="*", type=int, metavar="ID", help="default all")
        parser.add_argument(
            "--watchdog", action="store_true",
            help="send nothing: cancel where nobody serves an account or a bot fell silent",
        )  # fmt: skip

    def handle(self, *_: Any, **options: Any) -> None:
        only = options["accounts"] or None
        work = Watchdog(only=only) if options["watchdog"] else Executor(only=only)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: work.ended.set())
        work.run()
