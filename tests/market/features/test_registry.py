"""Columns are documented, unique, and planned in the order in which they are needed."""

import numpy as np
import pytest

from market.features.registry import (
    ColumnRegistry,
    DuplicateColumnError,
    UnknownColumnError,
    registry,
)
from market.frames import Column, Kind


@pytest.fixture
def small() -> ColumnRegistry:
    made = ColumnRegistry()
    made.add_observation(Column("x", "$", "test", 1, "an observation", Kind.DAILY))
    made.add_derived(
        "y",
        kind=Kind.DAILY,
        unit="$",
        inputs=("x",),
        window=5,
        description="derived",
        compute=lambda columns: columns["x"] * 2.0,
    )
    made.add_derived_group(
        {"a": ("$", "first"), "b": ("", "second")},
        kind=Kind.DAILY,
        inputs=("y",),
        window=3,
        compute=lambda columns: (columns["y"], -columns["y"]),
    )
    return made


def test_look_backs_add_up(small):
    assert small.column(Kind.DAILY, "y").lookback == 5
    assert small.column(Kind.DAILY, "b").lookback == 7


def test_a_plan_takes_each_step_once_and_in_order(small):
    observed, steps = small.plan(Kind.DAILY, ["b", "a", "y"])
    assert observed == ["x"]
    assert [[c.name for c in step.columns] for step in steps] == [["y"], ["a", "b"]]


def test_a_name_is_taken_once_in_each_kind(small):
    with pytest.raises(DuplicateColumnError, match="'y'"):
        small.add_observation(Column("y", "", "", 1, "", Kind.DAILY))
    with pytest.raises(DuplicateColumnError, match="'x'"):
        small.add_derived(
            "x",
            kind=Kind.DAILY,
            unit="",
            inputs=("y",),
            window=1,
            description="",
            compute=lambda columns: columns["y"],
        )
    small.add_observation(Column("y", "", "", 1, "another kind", Kind.INTRADAY))
    assert [c.name for c in small.columns(Kind.INTRADAY)] == ["y"]


def test_what_is_not_there_is_named(small):
    with pytest.raises(UnknownColumnError, match="'z'"):
        small.plan(Kind.DAILY, ["z"])
    with pytest.raises(UnknownColumnError, match="'z'"):
        small.add_derived(
            "w",
            kind=Kind.DAILY,
            unit="",
            inputs=("z",),
            window=1,
            description="",
            compute=lambda columns: np.ones(1),
        )


def test_every_built_in_column_is_documented():
    columns = registry().columns()
    assert len(columns) > 70
    for column in columns:
        assert column.description, column
        assert column.source, column
    assert {c.kind for c in columns} == set(Kind)
