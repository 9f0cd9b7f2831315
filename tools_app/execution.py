"""One tool on one frame: the newest of a symbol, or rows that the caller gives."""

from __future__ import annotations

from typing import Any

from market.frames import Frame, Kind, Missing
from market.framestore import read_rows
from market.payloads import iso, number
from market.selectors import newest_run
from tools_app.contract import Evaluation, Tool
from tools_app.registry import catalogue
from tools_app.rows import RowsError, frame_from
from tools_app.services import frame_of
from tools_app.wording import explain

Payload = dict[str, Any]


def execute(tool_id: int, *, symbol: str | None, data: Any) -> Payload:
    """Return a tool's answer on the newest row: score, side, whether it fires, and why.

    Faults of the caller come back as `{"faults": [{path, detail}]}`, for they cross a queue.
    """
    tool = catalogue().get(tool_id)
    try:
        frame, origin = _frame(tool, symbol, data)
    except RowsError as error:
        return {"faults": [{"path": path, "detail": text} for path, text in error.faults]}
    return answer(tool, tool.evaluate(frame), origin)


def _frame(tool: Tool, symbol: str | None, data: Any) -> tuple[Frame, Payload]:
    if data is not None:
        return frame_from(tool, data), {"symbol": symbol, "run": None, "simulated": None}
    run = newest_run(symbol) if symbol else None
    if run is None:
        raise RowsError([("/symbol", "no feed of this symbol has run; give data or another one")])
    rows = read_rows(run.pk, tool.kind, session_date=_session(tool, run), newest=tool.lookback)
    if not len(rows):
        raise RowsError([("/symbol", f"the feed of {symbol} has no {tool.kind} rows yet")])
    origin = {"symbol": run.symbol, "run": run.pk, "simulated": run.simulated}
    return frame_of(run.symbol, tool.kind, rows, [tool]), origin


def _session(tool: Tool, run: Any) -> Any:
    return run.session_date if tool.kind is Kind.INTRADAY else None


def answer(tool: Tool, evaluation: Evaluation, origin: Payload) -> Payload:
    """Return an evaluation's last row as a body."""
    code = Missing(int(evaluation.missing[-1]))
    return {
        "tool": {"id": tool.id, "slug": tool.slug, "name": tool.name, "tier": tool.tier.value},
        **origin,
        "time": iso(int(evaluation.time[-1])),
        "rows": int(evaluation.time.size),
        "score": number(float(evaluation.score[-1])),
        "threshold": evaluation.threshold,
        "side": int(evaluation.side[-1]),
        "fires": bool(evaluation.fires[-1]),
        "missing": None if code is Missing.OK else code.text,
        "missing_rows": evaluation.missing_counts(),
        "reasons": explain(evaluation, -1),
    }
