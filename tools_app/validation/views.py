"""Pages of the validation lab: asking, following a run, and its table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.request import QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from record.access import entitled
from tools_app.lab.pages import Pages, whole
from tools_app.models import ValidationRun
from tools_app.sharing import QuestionError
from tools_app.validation import access, selectors
from tools_app.validation.blocks import EFFECTS

PRESETS: Final = (1_000, 10_000, 100_000)
SHOWN: Final = 40
ALL, CHOSEN = "all", "chosen"
START: Final = {"effect": "on", "paths": "1000", "other": "", "seed": "1", "which": ALL}
CSV_COLUMNS: Final = (
    "signals", "win", "win_low", "win_high", "base", "average", "average_low", "average_high",
    "gross", "sharpe", "sharpe_error", "deflated", "target", "gap", "verdict", "words",
)  # fmt: skip
PAGES: Final = Pages(
    lab=access.LAB,
    name="lab",
    note="Validation run",
    part="block",
    counted="paths",
    phase="tools/lab_phase.html",
    foot=(
        "Blocks of paths are shared by all workers. What a block gives depends on the seed and its "
        "number alone, so the table is the same however many compute it, and in whatever order."
    ),
    changed="The tools have changed since: this is a new run of the question.",
)
State = ValidationRun.State


@require_GET
@entitled(access.VIEW)
def lab(request: HttpRequest) -> HttpResponse:
    """Show the form and the runs so far."""
    return _lab(request, START, {})


def _lab(request: HttpRequest, given: Mapping[str, Any], faults: Mapping[str, str]) -> HttpResponse:
    runs = access.visible(request.user).defer("table")[:SHOWN]
    most = access.LAB.most(request.user)
    context = {
        "page": "lab",
        "runs": [selectors.run_payload(run, request.user) for run in runs],
        "may_run": access.LAB.may_run(request.user),
        "most": most,
        "presets": [(str(paths), paths, paths > most) for paths in PRESETS],
        "effects": list(EFFECTS),
        "tools": selectors.choices(request.user),
        "given": given,
        "faults": faults,
    }
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    return render(request, "tools/lab.html", context, status=code)


@require_POST
@entitled(access.RUN)
def lab_start(request: HttpRequest) -> HttpResponse:
    """Start a validation, or lead to the one that answers the same."""
    form = request.POST
    given: dict[str, Any] = {name: form.get(name, "")[:40] for name in START}
    given["tools"] = form.getlist("tools")

    def again(error: QuestionError) -> HttpResponse:
        return _lab(request, given, {error.field: str(error)})

    return PAGES.start(request, lambda: access.ask_for(request.user, **_question(form)), again)


def _question(form: QueryDict) -> dict[str, Any]:
    tools = None
    if form.get("which") == CHOSEN:
        tools = [whole("tools", text) for text in form.getlist("tools")]
    return {
        "effect": form.get("effect", ""),
        "paths": whole("paths", form.get("other") or form.get("paths", "")),
        "seed": whole("seed", form.get("seed", "")),
        "tools": tools,
    }


@require_GET
@entitled(access.VIEW)
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show one run: how far it is, and its table once it is done."""
    found = access.LAB.run_of(request.user, run_id)
    return PAGES.page(request, found, "tools/lab_run.html", lambda: _shown(request, found))


def _shown(request: HttpRequest, found: ValidationRun) -> dict[str, Any]:
    body = selectors.whole_payload(found, request.user)
    context = {"run": body, "api_path": reverse("api-validation", args=[found.pk])}
    return context | _table(request, found, body["table"]) if body["table"] else context


def _table(request: HttpRequest, found: ValidationRun, table: dict[str, Any]) -> dict[str, Any]:
    """Return the table in its parts, one tool closer, and another run beside it."""
    opened = [line for line in table["lines"] if not line["locked"]]
    others = selectors.comparable(found, request.user)
    other = _chosen(others, request.GET.get("with"))
    focus = next(
        (one for one in opened if str(one["tool"]["id"]) == request.GET.get("tool")),
        next(iter(opened), None),
    )
    return {
        "sided": [line for line in opened if line["sided"]],
        "sideless": [line for line in opened if not line["sided"]],
        "locked": [line for line in table["lines"] if line["locked"]],
        "focus": focus,
        "fan": table["fans"].get(str(focus["tool"]["id"])) if focus else None,
        "opened": opened,
        "others": others,
        "other": other,
        "pairs": _pairs(request, found, other),
    }


def _pairs(
    request: HttpRequest, found: ValidationRun, other: ValidationRun | None
) -> dict[str, list[dict[str, Any]]] | None:
    if other is None:
        return None
    rows = [row for row in selectors.comparison(found, other, request.user) if not row["locked"]]
    return {
        "sided": [row for row in rows if row["sided"]],
        "sideless": [row for row in rows if not row["sided"]],
    }


def _chosen(others: Sequence[ValidationRun], asked: str | None) -> ValidationRun | None:
    return next((one for one in others if str(one.pk) == asked), None)


@require_POST
@entitled(access.VIEW)
def lab_cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    """Stop a run; what is computed stays."""
    return PAGES.cancel(request, run_id)


@require_POST
@entitled(access.RUN)
def lab_resume(request: HttpRequest, run_id: int) -> HttpResponse:
    """Let a run go on from its blocks."""
    return PAGES.resume(request, run_id, access.resume_for)


@require_GET
@entitled(access.VIEW)
def lab_csv(request: HttpRequest, run_id: int) -> HttpResponse:
    """Return the table as CSV; a locked tool keeps its name and the plan that opens it."""
    found = PAGES.done_of(request, run_id)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="validation-{run_id}.csv"'
    writer = csv.writer(response)
    writer.writerow(["tool_id", "tool", "tier", "paths_of", "sided", "opens_with", *CSV_COLUMNS])
    for line in selectors.table_payload(found, request.user)["lines"]:
        tool = line["tool"]
        writer.writerow(
            [
                tool["id"], tool["slug"], tool["tier"], line["kind"], line.get("sided", ""),
                line["opens_with"] or "", *("" if (value := line.get(name)) is None else value
                                            for name in CSV_COLUMNS),
            ]
        )  # fmt: skip
    return response
