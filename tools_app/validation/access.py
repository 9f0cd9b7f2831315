"""Who may ask for a validation and stop it, and which runs a person sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from accounts.plans import PLANS
from tools_app import selectors as tools_read
from tools_app.lab.access import Lab, NotInPlanError
from tools_app.models import ValidationRun
from tools_app.validation import services

VIEW: Final = "validation.view"
RUN: Final = "validation.run"
LAB: Final = Lab(
    shared=services.SHARED,
    asking=RUN,
    word="run",
    size=lambda limits: limits.validation_paths,
    staff_size=services.MOST_PATHS,
    at_once=lambda limits: limits.validations_at_once,
)
visible = LAB.visible
cancel_for = LAB.cancel_for


def ask_for(
    user: Any, *, seed: int, effect: str, paths: int, tools: Sequence[int] | None = None
) -> ValidationRun:
    """Start a validation for a person, or find the one that answers the same.

    Raises NotInPlanError, BusyError or QuestionError; see `Lab.start`.
    """

    def ask() -> ValidationRun:
        chosen = _opened(user, tools)
        return services.ask(seed=seed, effect=effect, paths=paths, tools=chosen, owner=user.pk)

    return LAB.start(user, ask, lambda run: _within_plan(user, run))


def _within_plan(user: Any, run: ValidationRun) -> None:
    LAB.within_plan(user, "paths", run.paths, "your plan reaches {most} paths of each kind")


def resume_for(user: Any, run: ValidationRun) -> ValidationRun:
    """Ask what a run asks, so that it goes on from its blocks."""
    return ask_for(user, seed=run.seed, effect=run.effect, paths=run.paths, tools=run.tools)


def _opened(user: Any, ids: Sequence[int] | None) -> Sequence[int] | None:
    """Return the tools asked for, None for all; refuse a choice of what the plan locks."""
    if ids is None:
        return None
    chosen = services.judged_tools(ids)
    if [tool.id for tool in chosen] == [tool.id for tool in services.judged_tools()]:
        return None
    tiers = tools_read.opened_tiers(user)
    for tool in chosen:
        if tool.tier not in tiers:
            plan = PLANS[tool.tier.value]
            text = f"{tool.name} opens with {plan.title}; choose others, or all of them"
            raise NotInPlanError("tools", text, plan.name)
    return [tool.id for tool in chosen]
