"""Every named statement fits the migrated schema."""

from qbsync_qbwc_gateway.postgres import repository
from tests.gateway.desktop import Desktop
from tests.shared.databases import assert_queries_prepare


async def test_statements_prepare(desktop: Desktop) -> None:
    await assert_queries_prepare(repository.QUERIES, desktop.database)
