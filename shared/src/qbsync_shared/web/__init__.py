"""The base that all pages and HTTP APIs of qbsync are made with: layout, sign-in, protection, errors, live hints, lists."""

from qbsync_shared.web.auth import Principal, Role, Tokens, issue_token, principal_of, require
from qbsync_shared.web.layout import Fact, Link, Page, Pages, Strip, TenantView, is_fragment
from qbsync_shared.web.problems import ProblemError
from qbsync_shared.web.session import read_form
from qbsync_shared.web.wiring import install

__all__ = [
    "Fact",
    "Link",
    "Page",
    "Pages",
    "Principal",
    "ProblemError",
    "Role",
    "Strip",
    "TenantView",
    "Tokens",
    "install",
    "is_fragment",
    "issue_token",
    "principal_of",
    "read_form",
    "require",
]
