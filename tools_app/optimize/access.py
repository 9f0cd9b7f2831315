"""Who may ask for a search and stop it, and which searches a person sees."""

from __future__ import annotations

from typing import Any, Final

from tools_app.lab.access import Lab
from tools_app.models import OptimizeRun
from tools_app.optimize import services

VIEW: Final = "optimizer.view"
RUN: Final = "optimizer.run"
LAB: Final = Lab(
    shared=services.SHARED,
    asking=RUN,
    word="search",
    size=lambda limits: limits.optimizer_settings,
    staff_size=services.MOST_UNITS * services.MOST_FOLDS * services.MOST_TRIALS,
    at_once=lambda limits: limits.searches_at_once,
)
visible = LAB.visible
cancel_for = LAB.cancel_for
ASKED: Final = ("tools", "symbols", "timeframes", "regimes", "trials", "folds", "seed")


def places_of(run: OptimizeRun) -> int:
    """Return how many places a search judges: tools x symbols x timeframes x regimes."""
    return len(run.tools) * len(run.symbols) * len(run.timeframes) * len(run.regimes)


def settings_of(run: OptimizeRun) -> int:
    """Return how many settings a search judges: places x folds x trials."""
    return places_of(run) * run.folds * run.trials


def ask_for(user: Any, **question: Any) -> OptimizeRun:
    """Start a search for a person, or find the one that answers the same.

    `question` is what `services.ask` takes. Raises NotInPlanError, BusyError or QuestionError; see
    `Lab.start`.
    """
    return LAB.start(
        user,
        lambda: services.ask(**question, owner=user.pk),
        lambda run: _within_plan(user, run),
    )


def _within_plan(user: Any, run: OptimizeRun) -> None:
    count = settings_of(run)
    text = (
        f"that makes {count:,} settings and your plan reaches {{most}} a search; "
        "give fewer trials or folds, or choose fewer places"
    )
    LAB.within_plan(user, "trials", count, text)


def resume_for(user: Any, run: OptimizeRun) -> OptimizeRun:
    """Ask what a search asks, so that it goes on from its folds.

    More bars, or tools that changed, make another search.
    """
    return ask_for(user, **{name: getattr(run, name) for name in ASKED})
