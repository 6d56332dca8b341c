"""``python -m qbsync_log``: serve the log."""

from qbsync_log.app import build
from qbsync_log.settings import LogSettings
from qbsync_shared.service import run

run(build, LogSettings)
