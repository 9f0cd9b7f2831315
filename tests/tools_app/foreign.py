"""Distributions of third parties for the tests: a module and what pip would have written of it."""

from __future__ import annotations

import importlib
import textwrap
from pathlib import Path

import pytest

HEAD = """
import os, time
import numpy as np
from market.features import rolling
from market.frames import Kind
from tools_app.conditions import at_least, graded
from tools_app.contract import THRESHOLD, Condition, Param, Scope, Tier, Tool, Verdict

def made(id, slug, compute, **other):
    return Tool(**dict(
        id=id, slug=slug, name=slug.title(), tier=Tier.FREE, family="Foreign",
        hypothesis="The price rises after it has risen a little.", source="Own rule.",
        formula="Close over the close five rows before.", kind=Kind.INTRADAY, scope=Scope.ONE,
        inputs=("close",), params=(THRESHOLD, Param("rise", 0.001, 1e-4, 0.01, "share", "least")),
        window=6, horizon=12, horizon_unit="minutes", direction="with the rise",
        judged_on="intraday paths", blind_spots="It sees prices and nothing else.",
        compute=compute) | other)

def good(x, p):
    rise = rolling.ratio(x["close"], rolling.shift(x["close"], 5)) - 1.0
    return Verdict(
        (at_least("rise", rise, p["rise"], width=p["rise"], unit="share"),),
        np.where(rise > 0.0, 1.0, -1.0),
    )
"""


def install(
    folder: Path,
    patch: pytest.MonkeyPatch,
    name: str,
    source: str,
    value: str | None = None,
    version: str = "1.0",
) -> None:
    """Put a module `name` and its metadata where this process and its children find them."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(HEAD + textwrap.dedent(source))
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[pulse.tools]\n{name} = {value or name + ':TOOLS'}\n")
    patch.setenv("PULSE_THIRD_PARTY_TOOLS", "1")
    patch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
