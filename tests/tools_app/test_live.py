"""The newest row, judged as it arrives: to the bit what the whole frame says."""

import numpy as np
import pytest

from market.features.assembly import assemble
from market.frames import Kind, Missing
from tools_app.live import LiveFrame
from tools_app.registry import catalogue

ROWS = 260


@pytest.mark.parametrize("kind", list(Kind))
def test_each_row_as_it_comes_equals_the_batch(kind, random_market):
    tools = [tool for tool in catalogue() if tool.kind == kind]
    times, rows = random_market(kind, ROWS, 4)
    codes = {name: np.zeros(ROWS, dtype=np.uint8) for name in rows}
    rng = np.random.default_rng(8)
    for name in rows:
        hole = rng.integers(0, ROWS, 2)
        rows[name] = np.array(rows[name])
        rows[name][hole] = np.nan
        codes[name][hole] = Missing.STALE_QUOTE
    names = {name: None for tool in tools for name in tool.columns}
    frame = assemble(kind, "TEST", times, rows, codes, names)
    whole = {tool: tool.evaluate(frame) for tool in tools}
    live = LiveFrame(kind, tools)
    for row in range(ROWS):
        at = slice(row, row + 1)
        live.extend(
            times[at],
            {name: column[at] for name, column in rows.items()},
            {name: column[at] for name, column in codes.items()},
        )
        for tool in tools:
            answer = live.answer(tool)
            batch = whole[tool]
            assert answer.score.tobytes() == batch.score[at].tobytes(), (tool.slug, row)
            for part in ("side", "volatility", "fires", "missing"):
                assert getattr(answer, part)[0] == getattr(batch, part)[row], (tool.slug, row, part)


def test_a_column_that_never_came_and_a_value_that_is_no_number_are_told():
    tools = [catalogue().get("gamma-flip-to-short")]
    live = LiveFrame(Kind.DAILY, tools)
    live.append(1, {"gamma": np.inf})
    answer = live.answer(live.tools[0])
    assert answer.missing_counts() == {"not a finite number": 1}
    live.append(2, {})
    answer = live.answer(live.tools[0])
    assert answer.missing_counts() == {"column not in the frame": 1}


def test_time_that_stands_still_is_refused():
    live = LiveFrame(Kind.DAILY, [catalogue().get("gamma-flip-to-short")])
    live.append(5, {})
    with pytest.raises(ValueError, match="does not increase"):
        live.append(5, {})
    assert len(live) == 1


def test_rows_beyond_the_first_room_are_kept():
    live = LiveFrame(Kind.DAILY, [catalogue().get("gamma-flip-to-short")])
    for row in range(1100):
        live.append(row + 1, {"gamma": 1.0 if row < 1099 else -1.0, "gamma_gross": 2.0})
    answer = live.answer(live.tools[0])
    assert answer.fires[0]
