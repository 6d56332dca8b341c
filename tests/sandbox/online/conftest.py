"""Books without HTTP (`office`), and a live simulator (`simulator`)."""

from collections.abc import Iterator

import pytest
from tests.sandbox.online.office import Office, Simulator, served

from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.companies import NewCompany, open_company
from qbsync_local.sandbox.online.store import Store
from qbsync_shared.clock import FrozenClock


@pytest.fixture
def office(clock: FrozenClock) -> Iterator[Office]:
    """An empty company at a standing clock, sales tax 8.25 %."""
    store = Store(None, clock)
    yield Office(Books(store, open_company(store, NewCompany(name="Test company"))))
    store.close()


@pytest.fixture(scope="module")
def simulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("online")) as url:
        yield url


@pytest.fixture
def simulator(simulator_url: str) -> Iterator[Simulator]:
    """The live simulator with a company of the test's own, connected."""
    simulator = Simulator(simulator_url)
    yield simulator
    simulator.control("DELETE", "/faults")
    simulator.client.close()
