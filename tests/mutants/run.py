"""The mutation score of the gate and the books: `python -m tests.mutants.run` (`make mutants`).

Every change of `kinds` is made in a process of its own, forked from one that has everything
imported, the tests collected and the test database made. There the tests that reach the changed
lines run until one fails; a change that none notices has survived. Those of `equivalent.toml`
change nothing that could be seen, for the reason given there, and are not counted.

    python -m tests.mutants.run --only trading/risk/rules --sample 200 --seed 3
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import math
import os
import random
import re
import sys
import time
import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

from tests.mutants import swap, work
from tests.mutants.kinds import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ("trading/risk", "trading/ledger")
ALIVE = ("survived", "unreached")
PARTS = ("trading/risk/rules/", "trading/risk/", "trading/ledger/")
"""What a score is told of; a module belongs to the first that it begins with."""
TESTS = ("tests/trading/risk", "tests/trading/test_ledger.py", "tests/trading/test_orders.py")
SURVIVED, KILLED, TIMED_OUT, UNREACHED = "survived", "killed", "timed out", "unreached"


def files(only: list[str]) -> list[str]:
    """Return the modules that are measured, those named by their beginnings alone.

    Models only declare columns: `makemigrations --check` and the database hold those.
    """
    found = sorted(
        str(path.relative_to(ROOT)) for part in MEASURED for path in (ROOT / part).rglob("*.py")
        if path.name != "models.py"
    )  # fmt: skip
    return [one for one in found if not only or one.startswith(tuple(only))]


def equivalents() -> dict[tuple[str, str, str, str], str]:
    """Return the changes that change nothing, with the reason of each."""
    told = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text())
    return {
        (one["path"], one["where"], one["old"], one["new"]): one["why"]
        for one in told.get("mutant", [])
    }


class Measurement:
    """A pytest plugin that, in place of the tests, runs them against one change after another."""

    def __init__(self, asked: argparse.Namespace, screen: int) -> None:
        self.asked = asked
        self.screen = screen
        self.killers: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.naming: dict[str, dict[str, set[int]]] = {}
        self.rows: list[dict] = []

    def say(self, text: str) -> None:
        """Write past what pytest captures."""
        os.write(self.screen, f"{text}\n".encode())

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what needs the database, where that is asked for."""
        if self.asked.pure:
            items[:] = [one for one in items if not work.needs_database(one)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure, in place of the tests."""
        items = {one.nodeid: one for one in session.items}
        self.items = session.items
        self.modules = {path: _module(path) for path in files([])}
        if not self.asked.pure:
            work.prepare_database(session.items)
        settings.load_profile("mutants")
        self.trees = {path: ast.parse((ROOT / path).read_text()) for path in self.modules}
        self.reached = self._reach(session.items)
        work.remember(self.reached)
        known = equivalents()
        every = [one for path in files(self.asked.only) for one in mutants(ROOT / path, path)]
        every = [one for one in every if one.key not in known]
        if self.asked.again:
            left = {_told(row) for row in _rows(self.asked.again) if row["fate"] in ALIVE}
            every = [one for one in every if one.key in left]
        chosen = every
        if self.asked.sample and self.asked.sample < len(every):
            chosen = random.Random(self.asked.seed).sample(every, self.asked.sample)
        self.say(f"{len(chosen)} of {len(every)} changes, seed {self.asked.seed}")
        for one in chosen:
            self._judge(one, [items[name] for name in self._tests_of(one) if name in items])
        self.tell(len(every))
        return True

    def _reach(self, items: list[pytest.Item]) -> dict[str, dict]:
        """Return of each test how long it takes and which lines of which modules it runs."""
        kept = self.asked.map
        known = json.loads(kept.read_text()) if kept and kept.exists() else {}
        names = {one.nodeid for one in items}
        known = {name: one for name, one in known.items() if name in names}
        left = [one for one in items if one.nodeid not in known]
        watched = {str(ROOT / path): path for path in files([])}
        found = known | work.reach(left, watched, self._nothing)
        failed = {name: one["failure"] for name, one in found.items() if one["failure"]}
        if failed:
            name, said = next(iter(failed.items()))
            raise pytest.UsageError(f"{len(failed)} fail without any change: {name}\n{said}")
        if kept:
            kept.write_text(json.dumps(found))
        return found

    def _nothing(self) -> None:
        """Put every function into its module as it is: no test may fail by that."""
        for path, module in self.modules.items():
            swap.itself(module, self.trees[path])

    def _judge(self, one: Mutant, wanted: list[pytest.Item]) -> None:
        began = time.monotonic()
        fate, by = (SURVIVED, "") if wanted else (UNREACHED, "")

        def change() -> None:
            module, tree = self.modules[one.path], self.trees[one.path]
            swap.put(module, tree, one.top, one.member, one.changed)

        if wanted:
            fate, by = work.judged(wanted, self.items, change)
        self._keep(one, fate, by, time.monotonic() - began, len(wanted))

    def _tests_of(self, one: Mutant) -> list[str]:
        """Return the tests that reach a change: soon failing ones first, then quick ones."""
        named: Counter[str] = Counter()
        if isinstance(one.changed, ast.FunctionDef):
            lines = {one.path: _whole(one.changed)}
        else:
            where = one.where.split(".")[0]
            if where not in self.naming:
                self.naming[where] = self._naming(where)
            lines = self.naming[where]
            named.update(self._mentioning(where))
        wanted = [
            name for name, each in self.reached.items()
            if name in named
            or any(lines.get(path, set()) & set(mine) for path, mine in each["lines"].items())
        ]  # fmt: skip
        # What failed for a change nearby is asked first, then what is named like the function.
        words = one.where.rpartition(".")[2].strip("_").split("_")
        named.update(name for name in wanted if all(word in name for word in words))
        killers = self.killers[one.path, one.where]
        for name, many in killers.items():
            named[name] += 2 * many
        return work.ordered(wanted, named, self.reached)

    def _naming(self, where: str) -> dict[str, set[int]]:
        """Return the functions that name a constant, or a class, or what follows from it."""
        names = set(re.findall(r"\w+", where))
        for _ in range(2):
            for tree in self.trees.values():
                for stmt in tree.body:
                    if isinstance(stmt, ast.Assign | ast.AnnAssign) and names & _names(stmt):
                        names |= _names(stmt, ast.Store)
        found: dict[str, set[int]] = defaultdict(set)
        for path, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and names & _names(node):
                    found[path] |= _whole(node)
        return found

    def _mentioning(self, where: str) -> list[str]:
        """Return the tests whose file names a constant: they may look at it by themselves."""
        pattern = re.compile("|".join(rf"\b{name}\b" for name in re.findall(r"\w+", where)))
        files = {one.path for one in self.items}
        mine = {path for path in files if pattern.search(path.read_text())}
        return [one.nodeid for one in self.items if one.path in mine]

    def _keep(self, one: Mutant, fate: str, by: str, seconds: float, asked: int) -> None:
        if by:
            self.killers[one.path, one.where][by] += 1
        row = {"path": one.path, "line": one.lines[0], "where": one.where, "old": one.old,
               "new": one.new, "fate": fate, "by": by, "seconds": round(seconds, 2),
               "tests": asked}  # fmt: skip
        self.rows.append(row)
        if self.asked.out:
            with self.asked.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
        if fate in ALIVE:
            self.say(
                f"{one.path}:{one.lines[0]} {one.where}: {fate} ({asked} tests, {seconds:.1f} s)\n"
                f"  - {one.old}\n  + {one.new}"
            )

    def tell(self, every: int) -> None:
        """Say the score of each part, with the interval that the sample leaves."""
        for part in (*PARTS, ""):
            mine = [one for one in self.rows if not part or _part(one["path"]) == part]
            if mine:
                dead = sum(one["fate"] in (KILLED, TIMED_OUT) for one in mine)
                low, high = wilson(dead, len(mine))
                self.say(
                    f"{part or 'all':22} {dead} of {len(mine)} killed: {dead / len(mine):.1%}"
                    f" (95 %: {low:.1%} to {high:.1%})"
                )
        self.say(f"seed {self.asked.seed}, {len(self.rows)} of {every} changes,"
                 f" {len(equivalents())} named as changing nothing")  # fmt: skip


def wilson(dead: int, count: int) -> tuple[float, float]:
    """Return the interval of 95 % of a share."""
    z, share = 1.959964, dead / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    whole = 1 + z * z / count
    return (middle - half) / whole, (middle + half) / whole


def _names(node: ast.AST, kind: type = ast.expr_context) -> set[str]:
    return {
        one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, kind)
    }


def _whole(function: ast.FunctionDef) -> set[int]:
    """Return the lines of a function, its decorators too: the first one tells it."""
    heads = [one.lineno for one in function.decorator_list]
    return set(range(min([function.lineno, *heads]), (function.end_lineno or 0) + 1))


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _told(row: dict) -> tuple[str, str, str, str]:
    return row["path"], row["where"], row["old"], row["new"]


def _part(path: str) -> str:
    return next(one for one in PARTS if path.startswith(one))


def _module(path: str) -> ModuleType:
    import importlib

    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return importlib.import_module(name)


def main() -> int:
    """Measure as asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="beginning of a module's path")
    parser.add_argument("--sample", type=int, default=0, help="how many changes; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tests", action="append", default=[], help="in place of the usual ones")
    parser.add_argument("--out", type=Path, help="file that gets a line of JSON for each change")
    parser.add_argument("--map", type=Path, help="file that keeps which test reaches what")
    parser.add_argument("--again", type=Path, help="only what survived, by such a file of JSON")
    parser.add_argument("--pure", action="store_true", help="tests without the database alone")
    asked = parser.parse_args()
    work.lighten()
    options = []
    if asked.pure:  # without the servers, which pulse.testing starts
        os.environ |= {"PULSE_MODE": "test", "PULSE_THIRD_PARTY_TOOLS": "0"}
        options = ["-o", "addopts=--import-mode=importlib --strict-markers"]
    os.environ.setdefault("PULSE_GATE_ORDERS", "300")
    screen = os.dup(1)
    measurement = Measurement(asked, screen)
    with contextlib.chdir(ROOT):
        return pytest.main(
            ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:warnings",
             *options, *(asked.tests or TESTS)],
            plugins=[measurement],
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
