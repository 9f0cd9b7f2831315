"""Tools on one frame: the newest of a symbol, or rows that the caller gives."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from market.frames import Frame, Kind, Missing
from market.framestore import read_rows
from market.models import FeedRun
from market.payloads import iso, number
from market.selectors import newest_run
from tools_app.consensus import Consensus, Counted, Rules, Vote, counted
from tools_app.contract import Evaluation, Tool
from tools_app.judging import frame_of
from tools_app.optimize.deployed import Answer, InUse, judged_in_use, sets_for, settings_on
from tools_app.payloads import Payload, tool_ref
from tools_app.registry import catalogue
from tools_app.rows import RowsError, frames_from
from tools_app.safety import ToolFaultError, ToolRestsError
from tools_app.scorecard_selectors import reliability_of
from tools_app.wording import explain


def execute(tool_id: int, *, symbol: str | None, data: Any) -> Payload:
    """Return a tool's answer on the newest row: score, side, whether it fires, and why.

    Faults of the caller come back as `{"faults": [{path, detail}]}`, those of a third party's tool
    as `{"failed": why, "retry_after": seconds or None}`, for they cross a queue.
    """
    return _or_faults(lambda: _execute(catalogue().get(tool_id), symbol, data))


def consensus(
    tool_ids: Sequence[int],
    *,
    symbol: str | None,
    data: Any,
    weights: Mapping[int, float],
    vetoes: Sequence[int],
    rules: Rules,
) -> Payload:
    """Return the vote of several tools on their newest rows, every weight explained.

    Faults of the caller come back as with `execute`.
    """
    tools = [catalogue().get(number) for number in tool_ids]
    controller = Consensus(
        names={tool.id: tool.name for tool in tools},
        weights=weights,
        reliability=reliability_of(tool_ids, symbol or ""),
        vetoes=frozenset(vetoes),
        rules=rules,
    )
    return _or_faults(lambda: _consensus(tools, controller, symbol, data))


def _or_faults(work: Callable[[], Payload]) -> Payload:
    try:
        return work()
    except RowsError as error:
        return {"faults": [{"path": path, "detail": text} for path, text in error.faults]}


def _execute(tool: Tool, symbol: str | None, data: Any) -> Payload:
    frames, run = _frames([tool], symbol, data)
    ((_, given),) = _judged([tool], frames[tool.kind], run)
    if not isinstance(given, ToolFaultError):
        return answer(tool, given.at(-1), _origin(symbol, run))
    if tool.origin is not None:
        wait = math.ceil(given.seconds) if isinstance(given, ToolRestsError) else None
        return {"failed": str(given), "retry_after": wait}
    raise RowsError([("/tool_id", f"{tool.name} failed on these rows: {given}")])


def _consensus(
    tools: Sequence[Tool], controller: Consensus, symbol: str | None, data: Any
) -> Payload:
    frames, run = _frames(tools, symbol, data)
    evaluations: dict[int, Evaluation] = {}
    for kind, frame in frames.items():
        same = [tool for tool in tools if tool.kind is kind]
        for tool, given in _judged(same, frame, run):
            if not isinstance(given, ToolFaultError):
                evaluations[tool.id] = given.at(-1).evaluation
    votes = controller.ballot(list(evaluations.values()))
    result = counted(votes, controller.rules)
    return {
        **_origin(symbol, run),
        "times": {kind.value: iso(int(frame.time[-1])) for kind, frame in frames.items()},
        "decision": result.entry.reading,
        "leads": result.leader,
        "agreement": {
            "agreeing": result.agreeing,
            "tools": result.voters,
            "needed": result.needed,
        },
        "confidence": {
            "value": number(result.entry.confidence),
            "needed": controller.rules.confidence,
        },
        "reasons": list(result.entry.reasons),
        "votes": [
            _vote(tool, vote, result, evaluations.get(tool.id))
            for tool, vote in zip(tools, votes, strict=True)
        ],
    }


def evaluations_at(
    tools: Sequence[Tool], run: FeedRun, session: dt.date, at: dt.datetime
) -> list[Evaluation]:
    """Return what tools say of the rows of a run that were known at an instant of a session.

    As when they are asked by hand: by the parameters in use. A tool that fails, or whose rows are
    not there yet, is left out.
    """
    found = []
    for kind in dict.fromkeys(tool.kind for tool in tools):
        same = [tool for tool in tools if tool.kind is kind]
        rows = read_rows(
            run.pk, kind, session_date=session if kind is Kind.INTRADAY else None, through=at,
            newest=max(tool.lookback for tool in same),
        )  # fmt: skip
        if not len(rows):
            continue
        for _, given in _judged(same, frame_of(run.symbol, kind, rows, same), run):
            if not isinstance(given, ToolFaultError):
                found.append(given.at(-1).evaluation)
    return found


def _vote(tool: Tool, vote: Vote, result: Counted, evaluation: Evaluation | None) -> Payload:
    stand = result.stands[vote.tool_id]
    return {
        "tool": tool_ref(tool),
        "score": number(vote.score),
        "reads": vote.reading,
        "stand": stand.counts,
        "text": stand.text,
        "weight": {
            "given": vote.weight,
            "reliability": vote.reliability.value,
            "signals": vote.reliability.signals,
            "source": vote.reliability.source or None,
            "voice": vote.voice,
            "text": vote.words,
        },
        "reasons": [] if evaluation is None else explain(evaluation, -1),
    }


def _frames(
    tools: Sequence[Tool], symbol: str | None, data: Any
) -> tuple[dict[Kind, Frame], FeedRun | None]:
    if data is not None:
        return frames_from(tools, data), None
    run = newest_run(symbol) if symbol else None
    if run is None:
        raise RowsError([("/symbol", "no feed of this symbol has run; give data or another one")])
    frames = {}
    for kind in dict.fromkeys(tool.kind for tool in tools):
        frames[kind] = _newest(run, kind, [tool for tool in tools if tool.kind is kind])
    return frames, run


def _judged(
    tools: Sequence[Tool], frame: Frame, run: FeedRun | None
) -> Iterator[tuple[Tool, InUse | ToolFaultError]]:
    """Yield what tools say by the parameters in use; on rows that a caller gives, by defaults."""
    settings = {} if run is None else settings_on(frame, run, sets_for(tools, run))
    return judged_in_use(tools, frame, settings)


def _origin(symbol: str | None, run: FeedRun | None) -> Payload:
    if run is None:
        return {"symbol": symbol, "run": None, "simulated": None}
    return {"symbol": run.symbol, "run": run.pk, "simulated": run.simulated}


def _newest(run: FeedRun, kind: Kind, tools: Sequence[Tool]) -> Frame:
    session = run.session_date if kind is Kind.INTRADAY else None
    newest = max(tool.lookback for tool in tools)
    rows = read_rows(run.pk, kind, session_date=session, newest=newest)
    if not len(rows):
        raise RowsError([("/symbol", f"the feed of {run.symbol} has no {kind} rows yet")])
    return frame_of(run.symbol, kind, rows, tools)


def answer(tool: Tool, given: Answer, origin: Payload) -> Payload:
    """Return the last row of a tool's answer as a body."""
    evaluation = given.evaluation
    code = Missing(int(evaluation.missing[-1]))
    return {
        "tool": tool_ref(tool),
        **origin,
        "time": iso(int(evaluation.time[-1])),
        "rows": int(evaluation.time.size),
        "score": number(float(evaluation.score[-1])),
        "threshold": evaluation.threshold,
        "params": dict(given.params),
        "side": int(evaluation.side[-1]),
        "volatility": int(evaluation.volatility[-1]),
        "fires": bool(evaluation.fires[-1]),
        "missing": None if code is Missing.OK else code.text,
        "missing_rows": evaluation.missing_counts(),
        "reasons": explain(evaluation, -1),
    }
