"""What measures the tests is measured itself: which changes it finds, and that they take hold."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest
from celery.local import Proxy

from tests.mutants import kinds, run, swap

SOURCE = '''
from __future__ import annotations
from dataclasses import dataclass
from decimal import Decimal as D
from functools import cached_property, lru_cache

MOST = D("0.10")
TWICE = MOST * 2


def within(value: int | str, most: D = MOST) -> bool:
    """Whether it is."""
    if value < 0:
        raise ValueError(f"{value} is no {most}")
    return value <= most and value != 7


@lru_cache
def doubled(value: int) -> int:
    return value + value


@dataclass(frozen=True, slots=True)
class Pair:
    first: int
    second: int = 5


class Whole:
    @property
    def one(self) -> str:
        return "on" if self.kind == "on" else "off"

    @cached_property
    def kind(self) -> str:
        return min("on", "off")
'''


@pytest.fixture
def sample(tmp_path, monkeypatch) -> tuple[ModuleType, ast.Module, list[kinds.Mutant]]:
    path = tmp_path / "sample.py"
    path.write_text(SOURCE)
    module = ModuleType("tests.mutants.sample")
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(SOURCE, str(path), "exec"), vars(module))
    return module, ast.parse(SOURCE), kinds.mutants(path, "sample.py")


def test_each_place_is_changed_in_each_way(sample):
    found = {(one.where, one.old, one.new) for one in sample[2]}
    assert len(found) == len(sample[2])
    assert {(old, new) for where, old, new in found if where == "within"} == {
        ("if value < 0: pass", "if value <= 0: pass"),
        ("if value < 0: pass", "if value >= 0: pass"),
        ("if value < 0: pass", "if value < 1: pass"),
        ("if value < 0: pass", "if value < -1: pass"),
        ("raise ValueError(f'{value} is no {most}')", "pass"),
        ("return value <= most and value != 7", "return None"),
        ("return value <= most and value != 7", "return value <= most or value != 7"),
        ("return value <= most and value != 7", "return value < most and value != 7"),
        ("return value <= most and value != 7", "return value > most and value != 7"),
        ("return value <= most and value != 7", "return value <= most and value == 7"),
        ("return value <= most and value != 7", "return value <= most and value != 8"),
        ("return value <= most and value != 7", "return value <= most and value != 6"),
    }
    assert ("MOST", "MOST = D('0.10')", "MOST = D('0.11')") in found
    assert ("Pair.second", "second: int = 5", "second: int = 6") in found
    assert ("Whole.kind", "return min('on', 'off')", "return max('on', 'off')") in found
    assert ("Whole.one", "return 'on' if self.kind == 'on' else 'off'",
            "return 'on' if self.kind == 'not on' else 'off'") in found  # fmt: skip


def put(sample, where: str, new: str) -> ModuleType:
    module, tree, found = sample
    (one,) = [each for each in found if (each.where, each.new) == (where, new)]
    swap.put(module, tree, one.top, one.member, one.changed)
    return module


def test_a_change_of_a_function_takes_hold_wherever_it_was_imported(sample):
    within = sample[0].within
    put(sample, "within", "return value <= most and value != 8")
    assert (within(7, 9), within(8, 9)) == (True, False)


def test_a_change_of_a_constant_takes_hold_with_what_follows_from_it(sample, monkeypatch):
    other = ModuleType("tests.mutants.other")
    other.MOST, other.GONE = sample[0].MOST, Proxy({}.pop, ("a task that is gone",))
    monkeypatch.setitem(sys.modules, other.__name__, other)
    module = put(sample, "MOST", "MOST = D('0.11')")
    assert [str(one) for one in (module.MOST, module.TWICE, other.MOST)] == ["0.11", "0.22", "0.11"]


def test_a_change_takes_hold_under_what_wraps_it(sample):
    assert sample[0].doubled(3) == 6
    assert put(sample, "doubled", "return value - value").doubled(3) == 0
    whole = sample[0].Whole()
    assert put(sample, "Whole.kind", "return max('on', 'off')") is sample[0]
    assert (whole.kind, whole.one) == ("on", "on")
    put(sample, "Whole.one", "return 'on' if self.kind != 'on' else 'off'")
    assert whole.one == "off"


def test_a_change_of_a_default_takes_hold(sample):
    pair = sample[0].Pair
    put(sample, "Pair.second", "second: int = 6")
    assert (pair(1).second, pair(1, 2).second) == (6, 2)


def test_put_in_as_it_is_nothing_changes(sample):
    module, tree, _ = sample
    swap.itself(module, tree)
    assert (module.within(6, 9), module.within(7, 9)) == (True, False)
    assert module.within.__code__.co_firstlineno == 11
    assert (module.doubled(2), module.Whole().one) == (4, "off")


def test_the_interval_of_a_share():
    low, high = run.wilson(95, 100)
    assert (round(low, 4), round(high, 4)) == (0.8882, 0.9785)


def test_what_is_named_as_changing_nothing_is_a_change_that_is_made():
    known = run.equivalents()
    files = {path for path, *_ in known}
    made = {one.key for path in files for one in kinds.mutants(run.ROOT / path, path)}
    assert set(known) <= made
    assert all(len(why) > 20 for why in known.values())
    assert Path(run.__file__).with_name("equivalent.toml").exists()
