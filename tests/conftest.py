"""Fixtures of the whole suite."""

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Time limits of single examples say more about the machine than about the code.
settings.register_profile("pulse", deadline=None)
settings.load_profile("pulse")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference numbers and recorded market data, or a skip with the reason."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared folder with reference data is not beside this checkout")
    return folder
