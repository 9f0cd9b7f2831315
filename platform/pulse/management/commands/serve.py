"""`manage.py serve`: pages, REST and sockets with Daphne on one port."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Serve pulse.asgi."
    requires_system_checks = ()  # `prepare` made them; what was killed is to be back soon

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *_: Any, **options: Any) -> None:
        from pulse import server

        server.run(options["port"], options["host"])
