"""Every named statement fits the migrated schema."""

from qbsync_log.postgres import operations, reading, repository
from qbsync_shared.postgres import Database
from tests.shared.databases import assert_queries_prepare


async def test_statements_prepare(log_database: Database) -> None:
    await assert_queries_prepare(repository.QUERIES, log_database)
    await assert_queries_prepare(reading.QUERIES, log_database)
    await assert_queries_prepare(operations.QUERIES, log_database)
