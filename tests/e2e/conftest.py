"""One running system for all journeys of a worker."""

from collections.abc import Iterator

import pytest

from tests.e2e.system import System, running


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("system")) as started:
        yield started
