"""`manage.py check_tools`: every property of every tool, or of those named."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tools_app.checks import check
from tools_app.contract import Tool
from tools_app.registry import Catalogue, catalogue

ROW = "{:>4}  {:<32}  {:<24}  {:>6}  {}"


class Command(BaseCommand):
    requires_system_checks = ()
    help = "Check the properties that every tool keeps. Ends with 1 where one is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="tools to check (all)")
        parser.add_argument(
            "--third-party", action="store_true", help="check third parties' tools alone"
        )

    def handle(self, **given: Any) -> None:
        known = catalogue()
        tools = chosen(known, given["slug"], third_party=given["third_party"])
        self.stdout.write(ROW.format("id", "tool", "brought by", "s", "result"))
        findings = sum(self._check(tool) for tool in tools)
        refused = 0 if given["slug"] else self._tell_refused(known)
        told = [f"{findings} findings"] if findings else []
        told += [f"{refused} tools refused"] if refused else []
        if told:
            raise CommandError(", ".join(told))
        self.stdout.write(f"{len(tools)} tools, nothing found.")

    def _check(self, tool: Tool) -> int:
        began = time.perf_counter()
        found = check(tool)
        took = f"{time.perf_counter() - began:.1f}"
        whose = "Pulse" if tool.origin is None else whose_text(tool)
        result = f"{len(found)} findings" if found else "ok"
        self.stdout.write(ROW.format(tool.id, tool.slug, whose, took, result))
        for finding in found:
            self.stdout.write(f"      {finding.check}: {finding.problem}.")
            self.stdout.write(f"        Change: {finding.remedy}.")
        return len(found)

    def _tell_refused(self, known: Catalogue) -> int:
        for refused in known.refused:
            origin = refused.origin
            whose = f"{origin.distribution} {origin.version}"
            self.stdout.write(ROW.format("-", refused.what, whose, "-", "refused"))
            self.stdout.write(f"      {origin.entry}: {refused.reason}.")
        return len(known.refused)


def chosen(known: Catalogue, slugs: Sequence[str], *, third_party: bool) -> list[Tool]:
    """Return the tools to check; CommandError for one that there is not."""
    if not slugs:
        return [tool for tool in known if tool.origin is not None or not third_party]
    tools = []
    for slug in slugs:
        try:
            tools.append(known.get(slug))
        except LookupError:
            why = [f"{r.what} was refused: {r.reason}" for r in known.refused if r.what == slug]
            raise CommandError("; ".join(why) or f"there is no tool {slug!r}") from None
    return tools


def whose_text(tool: Tool) -> str:
    """Return who brings a tool, as a column shows it."""
    return "" if tool.origin is None else f"{tool.origin.distribution} {tool.origin.version}"
