"""Every statement fits the schema."""

from qbsync_shared.postgres import Database
from qbsync_wizard.postgres.repository import QUERIES
from tests.shared.databases import assert_queries_prepare


async def test_every_statement_prepares(wizard_database: Database) -> None:
    await assert_queries_prepare(QUERIES, wizard_database)
