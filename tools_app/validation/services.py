"""What changes a validation's tables: asked for, shared out, kept, finished, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from market.frames import Kind
from record import jobs
from tools_app.contract import Tool
from tools_app.evaluation import finite, params_digest
from tools_app.models import ValidationBlock, ValidationRun
from tools_app.registry import catalogue
from tools_app.sharing import LANES, QuestionError, Shared, Tell, digest_of, in_silence
from tools_app.validation.blocks import EFFECTS, Plan, Tally, packed, run_block, unpacked
from tools_app.validation.kinds import on_daily_paths, on_intraday_paths
from tools_app.validation.table import as_json, family_p, fan, lines

METHOD = "1"
"""Goes into what identifies a run; another number when the same seed would give another table."""
MOST_PATHS = 1_000_000
State = ValidationRun.State
SHARED = Shared(
    job="tools.validate",
    phase="paths",
    ending="table",
    unit="blocks",
    runs=ValidationRun,
    parts=ValidationBlock,
    of_run="run",
)


def judged_tools(ids: Sequence[int] | None = None) -> list[Tool]:
    """Return our tools that fast paths can judge, or those asked for.

    Raises QuestionError for one that is unknown, or that no fast path can judge.
    """
    if ids is None:
        # A third party's tool that fails would fail the run of all: it is judged when asked for.
        return [t for t in catalogue() if t.origin is None and kind_of(t) is not None]
    chosen = []
    for number in dict.fromkeys(ids):
        try:
            tool = catalogue().get(number)
        except LookupError:
            raise QuestionError("tools", f"no tool {number}") from None
        if kind_of(tool) is None:
            raise QuestionError("tools", f"{tool.name} cannot be judged: {tool.judged_on}")
        chosen.append(tool)
    if not chosen:
        raise QuestionError("tools", "name at least one tool")
    return sorted(chosen, key=lambda tool: tool.id)


def kind_of(tool: Tool) -> Kind | None:
    """Return the kind of paths that judge a tool, None where none can."""
    if on_intraday_paths(tool):
        return Kind.INTRADAY
    return Kind.DAILY if on_daily_paths(tool) else None


def by_kind(tools: Sequence[Tool]) -> dict[Kind, list[Tool]]:
    """Return tools by the kind of their paths, minutes first."""
    found = {kind: [tool for tool in tools if tool.kind is kind] for kind in Kind}
    return {kind: same for kind, same in found.items() if same}


def ask(
    *,
    seed: int,
    effect: str,
    paths: int,
    tools: Sequence[int] | None = None,
    owner: int | None = None,
    lanes: int = LANES,
) -> ValidationRun:
    """Start a validation, or find the one that answers the same; see `sharing.Shared.ask`.

    Raises QuestionError naming what is wrong.
    """
    chosen = checked(seed, effect, paths, tools)
    asked = {"seed": seed, "effect": effect, "paths": paths, "tools": [one.id for one in chosen]}
    return SHARED.ask(
        _digest(seed, effect, paths, chosen),
        asked,
        partial(_make_blocks, tools=chosen),
        owner=owner,
        lanes=lanes,
    )


def checked(seed: int, effect: str, paths: int, tools: Sequence[int] | None) -> list[Tool]:
    """Return the tools of a question; QuestionError names what cannot be asked."""
    chosen = judged_tools(tools)
    if effect not in EFFECTS:
        raise QuestionError("effect", f"choose one of {', '.join(EFFECTS)}")
    if not 1 <= paths <= MOST_PATHS:
        raise QuestionError("paths", f"give 1 to {MOST_PATHS:,}")
    if not 0 <= seed < 2**63:
        raise QuestionError("seed", "give a whole number from 0")
    return chosen


def is_current(run: ValidationRun) -> bool:
    """Return whether the same question, asked now, would be answered by a run."""
    try:
        chosen = judged_tools(run.tools)
    except QuestionError:
        return False
    return run.digest == _digest(run.seed, run.effect, run.paths, chosen)


def _digest(seed: int, effect: str, paths: int, tools: Sequence[Tool]) -> str:
    return digest_of(
        {
            "method": METHOD,
            "seed": seed,
            "effect": effect,
            "paths": paths,
            "tools": [[tool.id, tool.slug, params_digest(tool)] for tool in tools],
        }
    )


def _make_blocks(run: ValidationRun, tools: Sequence[Tool]) -> None:
    ValidationBlock.objects.bulk_create(
        [
            ValidationBlock(run=run, kind=kind.value, number=number)
            for kind in by_kind(tools)
            for number in range(Plan(run.seed, run.effect, kind, run.paths).blocks)
        ]
    )


def work(
    run_id: int, tell: Tell, *, rest: Callable[[], None] = in_silence, wait: bool = True
) -> bool:
    """Compute blocks of a run until none is left; see `sharing.Shared.work`."""
    run = ValidationRun.objects.get(pk=run_id)
    chosen = by_kind([catalogue().get(number) for number in run.tools])

    def compute(block: ValidationBlock) -> None:
        SHARED.compute(block, lambda: _computed(run, block, chosen[Kind(block.kind)]))

    return SHARED.work(run_id, compute, finish, tell, rest=rest, wait=wait)


def _computed(run: ValidationRun, block: ValidationBlock, tools: Sequence[Tool]) -> dict[str, Any]:
    plan = Plan(run.seed, run.effect, Kind(block.kind), run.paths)
    return {"tallies": packed(run_block(plan, tools, block.number))}


def finish(run_id: int) -> bool:
    """Make the table of a run whose blocks are all there; return whether it is done."""

    def make(run: ValidationRun) -> None:
        run.table = _table(run)

    return SHARED.finish(run_id, make)


def _table(run: ValidationRun) -> dict[str, object]:
    tools = by_kind([catalogue().get(number) for number in run.tools])
    table: list[dict[str, object]] = []
    families: dict[str, float | None] = {}
    fans: dict[str, object] = {}
    for kind, same in tools.items():
        tallies = joined(run, kind)
        table += [as_json(line) for line in lines(same, tallies, kind)]
        families[kind.value] = finite(family_p([tallies[tool.id] for tool in same], run.seed))
        fans |= {str(tool.id): fan(tallies[tool.id], kind) for tool in same}
    return {"lines": table, "family": families, "fans": fans}


def joined(run: ValidationRun, kind: Kind) -> dict[int, Tally]:
    """Return what each tool did on all paths of a kind, in the order of the paths."""
    blocks = run.blocks.filter(kind=kind.value).order_by("number")
    parts: dict[int, list[Tally]] = {}
    for data in blocks.values_list("tallies", flat=True).iterator(chunk_size=20):
        for number, tally in unpacked(bytes(data or b"")).items():
            parts.setdefault(number, []).append(tally)
    return {number: Tally.joined(found) for number, found in parts.items()}


def run_lane(context: jobs.JobContext) -> dict[str, object]:
    """Work on a run as one of its jobs."""
    return SHARED.lane(context, work)
