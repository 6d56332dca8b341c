"""``python -m qbsync_wizard``: serve the wizard."""

from qbsync_shared.service import run
from qbsync_wizard.app import build
from qbsync_wizard.settings import WizardSettings

if __name__ == "__main__":
    run(build, WizardSettings)
