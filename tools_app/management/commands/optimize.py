"""Search the tools' parameters: shared with every worker, resumable, deployed only on evidence."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from tools_app.management.shared_command import SharedCommand
from tools_app.models import OptimizeRun
from tools_app.optimize import selectors, services
from tools_app.optimize.bars import TIMEFRAMES
from tools_app.optimize.regimes import Regime
from tools_app.sharing import QuestionError


class Command(SharedCommand):
    help = __doc__
    shared = services.SHARED
    kind = "search"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tools", type=int, nargs="+", default=list(services.TOOLS))
        parser.add_argument("--symbols", nargs="+", required=True)
        parser.add_argument("--timeframes", nargs="+", default=["1d"], metavar="|".join(TIMEFRAMES))
        parser.add_argument(
            "--regimes", nargs="+", default=[one.value for one in Regime], metavar="|".join(Regime)
        )
        parser.add_argument("--trials", type=int, default=50, help="settings of each fold")
        parser.add_argument("--folds", type=int, default=services.FOLDS)
        parser.add_argument("--seed", type=int, default=1)
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("tools", "symbols", "timeframes", "regimes", "trials", "folds", "seed")
        try:
            run = services.ask(**{name: options[name] for name in names}, lanes=self.lanes(options))
        except QuestionError as error:
            raise CommandError(f"--{error.field}: {error}") from error
        self.complete(run, options["processes"])
        self._print(run)

    def _print(self, run: OptimizeRun) -> None:
        units = [selectors.told(unit) for unit in run.units.order_by("pk")]
        self.stdout.write(f"{run}, bars until {run.until:%Y-%m-%d %H:%M} UTC, after costs")
        self.stdout.write(
            f"{'tool':24} {'symbol':12} {'frame':5} {'regime':8} {'signals':>7} {'gain':>8} "
            f"{'default':>8} {'deflated':>8} {'better':>6}  verdict"
        )
        for unit in units:
            self.stdout.write(_line(unit))
        for unit in units:
            place = f"{unit['tool']['name']} {unit['symbol']} {unit['timeframe']} {unit['regime']}"
            self.stdout.write(f"{place}: {' '.join(unit['reasons'])}")
            if unit["missing"]:
                self.stdout.write(f"  Bars: {unit['missing']}.")


def _line(unit: dict[str, Any]) -> str:
    figures = unit["figures"]

    def shown(name: str, width: int, form: str) -> str:
        value = figures.get(name)
        return f"{'-':>{width}}" if value is None else f"{value:{width}{form}}"

    return (
        f"{unit['tool']['name']:24} {unit['symbol']:12} {unit['timeframe']:5} {unit['regime']:8} "
        f"{shown('signals', 7, 'd')} {shown('gain', 8, '.2%')} {shown('default_gain', 8, '.2%')} "
        f"{shown('deflated_sharpe', 8, '.3f')} {shown('better', 6, '.3f')}  {unit['words']}"
    )
