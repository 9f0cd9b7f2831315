"""Check the validation itself: planted effects are found, and nothing where nothing is."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from market.frames import Kind
from tools_app.models import ValidationRun
from tools_app.registry import catalogue
from tools_app.validation import services, truth
from tools_app.validation.blocks import Tally


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--paths", type=int, default=16_384, help="of each kind and effect")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--families", type=int, default=200, help="shares of the null paths")

    def handle(self, *args: Any, **options: Any) -> None:
        runs = {name: self._run(name, options) for name in ("on", "off", "reversed")}
        tallies = {name: _tallies(run) for name, run in runs.items()}
        found = truth.findings(tallies["on"], tallies["off"], tallies["reversed"])
        self.stdout.write(f"{'tool':34} {'on':>7} {'off':>7} {'reversed':>9}   standard errors")
        for one in found:
            self.stdout.write(_told(one))
        for number, why in truth.TOO_WEAK.items():
            self.stdout.write(f"{number:2} {catalogue().get(number).slug}: not demanded, {why}")
        null = services.by_kind(services.judged_tools())
        chances = truth.null_families(
            {kind: [tallies["off"][tool.id] for tool in same] for kind, same in null.items()},
            options["families"],
        )
        rate = truth.family_rate(chances)
        low, high = rate.interval
        self.stdout.write(
            f"{rate.significant} of {rate.families} families of worthless tools look significant "
            f"at {truth.LEVEL:.0%} after the correction; 95 % interval {low:.1%} to {high:.1%}"
        )
        broken = [one for one in found if not one.holds]
        if broken or rate.significant > truth.LEVEL * rate.families:
            raise CommandError("The validation does not tell the truth; see above.")

    def _run(self, effect: str, options: dict[str, Any]) -> ValidationRun:
        call_command(
            "validate_tools",
            paths=options["paths"],
            seed=options["seed"],
            effect=effect,
            stdout=self.stderr,
        )
        return services.ask(seed=options["seed"], effect=effect, paths=options["paths"], lanes=0)


def _tallies(run: ValidationRun) -> dict[int, Tally]:
    return {number: one for kind in Kind for number, one in services.joined(run, kind).items()}


def _told(one: truth.Finding) -> str:
    tool = catalogue().get(one.expected.tool_id)
    verdict = "holds" if one.holds else "DOES NOT HOLD"
    stays = f"; {one.expected.stays}" if one.expected.stays else ""
    return (
        f"{tool.id:2} {tool.slug:31} {one.on:7.1f} {one.off:7.1f} {one.reversed:9.1f}   "
        f"{verdict}: {one.expected.effect}{stays}"
    )
