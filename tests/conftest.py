"""Fixtures of the whole suite: the shared reference folder and private embedded servers."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _start_private_servers() -> None:
    """Start a PostgreSQL and a Redis for this run alone, unless the environment names others.

    Runs when pytest loads this file, before Django reads its settings; xdist workers inherit
    the addresses from their controller.
    """
    if "PULSE_VAR" not in os.environ:
        var = Path(tempfile.mkdtemp(prefix="pulse-test-"))
        os.environ["PULSE_VAR"] = str(var)
        atexit.register(shutil.rmtree, var, ignore_errors=True)
    os.environ["PULSE_MODE"] = "test"
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    from pulse import embedded

    services = embedded.Services(Path(os.environ["PULSE_VAR"]))
    services.start()
    atexit.register(services.stop)


_start_private_servers()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference numbers and recorded market data, or a skip with the reason."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared folder with reference data is not beside this checkout")
    return folder
