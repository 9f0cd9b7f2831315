"""Large runs of the goals of docs/reliability.md, in as many processes as there are processors.

`make chaos GOAL=G6` runs one at its full size, `SIZE=` at another; with `SEED=2` a test that has
seeds takes others. It ends with status 0 when every test of it passed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulse.revision import revision

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Trial:
    """One test, the variable that says how large it is, and how large it is to be.

    `each` is how many a process does at a time, 0 for one that cannot be shared.
    """

    test: str
    name: str
    size: int
    each: int = 0

    def parts(self, size: int, seed: int) -> Iterator[str]:
        """Yield what the variable is to hold in each process."""
        if not self.each:
            yield str(size)
            return
        first = (seed - 1) * size
        for start in range(first, first + size, self.each):
            yield f"{start}:{min(start + self.each, first + size)}"


GOALS: Final[dict[str, tuple[Trial, ...]]] = {
    "G3": (Trial("trading/test_reconcile.py"
                 "::test_from_any_cut_the_books_come_to_what_the_venue_holds",
                 "PULSE_CUTS", 2000, 100),),
    "G4": (Trial("trading/test_storms.py::test_a_retry_never_makes_a_second_order",
                 "PULSE_SUBMITS", 10_000, 500),
           Trial("trading/brokers/test_contract.py::test_no_retry_makes_a_second_order",
                 "PULSE_STORM", 4000)),
    "G5": (Trial("trading/test_stories.py::test_every_story_keeps_every_invariant",
                 "PULSE_STORIES", 500),
           Trial("trading/brokers/test_contract.py::test_disorder_ends_in_the_same_state",
                 "PULSE_DISORDER", 150)),
    "G6": (Trial("trading/test_exits.py::test_no_two_exits_race_and_nothing_is_left_unprotected",
                 "PULSE_OCO", 5000, 100),
           Trial("trading/test_native.py::test_no_group_is_there_twice_and_nothing_is_left_unprotected",
                 "PULSE_GROUPS", 1000, 100)),
    "G7": (Trial("trading/risk/test_oracle.py"
                 "::test_random_orders_are_judged_alike_by_a_slow_second_gate",
                 "PULSE_GATE_ORDERS", 100_000),),
    "G8": (Trial("trading/test_executor.py"
                 "::test_after_a_press_nothing_leaves_and_all_is_cancelled_in_time",
                 "PULSE_PRESSES", 500),
           Trial("trading/test_executor.py"
                 "::test_a_loop_of_a_thousand_orders_a_second_gets_ten_out_at_most",
                 "PULSE_RUNAWAY", 1000)),
    "G9": (Trial("trading/test_blind.py::test_nothing_opens_blind_and_somebody_is_told",
                 "PULSE_BLIND", 200, 25),),
    "G10": (Trial("trading/paper/test_days.py::test_expiry_days_reconcile",
                  "PULSE_EXPIRY_DAYS", 2000),),
    "G16": (Trial("record/test_slots.py::test_two_beats_that_are_killed_do_each_slot_once",
                  "PULSE_BEATS", 20),),
    "G21": (Trial("record/test_tampers.py::test_every_change_of_the_trail_is_found",
                  "PULSE_TAMPERS", 1000, 250),
            Trial("trading/test_trail.py::test_every_change_is_in_the_trail",
                  "PULSE_TRAIL", 3000, 600)),
}  # fmt: skip


def run(goal: str, *, size: int = 0, seed: int = 1, processes: int = 0) -> int:
    """Run the trials of a goal, print what each part came to, and return how many failed.

    Parameters
    ----------
    size : int
        Of the goal's first trial, the others in proportion; 0 for full size.
    """
    lock = threading.Lock()

    def part(trial: Trial, value: str) -> bool:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:randomly", "-p", "no:warnings",
             "-p", "no:cacheprovider", str(ROOT / "tests" / trial.test)],
            cwd=ROOT, capture_output=True, text=True, check=False,
            env=os.environ | {trial.name: value, "PULSE_SEED": str(seed)},
        )  # fmt: skip
        with lock:
            verdict = "passed" if done.returncode == 0 else "FAILED"
            sys.stdout.write(f"{trial.name}={value}: {verdict}, {time.monotonic() - began:.0f} s\n")
            sys.stdout.writelines(f"  {line}\n" for line in told_in(done.stdout))
            if done.returncode != 0:
                sys.stdout.write(done.stdout[-6000:] + done.stderr[-2000:] + "\n")
            sys.stdout.flush()
        return done.returncode != 0

    trials = GOALS[goal]
    share = size / trials[0].size if size else 1.0
    with ThreadPoolExecutor(processes or os.cpu_count() or 1) as pool:
        waiting = [
            pool.submit(part, trial, value)
            for trial in trials
            for value in trial.parts(max(1, round(trial.size * share)), seed)
        ]
        return sum(one.result() for one in waiting)


def told_in(output: str) -> list[str]:
    """Return the lines that tests printed of what they did, without pytest's own."""
    lines = (line.strip(" .") for line in output.splitlines())
    return [one for one in lines if "seed" in one or "presses" in one]


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("goal", choices=GOALS)
    parser.add_argument("--size", type=int, default=0, help="of its first trial; 0 for full size")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=0, help="0 for one a processor")
    asked = parser.parse_args(words)
    began = time.monotonic()
    failed = run(asked.goal, size=asked.size, seed=asked.seed, processes=asked.processes)
    parts = ", ".join(f"{one.name} {one.size}" for one in GOALS[asked.goal])
    sys.stdout.write(
        f"{asked.goal} {'NOT proven' if failed else 'proven'}: seed {asked.seed}, "
        f"size {asked.size or parts}, revision {revision(ROOT)}, "
        f"{(time.monotonic() - began) / 60:.1f} min\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
