"""Protection against forged requests: a form of ours carries a token that only this visitor's pages can know.

A browser adds the session cookie to any request, also to one that another site made it send. So a request that changes something and is
authenticated by the cookie must repeat a token in a hidden field (``csrf``) or, from a script, in a header (``X-CSRF-Token``). Calls with a bearer
token are exempt: no site can make a browser send one.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from markupsafe import Markup
from starlette.requests import Request

FIELD = "csrf"
HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def make_token(secret: str, sub: str, tenant: str) -> str:
    """The token of one visitor: it stays the same when the session is renewed, so that an open page keeps working."""
    text = f"qbsync csrf v1\n{sub}\n{tenant}"
    return urlsafe_b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode().rstrip("=")


def matches(expected: str, given: str | None) -> bool:
    """Compare in constant time."""
    return given is not None and hmac.compare_digest(expected.encode(), given.encode())


def token_for(request: Request) -> str:
    """The token for the forms of this request's visitor; empty without a session."""
    token = getattr(request.state, "csrf", "")
    assert isinstance(token, str)
    return token


def field(token: str) -> Markup:
    """The hidden field that each form carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)
