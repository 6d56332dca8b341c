"""OAuth 2 with Intuit: authorise, exchange, refresh, revoke."""

from qbsync_qbo_worker.oauth.intuit import Endpoints, Intuit, IntuitUnavailableError, OAuthError, TokenSet

__all__ = ["Endpoints", "Intuit", "IntuitUnavailableError", "OAuthError", "TokenSet"]
