"""Who may ask for a lab's shared work and stop it, and which runs a person sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404

from accounts.entitlements import allows, limits_of
from accounts.models import User
from accounts.plans import PLANS, Limits
from tools_app.models import SharedRun
from tools_app.sharing import QuestionError, RunT, Shared, State


class NotInPlanError(QuestionError):
    """The plan does not reach this far; `opens_with` names the one that does."""

    def __init__(self, field: str, text: str, opens_with: str) -> None:
        super().__init__(field, text)
        self.opens_with = opens_with


class BusyError(QuestionError):
    """The person's last run is still at work."""

    def __init__(self, run: int, word: str) -> None:
        super().__init__("run", f"your {word} {run} is at work; cancel it or wait for its end")
        self.run = run


def is_own(user: Any, run: SharedRun) -> bool:
    """Return whether a person asked for a run."""
    return bool(user.is_authenticated and run.owner == user.pk)


def may_cancel(user: Any, run: SharedRun) -> bool:
    """Return whether a person may stop a run: its owner and staff."""
    return is_own(user, run) or bool(user.is_authenticated and user.is_staff)


@dataclass(frozen=True)
class Lab(Generic[RunT]):
    """The rules of one lab.

    Attributes
    ----------
    shared : Shared
        Its work.
    asking : str
        Entitlement of who asks.
    word : str
        What one run is called.
    size : callable
        Of a plan's limits, the most that one question may ask for.
    staff_size : int
        The same for staff.
    at_once : callable
        Of a plan's limits, how many runs of one person may be at work.
    """

    shared: Shared[RunT, Any]
    asking: str
    word: str
    size: Callable[[Limits], int]
    staff_size: int
    at_once: Callable[[Limits], int]

    def may_run(self, user: Any) -> bool:
        """Return whether a person may ask."""
        return bool(allows(user, self.asking).allowed)

    def most(self, user: Any) -> int:
        """Return how much a person may ask for at once, 0 for who may not ask."""
        if not self.may_run(user):
            return 0
        return self.staff_size if user.is_staff else self.size(limits_of(user))

    def visible(self, user: Any) -> QuerySet[RunT]:
        """Return the runs that a person sees, newest first.

        What is done is everybody's. What is on its way is shown to whoever could have asked for it.
        """
        runs = self.shared.runs._default_manager.order_by("-id")
        if self.may_run(user):
            return runs
        own = Q(owner=user.pk) if user.is_authenticated else Q()
        return runs.filter(Q(state=State.DONE) | own)

    def run_of(self, user: Any, run_id: int) -> RunT:
        """Return a run that a person sees; any other is as if it did not exist: Http404."""
        run = self.visible(user).filter(pk=run_id).first()
        if run is None:
            raise Http404
        return run

    @transaction.atomic
    def start(self, user: Any, ask: Callable[[], RunT], check: Callable[[RunT], None]) -> RunT:
        """Ask for a person; what the plan does not reach is taken back as if never asked.

        A question that is answered or on its way for somebody else costs nothing and is only found.

        Parameters
        ----------
        user : User
        ask : callable
            Starts the run, or finds the one that answers the same.
        check : callable
            Raises when the person's plan does not reach as far as the run.

        Raises
        ------
        PermissionDenied, BusyError
            And whatever `ask` and `check` raise.
        """
        if not self.may_run(user):
            raise PermissionDenied
        # Two requests of one person at once: the second one sees what the first one started.
        User.objects.select_for_update().get(pk=user.pk)
        run = ask()
        if run.state == State.RUNNING and is_own(user, run):
            check(run)
            self._one_at_a_time(user, run)
        return run

    def within_plan(self, user: Any, field: str, asked: int, text: str) -> None:
        """Raise when more is asked for than a person's plan reaches.

        Parameters
        ----------
        user : User
        field : str
            What to change.
        asked : int
        text : str
            The refusal; `{most}` stands for what the plan reaches.
        """
        most = self.most(user)
        if asked <= most:
            return
        said = text.format(most=f"{most:,}")
        opener = next((plan for plan in PLANS.values() if self.size(plan.limits) >= asked), None)
        if opener is None:
            raise QuestionError(field, said)
        raise NotInPlanError(field, f"{said}; {opener.title} reaches further", opener.name)

    def _one_at_a_time(self, user: Any, run: RunT) -> None:
        if user.is_staff:
            return
        running = self.shared.runs._default_manager.filter(owner=user.pk, state=State.RUNNING)
        others = list(running.exclude(pk=run.pk).order_by("-id").values_list("pk", flat=True))
        if others and len(others) >= self.at_once(limits_of(user)):
            raise BusyError(others[0], self.word)

    def cancel_for(self, user: Any, run: RunT) -> bool:
        """Stop a run for its owner or staff; return whether that changed something."""
        if not may_cancel(user, run):
            raise PermissionDenied
        return self.shared.cancel(run.pk)
