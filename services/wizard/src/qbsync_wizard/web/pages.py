"""The pages of the wizard."""

from dataclasses import dataclass

from fastapi import APIRouter

from qbsync_shared.postgres import Database
from qbsync_shared.web import Pages
from qbsync_shared.web.sse import Hints
from qbsync_wizard.jobs import Jobs
from qbsync_wizard.service.context import SCHEMA, Context
from qbsync_wizard.settings import WizardSettings


@dataclass(frozen=True)
class Site:
    """What the pages work with."""

    database: Database
    context: Context
    jobs: Jobs
    settings: WizardSettings
    pages: Pages
    hints: Hints

    @classmethod
    def make(cls, database: Database, context: Context, jobs: Jobs, settings: WizardSettings) -> "Site":
        """With the shared layout and the wizard's own templates."""
        pages = Pages(
            "wizard",
            settings,
            extra_templates="qbsync_wizard.web",
            clock=context.clock,
            app_name=settings.app_name,
            sign_in_url=settings.sign_in_url,
        )
        return cls(database, context, jobs, settings, pages, Hints(SCHEMA))

    async def listen(self) -> None:
        """Pass on the hints of all transactions to the open pages."""
        await self.hints.listen(self.settings.database_url.get_secret_value())


def router(_: Site) -> APIRouter:
    """All pages below ``/t/{tenant}/wizard``."""
    return APIRouter(include_in_schema=False)
