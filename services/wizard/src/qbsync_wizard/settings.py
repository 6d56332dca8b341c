"""The wizard's settings, from the environment."""

from qbsync_shared.settings import ServiceSettings


class WizardSettings(ServiceSettings):
    """What the wizard needs besides the common settings."""
