"""Pages of the optimizer lab: asking, following a search, its verdicts, and what is in use."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.request import QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from record.access import entitled
from tools_app.lab.pages import Pages, whole
from tools_app.models import OptimizeRun
from tools_app.optimize import access, selectors, services, source
from tools_app.optimize.bars import TIMEFRAMES
from tools_app.optimize.regimes import Regime
from tools_app.payloads import tool_ref
from tools_app.registry import catalogue
from tools_app.sharing import QuestionError

SHOWN: Final = 40
SHOWN_USES: Final = 60
LISTS: Final = ("tools", "symbols", "timeframes", "regimes")
NUMBERS: Final = ("trials", "folds", "seed")
FIGURES: Final = (
    "signals", "default_signals", "rows", "gain", "default_gain", "sharpe", "default_sharpe",
    "deflated_sharpe", "better", "trials", "spread",
)  # fmt: skip
PAGES: Final = Pages(
    lab=access.LAB,
    name="optimizer",
    note="Search",
    part="fold",
    counted="settings",
    phase="tools/optimizer_phase.html",
    foot=(
        "Folds are shared by all workers. What a fold finds depends on the seed, the place and its "
        "number alone. All verdicts are given at the end, when every trial is on record."
    ),
    changed="The tools or the stored bars have changed since: this is a new search.",
)


@require_GET
@entitled(access.VIEW)
def optimizer(request: HttpRequest) -> HttpResponse:
    """Show the form, the searches so far, and the parameters in use."""
    given: dict[str, Any] = {
        "tools": [str(number) for number in services.TOOLS],
        "timeframes": ["1d"],
        "regimes": [one.value for one in Regime],
        "trials": "50",
        "folds": str(services.FOLDS),
        "seed": "1",
    }
    return _drawn(request, given, {})


def _drawn(
    request: HttpRequest, given: Mapping[str, Any], faults: Mapping[str, str]
) -> HttpResponse:
    user, symbols = request.user, source.symbols()
    context = {
        "page": PAGES.name,
        "runs": [selectors.run_payload(run, user) for run in access.visible(user)[:SHOWN]],
        "may_run": access.LAB.may_run(user),
        "most": access.LAB.most(user),
        "tools": [tool_ref(catalogue().get(number)) for number in services.TOOLS],
        "symbols": symbols,
        "timeframes": list(TIMEFRAMES),
        "regimes": [one.value for one in Regime],
        "most_trials": services.MOST_TRIALS,
        "most_folds": services.MOST_FOLDS,
        "given": {"symbols": symbols[:1], **given},
        "faults": faults,
        **_uses(request),
    }
    code = HTTPStatus.BAD_REQUEST if faults else HTTPStatus.OK
    return render(request, "tools/optimizer.html", context, status=code)


def _uses(request: HttpRequest) -> dict[str, Any]:
    """Return the parameters in use that fit the filter of the address."""
    tool, symbol = request.GET.get("tool", ""), request.GET.get("symbol", "")[:32]
    number = next((one for one in services.TOOLS if str(one) == tool), None)
    found = selectors.uses(request.user, tool=number, symbol=symbol, most=SHOWN_USES)
    return {"uses": found, "chosen_tool": number, "chosen_symbol": symbol}


@require_POST
@entitled(access.RUN)
def start(request: HttpRequest) -> HttpResponse:
    """Start a search, or lead to the one that answers the same."""
    form = request.POST
    given: dict[str, Any] = {name: form.get(name, "")[:40] for name in NUMBERS}
    given |= {name: form.getlist(name) for name in LISTS}

    def again(error: QuestionError) -> HttpResponse:
        return _drawn(request, given, {error.field: str(error)})

    return PAGES.start(request, lambda: access.ask_for(request.user, **_question(form)), again)


def _question(form: QueryDict) -> dict[str, Any]:
    return {
        "tools": [whole("tools", text) for text in form.getlist("tools")],
        "symbols": form.getlist("symbols"),
        "timeframes": form.getlist("timeframes"),
        "regimes": form.getlist("regimes"),
        **{name: whole(name, form.get(name, "")) for name in NUMBERS},
    }


@require_GET
@entitled(access.VIEW)
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show one search: how far it is, and its verdicts once it is done."""
    found = access.LAB.run_of(request.user, run_id)
    return PAGES.page(request, found, "tools/optimizer_run.html", lambda: _shown(request, found))


def _shown(request: HttpRequest, found: OptimizeRun) -> dict[str, Any]:
    body = selectors.whole_payload(found, request.user)
    units = body["units"] or []
    opened = [unit for unit in units if not unit["locked"]]
    return {
        "run": body,
        "tools": [tool_ref(catalogue().get(number)) for number in found.tools],
        "opened": opened,
        "locked": [unit["tool"] for unit in units if unit["locked"]],
        "summary": selectors.summary(opened) if opened else None,
        "api_path": reverse("api-search", args=[found.pk]),
    }


@require_POST
@entitled(access.VIEW)
def cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    """Stop a search; what is computed stays."""
    return PAGES.cancel(request, run_id)


@require_POST
@entitled(access.RUN)
def resume(request: HttpRequest, run_id: int) -> HttpResponse:
    """Let a search go on from its folds."""
    return PAGES.resume(request, run_id, access.resume_for)


@require_GET
@entitled(access.VIEW)
def table_csv(request: HttpRequest, run_id: int) -> HttpResponse:
    """Return the units as CSV; a locked tool keeps its name and the plan that opens it."""
    found = PAGES.done_of(request, run_id)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="search-{run_id}.csv"'
    writer = csv.writer(response)
    places = ("symbol", "timeframe", "regime", "verdict")
    said = ("found", "default", "reasons", "missing")
    columns = ("tool_id", "tool", "tier", "opens_with", *places, *FIGURES, *said)
    writer.writerow(columns)
    for unit in selectors.unit_payloads(found, request.user):
        tool = unit["tool"]
        row = [tool["id"], tool["slug"], tool["tier"], unit["opens_with"] or ""]
        if unit["locked"]:
            writer.writerow(row + [""] * (len(columns) - len(row)))
            continue
        row += [unit[name] for name in places]
        row += ["" if (one := unit["figures"].get(name)) is None else one for name in FIGURES]
        row += [_written(unit, "value"), _written(unit, "default")]
        writer.writerow([*row, " ".join(unit["reasons"]), unit["missing"]])
    return response


def _written(unit: Mapping[str, Any], what: str) -> str:
    """Return the parameters of a unit in one cell."""
    known = [one for one in unit["params"] if one[what] is not None]
    return "; ".join(f"{one['name']}={one[what]}" for one in known)
