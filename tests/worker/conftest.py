"""The simulator, once per module, and a desk at it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.companies import NewCompany, open_company
from qbsync_local.sandbox.online.store import Store
from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import MakeId
from tests.conftest import MakeDatabase
from tests.sandbox.online.office import Office, served
from tests.worker.desk import Desk


@pytest.fixture(scope="module")
def simulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("online")) as url:
        yield url


@pytest.fixture
def office(clock: FrozenClock) -> Iterator[Office]:
    """An empty company of the simulator, without HTTP."""
    store = Store(None, clock)
    yield Office(Books(store, open_company(store, NewCompany(name="Test company"))))
    store.close()


@pytest.fixture
async def desk(
    database: MakeDatabase, simulator_url: str, clock: FrozenClock, make_id: MakeId
) -> AsyncIterator[Desk]:
    opened = await database("worker", "qbsync_qbo_worker")
    desk = Desk(opened, simulator_url, clock, make_id)
    await desk.connect()
    yield desk
    desk.control.delete("/faults")
    desk.control.close()
    await desk.client.aclose()
