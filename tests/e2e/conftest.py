"""One running system for all journeys of a worker, and a browser."""

from collections.abc import Iterator

import pytest

from tests.browser.fixtures import browser, chromium_path, new_context
from tests.e2e.system import System, running

__all__ = ["browser", "chromium_path", "new_context"]


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("system")) as started:
        yield started
