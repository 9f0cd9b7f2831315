"""`manage.py new_tool my_tool`: a package with a tool in it, to be changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tools_app import scaffold
from tools_app.registry import catalogue


class Command(BaseCommand):
    requires_system_checks = ()
    help = "Write a small package that brings a tool of your own, with a test."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the package, such as my_tool")
        parser.add_argument("--dir", default=".", help="folder to write it into (this one)")

    def handle(self, **given: Any) -> None:
        name, parent = given["name"], Path(given["dir"])
        known = list(catalogue())
        try:
            scaffold.refuse_name(name, {tool.slug for tool in known})
            number = scaffold.free_id({tool.id for tool in known})
            files = scaffold.write(name, parent, number)
        except scaffold.ScaffoldError as error:
            raise CommandError(str(error)) from error
        for path in files:
            self.stdout.write(str(path))
        self.stdout.write(f"Tool {number} {scaffold.slug_of(name)!r}. {parent / name}/README.md")
