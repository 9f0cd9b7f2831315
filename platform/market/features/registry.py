"""The columns that frames can carry: what each one means, and how derived ones are computed.

Observation columns come with the stored rows; derived columns are causal functions of other
columns, computed when a frame is assembled. Other apps add their own with `observation` and
`derived` when they start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from market.frames import Column, FloatArray, Kind

Compute = Callable[[Mapping[str, FloatArray]], FloatArray]
"""Takes the input columns, each (..., T); returns the new one. Row t may use rows up to t."""
ComputeMany = Callable[[Mapping[str, FloatArray]], tuple[FloatArray, ...]]

BUILT_IN = (
    "market.features.catalog",
    "market.features.derived",
    "market.features.derived_daily",
)


class DuplicateColumnError(ValueError):
    """A column of that name is registered already."""


class UnknownColumnError(LookupError):
    """No column of that name is registered."""


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Columns computed from others, together where they share the work."""

    columns: tuple[Column, ...]
    inputs: tuple[str, ...]
    window: int
    """Rows of the inputs that one value depends on, that row included."""
    compute: ComputeMany


@dataclass(slots=True)
class ColumnRegistry:
    """Columns by kind of frame and name."""

    observations: dict[tuple[Kind, str], Column] = field(default_factory=dict)
    derivations: dict[tuple[Kind, str], Derived] = field(default_factory=dict)

    def add_observation(self, column: Column) -> None:
        """Register a column that rows are stored with."""
        self._refuse_duplicate(column)
        self.observations[column.kind, column.name] = column

    def add_derived(
        self,
        name: str,
        *,
        kind: Kind,
        unit: str,
        inputs: tuple[str, ...],
        window: int,
        description: str,
        compute: Compute,
    ) -> None:
        """Register a column computed from columns that are registered already.

        `window` is the number of rows of its direct inputs that one value depends on, that row
        included; the look-back in stored rows follows from the inputs' own.
        """
        self.add_derived_group(
            {name: (unit, description)},
            kind=kind,
            inputs=inputs,
            window=window,
            compute=lambda columns: (compute(columns),),
        )

    def add_derived_group(
        self,
        meanings: Mapping[str, tuple[str, str]],
        *,
        kind: Kind,
        inputs: tuple[str, ...],
        window: int,
        compute: ComputeMany,
    ) -> None:
        """Register columns that one function computes: {name: (unit, description)}, in order."""
        behind = max(self.column(kind, given).lookback for given in inputs)
        columns = tuple(
            Column(
                name=name,
                unit=unit,
                source="derived from " + ", ".join(inputs),
                lookback=window + behind - 1,
                description=description,
                kind=kind,
            )
            for name, (unit, description) in meanings.items()
        )
        for column in columns:
            self._refuse_duplicate(column)
        step = Derived(columns=columns, inputs=inputs, window=window, compute=compute)
        self.derivations |= {(kind, column.name): step for column in columns}

    def column(self, kind: Kind, name: str) -> Column:
        """Return what a column means."""
        if (kind, name) in self.observations:
            return self.observations[kind, name]
        if (kind, name) in self.derivations:
            found = self.derivations[kind, name].columns
            return next(column for column in found if column.name == name)
        raise UnknownColumnError(f"no {kind} column {name!r}")

    def columns(self, kind: Kind | None = None) -> list[Column]:
        """Return every column, observations first, each in the order it was registered."""
        keys = [*self.observations, *self.derivations]
        return [self.column(*key) for key in keys if kind is None or key[0] == kind]

    def observed_names(self, kind: Kind) -> list[str]:
        """Return the names that a stored row of this kind carries, in order."""
        return [name for of, name in self.observations if of == kind]

    def plan(self, kind: Kind, names: Iterable[str]) -> tuple[list[str], list[Derived]]:
        """Return the observations and the derivations, in order of need, that `names` take."""
        observed: dict[str, None] = {}
        steps: list[Derived] = []

        def visit(name: str) -> None:
            step = self.derivations.get((kind, self.column(kind, name).name))
            if step is None:
                observed[name] = None
            elif step not in steps:
                for given in step.inputs:
                    visit(given)
                steps.append(step)

        for name in names:
            visit(name)
        return list(observed), steps

    def _refuse_duplicate(self, column: Column) -> None:
        key = (column.kind, column.name)
        if key in self.observations or key in self.derivations:
            raise DuplicateColumnError(f"{column.kind} column {column.name!r} exists already")


@cache
def registry() -> ColumnRegistry:
    """Return the registry of this process, with the built-in columns in it."""
    made = ColumnRegistry()
    for name in BUILT_IN:
        import_module(name).register(made)
    return made
