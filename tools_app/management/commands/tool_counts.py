"""What each tool did in a run: how often it fired, or which input it lacked."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from market.models import FeedRun
from tools_app.models import Cursor
from tools_app.registry import catalogue


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--run", type=int, help="number of the run; the newest one by default")

    def handle(self, *args: Any, **options: Any) -> None:
        runs = FeedRun.objects.filter(cursors__rows__gt=0).distinct().order_by("-pk")
        if options["run"] is not None:
            runs = runs.filter(pk=options["run"])
        run = runs.first()
        if run is None:
            raise CommandError("--run: no run with evaluated rows; start a feed first")
        found: dict[str, Any] = {}
        for cursor in Cursor.objects.filter(run=run):
            found |= cursor.tallies
        source = "simulated" if run.simulated else "recorded"
        self.stdout.write(f"run {run.pk}, {run.symbol}, {run.source}, {source} prices")
        self.stdout.write(
            f"{'tool':34} {'rows':>6} {'scored':>7} {'fired':>6}   lacked in most rows"
        )
        for tool in catalogue():
            counts = found.get(str(tool.id), {"rows": 0, "scored": 0, "fired": 0, "missing": {}})
            self.stdout.write(
                f"{tool.id:2} {tool.slug:31} {counts['rows']:6} {counts['scored']:7} "
                f"{counts['fired']:6}   {_lacked(counts)}"
            )


def _lacked(counts: dict[str, Any]) -> str:
    if not counts["rows"]:
        return "no row of its kind yet"
    most = sorted(counts["missing"].items(), key=lambda item: (-item[1], item[0]))
    told = [f"{text} {rows}" for text, rows in most[:2]]
    told += [f"failed {times} x: {text}" for text, times in counts.get("faults", {}).items()]
    return "; ".join(told)
