"""All checks on one tool, in the order in which a failure is most telling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from tools_app.checks import declared, gaps, past, values
from tools_app.checks.findings import Finding
from tools_app.contract import Tool
from tools_app.isolation import HostError

Check = Callable[[Tool], list[Finding]]
CHECKS: Final[tuple[Check, ...]] = (
    declared.it_says_what_it_is,
    values.bounds_hold,
    values.every_bound_can_be_chosen,
    values.parameters_outside_are_refused,
    values.the_same_twice,
    values.inputs_are_left_alone,
    values.paths_are_apart,
    past.no_look_ahead,
    past.a_prefix_is_enough,
    past.the_window_is_enough,
    past.the_window_is_no_longer,
    past.the_newest_row_equals_the_batch,
    gaps.a_hole_gives_no_score,
    gaps.a_hole_makes_its_degrees_unknown,
    gaps.a_missing_observation_is_told,
    gaps.no_columns_no_score,
    gaps.another_kind_is_refused,
)


def check(tool: Tool) -> list[Finding]:
    """Return what every check finds on a tool, each thing once; empty for one that keeps them all.

    A tool that hangs or ends its process is asked no further.
    """
    found: dict[Finding, None] = {}
    for run in CHECKS:
        name = run.__name__.replace("_", " ")
        try:
            with np.errstate(all="ignore"):
                found |= dict.fromkeys(run(tool))
        except HostError as error:
            found[Finding(name, str(error), "answer in time, and never end the process")] = None
            break
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is a finding
            problem = f"it raises {type(error).__name__}: {error}"
            remedy = "answer every frame; a row that cannot be judged is NaN, not an error"
            found[Finding(name, problem, remedy)] = None
    return list(found)
