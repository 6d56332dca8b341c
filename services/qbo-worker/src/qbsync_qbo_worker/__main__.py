"""``python -m qbsync_qbo_worker``: serve."""

from qbsync_qbo_worker.app import build
from qbsync_qbo_worker.settings import WorkerSettings
from qbsync_shared.service import run

if __name__ == "__main__":
    run(build, WorkerSettings)
