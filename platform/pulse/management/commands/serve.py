"""`manage.py serve`: pages, REST and sockets with Daphne on one loopback port."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Serve pulse.asgi with Daphne."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *_: Any, **options: Any) -> None:
        from daphne.endpoints import build_endpoint_description_strings
        from daphne.server import Server

        from pulse.asgi import application

        where = build_endpoint_description_strings(host=options["host"], port=options["port"])
        Server(
            application=application,
            endpoints=where,
            server_name="pulse",
            application_close_timeout=2,
        ).run()
