"""Peers: fast-vollib in this process, py_vollib_vectorized in an environment of its own.

py_vollib_vectorized needs a Numba and a NumPy that are too old for ours, so it is installed, once
and with exact versions, under var/bench-peers, and runs as a second process: arrays go there in
files, and a line on its standard input asks for one repetition, which it times itself. So the two
can be measured in turn, as calls within one process are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.support.timing import Timer, repeated

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "var" / "bench-peers" / "py_vollib_vectorized"
PINS = (
    "py_vollib_vectorized==0.1.1",
    "py_vollib==1.0.1",
    "py_lets_be_rational==1.0.1",  # the last whose functions Numba can compile
    "numba==0.59.1",
    "llvmlite==0.42.0",
    "numpy==1.26.4",
    "pandas==3.0.6",
    "python-dateutil==4.0.0",
    "tzdata==2026.6",
    "scipy==1.17.1",
    "simplejson==4.3.0",
)
_INSTALL_SECONDS = 300


class Missing(Exception):  # noqa: N818 - it is no error: the table then says what is not measured
    """A peer cannot be had here; the text says why."""


def fast_vollib(threads: int) -> Any:
    """Return the package fast_vollib with its Numba kernels set to so many threads."""
    try:
        import fast_vollib as package
    except ImportError as error:
        raise Missing(f"fast-vollib is not installed ({error}); it comes with .[bench]") from None
    import numba

    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    return package


def _interpreter() -> Path:
    """Return the interpreter of the second environment, which is made on first use."""
    python = FOLDER / "bin" / "python"
    mark = FOLDER / "installed.txt"
    wanted = "\n".join(PINS)
    if mark.is_file() and mark.read_text() == wanted:
        return python
    print(f"Installing py_vollib_vectorized into {FOLDER.relative_to(ROOT)} (first time)")
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(FOLDER)],
        # The versions are all given, so nothing is left to be resolved.
        [str(python), "-m", "pip", "install", "--quiet", "--no-deps", *PINS],
    ):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Missing(f"its environment cannot be made ({type(error).__name__})") from None
        if done.returncode:
            told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise Missing(f"its environment cannot be made ({(told or ['no reason given'])[-1]})")
    mark.write_text(wanted)
    return python


class Vectorized:
    """py_vollib_vectorized in a process of its own; a context manager.

    `give` sends it arrays, `timer` has it run a piece of work, `answer` returns what the last run
    found. The work is listed in `vectorized_child.py`.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-peer-")
        try:
            self._child = subprocess.Popen(
                [str(_interpreter()), str(Path(__file__).with_name("vectorized_child.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=self._folder.name,
            )
            self._ask(do="hello")
        except BaseException:
            self._folder.cleanup()
            raise

    def give(self, **arrays: npt.NDArray[Any]) -> None:
        """Send arrays; they replace those of the same name."""
        for name, array in arrays.items():
            np.save(Path(self._folder.name) / f"{name}.npy", array)
        self._ask(do="load", names=list(arrays))

    def timer(self, work: str) -> Timer:
        """Return a repetition of a piece of work, timed over there."""
        return repeated(lambda times: float(self._ask(do="time", work=work, times=times)))

    def answer(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays of the last repetition."""
        names = self._ask(do="answer")
        return {name: np.load(Path(self._folder.name) / f"out-{name}.npy") for name in names}

    def _ask(self, **request: Any) -> Any:
        child = self._child
        if child.stdin is None or child.stdout is None:
            raise Missing("its process has no pipes")
        try:
            print(json.dumps(request), file=child.stdin, flush=True)
        except OSError as error:
            raise Missing(f"its process has ended ({error})") from None
        line = child.stdout.readline()
        if not line:
            raise Missing(f"its process ended with {child.wait()}")
        return json.loads(line)

    def __enter__(self) -> Vectorized:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait(timeout=30)
        self._folder.cleanup()
