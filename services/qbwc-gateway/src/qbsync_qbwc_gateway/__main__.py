"""``python -m qbsync_qbwc_gateway``: serve the gateway."""

from qbsync_qbwc_gateway.app import build
from qbsync_qbwc_gateway.settings import GatewaySettings
from qbsync_shared.service import run

run(build, GatewaySettings)
