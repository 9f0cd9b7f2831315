"""`manage.py feed`: the simulator, a live symbol, one replay, or the service of replays."""

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from market.feed import control, service
from market.models import FeedRun


class Command(BaseCommand):
    help = "Feed snapshots, frame rows and signals from a source until stopped."
    requires_system_checks = ()  # `prepare` made them; what was killed is to be back soon

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--source", choices=("simulator", "replay", "live"), default="simulator"
        )
        parser.add_argument(
            "--symbol",
            help="simulator: default SIM; replay: what was imported; live: what is recorded",
        )
        parser.add_argument("--date", type=dt.date.fromisoformat, help="day to replay, YYYY-MM-DD")
        parser.add_argument(
            "--recording", metavar="SOURCE",
            help="whose recording of the day to replay, such as lean; default: the fullest",
        )  # fmt: skip
        parser.add_argument(
            "--speed", type=float, default=1.0, help="times real time; 0: as fast as possible"
        )
        parser.add_argument("--seed", type=int, default=7, help="of the simulator")
        parser.add_argument(
            "--effect", type=float, default=1.0,
            help="strength of the simulator's dealer hedging; 0 off, negative reversed",
        )  # fmt: skip
        parser.add_argument(
            "--warm", type=int, default=0,
            help="minutes of a new simulation's first session to play at once",
        )  # fmt: skip
        parser.add_argument("--run", type=int, help="play the run of this number")
        parser.add_argument("--serve", action="store_true", help="play replays as requested")

    def handle(self, *_: Any, **options: Any) -> None:
        should_end = service.end_on_signals()
        try:
            if options["serve"]:
                service.ReplayService(should_end).serve()
                return
            if options["source"] == "live":
                if options["symbol"] is None:
                    raise CommandError("a live feed needs --symbol; manage.py record records it")
                service.play_live(options["symbol"].upper(), should_end)
                return
            state = self.play(options, should_end)
        except control.FeedError as error:
            raise CommandError(f"--{_flag(error.field)}: {error}") from error
        if state == FeedRun.State.FAILED:
            raise CommandError("the feed failed; its reason is in the line above and on /feed/")

    def play(self, options: dict[str, Any], should_end: Any) -> FeedRun.State:
        """Play the run that the options name."""
        if options["run"] is not None:
            return service.play(options["run"], should_end)
        if options["source"] == "simulator":
            return service.play_simulator(
                symbol=options["symbol"] or "SIM",
                seed=options["seed"],
                speed=options["speed"],
                effect=options["effect"],
                warm=options["warm"],
                should_end=should_end,
            )
        if options["symbol"] is None or options["date"] is None:
            raise CommandError("a replay needs --symbol and --date")
        run = control.request_replay(
            symbol=options["symbol"],
            date=options["date"],
            speed=options["speed"],
            source=options["recording"],
            claimed=True,
        )
        self.stdout.write(f"run {run.pk}: {run.symbol} {options['date']}")
        return service.play(run.pk, should_end)


def _flag(field: str) -> str:
    return "recording" if field == "source" else field
