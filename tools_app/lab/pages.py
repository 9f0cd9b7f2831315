"""What the pages of the labs share: forms read, runs found, followed, stopped and resumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRefresh

from tools_app.lab.access import BusyError, Lab, may_cancel
from tools_app.sharing import QuestionError, RunT, State


def whole(field: str, text: str) -> int:
    """Return the whole number that was written in a field; QuestionError when it is none."""
    written = text.strip().replace(",", "")
    if not (written.isascii() and written.isdecimal() and len(written) < 20):
        raise QuestionError(field, f"{text[:20]!r} is no whole number from 0")
    return int(written)


@dataclass(frozen=True)
class Pages(Generic[RunT]):
    """The pages of one lab.

    Attributes
    ----------
    lab : Lab
    name : str
        First word of its routes' names, and the page's.
    note : str
        What a run is called in a note, as the start of a sentence.
    part, counted : str
        What a part of a run is called, and what is counted in it.
    phase : str
        Template that says how far a phase is.
    foot : str
        What to know of the parts.
    changed : str
        Said when going on made another run.
    """

    lab: Lab[RunT]
    name: str
    note: str
    part: str
    counted: str
    phase: str
    foot: str
    changed: str

    def to(self, run_id: int) -> HttpResponse:
        """Lead to a run."""
        return HttpResponseRedirect(self.address("run", run_id))

    def address(self, what: str, run_id: int) -> str:
        """Return the address of something of a run."""
        return reverse(f"tools:{self.name}_{what}", args=[run_id])

    def done_of(self, request: HttpRequest, run_id: int) -> RunT:
        """Return a finished run that the visitor sees."""
        run = self.lab.run_of(request.user, run_id)
        if run.state != State.DONE:
            raise Http404
        return run

    def start(
        self,
        request: HttpRequest,
        ask: Callable[[], RunT],
        again: Callable[[QuestionError], HttpResponse],
    ) -> HttpResponse:
        """Ask, and lead to the run; `again` draws the form with what is wrong."""
        try:
            run = ask()
        except BusyError as error:
            messages.error(request, f"Nothing was started: {error}.")
            return self.to(error.run)
        except QuestionError as error:
            return again(error)
        if run.state == State.DONE:
            messages.info(request, "This was asked before; the same question has the same answer.")
        return self.to(run.pk)

    def cancel(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Stop a run; what is computed stays."""
        if not self.lab.cancel_for(request.user, self.lab.run_of(request.user, run_id)):
            text = f"Nothing was changed: this {self.lab.word} was not at work any more."
            messages.info(request, text)
        return self.to(run_id)

    def resume(
        self, request: HttpRequest, run_id: int, again: Callable[[Any, RunT], RunT]
    ) -> HttpResponse:
        """Let a run go on from its parts."""
        try:
            run = again(request.user, self.lab.run_of(request.user, run_id))
        except QuestionError as error:
            messages.error(request, f"Nothing was started: {error}.")
            return self.to(run_id)
        if run.pk != run_id:
            messages.info(request, self.changed)
        return self.to(run.pk)

    def page(
        self,
        request: HttpRequest,
        run: RunT,
        template: str,
        context: Callable[[], dict[str, Any]],
    ) -> HttpResponse:
        """Draw a run's page, or its progress alone where htmx asks for that.

        Parameters
        ----------
        request : HttpRequest
        run : SharedRun
        template : str
            Of the whole page.
        context : callable
            Returns what the page shows; `run` among it.
        """
        parts = bool(getattr(request, "htmx", False))
        if parts and run.state == State.DONE:
            return HttpResponseClientRefresh()
        known = {
            "page": self.name,
            "pages": self,
            "here": self.address("run", run.pk),
            "cancel_path": self.address("cancel", run.pk),
            "resume_path": self.address("resume", run.pk),
            "may_run": self.lab.may_run(request.user),
            "may_cancel": may_cancel(request.user, run),
            "parts": parts,
        }
        shown = "tools/lab_progress.html" if parts else template
        response = render(request, shown, {**known, **context()})
        patch_vary_headers(response, ["HX-Request"])
        return response
