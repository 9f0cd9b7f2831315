"""Fixtures of the whole suite."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import TransactionTestCase
from hypothesis import settings

from tests.emptying import empty

ROOT = Path(__file__).resolve().parent.parent

# Time limits of single examples say more about the machine than about the code.
settings.register_profile("pulse", deadline=None)
settings.load_profile("pulse")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's files first: they are the longest, and one process would end alone."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference numbers and recorded market data, or a skip with the reason."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared folder with reference data is not beside this checkout")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _only_what_is_there_is_emptied() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(autouse=True)
def _own_rates(settings) -> None:
    """Callers' rates lie in Redis: no test may use up another's."""
    settings.RATE_PREFIX = f"rate:{uuid.uuid4().hex}"
