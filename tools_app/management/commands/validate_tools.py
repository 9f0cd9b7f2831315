"""Judge tools on simulated paths: shared with every worker, resumable, the same for any number."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from tools_app.management.shared_command import SharedCommand
from tools_app.models import SharedRun, ValidationBlock, ValidationRun
from tools_app.registry import catalogue
from tools_app.sharing import QuestionError
from tools_app.validation import services
from tools_app.validation.blocks import BLOCK, EFFECTS
from tools_app.validation.daily import SESSIONS

STEPS = {"intraday": 390, "daily": SESSIONS}


class Command(SharedCommand):
    help = __doc__
    shared = services.SHARED
    kind = "validation"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--paths", type=int, default=10_000, help="of each kind")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--effect", choices=sorted(EFFECTS), default="on")
        parser.add_argument("--tools", type=int, nargs="+", help="ids; all that paths can judge")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = services.ask(
                seed=options["seed"],
                effect=options["effect"],
                paths=options["paths"],
                tools=options["tools"],
                lanes=self.lanes(options),
            )
        except QuestionError as error:
            raise CommandError(f"--{error.field}: {error}") from error
        self.complete(run, options["processes"])
        self._print(run)

    def rate(self, run: SharedRun, parts_a_second: float) -> str:
        each = min(BLOCK, run.paths) if isinstance(run, ValidationRun) else BLOCK
        return f"blocks of {each} paths, {each * parts_a_second:,.0f} paths/s"

    def _print(self, run: ValidationRun) -> None:
        self.stdout.write(f"{run}: simulated, hypothetical, after costs")
        self.stdout.write(
            f"{'tool':34} {'signals':>8} {'win':>6} {'95 % interval':>14} {'base':>6} "
            f"{'average':>9} {'Sharpe':>7} {'s.e.':>5} {'defl.':>5} {'target':>6} {'gap':>6}"
            "  verdict"
        )
        for line in run.table["lines"]:
            self.stdout.write(_told(line))
        for kind, p in run.table["family"].items():
            steps = run.paths * STEPS[kind]
            blocks = ValidationBlock.objects.filter(run=run, kind=kind)
            spent = sum(seconds or 0.0 for seconds in blocks.values_list("seconds", flat=True))
            chance = "not known" if p is None else f"{p:.3f}"
            self.stdout.write(
                f"{kind}: were all tools with a side worthless, the best would look as good with "
                f"probability {chance} (SPA); {steps:,} path-steps in {spent:,.0f} s of one core, "
                f"{steps / max(spent, 1e-9):,.0f} a second"
            )


def _told(line: dict[str, Any]) -> str:
    tool = catalogue().get(line["tool_id"])
    unit = 1e4 if line["sided"] else 1e2
    mark = "bp" if line["sided"] else "%v"

    def shown(name: str, width: int, digits: int, scale: float = 1.0) -> str:
        value = line[name]
        return f"{'-':>{width}}" if value is None else f"{scale * value:{width}.{digits}f}"

    return (
        f"{tool.id:2} {tool.slug:31} {line['signals']:8,} {shown('win', 6, 1, 100)} "
        f"{shown('win_low', 5, 1, 100)} to {shown('win_high', 5, 1, 100)} "
        f"{shown('base', 6, 1, 100)} {shown('average', 7, 2, unit)}{mark} "
        f"{shown('sharpe', 7, 2)} {shown('sharpe_error', 5, 2)} {shown('deflated', 5, 2)} "
        f"{shown('target', 6, 1, 100)} {shown('gap', 6, 1, 100)}  {line['verdict']}"
    )
