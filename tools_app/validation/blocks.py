"""One block of paths through the tools: the unit that workers share and checkpoints keep.

What a block gives depends on the configuration and its number alone, so a table is the same for
any number of workers, in any order.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from market.frames import FloatArray, IntArray, Kind
from market.simulator.config import SimulatorConfig
from tools_app.contract import Tool
from tools_app.costs import BY_KIND
from tools_app.safety import judged
from tools_app.validation.chunks import intraday_chunks
from tools_app.validation.daily import daily_chunks
from tools_app.validation.trades import Judged, Prices, judge, signals_of

BLOCK = 1024
"""Paths of a block: about 10 s of one core for the intraday tools."""
BINS = 10
"""Of the score between 0 and 1, for its calibration."""


@dataclass(frozen=True, slots=True)
class Effect:
    """How strong the planted effects are."""

    name: str
    strength: float


EFFECTS: Mapping[str, Effect] = {
    one.name: one for one in (Effect("on", 1.0), Effect("off", 0.0), Effect("reversed", -1.0))
}


class Plan(NamedTuple):
    """What a block needs to know, beside its number."""

    seed: int
    effect: str
    kind: Kind
    paths: int

    @property
    def config(self) -> SimulatorConfig:
        """The simulated market."""
        return SimulatorConfig(seed=self.seed, strength=EFFECTS[self.effect].strength)

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.paths // BLOCK)

    def span(self, block: int) -> tuple[int, int]:
        """Return the first path of a block and how many it has."""
        first = block * BLOCK
        return first, min(BLOCK, self.paths - first)


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """What one tool did on p paths.

    Attributes
    ----------
    signals, wins : (p,) int64
        By path; a win gained more than it cost.
    gain : (p,) float64
        Sum by path, after costs.
    gross : (p,) float64
        The same before costs.
    base : (p,) float64
        Sum of the base rates of the signals.
    bins : (BINS, 3) float64
        By score: signals, wins, sum of scores.
    sideless : (1,) int64
        Signals without a side.
    """

    signals: IntArray
    wins: IntArray
    gain: FloatArray
    gross: FloatArray
    base: FloatArray
    bins: FloatArray
    sideless: IntArray

    @property
    def sided(self) -> bool:
        """Whether most signals have a side, or there are none."""
        return 2 * int(self.sideless.sum()) <= int(self.signals.sum())

    @classmethod
    def of(cls, found: Judged, paths: int) -> Tally:
        """Sum signals by path and by score."""
        path, won = found.signals.path, found.won
        by_path = [
            np.bincount(path, weights=values, minlength=paths).astype(np.float64)
            for values in (won, found.gain - found.cost, found.gain, found.base)
        ]
        place = np.minimum((found.signals.score * BINS).astype(np.int64), BINS - 1)
        bins = [
            np.bincount(place, weights=values, minlength=BINS)
            for values in (np.ones(place.size), won, found.signals.score)
        ]
        return cls(
            signals=np.bincount(path, minlength=paths),
            wins=by_path[0].astype(np.int64),
            gain=by_path[1],
            gross=by_path[2],
            base=by_path[3],
            bins=np.stack(bins, axis=1),
            sideless=np.array([np.count_nonzero(found.signals.side == 0)], dtype=np.int64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Tally]) -> Tally:
        """Return the tally of all paths in the order of the parts."""
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("signals", "wins", "gain", "gross", "base")
        }
        sums = {name: np.sum([getattr(p, name) for p in parts], axis=0) for name in _SUMMED}
        return cls(**columns, **sums)


_SUMMED = ("bins", "sideless")


def run_block(plan: Plan, tools: Sequence[Tool], block: int) -> dict[int, Tally]:
    """Return what each tool did on the paths of a block, by the tool's id."""
    first, count = plan.span(block)
    chunks = intraday_chunks if plan.kind is Kind.INTRADAY else daily_chunks
    parts: dict[int, list[Tally]] = {tool.id: [] for tool in tools}
    for frame, since, until in chunks(plan.config, tools, first, count):
        prices = Prices.of(frame.columns["close"], frame.columns.get("expected_move"))
        for tool in tools:
            signals = signals_of(judged(tool, frame), tool.pause, since, until)
            found = judge(signals, prices, tool, BY_KIND[plan.kind])
            parts[tool.id].append(Tally.of(found, frame.shape[0]))
    return {number: Tally.joined(found) for number, found in parts.items()}


def packed(tallies: Mapping[int, Tally]) -> bytes:
    """Return a block's tallies as compressed arrays (npz)."""
    arrays = {
        f"{number}.{field.name}": getattr(tally, field.name)
        for number, tally in tallies.items()
        for field in dataclasses.fields(tally)
    }
    kept = io.BytesIO()
    np.savez_compressed(kept, allow_pickle=False, **arrays)
    return kept.getvalue()


def unpacked(data: bytes) -> dict[int, Tally]:
    """Return what `packed` was given."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        numbers = sorted({int(name.partition(".")[0]) for name in arrays.files})
        return {
            number: Tally(
                **{
                    field.name: arrays[f"{number}.{field.name}"]
                    for field in dataclasses.fields(Tally)
                }
            )
            for number in numbers
        }
