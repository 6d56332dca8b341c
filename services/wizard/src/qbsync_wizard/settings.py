"""The wizard's settings, from the environment."""

from pydantic import Field

from qbsync_shared.kinds import Plan
from qbsync_shared.settings import ServiceSettings


class WizardSettings(ServiceSettings):
    """What the wizard needs besides the common settings."""

    desktop_plans: frozenset[Plan] = frozenset({Plan.PLUS, Plan.PREMIER})
    """The plans that include QuickBooks Desktop, as a JSON list: ``QBSYNC_DESKTOP_PLANS='["plus", "premier"]'``."""
    app_name: str = Field(default="the app", min_length=1, max_length=60)
    """What users call the operator's product."""
    app_record_url: str | None = None
    """Where a record of the app opens: ``https://app.example/{tenant}/{kind}/{app_id}``."""
    sign_in_url: str | None = None
    """Where a visitor without a session is sent."""
